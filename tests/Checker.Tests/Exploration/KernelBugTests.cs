using ThpCheck.Checker.Replay;
using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using static ThpCheck.Model.Primitives.Atomics;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;
using static ThpCheck.Model.Primitives.Rcu;
using static ThpCheck.Model.Primitives.RwSemaphores;

namespace ThpCheck.Checker.Tests.Exploration;

/// <summary>Kernel bugs end executions, not the search; faults of the model end the search.</summary>
public sealed class KernelBugTests
{
    /// <remarks>
    /// a's one step is a bug, b has two steps. (0,0) (0,1) (0,2) and the bug from each, which are states of their own without a
    /// way out: 6; steps 2 of b and 3 of a. No End.
    /// </remarks>
    [Fact]
    public void A_kernel_bug_is_a_sink_and_the_search_goes_on()
    {
        var result = Small.Expect(Bug(m => m.BugOn()), VariantVerdict.Violated, states: 6, transitions: 5);

        Assert.Equal((0, 3), (result.Ends, result.Depth));
        Assert.Null(result.Deadlock);
        Assert.Equal("BUG_ON(x): a in BugOn(), after xchg(shared.x, 1) = 0", result["no-bug-on"].Message);
        Assert.Equal("a", result["no-bug-on"].Counterexample!.Schedule);
    }

    /// <remarks>Now a goes on: 2 x 3 states, 2 + 2 + 3 steps, as without the BUG_ON.</remarks>
    [Fact]
    public void A_tolerated_bug_is_reported_and_ends_nothing()
    {
        var result = Small.Expect(Bug(m => m.BugOn(), KernelBug.BugOn), VariantVerdict.Violated, states: 6, transitions: 7);

        Assert.Equal(1, result.Ends);
        Assert.Equal("BUG_ON(x): a in BugOn(), after xchg(shared.x, 1) = 0", result["no-bug-on"].Message);
        Assert.Equal("a", result["no-bug-on"].Counterexample!.Schedule);
    }

    [Fact]
    public void A_warning_ends_nothing_and_is_reported_without_being_tolerated()
    {
        var result = Small.Expect(Bug(m => m.WarnOn()), VariantVerdict.Violated, states: 6, transitions: 7);

        Assert.Equal("warning: WARN_ON(x): a in WarnOn()", result["no-warning"].Message);
    }

    [Fact]
    public void A_null_pointer_that_is_followed_is_a_kernel_bug_and_no_fault_of_the_model()
    {
        var result = Small.Expect(Bug(m => m.FollowNull()), VariantVerdict.Violated, states: 6, transitions: 5);

        Assert.Equal("NULL pointer dereference: a in FollowNull(), after load(shared.next) = NULL", result["no-null-dereference"].Message);
    }

    [Fact]
    public void A_count_that_falls_below_zero_is_a_kernel_bug_and_one_that_outgrows_its_cell_is_the_models_fault()
    {
        var below = Small.Judged(Bug(m => m.CountDown()));
        var above = Small.Judged(Bug(m => m.CountUp()));

        Assert.Equal("count below zero: a in CountDown() does atomic_dec(shared.x)", below["no-refcount-underflow"].Message);
        Assert.Equal(VariantVerdict.ModelFault, above.Verdict);
        Assert.StartsWith("shared.x is given 2, outside its range 0..1", above.Fault!.Value.Message, StringComparison.Ordinal);
    }

    /// <remarks>a throws once it reads what b stored last: b, b, a is the shortest way, and the way to the state before that step is b, b.</remarks>
    [Fact]
    public void A_fault_of_the_model_comes_with_the_schedule_that_leads_to_it()
    {
        var instance = Bug(m => m.ThrowOnTwo());

        var result = Small.Judged(instance);

        Assert.Equal(VariantVerdict.ModelFault, result.Verdict);
        var (message, way) = result.Fault!.Value;
        Assert.Contains("InvalidOperationException: y is 2", message, StringComparison.Ordinal);
        Assert.Equal("b*2,a", way!.Schedule); // with the step that fails
        var trace = Replayer.Run(instance, Schedule.Parse(instance.Machine, way.Schedule));
        Assert.Equal($"the model is at fault: {message}", trace.Ending);
        Assert.Equal(["b", "b", "a"], trace.Steps.Select(s => s.Thread));
    }

    [Fact]
    public void A_fault_of_the_model_is_never_a_pass_for_any_property()
    {
        var result = Small.Judged(Bug(m => m.ThrowOnTwo()));

        Assert.Equal("model fault", result.Incomplete);
        Assert.All(result.Properties, p => Assert.Equal(Verdict.Incomplete, p.Verdict));
    }

