using ThpCheck.Coyote;

namespace ThpCheck.Checker.Sampling;

/// <summary>How executions are drawn.</summary>
internal enum SampleMethod
{
    Random,
    Pct,
    Pos,
}

/// <summary>What is asked of Coyote.</summary>
/// <param name="Name">The strategy's name on the command line and in reports.</param>
/// <param name="Strategy">How it chooses.</param>
internal sealed record CoyoteSample(string Name, CoyoteStrategy Strategy)
{
    /// <summary>For its strategies with priorities, how often these change in an execution at most.</summary>
    public int PriorityChanges { get; init; } = CoyoteOptions.UsualPriorityChanges;

    /// <summary>
    /// Whether, where the execution comes back to a state, the threads that have stepped from there already let the others go first, where one can
    /// step. Nothing is missed by it: from that state all goes on as it did the first time. Coyote's priorities would let the environment, or a thread that
    /// spins, go on for ever; and it spreads their changes over as many steps as the longest execution had.
    /// </summary>
    public bool ThreadsRest { get; init; } = true;

    /// <summary>A trace of Coyote's, which is executed again instead; or null.</summary>
    public string? Replay { get; init; }

    /// <summary>Takes Coyote's own trace of the first execution that breaks something.</summary>
    public Action<string>? OnTrace { get; init; }
}

/// <summary>What sample is asked for.</summary>
/// <param name="Method">How executions are drawn.</param>
/// <param name="Executions">How many; at least 1.</param>
/// <param name="Seed">The same seed gives the same sample.</param>
internal sealed record SampleOptions(SampleMethod Method, long Executions, int Seed)
{
    public const long UsualExecutions = 10_000;

    public const int UsualSeed = 1;

    public const int UsualDepth = 3;

    /// <summary>For PCT, the depth of the bugs that are looked for; at least 1.</summary>
    public int Depth { get; init; } = UsualDepth;

    /// <summary>Draws the executions instead; null where Coyote does not take part.</summary>
    public CoyoteSample? Coyote { get; init; }

    /// <summary>The sample is over once it has broken each of these properties, or met the deadlock where that is among them; none: never.</summary>
    public IReadOnlyCollection<string> Until { get; init; } = [];
}

/// <summary>How far a sample is.</summary>
/// <param name="Executions">How many executions were made.</param>
/// <param name="Of">How many were asked for.</param>
/// <param name="States">How many different states they were in.</param>
internal readonly record struct SampleProgress(long Executions, long Of, long States);
