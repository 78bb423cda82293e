using ThpCheck.Checker.Exploration;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Sampling;

/// <summary>Decides, step by step, which of all executions is taken.</summary>
internal interface ISampler
{
    /// <summary>The method's name on the command line and in reports.</summary>
    string Name { get; }

    /// <summary>What it promises of the executions so far, or null where nothing is.</summary>
    Guarantee? Guarantee => null;

    /// <summary>An execution begins.</summary>
    void Begin();

    /// <summary>Picks the next step.</summary>
    /// <param name="stepper">The state it is taken from.</param>
    /// <param name="ways">For each thread, in how many ways it can step now. At least one can.</param>
    Choice Next(Stepper stepper, ReadOnlySpan<int> ways);

    /// <summary>The execution has come to its end; one that was cut off has not.</summary>
    void Finish(int steps)
    {
    }
}
