using ThpCheck.Model.Kernel;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Patches;

/// <summary>
/// 1043173eb5eb ("mm/khugepaged: collapse_pte_mapped_thp() with mmap_read_lock()") and 1d65b771bc08 ("retract_page_tables() without mmap or vma lock"), v6.6,
/// with a98460494b16: walkers are not shut out, as they can bear a table that goes. The ptes are cleared, the PMD is cleared under its lock and the table's,
/// and the table is freed a grace period later.
/// </summary>
/// <remarks>Left out: pmdp_get_lockless_sync, which is nothing on x86-64.</remarks>
public class collapse_mmap_read_khugepaged(Kernel.Kernel kernel) : absent_pmd_khugepaged(kernel)
{
    /// <inheritdoc/>
    /// <remarks>mmap_assert_locked, which every caller here passes.</remarks>
    protected override void assert_mmap_locked(Mm mm)
    {
    }

    /// <inheritdoc/>
    /// <remarks>The PMD is looked at before the page is locked, for a huge page only, and after it, which decides.</remarks>
    [KernelSource("mm/khugepaged.c", At = "v6.6", Function = "collapse_pte_mapped_thp")]
    public override async KernelTask<(ScanResult Result, Folio? Page)> lock_hpage(Mm mm, Vma? vma, int haddr)
    {
        if (vma is null || await load(vma.vm_file) is not { } file || !await range_in_vma(vma, haddr))
        {
            return (ScanResult.SCAN_VMA_CHECK, null);
        }

        var result = await find_pmd_or_thp_or_none(mm, haddr);
        if (result == ScanResult.SCAN_PMD_MAPPED)
        {
            return (result, null);
        }

        result = await may_collapse(vma);
        if (result != ScanResult.SCAN_SUCCEED)
        {
            return (result, null);
        }

        var pgoff = await memory_thp.linear_page_index(vma, haddr);
        var hpage = await shmem.find_lock_page(file, pgoff);
        if (hpage is null)
        {
            return (ScanResult.SCAN_PAGE_NULL, null);
        }

        result = hpage.Pages > 1 ? await find_pmd_or_thp_or_none(mm, haddr) : ScanResult.SCAN_FAIL;
        if (result is ScanResult.SCAN_SUCCEED or ScanResult.SCAN_PMD_NONE)
        {
            return (result, hpage);
        }

        await this.mm.folio_unlock(hpage);
        await this.mm.folio_put(hpage);
        return (result, null);
    }

    /// <inheritdoc/>
    /// <remarks>
    /// Two passes over the ptes, as the notifier comes in between and may sleep. In private memory that is registered with userfaultfd the lock of the PMD is
    /// taken before the second, so that the table's lock need not be dropped for it: since a98460494b16.
    /// </remarks>
    [KernelSource("mm/khugepaged.c", At = "v6.6", Function = "collapse_pte_mapped_thp")]
    public override async KernelTask<ScanResult> collapse_ptes(Mm mm, Vma vma, int haddr, Folio hpage)
    {
        var table = await pgtable.pte_offset_map_lock(mm, haddr);
        if (table is null)
        {
            return ScanResult.SCAN_FAIL;
        }

        var (result, _) = await check_ptes(table, hpage);
        await spin_unlock(table.ptl);
        if (result != ScanResult.SCAN_SUCCEED)
        {
            return result;
        }

        await notify_start(mm, haddr);
        var flags = await load(vma.vm_flags);
        var keeps = Checks("collapse-keeps-ptl") && (flags & VmFlags.VM_UFFD) != 0 && (flags & VmFlags.VM_SHARED) == 0;
        if (keeps)
        {
            await spin_lock(mm.page_table_lock);
        }

        var nr_ptes = 0;
        table = await pgtable.pte_offset_map(mm, haddr); // pte_offset_map_nolock
        if (table is null)
        {
            result = ScanResult.SCAN_FAIL;
        }
        else
        {
            await spin_lock(table.ptl);
            (result, nr_ptes) = await clear_ptes(table, hpage);
        }

        var succeeds = result == ScanResult.SCAN_SUCCEED;
        if (succeeds)
        {
            await pgtable.pte_unmap();
            if (!keeps)
            {
                await spin_unlock(table!.ptl);
            }
        }

        if (nr_ptes != 0)
        {
            await atomic_add(-nr_ptes, hpage._refcount);
            await atomic_add(-nr_ptes, mm.shmempages);
        }

        if (succeeds)
        {
            if (!keeps)
            {
                await spin_lock(mm.page_table_lock);
                await spin_lock(table!.ptl);
            }

            var pgt_pmd = await pgtable.pmdp_collapse_flush(pgtable.pmd_offset(mm, haddr));
            await spin_unlock(table!.ptl);
            await spin_unlock(mm.page_table_lock);
            await notify_end(mm);
            await atomic_dec(mm.nr_ptes); // mm_dec_nr_ptes
            await pte_free_defer(pgtable.pmd_pgtable(pgt_pmd));
            return result;
        }

        if (table is not null) // abort
        {
            await spin_unlock(table.ptl);
            await pgtable.pte_unmap();
        }

        if (keeps)
        {
            await spin_unlock(mm.page_table_lock);
        }

        await notify_end(mm);
        return result;
    }

