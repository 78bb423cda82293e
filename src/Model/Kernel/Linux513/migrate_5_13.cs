using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/migrate.c in 5.13: moving a THP elsewhere.</summary>
public class migrate_5_13(Kernel kernel) : migrate(kernel)
{
    private rmap_5_13 rmap_5_13 => (rmap_5_13)rmap;

    /// <summary>Migrates one isolated THP and gives up its isolation, moved or not.</summary>
    /// <remarks>Left out: retries, so a page that could not be moved goes back; failing allocations.</remarks>
    [KernelSource("mm/migrate.c", At = "v5.13-rc6")]
    public override async KernelTask unmap_and_move(Folio src)
    {
        if (await atomic_read(src._refcount) == 1)
        {
            await mm.folio_put(src); // freed from under us
            return;
        }

        var newpage = await kmem_cache_alloc(Caches.Thp);
        await atomic_set(newpage._refcount, 1);
        if (await __unmap_and_move(src, newpage))
        {
            await File<vmscan_5_13>().putback_lru_page(newpage);
            await mm.folio_put(src);
            return;
        }

        await mm.folio_put(newpage);
        await File<vmscan_5_13>().putback_lru_page(src); // putback_movable_pages
    }

    /// <summary>Unmaps a THP, moves it, and maps whichever page it is now; says whether it was moved.</summary>
    /// <remarks>
    /// Left out: writeback, non-LRU pages, modes that give up where the page is locked.
    /// </remarks>
    [KernelSource("mm/migrate.c", At = "v5.13-rc6")]
    public virtual async KernelTask<bool> __unmap_and_move(Folio page, Folio newpage)
    {
        await mm.folio_lock(page);
        AnonVma? anon_vma = null;
        var is_anon = await mm.folio_test_anon(page);
        if (is_anon)
        {
            anon_vma = await rmap.folio_get_anon_vma(page); // page_get_anon_vma
        }

        await mm.folio_trylock(newpage); // nobody else knows it
        var page_was_mapped = false;
        var is_moved = false;
        if (await load(page.mapping) is not null && await mm.folio_mapped(page))
        {
            await rmap_5_13.try_to_unmap(page, TtuFlags.TTU_MIGRATION | TtuFlags.TTU_IGNORE_MLOCK);
            page_was_mapped = is_anon || !Toggle("file-pages-become-none");
        }

        Enter("migration window");
        if (!await mm.folio_mapped(page))
        {
            is_moved = await migrate_page_move_mapping(newpage, page);
        }

        if (is_moved)
        {
            Enter("migrated");
        }

        if (page_was_mapped)
        {
            await rmap_5_13.remove_migration_ptes(page, is_moved ? newpage : page, locked: false);
        }

        Leave("migration window");

        await mm.folio_unlock(newpage);
        if (anon_vma is not null)
        {
            Ghost(current.rmap_anon_vma, null);
            await rmap.put_anon_vma(anon_vma);
        }

        await mm.folio_unlock(page);
        if (is_moved)
        {
            Leave("migrated");
        }

        return is_moved;
    }

    /// <summary>Puts the new page in the old one's place, unless somebody else has a reference; says whether it did.</summary>
    /// <remarks>Left out: swap cache, statistics; the page's contents and flags but PG_dirty.</remarks>
    [KernelSource("mm/migrate.c", At = "v5.13-rc6", Function = "migrate_page")]
    public virtual async KernelTask<bool> migrate_page_move_mapping(Folio newpage, Folio page)
    {
        if (await load(page.mapping) is not AddressSpace mapping)
        {
            if (await atomic_read(page._refcount) != 1)
            {
                return false; // -EAGAIN
            }

            var anon_index = await load(page.index);
            await store(newpage.index, anon_index);
            var anon_vma = await load(page.mapping);
            await store(newpage.mapping, anon_vma);
            return true;
        }

        var expected_count = 1 + page.Pages; // expected_page_refs
        var index = await load(page.index);
        await spin_lock(mapping.xa_lock);
        if (await atomic_read(page._refcount) != expected_count || await load(mapping.i_pages[index]) != page
            || await cmpxchg(page._refcount, expected_count, 0) != expected_count) // page_ref_freeze
        {
            await spin_unlock(mapping.xa_lock);
            return false; // -EAGAIN
        }

        await store(newpage.index, index);
        await store(newpage.mapping, mapping);
        await atomic_add(newpage.Pages, newpage._refcount);
        if (await test_bit(PageFlags.PG_dirty, page.flags))
        {
            await clear_bit(PageFlags.PG_dirty, page.flags);
            await set_bit(PageFlags.PG_dirty, newpage.flags);
        }

        for (var i = 0; i < newpage.Pages; i++)
        {
            await store(mapping.i_pages[index + i], newpage);
        }

        await atomic_set(page._refcount, expected_count - page.Pages); // page_ref_unfreeze
        await spin_unlock(mapping.xa_lock);
        await store(page.mapping, null); // move_to_new_page
        return true;
    }

    /// <summary>A fault meets a migration entry: waits until migration is over.</summary>
    /// <remarks>
    /// The kernel sleeps until the page is unlocked, without its reference and without looking at the page again. Here it waits until the PMD is another,
    /// which is a little earlier (hides nothing: a fault may as well begin then).
    /// </remarks>
    [KernelSource("mm/migrate.c", At = "v5.13-rc6")]
    public virtual async KernelTask pmd_migration_entry_wait(Mm vm_mm, Shared<Pmd> pmd)
    {
        await spin_lock(vm_mm.page_table_lock);
        var pmdval = await load(pmd);
        if (!pgtable.is_pmd_migration_entry(pmdval))
        {
            await spin_unlock(vm_mm.page_table_lock);
            return;
        }

        var page = await File<swapops_5_13>().migration_entry_to_page(pmdval);
        if (!await atomic_inc_not_zero(page._refcount))
        {
            await spin_unlock(vm_mm.page_table_lock);
            return;
        }

        await spin_unlock(vm_mm.page_table_lock);
        await mm.folio_put(page); // put_and_wait_on_page_locked
        await Until(pmd, Comparison.NotEqual, pmdval);
    }
}
