using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>The slab caches of the model and the page allocator's folios. How large each is, the scenario says.</summary>
public sealed class Caches
{
    private readonly AbsentPmd _absent;
    private readonly Folio[] _memMap;
    private readonly Folio[] _thps; // their frames come after those of _memMap, HPAGE_PMD_NR each
    private readonly Folio[] _halves; // and theirs after those

    internal Caches(MachineBuilder builder, Config config, IReadOnlyDictionary<string, SlabOptions> pools)
    {
        // A count is as wide as there are things to count, so that no scenario can exceed it unless the model is wrong.
        var most = Of(pools, "mm").Objects + Of(pools, "folio").Objects + Of(pools, "thp").Objects + Of(pools, "vma").Objects;
        var chains = Of(pools, "anon_vma_chain").Objects;
        Threads = [.. Enumerable.Range(0, builder.ThreadCount).Select(i => builder.Object($"current{i}", at => new KernelThread(at, i, config.MLOCK)))];
        var pages = config.Pages;
        Tlbs = [.. Enumerable.Range(0, builder.ThreadCount).Select(i => builder.Object($"tlb{i}", at => new Tlb(at, pages)))];
        Folio = builder.Cache("folio", at => new Folio(at, most, 1, config.MEMCG, config.MLOCK), Of(pools, "folio"));
        PageTable = builder.Cache("page_table", at => new PageTable(at, config.PTRS_PER_PTE), Of(pools, "page_table"));
        Mm = builder.Cache("mm", at => new Mm(at, Of(pools, "vma").Objects, Math.Max(1, builder.ThreadCount), config.PTRS_PER_PMD, config.PTRS_PER_PTE, pages), Of(pools, "mm"));
        Vma = builder.Cache("vma", at => new Vma(at, pages, chains), Of(pools, "vma"));
        AnonVma = builder.Cache("anon_vma", at => new AnonVma(at, chains), Of(pools, "anon_vma"));
        AnonVmaChain = builder.Cache("anon_vma_chain", at => new AnonVmaChain(at), Of(pools, "anon_vma_chain"));
        AddressSpace = builder.Cache("address_space", at => new AddressSpace(at, pages, Of(pools, "vma").Objects), Of(pools, "address_space"));
        Thp = builder.Cache("thp", at => new Folio(at, most, config.HPAGE_PMD_NR, config.MEMCG, config.MLOCK), Of(pools, "thp"));
        HugeZeroPage = builder.Cache("huge_zero_page", at => new Folio(at, most, config.HPAGE_PMD_NR, config.MEMCG, config.MLOCK), Of(pools, "huge_zero_page"));
        HugeZero = builder.Object("huge_memory", at => new HugeZero(at));
        Kvm = builder.Cache("kvm", at => new Kvm(at, pages), Of(pools, "kvm"));
        FreePageTable = builder.Register(new RcuAction(new Operation(OperationCode.kmem_cache_free)), "pte_free_now");
        _absent = config.Arch.pmd_pfn_of_absent;
        _memMap = [.. Folio.Slots.SelectMany(s => s.Generations).Cast<Folio>()];
        _thps = [.. Thp.Slots.Concat(HugeZeroPage.Slots).SelectMany(s => s.Generations).Cast<Folio>()];
        if (_thps.Length > 0 || config.MLOCK || config.MEMCG)
        {
            Pgdat = builder.Object("node", at => new Pgdat(at, most * config.HPAGE_PMD_NR));
        }

        SwapSlots = [.. Enumerable.Range(1, config.SWAP_SLOTS).Select(i => builder.Object($"swap_slot{i}", at => new SwapSlot(at, i, most)))];
        Stores = builder.Object("stores", at => new Stores(at));
        Memcg = builder.Cache("memcg", at => new Memcg(at, most * config.HPAGE_PMD_NR, builder.ThreadCount), Of(pools, "memcg"));
        HalfThp = builder.Cache("half_thp", at => new Folio(at, most, Math.Max(1, config.HPAGE_PMD_NR / 2), config.MEMCG, config.MLOCK), Of(pools, "half_thp"));
        _halves = [.. HalfThp.Slots.SelectMany(s => s.Generations).Cast<Folio>()];
    }

    /// <summary>The pools by name with what they are unless a scenario says otherwise.</summary>
    public static IReadOnlyDictionary<string, SlabOptions> Defaults { get; } = new Dictionary<string, SlabOptions>
    {
        ["folio"] = new(1),
        ["page_table"] = new(1),
        ["mm"] = new(1),
        ["vma"] = new(1),
        ["anon_vma"] = new(1, TypeSafeByRcu: true),
        ["anon_vma_chain"] = new(1),
        ["address_space"] = new(0),
        ["kvm"] = new(0),
        ["huge_zero_page"] = new(0),
        ["memcg"] = new(0),
        ["thp"] = new(0),
        ["half_thp"] = new(0),
    };

