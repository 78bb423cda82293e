using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>include/linux/mm.h and page-flags.h: small functions on folios.</summary>
public class mm(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Whether any pte maps the folio now.</summary>
    /// <remarks>Left out: large folios.</remarks>
    [KernelSource("mm/util.c")]
    public virtual async KernelTask<bool> folio_mapped(Folio folio) => await atomic_read(folio._mapcount) >= 0;

    /// <summary>How many ptes map the folio.</summary>
    [KernelSource("mm/util.c")]
    public virtual async KernelTask<int> folio_mapcount(Folio folio) => await atomic_read(folio._mapcount) + 1;

    /// <summary>Whether the folio is anonymous: the low bit of its mapping.</summary>
    [KernelSource("include/linux/page-flags.h")]
    public virtual async KernelTask<bool> folio_test_anon(Folio folio) => await load(folio.mapping) is AnonVma;

    /// <summary>Whether the folio is locked.</summary>
    [KernelSource("include/linux/page-flags.h")]
    public virtual Step<bool> folio_test_locked(Folio folio) => test_bit(PageFlags.PG_locked, folio.flags);

    /// <summary>Whether the folio is known to be newer than its file on disk.</summary>
    [KernelSource("include/linux/page-flags.h")]
    public virtual Step<bool> folio_test_dirty(Folio folio) => test_bit(PageFlags.PG_dirty, folio.flags);

    /// <summary>Notes that a page-cache page is newer than its file on disk.</summary>
    /// <remarks>
    /// The file system of a page that is in a file hears of it: this is the event <c>dirties</c> when the page was clean. Left out: what the file
    /// system does with it, and what it looks at first (ext4_dirty_folio's warnings, which a property stands for).
    /// </remarks>
    [KernelSource("mm/page-writeback.c", Function = "folio_mark_dirty")]
    public virtual async KernelTask set_page_dirty(Folio folio)
    {
        var mapping = await load(folio.mapping); // whose dirty_folio is called
        if (!await test_and_set_bit(PageFlags.PG_dirty, folio.flags) && mapping is not null)
        {
            Oracle("dirties", folio);
        }
    }

    /// <summary>Takes a reference. Left out: its assertion that there is one already.</summary>
    [KernelSource("include/linux/mm.h")]
    public virtual Step folio_get(Folio folio) => atomic_inc(folio._refcount);

    /// <summary>Drops a reference, and frees the folio with the last.</summary>
    [KernelSource("include/linux/mm.h")]
    public virtual async KernelTask folio_put(Folio folio)
    {
        if (await atomic_dec_and_test(folio._refcount))
        {
            await swap.__folio_put(folio);
        }
    }

    /// <summary>Takes the folio lock; it may sleep.</summary>
    [KernelSource("include/linux/pagemap.h")]
    public virtual Step folio_lock(Folio folio) => bit_lock(PageFlags.PG_locked, folio.flags);

    /// <summary>Takes the folio lock if it is free.</summary>
    [KernelSource("include/linux/pagemap.h")]
    public virtual Step<bool> folio_trylock(Folio folio) => bit_trylock(PageFlags.PG_locked, folio.flags);

    /// <summary>Releases the folio lock.</summary>
    [KernelSource("mm/filemap.c")]
    public virtual Step folio_unlock(Folio folio) => bit_unlock(PageFlags.PG_locked, folio.flags);

    // What properties ask, so that they survive a change of scheme.

    /// <summary>How many ptes the kernel counts as mapping the folio.</summary>
    public virtual int Mapcount(StateView view, Folio folio)
    {
        ArgumentNullException.ThrowIfNull(view);
        return view.Get(folio._mapcount) + 1;
    }

    /// <summary>The folio of a frame number.</summary>
    public Folio Page(int pfn) => Caches.pfn_to_page(pfn);

    /// <summary>The frame number of a folio in a pte.</summary>
    public int Pfn(Folio folio) => Caches.page_to_pfn(folio);
}
