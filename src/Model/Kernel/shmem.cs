using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>
/// mm/shmem.c: files in memory, whose cache holds small pages and THPs; with what of mm/filemap.c, mm/truncate.c and mm/vmscan.c finds these there and
/// takes them out.
/// </summary>
/// <remarks>As of 6.1.</remarks>
public class shmem(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>
    /// A file's cached page, locked and with a reference, or null. It sleeps for the lock, and looks again if the page was taken out of the cache
    /// meanwhile.
    /// </summary>
    [KernelSource("include/linux/pagemap.h")]
    public virtual async KernelTask<Folio?> find_lock_page(AddressSpace mapping, int index)
    {
        while (await filemap.filemap_get_folio(mapping, index) is { } folio)
        {
            await mm.folio_lock(folio);
            if (await load(folio.mapping) == mapping)
            {
                return folio;
            }

            await mm.folio_unlock(folio);
            await mm.folio_put(folio);
        }

        return null;
    }

    /// <summary>A new THP in the cache of a file, where nothing is cached yet; it is locked if asked for.</summary>
    /// <remarks>For set-up. Left out: where the pages come from.</remarks>
    [KernelSource("mm/shmem.c", Function = "shmem_add_to_page_cache")]
    public virtual async KernelTask<Folio> add_thp_to_page_cache(AddressSpace mapping, int index, bool locked)
    {
        var folio = await kmem_cache_alloc(Caches.Thp);
        await atomic_set(folio._refcount, folio.Pages); // the cache's
        await store(folio.mapping, mapping);
        await store(folio.index, index);
        for (var i = 0; i < folio.Pages; i++)
        {
            await store(mapping.i_pages[index + i], folio);
        }

        await set_bit(PageFlags.PG_lru, folio.flags);
        if (locked)
        {
            await mm.folio_lock(folio);
        }

        return folio;
    }

    /// <summary>A new page in the cache of a file, where nothing is cached yet.</summary>
    /// <remarks>For set-up.</remarks>
    [KernelSource("mm/shmem.c", Function = "shmem_add_to_page_cache")]
    public virtual async KernelTask<Folio> add_page_to_page_cache(AddressSpace mapping, int index)
    {
        var folio = await kmem_cache_alloc(Caches.Folio);
        await atomic_set(folio._refcount, 1); // the cache's
        await store(folio.mapping, mapping);
        await store(folio.index, index);
        await store(mapping.i_pages[index], folio);
        await set_bit(PageFlags.PG_lru, folio.flags);
        return folio;
    }

    /// <summary>What is cached there, without a reference. For set-up.</summary>
    [KernelSource("lib/xarray.c")]
    public virtual async KernelTask<Folio?> xa_load(AddressSpace mapping, int index) => await load(mapping.i_pages[index]);

    /// <summary>fallocate(PUNCH_HOLE) of one THP's extent, as by MADV_REMOVE: unmaps it everywhere, then takes it out of the cache under its lock.</summary>
    /// <remarks>Left out: the inode's lock; faults that wait for the end of the hole; a hole that covers the THP in part.</remarks>
    [KernelSource("mm/shmem.c", Function = "shmem_fallocate")]
    public virtual async KernelTask shmem_punch_hole(AddressSpace mapping, int start)
    {
        await File<memory_thp>().unmap_mapping_range(mapping, start, start + Config.HPAGE_PMD_NR);
        if (await find_lock_page(mapping, start) is { } folio) // shmem_truncate_range
        {
            await truncate_inode_folio(mapping, folio, start);
            await mm.folio_unlock(folio);
            await mm.folio_put(folio);
        }
    }

    /// <summary>Takes a locked THP out of the cache, unmapping it once more if it was mapped meanwhile.</summary>
    [KernelSource("mm/truncate.c")]
    public virtual async KernelTask truncate_inode_folio(AddressSpace mapping, Folio folio, int start)
    {
        if (await mm.folio_large_is_mapped(folio))
        {
            await File<memory_thp>().unmap_mapping_folio(mapping, folio, start);
        }

        await spin_lock(mapping.xa_lock);
        var mapped = await mm.folio_large_is_mapped(folio); // filemap_unaccount_folio
        BUG_ON(Config.DEBUG_VM && mapped, "VM_BUG_ON_FOLIO(folio_mapped(folio))");
        await page_cache_delete(mapping, folio, start);
        await spin_unlock(mapping.xa_lock);
        if (await atomic_add_return(-folio.Pages, folio._refcount) == 0) // filemap_free_folio
        {
            await swap.__folio_put(folio);
        }
    }

    /// <summary>Takes a THP out of the cache. The caller holds the lock of i_pages and the page's.</summary>
    [KernelSource("mm/filemap.c")]
    public virtual async KernelTask page_cache_delete(AddressSpace mapping, Folio folio, int start)
    {
        for (var i = 0; i < folio.Pages; i++)
        {
            await store(mapping.i_pages[start + i], null);
        }

        await store(folio.mapping, null);
    }

    /// <summary>Reclaim of a clean THP of a file that is isolated: drops it, if nobody maps it and nobody else has references to it.</summary>
    /// <remarks>
    /// Left out: a page that is mapped, which it would unmap, is kept (hides what unmapping it does); pages that are dirty, as shmem's are, which it would
    /// write to swap first.
    /// </remarks>
    [KernelSource("mm/vmscan.c")]
    public virtual async KernelTask shrink_folio_list(Folio folio)
    {
        if (!await mm.folio_trylock(folio))
        {
            await File<vmscan>().move_folio_to_lru(folio);
            return;
        }

        if (await mm.folio_large_is_mapped(folio) || await load(folio.mapping) is not AddressSpace mapping || !await __remove_mapping(mapping, folio))
        {
            await mm.folio_unlock(folio);
            await File<vmscan>().move_folio_to_lru(folio);
            return;
        }

        await mm.folio_unlock(folio);
        await File<page_alloc>().free_compound_page(folio); // destroy_large_folio
    }

    /// <summary>Takes a locked page out of the cache if the only references are the cache's and the caller's; says whether it did. It is frozen then.</summary>
    [KernelSource("mm/vmscan.c")]
    public virtual async KernelTask<bool> __remove_mapping(AddressSpace mapping, Folio folio)
    {
        await spin_lock(mapping.xa_lock);
        var frozen = await cmpxchg(folio._refcount, 1 + folio.Pages, 0) == 1 + folio.Pages;
        if (frozen)
        {
            var index = await load(folio.index);
            await page_cache_delete(mapping, folio, index);
        }

        await spin_unlock(mapping.xa_lock);
        return frozen;
    }
}
