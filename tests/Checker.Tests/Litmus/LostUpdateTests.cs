using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;
using static ThpCheck.Model.Primitives.Atomics;
using static ThpCheck.Model.Primitives.MemoryAccess;
using static ThpCheck.Model.Primitives.Spinlocks;

namespace ThpCheck.Checker.Tests.Litmus;

/// <summary>Two threads add one to a counter: with a load and a store, atomically, and under a lock.</summary>
public sealed class LostUpdateTests
{
    /// <summary>How the counter is incremented.</summary>
    internal enum Way
    {
        LoadStore,
        Atomic,
        Locked,
    }

    /// <remarks>
    /// By (steps of a, steps of b), two each: one state for (0,0) (1,0) (0,1) (2,0) (0,2) (1,1); two for (2,1), where b read 0
    /// or 1, and for (1,2); two for (2,2), where c is 1 or 2: 12 states. Ways out: 2 2 2 1 1 2, 2 x 1, 2 x 1: 14.
    /// The cheapest loss: a loads, is preempted, b does both, a stores. Two context switches, one of them a preemption;
    /// with one switch only each thread's turn is whole, and nothing is lost.
    /// </remarks>
    [Fact]
    public void Lost_update_needs_one_preemption()
    {
        var result = Small.Expect(Increments(Way.LoadStore), VariantVerdict.Violated, states: 12, transitions: 14);

        Assert.Equal("1 2", result.Outcomes("counter"));
        var loss = result["both-count"].Counterexample!;
        Assert.Equal(("a,b*2,a", 2, 4, true), (loss.Schedule, loss.Switches, loss.Steps, loss.IsMinimal));
        Assert.Equal("a 1  / b 2  a 1", loss.Trace.Outline);
        Assert.Equal("c is 1 after two increments", loss.Trace.Ending);
        Assert.Single(loss.Trace.Steps, s => s.IsPreemption);
        Assert.Equal(
            ["load(shared.c) = 0", "load(shared.c) = 0", "store(shared.c, 1)", "store(shared.c, 1)"],
            loss.Trace.Steps.Select(s => s.Value.Length == 0 ? s.Operation : $"{s.Operation} = {s.Value}"));
    }

    /// <remarks>One step each: (0,0) (1,0) (0,1) (1,1).</remarks>
    [Fact]
    public void An_atomic_increment_is_never_lost()
    {
        var result = Small.Expect(Increments(Way.Atomic), VariantVerdict.Holds, states: 4, transitions: 4);

        Assert.Equal("2", result.Outcomes("counter"));
    }

    /// <remarks>
    /// Four steps each: lock, load, store, unlock. Without the lock 25 pairs; both inside (1 to 3 by 1 to 3) is excluded: 16,
    /// each one state, since who is ahead follows from who has finished. (4,0) (0,4) and (4,4) differ in c only.
    /// Inside one thread's section (6 pairs of either other's 0 or 4, twice) one way out: 12. (0,0): 2; (4,0) and (0,4): 1 each;
    /// (4,4): none. 16.
    /// </remarks>
    [Fact]
    public void An_increment_under_a_lock_is_never_lost()
    {
        var result = Small.Expect(Increments(Way.Locked), VariantVerdict.Holds, states: 16, transitions: 16);

        Assert.Equal("2", result.Outcomes("counter"));
    }

    internal static Instance Increments(Way way) => Small.Instance(
        at => new Counter(at),
        [new("a", m => m.Increment(way)), new("b", m => m.Increment(way))],
        m => [m.BothCount, m.Value]);

    private sealed class Counter(Layout at) : KernelObject(at)
    {
        private readonly spinlock_t _lock = new(at, "lock");
        private readonly Shared<int> _c = at.Cell(0, 2, 0, "c");

        public Property BothCount => Property.Finally("both-count", view => view.Get(_c) == 2 ? null : $"c is {view.Get(_c)} after two increments");

        public Property Value => Property.Outcomes("counter", view => [view.Get(_c)]);

        public async KernelTask Increment(Way way)
        {
            if (way == Way.Atomic)
            {
                await atomic_inc(_c);
                return;
            }

            if (way == Way.Locked)
            {
                await spin_lock(_lock);
            }

            var c = await load(_c);
            await store(_c, c + 1);
            if (way == Way.Locked)
            {
                await spin_unlock(_lock);
            }
        }
    }
}
