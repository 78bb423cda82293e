using ThpCheck.Model.Stepping;
using ThpCheck.Model.Tests.Stepping;
using static ThpCheck.Model.Primitives.Atomics;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;
using static ThpCheck.Model.Primitives.Spinlocks;

namespace ThpCheck.Model.Tests.Primitives;

public sealed class SpinlockTests
{
    private readonly TestMachine _test = new(threads: 2);

    [Fact]
    public void A_held_spinlock_blocks_until_it_is_released()
    {
        _test.Begin(() => Locked(_test.Page), () => Locked(_test.Page));
        _test.Step(0);

        Assert.False(_test.CanStep(1));

        _test.Steps(0, 2);
        Assert.True(_test.CanStep(1));
    }

    [Fact]
    public void What_a_spinlock_protects_is_not_lost()
    {
        _test.Begin(() => Locked(_test.Page), () => Locked(_test.Page));

        Assert.Equal(["2"], _test.Explore(view => $"{view.Get(_test.Page.count)}").Outcomes);
    }

    private static async KernelTask Locked(Page page)
    {
        await spin_lock(page.ptl);
        await atomic_inc(page.count);
        await spin_unlock(page.ptl);
    }

    [Fact]
    public void Taking_is_an_acquire_and_releasing_a_release()
    {
        _test.Begin(() => All(_test.Page));

        Assert.Equal(
            [
                (OperationCode.spin_lock, MemoryOrder.Acquire),
                (OperationCode.spin_unlock, MemoryOrder.Release),
                (OperationCode.spin_trylock, MemoryOrder.Acquire),
                (OperationCode.bit_spin_lock, MemoryOrder.Acquire),
                (OperationCode.bit_spin_unlock, MemoryOrder.Release),
                (OperationCode.bit_spin_trylock, MemoryOrder.Acquire),
                (OperationCode.bit_spin_unlock, MemoryOrder.Release),
                (OperationCode.spin_unlock, MemoryOrder.Release),
            ],
            _test.Pendings());

        static async KernelTask All(Page page)
        {
            await spin_lock(page.ptl);
            await spin_unlock(page.ptl);
            await spin_trylock(page.ptl);
            await bit_spin_lock(PageFlags.Busy, page.flags);
            await bit_spin_unlock(PageFlags.Busy, page.flags);
            await bit_spin_trylock(PageFlags.Busy, page.flags);
            await bit_spin_unlock(PageFlags.Busy, page.flags);
            await spin_unlock(page.ptl);
        }
    }

    [Fact]
    public void Trylock_never_waits_and_says_whether_it_was_free()
    {
        _test.Begin(() => Try(_test.Page), () => Try(_test.Page));

        Assert.Equal(1, _test.Step(0).Value);
        Assert.Equal(0, _test.Step(1).Value);
        Assert.NotNull(_test.View.Context(0).ModeOf(_test.Page.ptl.Locked.Cell));
        Assert.Null(_test.View.Context(1).ModeOf(_test.Page.ptl.Locked.Cell));

        _test.Step(1);
        Assert.True(_test.Stepper.HasEnded(1));

        static async KernelTask Try(Page page)
        {
            var locked = await spin_trylock(page.ptl);
            await Yield();
            if (locked)
            {
                await spin_unlock(page.ptl);
            }
        }
    }

    [Fact]
    public void Taking_a_spinlock_twice_is_a_bug_and_not_a_deadlock()
    {
        _test.Begin(() => Twice(_test.Page));
        _test.Step();

        var bug = _test.Step();

        Assert.Equal(KernelBug.RecursiveLock, bug.Bug);
        Assert.Equal("page.ptl", _test.Machine.Cells[bug.BugAt.Cell - 1].Name);

        static async KernelTask Twice(Page page)
        {
            await spin_lock(page.ptl);
            await spin_lock(page.ptl);
        }
    }

    [Fact]
    public void A_trylock_of_a_lock_that_the_thread_holds_fails_and_is_no_bug()
    {
        _test.Begin(() => Twice(_test.Page));
        _test.Step();

        Assert.Equal(0, _test.Step().Value);
        Assert.False(_test.Finish().IsFinal);

        static async KernelTask Twice(Page page)
        {
            await spin_lock(page.ptl);
            await spin_trylock(page.ptl);
            await spin_unlock(page.ptl);
        }
    }

