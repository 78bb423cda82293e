using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/huge_memory.c in 6.3: huge PMDs of anonymous memory, mapped and under migration.</summary>
/// <remarks>
/// The PMD's lock is the mm's page_table_lock, as without split PMD locks. Left out: the huge zero page, files, devmap; flushes of huge PMDs' translations (hides stale ones).
/// </remarks>
public class huge_memory_6_3(Kernel kernel) : KernelFile(kernel)
{
    private rmap_6_3 rmap_6_3 => (rmap_6_3)rmap;

    /// <summary>The first touch of a PMD's reach of anonymous memory: allocates a THP and maps it. Under mmap_lock.</summary>
    /// <remarks>For set-up. Left out: memcg charging, a PMD that is not none any more.</remarks>
    [KernelSource("mm/huge_memory.c", At = "v6.3")]
    public virtual async KernelTask<Folio> do_huge_pmd_anonymous_page(Vma vma, int address)
    {
        await rmap.anon_vma_prepare(vma);
        var vm_mm = await load(vma.vm_mm);
        var folio = await kmem_cache_alloc(Caches.Thp);
        await atomic_set(folio._refcount, 1);
        var table = await kmem_cache_alloc(Caches.PageTable);
        await spin_lock(vm_mm!.page_table_lock);
        await rmap.page_add_new_anon_rmap(folio, vma, address);
        await set_bit(PageFlags.PG_lru, folio.flags); // lru_cache_add_inactive_or_unevictable
        await store(vm_mm.pmd_huge_pte, table); // pgtable_trans_huge_deposit
        await store(pgtable.pmd_offset(vm_mm, address), Pmd.OfPage(Caches, folio, write: true, dirty: true));
        await spin_unlock(vm_mm.page_table_lock);
        return folio;
    }

    /// <summary>A vma's range is about to change: a huge PMD that would straddle an end of it is split.</summary>
    [KernelSource("mm/huge_memory.c", At = "v6.3")]
    public virtual async KernelTask vma_adjust_trans_huge(Mm mm, Vma vma, int start, int end, int adjust_next)
    {
        await split_huge_pmd_if_needed(vma, start);
        await split_huge_pmd_if_needed(vma, end);
        if (adjust_next != 0)
        {
            var vm_end = await load(vma.vm_end);
            var next = await mmap.find_vma(mm, vm_end);
            var next_start = await load(next!.vm_start);
            await split_huge_pmd_if_needed(next, next_start + adjust_next);
        }
    }

    /// <summary>Splits the PMD of an address in which a vma is to begin or end, where a huge page may be mapped across it.</summary>
    [KernelSource("mm/huge_memory.c", At = "v6.3")]
    public virtual async KernelTask split_huge_pmd_if_needed(Vma vma, int address)
    {
        var first = address - pgtable.pte_index(address);
        if (address != first && await load(vma.vm_start) <= first && await load(vma.vm_end) >= first + Config.PTRS_PER_PTE)
        {
            await split_huge_pmd_address(vma, address, freeze: false, null);
        }
    }

    /// <summary>Splits the huge PMD of an address, if there is one.</summary>
    [KernelSource("mm/huge_memory.c", At = "v6.3")]
    public virtual async KernelTask split_huge_pmd_address(Vma vma, int address, bool freeze, Folio? folio)
    {
        var vm_mm = await load(vma.vm_mm);
        var pmd = pgtable.pmd_offset(vm_mm!, address);
        await spin_lock(vm_mm!.page_table_lock);
        var pmdval = await load(pmd);
        if (pgtable.pmd_trans_huge(pmdval) || pgtable.is_pmd_migration_entry(pmdval))
        {
            // Until be6e843fc51a a migration entry is taken for a mapping where a folio is given.
            if (folio is null || pgtable.pmd_page_is(pmdval, folio))
            {
                await __split_huge_pmd_locked(vm_mm, pmd, pmdval, freeze);
            }
        }

        await spin_unlock(vm_mm.page_table_lock);
    }

