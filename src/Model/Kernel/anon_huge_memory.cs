using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/huge_memory.c with private anonymous memory in full: the TLB, pins at fork, and pages that know to be exclusive.</summary>
/// <remarks>The PMD's lock is the mm's page_table_lock, as without split PMD locks. Left out: what <see cref="huge_memory"/> leaves out besides; statistics.</remarks>
public class anon_huge_memory(Kernel kernel) : huge_memory(kernel)
{
    private large_rmap large_rmap => File<large_rmap>();

    /// <summary>Maps a new huge page by a PMD that is none. The caller is alone with the mm: for set-up.</summary>
    /// <remarks>Left out: the store that the fault was for.</remarks>
    [KernelSource("mm/huge_memory.c", Function = "__do_huge_pmd_anonymous_page")]
    public virtual async KernelTask<Folio> map_anon_thp(Mm vm_mm, int address)
    {
        var vma = await mmap.find_vma(vm_mm, address);
        await rmap.anon_vma_prepare(vma!);
        var folio = await kmem_cache_alloc(Caches.Thp);
        await atomic_set(folio._refcount, 1);
        var table = await kmem_cache_alloc(Caches.PageTable);
        await spin_lock(vm_mm.page_table_lock);
        await large_rmap.folio_add_new_anon_rmap_pmd(folio, vma!, address);
        await set_bit(PageFlags.PG_lru, folio.flags);
        await store(vm_mm.pmd_huge_pte, table); // pgtable_trans_huge_deposit
        await store(pgtable.pmd_offset(vm_mm, address), Pmd.OfPage(Caches, folio, write: true, dirty: true));
        await spin_unlock(vm_mm.page_table_lock);
        return folio;
    }

    /// <summary>Copies a PMD that maps a huge page at fork, and makes both read-only. If the page may be pinned, splits the parent's PMD instead, and says that it did not copy.</summary>
    [KernelSource("mm/huge_memory.c")]
    public virtual async KernelTask<bool> copy_huge_pmd(Mm dst_mm, Mm src_mm, Vma src_vma, int address)
    {
        var table = await kmem_cache_alloc(Caches.PageTable); // pte_alloc_one
        await spin_lock(dst_mm.page_table_lock);
        await spin_lock(src_mm.page_table_lock);
        var pmd = await load(pgtable.pmd_offset(src_mm, address));
        if (!pgtable.pmd_trans_huge(pmd))
        {
            await spin_unlock(src_mm.page_table_lock);
            await spin_unlock(dst_mm.page_table_lock);
            await kmem_cache_free(table);
            return false;
        }

        var src_page = pgtable.pmd_page(pmd);
        await mm.folio_get(src_page);
        var is_exclusive = !Toggle("anon-exclusive") || await test_bit(SubpageFlags.PG_anon_exclusive, src_page.page_flags[0]); // page_try_dup_anon_rmap
        if (is_exclusive && await File<anon_memory>().page_needs_cow_for_dma(src_mm, src_page))
        {
            await mm.folio_put(src_page);
            await spin_unlock(src_mm.page_table_lock);
            await spin_unlock(dst_mm.page_table_lock);
            await kmem_cache_free(table);
            await __split_huge_pmd(src_vma, address);
            return false;
        }

        if (is_exclusive && Toggle("anon-exclusive"))
        {
            await clear_bit(SubpageFlags.PG_anon_exclusive, src_page.page_flags[0]);
        }

        await large_rmap.page_dup_pmd_rmap(src_page, dst_mm);
        await store(dst_mm.pmd_huge_pte, table);
        await store(pgtable.pmd_offset(src_mm, address), pmd with { Write = false }); // pmdp_set_wrprotect
        await store(pgtable.pmd_offset(dst_mm, address), pmd with { Write = false });
        await spin_unlock(src_mm.page_table_lock);
        await spin_unlock(dst_mm.page_table_lock);
        return true;
    }

    /// <summary>Splits the PMD that maps a huge page into ptes.</summary>
    /// <remarks>From 5.8 to 5.17 under the page's lock besides (<c>split-locks-folio</c>).</remarks>
    [KernelSource("mm/huge_memory.c")]
    public virtual async KernelTask __split_huge_pmd(Vma vma, int address)
    {
        var vm_mm = await load(vma.vm_mm);
        await spin_lock(vm_mm!.page_table_lock);
        Folio? locked = null;
        var pmd = await load(pgtable.pmd_offset(vm_mm, address));
        while (Toggle("split-locks-folio") && locked is null && pgtable.pmd_trans_huge(pmd))
        {
            locked = pgtable.pmd_page(pmd);
            if (!await mm.folio_trylock(locked))
            {
                await mm.folio_get(locked);
                await spin_unlock(vm_mm.page_table_lock);
                await mm.folio_lock(locked);
                await spin_lock(vm_mm.page_table_lock);
                var again = await load(pgtable.pmd_offset(vm_mm, address));
                if (again != pmd)
                {
                    await mm.folio_unlock(locked);
                    await mm.folio_put(locked);
                    (locked, pmd) = (null, again);
                    continue;
                }

                await mm.folio_put(locked);
            }
        }

        if (pgtable.pmd_trans_huge(pmd))
        {
            await __split_huge_pmd_locked(vm_mm, address);
        }

        await spin_unlock(vm_mm.page_table_lock);
        if (locked is not null)
        {
            await mm.folio_unlock(locked);
        }
    }

