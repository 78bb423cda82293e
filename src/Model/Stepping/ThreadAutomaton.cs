using System.Runtime.CompilerServices;

namespace ThpCheck.Model.Stepping;

/// <summary>
/// One thread as the small automaton it is, discovered on the fly: what it does after an operation depends only on its
/// node (frames, pending operation, context) and on what the operation returned, so each (node, result) runs path code
/// once and is a table look-up ever after.
/// </summary>
/// <remarks>
/// One look-up in 1024 runs the path again and compares; a difference is the model fault "hidden state", as path code then
/// depends on something that is not in the state.
/// </remarks>
/// <threadsafety>One at a time for now; the explorer that has several workers shares it under a lock.</threadsafety>
internal sealed class ThreadAutomaton(Machine machine, int thread)
{
    private const int Fan = 16; // results 0..15 are looked up in an array, others in a dictionary
    private const int CheckEvery = 1024;

    private readonly Worker _worker = new(machine);
    private readonly Dictionary<NodeKey, int> _numbers = [];
    private readonly Dictionary<(int Node, long Result), int> _wide = [];
    private readonly List<NodeDetails> _details = [];
    private Node[] _nodes = new Node[64];
    private int[] _memo = NewMemo(64);
    private Transition[] _transitions = new Transition[64];
    private int _transitionCount;
    private long _lookups;

    public int NodeCount => _details.Count;

    public long Runs { get; private set; }

    public ref readonly Node this[int node] => ref _nodes[node];

    public NodeDetails Details(int node) => _details[node];

    public ref readonly Transition TransitionAt(int transition) => ref _transitions[transition];

    public int Start(Func<KernelTask> entry, out Effect[] effects)
    {
        var run = _worker.Start(thread, entry);
        if (run.Fault is not null)
        {
            throw run.Fault;
        }

        effects = run.Effects;
        return Intern(run, started: false);
    }

    /// <summary>What follows a result: the number of a transition, or -1 with the model's fault.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Next(int node, long result, out ModelFaultException? fault)
    {
        fault = null;
        if ((ulong)result < Fan)
        {
            var known = _memo[(node * Fan) + (int)result];
            if (known >= 0 && ++_lookups % CheckEvery != 0 && machine.Memo)
            {
                return known;
            }
        }

        return Discover(node, result, out fault);
    }

    private int Discover(int node, long result, out ModelFaultException? fault)
    {
        var narrow = (ulong)result < Fan;
        var known = narrow ? _memo[(node * Fan) + (int)result] : _wide.GetValueOrDefault((node, result), -1);
        if (known >= 0 && !narrow && ++_lookups % CheckEvery != 0 && machine.Memo)
        {
            fault = null;
            return known;
        }

        Runs++;
        ref readonly var at = ref _nodes[node];
        var details = _details[node];
        var run = _worker.Resume(thread, details.Frame, at.Operation, result, Sections.After(at.Operation, result, details.Context));
        fault = run.Fault;
        if (fault is not null)
        {
            return -1;
        }

        if (run.Frame == 0 && !run.Context.IsOutside && machine.Tolerated.Contains(KernelBug.UnbalancedSection))
        {
            run = run with { Effects = [.. run.Effects, new(EffectKind.Bug, 0, (long)KernelBug.UnbalancedSection, "a thread ends inside a section or with a lock held")] };
        }

        var next = Intern(run, started: machine.ThreadKind(thread) == ThreadKind.Optional);
        var leaves = at.Sections & ~_nodes[next].Sections;
        if (known >= 0)
        {
            ref readonly var before = ref _transitions[known];
            if (before.Next != next || !before.Effects.AsSpan().SequenceEqual(run.Effects))
            {
                fault = new ModelFaultException(
                    $"hidden state in {PathName(node)}: after {at.Operation.Code} returned {result} it did two different things; "
                    + "a path may depend on its parameters, its locals and what its steps return, nothing else");
                return -1;
            }

            return known;
        }

        if (_transitionCount == _transitions.Length)
        {
            Array.Resize(ref _transitions, _transitionCount * 2);
        }

        _transitions[_transitionCount] = new Transition(next, leaves, Transition.Changes(run.Effects), run.Effects);
        if (narrow)
        {
            _memo[(node * Fan) + (int)result] = _transitionCount;
        }
        else
        {
            _wide.Add((node, result), _transitionCount);
        }

        return _transitionCount++;
    }

