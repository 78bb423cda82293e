namespace ThpCheck.Coyote;

/// <summary>How Coyote chooses.</summary>
public enum CoyoteStrategy
{
    /// <summary>Any thread that can step is as likely.</summary>
    Random,

    /// <summary>By priorities, which change at random points.</summary>
    Prioritization,

    /// <summary>The same, fair after a while.</summary>
    FairPrioritization,

    /// <summary>At random, but what touches no shared memory goes first.</summary>
    Pos,

    /// <summary>Learns to come to states that it has not seen.</summary>
    QLearning,

    /// <summary>One schedule after the other, depth first.</summary>
    Dfs,
}

/// <summary>What Coyote is asked for.</summary>
/// <param name="Strategy">How it chooses.</param>
/// <param name="Iterations">The most executions; at least 1.</param>
/// <param name="Seed">The same seed gives the same executions.</param>
public sealed record CoyoteOptions(CoyoteStrategy Strategy, long Iterations, int Seed)
{
    /// <summary>How often the strategies with priorities change them in an execution unless they are told otherwise, as Coyote itself.</summary>
    public const int UsualPriorityChanges = 10;

    /// <summary>For the strategies with priorities, how often these change in an execution at most; at least 1.</summary>
    public int PriorityChanges { get; init; } = UsualPriorityChanges;

    /// <summary>A trace that Coyote wrote, which is executed again, once, whatever the strategy and the seed; or null.</summary>
    public string? Trace { get; init; }
}

/// <summary>What Coyote did.</summary>
/// <param name="Bugs">In how many executions Coyote reported a bug: an assertion or a deadlock.</param>
/// <param name="Trace">Its own trace of the first, from which it executes it again; or null.</param>
/// <param name="Abandoned">How many executions it gave up before their end.</param>
/// <param name="Refusal">Why it was stopped, or null.</param>
public sealed record CoyoteRun(long Bugs, string? Trace, long Abandoned, string? Refusal);
