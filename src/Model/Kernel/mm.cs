using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>include/linux/mm.h and page-flags.h: small functions on folios.</summary>
public class mm(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Whether any pte or PMD maps the folio now.</summary>
    [KernelSource("mm/util.c")]
    public virtual async KernelTask<bool> folio_mapped(Folio folio)
    {
        if (folio.Pages == 1)
        {
            return await atomic_read(folio._mapcount) >= 0;
        }

        var mapped = await folio_large_is_mapped(folio);
        Oracle("folio-mapped-answered", mapped ? null : folio);
        return mapped;
    }

    /// <summary>How many ptes and PMDs map the folio.</summary>
    [KernelSource("mm/util.c")]
    public virtual async KernelTask<int> folio_mapcount(Folio folio) =>
        folio.Pages > 1 ? await total_compound_mapcount(folio) : await atomic_read(folio._mapcount) + 1;

    /// <summary>Whether anything maps a THP now: its words are read one after the other.</summary>
    [KernelSource("mm/util.c", Function = "folio_mapped")]
    public virtual async KernelTask<bool> folio_large_is_mapped(Folio folio)
    {
        if (await atomic_read(folio._compound_mapcount) >= 0)
        {
            return true;
        }

        for (var i = 0; i < folio.Pages; i++)
        {
            if (await atomic_read(folio.mapcount(i)) >= 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>How many ptes and PMDs map a THP.</summary>
    [KernelSource("mm/util.c", Function = "folio_mapcount")]
    public virtual async KernelTask<int> total_compound_mapcount(Folio folio)
    {
        var mapcount = await atomic_read(folio._compound_mapcount) + 1;
        for (var i = 0; i < folio.Pages; i++)
        {
            mapcount += await atomic_read(folio.mapcount(i)) + 1;
        }

        return await test_bit(PageFlags.PG_double_map, folio._flags_1) ? mapcount - folio.Pages : mapcount;
    }

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

    /// <summary>
    /// Null if the words that count a THP's mappings are what the page tables say they should be, else a sentence.
    /// </summary>
    /// <param name="view">The state.</param>
    /// <param name="folio">A THP.</param>
    /// <param name="ptes">For each of its pages, how many ptes map it.</param>
    /// <param name="pmds">How many PMDs map it.</param>
    public string? MapcountsDiffer(StateView view, Folio folio, ReadOnlySpan<int> ptes, int pmds)
    {
        ArgumentNullException.ThrowIfNull(view);
        ArgumentNullException.ThrowIfNull(folio);
        var subpages = SubpagesMapcount(ptes, pmds);
        if (view.Get(folio._compound_mapcount) + 1 != pmds)
        {
            return $"the compound mapcount of {folio} is {view.Get(folio._compound_mapcount) + 1}, and {pmds} PMDs map it";
        }

        if (subpages is { } expected && view.Get(folio._subpages_mapcount) != expected)
        {
            return $"the subpages mapcount of {folio} is {view.Get(folio._subpages_mapcount)} and should be {expected}";
        }

        for (var i = 0; i < ptes.Length; i++)
        {
            if (SubpageMapcount(view, folio, i) != ptes[i])
            {
                return $"the mapcount of page {i} of {folio} is {SubpageMapcount(view, folio, i)}, and {ptes[i]} ptes map it";
            }
        }

        return null;
    }

    /// <summary>How many ptes the kernel counts as mapping one page of a THP.</summary>
    public virtual int SubpageMapcount(StateView view, Folio folio, int page)
    {
        ArgumentNullException.ThrowIfNull(view);
        return view.Get(folio.mapcount(page)) + 1 - ((view.Get(folio._flags_1) & PageFlags.PG_double_map) != 0 ? 1 : 0);
    }

    /// <summary>What _subpages_mapcount should be, or null where there is no such word.</summary>
    protected virtual int? SubpagesMapcount(ReadOnlySpan<int> ptes, int pmds) => null;

    /// <summary>Whether the kernel keeps PG_anon_exclusive.</summary>
    public bool HasAnonExclusive => Toggle("anon-exclusive");

    /// <summary>Which page of its folio a frame number is.</summary>
    public int Index(int pfn) => Caches.pfn_to_index(pfn);

    /// <summary>Who stored a value since the last fork, or null.</summary>
    public Mm? StoredBy(StateView view, int value)
    {
        ArgumentNullException.ThrowIfNull(view);
        return view.Get(Caches.Stores.by(value));
    }

    /// <summary>The frame number of a folio in a pte.</summary>
    public int Pfn(Folio folio) => Caches.page_to_pfn(folio);
}
