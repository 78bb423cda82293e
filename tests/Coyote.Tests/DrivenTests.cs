using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Replay;
using ThpCheck.Checker.Sampling;
using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Specs;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;

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

    /// <remarks>Four turns, each of just so many steps: none of Coyote's strategies comes upon it soon.</remarks>
    [CoyoteFact]
    public void Led_along_the_least_counterexample_Coyote_breaks_the_same_promise()
    {
        const string Broken = "private-writes-stay-private";
        var least = Judge.Run(Scenario(), new Budget())[Broken].Counterexample!;
        var instance = Scenario();

        var (executions, found) = SampleExplorer.Driven(instance, new Following(Schedule.Parse(instance.Machine, least.Schedule)));

        var hit = found.HitOf(instance.Properties.ToList().FindIndex(p => p.Name == Broken))!;
        Assert.Equal((1, least.Schedule), (executions, Schedule.Format(instance.Machine, hit.Schedule)));
    }

    [CoyoteTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_an_explorer_throws_ends_the_run(bool isAtBegin)
    {
        var thrown = Assert.Throws<NotSupportedException>(() => SampleExplorer.Driven(InterleavingTests.Steps(1, 1), new Throwing(isAtBegin)));

        Assert.Equal("no idea", thrown.Message);
    }

    private sealed class Throwing(bool isAtBegin) : IExplorer
    {
        public bool Begin() => isAtBegin ? throw new NotSupportedException("no idea") : true;

        public (int Thread, int Way) Next(IProgram program) => throw new NotSupportedException("no idea");
    }

    private static Instance Scenario()
    {
        var scenario = ScenarioReader.Read(Repository.File("specs", "cow", "large-folio-in-two-tables.yaml")).Document!;
        return ScenarioBinder.Bind(scenario, scenario.Variants.Single(v => v.Name.Value == "linux-6.15-no-recheck")).Variant!.Instance;
    }
}
