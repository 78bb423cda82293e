using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Replay;
using ThpCheck.Checker.Sampling;
using ThpCheck.Checker.Tests.Exploration;
using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;

namespace ThpCheck.Checker.Tests.Sampling;

/// <summary>A sample finds what some executions do, and says of nothing that it holds.</summary>
public sealed class SampleJudgeTests
{
    private static readonly SampleMethod[] Methods = Enum.GetValues<SampleMethod>();

    public static TheoryData<int> EachMethod => [.. Methods.Select(m => (int)m)];

    [Theory]
    [MemberData(nameof(EachMethod))]
    public void Every_method_finds_the_lost_update_and_both_outcomes(int method)
    {
        var result = Sample(LostUpdate, (SampleMethod)method, 1000);

        Assert.Equal((VariantVerdict.Violated, 1000L, 1000, 4000L), (result.Verdict, result.Sample!.Executions, result.Ends, result.Transitions));
        Assert.Equal("1 2", result.Outcomes("counter"));
        Assert.Equal((Verdict.Sampled, Verdict.Sampled, false), (result["counter"].Verdict, result["no-warning"].Verdict, result.IsComplete));
    }

    /// <remarks>Its schedule is that of the execution up to where the promise is broken, and it replays.</remarks>
    [Theory]
    [MemberData(nameof(EachMethod))]
    public void A_violation_is_an_execution_that_replays_and_is_not_called_minimal(int method)
    {
        var loss = Sample(LostUpdate, (SampleMethod)method, 1000)["both-count"].Counterexample!;

        Assert.Equal(("c is 1 after two increments", 4, false), (loss.Trace.Ending, loss.Steps, loss.IsMinimal));
        Assert.Equal(Schedule.Format(LostUpdate.Machine, loss.Hit!.Schedule), loss.Schedule);
        Assert.InRange(loss.Hit.Execution, 1, 1000);
        Assert.InRange(loss.Hit.Hits, 1, 1000);
    }

    [Fact]
    public void A_sample_is_over_once_all_was_found_that_it_is_for()
    {
        var options = new SampleOptions(SampleMethod.Random, 1000, 1);
        var loss = SampleJudge.Run(LostUpdate, options with { Until = ["both-count"] }, new Budget());
        var never = SampleJudge.Run(LostUpdate, options with { Until = ["both-count", "no-warning"] }, new Budget());

        Assert.Equal((loss["both-count"].Counterexample!.Hit!.Execution, null), (loss.Sample!.Executions, loss.Incomplete));
        Assert.Equal(1000, never.Sample!.Executions);
    }

    /// <remarks>Of the 6 interleavings, abba abab baba baab lose one, with chances 1/4 x 1/2 each: after one step of each it is even again.</remarks>
    [Fact]
    public void The_random_walk_loses_as_many_updates_as_it_must()
    {
        var result = Sample(LostUpdate, SampleMethod.Random, 10_000);

        Assert.InRange(result["both-count"].Counterexample!.Hit!.Hits, 4_800, 5_200);
    }

    /// <remarks>
    /// n is 2 and k is 4, so at least 1/8. In fact twice that: either thread begins, and loses its turn before its second step.
    /// The first execution does not know k yet.
    /// </remarks>
    [Fact]
    public void Pct_finds_the_lost_update_as_often_as_it_promises()
    {
        var result = Sample(LostUpdate, SampleMethod.Pct, 10_000, depth: 2);

        var guarantee = result.Sample!.Guarantee!;
        Assert.Equal((new Guarantee(2, 4, 2, 9_999), 0.125), (guarantee, guarantee.Chance));
        Assert.InRange(result["both-count"].Counterexample!.Hit!.Hits, (long)(guarantee.Chance * guarantee.Executions), 2_700);
    }

