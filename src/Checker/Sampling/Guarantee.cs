namespace ThpCheck.Checker.Sampling;

/// <summary>
/// What PCT promises: each execution finds a bug of this depth with a chance of at least 1/(n k^(d-1)), where n threads take at
/// most k steps.
/// </summary>
/// <param name="Threads">n: tasks and optionals, and the most steps that the environment took in an execution, each a thread of its own.</param>
/// <param name="Steps">k: the most steps of an execution that the promise covers.</param>
/// <param name="Depth">d: how many orderings of two steps make the bug.</param>
/// <param name="Executions">How many executions, the last ones, it is promised of. Those before were drawn for a smaller k.</param>
internal sealed record Guarantee(int Threads, int Steps, int Depth, long Executions)
{
    /// <summary>The least chance of one execution.</summary>
    public double Chance => 1 / (Threads * Math.Pow(Steps, Depth - 1));

    /// <summary>The least chance that one of the executions finds it.</summary>
    public double ChanceOfAny => 1 - Math.Pow(1 - Chance, Executions);
}
