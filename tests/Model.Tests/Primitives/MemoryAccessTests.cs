using ThpCheck.Model.Stepping;
using ThpCheck.Model.Tests.Stepping;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;
using static ThpCheck.Model.Primitives.Slab;

namespace ThpCheck.Model.Tests.Primitives;

public sealed class MemoryAccessTests
{
    private readonly TestMachine _test = new(threads: 2);

    [Fact]
    public void Each_access_states_the_ordering_of_the_kernels()
    {
        _test.Begin(() => All(_test.Page));

        Assert.Equal(
            [
                (OperationCode.load, MemoryOrder.Plain),
                (OperationCode.store, MemoryOrder.Plain),
                (OperationCode.READ_ONCE, MemoryOrder.Once),
                (OperationCode.WRITE_ONCE, MemoryOrder.Once),
                (OperationCode.smp_load_acquire, MemoryOrder.Acquire),
                (OperationCode.smp_store_release, MemoryOrder.Release),
                (OperationCode.xchg, MemoryOrder.Full),
                (OperationCode.cmpxchg, MemoryOrder.Full),
            ],
            _test.Pendings());

        static async KernelTask All(Page page)
        {
            await load(page.count);
            await store(page.count, 1);
            await READ_ONCE(page.count);
            await WRITE_ONCE(page.count, 2);
            await smp_load_acquire(page.count);
            await smp_store_release(page.count, 3);
            await xchg(page.count, 4);
            await cmpxchg(page.count, 4, 5);
        }
    }

    [Fact]
    public void A_load_returns_what_the_last_store_of_any_thread_wrote()
    {
        _test.Begin(() => Reader(_test.Page), () => Writer(_test.Page));

        Assert.Equal(0, _test.Step(0).Value);
        _test.Step(1);
        Assert.Equal(5, _test.Step(0).Value);
        _test.Step(1);
        Assert.Equal(6, _test.Step(0).Value);
        _test.Step(1);
        Assert.Equal(7, _test.Step(0).Value);

        static async KernelTask Reader(Page page)
        {
            await load(page.count);
            await READ_ONCE(page.count);
            await smp_load_acquire(page.count);
            await load(page.count);
        }

        static async KernelTask Writer(Page page)
        {
            await store(page.count, 5);
            await WRITE_ONCE(page.count, 6);
            await smp_store_release(page.count, 7);
        }
    }

    [Fact]
    public void Xchg_stores_and_returns_what_was_there()
    {
        _test.Set(_test.Page.count, 3).Begin(() => Exchange(_test.Page));

        Assert.Equal(3, _test.Step().Value);
        Assert.Equal(9, _test.Get(_test.Page.count));

        static async KernelTask Exchange(Page page) => await xchg(page.count, 9);
    }

    [Theory]
    [InlineData(3, 9)]
    [InlineData(4, 4)]
    public void Cmpxchg_stores_only_if_the_word_is_the_old_one_and_returns_what_was_there(int there, int after)
    {
        _test.Set(_test.Page.count, there).Begin(() => CompareExchange(_test.Page));

        Assert.Equal(there, _test.Step().Value);
        Assert.Equal(after, _test.Get(_test.Page.count));

        static async KernelTask CompareExchange(Page page) => await cmpxchg(page.count, 3, 9);
    }