    /// <remarks>down_read is two bugs at once there: the lock is held already, and a thread in an RCU section must not sleep.</remarks>
    [Fact]
    public void Two_tolerated_bugs_in_one_operation_are_both_reported()
    {
        var result = Small.Judged(Bug(m => m.SleepForItsOwnLock(), KernelBug.RecursiveLock, KernelBug.SleepInAtomic));

        Assert.Equal(1, result.Ends);
        Assert.Equal(
            ["no-recursive-lock", "no-sleep-in-atomic"],
            result.Properties.Where(p => p.Verdict == Verdict.Violated).Select(p => p.Property.Name).Order(StringComparer.Ordinal));
        Assert.Equal("a*3", result["no-recursive-lock"].Counterexample!.Schedule);
        Assert.Equal("a*3", result["no-sleep-in-atomic"].Counterexample!.Schedule);
    }

    /// <remarks>The bug that was met last has another message, and nothing that it is about.</remarks>
    [Fact]
    public void A_tolerated_bug_before_another_in_the_same_step_keeps_its_own_sentence()
    {
        var result = Small.Judged(Bug(m => m.WarnAndDie(), KernelBug.BugOn));

        Assert.Equal("warning: odd: a in WarnAndDie()", result["no-warning"].Message);
        Assert.Equal("over: a in WarnAndDie(), after xchg(shared.x, 1) = 0", result["no-bug-on"].Message);
    }

    /// <remarks>The kernel dies where it says BUG: what the path does afterwards, and what of that the model does not allow, never happens.</remarks>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_bug_before_a_fault_in_the_same_step_is_the_bug(bool inRegion)
    {
        var result = Small.Expect(Bug(m => m.DieThenFail(inRegion)), VariantVerdict.Violated, states: 6, transitions: 5);

        Assert.Equal("BUG_ON(x): a in DieThenFail(), after xchg(shared.x, 1) = 0", result["no-bug-on"].Message);
    }

    /// <remarks>The thread goes on after a tolerated bug or a warning, and into the fault.</remarks>
    [Theory]
    [InlineData(KernelBug.BugOn)]
    [InlineData(KernelBug.Warning)]
    public void A_tolerated_bug_before_a_fault_in_the_same_step_hides_nothing(KernelBug bug)
    {
        var result = Small.Judged(bug == KernelBug.Warning ? Bug(m => m.WarnThenFail()) : Bug(m => m.DieThenFail(false), bug));

        Assert.Equal(VariantVerdict.ModelFault, result.Verdict);
        Assert.Contains("InvalidOperationException: after", result.Fault!.Value.Message, StringComparison.Ordinal);
    }

    private static Instance Bug(Func<Words, KernelTask> path, params KernelBug[] tolerated) => Small.Instance(
        at => new Words(at),
        [new("a", path), new("b", m => m.CountY())],
        _ => [],
        new MachineBuilder { RcuCallbacks = 0, Tolerated = new HashSet<KernelBug>(tolerated) });

    private sealed class Words(Layout at) : KernelObject(at)
    {
        private readonly Shared<int> _x = at.Cell(0, 1, 0, "x");
        private readonly Shared<int> _y = at.Cell(0, 2, 0, "y");
        private readonly Shared<Words?> _next = at.Cell<Words?>(null, "next");
        private readonly rw_semaphore _sem = new(at, "sem");

        public async KernelTask CountY()
        {
            await store(_y, 1);
            await store(_y, 2);
        }

        public async KernelTask BugOn()
        {
            var x = await xchg(_x, 1);
            BUG_ON(x == 0, "BUG_ON(x)");
        }

        public async KernelTask WarnOn()
        {
            var x = await xchg(_x, 1);
            WARN_ON(x == 0, "WARN_ON(x)");
        }

        public async KernelTask FollowNull()
        {
            var next = await load(_next);
            await store(next!._x, 1);
        }

        public async KernelTask SleepForItsOwnLock()
        {
            await down_read(_sem);
            await rcu_read_lock();
            await down_read(_sem);
            await rcu_read_unlock();
            await up_read(_sem);
            await up_read(_sem);
        }

        public async KernelTask DieThenFail(bool inRegion)
        {
            var x = await xchg(_x, 1);
            Enter("region");
            BUG_ON(x == 0, "BUG_ON(x)");
            if (!inRegion)
            {
                throw new InvalidOperationException("after the end");
            }
        }

        public async KernelTask WarnAndDie()
        {
            var x = await xchg(_x, 1);
            BUG_ON(x == 0, "over");
            WARN_ON(x == 0, "odd");
        }

        public async KernelTask WarnThenFail()
        {
            var x = await xchg(_x, 1);
            WARN_ON(x == 0, "WARN_ON(x)");
            throw new InvalidOperationException("after a warning");
        }

        public async KernelTask CountDown() => await atomic_dec(_x);

        public async KernelTask CountUp() => await atomic_add(2, _x);

        public async KernelTask ThrowOnTwo()
        {
            if (await load(_y) == 2)
            {
                throw new InvalidOperationException("y is 2");
            }
        }
    }
}
