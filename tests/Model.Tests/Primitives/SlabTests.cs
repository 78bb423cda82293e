using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Model.Tests.Stepping;
using static ThpCheck.Model.Primitives.Atomics;
using static ThpCheck.Model.Primitives.MemoryAccess;
using static ThpCheck.Model.Primitives.Rcu;
using static ThpCheck.Model.Primitives.RwSemaphores;
using static ThpCheck.Model.Primitives.Slab;
using static ThpCheck.Model.Primitives.Spinlocks;

namespace ThpCheck.Model.Tests.Primitives;

public sealed class SlabTests
{
    private readonly TestMachine _test = new(threads: 2);

    [Fact]
    public void An_allocation_gives_an_object_that_lives()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 2));
        _test.Begin(() => Allocate(slab));
        Assert.DoesNotContain(_test.View.Live<Page>(), static page => page.Slot is not null);

        Assert.Equal(slab.Slots[0].Generations[0].Id, _test.Step().Value);

        Assert.Equal([slab.Slots[0].Generations[0]], _test.View.Live<Page>().Where(static page => page.Slot is not null));
    }

    [Fact]
    public void Objects_that_were_never_used_are_all_alike()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 3, Generations: 2, Reuse: true));
        _test.Begin(() => Allocate(slab));

        Assert.Equal(1, _test.Stepper.Choices(0));
    }

    [Fact]
    public void A_freed_object_stays_freed_unless_reuse_is_asked_for()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 2, Generations: 2));
        _test.Begin(() => AllocateFreeAllocate(slab));
        _test.Steps(0, 2);

        Assert.Equal(1, _test.Stepper.Choices(0));
        Assert.Equal(slab.Slots[1].Generations[0].Id, _test.Step().Value);
    }

    [Fact]
    public void With_reuse_the_next_allocation_is_a_choice_of_a_fresh_object_and_each_freed_one()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 2, Generations: 2, Reuse: true));
        _test.Begin(() => AllocateFreeAllocate(slab));
        _test.Steps(0, 2);

        Assert.Equal(2, _test.Stepper.Choices(0));
        var before = (_test.Stepper.State.Words.ToArray(), _test.Stepper.State.Fingerprint);
        Assert.Equal(slab.Slots[1].Generations[0].Id, _test.Step(0, choice: 0).Value);

        _test.Stepper.State.Load(before.Item1, before.Fingerprint.Low, before.Fingerprint.High);
        Assert.Equal(slab.Slots[0].Generations[1].Id, _test.Step(0, choice: 1).Value);
        Assert.True(_test.View.IsLive(slab.Slots[0].Generations[1]));
        Assert.False(_test.View.IsLive(slab.Slots[0].Generations[0]));
    }

    [Fact]
    public void An_object_is_allocated_no_more_often_than_it_has_generations()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 1, Generations: 2, Reuse: true));
        _test.Begin(() => Churn(slab));
        _test.Steps(0, 4);

        Assert.True(_test.Step().ScopeTooSmall);

        static async KernelTask Churn(SlabCache<Page> slab)
        {
            while (true)
            {
                await kmem_cache_free(await kmem_cache_alloc(slab));
            }
        }
    }

    [Fact]
    public void A_pool_that_is_used_up_is_a_scope_too_small_and_never_ENOMEM()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 1));
        _test.Begin(() => Allocate(slab), () => Allocate(slab));
        _test.Step(0);

        var step = _test.Step(1);

        Assert.True(step.ScopeTooSmall);
        Assert.True(step.IsFinal);
        Assert.Equal("slab", step.Reason);
        Assert.Equal(KernelBug.None, step.Bug);
    }

    [Fact]
    public void Freeing_twice_is_a_bug()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 1));

        Assert.Equal(KernelBug.DoubleFree, _test.Run(() => FreeTwice(slab)).Bug);

        static async KernelTask FreeTwice(SlabCache<Page> slab)
        {
            var page = await kmem_cache_alloc(slab);
            await kmem_cache_free(page);
            await kmem_cache_free(page);
        }
    }

    [Fact]
    public void In_an_ordinary_cache_freeing_through_a_stale_pointer_is_a_bug_and_the_object_lives_on()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 1, Generations: 2, Reuse: true));

        Assert.Equal(KernelBug.DoubleFree, _test.Run(() => FreeStale(slab)).Bug);
        Assert.True(_test.View.IsLive(slab.Slots[0].Generations[1]));
    }

    [Fact]
    public void In_a_type_safe_cache_freeing_through_a_stale_pointer_frees_the_object_that_is_there_now()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 1, Generations: 3, Reuse: true, TypeSafeByRcu: true));

        Assert.Equal(KernelBug.None, _test.Run(() => FreeStale(slab)).Bug);

        Assert.DoesNotContain(_test.View.Live<Page>(), static page => page.Slot is not null);
        _test.Begin(() => Allocate(slab));
        Assert.Equal(slab.Slots[0].Generations[2].Id, _test.Step().Value);
    }

    private static async KernelTask FreeStale(SlabCache<Page> slab)
    {
        var page = await kmem_cache_alloc(slab);
        await kmem_cache_free(page);
        await kmem_cache_alloc(slab);
        await kmem_cache_free(page);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void In_a_type_safe_cache_the_second_of_two_pointers_to_be_freed_is_a_double_free(bool staleFirst)
    {
        var slab = _test.Pages(new SlabOptions(Objects: 1, Generations: 2, Reuse: true, TypeSafeByRcu: true));
        _test.Begin(() => FreeBoth(slab, staleFirst));
        _test.Steps(0, 4);

        Assert.Equal(KernelBug.DoubleFree, _test.Step().Bug);

        static async KernelTask FreeBoth(SlabCache<Page> slab, bool staleFirst)
        {
            var stale = await kmem_cache_alloc(slab);
            await kmem_cache_free(stale);
            var live = await kmem_cache_alloc(slab);
            await kmem_cache_free(staleFirst ? stale : live);
            await kmem_cache_free(staleFirst ? live : stale);
        }
    }

    [Fact]
    public void In_a_type_safe_cache_freeing_what_was_never_allocated_is_a_double_free()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 1, TypeSafeByRcu: true));

        Assert.Equal(KernelBug.DoubleFree, _test.Run(() => Free((Page)slab.Slots[0].Generations[0])).Bug);
    }

    [Fact]
    public void In_a_type_safe_cache_freeing_what_is_on_a_page_that_is_gone_is_a_double_free()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 1, TypeSafeByRcu: true, Discard: true));
        _test.Stepper.Begin(_test.Environment, discard_slabs);
        _test.Begin(() => AllocateAndFree(slab), () => Free((Page)slab.Slots[0].Generations[0]));
        _test.Steps(0, 2);
        _test.Step(_test.Environment);

        Assert.Equal(KernelBug.DoubleFree, _test.Step(1).Bug);
    }

    [Fact]
    public void Freeing_what_is_from_no_cache_is_the_models_fault() =>
        Assert.Contains("page is freed, but it is from no slab cache", _test.FaultOf(() => Free(_test.Page)), StringComparison.Ordinal);

    [Theory]
    [InlineData("load")]
    [InlineData("store")]
    [InlineData("atomic_inc")]
    [InlineData("spin_lock")]
    [InlineData("down_write")]
    public void Any_use_of_a_freed_object_is_a_bug_even_where_it_would_block(string use)
    {
        var slab = _test.Pages(new SlabOptions(Objects: 1));
        var page = (Page)slab.Slots[0].Generations[0];
        _test.Begin(() => Free(page), () => Uses[use](page));
        _test.Stepper.State.Set(page.Slot!.Lifetime, SlabSlot.LiveWord(0));
        _test.Step(0);

        Assert.True(_test.CanStep(1));
        var bug = _test.Step(1);

        Assert.Equal(KernelBug.UseAfterFree, bug.Bug);
        Assert.Equal(page.Id, bug.BugAt.Object);
    }

    [Fact]
    public void A_use_of_an_object_that_was_never_allocated_is_a_bug()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 1));

        Assert.Equal(KernelBug.UseAfterFree, _test.Run(() => Uses["load"]((Page)slab.Slots[0].Generations[0])).Bug);
    }

    private static readonly Dictionary<string, Func<Page, KernelTask>> Uses = new()
    {
        ["load"] = static async page => await load(page.count),
        ["store"] = static async page => await store(page.count, 1),
        ["atomic_inc"] = static async page => await atomic_inc(page.count),
        ["spin_lock"] = static async page => await spin_lock(page.ptl),
        ["down_write"] = static async page => await down_write(page.rwsem),
    };

    [Fact]
    public void A_stale_pointer_into_an_ordinary_cache_is_a_bug_although_the_memory_is_in_use_again()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 1, Generations: 2, Reuse: true));

        Assert.Equal(KernelBug.UseAfterFree, _test.Run(() => ReadStale(slab)).Bug);
    }

    [Fact]
    public void A_stale_pointer_into_a_type_safe_cache_reads_the_object_that_is_there_now()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 1, Generations: 2, Reuse: true, TypeSafeByRcu: true));
        _test.Begin(() => ReadStale(slab));
        _test.Steps(0, 4);

        Assert.Equal(7, _test.Step().Value);
    }

    private static async KernelTask ReadStale(SlabCache<Page> slab)
    {
        var page = await kmem_cache_alloc(slab);
        await kmem_cache_free(page);
        var again = await kmem_cache_alloc(slab);
        await WRITE_ONCE(again.count, 7);
        await READ_ONCE(page.count);
    }

    [Fact]
    public void An_ordinary_object_has_its_first_values_after_the_free_and_a_type_safe_one_keeps_them()
    {
        foreach (var typeSafe in (bool[])[false, true])
        {
            var test = new TestMachine();
            var slab = test.Pages(new SlabOptions(Objects: 1, TypeSafeByRcu: typeSafe));
            var page = (Page)slab.Slots[0].Generations[0];

            Assert.False(test.Run(() => UseAndFree(slab)).IsFinal);

            Assert.Equal(typeSafe ? (5, 3) : (0, -1), (test.Get(page.count), test.Get(page.mapcount)));
        }

        static async KernelTask UseAndFree(SlabCache<Page> slab)
        {
            var page = await kmem_cache_alloc(slab);
            await WRITE_ONCE(page.count, 5);
            await WRITE_ONCE(page.mapcount, 3);
            await kmem_cache_free(page);
        }
    }

    [Fact]
    public void Freeing_with_a_lock_inside_that_is_held_is_a_bug()
    {
        Assert.All((string[])["spin_lock", "down_write", "down_read"], static taken =>
        {
            var bug = FreeWith(taken, typeSafe: false, out var test);

            Assert.Equal(KernelBug.FreeOfHeldLock, bug.Bug);
            Assert.Equal(CellRole.Lock, test.Machine.Cells[bug.BugAt.Cell - 1].Role);
        });
    }

    [Fact]
    public void Freeing_with_a_bit_spinlock_inside_that_is_held_is_a_bug()
    {
        var bug = FreeWith("bit_spin_lock", typeSafe: false, out var test);

        Assert.Equal(KernelBug.FreeOfHeldLock, bug.Bug);
        Assert.Equal("slab0.flags", test.Machine.Cells[bug.BugAt.Cell - 1].Name);
        Assert.True(test.View.IsLive(test.Machine.Caches[0].Slots[0].Generations[0]));
    }

    [Fact]
    public void Freeing_with_ones_own_bit_spinlock_inside_is_a_bug()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 1));

        Assert.Equal(KernelBug.FreeOfHeldLock, _test.Run(() => FreeLocked(slab)).Bug);

        static async KernelTask FreeLocked(SlabCache<Page> slab)
        {
            var page = await kmem_cache_alloc(slab);
            await bit_spin_lock(PageFlags.Busy, page.flags);
            await kmem_cache_free(page);
        }
    }

    [Fact]
    public void In_a_type_safe_cache_a_bit_spinlock_may_be_held_too() =>
        Assert.Equal(KernelBug.None, FreeWith("bit_spin_lock", typeSafe: true, out _).Bug);

    [Fact]
    public void Freeing_with_a_bit_set_that_is_no_lock_of_anyones_is_none()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 1));

        Assert.Equal(KernelBug.None, _test.Run(() => FreeMarked(slab)).Bug);

        static async KernelTask FreeMarked(SlabCache<Page> slab)
        {
            var page = await kmem_cache_alloc(slab);
            await set_bit(PageFlags.Busy, page.flags);
            await kmem_cache_free(page);
        }
    }

    [Fact]
    public void Freeing_next_to_an_object_whose_locks_are_held_is_none()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 2));

        Assert.Equal(KernelBug.None, _test.Run(() => FreeNeighbour(slab)).Bug);

        static async KernelTask FreeNeighbour(SlabCache<Page> slab)
        {
            var page = await kmem_cache_alloc(slab);
            var neighbour = await kmem_cache_alloc(slab);
            await down_read(page.rwsem);
            await kmem_cache_free(neighbour);
            await up_read(page.rwsem);
        }
    }

    [Fact]
    public void Ghosts_inside_an_object_survive_the_free_and_its_other_cells_do_not()
    {
        var slab = _test.Cache("counted", static at => new Counted(at), new SlabOptions(Objects: 1, Generations: 2, Reuse: true));
        var (first, second) = ((Counted)slab.Slots[0].Generations[0], (Counted)slab.Slots[0].Generations[1]);

        Assert.False(_test.Run(() => UseAndFree(slab)).IsFinal);
        Assert.Equal((0, 5), (_test.Get(first.value), _test.Get(first.uses)));

        Assert.False(_test.Run(() => UseAndFree(slab)).IsFinal);
        Assert.Equal((0, 10), (_test.Get(second.value), _test.Get(second.uses)));

        static async KernelTask UseAndFree(SlabCache<Counted> slab)
        {
            var counted = await kmem_cache_alloc(slab);
            await WRITE_ONCE(counted.value, 3);
            Control.GhostAdd(counted.uses, 5);
            await kmem_cache_free(counted);
        }
    }

    private sealed class Counted(Layout at) : KernelObject(at)
    {
        public readonly Shared<int> value = at.Cell(0, 10);
        public readonly Ghost<int> uses = at.Ghost(0, 10);
    }

    [Fact]
    public void In_a_type_safe_cache_an_optimistic_reader_may_hold_the_lock_of_a_freed_object()
    {
        Assert.Equal(KernelBug.None, FreeWith("down_read", typeSafe: true, out var test).Bug);

        // It still holds it, and may release it.
        var page = (Page)test.Machine.Caches[0].Slots[0].Generations[0];
        Assert.Equal(1, test.Get(new Shared<int>(page.Id, page.rwsem.Writer.Cell + 1)));
        Assert.Equal(KernelBug.None, test.Step(0).Bug);
        Assert.Equal(0, test.Get(new Shared<int>(page.Id, page.rwsem.Writer.Cell + 1)));
    }

    [Fact]
    public void Freeing_with_a_lock_inside_that_is_waited_for_is_a_bug()
    {
        var test = new TestMachine(threads: 3);
        var slab = test.Pages(new SlabOptions(Objects: 1));
        var page = (Page)slab.Slots[0].Generations[0];
        test.Begin(() => TakeAndRelease(page, "down_read"), () => Uses["down_write"](page), () => Free(page));
        test.Stepper.State.Set(page.Slot!.Lifetime, SlabSlot.LiveWord(0));
        test.Step(0);
        test.Step(1);
        test.Step(0); // free again, with a waiter

        Assert.Equal(KernelBug.FreeOfHeldLock, test.Step(2).Bug);
    }

    private static StepResult FreeWith(string taken, bool typeSafe, out TestMachine test)
    {
        test = new TestMachine(threads: 2);
        var slab = test.Pages(new SlabOptions(Objects: 1, TypeSafeByRcu: typeSafe));
        var page = (Page)slab.Slots[0].Generations[0];
        test.Begin(() => TakeAndRelease(page, taken), () => Free(page));
        test.Stepper.State.Set(page.Slot!.Lifetime, SlabSlot.LiveWord(0));
        test.Step(0);
        return test.Step(1);
    }

    private static KernelTask TakeAndRelease(Page page, string lockName) => lockName switch
    {
        "spin_lock" => Spin(page),
        "down_write" => Write(page),
        "bit_spin_lock" => BitSpin(page),
        _ => Read(page),
    };

    private static async KernelTask Spin(Page page)
    {
        await spin_lock(page.ptl);
        await spin_unlock(page.ptl);
    }

    private static async KernelTask BitSpin(Page page)
    {
        await bit_spin_lock(PageFlags.Busy, page.flags);
        await bit_spin_unlock(PageFlags.Busy, page.flags);
    }

    private static async KernelTask Write(Page page)
    {
        await down_write(page.rwsem);
        await up_write(page.rwsem);
    }

    private static async KernelTask Read(Page page)
    {
        await down_read(page.rwsem);
        await up_read(page.rwsem);
    }

    [Fact]
    public void A_slab_page_goes_a_grace_period_after_the_free_and_then_a_stale_pointer_is_a_bug()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 1, TypeSafeByRcu: true, Discard: true));
        var page = (Page)slab.Slots[0].Generations[0];
        _test.Stepper.Begin(_test.Environment, discard_slabs);
        _test.Begin(() => AllocateAndFree(slab), () => ReadsInSection(page));
        _test.Step(0);
        _test.Step(1);
        Assert.False(_test.CanStep(_test.Environment));
        _test.Step(0);

        // A reader that was inside at the free is safe until it leaves.
        Assert.False(_test.CanStep(_test.Environment));
        Assert.Equal(KernelBug.None, _test.Step(1).Bug);
        _test.Step(1);
        _test.Step(_test.Environment);
        Assert.False(_test.CanStep(_test.Environment));

        Assert.Equal(KernelBug.UseAfterFree, _test.Step(1).Bug);

        static async KernelTask ReadsInSection(Page page)
        {
            await rcu_read_lock();
            await READ_ONCE(page.count);
            await rcu_read_unlock();
            await READ_ONCE(page.count);
        }
    }

    [Fact]
    public void Without_discard_a_stale_pointer_into_a_type_safe_cache_stays_legal()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 1, TypeSafeByRcu: true));
        var page = (Page)slab.Slots[0].Generations[0];
        _test.Stepper.Begin(_test.Environment, discard_slabs);
        _test.Begin(() => AllocateAndFree(slab), () => Uses["load"](page));
        _test.Steps(0, 2);

        Assert.False(_test.CanStep(_test.Environment));
        Assert.Equal(KernelBug.None, _test.Step(1).Bug);
    }

    [Fact]
    public void An_object_whose_page_is_gone_is_not_used_again()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 1, Generations: 2, Reuse: true, TypeSafeByRcu: true, Discard: true));
        _test.Stepper.Begin(_test.Environment, discard_slabs);
        _test.Begin(() => AllocateFreeAllocate(slab));
        _test.Steps(0, 2);
        _test.Step(_test.Environment);

        Assert.True(_test.Step().ScopeTooSmall);
    }

    [Fact]
    public void An_object_that_is_used_again_keeps_its_page()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 1, Generations: 2, Reuse: true, TypeSafeByRcu: true, Discard: true));
        _test.Stepper.Begin(_test.Environment, discard_slabs);
        _test.Begin(() => AllocateFreeAllocate(slab));
        _test.Steps(0, 2);
        Assert.True(_test.CanStep(_test.Environment));

        _test.Step();

        Assert.False(_test.CanStep(_test.Environment));
    }

    [Fact]
    public void An_object_that_is_used_again_no_longer_records_who_could_see_it_before()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 1, Generations: 2, Reuse: true, TypeSafeByRcu: true, Discard: true));
        _test.Begin(() => AllocateFreeAllocate(slab), Inside);
        _test.Step(1);
        _test.Steps(0, 2);
        Assert.Equal(0b10, _test.View.Word(slab.Slots[0].Snapshot));

        _test.Step(0);

        Assert.Equal(0, _test.View.Word(slab.Slots[0].Snapshot));

        static async KernelTask Inside()
        {
            await rcu_read_lock();
            await rcu_read_unlock();
        }
    }

    private static async KernelTask Allocate(SlabCache<Page> slab) => await kmem_cache_alloc(slab);

    private static async KernelTask Free(Page page) => await kmem_cache_free(page);

    private static async KernelTask AllocateAndFree(SlabCache<Page> slab) => await kmem_cache_free(await kmem_cache_alloc(slab));

    private static async KernelTask AllocateFreeAllocate(SlabCache<Page> slab)
    {
        await kmem_cache_free(await kmem_cache_alloc(slab));
        await kmem_cache_alloc(slab);
    }
}
