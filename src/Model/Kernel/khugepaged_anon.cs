using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>The part of mm/khugepaged.c that makes a huge page of small anonymous ones.</summary>
public partial class khugepaged
{
    /// <summary>
    /// Unhooks the page table, so that nobody can get at its pages but who has references to them; if nobody has, copies them to a huge page, and
    /// deposits the table with it.
    /// </summary>
    /// <remarks>
    /// Left out: the scan that leads here, with mmap_lock (hides nothing: all is looked at again); swap; copying, and memory that is shared with
    /// other processes.
    /// </remarks>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10")]
    public virtual async KernelTask<ScanResult> collapse_huge_page(Mm mm, int address)
    {
        var hpage = await kmem_cache_alloc(Caches.Thp);
        await atomic_set(hpage._refcount, 1);
        await down_read(mm.mmap_lock);
        var (result, vma) = await revalidate(mm, address);
        await up_read(mm.mmap_lock);
        if (result == ScanResult.SCAN_SUCCEED)
        {
            await down_write(mm.mmap_lock);
            (result, vma) = await revalidate(mm, address);
            if (result == ScanResult.SCAN_SUCCEED)
            {
                result = await collapse_huge_page_locked(mm, vma!, address, hpage);
            }

            await up_write(mm.mmap_lock);
        }

        if (result != ScanResult.SCAN_SUCCEED)
        {
            await this.mm.folio_put(hpage);
        }

        return result;
    }

    /// <summary>hugepage_vma_revalidate, then find_pmd_or_thp_or_none or check_pmd_still_valid: whether there still is anonymous memory with a table.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10", Function = "hugepage_vma_revalidate")]
    public virtual async KernelTask<(ScanResult Result, Vma? Vma)> revalidate(Mm mm, int address)
    {
        var vma = await mmap.find_vma(mm, address);
        if (vma is null || !await memory_thp.transhuge_vma_suitable(vma, address))
        {
            return (ScanResult.SCAN_VMA_CHECK, null);
        }

        if (await load(vma.anon_vma) is null || await load(vma.vm_file) is not null)
        {
            return (ScanResult.SCAN_PAGE_ANON, null);
        }

        var result = await find_pmd_or_thp_or_none(mm, address);
        return (result, vma);
    }

    /// <summary>collapse_huge_page under mmap_lock held for writing.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10", Function = "collapse_huge_page")]
    public virtual async KernelTask<ScanResult> collapse_huge_page_locked(Mm mm, Vma vma, int address, Folio hpage)
    {
        var anon_vma = await load(vma.anon_vma);
        await rmap.anon_vma_lock_write(anon_vma!);
        await mmu_notifier.mmu_notifier_invalidate_range_start(mm, address, address + Config.HPAGE_PMD_NR);
        var pmdp = pgtable.pmd_offset(mm, address);
        await spin_lock(mm.page_table_lock); // probably unnecessary, says the kernel
        var pmd = await pgtable.pmdp_collapse_flush(pmdp);
        await spin_unlock(mm.page_table_lock);
        await mmu_notifier.mmu_notifier_invalidate_range_end(mm);
        await sync_with_gup_fast();
        var table = pgtable.pmd_pgtable(pmd);
        await spin_lock(table.ptl);
        var result = await __collapse_huge_page_isolate(table, hpage.Pages);
        await spin_unlock(table.ptl);
        if (result != ScanResult.SCAN_SUCCEED)
        {
            await spin_lock(mm.page_table_lock);
            BUG_ON(!pgtable.pmd_none(await load(pmdp)), "BUG_ON(!pmd_none(*pmd))");
            await store(pmdp, pmd); // pmd_populate
            await spin_unlock(mm.page_table_lock);
            anon_vma = await load(vma.anon_vma);
            await rmap.anon_vma_unlock_write(anon_vma!);
            return result;
        }

        anon_vma = await load(vma.anon_vma);
        await rmap.anon_vma_unlock_write(anon_vma!);
        await __collapse_huge_page_copy(mm, table, hpage);
        await spin_lock(mm.page_table_lock);
        BUG_ON(!pgtable.pmd_none(await load(pmdp)), "BUG_ON(!pmd_none(*pmd))");
        await rmap_thp.page_add_new_anon_rmap_compound(hpage, vma, address);
        await set_bit(PageFlags.PG_lru, hpage.flags); // lru_cache_add_inactive_or_unevictable
        await store(mm.pmd_huge_pte, table); // pgtable_trans_huge_deposit
        await store(pmdp, Pmd.OfPage(Caches, hpage, write: true, dirty: true));
        await spin_unlock(mm.page_table_lock);
        return result;
    }

