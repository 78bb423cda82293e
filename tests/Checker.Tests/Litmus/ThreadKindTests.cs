using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;

namespace ThpCheck.Checker.Tests.Litmus;

/// <summary>What tasks, optionals and the environment owe: End, deadlock and livelock.</summary>
public sealed class ThreadKindTests
{
    /// <remarks>The optional waits for what never comes: it never starts. States: before and after the task's step, which is an End.</remarks>
    [Fact]
    public void An_optional_that_never_starts_is_fine()
    {
        var result = Small.Expect(Beside(m => m.WaitForX(), ThreadKind.Optional), VariantVerdict.Holds, states: 2, transitions: 1);

        Assert.Equal(1, result.Ends);
    }

    /// <remarks>The same as a task is a deadlock once the other has ended.</remarks>
    [Fact]
    public void A_task_that_never_starts_is_a_deadlock()
    {
        var result = Small.Expect(Beside(m => m.WaitForX(), ThreadKind.Task), VariantVerdict.Deadlock, states: 2, transitions: 1);

        Assert.Equal(("a", 0, 1), (result.Deadlock!.Schedule, result.Deadlock.Switches, result.Deadlock.Steps));
    }

    /// <remarks>One free step, then it waits for ever: 2 x 2 states. Not started it is fine: the End state a has reached alone.</remarks>
    [Fact]
    public void A_started_optional_that_blocks_is_a_deadlock()
    {
        var result = Small.Expect(Beside(m => m.StepThenWaitForX(), ThreadKind.Optional), VariantVerdict.Deadlock, states: 4, transitions: 4);

        Assert.Equal(("a,other", 1, 2), (result.Deadlock!.Schedule, result.Deadlock.Switches, result.Deadlock.Steps));
        Assert.Equal(1, result.Ends);
    }

    /// <remarks>The End states: a alone has ended, or both have; in between the optional owes its second step.</remarks>
    [Fact]
    public void An_end_needs_every_started_optional_to_have_ended()
    {
        var result = Small.Expect(Beside(m => m.TwoSteps(), ThreadKind.Optional), VariantVerdict.Holds, states: 6, transitions: 7);

        Assert.Equal(2, result.Ends);
    }

    /// <remarks>a stores x, the hardware sees it and stores y, a goes on: four steps in a row, and the only task to step is a.</remarks>
    [Fact]
    public void The_environments_steps_are_never_a_context_switch()
    {
        var result = Small.Expect(Answer(answers: true), VariantVerdict.Violated, states: 5, transitions: 4);

        var way = result["never-answered"].Counterexample!;
        Assert.Equal(("a,hardware*2,a", 0, 4), (way.Schedule, way.Switches, way.Steps));
        Assert.Equal([false, true, true, false], way.Trace.Steps.Select(s => s.IsEnvironment));
    }

    [Fact]
    public void A_task_that_waits_for_an_environment_step_that_may_happen_is_no_deadlock_and_one_that_may_not_is()
    {
        var answered = Small.Judged(Answer(answers: true));
        var unanswered = Small.Judged(Answer(answers: false));

        Assert.Null(answered.Deadlock);
        Assert.Equal(("a", 0, 1), (unanswered.Deadlock?.Schedule, unanswered.Deadlock?.Switches, unanswered.Deadlock?.Steps));
    }

    /// <remarks>Each spins until the other has stored: there is no way out from the first state on.</remarks>
    [Fact]
    public void Two_tasks_that_spin_for_each_other_are_a_livelock()
    {
        var result = Small.Judged(Spinning(first: false));

        Assert.Equal(VariantVerdict.Livelock, result.Verdict);
        Assert.Null(result.Deadlock);
        Assert.Equal(("", 0, 0), (result.Livelock!.Schedule, result.Livelock.Switches, result.Livelock.Steps));
    }

    /// <remarks>By possibility, not fairness: a may spin for ever, but b can always store.</remarks>
    [Fact]
    public void A_task_that_spins_for_one_that_can_still_step_is_no_livelock()
    {
        var result = Small.Judged(Spinning(first: true));

        Assert.Equal(VariantVerdict.Holds, result.Verdict);
    }

