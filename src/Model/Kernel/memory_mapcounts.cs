using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/memory.c, where mappings are made and end that <c>rmap_mapcounts</c> counts: one page at a time.</summary>
/// <remarks>
/// <c>memory</c> has the same functions with batches and the TLB, for small pages without statistics, memcg and mlock. Left out here:
/// mmap_lock, which is held for reading, or by truncation not at all (hides nothing: nobody else here takes it for writing, and a
/// locked vma takes MADV_DONTNEED_LOCKED); the TLB, batches: what is gathered is put as soon as the lock is dropped.
/// </remarks>
public class memory_mapcounts(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>mm/rmap.c, where it counts.</summary>
    protected rmap_mapcounts Mapcounts => File<rmap_mapcounts>();

    /// <summary>MADV_DONTNEED, or truncation, of one page that a pte maps: clears the pte, takes the mapping out of the counts, drops its reference.</summary>
    /// <remarks>Left out: swap and migration entries, which stay; splitting a PMD in its way; print_bad_pte for a negative mapcount, which reads words that
    /// others write (hides that report).</remarks>
    [KernelSource("mm/memory.c", Function = "zap_pte_range")]
    public virtual async KernelTask zap_pte(Vma vma, int address)
    {
        var vm_mm = await load(vma.vm_mm);
        var pmd = await load(pgtable.pmd_offset(vm_mm!, address));
        if (pgtable.pmd_none_or_trans_huge(pmd))
        {
            return;
        }

        var table = pgtable.pmd_pgtable(pmd);
        var ptep = table.pte[pgtable.pte_index(address)];

        await spin_lock(table.ptl);
        var pte = await load(ptep);
        if (!pte.Present)
        {
            await spin_unlock(table.ptl);
            return;
        }

        pte = await pgtable.ptep_get_and_clear_full(ptep);
        var page = Caches.pfn_to_subpage(pte.Pfn);
        if (!await mm.folio_test_anon(page.Folio) && pte.Dirty)
        {
            await mm.set_page_dirty(page.Folio);
        }

        await Mapcounts.page_remove_rmap(page, vma, compound: false);
        await spin_unlock(table.ptl);
        await mm.folio_put(page.Folio); // tlb_finish_mmu
    }

    /// <summary>Reads a page of a file into the page cache and charges it.</summary>
    /// <remarks>For set-up. Left out: the pagevec, so the page is on its LRU at once; reading it, and the i_pages lock.</remarks>
    [KernelSource("mm/filemap.c", Function = "filemap_add_folio")]
    public virtual async KernelTask<Folio> add_charged_folio(AddressSpace mapping, int index, Memcg? memcg)
    {
        var folio = await kmem_cache_alloc(Caches.Folio);
        await atomic_set(folio._refcount, 1); // the cache's
        await store(folio.mapping, mapping);
        await store(folio.index, index);
        if (Config.MEMCG)
        {
            await store(folio.memcg_data, memcg); // mem_cgroup_charge
        }

        await atomic_inc(mapping.nrpages);
        await store(mapping.i_pages[index], folio);
        await set_bit(PageFlags.PG_lru, folio.flags);
        return folio;
    }

    /// <summary>Maps a cached page where it is read for the first time, under the folio lock.</summary>
    /// <remarks>
    /// A vma maps its file from the offset that is its own start. Left out: mmap_lock (hides nothing: nobody here takes it for writing while threads fault), fault-around, which maps under the same two
    /// locks; pages that are not cached; the look whether the page is still its file's once it is locked (hides truncation, of which there is none here).
    /// </remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask do_read_fault(Vma vma, int address)
    {
        var vm_mm = await load(vma.vm_mm);
        var file = await load(vma.vm_file);
        var page = await load(file!.i_pages[address]); // filemap_fault
        await mm.folio_get(page!);
        await mm.folio_lock(page!);
        var table = await memory.pte_alloc(vm_mm!, address); // finish_fault
        await spin_lock(table.ptl);
        if (await load(table.pte[pgtable.pte_index(address)]) != default)
        {
            await spin_unlock(table.ptl);
            await mm.folio_unlock(page!);
            await mm.folio_put(page!);
            return;
        }

        await Mapcounts.page_add_file_rmap(new(page!, 0), vma); // do_set_pte
        await store(table.pte[pgtable.pte_index(address)], new Pte(Present: true, Write: false, Dirty: false, Young: true, Caches.page_to_pfn(page!)));
        await spin_unlock(table.ptl);
        await mm.folio_unlock(page!);
    }
}
