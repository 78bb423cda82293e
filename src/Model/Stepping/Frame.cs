using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace ThpCheck.Model.Stepping;

/// <summary>A suspended or running path: the compiler's state machine, as a live value.</summary>
internal abstract class Frame
{
    public abstract FrameType Type { get; }

    /// <summary>Runs the path to its next operation or its end.</summary>
    public abstract void MoveNext();

    /// <summary>Writes the live fields to words, and the dead ones as zero or as they are.</summary>
    /// <exception cref="ModelFaultException">A field holds what a frame may not.</exception>
    public abstract long[] ToWords(bool keepDead);
}

/// <summary>What is known once about a path: its name, where it is, and how its frames are written.</summary>
internal abstract class FrameType
{
    private static readonly ConcurrentDictionary<Type, FrameType> Known = new();

    private readonly ConcurrentDictionary<int, SourceLine?> _lines = new();

    protected FrameType(Type stateMachine)
    {
        StateMachine = stateMachine;
        Method = SourceLines.NameOf(stateMachine);
        Name = Method[(Method.LastIndexOf('.') + 1)..];
        ContentKey = Fingerprint.OfText(stateMachine.FullName ?? stateMachine.Name);
    }

    public Type StateMachine { get; }

    /// <summary>The path's name with its file's, such as <c>rmap.folio_referenced</c>.</summary>
    public string Method { get; }

    /// <summary>The path's own name.</summary>
    public string Name { get; }

    /// <summary>
    /// Whether the path is a kernel function as reports show them; the parts a primitive is made of are not, nor is what
    /// runs a scenario's calls.
    /// </summary>
    public bool IsShown { get; init; }

    /// <summary>How many awaits it has.</summary>
    public abstract int Awaits { get; }

    /// <summary>The same in every run: what stands for the type where content is compared.</summary>
    public ulong ContentKey { get; }

    public static FrameType Of<TStateMachine>()
        where TStateMachine : IAsyncStateMachine => Holder<TStateMachine>.Type;

    /// <summary>Prepares the frames of a state machine, so that one which cannot be kept is refused before anything runs.</summary>
    /// <exception cref="ModelFaultException">It holds what a frame may not.</exception>
    public static FrameType Of(Type stateMachine) => Known.GetOrAdd(
        stateMachine,
        static type => (FrameType)typeof(FrameType<>).MakeGenericType(type).GetConstructor([])!.Invoke(BindingFlags.DoNotWrapExceptions, null, null, null));

    /// <summary>The state machines of a class's own paths. Those of generic paths are looked at when they are first used.</summary>
    public static IEnumerable<Type> StateMachinesIn(Type type) => type
        .GetNestedTypes(System.Reflection.BindingFlags.NonPublic)
        .Where(t => typeof(IAsyncStateMachine).IsAssignableFrom(t) && !t.ContainsGenericParameters);

    public abstract Frame FromWords(long[] words);

    /// <summary>Which of its awaits a frame is suspended in, as the compiler numbers them.</summary>
    public abstract int AwaitOf(long[] words);

    /// <summary>The line of the await that a frame of these words waits in; null without symbols.</summary>
    public SourceLine? LineOf(long[] words) => _lines.GetOrAdd(AwaitOf(words), state => SourceLines.OfAwait(StateMachine, state));

    private static class Holder<TStateMachine>
        where TStateMachine : IAsyncStateMachine
    {
        public static readonly FrameType Type = Known.GetOrAdd(typeof(TStateMachine), static _ => new FrameType<TStateMachine>());
    }
}

/// <inheritdoc/>
internal sealed class FrameType<TStateMachine> : FrameType
    where TStateMachine : IAsyncStateMachine
{
    private readonly FrameCodec<TStateMachine> _codec;
    private readonly LiveFields _live;
    private readonly int[] _liveIndex; // for each field of the codec its index in _live, or -1
    private readonly int _stateWord;

    public FrameType()
        : base(typeof(TStateMachine))
    {
        if (!typeof(TStateMachine).IsValueType)
        {
            throw new ModelFaultException(
                $"{FrameFields.Describe(typeof(TStateMachine))} was compiled without optimisation, so its state machine is a class; set <Optimize>true</Optimize> in its project");
        }

        _codec = FrameCodec<TStateMachine>.Compile();
        _live = LiveFields.Of(typeof(TStateMachine));
        _liveIndex = [.. _codec.Fields.Select(f => _live.Fields.ToList().FindIndex(g => g.MetadataToken == f.MetadataToken))];
        _stateWord = Array.FindIndex(_codec.FieldOfWord, f => _codec.Fields[f].Name == "<>1__state");
        IsShown = typeof(TStateMachine).Namespace is var space && space != "ThpCheck.Model.Primitives" && space?.StartsWith("ThpCheck.Specs", StringComparison.Ordinal) != true;
    }

    public override int Awaits => _live.NotUnderstood is null ? _live.States.Count(s => s >= 0) : int.MaxValue;

    public override int AwaitOf(long[] words) => (int)words[_stateWord];

    public override Frame FromWords(long[] words)
    {
        var frame = new FrameOf(this);
        _codec.Read(ref frame.StateMachine, words);
        return frame;
    }

    internal FrameOf Enter(ref TStateMachine stateMachine) => new(this) { StateMachine = stateMachine };

    private long[] ToWords(ref TStateMachine stateMachine, bool keepDead)
    {
        var words = new long[_codec.FieldOfWord.Length];
        try
        {
            _codec.Write(ref stateMachine, words);
        }
        catch (ModelFaultException fault)
        {
            throw new ModelFaultException($"{FrameFields.Describe(StateMachine)}: {fault.Message}");
        }

        var state = (int)words[_stateWord];
        for (var i = 0; i < words.Length && !keepDead; i++)
        {
            var field = _codec.FieldOfWord[i];
            var live = i == _stateWord || _liveIndex[field] < 0 || _live.IsLive(state, _liveIndex[field]);
            if (!live)
            {
                words[i] = 0;
            }
        }

        return words;
    }

    internal sealed class FrameOf(FrameType<TStateMachine> type) : Frame
    {
        public TStateMachine StateMachine = default!;

        public override FrameType Type => type;

        public override void MoveNext() => StateMachine.MoveNext();

        public override long[] ToWords(bool keepDead) => type.ToWords(ref StateMachine, keepDead);
    }
}
