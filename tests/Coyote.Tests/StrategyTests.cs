using ThpCheck.Checker.CommandLine;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Sampling;
using ThpCheck.Checker.Tests.CommandLine;
using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;

namespace ThpCheck.Coyote.Tests;

/// <summary>Coyote's strategies choose.</summary>
public sealed class StrategyTests
{
    private static Instance LostUpdate => LostUpdateTests.Increments(LostUpdateTests.Way.LoadStore);

    /// <remarks>
    /// What must fail, or Coyote is not in control: one thread after the other, as when it schedules nothing, loses no
    /// update. The engine also compares how many bugs Coyote reports with how many executions are bad. Which strategy made it, the trace says.
    /// </remarks>
    [CoyoteTheory]
    [InlineData("random")]
    [InlineData("prioritization")]
    [InlineData("fair-prioritization")]
    [InlineData("pos")]
    [InlineData("q-learning")]
    [InlineData("dfs")]
    public void A_lost_update_fails_under_every_strategy_and_its_trace_fails_again_in_the_same_way(string strategy)
    {
        string? trace = null;
        var found = Sampled(LostUpdate, strategy, 200, trace: t => trace = t);
        var again = Sampled(LostUpdate, "random", 1, replay: trace);

        Assert.Equal(VariantVerdict.Violated, found.Verdict);
        Assert.Equal(VariantVerdict.Violated, again.Verdict);
        Assert.Equal(found["both-count"].Counterexample!.Schedule, again["both-count"].Counterexample!.Schedule);
        Assert.Equal("c is 1 after two increments", found["both-count"].Message);
    }

    [CoyoteFact]
    public void A_deadlock_is_one_to_Coyote() =>
        Assert.Equal(VariantVerdict.Deadlock, Sampled(AbbaTests.Locks(abba: true), "random", 200).Verdict);

    [CoyoteTheory]
    [InlineData("random")]
    [InlineData("dfs")]
    public void What_is_not_broken_was_sampled_and_is_not_said_to_hold(string strategy)
    {
        var result = Sampled(LostUpdateTests.Increments(LostUpdateTests.Way.Locked), strategy, 200);

        Assert.Equal((VariantVerdict.Sampled, Verdict.Sampled, false), (result.Verdict, result["both-count"].Verdict, result.IsComplete));
    }

    /// <remarks>A schedule chooses which steps are the first thread's: 6 over 3, 6 over 2.</remarks>
    [CoyoteTheory]
    [InlineData(3, 3, 20)]
    [InlineData(4, 2, 15)]
    public void The_depth_first_strategy_makes_every_schedule_of_threads_that_share_nothing_once(int one, int other, long schedules)
    {
        var result = Sampled(InterleavingTests.Steps(one, other), "dfs", 1000);

        Assert.Equal((schedules, schedules * (one + other)), (result.Sample!.Executions, result.Transitions));
    }

    [CoyoteFact]
    public void The_same_seed_gives_the_same_executions()
    {
        var (one, two) = (Sampled(LostUpdate, "random", 50), Sampled(LostUpdate, "random", 50));

        Assert.Equal(one["both-count"].Counterexample!.Hit!.Hits, two["both-count"].Counterexample!.Hit!.Hits);
        Assert.Equal(one["both-count"].Counterexample!.Schedule, two["both-count"].Counterexample!.Schedule);
    }

    /// <remarks>Of 1,000 executions.</remarks>
    [CoyoteFact]
    public void A_sample_is_over_once_all_was_found_that_it_is_for()
    {
        var update = Sampled(LostUpdate, "random", 1000, until: ["both-count"]);
        var deadlock = Sampled(AbbaTests.Locks(abba: true), "random", 1000, until: ["deadlock"]);
        var both = Sampled(LostUpdate, "random", 1000, until: ["both-count", "deadlock"]);

        Assert.Equal((update["both-count"].Counterexample!.Hit!.Execution, 1), (update.Sample!.Executions, update["both-count"].Counterexample!.Hit!.Hits));
        Assert.Equal(deadlock.Deadlock!.Hit!.Execution, deadlock.Sample!.Executions);
        Assert.Null(update.Incomplete);
        Assert.Equal(1000, both.Sample!.Executions);
    }

    [CoyoteFact]
    public void A_path_that_fails_in_the_model_fails_in_the_execution_in_which_it_does()
    {
        var result = Sampled(Small.Instance(at => new Faulty(at), [new("a", m => m.Fails())], m => []), "random", 200);

        Assert.Equal((VariantVerdict.ModelFault, 1L), (result.Verdict, result.Sample!.Executions));
        Assert.Equal(1, result.Fault!.Value.Way!.Hit!.Execution);
    }

    [CoyoteFact]
    public void A_choice_is_Coyotes() =>
        Assert.Equal("0 1 2", Sampled(Chooses(), "random", 200).Outcomes("number"));

    [CoyoteFact]
    public void The_depth_first_strategy_is_stopped_where_a_step_has_several_ways() =>
        Assert.Equal("a step has several ways, which Coyote's dfs enumerates wrongly; another strategy draws them", Sampled(Chooses(), "dfs", 200).Incomplete);

    /// <remarks>The executions are those of one seed, so they would be the same ones.</remarks>
    [CoyoteFact]
    public void How_often_priorities_change_makes_other_executions()
    {
        var (once, often) = (Sampled(LostUpdate, "prioritization", 500, changes: 1), Sampled(LostUpdate, "prioritization", 500));

        Assert.NotEqual(often["both-count"].Counterexample!.Hit!.Hits, once["both-count"].Counterexample!.Hit!.Hits);
    }

