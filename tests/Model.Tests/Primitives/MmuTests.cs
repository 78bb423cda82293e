using ThpCheck.Model.Objects;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Model.Tests.Stepping;
using static ThpCheck.Model.Primitives.MemoryAccess;
using static ThpCheck.Model.Primitives.Mmu;
using static ThpCheck.Model.Primitives.Slab;

namespace ThpCheck.Model.Tests.Primitives;

public sealed class MmuTests
{
    private static readonly Pte Clean = new(Present: true, Write: true, Dirty: false, Young: false, Pfn: 1);

    private readonly TestMachine _test = new(threads: 2);
    private readonly Folio _folio;
    private readonly PageTable _table;
    private readonly Mm _mm;
    private readonly Tlb _tlb;

    public MmuTests()
    {
        _folio = _test.Add("folio", static at => new Folio(at, 1));
        _table = _test.Add("table", static at => new PageTable(at, 2));
        _mm = _test.Add("mm", static at => new Mm(at, 1));
        _tlb = _test.Add("tlb", static at => new Tlb(at, 2));
    }

    [Fact]
    public void A_store_without_an_entry_walks_first_and_marks_the_pte()
    {
        Mapped(Clean).Begin(Stores);

        Assert.Equal(Access.Walked, Next());
        Assert.Equal(Clean with { Dirty = true, Young = true }, _test.Get(_table.pte[0]));
        Assert.Equal(0, _test.Get(_folio.data));

        Assert.Equal(Access.Done, Next());
        Assert.Equal(1, _test.Get(_folio.data));
    }

    [Fact]
    public void A_dirty_entry_stores_after_its_pte_was_cleared()
    {
        Mapped(Clean).Begin(Stores, Clears);
        Next();
        _test.Step(1);

        Assert.Equal(Access.Done, Next());
        Assert.Equal(1, _test.Get(_folio.data));
        Assert.Equal(default, _test.Get(_table.pte[0]));
    }

    [Fact]
    public void A_clean_entry_faults_after_its_pte_was_cleared_and_is_gone()
    {
        Mapped(Clean).Begin(LoadsThenStores, Clears);
        Assert.Equal(LoadWalked, _test.Step().Value);
        Assert.Equal(new TlbEntry(true, true, false, 1), _test.Get(_tlb.entry[0]));
        _test.Step(1);
        Assert.Equal(0, _test.Step().Value); // a load needs no more than that

        Assert.Equal(Access.Fault, Next());
        Assert.Equal(default, _test.Get(_tlb.entry[0]));
        Assert.Equal(0, _test.Get(_folio.data));
    }

    [Fact]
    public void A_store_to_what_is_read_only_faults()
    {
        Mapped(Clean with { Write = false }).Begin(Stores);

        Assert.Equal(Access.Fault, Next());
        Assert.Equal(Clean with { Write = false }, _test.Get(_table.pte[0]));
    }

    [Fact]
    public void Without_a_page_table_every_access_faults()
    {
        _test.Begin(LoadsThenStores);

        Assert.Equal(LoadFaults, _test.Step().Value);
    }

    [Theory]
    [InlineData(0, 1, true)]
    [InlineData(1, 2, false)]
    public void A_flush_drops_what_is_in_its_range(int start, int end, bool drops)
    {
        Mapped(Clean).Begin(Stores, () => Flushes(_mm, start, end));
        Next();
        _test.Step(1);

        Assert.Equal(drops, _test.Get(_tlb.entry[0]) == default);
    }

    [Fact]
    public void Loading_another_page_table_drops_every_entry_and_its_flushes_leave_those_of_the_first_alone()
    {
        var other = _test.Add("other", static at => new Mm(at, 1));
        Mapped(Clean).Begin(() => StoresToBoth(_tlb, _mm, other), () => Flushes(other, 0, 2));
        Next();
        _test.Step(1);
        Assert.NotEqual(default, _test.Get(_tlb.entry[0]));

        Next();
        Assert.Equal(default, _test.Get(_tlb.entry[0]));
        Assert.Same(other, _test.Get(_tlb.loaded_mm));

        static async KernelTask StoresToBoth(Tlb tlb, Mm mm, Mm other)
        {
            await mmu_store(tlb, mm, 0, 1);
            await mmu_store(tlb, other, 0, 1);
        }
    }

    [Fact]
    public void Entries_come_from_present_ptes_of_a_loaded_page_table_and_go_again()
    {
        Mapped(Clean with { Dirty = true }).Begin(Stores, Clears);
        _test.Stepper.Begin(_test.Environment, tlb_entries_come_and_go);
        Assert.False(_test.CanStep(_test.Environment)); // nothing was loaded yet

        Next();
        _test.Step(_test.Environment);
        Assert.Equal(default, _test.Get(_tlb.entry[0]));

        _test.Step(_test.Environment);
        Assert.Equal(new TlbEntry(true, true, true, 1), _test.Get(_tlb.entry[0]));

        _test.Step(_test.Environment);
        _test.Step(1); // the pte is cleared
        Assert.False(_test.CanStep(_test.Environment));
    }

    [Fact]
    public void A_store_to_a_page_that_was_freed_is_a_use_after_free()
    {
        var test = new TestMachine();
        var cache = test.Cache("folio", static at => new Folio(at, 1), new SlabOptions(1));
        var table = test.Add("table", static at => new PageTable(at, 1));
        var mm = test.Add("mm", static at => new Mm(at, 1));
        var tlb = test.Add("tlb", static at => new Tlb(at, 1));
        test.Set(mm.pmd, Pmd.OfTable(table)).Set(table.pte[0], Clean);

        Assert.Equal(KernelBug.UseAfterFree, test.Run(() => Path(cache, tlb, mm)).Bug);

        static async KernelTask Path(SlabCache<Folio> cache, Tlb tlb, Mm mm)
        {
            var folio = await kmem_cache_alloc(cache);
            await mmu_store(tlb, mm, 0, 1);
            await mmu_store(tlb, mm, 0, 1);
            await kmem_cache_free(folio);
            await mmu_store(tlb, mm, 0, 2);
        }
    }

    private TestMachine Mapped(Pte pte) => _test.Set(_mm.pmd, Pmd.OfTable(_table)).Set(_table.pte[0], pte);

    private Access Next() => (Access)_test.Step().Value;

    // What frames hold must be of the machine, which the test itself is not.
    private KernelTask Stores() => Stores(_tlb, _mm);

    private KernelTask LoadsThenStores() => LoadsThenStores(_tlb, _mm);

    private KernelTask Clears() => Clears(_table);

    private static async KernelTask Stores(Tlb tlb, Mm mm)
    {
        await mmu_store(tlb, mm, 0, 1);
        await mmu_store(tlb, mm, 0, 1);
    }

    private static async KernelTask LoadsThenStores(Tlb tlb, Mm mm)
    {
        await mmu_load(tlb, mm, 0);
        await mmu_load(tlb, mm, 0);
        await mmu_store(tlb, mm, 0, 1);
    }

    private static async KernelTask Clears(PageTable table) => await xchg(table.pte[0], default);

    private static async KernelTask Flushes(Mm mm, int start, int end) => await flush_tlb_pages(mm, start, end);
}
