using ThpCheck.Checker.Reduction;
using ThpCheck.Checker.Sampling;

namespace ThpCheck.Checker.Exploration;

/// <summary>What a search may use. Reaching a limit makes its answer incomplete, never a proof.</summary>
internal sealed record Budget
{
    /// <summary>The most states.</summary>
    public long States { get; init; } = int.MaxValue - 2;

    /// <summary>The most bytes that the process may take, all in all. What does not fit goes to a file as far as that is possible.</summary>
    public long Bytes { get; init; } = long.MaxValue;

    /// <summary>The most bytes that stay in memory of what could go to a file; fewer than fit only where a test wants that.</summary>
    public long KeptBytes { get; init; } = long.MaxValue;

    /// <summary>The most time.</summary>
    public TimeSpan Time { get; init; } = Timeout.InfiniteTimeSpan;

    /// <summary>How many workers share the work; the answer does not depend on it.</summary>
    public int Workers { get; init; } = 1;

    /// <summary>Whether to keep every state whole and compare states where their fingerprints are equal, so that none is missed.</summary>
    public bool Exact { get; init; }

    /// <summary>The bits of a fingerprint that count; fewer than all only where a test wants states to share one.</summary>
    public ulong FingerprintMask { get; init; } = ulong.MaxValue;

    /// <summary>Which reductions to use; the verdicts do not depend on them.</summary>
    public Reductions Reductions { get; init; }

    /// <summary>Whether to estimate how many states there are once the search has turned out to be long.</summary>
    public bool Estimate { get; init; }

    /// <summary>
    /// The fewest states of a batch that workers share; fewer are done before the others have woken up. Less only where a test wants
    /// little programs shared.
    /// </summary>
    public int WorthSharing { get; init; } = 512;

    /// <summary>Whether to stop at the first violation of a safety property.</summary>
    public bool First { get; init; }
}

/// <summary>How far a search is.</summary>
/// <param name="Level">How many steps the states being expanded are from the initial one.</param>
/// <param name="States">How many states were found.</param>
/// <param name="Transitions">How many steps were taken.</param>
/// <param name="Frontier">How many states wait.</param>
/// <param name="Bytes">How much memory it takes.</param>
internal readonly record struct Progress(int Level, long States, long Transitions, long Frontier, long Bytes)
{
    /// <summary>How many of the states were known from a checkpoint.</summary>
    public long Before { get; init; }

    /// <summary>About how many states there are, or null.</summary>
    public SizeEstimate? Estimate { get; init; }

    /// <summary>About how much time is left, or null.</summary>
    public TimeSpan? Left { get; init; }
}