    /// <remarks>The light can be on and off at each look; had it the higher priority, it would blink until the execution is cut off.</remarks>
    [CoyoteTheory]
    [InlineData("prioritization")]
    [InlineData("pos")]
    public void An_environment_that_never_rests_keeps_nobody_from_stepping(string strategy)
    {
        var result = Sampled(
            Small.Instance(at => new Light(at), [new("viewer", m => m.LookTwice()), new("light", m => m.Blink(), ThreadKind.Environment)], m => [m.Seen]), strategy, 200);

        Assert.Equal((200L, 0L), (result.Sample!.Executions, result.Sample.Unfinished));
        Assert.InRange(result.Depth, 2, 20);
        Assert.Equal("0,0 0,1 1,0 1,1", result.Outcomes("seen"));
    }

    /// <remarks>With the higher priority the waiter would look until the execution is cut off, and priorities would then change anywhere in as many steps.</remarks>
    [CoyoteTheory]
    [InlineData("prioritization")]
    [InlineData("pos")]
    public void A_thread_that_spins_lets_go_on_what_it_waits_for(string strategy)
    {
        var result = Sampled(Small.Instance(at => new Flag(at), [new("waiter", m => m.Wait()), new("setter", m => m.Set())], m => []), strategy, 200);

        Assert.Equal((200L, 0L), (result.Sample!.Executions, result.Sample.Unfinished));
        Assert.InRange(result.Depth, 3, 10);
    }

    [CoyoteTheory]
    [InlineData("random", "--priority-changes", "3", "goes with --strategy prioritization or fair-prioritization")]
    [InlineData("prioritization", "--depth", "3", "--depth says how to sample, so it goes with --sample")]
    [InlineData("prioritization", "--executions", "3", "--executions says how to sample, so it goes with --sample")]
    [InlineData("prioritization", "--sample", "pct", "does not go with --sample")]
    public void What_Coyote_does_not_take_is_refused(string strategy, string option, string value, string why)
    {
        var run = CommandLineRun.Of("check", "no.yaml", "--engine", "coyote", "--strategy", strategy, option, value);

        Assert.Equal(ExitCodes.WrongInput, run.ExitCode);
        Assert.Contains(why, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_command_line_says_how_to_bring_Coyote_in_where_it_is_not()
    {
        var run = CommandLineRun.Of("check", "no.yaml", "--engine", "coyote");

        Assert.Equal(ExitCodes.WrongInput, run.ExitCode); // with Coyote, as there is no such file
        Assert.Equal(CoyoteEngine.Missing is not null, run.Error.Contains("-p:WithCoyote=true", StringComparison.Ordinal));
        Assert.Single(run.Error.TrimEnd().Split('\n'));
    }

    private static InstanceResult Sampled(Instance instance, string strategy, int iterations, Action<string>? trace = null, string? replay = null, string[]? until = null, int changes = CoyoteOptions.UsualPriorityChanges)
    {
        var chosen = Enum.Parse<CoyoteStrategy>(strategy.Replace("-", "", StringComparison.Ordinal), ignoreCase: true);
        return SampleJudge.Run(
            instance,
            new SampleOptions(SampleMethod.Random, iterations, 1) { Coyote = new CoyoteSample(strategy, chosen) { OnTrace = trace, Replay = replay, PriorityChanges = changes }, Until = until ?? [] },
            new Budget());
    }

    private static Instance Chooses() => Small.Instance(at => new Chooser(at), [new("a", m => m.Digit())], m => [m.Number]);

    private sealed class Light(Layout at) : KernelObject(at)
    {
        private readonly Shared<bool> _isOn = at.Cell(false, "is_on");
        private readonly Ghost<bool> _first = at.Ghost(false, "first");
        private readonly Ghost<bool> _second = at.Ghost(false, "second");

        public Property Seen => Property.Outcomes("seen", view => [view.Get(_first) ? 1 : 0, view.Get(_second) ? 1 : 0]);

        public async KernelTask LookTwice()
        {
            var first = await READ_ONCE(_isOn);
            Ghost(_first, first);
            var second = await READ_ONCE(_isOn);
            Ghost(_second, second);
        }

        public async KernelTask Blink()
        {
            while (true)
            {
                await WRITE_ONCE(_isOn, true);
                await WRITE_ONCE(_isOn, false);
            }
        }
    }

    private sealed class Flag(Layout at) : KernelObject(at)
    {
        private readonly Shared<bool> _isSet = at.Cell(false, "is_set");
        private readonly Shared<bool> _other = at.Cell(false, "other");

        public async KernelTask Wait()
        {
            while (!await READ_ONCE(_isSet))
            {
            }
        }

        public async KernelTask Set()
        {
            await WRITE_ONCE(_other, true);
            await WRITE_ONCE(_isSet, true);
        }
    }

    private sealed class Faulty(Layout at) : KernelObject(at)
    {
        private readonly Ghost<int> _number = at.Ghost(0, 2, 0, "number");

        public async KernelTask Fails()
        {
            await Choose(1);
            Ghost(_number, 7);
        }
    }

    private sealed class Chooser(Layout at) : KernelObject(at)
    {
        private readonly Ghost<int> _number = at.Ghost(0, 2, 0, "number");

        public Property Number => Property.Outcomes("number", view => [view.Get(_number)]);

        public async KernelTask Digit()
        {
            var digit = await Choose(3);
            Ghost(_number, digit);
        }
    }
}