    private int Intern(LocalRun run, bool started)
    {
        var key = new NodeKey(run.Frame, run.Pending, run.Context, started);
        if (_numbers.TryGetValue(key, out var number))
        {
            return number;
        }

        number = _details.Count;
        if (number == _nodes.Length)
        {
            Array.Resize(ref _nodes, number * 2);
            var memo = NewMemo(number * 2);
            _memo.CopyTo(memo, 0);
            _memo = memo;
        }

        var (low, high) = machine.Frames.HashOf(run.Frame);
        FoldInto(ref low, ref high, run, started);
        var (a, b) = (Fingerprint.Of(machine.Key, -1 - thread, low), Fingerprint.Of(machine.Key, -1 - thread, high));
        var flags = (run.Frame == 0 ? NodeFlags.Finished : 0) | (started ? NodeFlags.Started : 0)
            | (Operations.CanBlock(run.Pending.Code) ? NodeFlags.CanBlock : 0) | (Operations.HasChoices(run.Pending.Code) ? NodeFlags.HasChoices : 0);
        flags |= machine.ThreadKind(thread) == ThreadKind.Task || started ? NodeFlags.Owes : 0;
        var bug = run.Frame == 0
            ? run.Context.IsOutside ? KernelBug.None : KernelBug.UnbalancedSection
            : Sections.BugOf(run.Pending, run.Context, machine.Tolerated);
        _nodes[number] = new Node(run.Pending, flags, bug, run.Context.Sections, a.Low + b.High, a.High + (b.Low * 3));
        _details.Add(new NodeDetails(run.Frame, run.Context, RegionsOf(run)));
        _numbers.Add(key, number);
        return number;
    }

    private static void FoldInto(ref ulong low, ref ulong high, LocalRun run, bool started)
    {
        var operation = run.Pending;
        Fingerprint.Fold(ref low, ref high, (ulong)operation.Code | ((ulong)operation.Order << 8) | (started ? 1UL << 16 : 0) | ((ulong)(uint)operation.Object << 32));
        Fingerprint.Fold(ref low, ref high, (ulong)operation.Cell);
        Fingerprint.Fold(ref low, ref high, (ulong)operation.A);
        Fingerprint.Fold(ref low, ref high, (ulong)operation.B);
        var context = run.Context;
        Fingerprint.Fold(ref low, ref high, (ulong)context.RcuNesting); // below zero where an unbalanced section is tolerated
        Fingerprint.Fold(ref low, ref high, (ulong)context.PreemptDepth);
        Fingerprint.Fold(ref low, ref high, (ulong)context.IrqDepth);
        foreach (var held in context.Held)
        {
            Fingerprint.Fold(ref low, ref high, (ulong)(uint)held.Cell | ((ulong)held.Mode << 32));
            Fingerprint.Fold(ref low, ref high, (ulong)held.Bit);
        }

        foreach (var region in context.Regions)
        {
            Fingerprint.Fold(ref low, ref high, Fingerprint.OfText(region));
        }
    }

    // Every path on the stack is a region by its own name, and by its file's and its own; every held lock by its name.
    private HashSet<string> RegionsOf(LocalRun run)
    {
        var regions = new HashSet<string>(run.Context.Regions.ToArray());
        foreach (var held in run.Context.Held)
        {
            regions.Add(machine.LockName(held.Cell));
        }

        for (var frame = run.Frame; frame != 0; frame = machine.Frames.Parent(frame))
        {
            regions.Add(machine.Frames.Type(frame).Name);
            regions.Add(machine.Frames.Type(frame).Method);
        }

        return regions;
    }

    private string PathName(int node) => _details[node].Frame is var frame and not 0 ? machine.Frames.Type(frame).Method : machine.ThreadName(thread);

    private static int[] NewMemo(int nodes)
    {
        var memo = new int[nodes * Fan];
        Array.Fill(memo, -1);
        return memo;
    }

    private readonly record struct NodeKey(int Frame, Operation Pending, ThreadContext Context, bool Started);
}

[Flags]
internal enum NodeFlags : byte
{
    None = 0,
    Finished = 1,

    /// <summary>An optional thread has taken a step, and must now end; others owe it anyway, or never.</summary>
    Started = 2,
    CanBlock = 4,
    HasChoices = 8,

    /// <summary>The thread must end: it is a task, or an optional that has started.</summary>
    Owes = 16,
}

/// <summary>What the explorer's loop needs of a thread's node.</summary>
/// <param name="Operation">What it will do next.</param>
/// <param name="Flags">What it is.</param>
/// <param name="Bug">The bug that doing so is in itself, whatever memory holds: sleeping while atomic, releasing what is not held.</param>
/// <param name="Sections">What it is inside of.</param>
/// <param name="Low">The lower fingerprint of its content in this thread.</param>
/// <param name="High">The upper one.</param>
internal readonly record struct Node(Operation Operation, NodeFlags Flags, KernelBug Bug, SectionKinds Sections, ulong Low, ulong High);

/// <summary>What only reports and properties need of a node.</summary>
internal sealed record NodeDetails(int Frame, ThreadContext Context, HashSet<string> Regions);

/// <summary>What a thread does after an operation returned a certain result.</summary>
/// <param name="Next">The node it is at then.</param>
/// <param name="Leaves">The sections it is no longer inside of.</param>
/// <param name="HasEffects">Whether an effect changes ghost cells, is a bug, or is an event a property can look at.</param>
/// <param name="Effects">What it recorded, the shown calls and returns included.</param>
internal readonly record struct Transition(int Next, SectionKinds Leaves, bool HasEffects, Effect[] Effects)
{
    public static bool Changes(Effect[] effects) =>
        effects.Any(e => e.Kind is EffectKind.GhostSet or EffectKind.GhostAdd or EffectKind.Bug or EffectKind.Oracle or EffectKind.Return);
}