    /// <remarks>The tasks' deadlock is there before the optional's first step; its steps would only make the trace longer.</remarks>
    [Fact]
    public void An_optional_that_could_still_start_does_not_hide_a_deadlock_or_lengthen_its_trace()
    {
        var result = Small.Judged(Small.Instance(
            at => new Words(at),
            [new("a", m => m.StepThenWaitForX()), new("other", m => m.TwoSteps(), ThreadKind.Optional)],
            _ => []));

        Assert.Equal(VariantVerdict.Deadlock, result.Verdict);
        Assert.Equal(("a", 0, 1), (result.Deadlock!.Schedule, result.Deadlock.Switches, result.Deadlock.Steps));
    }

    [Fact]
    public void An_optional_that_spins_for_ever_once_started_does_not_turn_a_deadlock_into_a_livelock()
    {
        var result = Small.Judged(Small.Instance(
            at => new Words(at),
            [new("a", m => m.WaitForX()), new("other", m => m.SpinForX(), ThreadKind.Optional)],
            _ => []));

        Assert.Equal(VariantVerdict.Deadlock, result.Verdict);
    }

    [Fact]
    public void An_optional_that_can_free_a_blocked_task_makes_it_no_deadlock()
    {
        var result = Small.Judged(Small.Instance(
            at => new Words(at),
            [new("a", m => m.WaitForX()), new("other", m => m.StoreX(), ThreadKind.Optional)],
            _ => []));

        Assert.Equal((VariantVerdict.Holds, 1), (result.Verdict, result.Ends));
    }

    internal static Instance Answer(bool answers) => Small.Instance(
        at => new Words(at),
        [new("a", m => m.Ask()), new("hardware", m => m.Reply(answers), ThreadKind.Environment)],
        m => [m.NeverAnswered]);

    internal static Instance OptionalBeside() => Beside(m => m.StepThenWaitForX(), ThreadKind.Optional);

    private static Instance Beside(Func<Words, KernelTask> path, ThreadKind kind) => Small.Instance(
        at => new Words(at),
        [new("a", m => m.OneStep()), new("other", path, kind)],
        _ => []);

    private static Instance Spinning(bool first) => Small.Instance(
        at => new Words(at),
        [new("a", m => m.SpinThenStoreX()), new("b", m => first ? m.StoreYFirst() : m.SpinThenStoreY())],
        _ => []);

    private sealed class Words(Layout at) : KernelObject(at)
    {
        private readonly Shared<int> _x = at.Cell(0, 1, 0, "x");
        private readonly Shared<int> _y = at.Cell(0, 1, 0, "y");

        public Property NeverAnswered => Property.Finally("never-answered", view => view.Get(_y) == 1 ? "y was stored" : null);

        public async KernelTask OneStep() => await Yield();

        public async KernelTask TwoSteps()
        {
            await Yield();
            await Yield();
        }

        public async KernelTask StoreX() => await store(_x, 1);

        public async KernelTask WaitForX() => await Until(_x, Comparison.Equal, 1);

        public async KernelTask StepThenWaitForX()
        {
            await Yield();
            await Until(_x, Comparison.Equal, 1);
        }

        public async KernelTask SpinForX()
        {
            while (await load(_x) == 0)
            {
            }
        }

        public async KernelTask Ask()
        {
            await store(_x, 1);
            await Until(_y, Comparison.Equal, 1);
        }

        public async KernelTask Reply(bool answers)
        {
            while (answers)
            {
                await Until(_x, Comparison.Equal, 1);
                await store(_y, 1);
                await Until(_x, Comparison.Equal, 0);
            }
        }

        public async KernelTask SpinThenStoreX()
        {
            while (await load(_y) == 0)
            {
            }

            await store(_x, 1);
        }

        public async KernelTask SpinThenStoreY()
        {
            while (await load(_x) == 0)
            {
            }

            await store(_y, 1);
        }

        public async KernelTask StoreYFirst()
        {
            await store(_y, 1);
            while (await load(_x) == 0)
            {
            }
        }
    }
}