    /// <summary>The split itself: an invalid PMD, a page table in which every pte is counted, the end of the PMD's mapping, the table published.</summary>
    [KernelSource("mm/huge_memory.c")]
    public virtual async KernelTask __split_huge_pmd_locked(Mm vm_mm, int address)
    {
        var pmdp = pgtable.pmd_offset(vm_mm, address);
        var haddr = address - pgtable.pte_index(address);
        var old_pmd = await load(pmdp);
        old_pmd = await xchg(pmdp, old_pmd.Invalidated()); // pmdp_invalidate
        await tlbflush.flush_tlb_mm_range(vm_mm, haddr, haddr + Config.PTRS_PER_PTE);
        var page = pgtable.pmd_page(old_pmd);
        if (old_pmd.Dirty)
        {
            await set_bit(PageFlags.PG_dirty, page.flags);
        }

        await atomic_add(page.Pages - 1, page._refcount);
        var anon_exclusive = Toggle("anon-exclusive") && await test_bit(SubpageFlags.PG_anon_exclusive, page.page_flags[0]);
        var table = await pgtable_trans_huge_withdraw(vm_mm);
        if (Toggle("large-mapcount"))
        {
            await large_rmap.folio_add_large_mapcount(page, page.Pages, vm_mm);
        }

        for (var i = 0; i < page.Pages; i++)
        {
            if (anon_exclusive)
            {
                await set_bit(SubpageFlags.PG_anon_exclusive, page.page_flags[i]);
            }

            await store(table.pte[i], new Pte(Present: true, old_pmd.Write, Dirty: false, old_pmd.Young, Caches.page_to_pfn(page) + i));
            await atomic_inc(page.mapcount(i));
        }

        await large_rmap.split_ends(page, vm_mm);
        await smp_wmb(); // make ptes visible before the PMD
        await store(pmdp, Pmd.OfTable(table)); // pmd_populate
    }

    /// <summary>Unmaps a huge page that a PMD maps, if it still does; says whether it did. The gather takes over the reference.</summary>
    [KernelSource("mm/huge_memory.c")]
    public virtual async KernelTask<(MmuGather Tlb, bool IsDone)> zap_huge_pmd(MmuGather tlb, int address)
    {
        var pmdp = pgtable.pmd_offset(tlb.Mm, address);
        await spin_lock(tlb.Mm.page_table_lock);
        if (!pgtable.pmd_trans_huge(await load(pmdp)))
        {
            await spin_unlock(tlb.Mm.page_table_lock); // __pmd_trans_huge_lock
            return (tlb, false);
        }

        var orig_pmd = await xchg(pmdp, default); // pmdp_huge_get_and_clear_full
        for (var i = 0; i < Config.PTRS_PER_PTE; i++)
        {
            tlb = mmu_gather.tlb_remove_tlb_entry(tlb, address + i); // tlb_remove_pmd_tlb_entry
        }

        var page = pgtable.pmd_page(orig_pmd);
        await large_rmap.page_remove_pmd_rmap(page, tlb.Mm);
        var table = await pgtable_trans_huge_withdraw(tlb.Mm); // zap_deposited_table
        await kmem_cache_free(table);
        await spin_unlock(tlb.Mm.page_table_lock);
        (tlb, var is_full) = mmu_gather.__tlb_remove_page(tlb, page);
        return (is_full ? await mmu_gather.tlb_flush_mmu(tlb) : tlb, true);
    }

    /// <inheritdoc/>
    [KernelSource("mm/rmap.c")]
    public override async KernelTask try_to_migrate_one(Vma vma, int address)
    {
        var vm_mm = await load(vma.vm_mm);
        var pmd = await load(pgtable.pmd_offset(vm_mm!, address));
        var table = pgtable.pmd_pgtable(pmd);
        await spin_lock(table.ptl);
        var pte = await pgtable.ptep_get_and_clear_full(table.pte[pgtable.pte_index(address)]); // ptep_clear_flush
        await store(table.pte[pgtable.pte_index(address)], new Pte(Present: false, pte.Write, Dirty: false, Young: false, pte.Pfn));
        var page = Caches.pfn_to_subpage(pte.Pfn);
        await large_rmap.page_remove_rmap(page.Folio, page.Number, vm_mm!);
        await mm.folio_put(page.Folio);
        await spin_unlock(table.ptl);
    }

    /// <inheritdoc/>
    /// <remarks>Where migration has failed the folio is the old one, and here it always is. Left out: the walk that leads here; exclusive pages.</remarks>
    [KernelSource("mm/migrate.c")]
    public override async KernelTask remove_migration_pte(Vma vma, int address)
    {
        var vm_mm = await load(vma.vm_mm);
        var pmd = await load(pgtable.pmd_offset(vm_mm!, address));
        var table = pgtable.pmd_pgtable(pmd);
        await spin_lock(table.ptl);
        var entry = await load(table.pte[pgtable.pte_index(address)]);
        if (entry is { Present: false, Swap: false, Pfn: not 0 })
        {
            var page = Caches.pfn_to_subpage(entry.Pfn);
            await mm.folio_get(page.Folio);
            await large_rmap.page_dup_rmap(page.Folio, page.Number, vm_mm!);
            await store(table.pte[pgtable.pte_index(address)], entry with { Present = true });
        }

        await spin_unlock(table.ptl);
    }
}
