using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/shmem.c in 5.13: files in memory, with huge pages.</summary>
public class shmem_5_13(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Fills a PMD's reach of a file with a THP.</summary>
    /// <remarks>For set-up: nobody else knows the page or looks for it. Left out: accounting, the LRU's pagevec.</remarks>
    [KernelSource("mm/shmem.c", At = "v5.13-rc6", Function = "shmem_getpage_gfp")]
    public virtual async KernelTask<Folio> shmem_getpage(AddressSpace mapping, int index)
    {
        var page = await kmem_cache_alloc(Caches.Thp);
        await atomic_set(page._refcount, page.Pages); // the cache's; shmem_getpage's own is put in the end
        await store(page.mapping, mapping);
        await store(page.index, index);
        for (var i = 0; i < page.Pages; i++)
        {
            await store(mapping.i_pages[index + i], page);
        }

        await atomic_add(page.Pages, mapping.nrpages);
        await set_bit(PageFlags.PG_lru, page.flags);
        return page;
    }

    /// <summary>fallocate(FALLOC_FL_PUNCH_HOLE), as MADV_REMOVE calls it, which has dropped mmap_lock: unmaps the hole's pages, then takes them out of the cache.</summary>
    [KernelSource("mm/shmem.c", At = "v5.13-rc6")]
    public virtual async KernelTask shmem_fallocate(AddressSpace mapping, int start, int end)
    {
        await down_write(mapping.i_rwsem); // inode_lock
        await store(mapping.i_private, new ShmemFalloc(start, end)); // under i_lock
        await File<memory_5_13>().unmap_mapping_pages(mapping, start, end - start); // unmap_mapping_range
        await shmem_undo_range(mapping, start, end);
        await store(mapping.i_private, default); // under i_lock, and wakes those who wait
        await up_write(mapping.i_rwsem);
    }

    /// <summary>Takes the THP of a PMD's reach out of the cache if the range covers it, first if its lock is free, then whatever it takes.</summary>
    /// <remarks>
    /// Left out: swap, small pages, several THPs. A THP that the range covers in part is to be split, and here never is, so that the hole's part of it is wiped
    /// instead, as the kernel does when it cannot split it.
    /// </remarks>
    [KernelSource("mm/shmem.c", At = "v5.13-rc6")]
    public virtual async KernelTask shmem_undo_range(AddressSpace mapping, int start, int end)
    {
        var page = await File<filemap_5_13>().find_get_entry(mapping, start); // find_lock_entries
        if (page is not null)
        {
            var index = await load(page.index);
            if (index >= start && index + page.Pages <= end && await mm.folio_trylock(page))
            {
                if (await load(page.mapping) == mapping)
                {
                    await File<truncate_5_13>().truncate_inode_page(mapping, page);
                }

                await mm.folio_unlock(page);
            }

            await mm.folio_put(page); // pagevec_release
        }

        while (true)
        {
            page = await File<filemap_5_13>().find_get_entry(mapping, start); // find_get_entries
            if (page is null)
            {
                return;
            }

            await mm.folio_lock(page);
            var is_there = await load(page.mapping) == mapping;
            if (is_there)
            {
                if (await shmem_punch_compound(page, start, end))
                {
                    await File<truncate_5_13>().truncate_inode_page(mapping, page);
                }
                else
                {
                    await mm.set_page_dirty(page); // wiped
                }
            }

            await mm.folio_unlock(page);
            await mm.folio_put(page);
            if (is_there)
            {
                return;
            }
        }
    }

    /// <summary>Whether a locked THP can go: the range covers it, or it is split.</summary>
    [KernelSource("mm/shmem.c", At = "v5.13-rc6")]
    public virtual async KernelTask<bool> shmem_punch_compound(Folio page, int start, int end)
    {
        var index = await load(page.index);
        return (index >= start && index + page.Pages <= end) || await File<huge_memory_5_13>().split_huge_page_to_list(page);
    }

    /// <summary>Splits a file's THP, as split_huge_pages in debugfs asks for it.</summary>
    [KernelSource("mm/huge_memory.c", At = "v5.13-rc6")]
    public virtual async KernelTask split_huge_pages_in_file(AddressSpace mapping, int index)
    {
        var page = await File<filemap_5_13>().find_get_entry(mapping, index);
        if (page is null)
        {
            return;
        }

        if (await mm.folio_trylock(page))
        {
            await File<huge_memory_5_13>().split_huge_page_to_list(page);
            await mm.folio_unlock(page);
        }

        await mm.folio_put(page);
    }
}
