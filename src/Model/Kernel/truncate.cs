using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/truncate.c: taking pages out of a file's cache.</summary>
public class truncate(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Throws away one page of a file that is cut off.</summary>
    /// <remarks>
    /// Left out: the first pass, which does the same to pages that it can lock at once; partial pages; the unmapping of the whole range before it
    /// (truncate_pagecache), which leaves only pages to it that are mapped again (hides nothing: it may have been long ago).
    /// </remarks>
    [KernelSource("mm/truncate.c", Function = "truncate_inode_pages_range")]
    public virtual async KernelTask truncate_inode_pages(AddressSpace mapping, int index)
    {
        var folio = await filemap.filemap_get_folio(mapping, index);
        if (folio is null)
        {
            return;
        }

        await mm.folio_lock(folio);
        await filemap.folio_wait_writeback(folio);
        await truncate_inode_folio(mapping, folio);
        await mm.folio_unlock(folio);
        await mm.folio_put(folio);
    }

    /// <summary>Unmaps a locked page and takes it out of the cache.</summary>
    [KernelSource("mm/truncate.c")]
    public virtual async KernelTask truncate_inode_folio(AddressSpace mapping, Folio folio)
    {
        if (await load(folio.mapping) != mapping)
        {
            return;
        }

        await truncate_cleanup_folio(folio);
        await filemap.filemap_remove_folio(mapping, folio);
    }

    /// <summary>Unmaps a locked page if it is mapped, and forgets that it is dirty.</summary>
    [KernelSource("mm/truncate.c")]
    public virtual async KernelTask truncate_cleanup_folio(Folio folio)
    {
        if (await mm.folio_mapped(folio))
        {
            await memory.unmap_mapping_folio(folio);
        }

        if (await mm.folio_test_dirty(folio)) // folio_cancel_dirty
        {
            await test_and_clear_bit(PageFlags.PG_dirty, folio.flags);
        }
    }

    /// <summary>Takes one page of a file out of the cache if nobody uses it, as fadvise(POSIX_FADV_DONTNEED) does.</summary>
    /// <remarks>Left out: pagevecs; buffers.</remarks>
    [KernelSource("mm/truncate.c", Function = "invalidate_mapping_pagevec")]
    public virtual async KernelTask invalidate_mapping_pages(AddressSpace mapping, int index)
    {
        var folio = await filemap.filemap_get_folio(mapping, index);
        if (folio is null)
        {
            return;
        }

        if (await mm.folio_trylock(folio))
        {
            if (await load(folio.mapping) == mapping)
            {
                await mapping_evict_folio(mapping, folio);
            }

            await mm.folio_unlock(folio);
        }

        await mm.folio_put(folio);
    }

    /// <summary>Takes a locked page out of the cache if it is clean and nobody uses it.</summary>
    [KernelSource("mm/truncate.c")]
    public virtual async KernelTask mapping_evict_folio(AddressSpace mapping, Folio folio)
    {
        if (!await mm.folio_test_dirty(folio) && !await test_bit(PageFlags.PG_writeback, folio.flags) && await atomic_read(folio._refcount) <= 2)
        {
            await File<vmscan>().remove_mapping(mapping, folio);
        }
    }
}