    /// <summary>Locks and isolates each page, unless somebody else holds a reference to one; gives all of them back where one fails.</summary>
    /// <remarks>Left out: the accessed bits, which khugepaged wants some of; pages in the swap cache, compound and shared ones.</remarks>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10")]
    public virtual async KernelTask<ScanResult> __collapse_huge_page_isolate(PageTable table, int pages)
    {
        var writable = false;
        for (var i = 0; i < pages; i++)
        {
            var pte = await load(table.pte[i]);
            if (pte == default)
            {
                continue;
            }

            var result = pte.Present ? await isolate_page(Caches.pfn_to_page(pte.Pfn)) : ScanResult.SCAN_PTE_NON_PRESENT;
            if (result != ScanResult.SCAN_SUCCEED)
            {
                await release_pte_pages(table, i);
                return result;
            }

            writable |= pte.Write;
        }

        if (!writable)
        {
            await release_pte_pages(table, pages);
            return ScanResult.SCAN_PAGE_RO;
        }

        return ScanResult.SCAN_SUCCEED;
    }

    /// <summary>Locks a page, looks whether all references to it are mappings, and takes it off its LRU list.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10", Function = "__collapse_huge_page_isolate")]
    public virtual async KernelTask<ScanResult> isolate_page(Folio page)
    {
        if (!await mm.folio_trylock(page))
        {
            return ScanResult.SCAN_PAGE_LOCK;
        }

        var expected = await mm.folio_mapcount(page); // is_refcount_suitable
        var result = await atomic_read(page._refcount) != expected ? ScanResult.SCAN_PAGE_COUNT
            : await File<vmscan>().folio_isolate_lru(page) ? ScanResult.SCAN_SUCCEED
            : ScanResult.SCAN_DEL_PAGE_LRU;
        if (result != ScanResult.SCAN_SUCCEED)
        {
            await mm.folio_unlock(page);
        }

        return result;
    }

    /// <summary>Gives back the pages of the first ptes.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10")]
    public virtual async KernelTask release_pte_pages(PageTable table, int ptes)
    {
        while (--ptes >= 0)
        {
            var pte = await load(table.pte[ptes]);
            if (pte != default)
            {
                await release_pte_page(Caches.pfn_to_page(pte.Pfn));
            }
        }
    }

    /// <summary>Gives one page back.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10")]
    public virtual async KernelTask release_pte_page(Folio page)
    {
        await mm.folio_unlock(page);
        await putback_lru_page(page);
    }

    /// <summary>Copies each page, clears its pte, and lets it go.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10")]
    public virtual async KernelTask __collapse_huge_page_copy(Mm mm, PageTable table, Folio hpage)
    {
        for (var i = 0; i < hpage.Pages; i++)
        {
            var pteval = await load(table.pte[i]);
            if (pteval == default)
            {
                continue; // clear_user_highpage
            }

            var src_page = Caches.pfn_to_page(pteval.Pfn);
            await release_pte_page(src_page);
            await spin_lock(table.ptl);
            await store(table.pte[i], default); // ptep_clear
            await rmap.page_remove_rmap(src_page);
            await spin_unlock(table.ptl);
            await this.mm.folio_put(src_page); // free_page_and_swap_cache
        }
    }
}
