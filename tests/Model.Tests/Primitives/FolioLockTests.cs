using ThpCheck.Model.Stepping;
using ThpCheck.Model.Tests.Stepping;
using static ThpCheck.Model.Primitives.FolioLock;

namespace ThpCheck.Model.Tests.Primitives;

public sealed class FolioLockTests
{
    private readonly TestMachine _test = new(threads: 2);

    [Fact]
    public void One_thread_may_take_it_and_another_release_it()
    {
        _test.Begin(() => Lock(_test.Page), () => Unlock(_test.Page));
        _test.Step(0);
        Assert.True(_test.Stepper.HasEnded(0));
        Assert.False(_test.CanStep(0)); // a thread may end with a folio locked

        Assert.Equal(KernelBug.None, _test.Step(1).Bug);
        Assert.Equal(PageFlags.None, _test.Get(_test.Page.flags));
    }

    [Fact]
    public void It_blocks_while_the_bit_is_set_whoever_set_it()
    {
        _test.Set(_test.Page.flags, PageFlags.Locked | PageFlags.Dirty).Begin(() => Lock(_test.Page), () => Unlock(_test.Page));

        Assert.False(_test.CanStep(0));
        _test.Step(1);
        _test.Step(0);
        Assert.Equal(PageFlags.Locked | PageFlags.Dirty, _test.Get(_test.Page.flags));
    }

    [Fact]
    public void Trylock_says_whether_it_set_the_bit()
    {
        _test.Begin(() => Try(_test.Page));

        Assert.Equal(1, _test.Step().Value);
        Assert.Equal(0, _test.Step().Value);

        static async KernelTask Try(Page page)
        {
            await bit_trylock(PageFlags.Locked, page.flags);
            await bit_trylock(PageFlags.Locked, page.flags);
        }
    }

    [Fact]
    public void Unlocking_what_is_not_locked_is_a_bug()
    {
        _test.Set(_test.Page.flags, PageFlags.Dirty);

        Assert.Equal(KernelBug.BadUnlock, _test.Run(() => Unlock(_test.Page)).Bug);
        Assert.Equal(PageFlags.Dirty, _test.Get(_test.Page.flags));
    }

    [Fact]
    public void A_thread_that_takes_it_twice_waits_for_itself()
    {
        _test.Begin(() => Twice(_test.Page));
        _test.Step();

        Assert.False(_test.CanStep());

        static async KernelTask Twice(Page page)
        {
            await bit_lock(PageFlags.Locked, page.flags);
            await bit_lock(PageFlags.Locked, page.flags);
        }
    }

    [Fact]
    public void Taking_is_an_acquire_and_releasing_a_release()
    {
        _test.Begin(() => All(_test.Page));

        Assert.Equal(
            [
                (OperationCode.folio_lock, MemoryOrder.Acquire),
                (OperationCode.folio_unlock, MemoryOrder.Release),
                (OperationCode.folio_trylock, MemoryOrder.Acquire),
            ],
            _test.Pendings());

        static async KernelTask All(Page page)
        {
            await bit_lock(PageFlags.Locked, page.flags);
            await bit_unlock(PageFlags.Locked, page.flags);
            await bit_trylock(PageFlags.Locked, page.flags);
        }
    }

    private static async KernelTask Lock(Page page) => await bit_lock(PageFlags.Locked, page.flags);

    private static async KernelTask Unlock(Page page) => await bit_unlock(PageFlags.Locked, page.flags);
}