    [Fact]
    public void Pct_of_depth_1_takes_one_thread_after_the_other()
    {
        var result = Sample(LostUpdate, SampleMethod.Pct, 100, depth: 1);

        Assert.Equal((VariantVerdict.Sampled, 0.5), (result.Verdict, result.Sample!.Guarantee!.Chance));
        Assert.Equal("2", result.Outcomes("counter"));
    }

    /// <remarks>
    /// The owner locks, the environment takes its two steps, the owner goes on: with 1 thread and 2 steps of the environment n is 3.
    /// Executions are of 4 steps.
    /// </remarks>
    [Fact]
    public void For_pct_each_step_of_the_environment_is_a_thread_of_its_own()
    {
        var result = Sample(ThreadKindTests.Answer(answers: true), SampleMethod.Pct, 100, depth: 2);

        Assert.Equal((3, 4), (result.Sample!.Guarantee!.Threads, result.Sample.Guarantee.Steps));
        Assert.Equal(Verdict.Violated, result["never-answered"].Verdict);
    }

    /// <remarks>
    /// Two threads that count in cells of their own, three steps each, besides two that race. The random walk is likely to break up
    /// a pair of racing steps the more the others step; partial order sampling does not see the others at all, so it loses the same
    /// share of updates with and without them.
    /// </remarks>
    [Fact]
    public void Partial_order_sampling_does_not_care_for_steps_that_disturb_nobody()
    {
        var (alone, beside) = (Lost(0), Lost(6));

        Assert.InRange(beside, alone - 400, alone + 400);

        static long Lost(int steps) =>
            Sample(Beside(steps), SampleMethod.Pos, 10_000)["both-count"].Counterexample!.Hit!.Hits;
    }

    [Theory]
    [MemberData(nameof(EachMethod))]
    public void The_same_seed_gives_the_same_sample_and_another_seed_another(int method)
    {
        Assert.Equal(Text(1), Text(1));
        Assert.NotEqual(Text(1), Text(2));

        string Text(int seed)
        {
            var result = SampleJudge.Run(LostUpdate, new SampleOptions((SampleMethod)method, 200, seed), new Budget());
            var ways = result.Properties.Select(p => p.Counterexample).OfType<Counterexample>().Select(w => $"{w.Hit!.Execution} {w.Hit.Hits} {w.Schedule}");
            return string.Join('\n', ways.Append($"{result.Verdict} {result.States} {result.Transitions} {result.Deadlock?.Schedule} {result.Sample!.Guarantee}"));
        }
    }

    /// <remarks>What is broken in a sample is broken, and an outcome or state of a sample is one; of promises no more is said.</remarks>
    [Fact]
    public void No_sample_finds_what_is_not_there()
    {
        foreach (var (seed, method) in Enumerable.Range(0, 36).SelectMany(s => Methods.Select(m => (s, m))))
        {
            var instance = RandomPrograms.Make(seed, kinds: true);
            var all = Small.Judged(instance);

            var sample = Sample(instance, method, 100);

            Assert.True(sample.States <= all.States);
            Assert.Equal(0, sample.Sample!.Unfinished);
            Assert.True(sample.Deadlock is null || all.Deadlock is not null);
            foreach (var (part, whole) in sample.Properties.Zip(all.Properties))
            {
                Assert.Equal(part.Counterexample is null ? Verdict.Sampled : whole.Verdict, part.Verdict);
                Assert.True(part.Counterexample is not { } way || way.Switches >= whole.Counterexample!.Switches);
                Assert.Subset(whole.Outcomes?.Select(o => string.Join(',', o)).ToHashSet() ?? [], part.Outcomes?.Select(o => string.Join(',', o)).ToHashSet() ?? []);
            }
        }
    }

