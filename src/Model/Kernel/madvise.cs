using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/madvise.c.</summary>
public class madvise(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>MADV_DONTNEED on a range inside one vma: its pages are unmapped while the other threads of the process go on.</summary>
    [KernelSource("mm/madvise.c", Function = "madvise_dontneed_single_vma", With = "do_madvise")]
    public virtual async KernelTask madvise_dontneed(Mm mm, int start, int end)
    {
        await down_read(mm.mmap_lock);
        var vma = await mmap.find_vma(mm, start);
        if (vma is not null)
        {
            await memory.zap_page_range_single(vma, start, end, even_cows: true);
        }

        await up_read(mm.mmap_lock);
    }

    /// <summary>
    /// MADV_PAGEOUT on one page of a vma: makes its pte look unused, and has it reclaimed. The flush for the young bit that it cleared comes after that, so a CPU that
    /// has the translation uses the page unseen.
    /// </summary>
    /// <remarks>
    /// Left out: more than one page at a time, large folios, lru_add_drain, PG_referenced, can_do_pageout: who calls it owns the file or may write it. The page that is
    /// not reclaimed goes back to its LRU.
    /// </remarks>
    [KernelSource("mm/madvise.c", Function = "madvise_cold_or_pageout_pte_range", With = "madvise_pageout,do_madvise")]
    public virtual async KernelTask madvise_pageout(Mm mm, int address)
    {
        await down_read(mm.mmap_lock);
        var vma = await mmap.find_vma(mm, address);
        var pmd = vma is null ? default : await load(pgtable.pmd_offset(mm, address));
        if (!pgtable.pmd_none(pmd))
        {
            var table = pgtable.pmd_pgtable(pmd);
            var ptep = table.pte[pgtable.pte_index(address)];
            var tlb = await mmu_gather.tlb_gather_mmu(mm);
            await spin_lock(table.ptl);
            await rmap.flush_tlb_batched_pending(mm);
            var ptent = await load(ptep);
            var page = ptent.Present ? Caches.pfn_to_page(ptent.Pfn) : null;
            var is_isolated = false;
            if (page is not null && await test_bit(PageFlags.PG_lru, page.flags) && await this.mm.folio_mapcount(page) == 1)
            {
                if (ptent.Young)
                {
                    ptent = await pgtable.ptep_get_and_clear_full(ptep);
                    await store(ptep, ptent with { Young = false });
                    tlb = mmu_gather.tlb_remove_tlb_entry(tlb, address);
                }

                is_isolated = await File<vmscan>().folio_isolate_lru(page);
            }

            await spin_unlock(table.ptl);
            if (is_isolated)
            {
                await File<vmscan>().shrink_folio_list(page!, may_write: false); // reclaim_pages: it is not kswapd
            }

            await mmu_gather.tlb_finish_mmu(tlb);
        }

        await up_read(mm.mmap_lock);
    }
}
