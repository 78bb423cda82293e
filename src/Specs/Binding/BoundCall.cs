using System.Reflection;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Specs.Binding;

/// <summary>
/// One call of a scenario: a path and its arguments. It is registered before the machine is built, as frames hold it, and
/// bound once set-up has made the objects it names.
/// </summary>
internal sealed class BoundCall : ModelObject
{
    private Delegate _path = static () => { };
    private Func<BoundCall, Results, KernelTask<long>> _adapter = static (_, _) => throw new ModelFaultException("a call was not bound");

    /// <summary>Which of its thread's results it is, or -1.</summary>
    public int Result { get; private set; } = -1;

    /// <summary>Fixes what it calls.</summary>
    /// <param name="path">Takes the thread's results so far; returns what the path returns, a task or a step.</param>
    /// <param name="result">Which of its thread's results it is, or -1.</param>
    public void Bind(Delegate path, int result)
    {
        _path = path;
        Result = result;
        var type = path.Method.ReturnType;
        var open = type.IsGenericType ? type.GetGenericTypeDefinition() : type;
        var name = open == typeof(KernelTask) ? nameof(OfTask)
            : open == typeof(Step) ? nameof(OfStep)
            : (open == typeof(Step<>) ? nameof(OfStepReturning) : result < 0 ? nameof(OfTaskIgnoring) : nameof(OfTaskReturning));
        var adapter = typeof(BoundCall).GetMethod(name, BindingFlags.NonPublic | BindingFlags.Static)!;
        adapter = adapter.IsGenericMethodDefinition ? adapter.MakeGenericMethod(type.GetGenericArguments()) : adapter;
        _adapter = adapter.CreateDelegate<Func<BoundCall, Results, KernelTask<long>>>();
    }

    /// <summary>Calls the path; its result as a word, 0 for none.</summary>
    public KernelTask<long> Begin(Results results) => _adapter(this, results);

    private static async KernelTask<long> OfTask(BoundCall call, Results results)
    {
        await ((Func<Results, KernelTask>)call._path)(results);
        return 0;
    }

    private static async KernelTask<long> OfTaskReturning<T>(BoundCall call, Results results) =>
        Word<T>.Encode(await ((Func<Results, KernelTask<T>>)call._path)(results));

    private static async KernelTask<long> OfTaskIgnoring<T>(BoundCall call, Results results)
    {
        await ((Func<Results, KernelTask<T>>)call._path)(results);
        return 0;
    }

    private static async KernelTask<long> OfStep(BoundCall call, Results results)
    {
        await ((Func<Results, Step>)call._path)(results);
        return 0;
    }

    private static async KernelTask<long> OfStepReturning<T>(BoundCall call, Results results) =>
        Word<T>.Encode(await ((Func<Results, Step<T>>)call._path)(results));
}

/// <summary>What the named calls of a thread have returned so far, as words: part of the thread's frame.</summary>
internal readonly record struct Results(long R0, long R1, long R2, long R3)
{
    /// <summary>How many results a thread can name.</summary>
    public const int Most = 4;

    public long this[int i] => i switch { 0 => R0, 1 => R1, 2 => R2, _ => R3 };

    public Results With(int i, long word) => i switch
    {
        0 => this with { R0 = word },
        1 => this with { R1 = word },
        2 => this with { R2 = word },
        3 => this with { R3 = word },
        _ => this,
    };
}

/// <summary>A thread's calls, one after the other, as one path.</summary>
internal sealed class CallSequence(IReadOnlyList<BoundCall> calls) : ModelObject
{
    /// <summary>The event that records what the last call returned.</summary>
    public const string Returned = "returned";

    /// <summary>The path.</summary>
    public async KernelTask Run()
    {
        var results = default(Results);
        for (var i = 0; i < calls.Count; i++)
        {
            var word = await calls[i].Begin(results);
            results = results.With(calls[i].Result, word);
        }
    }

    /// <summary>The path of a single call, whose result is recorded.</summary>
    public async KernelTask RunAndRecord()
    {
        var word = await calls[0].Begin(default);
        Worker.Running.Record(new Effect(EffectKind.Oracle, 0, word, Returned));
    }
}
