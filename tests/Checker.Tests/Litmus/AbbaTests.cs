using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using static ThpCheck.Model.Primitives.Spinlocks;

namespace ThpCheck.Checker.Tests.Litmus;

/// <summary>Two locks and two threads that take both.</summary>
public sealed class AbbaTests
{
    /// <remarks>
    /// Four steps each: two locks, two unlocks, the second lock innermost. After 1 and 3 steps a holds A, after 2 A and B; b
    /// after 1 and 3 holds B, after 2 both. Of the 25 pairs (2,1) (2,2) (2,3) (1,2) (3,2) would share a lock, and (3,3) has no way
    /// in that avoids those: 19 states. (1,1) has no way out: that is the deadlock.
    /// Ways out, by the steps of b from 0 to 4: a at 0: 2 2 1 2 1; a at 1: 2 0 - 1 1; a at 2: 1 - - - 1; a at 3: 2 1 - - 1;
    /// a at 4: 1 1 1 1 0. 8 + 4 + 2 + 4 + 4 = 22.
    /// </remarks>
    [Fact]
    public void Abba_locks_deadlock()
    {
        var result = Small.Expect(Locks(abba: true), VariantVerdict.Deadlock, states: 19, transitions: 22);

        Assert.Equal(("a,b", 1, 2), (result.Deadlock!.Schedule, result.Deadlock.Switches, result.Deadlock.Steps));
        Assert.Equal("a 1  / b 1", result.Deadlock.Trace.Outline);
        Assert.Null(result.Livelock);
    }

    [Fact]
    public void Locks_that_are_always_taken_in_one_order_do_not_deadlock()
    {
        var result = Small.Expect(Locks(abba: false), VariantVerdict.Holds, states: 16, transitions: 16);

        Assert.Null(result.Deadlock);
    }

    internal static Instance Locks(bool abba) => Small.Instance(
        at => new TwoLocks(at),
        [new("a", m => m.TakeBoth()), new("b", m => abba ? m.TakeBothTheOtherWayRound() : m.TakeBoth())],
        _ => []);

    private sealed class TwoLocks(Layout at) : KernelObject(at)
    {
        private readonly spinlock_t _a = new(at, "A");
        private readonly spinlock_t _b = new(at, "B");

        public async KernelTask TakeBoth()
        {
            await spin_lock(_a);
            await spin_lock(_b);
            await spin_unlock(_b);
            await spin_unlock(_a);
        }

        public async KernelTask TakeBothTheOtherWayRound()
        {
            await spin_lock(_b);
            await spin_lock(_a);
            await spin_unlock(_a);
            await spin_unlock(_b);
        }
    }
}
