using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace ThpCheck.Model.Stepping;

/// <summary>
/// Ends local code that does not come to a step. Code that is compiled when the tool runs calls it on entry to every function and
/// at every turn of a loop, and says on the way which of the functions that it changes were entered.
/// </summary>
/// <remarks>What waits for something outside, or spends its time in a function of the framework, does not count down: a process with a limit ends that.</remarks>
/// <threadsafety>Each OS thread counts for itself.</threadsafety>
public static class Countdown
{
    /// <summary>How many calls and turns of loops there may be between two steps.</summary>
    public const int Most = 1_000_000;

    private static readonly ConcurrentBag<Watch> Watches = []; // one for each OS thread that ran local code

    [ThreadStatic]
    private static int _used;

    [ThreadStatic]
    private static Watch? _watch;

    /// <summary>A turn of a loop.</summary>
    /// <exception cref="ModelFaultException">There were too many since the last step.</exception>
    public static void Turn([CallerMemberName] string method = "", [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        if (++_used > Most)
        {
            throw new ModelFaultException($"{file}:{line}: {method} goes round and round without a step, {Most:N0} turns of loops and calls by now; let the loop end, or await a step in it");
        }
    }

    /// <summary>A call.</summary>
    /// <exception cref="ModelFaultException">There were too many since the last step, or they are too deep.</exception>
    public static void Call([CallerMemberName] string method = "", [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw new ModelFaultException($"{file}:{line}: {method} is called too deep; does it call itself without end?");
        }

        Turn(method, file, line);
    }

    /// <summary>A call of a function that a patch changes, on the kernel with the patch or without it.</summary>
    /// <param name="function">Its file and name.</param>
    /// <param name="method">The compiler says.</param>
    /// <param name="file">The compiler says.</param>
    /// <param name="line">The compiler says.</param>
    public static void Enter(string function, [CallerMemberName] string method = "", [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        Worker.RunningOrNull?.Machine.Enter(function);
        Call(method, file, line);
    }

    /// <summary>Runs what may be a user's code, and counts anew.</summary>
    /// <param name="what">What it is, asked for only when it takes too long.</param>
    /// <param name="code">The code.</param>
    internal static T Watched<T>(Func<string> what, Func<T> code)
    {
        var before = Begin(what);
        try
        {
            return code();
        }
        finally
        {
            End(before);
        }
    }

    /// <summary>Counts anew: local code begins to run.</summary>
    /// <returns>For <see cref="End"/>.</returns>
    internal static (long Run, Func<string>? What) Begin(Func<string> what)
    {
        _used = 0;
        if (_watch is not { } watch)
        {
            Watches.Add(watch = _watch = new Watch());
        }

        var before = (watch.Run, watch.What);
        watch.What = what;
        Volatile.Write(ref watch.Run, ++watch.Runs);
        return before;
    }

    /// <summary>It has ended.</summary>
    internal static void End((long Run, Func<string>? What) before)
    {
        Volatile.Write(ref _watch!.Run, before.Run);
        _watch.What = before.What;
    }

    /// <summary>
    /// The local code that runs now: for each OS thread that has any, the thread's number, that of the run, and what it is. Code that is
    /// still the same after some seconds does not come to a step.
    /// </summary>
    internal static IEnumerable<(int Thread, long Run, Func<string> What)> Running =>
        Watches.Select(w => (w.Thread, Run: Volatile.Read(ref w.Run), w.What)).Where(w => w is { Run: > 0, What: not null }).Select(w => (w.Thread, w.Run, w.What!));

    private sealed class Watch
    {
        public readonly int Thread = Environment.CurrentManagedThreadId;
        public long Runs; // how many there were
        public long Run;  // the one that runs, counted from 1; 0 while none does
        public Func<string>? What;
    }
}
