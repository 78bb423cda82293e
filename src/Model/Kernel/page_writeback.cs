using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/page-writeback.c: writing dirty pages to disk.</summary>
public class page_writeback(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Writes one page of a file if it is dirty, as msync and the flusher do.</summary>
    /// <remarks>
    /// Left out: tags and batches of pages, so that it looks at the page whether or not it is tagged dirty (nothing: it looks at the flag under
    /// the page's lock); errors.
    /// </remarks>
    [KernelSource("mm/page-writeback.c")]
    public virtual async KernelTask write_cache_pages(AddressSpace mapping, int index)
    {
        var folio = await filemap.filemap_get_folio(mapping, index);
        if (folio is null)
        {
            return;
        }

        await mm.folio_lock(folio);
        if (await load(folio.mapping) == mapping && await mm.folio_test_dirty(folio))
        {
            await filemap.folio_wait_writeback(folio);
            if (await folio_clear_dirty_for_io(folio))
            {
                await writepage(mapping, folio);
                await mm.folio_put(folio);
                return;
            }
        }

        await mm.folio_unlock(folio);
        await mm.folio_put(folio);
    }

    /// <summary>
    /// Moves what ptes know of a locked page's being dirty to the page, makes the ptes read-only, and clears the page's own bit: says whether
    /// it was set, so that the page is to be written.
    /// </summary>
    [KernelSource("mm/page-writeback.c")]
    public virtual async KernelTask<bool> folio_clear_dirty_for_io(Folio folio)
    {
        var mapping = await load(folio.mapping);
        if (Config.DEBUG_VM)
        {
            BUG_ON(!await mm.folio_test_locked(folio), "VM_BUG_ON_FOLIO(!folio_test_locked(folio))");
        }

        if (mapping is not null && await rmap.folio_mkclean(folio) != 0)
        {
            await mm.set_page_dirty(folio);
        }

        return await test_and_clear_bit(PageFlags.PG_dirty, folio.flags);
    }

    /// <summary>A file system's writepage: begins writeback, unlocks the page, and the device reads its memory.</summary>
    /// <remarks>
    /// The page is unlocked before the device reads it, as by most file systems; one that keeps it locked does less (hides nothing). The device is this
    /// thread: it does nothing else meanwhile. The device reads all of the page at once.
    /// </remarks>
    [KernelSource("fs/ext4/page-io.c", Function = "ext4_bio_write_page")]
    public virtual async KernelTask writepage(AddressSpace mapping, Folio folio)
    {
        var index = await load(folio.index);
        await set_bit(PageFlags.PG_writeback, folio.flags); // folio_start_writeback
        await mm.folio_unlock(folio);
        var version = await load(folio.data); // the device reads memory
        await store(mapping.disk[index], version);
        await clear_bit(PageFlags.PG_writeback, folio.flags); // folio_end_writeback
    }
}
