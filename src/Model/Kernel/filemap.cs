using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/filemap.c: the page cache of a file.</summary>
public class filemap(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>A file's cached page with a reference, or null.</summary>
    /// <remarks>
    /// Under the lock of i_pages, where the kernel takes a speculative reference under RCU and looks again whether the page is still
    /// there (hides references that are held for a moment only: struct page outlives its page, a folio here does not).
    /// </remarks>
    [KernelSource("mm/filemap.c", Function = "mapping_get_entry")]
    public virtual async KernelTask<Folio?> filemap_get_folio(AddressSpace mapping, int index)
    {
        await spin_lock(mapping.xa_lock);
        var folio = await load(mapping.i_pages[index]);
        if (folio is not null)
        {
            await mm.folio_get(folio);
        }

        await spin_unlock(mapping.xa_lock);
        return folio;
    }

    /// <summary>Brings a page of a file into memory and returns it locked, with a reference.</summary>
    /// <remarks>
    /// Left out: readahead of others, errors, and PG_uptodate: a new page stays locked until it is read (hides nothing here: others take its
    /// lock before they look); the file's size, so that a page that is cut off can be faulted in again, with what the disk holds (invents such pages: a
    /// truncation here is the cache's part only), and invalidate_lock, which keeps pages from being read while a file system truncates or punches a
    /// hole (invents pages that come back in between). The page's lock is waited for with mmap_lock held, where the kernel may drop it and begin again.
    /// </remarks>
    [KernelSource("mm/filemap.c")]
    public virtual async KernelTask<Folio> filemap_fault(AddressSpace mapping, int pgoff)
    {
        while (true)
        {
            var folio = await filemap_get_folio(mapping, pgoff);
            if (folio is null)
            {
                await page_cache_sync_readahead(mapping, pgoff);
                continue;
            }

            await mm.folio_lock(folio);
            if (await load(folio.mapping) == mapping)
            {
                return folio;
            }

            await mm.folio_unlock(folio); // truncated meanwhile
            await mm.folio_put(folio);
        }
    }

    /// <summary>Adds a page to the cache, locked, and reads it.</summary>
    [KernelSource("mm/readahead.c", Function = "page_cache_ra_unbounded")]
    public virtual async KernelTask page_cache_sync_readahead(AddressSpace mapping, int index)
    {
        var folio = await kmem_cache_alloc(Caches.Folio);
        await atomic_set(folio._refcount, 1);
        if (await filemap_add_folio(mapping, folio, index))
        {
            var version = await load(mapping.disk[index]);
            await store(folio.data, version);
            await mm.folio_unlock(folio);
        }

        await mm.folio_put(folio);
    }

    /// <summary>Adds a new page to the cache, locked, unless another was faster; says whether it did.</summary>
    /// <remarks>Left out: failing allocations, shadow entries, the LRU's pagevec.</remarks>
    [KernelSource("mm/filemap.c")]
    public virtual async KernelTask<bool> filemap_add_folio(AddressSpace mapping, Folio folio, int index)
    {
        await mm.folio_lock(folio); // __folio_set_locked: nobody else knows it
        await mm.folio_get(folio);
        await store(folio.mapping, mapping);
        await store(folio.index, index);
        await spin_lock(mapping.xa_lock);
        if (await load(mapping.i_pages[index]) is not null)
        {
            await spin_unlock(mapping.xa_lock);
            await store(folio.mapping, null);
            await mm.folio_put(folio);
            await mm.folio_unlock(folio); // __folio_clear_locked
            return false;
        }

        await store(mapping.i_pages[index], folio);
        await atomic_inc(mapping.nrpages); // under the lock, where it is no atomic_t
        await spin_unlock(mapping.xa_lock);
        await set_bit(PageFlags.PG_lru, folio.flags);
        return true;
    }

    /// <summary>The file system is told that a page is about to become writable: it is locked and dirty when this returns true.</summary>
    /// <remarks>
    /// Left out: freezing, and waiting for writeback where the device wants stable pages (hides nothing: a store during writeback leaves the
    /// page dirty).
    /// </remarks>
    [KernelSource("mm/filemap.c")]
    public virtual async KernelTask<bool> filemap_page_mkwrite(AddressSpace mapping, Folio folio)
    {
        await mm.folio_lock(folio);
        if (await load(folio.mapping) != mapping)
        {
            await mm.folio_unlock(folio);
            return false;
        }

        await mm.set_page_dirty(folio);
        return true;
    }

    /// <summary>A page is about to leave the cache: nobody maps it any more, or the kernel says so.</summary>
    /// <remarks>Left out: statistics; what it does about a mapped page of a file that goes.</remarks>
    [KernelSource("mm/filemap.c")]
    public virtual async KernelTask filemap_unaccount_folio(Folio folio)
    {
        var mapped = await mm.folio_mapped(folio);
        BUG_ON(Config.DEBUG_VM && mapped, "VM_BUG_ON_FOLIO(folio_mapped(folio))");
        if (!Config.DEBUG_VM || !mapped)
        {
            Oracle("filemap_unaccount_folio", folio); // what follows the assertion
        }

        WARN_ON(mapped, "BUG: Bad page cache: still mapped when deleted");
        WARN_ON(await mm.folio_test_dirty(folio), "WARN_ON_ONCE(folio_test_dirty(folio) && mapping_can_writeback(mapping))");
    }

    /// <summary>Takes a page out of the cache. The caller holds the lock of i_pages, the page's, and the cache's reference.</summary>
    /// <remarks>Left out: VM_BUG_ON_FOLIO(!folio_test_locked(folio)), which its callers have just asserted themselves (hides nothing).</remarks>
    [KernelSource("mm/filemap.c")]
    public virtual async KernelTask page_cache_delete(AddressSpace mapping, Folio folio)
    {
        var index = await load(folio.index);
        await store(mapping.i_pages[index], null);
        await store(folio.mapping, null);
        await atomic_dec(mapping.nrpages); // under the lock, where it is no atomic_t
    }

    /// <summary>Takes a page out of the cache, and notes it.</summary>
    [KernelSource("mm/filemap.c")]
    public virtual async KernelTask __filemap_remove_folio(AddressSpace mapping, Folio folio)
    {
        await filemap_unaccount_folio(folio);
        await page_cache_delete(mapping, folio);
    }

    /// <summary>Takes a locked page out of the cache and drops the cache's reference.</summary>
    /// <remarks>Left out: i_lock, which nothing here takes but this and reclaim, both with the lock of i_pages.</remarks>
    [KernelSource("mm/filemap.c")]
    public virtual async KernelTask filemap_remove_folio(AddressSpace mapping, Folio folio)
    {
        BUG_ON(!await mm.folio_test_locked(folio), "BUG_ON(!folio_test_locked(folio))");
        await spin_lock(mapping.xa_lock);
        await __filemap_remove_folio(mapping, folio);
        await spin_unlock(mapping.xa_lock);
        await mm.folio_put(folio); // filemap_free_folio
    }

    /// <summary>Waits until a page is not on its way to disk.</summary>
    [KernelSource("mm/page-writeback.c")]
    public virtual async KernelTask folio_wait_writeback(Folio folio)
    {
        while (await test_bit(PageFlags.PG_writeback, folio.flags))
        {
            await Until(folio.flags, Comparison.BitsClear, PageFlags.PG_writeback);
        }
    }
}
