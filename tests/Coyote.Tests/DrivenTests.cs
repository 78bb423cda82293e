using ThpCheck.Checker.Sampling;
using ThpCheck.Checker.Tests.Litmus;

namespace ThpCheck.Coyote.Tests;

/// <summary>An explorer outside Coyote chooses what Coyote schedules.</summary>
public sealed class DrivenTests
{
    [CoyoteTheory]
    [MemberData(nameof(LitmusPrograms.Names), MemberType = typeof(LitmusPrograms))]
    public void Driven_by_an_enumeration_Coyote_runs_as_many_executions_as_the_naive_engine(string program)
    {
        var naive = new ReexecutingEngine(LitmusPrograms.Make(program)) { Watch = (_, _, _) => { } };
        naive.Run();

        var (executions, found) = SampleExplorer.Driven(LitmusPrograms.Make(program), new Enumeration());

        Assert.Equal(naive.Executions, executions);
        Assert.Equal(executions, found.Sample.Executions);
    }

    /// <remarks>7! / (3! 2! 2!), each of 7 steps.</remarks>
    [CoyoteFact]
    public void Each_execution_is_run_from_its_beginning_to_its_end()
    {
        var (executions, found) = SampleExplorer.Driven(InterleavingTests.Steps(3, 2, 2), new Enumeration());

        Assert.Equal((210, 210 * 7, 210), (executions, found.Transitions, found.Ends));
    }
}
