using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/filemap.c in 5.13: THPs in the page cache.</summary>
public class filemap_5_13(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>A file's cached page with a reference, or null.</summary>
    /// <remarks>
    /// Under the lock of i_pages, where the kernel takes a speculative reference under RCU and looks again whether the page is still
    /// there (hides references that are held for a moment only: struct page outlives its page, a folio here does not).
    /// </remarks>
    [KernelSource("mm/filemap.c", At = "v5.13-rc6")]
    public virtual async KernelTask<Folio?> find_get_entry(AddressSpace mapping, int index)
    {
        await spin_lock(mapping.xa_lock);
        var page = await load(mapping.i_pages[index]);
        if (page is not null)
        {
            await mm.folio_get(page);
        }

        await spin_unlock(mapping.xa_lock);
        return page;
    }

    /// <summary>A file's cached page, locked and with a reference, or null. Waits for the lock with the reference.</summary>
    [KernelSource("mm/filemap.c", At = "v5.13-rc6", Function = "pagecache_get_page")]
    public virtual async KernelTask<Folio?> find_lock_page(AddressSpace mapping, int index)
    {
        while (true)
        {
            var page = await find_get_entry(mapping, index);
            if (page is null)
            {
                return null;
            }

            await mm.folio_lock(page);
            if (await load(page.mapping) == mapping)
            {
                return page;
            }

            await mm.folio_unlock(page); // truncated, or migrated
            await mm.folio_put(page);
        }
    }

    /// <summary>Takes a locked THP out of the cache.</summary>
    /// <remarks>Left out: interrupts off, which matters to writeback only; statistics.</remarks>
    [KernelSource("mm/filemap.c", At = "v5.13-rc6")]
    public virtual async KernelTask delete_from_page_cache(AddressSpace mapping, Folio page)
    {
        var is_locked = await test_bit(PageFlags.PG_locked, page.flags);
        BUG_ON(!is_locked, "BUG_ON(!PageLocked(page))");
        await spin_lock(mapping.xa_lock);
        await unaccount_page_cache_page(page);
        var index = await load(page.index); // page_cache_delete
        for (var i = 0; i < page.Pages; i++)
        {
            await store(mapping.i_pages[index + i], null);
        }

        await store(page.mapping, null);
        await atomic_add(-page.Pages, mapping.nrpages); // under the lock, where it is no atomic_t
        await spin_unlock(mapping.xa_lock);
        await atomic_add(-page.Pages, page._refcount); // page_cache_free_page
        if (Config.DEBUG_VM)
        {
            BUG_ON(await atomic_read(page._refcount) <= 0, "VM_BUG_ON_PAGE(page_count(page) <= 0, page)");
        }
    }

    /// <summary>A page is about to leave the cache: nobody maps it any more, or the kernel says so.</summary>
    /// <remarks>Left out: what it does about a mapped page of a file that goes.</remarks>
    [KernelSource("mm/filemap.c", At = "v5.13-rc6")]
    public virtual async KernelTask unaccount_page_cache_page(Folio page)
    {
        var mapped = await mm.folio_mapped(page);
        Oracle("unaccount_page_cache_page", page);
        BUG_ON(mapped && Config.DEBUG_VM, "VM_BUG_ON_PAGE(page_mapped(page), page)");
        WARN_ON(mapped, "BUG: Bad page cache: still mapped when deleted");
        WARN_ON(await test_bit(PageFlags.PG_dirty, page.flags), "WARN_ON_ONCE(PageDirty(page))");
    }
}

/// <summary>mm/truncate.c in 5.13, before 22061a1ffabd.</summary>
public class truncate_5_13(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Unmaps a locked THP and takes it out of the cache; nothing if it is not this file's any more.</summary>
    [KernelSource("mm/truncate.c", At = "v5.13-rc6")]
    public virtual async KernelTask truncate_inode_page(AddressSpace mapping, Folio page)
    {
        if (await load(page.mapping) != mapping)
        {
            return;
        }

        await truncate_cleanup_page(mapping, page);
        await File<filemap_5_13>().delete_from_page_cache(mapping, page);
    }

    /// <summary>Unmaps a locked THP if it is mapped, and forgets that it is dirty.</summary>
    [KernelSource("mm/truncate.c", At = "v5.13-rc6")]
    public virtual async KernelTask truncate_cleanup_page(AddressSpace mapping, Folio page)
    {
        if (await mm.folio_mapped(page))
        {
            await unmap(mapping, page);
            if (Toggle("truncate-waits-for-rcu") && await mm.folio_mapped(page))
            {
                await synchronize_rcu();
            }
        }

        if (await test_bit(PageFlags.PG_dirty, page.flags)) // cancel_dirty_page
        {
            await clear_bit(PageFlags.PG_dirty, page.flags);
        }
    }

    /// <summary>Unmaps the pages at a THP's place in the file.</summary>
    [KernelSource("mm/truncate.c", At = "v5.13-rc6", Function = "truncate_cleanup_page")]
    public virtual async KernelTask unmap(AddressSpace mapping, Folio page)
    {
        var index = await load(page.index);
        await File<memory_5_13>().unmap_mapping_pages(mapping, index, page.Pages);
    }
}
