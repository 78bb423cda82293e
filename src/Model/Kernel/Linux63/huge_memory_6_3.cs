using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/huge_memory.c in 6.3: huge PMDs of anonymous memory, mapped and under migration.</summary>
/// <remarks>
/// The PMD's lock is the mm's page_table_lock, as without split PMD locks. Left out: the huge zero page, files, devmap; flushes of huge PMDs' translations (hides stale ones);
/// the assertions that the vma has all of a PMD, that a page which is split has references, that the page of a migration entry is locked, that a writable PMD's page is exclusive,
/// and those of page_add_anon_rmap (hides them).
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
        if (adjust_next > 0)
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

    /// <summary>Splits the huge PMD of an address, if there is one, and if it maps the folio, where one is given.</summary>
    /// <remarks>With the toggle a migration entry is left alone where a folio is given, as since be6e843fc51a.</remarks>
    [KernelSource("mm/huge_memory.c", At = "v6.3")]
    public virtual async KernelTask split_huge_pmd_address(Vma vma, int address, bool freeze, Folio? folio)
    {
        var vm_mm = await load(vma.vm_mm);
        var pmd = pgtable.pmd_offset(vm_mm!, address);
        await spin_lock(vm_mm!.page_table_lock);
        var pmdval = await load(pmd);
        if (pgtable.pmd_trans_huge(pmdval) || pgtable.is_pmd_migration_entry(pmdval))
        {
            // The folio is locked, so a migration entry is not its. Without that look its page is asked for.
            var is_another = folio is not null && ((Toggle("split-looks-for-migration-entry") && pgtable.is_pmd_migration_entry(pmdval)) || folio != pgtable.pmd_page(pmdval));
            if (!is_another)
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

    /// <summary>Splits a locked folio to which the caller has a reference, and which nobody else has but its mappings.</summary>
    /// <param name="folio">The folio.</param>
    /// <param name="at">The page whose folio the caller goes on with.</param>
    /// <param name="uniform">Whether all of its pages become folios of their own; otherwise only those near that page (folio_split, v6.15).</param>
    /// <param name="isolated">Whether it is isolated, and the other folios are to be so, too: each keeps a reference.</param>
    /// <returns>The folio that the page is in now, locked and with the caller's reference; null where it was not split.</returns>
    /// <remarks>Left out: the swap cache; the locks of the list of deferred splits and of the lruvec, and that interrupts are off for them.</remarks>
    [KernelSource("mm/huge_memory.c", At = "v6.1")]
    public virtual async KernelTask<Folio?> split_huge_page_to_list(Folio folio, int at, bool uniform, bool isolated)
    {
        var anon_vma = await rmap.folio_get_anon_vma(folio);
        Ghost(current.rmap_anon_vma, null);
        if (anon_vma is null)
        {
            return null; // -EBUSY
        }

        await rmap.anon_vma_lock_write(anon_vma);
        Folio? kept = null;
        if (await can_split_folio(folio))
        {
            await rmap_6_3.try_to_migrate(folio, MigrationFlags.RmapLocked | MigrationFlags.SplitHugePmd | MigrationFlags.Sync); // unmap_folio
            if (!Checks("split-freezes") || await cmpxchg(folio._refcount, 1, 0) == 1) // folio_ref_freeze
            {
                kept = await __split_huge_page(folio, at, uniform, isolated);
            }
            else
            {
                await rmap_6_3.remove_migration_ptes(folio, folio, locked: true); // remap_page
            }
        }

        await rmap.anon_vma_unlock_write(anon_vma);
        await rmap.put_anon_vma(anon_vma);
        return kept;
    }

    /// <summary>Whether nobody but the caller has a reference besides the mappings': a first look, that may be wrong by the next.</summary>
    [KernelSource("mm/huge_memory.c", At = "v6.1")]
    public virtual async KernelTask<bool> can_split_folio(Folio folio)
    {
        var mapcount = await mm.folio_mapcount(folio);
        return mapcount == await atomic_read(folio._refcount) - 1;
    }

    /// <summary>The split itself: each part gets what it needs to be a folio, the last first, and is mapped again.</summary>
    /// <remarks>
    /// Here a part is another object, with frames of its own: it gets what the pages hold (hides nothing: the folio is frozen and not mapped, so nobody looks). The old one
    /// stays, without references, for who comes to it by a stale pte. A part of two anonymous pages is not allowed, and becomes two.
    /// </remarks>
    [KernelSource("mm/huge_memory.c", At = "v6.1")]
    public virtual async KernelTask<Folio?> __split_huge_page(Folio folio, int at, bool uniform, bool isolated)
    {
        var flags = await load(folio.flags) & (PageFlags.PG_lru | PageFlags.PG_dirty);
        var mapping = await load(folio.mapping);
        var index = await load(folio.index);
        var nid = await load(folio.nid);
        for (var i = folio.Pages - 1; i >= 0; i--)
        {
            if (part_begins(folio.Pages, i, at, uniform) != i)
            {
                continue;
            }

            var part = await kmem_cache_alloc(part_pages(folio.Pages, i, at, uniform) == 1 ? Caches.Folio : Caches.HalfThp);
            await store(part.flags, flags); // __split_huge_page_tail
            await mm.folio_trylock(part); // one of the flags
            await store(part.mapping, mapping);
            await store(part.index, index + i);
            await store(part.nid, nid);
            for (var page = 0; page < part.Pages; page++)
            {
                var data = await load(folio.data_of(i + page));
                await store(part.data_of(page), data);
                await store(folio.compound_head[i + page], part); // clear_compound_head
            }

            await atomic_set(part._refcount, 1); // folio_ref_unfreeze
        }

        for (var i = 0; i < folio.Pages; i += part_pages(folio.Pages, i, at, uniform)) // remap_page
        {
            var part = await load(folio.compound_head[i]);
            await rmap_6_3.remove_migration_ptes(folio, part!, locked: true, i);
        }

        await clear_bit(PageFlags.PG_lru | PageFlags.PG_dirty, folio.flags); // what was the folio is one no more
        await mm.folio_unlock(folio);
        var kept = await load(folio.compound_head[at]);
        for (var i = 0; i < folio.Pages; i += part_pages(folio.Pages, i, at, uniform))
        {
            var part = await load(folio.compound_head[i]);
            if (part == kept)
            {
                continue;
            }

            await mm.folio_unlock(part!);
            if (!isolated)
            {
                await mm.folio_put(part!); // free_page_and_swap_cache
            }
        }

        if (!Checks("split-freezes"))
        {
            await atomic_dec(folio._refcount); // the caller's, which has the first part's; those of others stay with the head, which is the old folio here
        }

        return kept;
    }

    /// <summary>How many pages the part has that a page comes to be in: a half is split further if it has the page that the split is for.</summary>
    [KernelSource("mm/huge_memory.c", At = "v6.15", Function = "__split_unmapped_folio")]
    public int part_pages(int pages, int page, int at, bool uniform)
    {
        while (!uniform && pages > 1 && page / pages == at / pages)
        {
            pages /= 2;
        }

        return uniform || pages == 2 ? 1 : pages;
    }

    private int part_begins(int pages, int page, int at, bool uniform) => page - (page % part_pages(pages, page, at, uniform));

    /// <summary>The page that is mapped at an address, with a reference, or null.</summary>
    [KernelSource("mm/gup.c", At = "v6.1")]
    public virtual async KernelTask<(Folio? Folio, int Page)> follow_page(Mm mm, int address)
    {
        var pmd = pgtable.pmd_offset(mm, address);
        var pmdval = await load(pmd);
        if (pgtable.pmd_trans_huge(pmdval))
        {
            await spin_lock(mm.page_table_lock);
            pmdval = await load(pmd);
            if (pgtable.pmd_trans_huge(pmdval))
            {
                var folio = pgtable.pmd_page(pmdval);
                await this.mm.folio_get(folio);
                await spin_unlock(mm.page_table_lock);
                return (folio, pgtable.pte_index(address));
            }

            await spin_unlock(mm.page_table_lock);
        }

        if (pgtable.pmd_none_or_trans_huge(pmdval))
        {
            return (null, 0);
        }

        var table = pgtable.pmd_pgtable(pmdval);
        await spin_lock(table.ptl);
        var pte = await load(table.pte[pgtable.pte_index(address)]);
        if (pte.Present)
        {
            await this.mm.folio_get(Caches.pfn_to_page(pte.Pfn));
        }

        await spin_unlock(table.ptl);
        return pte.Present ? (Caches.pfn_to_page(pte.Pfn), Caches.pfn_to_index(pte.Pfn)) : (null, 0);
    }

    /// <summary>Splits the THPs of a range, as the file split_huge_pages in debugfs asks for.</summary>
    [KernelSource("mm/huge_memory.c", At = "v6.1")]
    public virtual async KernelTask split_huge_pages_pid(Mm mm, int start, int end)
    {
        await down_read(mm.mmap_lock);
        for (var address = start; address < end; address++)
        {
            var (folio, page) = await follow_page(mm, address);
            if (folio is null)
            {
                continue;
            }

            if (folio.Pages > 1 && await can_split_folio(folio) && await this.mm.folio_trylock(folio))
            {
                folio = await split_huge_page_to_list(folio, page, uniform: true, isolated: false) ?? folio;
                await this.mm.folio_unlock(folio);
            }

            await this.mm.folio_put(folio);
        }

        await up_read(mm.mmap_lock);
    }

    /// <summary>Splits a THP that has pages nobody maps any more, as reclaim does.</summary>
    /// <remarks>Left out: the list of such THPs, and its lock.</remarks>
    [KernelSource("mm/huge_memory.c", At = "v6.1")]
    public virtual async KernelTask deferred_split_scan(Folio folio)
    {
        if (!await atomic_inc_not_zero(folio._refcount)) // folio_try_get
        {
            return;
        }

        if (await mm.folio_trylock(folio))
        {
            folio = await split_huge_page_to_list(folio, 0, uniform: true, isolated: false) ?? folio;
            await mm.folio_unlock(folio);
        }

        await mm.folio_put(folio);
    }
}