    /// <summary>Step 2: looks at each pte again, clears it and takes its mapping out of the counts; how many it had done where one is not as it should be.</summary>
    [KernelSource("mm/khugepaged.c", At = "v6.6", Function = "collapse_pte_mapped_thp")]
    public virtual async KernelTask<(ScanResult Result, int Count)> clear_ptes(PageTable table, Folio hpage)
    {
        var nr_ptes = 0;
        for (var i = 0; i < hpage.Pages; i++)
        {
            var pte = await load(table.pte[i]);
            if (pte == default)
            {
                continue;
            }

            if (!pte.Present || pte.Pfn != Caches.page_to_pfn(new Page(hpage, i)))
            {
                return (pte.Present ? ScanResult.SCAN_FAIL : ScanResult.SCAN_PTE_NON_PRESENT, nr_ptes);
            }

            if (Checks("collapse-clears-ptes"))
            {
                await pgtable.ptep_get_and_clear_full(table.pte[i]); // ptep_clear
            }

            await rmap_thp.page_remove_rmap(new Page(hpage, i), compound: false);
            nr_ptes++;
        }

        return (ScanResult.SCAN_SUCCEED, nr_ptes);
    }

    /// <summary>Frees a page table a grace period later.</summary>
    [KernelSource("mm/pgtable-generic.c", At = "v6.6")]
    public virtual async KernelTask pte_free_defer(PageTable table)
    {
        Oracle(PteFree, table);
        if (Checks("collapse-defers-pte-free"))
        {
            await call_rcu(table, Caches.FreePageTable);
        }
        else
        {
            await kmem_cache_free(table);
        }
    }

    /// <inheritdoc/>
    [KernelSource("mm/khugepaged.c", At = "v6.6", Function = "khugepaged_scan_mm_slot")]
    public override async KernelTask khugepaged_collapse_pte_mapped_thps(Mm mm, int haddr)
    {
        await down_read(mm.mmap_lock);
        await collapse_pte_mapped_thp(mm, haddr, install_pmd: false);
        await up_read(mm.mmap_lock);
    }

    /// <inheritdoc/>
    [KernelSource("mm/khugepaged.c", At = "v6.6", Function = "madvise_collapse")]
    public override async KernelTask<ScanResult> madvise_collapse_pte_mapped_thp(Mm mm, int addr)
    {
        await down_read(mm.mmap_lock);
        var result = await collapse_pte_mapped_thp(mm, addr, Checks("madvise-installs-pmd"));
        await up_read(mm.mmap_lock);
        return result;
    }

