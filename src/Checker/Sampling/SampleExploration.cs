using ThpCheck.Specs;

namespace ThpCheck.Checker.Sampling;

/// <summary>What a sample found.</summary>
/// <param name="instance">What it is a sample of.</param>
/// <param name="hits">For each property, the executions that break or reach it, or null.</param>
/// <param name="occurred">For each property, whether its event occurred.</param>
/// <param name="outcomes">For each property, the values in the End states.</param>
internal sealed class SampleExploration(Instance instance, Hit?[] hits, bool[] occurred, IReadOnlyCollection<IReadOnlyList<long>>[] outcomes)
{
    public Instance Instance => instance;

    public required Sample Sample { get; init; }

    /// <summary>The executions that come to a state in which no thread can step and not all have ended, or null.</summary>
    public required Hit? Deadlock { get; init; }

    /// <summary>How many different states it was in; at most as many as are remembered.</summary>
    public required long States { get; init; }

    /// <summary>How many steps were taken in all.</summary>
    public required long Transitions { get; init; }

    /// <summary>The most steps of an execution.</summary>
    public required int Longest { get; init; }

    /// <summary>How many executions came to an End state.</summary>
    public required long Ends { get; init; }

    /// <summary>Why not all of the sample was made, or null.</summary>
    public required string? Incomplete { get; init; }

    /// <summary>The model's fault that ended it, and the execution that meets it, or null.</summary>
    public required (string Message, Exploration.Choice[] Schedule)? Fault { get; init; }

    public required TimeSpan Time { get; init; }

    public Hit? HitOf(int property) => hits[property];

    public bool Occurred(int property) => occurred[property];

    public IReadOnlyCollection<IReadOnlyList<long>> OutcomesOf(int property) => outcomes[property];
}
