using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>
/// arch/x86/include/asm/pgtable.h and arch/x86/mm/pgtable.c: what is done to one pte, and what one PMD is. Of what differs between
/// architectures, <see cref="Arch"/> says which way it is.
/// </summary>
public class pgtable(Kernel kernel) : KernelFile(kernel)
{
    private static readonly Pte Young = new(Present: false, Write: false, Dirty: false, Young: true, 0);
    private static readonly Pte Write = new(Present: false, Write: true, Dirty: false, Young: false, 0);

    /// <summary>How many pages the reach of a PMD has.</summary>
    public int PTRS_PER_PTE => Config.PTRS_PER_PTE;

    /// <summary>The PMD entry of an address.</summary>
    public Shared<Pmd> pmd_offset(Mm mm, int address)
    {
        ArgumentNullException.ThrowIfNull(mm);
        return mm.pmd_offset(address);
    }

    /// <summary>The place of an address's pte in its table.</summary>
    public int pte_index(int address) => address % Config.PTRS_PER_PTE;

    /// <summary>Where the reach of an address's PMD ends, or the range if it does before.</summary>
    public int pmd_addr_end(int address, int end) => Math.Min(((address / Config.PTRS_PER_PTE) + 1) * Config.PTRS_PER_PTE, end);

    /// <summary>Whether there is nothing.</summary>
    public virtual bool pmd_none(Pmd pmd) => pmd.Kind == PmdKind.None;

    /// <summary>Whether it leads to a table or a page. True of a huge page's entry that was invalidated, though the hardware does not use it.</summary>
    public virtual bool pmd_present(Pmd pmd) => pmd.Kind is PmdKind.Table or PmdKind.Huge or PmdKind.Invalidated;

    /// <summary>Whether it maps a huge page. True of one that was invalidated.</summary>
    public virtual bool pmd_trans_huge(Pmd pmd) => pmd.Kind is PmdKind.Huge or PmdKind.Invalidated;

    /// <summary>Whether it holds something and is not present.</summary>
    [KernelSource("include/linux/huge_mm.h")]
    public virtual bool is_swap_pmd(Pmd pmd) => !pmd_none(pmd) && !pmd_present(pmd);

    /// <summary>Whether it names a huge page that migration has unmapped.</summary>
    [KernelSource("include/linux/swapops.h")]
    public virtual bool is_pmd_migration_entry(Pmd pmd) => !pmd_present(pmd) && pmd.Kind == PmdKind.Migration;

    /// <summary>Whether it has no table to walk: it is none, huge or a migration entry.</summary>
    [KernelSource("include/linux/pgtable.h", Function = "pmd_none_or_trans_huge_or_clear_bad")]
    public virtual bool pmd_none_or_trans_huge(Pmd pmd) => pmd_none(pmd) || pmd_trans_huge(pmd) || !pmd_present(pmd);

    /// <summary>Whether it cannot be an entry that points to a table. True of a huge page's; of a migration entry's as the architecture has it.</summary>
    public virtual bool pmd_bad(Pmd pmd) => pmd_trans_huge(pmd) || (pmd.Kind == PmdKind.Migration && Config.Arch.pmd_bad_of_migration);

    /// <summary>The table that it points to, to be walked; where it points to none, that is a kernel bug.</summary>
    public PageTable pmd_pgtable(Pmd pmd) => pmd.Table()!;

    /// <summary>
    /// The page that it maps, to be used. Where it is not present that is a kernel bug, and the page is what the architecture makes of
    /// the bits.
    /// </summary>
    public Folio pmd_page(Pmd pmd) => pmd.Leads(Caches)!;

    /// <summary>
    /// Whether pmd_page() or pmd_pfn() is that of a page, which is compared and not touched. Where it is not present that is untidy: the
    /// answer is what the architecture makes of the bits.
    /// </summary>
    public bool pmd_page_is(Pmd pmd, Folio? page) => pmd.IsAt(Caches, page);

    /// <summary>The page that a migration entry names; of any other entry that is a kernel bug. Without the kernel's assertion that it is locked.</summary>
    [KernelSource("include/linux/swapops.h")]
    public Folio pmd_to_swp_page(Pmd pmd) => pmd.Names(Caches)!;

    // What properties ask.

    /// <summary>The page that a PMD maps or, as a migration entry, names; null for any other.</summary>
    public Folio? PageOf(StateView view, Pmd pmd) => pmd.Page(view, Caches);