    /// <inheritdoc/>
    [KernelSource("mm/khugepaged.c", At = "v6.6")]
    public override async KernelTask<ScanResult> retract_page_tables(AddressSpace mapping, int pgoff, Mm? target_mm, int target_addr, Folio hpage, bool is_khugepaged)
    {
        await down_read(mapping.i_mmap_rwsem);
        for (var i = 0; await list_get(mapping.i_mmap, i) is { } vma; i++)
        {
            var addr = await rmap.vma_address(vma, pgoff); // whether vma_interval_tree_foreach gives it, and where
            if (addr >= 0 && await may_retract(vma, addr) == ScanResult.SCAN_SUCCEED)
            {
                var mm = await load(vma.vm_mm);
                if (await find_pmd_or_thp_or_none(mm!, addr) == ScanResult.SCAN_SUCCEED && !await userfaultfd_wp(vma))
                {
                    await retract_unlocked(mm!, vma, addr);
                }
            }
        }

        await up_read(mapping.i_mmap_rwsem);
        return ScanResult.SCAN_PTE_MAPPED_HUGEPAGE; // collapse_file's result, with which madvise goes on to collapse_pte_mapped_thp
    }

    /// <summary>
    /// What retract_page_tables does about one vma, without its mmap_lock: under the table's lock it looks once more whether userfaultfd may have been at
    /// work.
    /// </summary>
    [KernelSource("mm/khugepaged.c", At = "v6.6", Function = "retract_page_tables")]
    public virtual async KernelTask retract_unlocked(Mm mm, Vma vma, int addr)
    {
        await notify_start(mm, addr);
        await spin_lock(mm.page_table_lock);
        var pmdp = pgtable.pmd_offset(mm, addr);
        var table = pgtable.pmd_pgtable(await load(pmdp)); // pte_lockptr
        await spin_lock(table.ptl);
        var skipped_uffd = (Checks("retract-rechecks-under-ptl") && await load(vma.anon_vma) is not null) || await userfaultfd_wp(vma);
        if (!skipped_uffd)
        {
            await pgtable.pmdp_collapse_flush(pmdp);
        }

        await spin_unlock(table.ptl);
        await spin_unlock(mm.page_table_lock);
        await notify_end(mm);
        if (!skipped_uffd)
        {
            await atomic_dec(mm.nr_ptes); // mm_dec_nr_ptes
            await pte_free_defer(table);
        }
    }
}

/// <summary>0d940a9b270b ("mm/pgtable: allow pte_offset_map[_lock]() to fail"), v6.5: who walks to a pte stays in an RCU section there, and may find no table.</summary>
public class pte_offset_map_may_fail_pgtable(Kernel.Kernel kernel) : pgtable(kernel)
{
    /// <inheritdoc/>
    /// <remarks>Where it returns a table, an RCU section is open until pte_unmap.</remarks>
    [KernelSource("mm/pgtable-generic.c", At = "v6.6", Function = "__pte_offset_map")]
    public override async KernelTask<PageTable?> pte_offset_map(Mm mm, int address)
    {
        await rcu_read_lock();
        var pmdval = await READ_ONCE(pmd_offset(mm, address)); // pmdp_get_lockless
        if (!pmd_present(pmdval) || pmd_trans_huge(pmdval))
        {
            await rcu_read_unlock();
            return null;
        }

        return pmd_pgtable(pmdval);
    }

    /// <inheritdoc/>
    [KernelSource("include/linux/pgtable.h", At = "v6.6")]
    public override async KernelTask pte_unmap() => await rcu_read_unlock();

    /// <inheritdoc/>
    /// <remarks>The lock of the table that the pte was looked at in, as pte_offset_map_nolock gives it.</remarks>
    [KernelSource("mm/pgtable-generic.c", At = "v6.6", Function = "pte_offset_map_nolock")]
    public override async KernelTask<PageTable> pte_lockptr(Mm mm, int address, PageTable table) => table;

