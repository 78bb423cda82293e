using ThpCheck.Model.Kernel;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Patches;

/// <summary>
/// zap_pte_range as it was up to v3.14: the page-table lock is dropped before the TLB is flushed. Linux 6.1 with the change of
/// 1cf35d47712d ("mm: split 'tlb_flush_mmu()' into tlb flushing and memory freeing parts") taken back.
/// </summary>
/// <remarks>
/// After a full batch v3.14 begins again at the pte that it has just cleared, and so takes away a page that was mapped there meanwhile too; here it goes on behind it
/// (hides that second one).
/// </remarks>
public class flush_after_unlock_memory(Kernel.Kernel kernel) : memory(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "v3.14")]
    public override async KernelTask<MmuGather> zap_pte_range(MmuGather tlb, Vma vma, PageTable table, int address, int end, bool even_cows)
    {
        while (true)
        {
            var is_full = false;
            await spin_lock(table.ptl);
            await rmap.flush_tlb_batched_pending(tlb.Mm); // younger than v3.14, as all else here
            for (; address < end && !is_full; address++)
            {
                var pte = await load(table.pte[address]);
                if (!pte.Present || !await should_zap_page(pte, even_cows))
                {
                    continue;
                }

                pte = await pgtable.ptep_get_and_clear_full(table.pte[address]);
                tlb = mmu_gather.tlb_remove_tlb_entry(tlb, address);
                var page = Caches.pfn_to_page(pte.Pfn);
                if (!await mm.folio_test_anon(page) && pte.Dirty)
                {
                    await mm.set_page_dirty(page);
                }

                await rmap.page_remove_rmap(page);
                WARN_ON(await mm.folio_mapcount(page) < 0, "print_bad_pte: negative mapcount");
                (tlb, is_full) = mmu_gather.__tlb_remove_page(tlb, page);
            }

            await spin_unlock(table.ptl);
            if (is_full)
            {
                tlb = await mmu_gather.tlb_flush_mmu(tlb);
            }

            if (address == end)
            {
                return tlb;
            }
        }
    }
}
