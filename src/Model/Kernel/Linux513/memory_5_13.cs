using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/memory.c in 5.13: unmapping, copying and faulting THPs.</summary>
public class memory_5_13(Kernel kernel) : memory(kernel)
{
    /// <summary>Unmaps the pages of a vma in a range.</summary>
    [KernelSource("mm/memory.c", At = "v5.13-rc6")]
    public override async KernelTask<MmuGather> unmap_single_vma(MmuGather tlb, Vma vma, int start_addr, int end_addr, bool even_cows = true)
    {
        var start = Math.Max(await load(vma.vm_start), start_addr);
        var end = Math.Min(await load(vma.vm_end), end_addr);
        return await zap_pmd_range(tlb, vma, start, end, null);
    }

    /// <summary>Unmaps a range of a vma: a huge PMD that it covers is zapped, one that it covers in part is split.</summary>
    /// <param name="tlb">The gather.</param>
    /// <param name="vma">The vma.</param>
    /// <param name="addr">The range's first page.</param>
    /// <param name="end">The page after its last.</param>
    /// <param name="single_page">The one page that it is about, or null (details->single_page, 22061a1ffabd).</param>
    /// <remarks>Each test reads the PMD again, without a lock. Left out: devmap.</remarks>
    [KernelSource("mm/memory.c", At = "v5.13-rc6")]
    public virtual async KernelTask<MmuGather> zap_pmd_range(MmuGather tlb, Vma vma, int addr, int end, Folio? single_page)
    {
        for (int next; addr < end; addr = next)
        {
            next = pgtable.pmd_addr_end(addr, end);
            var pmd = pgtable.pmd_offset(tlb.Mm, addr);
            var is_done = false;
            if (await is_huge_or_swap(pmd))
            {
                if (next - addr != Config.HPAGE_PMD_NR)
                {
                    await File<huge_memory_5_13>().__split_huge_pmd(vma, addr, freeze: false, null);
                }
                else
                {
                    (tlb, is_done) = await File<huge_memory_5_13>().zap_huge_pmd(tlb, pmd);
                }
            }
            else if (single_page is not null && next - addr == Config.HPAGE_PMD_NR && pgtable.pmd_none(await load(pmd)))
            {
                // So that it does not end while zap_huge_pmd() has cleared *pmd but not yet counted.
                await spin_lock(tlb.Mm.page_table_lock);
                await spin_unlock(tlb.Mm.page_table_lock);
            }

            if (!is_done && !await pmd_none_or_trans_huge_or_clear_bad(pmd))
            {
                var pmdval = await load(pmd);
                tlb = await zap_pte_range(tlb, vma, pgtable.pmd_pgtable(pmdval), addr, next, even_cows: true);
            }
        }

        return tlb;
    }

    /// <summary>is_swap_pmd(*pmd) || pmd_trans_huge(*pmd): two looks without a lock.</summary>
    [KernelSource("mm/memory.c", At = "v5.13-rc6", Function = "zap_pmd_range")]
    public virtual async KernelTask<bool> is_huge_or_swap(Shared<Pmd> pmd) =>
        pgtable.is_swap_pmd(await load(pmd)) || pgtable.pmd_trans_huge(await load(pmd));

    /// <summary>Whether a PMD cannot be walked: it is none, huge or a migration entry, or is cleared because it can be nothing at all.</summary>
    [KernelSource("include/linux/pgtable.h", At = "v5.13-rc6")]
    public virtual async KernelTask<bool> pmd_none_or_trans_huge_or_clear_bad(Shared<Pmd> pmd)
    {
        var pmdval = await load(pmd); // pmd_read_atomic
        if (pgtable.pmd_none_or_trans_huge(pmdval))
        {
            return true;
        }

        WARN_ON(pgtable.pmd_bad(pmdval), "pmd_clear_bad: bad pmd");
        return pgtable.pmd_bad(pmdval);
    }

