using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/migrate.c and what it calls: a THP of shmem that PMDs map is moved to another.</summary>
/// <remarks>
/// As of 6.1. Left out: mappings by ptes, which make it give up here (hides migration ptes); retries, copying, mlock, notifiers; a THP that was freed or truncated before it is
/// locked (invents a move of it, where somebody has as many references as the cache had; nothing truncates beside it in specs/). Since 6.3 the new THP's reference is dropped before the
/// old one is unlocked.
/// </remarks>
public class migrate_thp(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Moves one THP, which is isolated: unmaps it, puts the new one in its place in the cache, and maps that; or the old one again, where others use it.</summary>
    [KernelSource("mm/migrate.c", Function = "__unmap_and_move")]
    public virtual async KernelTask migrate_shmem_thp(AddressSpace mapping, Folio src)
    {
        await mm.folio_lock(src);
        var dst = await kmem_cache_alloc(Caches.Thp);
        await atomic_set(dst._refcount, 1);
        await mm.folio_lock(dst); // nobody else knows it
        var index = await load(src.index);
        var moved = false;
        var page_was_mapped = await mm.folio_large_is_mapped(src);
        if (page_was_mapped)
        {
            await try_to_migrate(mapping, src, index);
        }

        if (!await mm.folio_large_is_mapped(src))
        {
            moved = await folio_migrate_mapping(mapping, dst, src, index);
        }

        if (page_was_mapped && !Toggle("file-pages-become-none"))
        {
            await remove_migration_ptes(mapping, src, moved ? dst : src, index);
        }

        await mm.folio_unlock(dst);
        await mm.folio_unlock(src);
        await mm.folio_put(dst); // where it has moved, its users have their own
        await (moved ? mm.folio_put(src) : File<khugepaged>().putback_lru_page(src)); // the isolation's
    }

    /// <summary>Replaces each PMD that maps the THP by a migration entry.</summary>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask try_to_migrate(AddressSpace mapping, Folio src, int index)
    {
        await down_read(mapping.i_mmap_rwsem);
        for (var i = 0; await list_get(mapping.i_mmap, i) is { } vma; i++)
        {
            var address = await rmap.vma_address(vma, index);
            if (address >= 0)
            {
                var vm_mm = await load(vma.vm_mm);
                await try_to_migrate_one(vm_mm!, src, pgtable.pmd_offset(vm_mm!, address));
            }
        }

        await up_read(mapping.i_mmap_rwsem);
    }

    /// <summary>try_to_migrate in one vma: looks at the PMD without its lock, then with it.</summary>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask try_to_migrate_one(Mm vm_mm, Folio src, Shared<Pmd> pmdp)
    {
        var pmde = await READ_ONCE(pmdp);
        if (!pgtable.pmd_trans_huge(pmde) && !pgtable.is_pmd_migration_entry(pmde))
        {
            return;
        }

        await spin_lock(vm_mm.page_table_lock);
        var pmd = await load(pmdp);
        if (pgtable.pmd_trans_huge(pmd) && pgtable.pmd_page_is(pmd, src))
        {
            await set_pmd_migration_entry(vm_mm, src, pmdp, pmd);
        }

        await spin_unlock(vm_mm.page_table_lock);
    }

    /// <summary>Replaces a PMD's mapping by a migration entry, under the PMD's lock.</summary>
    /// <remarks>With <c>file-pages-become-none</c> by nothing, as for a page that is unmapped for good.</remarks>
    [KernelSource("mm/huge_memory.c")]
    public virtual async KernelTask set_pmd_migration_entry(Mm vm_mm, Folio src, Shared<Pmd> pmdp, Pmd pmd)
    {
        var is_none = Toggle("file-pages-become-none");
        pmd = await xchg(pmdp, is_none ? default : pmd.Invalidated()); // pmdp_invalidate
        if (!is_none)
        {
            await store(pmdp, Pmd.OfMigration(Caches, src, pmd.Write));
        }

        await File<rmap_thp>().page_remove_rmap(new Page(src, 0), compound: true);
        await mm.folio_put(src);
        if (is_none)
        {
            await atomic_add(-src.Pages, vm_mm.shmempages);
        }
    }

    /// <summary>Puts the new THP in the old one's place, if the only references to that are the cache's and the isolation's; says whether it did.</summary>
    [KernelSource("mm/migrate.c")]
    public virtual async KernelTask<bool> folio_migrate_mapping(AddressSpace mapping, Folio dst, Folio src, int index)
    {
        await spin_lock(mapping.xa_lock);
        if (await cmpxchg(src._refcount, 1 + src.Pages, 0) != 1 + src.Pages) // folio_ref_freeze
        {
            await spin_unlock(mapping.xa_lock);
            return false;
        }

        await store(dst.index, index);
        await store(dst.mapping, mapping);
        await atomic_add(dst.Pages, dst._refcount);
        for (var i = 0; i < src.Pages; i++)
        {
            await store(mapping.i_pages[index + i], dst);
        }

        await atomic_set(src._refcount, 1); // folio_ref_unfreeze
        await spin_unlock(mapping.xa_lock);
        await store(src.mapping, null);
        await set_bit(PageFlags.PG_lru, dst.flags);
        return true;
    }

    /// <summary>Maps the THP, the new or the old one, where a migration entry names the old one.</summary>
    [KernelSource("mm/migrate.c")]
    public virtual async KernelTask remove_migration_ptes(AddressSpace mapping, Folio src, Folio dst, int index)
    {
        await down_read(mapping.i_mmap_rwsem);
        for (var i = 0; await list_get(mapping.i_mmap, i) is { } vma; i++)
        {
            var address = await rmap.vma_address(vma, index);
            if (address >= 0)
            {
                var vm_mm = await load(vma.vm_mm);
                await remove_migration_pmd(vm_mm!, src, dst, pgtable.pmd_offset(vm_mm!, address));
            }
        }

        await up_read(mapping.i_mmap_rwsem);
    }

    /// <summary>
    /// remove_migration_ptes in one vma: looks at the PMD without its lock, then with it. Where it is none, the lock is taken all the same, so that who is just zapping
    /// it has done (PVMW_SYNC).
    /// </summary>
    /// <remarks>Left out: the ptes of a table.</remarks>
    [KernelSource("mm/huge_memory.c")]
    public virtual async KernelTask remove_migration_pmd(Mm vm_mm, Folio src, Folio dst, Shared<Pmd> pmdp)
    {
        var pmde = await READ_ONCE(pmdp); // page_vma_mapped_walk
        if (pgtable.pmd_present(pmde) && !pgtable.pmd_trans_huge(pmde))
        {
            return;
        }

        await spin_lock(vm_mm.page_table_lock);
        if (pgtable.pmd_none(pmde))
        {
            await spin_unlock(vm_mm.page_table_lock);
            return;
        }

        var pmd = await load(pmdp);
        if (pgtable.is_pmd_migration_entry(pmd) && pgtable.pmd_to_swp_page(pmd) == src)
        {
            await mm.folio_get(dst);
            await File<rmap_thp>().page_add_file_rmap(new Page(dst, 0), compound: true);
            await store(pmdp, Pmd.OfPage(Caches, dst, pmd.Write, dirty: false));
        }

        await spin_unlock(vm_mm.page_table_lock);
    }
}