    /// <remarks>They have at most some hundred executions, so that a thousand draw all that matters.</remarks>
    [Fact]
    public void A_random_walk_that_is_long_enough_finds_all_there_is_in_small_programs()
    {
        foreach (var seed in Enumerable.Range(0, 9))
        {
            var instance = RandomPrograms.Make(seed);
            var all = Small.Judged(instance);

            var sample = Sample(instance, SampleMethod.Random, 2_000);

            Assert.Equal(all.Properties.Select(p => p.Counterexample is null), sample.Properties.Select(p => p.Counterexample is null));
            Assert.Equal(all.Outcomes("values"), sample.Outcomes("values"));
            Assert.Equal(all.Deadlock is null, sample.Deadlock is null);
        }
    }

    [Fact]
    public void A_deadlock_is_found_where_nobody_can_step()
    {
        var result = Sample(AbbaTests.Locks(abba: true), SampleMethod.Random, 100);

        Assert.Equal((VariantVerdict.Deadlock, 1, 2, false), (result.Verdict, result.Deadlock!.Switches, result.Deadlock.Steps, result.Deadlock.IsMinimal));
    }

    /// <remarks>a's End is there before the optional has stepped, and the optional steps all the same.</remarks>
    [Theory]
    [MemberData(nameof(EachMethod))]
    public void An_execution_goes_on_after_an_end_as_long_as_an_optional_can_start(int method)
    {
        var result = Sample(ThreadKindTests.OptionalBeside(), (SampleMethod)method, 20);

        Assert.Equal((VariantVerdict.Deadlock, 2, 20L), (result.Verdict, result.Deadlock!.Steps, result.Deadlock.Hit!.Hits));
    }

    /// <remarks>
    /// The hardware turns a bit on and off for ever; the execution ends where it comes back to what was before. Where PCT puts a below
    /// it, the walk that follows lets a step all the same.
    /// </remarks>
    [Theory]
    [MemberData(nameof(EachMethod))]
    public void An_environment_that_never_rests_does_not_keep_an_execution_from_ending(int method)
    {
        var instance = Small.Instance(
            at => new Words(at),
            [new("a", m => m.Increment()), new("hardware", m => m.Toggle(), ThreadKind.Environment)],
            m => [m.BitIsSeen]);

        var result = Sample(instance, (SampleMethod)method, 100);

        Assert.Equal((VariantVerdict.Sampled, 100, 0L), (result.Verdict, result.Ends, result.Sample!.Unfinished));
        Assert.Equal(Verdict.Holds, result["bit-is-seen"].Verdict);
    }

    [Fact]
    public void Executions_that_do_not_end_are_cut_off_and_counted()
    {
        var instance = Small.Instance(at => new Words(at), [new("a", m => m.Spin())], m => [m.BothCount]);

        var result = Sample(instance, SampleMethod.Random, 3);

        Assert.Equal((VariantVerdict.Sampled, 3L, 30_000L, 0), (result.Verdict, result.Sample!.Unfinished, result.Transitions, result.Ends));
        Assert.Equal("no execution of the sample ends", result["both-count"].Message);
    }

    [Fact]
    public void What_is_never_reached_or_never_happens_is_left_open()
    {
        var instance = Small.Instance(at => new Words(at), [new("a", m => m.Increment())], m => [m.BitIsSeen, m.AtNoEvent]);

        var result = Sample(instance, SampleMethod.Pos, 10);

        Assert.Equal((Verdict.Incomplete, "not reached in any execution of the sample"), (result["bit-is-seen"].Verdict, result["bit-is-seen"].Message));
        Assert.Equal((Verdict.Sampled, "the event 'nothing' does not occur in any execution of the sample"), (result["at-no-event"].Verdict, result["at-no-event"].Message));
    }

    /// <remarks>As in a search of all: the kernel has died there.</remarks>
    [Fact]
    public void An_event_in_the_step_that_is_a_bug_is_not_looked_at()
    {
        var instance = Small.Instance(at => new Words(at), [new("a", m => m.TellAndDie())], m => [m.NeverTold]);

        var result = Sample(instance, SampleMethod.Random, 10);

        Assert.Equal((Verdict.Violated, Verdict.Sampled), (result["no-bug-on"].Verdict, result["never-told"].Verdict));
        Assert.Equal(Judge.Run(instance, new Budget())["never-told"].Counterexample, result["never-told"].Counterexample);
    }