    /// <summary>
    /// Clears the ptes of a range: each page leaves the reverse map at once, under the page-table lock, and the gather takes over the
    /// reference that its pte held.
    /// </summary>
    /// <remarks>
    /// Left out: swap entries, so that what is not present is a migration entry, and one of anonymous memory, as all of these are (a hole that is punched leaves entries of
    /// either kind alone, but comes to no anonymous memory here); breaks to reschedule, full batches, the accessed bit.
    /// </remarks>
    [KernelSource("mm/memory.c", At = "v5.13-rc6")]
    public override async KernelTask<MmuGather> zap_pte_range(MmuGather tlb, Vma vma, PageTable table, int address, int end, bool even_cows)
    {
        var force_flush = false;
        var (files, anon) = (0, 0);
        await spin_lock(table.ptl);
        for (; address < end; address++)
        {
            var ptep = table.pte[pgtable.pte_index(address)];
            var pte = await load(ptep);
            if (pte == default)
            {
                continue;
            }

            var page = Caches.pfn_to_page(pte.Pfn);
            if (!pte.Present)
            {
                await File<swapops_5_13>().assert_locked(page); // migration_entry_to_page
                var is_counted_anon = await mm.folio_test_anon(page); // mm_counter
                (files, anon) = is_counted_anon ? (files, anon + 1) : (files + 1, anon);
                await store(ptep, default);
                continue;
            }

            pte = await pgtable.ptep_get_and_clear_full(ptep);
            tlb = mmu_gather.tlb_remove_tlb_entry(tlb, address);
            var is_anon = await mm.folio_test_anon(page);
            if (!is_anon && pte.Dirty)
            {
                force_flush = true;
                await mm.set_page_dirty(page);
            }

            (files, anon) = is_anon ? (files, anon + 1) : (files + 1, anon); // mm_counter
            var subpage = pte.Pfn - Caches.page_to_pfn(page);
            await File<rmap_5_13>().page_remove_rmap(page, subpage, compound: false);
            WARN_ON(await atomic_read(page.mapcount(subpage)) < -1, "print_bad_pte: page_mapcount(page) < 0");
            (tlb, _) = mmu_gather.__tlb_remove_page(tlb, page);
        }

        if (files != 0)
        {
            await atomic_add(-files, tlb.Mm.shmempages); // add_mm_rss_vec
        }

        if (anon != 0)
        {
            await atomic_add(-anon, tlb.Mm.anonpages);
        }

        if (force_flush)
        {
            tlb = await mmu_gather.tlb_flush_mmu_tlbonly(tlb);
        }

        await spin_unlock(table.ptl);
        return force_flush ? await mmu_gather.tlb_flush_mmu(tlb) : tlb;
    }

    /// <summary>Copies the PMDs of a vma of anonymous memory at fork; those of a file are left to be faulted in.</summary>
    [KernelSource("mm/memory.c", At = "v5.13-rc6")]
    public override async KernelTask copy_page_range(Vma dst_vma, Vma src_vma)
    {
        if (await load(src_vma.anon_vma) is null)
        {
            return;
        }

        var dst_mm = await load(dst_vma.vm_mm);
        var src_mm = await load(src_vma.vm_mm);
        var addr = await load(src_vma.vm_start);
        var end = await load(src_vma.vm_end);
        for (; addr < end; addr = pgtable.pmd_addr_end(addr, end)) // copy_pmd_range
        {
            var src_pmd = pgtable.pmd_offset(src_mm!, addr);
            if (await is_huge_or_swap(src_pmd) && await File<huge_memory_5_13>().copy_huge_pmd(dst_mm!, src_mm!, addr))
            {
                continue;
            }

            var pmdval = await load(src_pmd);
            if (!pgtable.pmd_none(pmdval))
            {
                await copy_pte_range(dst_mm!, src_vma, pgtable.pmd_pgtable(pmdval), addr / Config.PTRS_PER_PTE * Config.PTRS_PER_PTE);
            }
        }
    }

    /// <summary>Unmaps a range of a vma, of which this is all that is gathered.</summary>
    [KernelSource("mm/memory.c", At = "v5.13-rc6")]
    public virtual async KernelTask zap_page_range_single(Vma vma, int address, int end, Folio? single_page)
    {
        var vm_mm = await load(vma.vm_mm);
        var tlb = await mmu_gather.tlb_gather_mmu(vm_mm!);
        tlb = await zap_pmd_range(tlb, vma, address, end, single_page);
        await mmu_gather.tlb_finish_mmu(tlb);
    }

    /// <summary>Unmaps pages of a file wherever they are mapped, with neither mmap_lock nor their locks.</summary>
    [KernelSource("mm/memory.c", At = "v5.13-rc6")]
    public virtual KernelTask unmap_mapping_pages(AddressSpace mapping, int start, int nr) => unmap_mapping_pages(mapping, start, nr, null);

    /// <summary>unmap_mapping_pages, of one page if there is one (unmap_mapping_page, 22061a1ffabd).</summary>
    [KernelSource("mm/memory.c", At = "v5.13-rc6", Function = "unmap_mapping_pages")]
    public virtual async KernelTask unmap_mapping_pages(AddressSpace mapping, int start, int nr, Folio? single_page)
    {
        var is_shared = Toggle("unmap-mapping-shares-i-mmap");
        if (is_shared)
        {
            await down_read(mapping.i_mmap_rwsem);
        }
        else
        {
            await down_write(mapping.i_mmap_rwsem);
        }

        Oracle("unmap_mapping_pages");
        for (var i = 0; await list_get(mapping.i_mmap, i) is { } vma; i++) // unmap_mapping_range_tree
        {
            var vba = await load(vma.vm_pgoff);
            var vm_start = await load(vma.vm_start);
            var vm_end = await load(vma.vm_end);
            var zba = Math.Max(start, vba);
            var zea = Math.Min(start + nr, vba + vm_end - vm_start);
            if (zba < zea)
            {
                await zap_page_range_single(vma, zba - vba + vm_start, zea - vba + vm_start, single_page);
            }
        }

        if (is_shared)
        {
            await up_read(mapping.i_mmap_rwsem);
        }
        else
        {
            await up_write(mapping.i_mmap_rwsem);
        }
    }

