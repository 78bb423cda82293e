using System.Reflection;
using System.Runtime.CompilerServices;

namespace ThpCheck.Model.Tests.Stepping;

/// <summary>
/// An async method whose frame the test can look at and change at each suspension; builder and awaiter are empty, as in the
/// model.
/// </summary>
[AsyncMethodBuilder(typeof(ProbeBuilder<>))]
internal readonly struct Probe<T>;

/// <summary>What a probed method may call.</summary>
internal static class Probe
{
    /// <summary>Awaited, it suspends most of the time, then yields 0, 1, 2 or 3, or throws; the run's seed decides.</summary>
    public static Answer Ask() => default;

    /// <summary>Adds to what the run has been seen to do.</summary>
    public static void Tell<T>(T value) => ProbeRun.Current.Told.Add($"{value}");
}

/// <summary>What <see cref="Probe.Ask"/> throws.</summary>
internal sealed class ProbeException(int question) : Exception($"question {question}")
{
    public int Question => question;
}

internal readonly struct Answer : ICriticalNotifyCompletion
{
    public bool IsCompleted => ProbeRun.Current.AnswersAtOnce();

    public Answer GetAwaiter() => this;

    public int GetResult() => ProbeRun.Current.NextAnswer();

    public void OnCompleted(Action continuation) => throw new NotSupportedException();

    public void UnsafeOnCompleted(Action continuation) => throw new NotSupportedException();
}

internal readonly struct ProbeBuilder<T>
{
    public Probe<T> Task => default;

    public static ProbeBuilder<T> Create() => default;

    public void Start<TStateMachine>(ref TStateMachine stateMachine)
        where TStateMachine : IAsyncStateMachine => ProbeRun.Current.Frame = new ProbeFrame<TStateMachine>(stateMachine);

    public void SetStateMachine(IAsyncStateMachine stateMachine)
    {
    }

    public void SetResult(T result) => ProbeRun.Current.End($"returned {result}");

    public void SetException(Exception exception) => ProbeRun.Current.End($"threw {exception.GetType().Name}: {exception.Message}");

    public void AwaitOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine stateMachine)
        where TAwaiter : INotifyCompletion
        where TStateMachine : IAsyncStateMachine
    {
    }

    public void AwaitUnsafeOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine stateMachine)
        where TAwaiter : ICriticalNotifyCompletion
        where TStateMachine : IAsyncStateMachine
    {
    }
}

internal abstract class ProbeFrame
{
    public abstract Type StateMachine { get; }

    public abstract void MoveNext();

    public abstract object? this[FieldInfo field] { get; set; }
}

internal sealed class ProbeFrame<TStateMachine>(TStateMachine machine) : ProbeFrame
    where TStateMachine : IAsyncStateMachine
{
    private TStateMachine _machine = machine;

    public override Type StateMachine => typeof(TStateMachine);

    public override object? this[FieldInfo field]
    {
        get => field.GetValue(_machine);
        set
        {
            object box = _machine;
            field.SetValue(box, value);
            _machine = (TStateMachine)box;
        }
    }

    public override void MoveNext() => _machine.MoveNext();
}

/// <summary>
/// One execution of a probed method. The seed decides what its questions yield, so two runs differ only by what is done to
/// their frames.
/// </summary>
internal sealed class ProbeRun
{
    private const int Suspensions = 200; // enough for every method; a run whose fields are overwritten may not end by itself

    [ThreadStatic]
    private static ProbeRun? _current;

    private readonly int _seed;
    private int _questions;
    private bool _ended;

    private ProbeRun(int seed) => _seed = seed;

    public static ProbeRun Current => _current!;

    public List<string> Told { get; } = [];

    public ProbeFrame? Frame { get; set; }

    /// <summary>Runs the method to its end and returns all that could be seen of it.</summary>
    /// <param name="atSuspension">Called before the start (0) and at each suspension (1, 2, ...), when the frame is plain data.</param>
    public static string Of(Func<Probe<int>> method, int seed, Action<int, ProbeFrame> atSuspension)
    {
        var run = new ProbeRun(seed);
        _current = run;
        try
        {
            method();
            for (var n = 0; !run._ended && n < Suspensions; n++)
            {
                atSuspension(n, run.Frame!);
                run.Frame!.MoveNext();
            }

            return string.Join(' ', run.Told);
        }
        finally
        {
            _current = null;
        }
    }

    public void End(string how)
    {
        Told.Add(how);
        _ended = true;
    }

    public bool AnswersAtOnce() => Chance(_questions, 3) % 5 == 0;

    public int NextAnswer()
    {
        var question = _questions++;
        Told.Add($"?{question}");

        // Every other seed lets most runs get far; the rest look into the handlers.
        return Chance(question, 1) % (_seed % 2 == 0 ? 10u : 50u) == 0
            ? throw new ProbeException(question)
            : (int)(Chance(question, 2) % 4);
    }

    private uint Chance(int question, int salt)
    {
        var mixed = (ulong)(_seed * 1_000_003 + question * 1009 + salt) * 0x9E3779B97F4A7C15;
        mixed ^= mixed >> 29;
        return (uint)((mixed * 0xBF58476D1CE4E5B9) >> 33);
    }
}