    /// <summary>The table that a PMD points to; null where it points to none.</summary>
    public PageTable? TableOf(StateView view, Pmd pmd)
    {
        ArgumentNullException.ThrowIfNull(view);
        return pmd.Table(view.Machine);
    }

    /// <summary>Clears a pte and returns what it was, in one step.</summary>
    /// <remarks>For a whole mm that goes, x86 loads and stores: no CPU runs in that mm that could set a bit in between.</remarks>
    [KernelSource("arch/x86/include/asm/pgtable.h")]
    public virtual Step<Pte> ptep_get_and_clear_full(Shared<Pte> ptep) => xchg(ptep, default);

    /// <summary>Clears the accessed bit, and says whether it was set. Looks first, then does it atomically.</summary>
    [KernelSource("arch/x86/mm/pgtable.c")]
    public virtual async KernelTask<bool> ptep_test_and_clear_young(Shared<Pte> ptep)
    {
        var pte = await load(ptep);
        return pte.Young && await test_and_clear_bit(Young, ptep);
    }

    /// <summary>Makes a present pte allow more. The caller holds the page-table lock.</summary>
    /// <param name="ptep">The pte.</param>
    /// <param name="entry">What it is to be.</param>
    /// <param name="dirty">Whether it is for a store. For a load x86 leaves the pte alone: the CPU sets the accessed bit itself.</param>
    /// <remarks>A load and a store: the bits that a CPU may set in between, accessed and dirty, are set in what a store's fault writes anyway.</remarks>
    [KernelSource("arch/x86/mm/pgtable.c")]
    public virtual async KernelTask ptep_set_access_flags(Shared<Pte> ptep, Pte entry, bool dirty)
    {
        if (await load(ptep) != entry && dirty)
        {
            await store(ptep, entry);
        }
    }

    /// <summary>The table of an address, to be looked at without its lock; null where the PMD has none.</summary>
    /// <remarks>Until 6.4 it is for callers who know that there is a table: anything else is a kernel bug here, and no caller sees null.</remarks>
    [KernelSource("include/linux/pgtable.h")]
    public virtual async KernelTask<PageTable?> pte_offset_map(Mm mm, int address)
    {
        var pmd = await load(pmd_offset(mm, address));
        return pmd_pgtable(pmd);
    }

    /// <summary>Ends the look.</summary>
    [KernelSource("include/linux/pgtable.h")]
    public virtual async KernelTask pte_unmap()
    {
    }

    /// <summary>The table whose lock is to be taken for a pte that was looked at in a table.</summary>
    /// <remarks>Until 6.4 that is the one that the PMD leads to now; anything else than a table there is a kernel bug here.</remarks>
    [KernelSource("include/linux/mm.h")]
    public virtual async KernelTask<PageTable> pte_lockptr(Mm mm, int address, PageTable table)
    {
        var pmd = await load(pmd_offset(mm, address));
        return pmd_pgtable(pmd);
    }

    /// <summary>The table of an address with its lock held; null where the PMD has none.</summary>
    /// <remarks>As <see cref="pte_offset_map"/>. The PMD is read once: the kernel reads it again for the lock.</remarks>
    [KernelSource("include/linux/mm.h")]
    public virtual async KernelTask<PageTable?> pte_offset_map_lock(Mm mm, int address)
    {
        var pmd = await load(pmd_offset(mm, address));
        var table = pmd_pgtable(pmd);
        await spin_lock(table.ptl);
        return table;
    }

    /// <summary>Clears a PMD that points to a table, and flushes what the TLBs know of its reach.</summary>
    /// <remarks>Left out: the TLBs themselves; where a flush interrupts the other CPUs and waits for them, that is here.</remarks>
    [KernelSource("mm/pgtable-generic.c")]
    public virtual async KernelTask<Pmd> pmdp_collapse_flush(Shared<Pmd> pmdp)
    {
        if (Config.DEBUG_VM)
        {
            BUG_ON(pmd_trans_huge(await load(pmdp)), "VM_BUG_ON(pmd_trans_huge(*pmdp))");
        }

        var pmd = await xchg(pmdp, default);
        if (Config.Arch.tlb_flush_is_ipi)
        {
            await Interrupts.smp_call_function(); // flush_tlb_range
        }

        return pmd;
    }

    /// <summary>Clears the write bit.</summary>
    [KernelSource("arch/x86/include/asm/pgtable.h")]
    public virtual Step ptep_set_wrprotect(Shared<Pte> ptep) => clear_bit(Write, ptep);
}