    /// <inheritdoc/>
    /// <remarks>The RCU section ends as soon as the lock is held, where the kernel's goes on until it is dropped: a spinlock's section is one too.</remarks>
    [KernelSource("mm/pgtable-generic.c", At = "v6.6", Function = "__pte_offset_map_lock")]
    public override async KernelTask<PageTable?> pte_offset_map_lock(Mm mm, int address)
    {
        while (true)
        {
            await rcu_read_lock();
            var pmdval = await READ_ONCE(pmd_offset(mm, address));
            if (!pmd_present(pmdval) || pmd_trans_huge(pmdval))
            {
                await rcu_read_unlock();
                return null;
            }

            var table = pmd_pgtable(pmdval);
            await spin_lock(table.ptl);
            await rcu_read_unlock();
            if (!Checks("walkers-recheck-pmd") || await READ_ONCE(pmd_offset(mm, address)) == pmdval)
            {
                return table;
            }

            await spin_unlock(table.ptl);
        }
    }
}

/// <summary>
/// 3db82b9374ca ("mm/memory: allow pte_offset_map[_lock]() to fail") and c7ad08804fae ("mm/memory: handle_pte_fault() use pte_offset_map_nolock()"), v6.5: that there is a
/// table to walk is not looked at beforehand any more.
/// </summary>
public class pte_offset_map_may_fail_memory_thp(Kernel.Kernel kernel) : memory_thp(kernel)
{
    /// <inheritdoc/>
    protected override bool PutsUnderTableLock => false;

    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "v6.6")]
    public override async KernelTask<bool> pmd_devmap_trans_unstable(Shared<Pmd> pmd) => false;

    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "v6.6", Function = "zap_pmd_range")]
    public override async KernelTask<bool> has_no_ptes(Shared<Pmd> pmdp) => pgtable.pmd_none(await load(pmdp));
}

/// <summary>2798bbe75b9c ("mm/page_vma_mapped: pte_offset_map_nolock() not pte_lockptr()") and what goes with it, v6.5.</summary>
public class pte_offset_map_may_fail_page_vma_mapped(Kernel.Kernel kernel) : page_vma_mapped(kernel)
{
    /// <inheritdoc/>
    /// <remarks>
    /// As the base. From the look at the pte to the end of the walk an RCU section is open, so the table stays; that it may be hooked in no more is not
    /// looked at, as its ptes are cleared then.
    /// </remarks>
    [KernelSource("mm/page_vma_mapped.c", At = "v6.6")]
    public override async KernelTask<PageVmaMappedWalk> page_vma_mapped_walk(PageVmaMappedWalk pvmw)
    {
        if (pvmw.IsFound)
        {
            return await not_found(pvmw);
        }

        var vm_mm = await load(pvmw.Vma.vm_mm);
        PageTable? table = null;
        while (table is null)
        {
            var pmde = await READ_ONCE(pgtable.pmd_offset(vm_mm!, pvmw.Address));
            if (!pgtable.pmd_present(pmde) || pgtable.pmd_trans_huge(pmde))
            {
                return pvmw;
            }

            table = await pgtable.pte_offset_map(vm_mm!, pvmw.Address); // map_pte
        }

        var pte = await load(table.pte[pgtable.pte_index(pvmw.Address)]);
        if (!pte.Present)
        {
            await pgtable.pte_unmap();
            return pvmw;
        }

        await spin_lock(table.ptl);
        pvmw = pvmw with { Table = table };
        pte = await load(table.pte[pgtable.pte_index(pvmw.Address)]); // check_pte
        return pte.Present && pte.Pfn == Caches.page_to_pfn(pvmw.Folio) ? pvmw with { IsFound = true } : await not_found(pvmw);
    }

    /// <inheritdoc/>
    [KernelSource("mm/page_vma_mapped.c", At = "v6.6")]
    public override async KernelTask<PageVmaMappedWalk> not_found(PageVmaMappedWalk pvmw)
    {
        pvmw = await base.not_found(pvmw);
        await pgtable.pte_unmap();
        return pvmw;
    }
}
