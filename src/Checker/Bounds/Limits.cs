using System.Diagnostics;
using ThpCheck.Checker.Exploration;

namespace ThpCheck.Checker.Bounds;

/// <summary>A budget with the clock that runs against it.</summary>
/// <param name="budget">What may be used.</param>
/// <param name="stop">Set when the user wants no more.</param>
internal sealed class Limits(Budget budget, CancellationToken stop)
{
    private const int LookEvery = 1024; // what the process takes is not looked up every time
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private int _asked;

    public TimeSpan Elapsed => _clock.Elapsed;

    /// <summary>Which limit is reached, as reports say it, or null.</summary>
    /// <param name="states">How many states were found.</param>
    /// <param name="anyViolation">Whether a safety property was broken.</param>
    public string? Reached(long states, bool anyViolation) =>
        stop.IsCancellationRequested ? "interrupted"
        : states >= budget.States ? $"the limit of {budget.States} states was reached"
        : budget.Bytes != long.MaxValue && _asked++ % LookEvery == 0 && SearchMemory.IsExceeded(budget.Bytes) ? $"the limit of {budget.Bytes / (1 << 20)} MiB was reached"
        : budget.Time != Timeout.InfiniteTimeSpan && Elapsed >= budget.Time ? $"the limit of {budget.Time.TotalSeconds:0} s was reached"
        : budget.First && anyViolation ? "stopped at the first violation"
        : null;
}