    /// <summary>Makes a table of ptes out of a huge PMD, or of migration entries out of one that is a migration entry. Under the PMD's lock.</summary>
    /// <remarks>With the toggle it counts references for a migration entry's ptes too, as before 9d84604b845c, v5.18.</remarks>
    [KernelSource("mm/huge_memory.c", At = "v6.3")]
    public virtual async KernelTask __split_huge_pmd_locked(Mm vm_mm, Shared<Pmd> pmd, Pmd pmdval, bool freeze)
    {
        var pmd_migration = pgtable.is_pmd_migration_entry(pmdval);
        var anon_exclusive = pmdval.Exclusive;
        Folio folio;
        if (pmd_migration)
        {
            folio = pgtable.pmd_to_swp_page(pmdval);
            freeze = false;
            if (Toggle("split-references-migration-entry"))
            {
                await atomic_add(folio.Pages - 1, folio._refcount);
            }
        }
        else
        {
            pmdval = await xchg(pmd, pmdval.Invalidated()); // pmdp_invalidate
            folio = pgtable.pmd_page(pmdval);
            if (pmdval.Dirty)
            {
                await mm.set_page_dirty(folio);
            }

            anon_exclusive = await test_bit(SubpageFlags.PG_anon_exclusive, folio.page_flags[0]);
            if (freeze && anon_exclusive && !await rmap_6_3.page_try_share_anon_rmap(folio, 0))
            {
                freeze = false;
            }

            if (!freeze)
            {
                await atomic_add(folio.Pages - 1, folio._refcount);
            }
        }

        var table = await load(vm_mm.pmd_huge_pte); // pgtable_trans_huge_withdraw
        await store(vm_mm.pmd_huge_pte, null);
        for (var i = 0; i < folio.Pages; i++)
        {
            var pfn = Caches.page_to_pfn(folio) + i;
            if (freeze || pmd_migration)
            {
                await store(table!.pte[i], new Pte(Present: false, pmdval.Write, Dirty: false, Young: false, pfn, anon_exclusive && !pmdval.Write));
                continue;
            }

            if (anon_exclusive)
            {
                await set_bit(SubpageFlags.PG_anon_exclusive, folio.page_flags[i]);
            }

            await atomic_inc(folio.mapcount(i));
            await store(table!.pte[i], new Pte(Present: true, pmdval.Write, Dirty: false, pmdval.Young, pfn));
        }

        if (!pmd_migration)
        {
            await atomic_add_negative(-1, folio._compound_mapcount); // page_remove_rmap of the PMD
        }

        if (freeze)
        {
            await mm.folio_put(folio);
        }

        await smp_wmb(); // make ptes visible before the PMD
        await store(pmd, Pmd.OfTable(table!)); // pmd_populate
    }

    /// <summary>Replaces a PMD's mapping by a migration entry, under the PMD's lock, unless the folio is pinned.</summary>
    [KernelSource("mm/huge_memory.c", At = "v6.3")]
    public virtual async KernelTask<bool> set_pmd_migration_entry(FolioWalk pvmw, Folio folio)
    {
        var pmd = pgtable.pmd_offset(pvmw.Mm, pvmw.Address);
        var old = await load(pmd);
        var pmdval = await xchg(pmd, old.Invalidated()); // pmdp_invalidate
        var anon_exclusive = await test_bit(SubpageFlags.PG_anon_exclusive, folio.page_flags[0]);
        if (anon_exclusive && !await rmap_6_3.page_try_share_anon_rmap(folio, 0))
        {
            await store(pmd, pmdval);
            return false;
        }

        if (pmdval.Dirty)
        {
            await mm.set_page_dirty(folio);
        }

        await store(pmd, Pmd.OfMigration(Caches, folio, pmdval.Write) with { Exclusive = anon_exclusive && !pmdval.Write });
        Oracle("migration entry", folio);
        await atomic_add_negative(-1, folio._compound_mapcount); // page_remove_rmap
        await mm.folio_put(folio);
        return true;
    }

    /// <summary>Maps a THP where its predecessor had left a migration entry, under the PMD's lock.</summary>
    [KernelSource("mm/huge_memory.c", At = "v6.3")]
    public virtual async KernelTask remove_migration_pmd(FolioWalk pvmw, Folio folio)
    {
        var pmd = pgtable.pmd_offset(pvmw.Mm, pvmw.Address);
        var entry = await load(pmd);
        await mm.folio_get(folio);
        var first = await atomic_inc_and_test(folio._compound_mapcount); // page_add_anon_rmap
        if (first && (entry.Write || entry.Exclusive))
        {
            await set_bit(SubpageFlags.PG_anon_exclusive, folio.page_flags[0]);
        }

        await store(pmd, Pmd.OfPage(Caches, folio, entry.Write, dirty: false) with { Young = false });
    }
}
