using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>enum scan_result: how a collapse ended, as far as the paths here tell results apart.</summary>
public enum ScanResult
{
    /// <summary>It could not be done.</summary>
    SCAN_FAIL,

    /// <summary>It was done.</summary>
    SCAN_SUCCEED,

    /// <summary>There is nothing in the PMD, or something that is neither a table nor a huge page.</summary>
    SCAN_PMD_NULL,

    /// <summary>There is nothing in the PMD.</summary>
    SCAN_PMD_NONE,

    /// <summary>A huge page is mapped already.</summary>
    SCAN_PMD_MAPPED,

    /// <summary>A pte holds something that is not present.</summary>
    SCAN_PTE_NON_PRESENT,

    /// <summary>The vma is registered for write protection by userfaultfd.</summary>
    SCAN_PTE_UFFD_WP,

    /// <summary>The cache has a huge page already; ptes may map it.</summary>
    SCAN_PTE_MAPPED_HUGEPAGE,

    /// <summary>The vma has anonymous pages, or may have.</summary>
    SCAN_PAGE_ANON,

    /// <summary>The cache has no page there.</summary>
    SCAN_PAGE_NULL,

    /// <summary>The vma is of no use, or gone.</summary>
    SCAN_VMA_CHECK,

    /// <summary>Others hold references to a page.</summary>
    SCAN_PAGE_COUNT,

    /// <summary>Another holds the lock of a page.</summary>
    SCAN_PAGE_LOCK,

    /// <summary>No pte may be written through.</summary>
    SCAN_PAGE_RO,

    /// <summary>A page could not be taken off its LRU list.</summary>
    SCAN_DEL_PAGE_LRU,

    /// <summary>The file was cut off there.</summary>
    SCAN_TRUNCATED,
}