    [Fact]
    public void Cmpxchg_on_pointers_compares_addresses_and_returns_the_pointer_that_was_there()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 2, Generations: 2));
        var (stale, again, other) = ((Page)slab.Slots[0].Generations[0], (Page)slab.Slots[0].Generations[1], (Page)slab.Slots[1].Generations[0]);
        _test.Set(_test.Page.next, again).Begin(() => Replace(_test.Page, stale, other), () => Replace(_test.Page, stale, null));

        Assert.Equal(again.Id, _test.Step(0).Value);
        Assert.Same(other, _test.Get(_test.Page.next));

        Assert.Equal(other.Id, _test.Step(1).Value);
        Assert.Same(other, _test.Get(_test.Page.next));
    }

    [Fact]
    public void Cmpxchg_on_pointers_takes_null_for_null_only()
    {
        _test.Begin(() => Replace(_test.Page, null, _test.Page), () => Replace(_test.Page, null, null));

        Assert.Equal(0, _test.Step(0).Value);
        Assert.Same(_test.Page, _test.Get(_test.Page.next));

        Assert.Equal(_test.Page.Id, _test.Step(1).Value);
        Assert.Same(_test.Page, _test.Get(_test.Page.next));
    }

    private static async KernelTask Replace(Page page, Page? old, Page? value) => await cmpxchg(page.next, old, value);

    public static TheoryData<string> Stores => [.. Storing.Keys];

    [Theory]
    [MemberData(nameof(Stores))]
    public void Storing_an_object_that_is_not_the_machines_own_is_the_models_fault(string store) =>
        Assert.Contains("Page that was not registered with the machine", _test.FaultOf(() => Storing[store](_test.Page)), StringComparison.Ordinal);

    // Static, as a frame that held it would be a fault already.
    private static readonly Page Foreign = new TestMachine().Page;

    private static readonly Dictionary<string, Func<Page, KernelTask>> Storing = new()
    {
        ["store"] = static async page => await store(page.next, Foreign),
        ["WRITE_ONCE"] = static async page => await WRITE_ONCE(page.next, Foreign),
        ["smp_store_release"] = static async page => await smp_store_release(page.next, Foreign),
        ["xchg"] = static async page => await xchg(page.next, Foreign),
        ["cmpxchg of the old"] = static async page => await cmpxchg(page.next, Foreign, null),
        ["cmpxchg of the new"] = static async page => await cmpxchg(page.next, null, Foreign),
    };

    [Fact]
    public void A_barrier_is_no_step_and_is_recorded_with_the_step_before_it()
    {
        _test.Begin(() => Fenced(_test.Page));

        var step = _test.Step();

        Assert.Equal(["smp_mb", "smp_rmb", "smp_wmb"], step.Effects.Where(static e => e.Kind == EffectKind.Barrier).Select(static e => e.Text));
        Assert.Equal(OperationCode.READ_ONCE, _test.Stepper.Pending(0).Code);
        Assert.DoesNotContain(_test.Step().Effects, static e => e.Kind == EffectKind.Barrier);

        static async KernelTask Fenced(Page page)
        {
            await WRITE_ONCE(page.count, 1);
            await smp_mb();
            await smp_rmb();
            await smp_wmb();
            await READ_ONCE(page.count);
        }
    }

    [Fact]
    public void Under_sequential_consistency_one_of_two_store_buffering_threads_sees_the_others_store()
    {
        // Store buffering without barriers: wWrR, wWRr, wrWR and so on; in none do both read 0.
        _test.Begin(
            () => StoreThenLoad(_test.Page.count, _test.Page.mapcount, _test.Notes.first),
            () => StoreThenLoad(_test.Page.mapcount, _test.Page.count, _test.Notes.second));

        var outcomes = _test.Explore(view => $"{view.Get(_test.Notes.first)} {view.Get(_test.Notes.second)}").Outcomes;

        Assert.Equal(["-1 1", "1 0", "1 1"], outcomes);

        static async KernelTask StoreThenLoad(Shared<int> mine, Shared<int> its, Ghost<int> seen)
        {
            await WRITE_ONCE(mine, 1);
            Ghost(seen, await READ_ONCE(its));
        }
    }

    [Fact]
    public void An_access_after_the_free_is_a_bug_that_names_object_and_cell()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 1));
        _test.Begin(() => UseAfterFree(slab));
        _test.Steps(0, 2);

        var bug = _test.Step();

        Assert.Equal(KernelBug.UseAfterFree, bug.Bug);
        Assert.Equal(slab.Slots[0].Generations[0].Id, bug.BugAt.Object);
        Assert.Equal("slab0.count", _test.Machine.Cells[bug.BugAt.Cell - 1].Name);

        static async KernelTask UseAfterFree(SlabCache<Page> slab)
        {
            var page = await kmem_cache_alloc(slab);
            await kmem_cache_free(page);
            await READ_ONCE(page.count);
        }
    }
}