    /// <summary>task_struct, one for each thread.</summary>
    public IReadOnlyList<KernelThread> Threads { get; }

    /// <summary>The TLBs of the threads' CPUs.</summary>
    public IReadOnlyList<Tlb> Tlbs { get; }

    /// <summary>Pages.</summary>
    public SlabCache<Folio> Folio { get; }

    /// <summary>Pages of ptes.</summary>
    public SlabCache<PageTable> PageTable { get; }

    /// <summary>mm_cachep.</summary>
    public SlabCache<Mm> Mm { get; }

    /// <summary>vm_area_cachep.</summary>
    public SlabCache<Vma> Vma { get; }

    /// <summary>anon_vma_cachep: SLAB_TYPESAFE_BY_RCU.</summary>
    public SlabCache<AnonVma> AnonVma { get; }

    /// <summary>anon_vma_chain_cachep.</summary>
    public SlabCache<AnonVmaChain> AnonVmaChain { get; }

    /// <summary>Files.</summary>
    public SlabCache<AddressSpace> AddressSpace { get; }

    /// <summary>THPs.</summary>
    public SlabCache<Folio> Thp { get; }

    /// <summary>Folios of half as many pages: what a split that is not uniform leaves.</summary>
    public SlabCache<Folio> HalfThp { get; }

    /// <summary>The huge zero page, where a scenario has one.</summary>
    public SlabCache<Folio> HugeZeroPage { get; }

    /// <summary>What mm/huge_memory.c knows of the huge zero page.</summary>
    public HugeZero HugeZero { get; }

    /// <summary>mem_cgroups.</summary>
    public SlabCache<Memcg> Memcg { get; }

    /// <summary>The one node, where there are THPs or memcgs, or memory may be locked.</summary>
    public Pgdat? Pgdat { get; }

    /// <summary>Swap.</summary>
    public IReadOnlyList<SwapSlot> SwapSlots { get; }

    /// <summary>Ghost: who stored what.</summary>
    public Stores Stores { get; }

    /// <summary>Virtual machines.</summary>
    public SlabCache<Kvm> Kvm { get; }

    /// <summary>Frees a page table a grace period later.</summary>
    public RcuAction FreePageTable { get; }

    /// <summary>page_to_pfn of a folio's first page. Frame numbers begin at 1; folios are registered one after the other.</summary>
    /// <remarks>Each generation of a folio has a number of its own (hides mistakes of one page for another that has its frame now).</remarks>
    public int page_to_pfn(Folio folio)
    {
        ArgumentNullException.ThrowIfNull(folio);
        return folio.Pages == 1 ? folio.Id - _memMap[0].Id + 1
            : Array.IndexOf(_thps, folio) is >= 0 and var i ? _memMap.Length + (i * folio.Pages) + 1
            : FirstOfHalves + (Array.IndexOf(_halves, folio) * folio.Pages);
    }

    /// <summary>page_to_pfn of any page of a folio.</summary>
    public int page_to_pfn(Page page) => page_to_pfn(page.Folio) + page.Number;

    /// <summary>page_folio(pfn_to_page(pfn)): the folio that a frame is of.</summary>
    public Folio pfn_to_page(int pfn) => pfn <= _memMap.Length ? _memMap[pfn - 1]
        : pfn < FirstOfHalves ? _thps[(pfn - _memMap.Length - 1) / _thps[0].Pages]
        : _halves[(pfn - FirstOfHalves) / _halves[0].Pages];

    /// <summary>pfn_to_page, as a page of its folio.</summary>
    public Page pfn_to_subpage(int pfn) => new(pfn_to_page(pfn), pfn - page_to_pfn(pfn_to_page(pfn)));

    /// <summary>What pmd_page() makes of the migration entry that names a page; null is no page.</summary>
    internal Folio? page_of_absent_pmd(Folio named)
    {
        var page = _absent switch
        {
            AbsentPmd.huge_zero_page => (Folio)HugeZeroPage.Slots[0].Generations[0],
            AbsentPmd.other_page => _thps[0],
            _ => null,
        };
        return page == named ? null : page;
    }

    /// <summary>Which page of its folio a frame number is: page - &amp;folio->page.</summary>
    public int pfn_to_index(int pfn) => pfn_to_subpage(pfn).Number;

    /// <summary>mm_id: a small number for an mm, from 1.</summary>
    public int mm_id(Mm mm) => Mm.Slots.SelectMany(s => s.Generations).Cast<Mm>().TakeWhile(m => m != mm).Count() + 1;

    private int FirstOfHalves => _memMap.Length + _thps.Sum(t => t.Pages) + 1;

    private static SlabOptions Of(IReadOnlyDictionary<string, SlabOptions> pools, string name) =>
        pools.TryGetValue(name, out var options) ? options : Defaults[name];
}