/// <summary>
/// mm/khugepaged.c: makes huge pages of small ones. Here what concerns files and shmem; anonymous memory is in the other part.
/// </summary>
/// <remarks>
/// As of 6.1.10, hence with 8d3c106e19e8, 2ba99c5e0881, f268f6cf875f and ab0c3f1251b4. Left out: the scan over mms and vmas (a call names
/// the place), the khugepaged_mm_lock, memcg, hwpoison, devmap, zero pages, hugepage_vma_check and its settings.
/// </remarks>
public partial class khugepaged(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>A table was taken out of its PMD and is about to be freed: its ptes may be looked at.</summary>
    public const string PteFree = "pte_free";

    /// <summary>madvise(MADV_COLLAPSE) is about to return 0 for a vma.</summary>
    public const string MadviseCollapsed = "madvise_collapse succeeds";

    /// <summary>madvise(MADV_COLLAPSE) is about to return an error.</summary>
    public const string MadviseFailed = "madvise_collapse fails";

    /// <summary>mm/shmem.c.</summary>
    protected shmem shmem => File<shmem>();

    /// <summary>mm/memory.c, of THPs.</summary>
    protected memory_thp memory_thp => File<memory_thp>();

    /// <summary>mm/rmap.c, of THPs.</summary>
    protected rmap_thp rmap_thp => File<rmap_thp>();

    /// <summary>mm/mmu_notifier.c.</summary>
    protected mmu_notifier mmu_notifier => File<mmu_notifier>();

    /// <summary>What is in the PMD, read once without a lock.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10")]
    public virtual async KernelTask<ScanResult> find_pmd_or_thp_or_none(Mm mm, int address)
    {
        var pmde = await READ_ONCE(pgtable.pmd_offset(mm, address)); // pmd_read_atomic
        note_huge_pmd(pmde);
        return pgtable.pmd_none(pmde) ? ScanResult.SCAN_PMD_NONE
            : pgtable.pmd_trans_huge(pmde) ? ScanResult.SCAN_PMD_MAPPED
            : pgtable.pmd_bad(pmde) ? ScanResult.SCAN_PMD_NULL
            : ScanResult.SCAN_SUCCEED;
    }

    /// <summary>Maps a huge page of the cache, which is locked, where the PMD is none. The mapping's reference is taken last.</summary>
    /// <remarks>That reference comes after the PMD's lock was dropped: until then the caller's own keeps the page.</remarks>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10")]
    public virtual async KernelTask<ScanResult> set_huge_pmd(Mm mm, Vma vma, int address, Folio hpage)
    {
        assert_mmap_locked(mm);
        if (!await memory_thp.do_set_pmd(mm, vma, address, hpage, write: Toggle("set-huge-pmd-writes")))
        {
            return ScanResult.SCAN_FAIL;
        }

        if (Checks("get-page-before-unlock"))
        {
            await this.mm.folio_get(hpage);
        }

        return ScanResult.SCAN_SUCCEED;
    }

    /// <summary>Takes the page table out of the PMD and frees it. The caller shuts out whoever could walk there, but for GUP-fast.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10")]
    public virtual async KernelTask collapse_and_free_pmd(Mm mm, Vma vma, int address)
    {
        var table = await collapse_pmd(mm, vma, address);
        await pte_free(table);
    }

    /// <summary>collapse_and_free_pmd up to where the table is freed.</summary>
    /// <remarks>Left out: lockdep_assert_held_write looks at a lock through pointers that are loaded once more for it (nothing: they are stable where it passes).</remarks>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10", Function = "collapse_and_free_pmd")]
    public virtual async KernelTask<PageTable> collapse_pmd(Mm mm, Vma vma, int address)
    {
        lockdep_assert_held_write(mm.mmap_lock);
        if (await load(vma.vm_file) is { } file)
        {
            lockdep_assert_held_write(file.i_mmap_rwsem);
        }

        if (await load(vma.anon_vma) is { } anon_vma)
        {
            var root = await load(anon_vma.root);
            lockdep_assert_held_write(root!.rwsem);
        }

        await notify_start(mm, address);
        var pmd = await pgtable.pmdp_collapse_flush(pgtable.pmd_offset(mm, address));
        await sync_with_gup_fast();
        await notify_end(mm);
        await atomic_dec(mm.nr_ptes); // mm_dec_nr_ptes
        return pgtable.pmd_pgtable(pmd);
    }

    /// <summary>mmu_notifier_invalidate_range_start of a huge page's reach, as the collapses of files have it since f268f6cf875f.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10", Function = "collapse_and_free_pmd")]
    public virtual async KernelTask notify_start(Mm mm, int address)
    {
        if (Checks("collapse-notifies"))
        {
            await mmu_notifier.mmu_notifier_invalidate_range_start(mm, address, address + Config.HPAGE_PMD_NR);
        }
    }

    /// <summary>mmu_notifier_invalidate_range_end.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10", Function = "collapse_and_free_pmd")]
    public virtual async KernelTask notify_end(Mm mm)
    {
        if (Checks("collapse-notifies"))
        {
            await mmu_notifier.mmu_notifier_invalidate_range_end(mm);
        }
    }

    /// <summary>tlb_remove_table_sync_one, as the collapses have it since 2ba99c5e0881: nobody who walks with interrupts off is left in the table that was unhooked.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10", Function = "collapse_and_free_pmd")]
    public virtual async KernelTask sync_with_gup_fast()
    {
        if (Checks("collapse-syncs-with-gup-fast"))
        {
            await mmu_gather.tlb_remove_table_sync_one();
        }
    }

    /// <summary>Frees a page table.</summary>
    /// <remarks>With <c>pte-free-by-rcu</c> a grace period later, as the mmu_gather's table batches do in an earlier form of 2ba99c5e0881.</remarks>
    [KernelSource("include/asm-generic/pgalloc.h", At = "v6.1.10")]
    public virtual async KernelTask pte_free(PageTable table)
    {
        Oracle(PteFree, table);
        if (Toggle("pte-free-by-rcu"))
        {
            await call_rcu(table, Caches.FreePageTable);
        }
        else
        {
            await kmem_cache_free(table);
        }
    }

    /// <summary>
    /// Takes the page table away where all of its ptes map one huge page of the cache, so that the next fault maps it by the PMD; or maps it so
    /// itself. The caller holds mmap_lock for writing.
    /// </summary>
    /// <remarks>The PMD is read before the page is locked, and that reading decides after it.</remarks>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10")]
    public virtual async KernelTask<ScanResult> collapse_pte_mapped_thp(Mm mm, int haddr, bool install_pmd)
    {
        var vma = await mmap.find_vma(mm, haddr);
        assert_mmap_locked(mm);
        var (result, hpage) = await lock_hpage(mm, vma, haddr);
        if (hpage is null)
        {
            return result;
        }

        if (result == ScanResult.SCAN_SUCCEED)
        {
            result = await collapse_ptes(mm, vma!, haddr, hpage);
        }

        if (result is ScanResult.SCAN_SUCCEED or ScanResult.SCAN_PMD_NONE)
        {
            result = install_pmd ? await set_huge_pmd(mm, vma!, haddr, hpage) : ScanResult.SCAN_SUCCEED; // step 5
        }

        await this.mm.folio_unlock(hpage);
        await this.mm.folio_put(hpage);
        if (install_pmd && result == ScanResult.SCAN_SUCCEED && !Checks("get-page-before-unlock"))
        {
            await this.mm.folio_get(hpage);
        }

        return result;
    }

    /// <summary>The part of collapse_pte_mapped_thp before its first step: looks at the PMD and the vma, and locks the huge page that the cache has there.</summary>
    /// <returns>What the PMD was, and the page with a reference; or why not, and null.</returns>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10", Function = "collapse_pte_mapped_thp")]
    public virtual async KernelTask<(ScanResult Result, Folio? Page)> lock_hpage(Mm mm, Vma? vma, int haddr)
    {
        var result = await find_pmd_or_thp_or_none(mm, haddr);
        if (result == ScanResult.SCAN_PMD_MAPPED)
        {
            return (result, null);
        }

        if (vma is null || await load(vma.vm_file) is not { } file || !await range_in_vma(vma, haddr))
        {
            return (ScanResult.SCAN_VMA_CHECK, null);
        }

        var refusal = await may_collapse(vma);
        if (refusal != ScanResult.SCAN_SUCCEED)
        {
            return (refusal, null);
        }

        var pgoff = await memory_thp.linear_page_index(vma, haddr);
        var hpage = await shmem.find_lock_page(file, pgoff);
        if (hpage is null)
        {
            return (ScanResult.SCAN_PAGE_NULL, null);
        }

        if (hpage.Pages > 1 && result is ScanResult.SCAN_SUCCEED or ScanResult.SCAN_PMD_NONE)
        {
            return (result, hpage);
        }

        await this.mm.folio_unlock(hpage);
        await this.mm.folio_put(hpage);
        return (hpage.Pages > 1 ? result : ScanResult.SCAN_FAIL, null);
    }

    /// <summary>What collapse_pte_mapped_thp asks of the vma besides that it maps a file.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10", Function = "collapse_pte_mapped_thp")]
    public virtual async KernelTask<ScanResult> may_collapse(Vma vma) =>
        await userfaultfd_wp(vma) ? ScanResult.SCAN_PTE_UFFD_WP : ScanResult.SCAN_SUCCEED;

    /// <summary>Steps 1 to 4 of collapse_pte_mapped_thp: looks at the ptes, removes their mappings from the counts, and takes the table away.</summary>
    /// <remarks>
    /// The ptes stay as they are: between the second step and the fourth they map a page that does not count them. The locks keep everyone from them but
    /// the hardware. The PMD is read once, where the kernel reads it for the pte and for the lock (nothing: under its locks it is stable).
    /// </remarks>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10", Function = "collapse_pte_mapped_thp")]
    public virtual async KernelTask<ScanResult> collapse_ptes(Mm mm, Vma vma, int haddr, Folio hpage)
    {
        var file = await load(vma.vm_file);
        await lock_i_mmap(file!);
        var early = Toggle("collapse-locks-anon-vma-early");
        if (early)
        {
            await lock_anon_vma(vma);
        }

        var pmd = await load(pgtable.pmd_offset(mm, haddr));
        var table = pgtable.pmd_pgtable(pmd); // pte_offset_map_lock
        await spin_lock(table.ptl);
        var (result, count) = await check_ptes(table, hpage);
        if (result == ScanResult.SCAN_SUCCEED)
        {
            await remove_rmaps(table, hpage);
        }

        await spin_unlock(table.ptl);
        if (result == ScanResult.SCAN_SUCCEED)
        {
            if (count != 0)
            {
                await atomic_add(-count, hpage._refcount);
                await atomic_add(-count, mm.shmempages);
            }

            if (!early)
            {
                await lock_anon_vma(vma);
            }

            if (Toggle("collapse-frees-unlocked"))
            {
                table = await collapse_pmd(mm, vma, haddr);
                await unlock_anon_vma(vma);
                await pte_free(table);
            }
            else
            {
                await collapse_and_free_pmd(mm, vma, haddr);
                await unlock_anon_vma(vma);
            }
        }
        else if (early)
        {
            await unlock_anon_vma(vma);
        }

        await unlock_i_mmap(file!);
        return result;
    }

    /// <summary>Step 1: whether each pte is none or maps its page of the huge page, and how many map one.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10", Function = "collapse_pte_mapped_thp")]
    public virtual async KernelTask<(ScanResult Result, int Count)> check_ptes(PageTable table, Folio hpage)
    {
        var count = 0;
        for (var i = 0; i < hpage.Pages; i++)
        {
            var pte = await load(table.pte[i]);
            if (pte == default)
            {
                continue;
            }

            if (!pte.Present)
            {
                return (ScanResult.SCAN_PTE_NON_PRESENT, count);
            }

            if (pte.Pfn != Caches.page_to_pfn(new Page(hpage, i)))
            {
                return (ScanResult.SCAN_FAIL, count);
            }

            count++;
        }

        return (ScanResult.SCAN_SUCCEED, count);
    }

    /// <summary>Step 2: takes the mapping of each pte that is present out of the counts.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10", Function = "collapse_pte_mapped_thp")]
    public virtual async KernelTask remove_rmaps(PageTable table, Folio hpage)
    {
        for (var i = 0; i < hpage.Pages; i++)
        {
            var pte = await load(table.pte[i]);
            if (pte != default)
            {
                await rmap_thp.page_remove_rmap(new Page(hpage, i), compound: false);
            }
        }
    }

    /// <summary>i_mmap_lock_write, as collapse_pte_mapped_thp has it since 8d3c106e19e8.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10", Function = "collapse_pte_mapped_thp")]
    public virtual async KernelTask lock_i_mmap(AddressSpace mapping)
    {
        if (Toggle("collapse-locks-i-mmap-for-reading"))
        {
            await down_read(mapping.i_mmap_rwsem);
        }
        else if (Checks("collapse-locks-i-mmap"))
        {
            await down_write(mapping.i_mmap_rwsem);
        }
    }

    /// <summary>i_mmap_unlock_write.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10", Function = "collapse_pte_mapped_thp")]
    public virtual async KernelTask unlock_i_mmap(AddressSpace mapping)
    {
        if (Toggle("collapse-locks-i-mmap-for-reading"))
        {
            await up_read(mapping.i_mmap_rwsem);
        }
        else if (Checks("collapse-locks-i-mmap"))
        {
            await up_write(mapping.i_mmap_rwsem);
        }
    }

    /// <summary>Locks the vma's anon_vma, if it has one now, as collapse_pte_mapped_thp does since ab0c3f1251b4.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10", Function = "collapse_pte_mapped_thp")]
    public virtual async KernelTask lock_anon_vma(Vma vma)
    {
        if (!Checks("collapse-locks-anon-vma") || await load(vma.anon_vma) is not { } anon_vma)
        {
            return;
        }

        await (Toggle("collapse-locks-anon-vma-for-reading") ? rmap.anon_vma_lock_read(anon_vma) : rmap.anon_vma_lock_write(anon_vma));
    }

    /// <summary>Unlocks the vma's anon_vma, if it has one now.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10", Function = "collapse_pte_mapped_thp")]
    public virtual async KernelTask unlock_anon_vma(Vma vma)
    {
        if (!Checks("collapse-locks-anon-vma") || await load(vma.anon_vma) is not { } anon_vma)
        {
            return;
        }

        await (Toggle("collapse-locks-anon-vma-for-reading") ? rmap.anon_vma_unlock_read(anon_vma) : rmap.anon_vma_unlock_write(anon_vma));
    }

    /// <summary>khugepaged's turn at an extent where ptes map a huge page: only if nobody holds mmap_lock.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10")]
    public virtual async KernelTask khugepaged_collapse_pte_mapped_thps(Mm mm, int haddr)
    {
        if (Toggle("collapse-holds-mmap-lock-for-reading"))
        {
            await down_read(mm.mmap_lock);
            await collapse_pte_mapped_thp(mm, haddr, install_pmd: false);
            await up_read(mm.mmap_lock);
        }
        else if (await down_write_trylock(mm.mmap_lock))
        {
            await collapse_pte_mapped_thp(mm, haddr, install_pmd: false);
            await up_write(mm.mmap_lock);
        }
    }

    /// <summary>Whether all of a huge page would be inside the vma.</summary>
    [KernelSource("include/linux/mm.h")]
    public virtual async KernelTask<bool> range_in_vma(Vma vma, int haddr)
    {
        var start = await load(vma.vm_start);
        var end = await load(vma.vm_end);
        return start <= haddr && haddr + Config.HPAGE_PMD_NR <= end;
    }

    /// <summary>Whether the vma is registered with userfaultfd for write protection.</summary>
    [KernelSource("include/linux/userfaultfd_k.h")]
    public virtual async KernelTask<bool> userfaultfd_wp(Vma vma) => (await load(vma.vm_flags) & VmFlags.VM_UFFD_WP) != 0;

    /// <summary>
    /// After a new huge page has replaced the small ones in the cache: takes the page tables away where these were mapped. The new page is locked.
    /// </summary>
    /// <param name="mapping">The file.</param>
    /// <param name="pgoff">Where the huge page begins.</param>
    /// <param name="target_mm">The mm that madvise is about; null for khugepaged.</param>
    /// <param name="target_addr">Where there.</param>
    /// <param name="hpage">The huge page.</param>
    /// <param name="is_khugepaged">Whether other mms' tables are taken too.</param>
    /// <remarks>
    /// The ptes are not looked at: no page of the file is mapped while the huge page is locked, and without an anon_vma there are no others. Left out:
    /// mms that exit; noting for later where mmap_lock is held (hides nothing: a call says it).
    /// </remarks>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10")]
    public virtual async KernelTask<ScanResult> retract_page_tables(AddressSpace mapping, int pgoff, Mm? target_mm, int target_addr, Folio hpage, bool is_khugepaged)
    {
        var target_result = ScanResult.SCAN_FAIL;
        await down_write(mapping.i_mmap_rwsem);
        for (var i = 0; await list_get(mapping.i_mmap, i) is { } vma; i++)
        {
            var addr = await rmap.vma_address(vma, pgoff); // whether vma_interval_tree_foreach gives it, and where
            if (addr < 0)
            {
                continue;
            }

            if (await may_retract(vma, addr) != ScanResult.SCAN_SUCCEED)
            {
                continue; // the target's result stays SCAN_FAIL, as it is not known yet whether this is the target
            }

            var mm = await load(vma.vm_mm);
            var is_target = mm == target_mm && addr == target_addr;
            var result = await find_pmd_or_thp_or_none(mm!, addr);
            if (result == ScanResult.SCAN_SUCCEED)
            {
                result = await retract_page_table(mm!, vma, addr, hpage, is_khugepaged, is_target);
            }

            target_result = is_target ? result : target_result;
        }

        await up_write(mapping.i_mmap_rwsem);
        return target_result;
    }

    /// <summary>What retract_page_tables asks of a vma without its mmap_lock.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10", Function = "retract_page_tables")]
    public virtual async KernelTask<ScanResult> may_retract(Vma vma, int addr)
    {
        if (Checks("retract-checks-anon-vma") && await READ_ONCE(vma.anon_vma) is not null)
        {
            return ScanResult.SCAN_PAGE_ANON;
        }

        return addr % Config.HPAGE_PMD_NR == 0 && await load(vma.vm_end) >= addr + Config.HPAGE_PMD_NR ? ScanResult.SCAN_SUCCEED : ScanResult.SCAN_VMA_CHECK;
    }

    /// <summary>What retract_page_tables does about one vma: takes mmap_lock only if nobody has it, as it comes before the page's lock.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10", Function = "retract_page_tables")]
    public virtual async KernelTask<ScanResult> retract_page_table(Mm mm, Vma vma, int addr, Folio hpage, bool is_khugepaged, bool is_target)
    {
        if ((!is_khugepaged && !is_target) || !await down_write_trylock(mm.mmap_lock))
        {
            return ScanResult.SCAN_PTE_MAPPED_HUGEPAGE;
        }

        var result = await may_retract_locked(vma);
        if (result == ScanResult.SCAN_SUCCEED)
        {
            await collapse_and_free_pmd(mm, vma, addr);
            if (!is_khugepaged && is_target)
            {
                result = await set_huge_pmd(mm, vma, addr, hpage);
            }
        }

        await up_write(mm.mmap_lock);
        return result;
    }

    /// <summary>What retract_page_tables asks of a vma under its mmap_lock.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10", Function = "retract_page_tables")]
    public virtual async KernelTask<ScanResult> may_retract_locked(Vma vma) =>
        await userfaultfd_wp(vma) ? ScanResult.SCAN_PTE_UFFD_WP : ScanResult.SCAN_SUCCEED;

    /// <summary>Replaces the small pages of an extent of shmem by a huge one, and takes the page tables that had mapped them away.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10")]
    public virtual async KernelTask<ScanResult> collapse_file(Mm? mm, int addr, AddressSpace mapping, int start, bool is_khugepaged)
    {
        var (result, hpage) = await collapse_file_replace(mapping, start);
        return hpage is null ? result : await collapse_file_retract(mm, addr, mapping, start, hpage, is_khugepaged);
    }

    /// <summary>collapse_file up to where the huge page has replaced the small ones.</summary>
    /// <returns>The huge page, locked, or null and why not.</returns>
    /// <remarks>
    /// Left out: unmapping a page that is mapped, which is given up for instead (hides what unmapping it does); extents whose first page is not cached, or another than
    /// that is, as what has been replaced would have to be given back where a later page fails (a fault of the model); swap, copying; that the huge page is dirty from then on. The reference to the small
    /// page is taken before its lock is tried, where the kernel does both under the lock of i_pages.
    /// </remarks>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10", Function = "collapse_file")]
    public virtual async KernelTask<(ScanResult Result, Folio? Page)> collapse_file_replace(AddressSpace mapping, int start)
    {
        var hpage = await kmem_cache_alloc(Caches.Thp);
        await atomic_set(hpage._refcount, 1);
        await mm.folio_lock(hpage); // __SetPageLocked: nobody else knows it
        await store(hpage.index, start);
        await store(hpage.mapping, mapping);

        var page = await filemap.filemap_get_folio(mapping, start);
        var result = page is null ? ScanResult.SCAN_TRUNCATED : await collapse_file_take(mapping, start, page);
        if (result != ScanResult.SCAN_SUCCEED)
        {
            await store(hpage.mapping, null);
            await mm.folio_unlock(hpage);
            await mm.folio_put(hpage);
            return (result, null);
        }

        // The lock of i_pages is held, and the page frozen.
        for (var i = 0; i < hpage.Pages; i++)
        {
            var others = await load(mapping.i_pages[start + i]);
            if (others is not null && others != page)
            {
                throw new ModelFaultException($"{others} is cached in the extent besides {page}; one page can be replaced here");
            }

            await store(mapping.i_pages[start + i], hpage);
        }

        await spin_unlock(mapping.xa_lock);
        await store(page!.mapping, null);
        await atomic_set(page._refcount, 1); // page_ref_unfreeze
        await mm.folio_unlock(page);
        await mm.folio_put(page);
        await atomic_add(hpage.Pages - 1, hpage._refcount);
        await set_bit(PageFlags.PG_lru, hpage.flags); // lru_cache_add
        return (ScanResult.SCAN_SUCCEED, hpage);
    }

    /// <summary>Makes a small page ours, if nobody uses it: locked, off its LRU list, and frozen. Returns with the lock of i_pages where it succeeds.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10", Function = "collapse_file")]
    public virtual async KernelTask<ScanResult> collapse_file_take(AddressSpace mapping, int index, Folio page)
    {
        if (!await mm.folio_trylock(page))
        {
            await mm.folio_put(page);
            return ScanResult.SCAN_PAGE_LOCK;
        }

        var result = page.Pages > 1 ? ScanResult.SCAN_PTE_MAPPED_HUGEPAGE
            : await load(page.mapping) != mapping ? ScanResult.SCAN_TRUNCATED
            : await File<vmscan>().folio_isolate_lru(page) ? ScanResult.SCAN_SUCCEED
            : ScanResult.SCAN_DEL_PAGE_LRU;
        if (result == ScanResult.SCAN_SUCCEED)
        {
            await spin_lock(mapping.xa_lock);
            if (await cmpxchg(page._refcount, 3, 0) == 3) // page_ref_freeze: the cache's, the isolation's, ours
            {
                return result;
            }

            await spin_unlock(mapping.xa_lock);
            await putback_lru_page(page);
            result = ScanResult.SCAN_PAGE_COUNT;
        }

        await mm.folio_unlock(page);
        await mm.folio_put(page);
        return result;
    }

    /// <summary>The rest of collapse_file.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10", Function = "collapse_file")]
    public virtual async KernelTask<ScanResult> collapse_file_retract(Mm? mm, int addr, AddressSpace mapping, int start, Folio hpage, bool is_khugepaged)
    {
        var result = await retract_page_tables(mapping, start, mm, addr, hpage, is_khugepaged);
        await this.mm.folio_unlock(hpage);
        return result;
    }

    /// <summary>Gives back a page that was isolated.</summary>
    [KernelSource("mm/vmscan.c", At = "v6.1.10", Function = "folio_putback_lru")]
    public virtual async KernelTask putback_lru_page(Folio page)
    {
        await set_bit(PageFlags.PG_lru, page.flags); // folio_add_lru
        await mm.folio_put(page);
    }

    /// <summary>What the cache has in an extent: a huge page already, or small ones, which are made one.</summary>
    /// <remarks>Left out: what the scan counts, and gives up for.</remarks>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10")]
    public virtual async KernelTask<ScanResult> hpage_collapse_scan_file(Mm mm, int addr, AddressSpace mapping, int start)
    {
        await rcu_read_lock();
        var page = await load(mapping.i_pages[start]);
        await rcu_read_unlock();
        return page is { Pages: > 1 } ? ScanResult.SCAN_PTE_MAPPED_HUGEPAGE : await collapse_file(mm, addr, mapping, start, is_khugepaged: false);
    }

    /// <summary>madvise(MADV_COLLAPSE) of one huge page's reach in a vma of a file: 0, or -EAGAIN where it may be tried again, or -EINVAL.</summary>
    /// <remarks>Left out: mmap_lock for reading, which it takes once more in the end, as its caller expects (nothing: nothing is done under it).</remarks>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10")]
    public virtual async KernelTask<int> madvise_collapse(Mm mm, int addr)
    {
        const int EAGAIN = 11;
        const int EINVAL = 22;
        await down_read(mm.mmap_lock);
        var vma = await mmap.find_vma(mm, addr);
        var file = vma is null ? null : await load(vma.vm_file);
        if (file is null)
        {
            await up_read(mm.mmap_lock);
            return -EINVAL;
        }

        var pgoff = await memory_thp.linear_page_index(vma!, addr);
        await up_read(mm.mmap_lock);
        Ghost(current.saw_huge_pmd, false);
        var result = await hpage_collapse_scan_file(mm, addr, file, pgoff);
        if (result == ScanResult.SCAN_PTE_MAPPED_HUGEPAGE)
        {
            result = await madvise_collapse_pte_mapped_thp(mm, addr);
        }

        switch (result) // madvise_collapse_errno
        {
            case ScanResult.SCAN_SUCCEED or ScanResult.SCAN_PMD_MAPPED:
                Ghost(mm.collapsed, true);
                Oracle(MadviseCollapsed, mm);
                return 0;
            case ScanResult.SCAN_PAGE_LOCK or ScanResult.SCAN_DEL_PAGE_LRU:
                Oracle(MadviseFailed, mm);
                return -EAGAIN;
            default:
                Oracle(MadviseFailed, mm);
                return -EINVAL;
        }
    }

    /// <summary>What madvise_collapse does where the cache has a huge page already.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.1.10", Function = "madvise_collapse")]
    public virtual async KernelTask<ScanResult> madvise_collapse_pte_mapped_thp(Mm mm, int addr)
    {
        ScanResult result;
        if (Toggle("collapse-holds-mmap-lock-for-reading"))
        {
            await down_read(mm.mmap_lock);
            result = await collapse_pte_mapped_thp(mm, addr, Checks("madvise-installs-pmd"));
            await up_read(mm.mmap_lock);
        }
        else
        {
            await down_write(mm.mmap_lock);
            result = await collapse_pte_mapped_thp(mm, addr, Checks("madvise-installs-pmd"));
            await up_write(mm.mmap_lock);
        }

        return result;
    }

    /// <summary>mmap_assert_write_locked: a collapse has mmap_lock for writing, until 6.6. No step.</summary>
    protected virtual void assert_mmap_locked(Mm mm)
    {
        ArgumentNullException.ThrowIfNull(mm);
        lockdep_assert_held_write(mm.mmap_lock);
    }

    /// <summary>For observers: from here on this thread has seen its PMD map a huge page, if it does.</summary>
    protected void note_huge_pmd(Pmd pmd)
    {
        if (pgtable.pmd_trans_huge(pmd))
        {
            Ghost(current.saw_huge_pmd, true);
        }
    }
}
