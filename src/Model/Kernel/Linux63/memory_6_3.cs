using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/memory.c in 6.3: anonymous memory whose ptes may be migration entries.</summary>
/// <remarks>Left out: files, and with them delayed rmaps; huge PMDs, where something is zapped or copied (a misread PMD of the model).</remarks>
public class memory_6_3(Kernel kernel) : anon_memory(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "v6.3")]
    public override async KernelTask<Folio?> handle_pte_fault(Mm vm_mm, Vma vma, int address, bool write, bool unshare)
    {
        var pmd = await load(pgtable.pmd_offset(vm_mm, address));
        if (!pgtable.pmd_none(pmd))
        {
            var table = pgtable.pmd_pgtable(pmd);
            var orig_pte = await load(table.pte[pgtable.pte_index(address)]);
            if (orig_pte != default && !orig_pte.Present)
            {
                await ((migrate_6_3)File<migrate>()).migration_entry_wait(table, address); // do_swap_page
                return null;
            }
        }

        return await base.handle_pte_fault(vm_mm, vma, address, write, unshare);
    }

    /// <inheritdoc/>
    /// <remarks>To observers, what was stored there is gone with the page table's lock.</remarks>
    [KernelSource("mm/memory.c", At = "v6.3")]
    public override async KernelTask<MmuGather> zap_pte_range(MmuGather tlb, Vma vma, PageTable table, int address, int end, bool even_cows)
    {
        tlb = await base.zap_pte_range(tlb, vma, table, address, end, even_cows);
        for (; address < end; address++)
        {
            Ghost(tlb.Mm.stored(address), 0);
        }

        return tlb;
    }
}
