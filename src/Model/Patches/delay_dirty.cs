using ThpCheck.Model.Kernel;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Patches;

/// <summary>
/// The first attempt of 29 October 2022: the dirty bit of a pte goes into the batch, and the page is made dirty after the flush, where nobody
/// can store to it any more. The page leaves the reverse map at once, and nothing forces a flush.
/// </summary>
/// <remarks>Where the rmap was removed is not quoted; here it is where it was before.</remarks>
public class delay_dirty_v0_memory(Kernel.Kernel kernel) : memory(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "patch of 29 October 2022")]
    public override async KernelTask<MmuGather> zap_pte_range(MmuGather tlb, Vma vma, PageTable table, int address, int end, bool even_cows)
    {
        while (true)
        {
            var is_full = false;
            await spin_lock(table.ptl);
            await rmap.flush_tlb_batched_pending(tlb.Mm);
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
                var flags = pte.Dirty && !await mm.folio_test_anon(page) ? EncodedPage.Dirty : EncodedPage.None;
                await rmap.page_remove_rmap(page);
                WARN_ON(await mm.folio_mapcount(page) < 0, "print_bad_pte: negative mapcount");
                (tlb, is_full) = mmu_gather.__tlb_remove_page(tlb, page, flags);
            }

            if (is_full)
            {
                tlb = await mmu_gather.tlb_flush_mmu_tlbonly(tlb);
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

/// <summary>The batch makes its pages dirty just before it drops their references.</summary>
public class delay_dirty_v0_mmu_gather(Kernel.Kernel kernel) : mmu_gather(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/swap_state.c", At = "patch of 29 October 2022")]
    public override async KernelTask free_pages_and_swap_cache(MmuGather tlb, int first, int end)
    {
        for (var i = first; i < end; i++)
        {
            if ((tlb.FlagsOf(i) & EncodedPage.Dirty) != 0)
            {
                await mm.set_page_dirty(tlb[i]!);
            }
        }

        await base.free_pages_and_swap_cache(tlb, first, end);
    }
}

/// <summary>The same with the rmap removed after the page is made dirty, as was thought of on 31 October 2022: no reader finds the page unmapped and clean too early.</summary>
public class delay_dirty_v0b_memory(Kernel.Kernel kernel) : memory(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "mail of 31 October 2022")]
    public override async KernelTask<MmuGather> zap_pte_range(MmuGather tlb, Vma vma, PageTable table, int address, int end, bool even_cows)
    {
        while (true)
        {
            var is_full = false;
            await spin_lock(table.ptl);
            await rmap.flush_tlb_batched_pending(tlb.Mm);
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
                var flags = pte.Dirty && !await mm.folio_test_anon(page) ? EncodedPage.Dirty | EncodedPage.DelayRmap : EncodedPage.DelayRmap;
                (tlb, is_full) = mmu_gather.__tlb_remove_page(tlb, page, flags);
            }

            if (is_full)
            {
                tlb = await mmu_gather.tlb_flush_mmu_tlbonly(tlb);
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

/// <summary>The batch makes its pages dirty and removes their rmaps just before it drops their references.</summary>
public class delay_dirty_v0b_mmu_gather(Kernel.Kernel kernel) : mmu_gather(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/swap_state.c", At = "mail of 31 October 2022")]
    public override async KernelTask free_pages_and_swap_cache(MmuGather tlb, int first, int end)
    {
        for (var i = first; i < end; i++)
        {
            if ((tlb.FlagsOf(i) & EncodedPage.Dirty) != 0)
            {
                await mm.set_page_dirty(tlb[i]!);
            }

            await rmap.page_remove_rmap(tlb[i]!);
        }

        await base.free_pages_and_swap_cache(tlb, first, end);
    }
}
