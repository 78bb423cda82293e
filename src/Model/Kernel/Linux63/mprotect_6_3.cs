using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/mprotect.c in 6.3: ptes that may be migration entries.</summary>
public class mprotect_6_3(Kernel kernel) : mprotect(kernel)
{
    /// <inheritdoc/>
    /// <remarks>A writable migration entry becomes a readable one, exclusive as the page was, whatever rights are asked for. Left out: what the base leaves out, but that; BUG_ON(!PageLocked) of its page (hides it).</remarks>
    [KernelSource("mm/mprotect.c", At = "v6.3")]
    public override async KernelTask<MmuGather> change_pte_range(MmuGather tlb, PageTable table, int address, int end)
    {
        await spin_lock(table.ptl);
        await rmap.flush_tlb_batched_pending(tlb.Mm);
        for (; address < end; address++)
        {
            var ptep = table.pte[pgtable.pte_index(address)];
            var oldpte = await load(ptep);
            if (oldpte.Present)
            {
                var pte = await pgtable.ptep_get_and_clear_full(ptep); // ptep_modify_prot_start
                await store(ptep, pte);
                tlb = mmu_gather.tlb_remove_tlb_entry(tlb, address);
            }
            else if (oldpte.Write)
            {
                await store(ptep, oldpte with { Write = false, Exclusive = true });
            }
        }

        await spin_unlock(table.ptl);
        return tlb;
    }
}
