namespace ThpCheck.Checker.Tests.Litmus;

/// <summary>The seam for another engine: one that shares nothing with the explorer but the Stepper gives the same answers.</summary>
public sealed class SecondEngineTests
{
    /// <remarks>Outcomes, broken properties, verdict; and the counts, which here no fingerprint has a part in.</remarks>
    [Theory]
    [MemberData(nameof(LitmusPrograms.Names), MemberType = typeof(LitmusPrograms))]
    public void An_engine_that_runs_every_execution_from_its_start_agrees_with_the_explorer(string program)
    {
        var explored = SecondOpinion.Of(Small.Judged(LitmusPrograms.Make(program)));
        var executed = SecondOpinion.Of(LitmusPrograms.Make(program));

        Assert.Equal(executed, explored);
    }

    [Fact]
    public void An_engine_that_runs_every_execution_runs_as_many_as_the_graph_has_paths()
    {
        var executed = new ReexecutingEngine(InterleavingTests.Steps(3, 2, 2)) { Watch = (_, _, _) => { } };

        executed.Run();

        Assert.Equal(210, executed.Executions); // 7! / (3! 2! 2!)
        Assert.Equal(210, PathCounter.Paths(Small.Explored(InterleavingTests.Steps(3, 2, 2)).Graph));
    }
}