    /// <summary>madvise(MADV_DONTNEED) of a whole vma, under mmap_lock for reading.</summary>
    [KernelSource("mm/madvise.c", At = "v5.13-rc6", With = "do_madvise")]
    public virtual KernelTask madvise_dontneed_single_vma(Mm mm, Vma vma) => madvise_dontneed_single_vma(mm, vma, 0, int.MaxValue);

    /// <summary>madvise(MADV_DONTNEED) of a range of a vma.</summary>
    [KernelSource("mm/madvise.c", At = "v5.13-rc6", With = "do_madvise")]
    public virtual async KernelTask madvise_dontneed_single_vma(Mm mm, Vma vma, int start, int end)
    {
        await down_read(mm.mmap_lock);
        var tlb = await mmu_gather.tlb_gather_mmu(mm); // zap_page_range
        tlb = await unmap_single_vma(tlb, vma, start, end);
        await mmu_gather.tlb_finish_mmu(tlb);
        await up_read(mm.mmap_lock);
    }

    /// <summary>Maps a locked THP of the page cache by a PMD that is none, with the caller's reference; says whether it did.</summary>
    [KernelSource("mm/memory.c", At = "v5.13-rc6")]
    public virtual async KernelTask<bool> do_set_pmd(Mm vm_mm, Folio page, int address, bool write)
    {
        var pmd = pgtable.pmd_offset(vm_mm, address);
        await spin_lock(vm_mm.page_table_lock);
        if (!pgtable.pmd_none(await load(pmd)))
        {
            await spin_unlock(vm_mm.page_table_lock);
            return false; // VM_FAULT_FALLBACK
        }

        await atomic_add(Config.HPAGE_PMD_NR, vm_mm.shmempages);
        await File<rmap_5_13>().page_add_file_rmap(page, 0, compound: true);
        await store(pmd, Pmd.OfPage(Caches, page, write: true, dirty: write));
        await spin_unlock(vm_mm.page_table_lock);
        return true;
    }

    /// <summary>A page table for a PMD that is none; where it is none no more, there is nothing to do.</summary>
    [KernelSource("mm/memory.c", At = "v5.13-rc6")]
    public virtual async KernelTask __pte_alloc(Mm vm_mm, Shared<Pmd> pmd)
    {
        var allocated = await kmem_cache_alloc(Caches.PageTable);
        await spin_lock(vm_mm.page_table_lock);
        var is_none = pgtable.pmd_none(await load(pmd));
        if (is_none)
        {
            await store(pmd, Pmd.OfTable(allocated)); // pmd_populate
        }

        await spin_unlock(vm_mm.page_table_lock);
        if (!is_none)
        {
            await kmem_cache_free(allocated); // pte_free
        }
    }

    /// <summary>Maps a THP that the file system has found: by its PMD, or one page of it by its pte where it does not fit the vma. It is locked.</summary>
    /// <returns>Whether the reference is no longer the caller's: 0, and not VM_FAULT_NOPAGE.</returns>
    /// <remarks>
    /// Where the PMD is not none any more, nor a table, it returns 0 as 5.13 does, and the reference is nobody's: 3fe2895cfecd ("mm: fix page leak with
    /// multiple threads mapping the same page") mends that. Left out: small pages.
    /// </remarks>
    [KernelSource("mm/memory.c", At = "v5.13-rc6")]
    public virtual async KernelTask<bool> finish_fault(Vma vma, Mm vm_mm, Folio page, int address, bool write)
    {
        var pmd = pgtable.pmd_offset(vm_mm, address);
        var vm_start = await load(vma.vm_start);
        var vm_end = await load(vma.vm_end);
        if (pgtable.pmd_none(await load(pmd)))
        {
            var haddr = address / Config.HPAGE_PMD_NR * Config.HPAGE_PMD_NR;
            var is_suitable = haddr >= vm_start && haddr + Config.HPAGE_PMD_NR <= vm_end; // transhuge_vma_suitable
            if (is_suitable && await do_set_pmd(vm_mm, page, address, write))
            {
                return true;
            }

            if (pgtable.pmd_none(await load(pmd))) // pte_alloc
            {
                await __pte_alloc(vm_mm, pmd);
            }
        }

        if (await pmd_none_or_trans_huge_or_clear_bad(pmd)) // pmd_devmap_trans_unstable
        {
            return !Toggle("finish-fault-drops-page");
        }

        var pmdval = await load(pmd);
        var table = pgtable.pmd_pgtable(pmdval);
        await spin_lock(table.ptl);
        var ptep = table.pte[pgtable.pte_index(address)];
        var is_none = await load(ptep) == default;
        if (is_none)
        {
            var vm_pgoff = await load(vma.vm_pgoff);
            var index = await load(page.index);
            var subpage = address - vm_start + vm_pgoff - index;
            await atomic_inc(vm_mm.shmempages); // do_set_pte
            await File<rmap_5_13>().page_add_file_rmap(page, subpage, compound: false);
            await store(ptep, new Pte(Present: true, Write: true, Dirty: write, Young: true, Caches.page_to_pfn(page) + subpage));
        }

        await spin_unlock(table.ptl);
        return is_none;
    }
}