    [Fact]
    public void Releasing_a_free_spinlock_is_a_bug() =>
        Assert.Equal(KernelBug.BadUnlock, _test.Run(() => Unlock(_test.Page)).Bug);

    [Fact]
    public void Releasing_another_threads_spinlock_is_a_bug()
    {
        _test.Begin(() => Locked(_test.Page), () => Unlock(_test.Page));
        _test.Step(0);

        Assert.Equal(KernelBug.BadUnlock, _test.Step(1).Bug);
    }

    private static async KernelTask Unlock(Page page) => await spin_unlock(page.ptl);

    [Fact]
    public void A_bit_spinlock_is_a_bit_that_others_read_with_the_word()
    {
        _test.Set(_test.Page.flags, PageFlags.Dirty).Begin(() => Locked(_test.Page), () => Reads(_test.Page));
        _test.Step(0);

        Assert.Equal((long)(PageFlags.Dirty | PageFlags.Busy), _test.Step(1).Value);
        _test.Step(0);
        Assert.Equal(PageFlags.Dirty, _test.Get(_test.Page.flags));

        static async KernelTask Locked(Page page)
        {
            await bit_spin_lock(PageFlags.Busy, page.flags);
            await bit_spin_unlock(PageFlags.Busy, page.flags);
        }

        static async KernelTask Reads(Page page) => await READ_ONCE(page.flags);
    }

    [Fact]
    public void Two_bit_spinlocks_of_one_word_are_two_locks()
    {
        _test.Begin(() => Take(_test.Page, PageFlags.Busy), () => Take(_test.Page, PageFlags.Locked));
        _test.Step(0);

        Assert.True(_test.CanStep(1));
        _test.Step(1);
        Assert.Equal(PageFlags.Busy | PageFlags.Locked, _test.Get(_test.Page.flags));

        static async KernelTask Take(Page page, PageFlags bit) => await bit_spin_lock(bit, page.flags);
    }

    [Fact]
    public void A_bit_spinlock_blocks_while_its_bit_is_set()
    {
        _test.Set(_test.Page.flags, PageFlags.Busy).Begin(() => Take(_test.Page), () => Clear(_test.Page));

        Assert.False(_test.CanStep(0));
        _test.Step(1);
        Assert.True(_test.CanStep(0));

        static async KernelTask Take(Page page) => await bit_spin_lock(PageFlags.Busy, page.flags);

        static async KernelTask Clear(Page page) => await clear_bit(PageFlags.Busy, page.flags);
    }

    [Fact]
    public void Bit_spinlocks_know_recursion_bad_unlocks_and_trylocks()
    {
        Assert.Equal(KernelBug.RecursiveLock, BugOf(Twice));
        Assert.Equal(KernelBug.BadUnlock, BugOf(Unlock));
        _test.Begin(() => Try(_test.Page));
        Assert.Equal(1, _test.Step().Value);
        Assert.Equal(0, _test.Step().Value);

        static async KernelTask Twice(Page page)
        {
            await bit_spin_lock(PageFlags.Busy, page.flags);
            await bit_spin_lock(PageFlags.Busy, page.flags);
        }

        static async KernelTask Unlock(Page page) => await bit_spin_unlock(PageFlags.Busy, page.flags);

        static async KernelTask Try(Page page)
        {
            await bit_spin_trylock(PageFlags.Busy, page.flags);
            await bit_spin_trylock(PageFlags.Busy, page.flags);
        }

        static KernelBug BugOf(Func<Page, KernelTask> path)
        {
            var test = new TestMachine();
            return test.Run(() => path(test.Page)).Bug;
        }
    }

    [Fact]
    public void Locks_taken_crosswise_deadlock()
    {
        var other = _test.Add("other", static at => new Page(at));
        _test.Begin(() => Both(_test.Page, other), () => Both(other, _test.Page));
        _test.Step(0);
        _test.Step(1);

        Assert.False(_test.CanStep(0));
        Assert.False(_test.CanStep(1));
        Assert.False(_test.Stepper.IsEnd);

        static async KernelTask Both(Page first, Page second)
        {
            await spin_lock(first.ptl);
            await spin_lock(second.ptl);
            await spin_unlock(second.ptl);
            await spin_unlock(first.ptl);
        }
    }
}
