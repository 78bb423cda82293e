using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/memory.c: faults, copying at fork, unmapping.</summary>
public class memory(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>The first touch of a page of anonymous memory: allocates it and maps it. The caller holds mmap_lock.</summary>
    /// <remarks>
    /// Left out: the zero page, memcg charging, failing allocations; the LRU's pagevec, so the page is on its LRU at once
    /// (hides the time in which it is not).
    /// </remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<Folio?> do_anonymous_page(Mm vm_mm, Vma vma, int address)
    {
        var table = await pte_alloc(vm_mm, address);
        await rmap.anon_vma_prepare(vma);
        var folio = await kmem_cache_alloc(Caches.Folio);
        await atomic_set(folio._refcount, 1);

        await spin_lock(table.ptl);
        var ptep = table.pte[pgtable.pte_index(address)];
        if (await load(ptep) != default)
        {
            await mm.folio_put(folio);
            await spin_unlock(table.ptl);
            return null;
        }

        await rmap.page_add_new_anon_rmap(folio, vma, address);
        await set_bit(PageFlags.PG_lru, folio.flags); // lru_cache_add_inactive_or_unevictable
        await store(ptep, new Pte(Present: true, Write: true, Dirty: true, Young: true, Caches.page_to_pfn(folio)));
        await spin_unlock(table.ptl);
        return folio;
    }

    /// <summary>What a fault does, which finds the vma in place: the caller holds mmap_lock.</summary>
    /// <returns>The page that it mapped, or null: another was faster, or a pte that is there was made to allow the access.</returns>
    /// <remarks>
    /// Left out: swap and NUMA entries; copy-on-write, which is a fault of the model. The PMD is read once to look, and again to fill.
    /// </remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<Folio?> handle_pte_fault(Mm vm_mm, Vma vma, int address, bool write)
    {
        var pmd = await load(pgtable.pmd_offset(vm_mm, address));
        var table = pgtable.pmd_none(pmd) ? null : pgtable.pmd_pgtable(pmd);
        var orig_pte = table is null ? default : await load(table.pte[pgtable.pte_index(address)]);
        if (table is null || orig_pte == default)
        {
            return await load(vma.vm_file) is not { } file ? await do_anonymous_page(vm_mm, vma, address)
                : write ? await do_shared_fault(vm_mm, vma, file, address)
                : await do_read_fault(vm_mm, vma, file, address);
        }

        await spin_lock(table.ptl);
        var ptep = table.pte[pgtable.pte_index(address)];
        if (await load(ptep) != orig_pte)
        {
            await spin_unlock(table.ptl);
            return null;
        }

        if (write && !orig_pte.Write)
        {
            await wp_page_shared(vma, table, address, orig_pte);
            return null;
        }

        await pgtable.ptep_set_access_flags(ptep, orig_pte with { Young = true, Dirty = orig_pte.Dirty || write }, write);
        await spin_unlock(table.ptl);
        return null;
    }

    /// <summary>The first load from a page of a shared file mapping: maps it read-only, as the file system wants to know of the first store.</summary>
    /// <remarks>Left out: mapping its neighbours too (fault-around).</remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<Folio?> do_read_fault(Mm vm_mm, Vma vma, AddressSpace file, int address)
    {
        var folio = await filemap.filemap_fault(file, await linear_page_index(vma, address));
        var is_mapped = await finish_fault(vm_mm, folio, address, write: false);
        await mm.folio_unlock(folio);
        if (!is_mapped)
        {
            await mm.folio_put(folio);
            return null;
        }

        return folio;
    }

    /// <summary>The first store to a page of a shared file mapping: brings the page into the cache and maps it dirty.</summary>
    /// <remarks>Left out: throttling.</remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<Folio?> do_shared_fault(Mm vm_mm, Vma vma, AddressSpace file, int address)
    {
        var folio = await filemap.filemap_fault(file, await linear_page_index(vma, address));
        await mm.folio_unlock(folio);
        if (!await filemap.filemap_page_mkwrite(file, folio))
        {
            await mm.folio_put(folio);
            return null;
        }

        if (!await finish_fault(vm_mm, folio, address, write: true))
        {
            await mm.folio_unlock(folio);
            await mm.folio_put(folio);
            return null;
        }

        await fault_dirty_shared_page(folio);
        return folio;
    }

    /// <summary>Sets the pte of a locked page-cache page, unless there is one by now; says whether it did. It takes over the caller's reference.</summary>
    /// <remarks>
    /// The kernel has allocated the page table before it took the page's lock (hides nothing: the allocation is nobody else's concern). Left out:
    /// check_stable_address_space, which is for private mappings.
    /// </remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<bool> finish_fault(Mm vm_mm, Folio folio, int address, bool write)
    {
        var table = await pte_alloc(vm_mm, address);
        await spin_lock(table.ptl);
        var ptep = table.pte[pgtable.pte_index(address)];
        if (await load(ptep) != default)
        {
            await spin_unlock(table.ptl);
            return false;
        }

        await rmap.page_add_file_rmap(folio); // do_set_pte
        await store(ptep, new Pte(Present: true, Write: write, Dirty: write, Young: true, Caches.page_to_pfn(folio)));
        await spin_unlock(table.ptl);
        return true;
    }

    /// <summary>The first store to a page that is mapped read-only. The caller holds the page-table lock, which this drops.</summary>
    /// <remarks>Left out: private mappings and anonymous memory, whose copy-on-write is a fault of the model; throttling.</remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask wp_page_shared(Vma vma, PageTable table, int address, Pte orig_pte)
    {
        if (await load(vma.vm_file) is not { } file)
        {
            throw new ModelFaultException("a store to anonymous memory that fork has write-protected: copy-on-write is not modelled");
        }

        var folio = Caches.pfn_to_page(orig_pte.Pfn);
        await mm.folio_get(folio);
        await spin_unlock(table.ptl);
        if (await filemap.filemap_page_mkwrite(file, folio))
        {
            await spin_lock(table.ptl); // finish_mkwrite_fault
            var ptep = table.pte[pgtable.pte_index(address)];
            if (await load(ptep) == orig_pte)
            {
                await pgtable.ptep_set_access_flags(ptep, orig_pte with { Write = true, Dirty = true, Young = true }, dirty: true); // wp_page_reuse
                await spin_unlock(table.ptl);
                await fault_dirty_shared_page(folio);
            }
            else
            {
                await spin_unlock(table.ptl);
                await mm.folio_unlock(folio);
            }
        }

        await mm.folio_put(folio);
    }

    /// <summary>Makes the page of a pte that was just made writable dirty, and unlocks it.</summary>
    /// <remarks>Left out: VM_BUG_ON_PAGE(PageAnon) (hides nothing: its callers have a page of a file), throttling.</remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask fault_dirty_shared_page(Folio folio)
    {
        await mm.set_page_dirty(folio);
        await mm.folio_unlock(folio);
    }

    /// <summary>The offset in its file of the page at an address.</summary>
    [KernelSource("include/linux/pagemap.h")]
    public virtual async KernelTask<int> linear_page_index(Vma vma, int address)
    {
        var vm_start = await load(vma.vm_start);
        var vm_pgoff = await load(vma.vm_pgoff);
        return address - vm_start + vm_pgoff;
    }

    /// <summary>The page table that the PMD points to; allocates it where there is none.</summary>
    /// <remarks>The kernel's pmd lock is the mm's page_table_lock here, as without split PMD locks.</remarks>
    [KernelSource("mm/memory.c", Function = "__pte_alloc")]
    public virtual async KernelTask<PageTable> pte_alloc(Mm vm_mm, int address)
    {
        var pmd = pgtable.pmd_offset(vm_mm, address);
        var pmdval = await load(pmd);
        if (!pgtable.pmd_none(pmdval))
        {
            return pgtable.pmd_pgtable(pmdval);
        }

        var allocated = await kmem_cache_alloc(Caches.PageTable);
        await spin_lock(vm_mm.page_table_lock);
        pmdval = await load(pmd);
        if (pgtable.pmd_none(pmdval))
        {
            await store(pmd, Pmd.OfTable(allocated)); // pmd_populate
            await spin_unlock(vm_mm.page_table_lock);
            return allocated;
        }

        await spin_unlock(vm_mm.page_table_lock);
        await kmem_cache_free(allocated);
        return pgtable.pmd_pgtable(pmdval);
    }

    /// <summary>Copies a present pte of anonymous memory at fork: both become read-only.</summary>
    /// <remarks>
    /// Called with both tables locked. Left out: PageAnonExclusive, and pages that may be pinned, which are copied instead
    /// (hides what goes wrong with pinned pages).
    /// </remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask copy_present_pte(PageTable dst, PageTable src, int address)
    {
        var index = pgtable.pte_index(address);
        var pte = await load(src.pte[index]);
        var folio = Caches.pfn_to_page(pte.Pfn);
        await mm.folio_get(folio);
        await atomic_inc(folio._mapcount); // page_try_dup_anon_rmap
        if (pte.Write)
        {
            await pgtable.ptep_set_wrprotect(src.pte[index]);
        }

        await store(dst.pte[index], pte with { Write = false, Young = false });
    }

    /// <summary>Copies the ptes of a vma at fork; those of a file are left to be faulted in.</summary>
    /// <remarks>
    /// Left out: mmu notifiers and the sequence count that GUP-fast watches, as no such walker is here; huge PMDs, which set-up copies
    /// (hides forks beside their users). The PMD is read once:
    /// the kernel reads it again for the lock, which both mmap_locks make the same table.
    /// </remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask copy_page_range(Vma dst_vma, Vma src_vma)
    {
        if (await load(src_vma.anon_vma) is null)
        {
            return; // vma_needs_copy
        }

        var dst_mm = await load(dst_vma.vm_mm);
        var src_mm = await load(src_vma.vm_mm);
        for (var i = 0; i < src_mm!.PTRS_PER_PMD; i++) // copy_pmd_range
        {
            var src_pmd = await load(src_mm.pmd_at(i));
            if (!pgtable.pmd_none_or_trans_huge(src_pmd))
            {
                await copy_pte_range(dst_mm!, src_vma, pgtable.pmd_pgtable(src_pmd), i * Config.PTRS_PER_PTE);
            }
        }
    }

    /// <summary>Copies the ptes of a vma in one page table.</summary>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask copy_pte_range(Mm dst_mm, Vma src_vma, PageTable src, int first)
    {
        var dst = await pte_alloc(dst_mm, first);
        var start = Math.Max(await load(src_vma.vm_start), first);
        var end = Math.Min(await load(src_vma.vm_end), first + Config.PTRS_PER_PTE);
        await spin_lock(dst.ptl);
        await spin_lock(src.ptl);
        for (var address = start; address < end; address++)
        {
            if ((await load(src.pte[pgtable.pte_index(address)])).Present)
            {
                await copy_present_pte(dst, src, address);
            }
        }

        await spin_unlock(src.ptl);
        await spin_unlock(dst.ptl);
    }

    /// <summary>Unmaps a range of one vma, of which this is all that is gathered.</summary>
    /// <remarks>Left out: lru_add_drain, mmu notifiers.</remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask zap_page_range_single(Vma vma, int start, int end, bool even_cows)
    {
        var vm_mm = await load(vma.vm_mm);
        var tlb = await mmu_gather.tlb_gather_mmu(vm_mm!);
        tlb = await unmap_single_vma(tlb, vma, start, end, even_cows);
        await mmu_gather.tlb_finish_mmu(tlb);
    }

    /// <summary>Unmaps a locked page-cache page wherever it is mapped.</summary>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask unmap_mapping_folio(Folio folio)
    {
        var mapping = await load(folio.mapping);
        if (Config.DEBUG_VM)
        {
            BUG_ON(!await mm.folio_test_locked(folio), "VM_BUG_ON(!folio_test_locked(folio))");
        }

        var first_index = await load(folio.index);
        var file = (AddressSpace)mapping!;
        await down_read(file.i_mmap_rwsem);
        for (var i = 0; await list_get(file.i_mmap, i) is { } vma; i++)
        {
            var address = await rmap.vma_address(vma, first_index); // unmap_mapping_range_tree
            if (address >= 0)
            {
                await zap_page_range_single(vma, address, address + 1, even_cows: false);
            }
        }

        await up_read(file.i_mmap_rwsem);
    }

    /// <summary>Unmaps the pages of a vma in a range. What it unmapped is in the gather.</summary>
    /// <remarks>
    /// Left out: the levels above the PMD, mmu notifiers. The PMD is read once: the kernel reads it again for the lock, and no
    /// path here takes a table out of a PMD while others may still reach it by mmap_lock or the reverse map.
    /// </remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<MmuGather> unmap_single_vma(MmuGather tlb, Vma vma, int start_addr, int end_addr, bool even_cows = true)
    {
        var start = Math.Max(await load(vma.vm_start), start_addr);
        var end = Math.Min(await load(vma.vm_end), end_addr);
        for (; start < end; start = pgtable.pmd_addr_end(start, end)) // zap_pmd_range
        {
            var pmd = await load(pgtable.pmd_offset(tlb.Mm, start));
            if (!pgtable.pmd_none(pmd))
            {
                tlb = await zap_pte_range(tlb, vma, pgtable.pmd_pgtable(pmd), start, pgtable.pmd_addr_end(start, end), even_cows);
            }
        }

        return tlb;
    }

    /// <summary>
    /// Clears the ptes of a range: each page leaves the reverse map at once, under the page-table lock, and the gather
    /// takes over the reference that its pte held. Where a page was dirty by its pte, the TLB is flushed before the lock is dropped.
    /// </summary>
    /// <remarks>
    /// Left out: swap and migration entries (no scenario here has any), breaks to reschedule, the accessed bit, RSS.
    /// </remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<MmuGather> zap_pte_range(MmuGather tlb, Vma vma, PageTable table, int address, int end, bool even_cows)
    {
        while (true)
        {
            var force_flush = false;
            var is_full = false;
            await spin_lock(table.ptl);
            await rmap.flush_tlb_batched_pending(tlb.Mm);
            for (; address < end && !is_full; address++)
            {
                var ptep = table.pte[pgtable.pte_index(address)];
                var pte = await load(ptep);
                if (!pte.Present || !await should_zap_page(pte, even_cows))
                {
                    continue;
                }

                pte = await pgtable.ptep_get_and_clear_full(ptep);
                tlb = mmu_gather.tlb_remove_tlb_entry(tlb, address);
                var page = Caches.pfn_to_page(pte.Pfn);
                if (!await mm.folio_test_anon(page) && pte.Dirty)
                {
                    force_flush = true;
                    await mm.set_page_dirty(page);
                }

                await rmap.page_remove_rmap(page);
                WARN_ON(await mm.folio_mapcount(page) < 0, "print_bad_pte: negative mapcount");
                (tlb, is_full) = mmu_gather.__tlb_remove_page(tlb, page);
            }

            if (force_flush || is_full)
            {
                tlb = await mmu_gather.tlb_flush_mmu_tlbonly(tlb);
            }

            await spin_unlock(table.ptl);
            if (force_flush || is_full)
            {
                tlb = await mmu_gather.tlb_flush_mmu(tlb);
            }

            if (address == end)
            {
                return tlb;
            }
        }
    }

    /// <summary>Whether the page of a present pte is to be unmapped: a truncation of a file leaves private copies alone.</summary>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<bool> should_zap_page(Pte pte, bool even_cows) =>
        even_cows || !await mm.folio_test_anon(Caches.pfn_to_page(pte.Pfn));

    /// <summary>Unmaps all vmas of a list.</summary>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<MmuGather> unmap_vmas(MmuGather tlb, Mm mm)
    {
        var count = await list_count(mm.mm_mt);
        for (var i = 0; i < count; i++)
        {
            var vma = await list_get(mm.mm_mt, i);
            tlb = await unmap_single_vma(tlb, vma!, 0, int.MaxValue);
        }

        return tlb;
    }

    /// <summary>Hides each vma from the reverse map, then frees its page tables.</summary>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<MmuGather> free_pgtables(MmuGather tlb, Mm mm)
    {
        var count = await list_count(mm.mm_mt);
        for (var i = 0; i < count; i++)
        {
            var vma = await list_get(mm.mm_mt, i);
            await rmap.unlink_anon_vmas(vma!);
            await mmap.unlink_file_vma(vma!);
        }

        return await free_pgd_range(tlb);
    }

    /// <summary>Takes the page table out of each PMD; the gather frees it after the flush.</summary>
    /// <remarks>Only where no vma of the mm is left to use it, as all tables are taken.</remarks>
    [KernelSource("mm/memory.c", Function = "free_pte_range")]
    public virtual async KernelTask<MmuGather> free_pgd_range(MmuGather tlb)
    {
        for (var i = 0; i < tlb.Mm.PTRS_PER_PMD; i++)
        {
            var pmd = tlb.Mm.pmd_at(i);
            var pmdval = await load(pmd);
            if (pgtable.pmd_none(pmdval))
            {
                continue;
            }

            if (tlb.Table is not null)
            {
                throw new ModelFaultException("a gather takes one page table; unmap the vmas of an mm that has more one by one");
            }

            await store(pmd, default); // pmd_clear
            tlb = mmu_gather.tlb_remove_table(tlb, pgtable.pmd_pgtable(pmdval));
        }

        return tlb;
    }
}