    [Fact]
    public void A_fault_of_the_model_ends_the_sample_with_the_way_to_it()
    {
        var instance = Small.Instance(at => new Words(at), [new("a", m => m.LeaveItsRange())], _ => []);

        var result = Sample(instance, SampleMethod.Random, 10);

        Assert.Equal((VariantVerdict.ModelFault, "a*2", 1L), (result.Verdict, result.Fault?.Way?.Schedule, result.Sample!.Executions));
    }

    [Fact]
    public void An_interrupted_sample_reports_what_was_found_by_then()
    {
        using var stop = new CancellationTokenSource();
        var last = default(SampleProgress);

        var result = SampleJudge.Run(LostUpdate, new SampleOptions(SampleMethod.Random, 1000, 1), new Budget(), Watch, stop.Token);

        Assert.Equal(("interrupted", 100L, Verdict.Violated), (result.Incomplete, result.Sample!.Executions, result["both-count"].Verdict));
        Assert.Equal(new SampleProgress(100, 1000, result.States), last);
        void Watch(SampleProgress progress)
        {
            last = progress;
            if (progress.Executions == 100)
            {
                stop.Cancel();
            }
        }
    }

    [Fact]
    public void The_first_violation_can_be_the_end()
    {
        var result = SampleJudge.Run(LostUpdate, new SampleOptions(SampleMethod.Random, 1000, 1), new Budget { First = true });

        Assert.Equal("stopped at the first violation", result.Incomplete);
        Assert.Equal(result.Sample!.Executions, result["both-count"].Counterexample!.Hit!.Execution);
    }

    private static Instance LostUpdate => LostUpdateTests.Increments(LostUpdateTests.Way.LoadStore);

    private static Instance Beside(int steps) => Small.Instance(
        at => new Words(at),
        [new("a", m => m.Increment()), new("b", m => m.Increment()), new("c", m => m.Alone(steps)), new("d", m => m.Alone(steps))],
        m => [m.BothCount]);

    private static InstanceResult Sample(Instance instance, SampleMethod method, long executions, int depth = SampleOptions.UsualDepth) =>
        SampleJudge.Run(instance, new SampleOptions(method, executions, SampleOptions.UsualSeed) { Depth = depth }, new Budget());

    private sealed class Words(Layout at) : KernelObject(at)
    {
        private readonly Shared<int> _c = at.Cell(0, 2, 0, "c");
        private readonly Shared<int> _bit = at.Cell(0, 1, 0, "bit");

        public Property BothCount => Property.Finally("both-count", view => view.Get(_c) == 2 ? null : "an update is lost");

        public Property BitIsSeen => Property.Sometimes("bit-is-seen", view => view.Get(_bit) == 1);

        public Property AtNoEvent => Property.AlwaysAt("at-no-event", "nothing", _ => null);

        public Property NeverTold => Property.AlwaysAt("never-told", "told", _ => "it is told");

        public async KernelTask TellAndDie()
        {
            var c = await load(_c);
            Oracle("told");
            BUG_ON(c == 0, "BUG_ON(c)");
        }

        public async KernelTask Increment()
        {
            var c = await load(_c);
            await store(_c, c + 1);
        }

        public async KernelTask Alone(int steps)
        {
            for (var i = 0; i < steps; i++)
            {
                await Yield();
            }
        }

        public async KernelTask Toggle()
        {
            while (true)
            {
                await store(_bit, 1);
                await store(_bit, 0);
            }
        }

        public async KernelTask Spin()
        {
            while (await load(_c) == 0)
            {
            }
        }

        public async KernelTask LeaveItsRange()
        {
            await load(_c);
            await store(_c, 3);
        }
    }
}
