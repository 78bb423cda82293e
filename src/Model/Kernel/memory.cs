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
        var table = await pte_alloc(vm_mm);
        await rmap.anon_vma_prepare(vma);
        var folio = await kmem_cache_alloc(Caches.Folio);
        await atomic_set(folio._refcount, 1);

        await spin_lock(table.ptl);
        if (await load(table.pte[address]) != default)
        {
            await mm.folio_put(folio);
            await spin_unlock(table.ptl);
            return null;
        }

        await rmap.page_add_new_anon_rmap(folio, vma, address);
        await set_bit(PageFlags.PG_lru, folio.flags); // lru_cache_add_inactive_or_unevictable
        await store(table.pte[address], new Pte(Present: true, Write: true, Dirty: true, Young: true, Caches.page_to_pfn(folio)));
        await spin_unlock(table.ptl);
        return folio;
    }

    /// <summary>The first store to a page of a shared file mapping: brings the page into the cache and maps it dirty.</summary>
    /// <remarks>
    /// Left out: reading it from disk, page_mkwrite, and looking the page up in the cache (invents a second page wherever one that
    /// is cached is faulted in again, and hides file pages that are mapped twice); the LRU's pagevec.
    /// </remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<Folio?> do_shared_fault(Mm vm_mm, Vma vma, AddressSpace file, int address)
    {
        var folio = await kmem_cache_alloc(Caches.Folio);
        await atomic_set(folio._refcount, 2); // the cache's, and this fault's, which the pte takes over
        await mm.folio_lock(folio);
        await store(folio.mapping, file);
        var vm_start = await load(vma.vm_start);
        var vm_pgoff = await load(vma.vm_pgoff);
        await store(folio.index, address - vm_start + vm_pgoff);
        await atomic_inc(file.nrpages); // under the i_pages lock
        await set_bit(PageFlags.PG_lru, folio.flags);

        var table = await pte_alloc(vm_mm); // finish_fault
        await spin_lock(table.ptl);
        if (await load(table.pte[address]) != default)
        {
            await spin_unlock(table.ptl);
            await mm.folio_unlock(folio);
            await mm.folio_put(folio);
            return null;
        }

        await rmap.page_add_file_rmap(folio); // do_set_pte
        await store(table.pte[address], new Pte(Present: true, Write: true, Dirty: true, Young: true, Caches.page_to_pfn(folio)));
        await spin_unlock(table.ptl);
        await mm.set_page_dirty(folio); // fault_dirty_shared_page
        await mm.folio_unlock(folio);
        return folio;
    }

    /// <summary>The page table that the PMD points to; allocates it where there is none.</summary>
    /// <remarks>The kernel's pmd lock is the mm's page_table_lock here, as without split PMD locks.</remarks>
    [KernelSource("mm/memory.c", Function = "__pte_alloc")]
    public virtual async KernelTask<PageTable> pte_alloc(Mm vm_mm)
    {
        var table = await load(vm_mm.pmd);
        if (table is not null)
        {
            return table;
        }

        var allocated = await kmem_cache_alloc(Caches.PageTable);
        await spin_lock(vm_mm.page_table_lock);
        table = await load(vm_mm.pmd);
        if (table is null)
        {
            await store(vm_mm.pmd, allocated); // pmd_populate
            await spin_unlock(vm_mm.page_table_lock);
            return allocated;
        }

        await spin_unlock(vm_mm.page_table_lock);
        await kmem_cache_free(allocated);
        return table;
    }

    /// <summary>Copies a present pte of anonymous memory at fork: both become read-only.</summary>
    /// <remarks>
    /// Called with both tables locked. Left out: PageAnonExclusive, and pages that may be pinned, which are copied instead
    /// (hides what goes wrong with pinned pages).
    /// </remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask copy_present_pte(PageTable dst, PageTable src, int address)
    {
        var pte = await load(src.pte[address]);
        var folio = Caches.pfn_to_page(pte.Pfn);
        await mm.folio_get(folio);
        await atomic_inc(folio._mapcount); // page_try_dup_anon_rmap
        if (pte.Write)
        {
            await pgtable.ptep_set_wrprotect(src.pte[address]);
        }

        await store(dst.pte[address], pte with { Write = false, Young = false });
    }

    /// <summary>Copies the ptes of a vma at fork; those of a file are left to be faulted in.</summary>
    /// <remarks>
    /// Left out: mmu notifiers and the sequence count that GUP-fast watches, as no such walker is here. The PMD is read once:
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
        var src = await load(src_mm!.pmd);
        if (src is null)
        {
            return;
        }

        var dst = await pte_alloc(dst_mm!);
        var start = await load(src_vma.vm_start);
        var end = await load(src_vma.vm_end);
        await spin_lock(dst.ptl);
        await spin_lock(src.ptl);
        for (var address = start; address < end; address++)
        {
            if ((await load(src.pte[address])).Present)
            {
                await copy_present_pte(dst, src, address);
            }
        }

        await spin_unlock(src.ptl);
        await spin_unlock(dst.ptl);
    }

    /// <summary>Unmaps the pages of a vma. What it unmapped is in the gather.</summary>
    /// <remarks>
    /// Left out: the levels above the PMD, mmu notifiers. The PMD is read once: the kernel reads it again for the lock, and no
    /// path here takes a table out of a PMD while others may still reach it by mmap_lock or the reverse map.
    /// </remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<MmuGather> unmap_single_vma(MmuGather tlb, Vma vma)
    {
        var start = await load(vma.vm_start);
        var end = await load(vma.vm_end);
        var table = await load(tlb.Mm.pmd);
        return table is null ? tlb : await zap_pte_range(tlb, vma, table, start, end);
    }

    /// <summary>
    /// Clears the ptes of a range: each page leaves the reverse map at once, under the page-table lock, and the gather
    /// takes over the reference that its pte held.
    /// </summary>
    /// <remarks>
    /// Left out: swap and migration entries, breaks to reschedule and batches that fill (no scenario here has any), the
    /// accessed bit, RSS; the TLB, so force_flush is seen only in the batch being freed after the lock is dropped.
    /// </remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<MmuGather> zap_pte_range(MmuGather tlb, Vma vma, PageTable table, int address, int end)
    {
        var force_flush = false;
        await spin_lock(table.ptl);
        for (; address < end; address++)
        {
            var pte = await load(table.pte[address]);
            if (!pte.Present)
            {
                continue;
            }

            pte = await pgtable.ptep_get_and_clear_full(table.pte[address]);
            var page = Caches.pfn_to_page(pte.Pfn);
            if (!await mm.folio_test_anon(page) && pte.Dirty)
            {
                force_flush = true;
                await mm.set_page_dirty(page);
            }

            await rmap.page_remove_rmap(page);
            WARN_ON(await mm.folio_mapcount(page) < 0, "print_bad_pte: negative mapcount");
            tlb = mmu_gather.__tlb_remove_page(tlb, page);
        }

        await spin_unlock(table.ptl);
        return force_flush ? await mmu_gather.tlb_flush_mmu(tlb) : tlb;
    }

    /// <summary>Unmaps all vmas of a list.</summary>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<MmuGather> unmap_vmas(MmuGather tlb, Mm mm)
    {
        var count = await list_count(mm.mm_mt);
        for (var i = 0; i < count; i++)
        {
            var vma = await list_get(mm.mm_mt, i);
            tlb = await unmap_single_vma(tlb, vma!);
        }

        return tlb;
    }

    /// <summary>Hides each vma from the reverse map, then frees its page tables.</summary>
    /// <remarks>Left out: unlink_file_vma (hides races with walks of file mappings, of which there are none).</remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<MmuGather> free_pgtables(MmuGather tlb, Mm mm)
    {
        var count = await list_count(mm.mm_mt);
        for (var i = 0; i < count; i++)
        {
            var vma = await list_get(mm.mm_mt, i);
            await rmap.unlink_anon_vmas(vma!);
        }

        return await free_pgd_range(tlb);
    }

    /// <summary>Takes the page table out of the PMD; the gather frees it after the flush.</summary>
    /// <remarks>Only where no vma of the mm is left to use it, as the single table covers the whole mm.</remarks>
    [KernelSource("mm/memory.c", Function = "free_pte_range")]
    public virtual async KernelTask<MmuGather> free_pgd_range(MmuGather tlb)
    {
        var table = await load(tlb.Mm.pmd);
        if (table is null)
        {
            return tlb;
        }

        await store(tlb.Mm.pmd, null); // pmd_clear
        return mmu_gather.tlb_remove_table(tlb, table);
    }
}
