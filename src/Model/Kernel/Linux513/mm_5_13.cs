using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>include/linux/mm.h and mm/util.c in 5.13: the mapcounts of a THP.</summary>
/// <remarks>
/// A PMD that maps a THP of a file counts in each of its pages' mapcounts and in the compound one; of anonymous memory in the compound one only.
/// Left out: small pages that belong to a file, hugetlb.
/// </remarks>
public class mm_5_13(Kernel kernel) : mm(kernel)
{
    /// <summary>page_mapcount of the first page: of a file's THP its own mapcount says it all.</summary>
    [KernelSource("include/linux/mm.h", At = "v5.13-rc6")]
    public virtual async KernelTask<int> page_mapcount(Folio page)
    {
        var mapcount = await atomic_read(page._mapcount) + 1;
        if (page.Pages > 1 && await folio_test_anon(page))
        {
            mapcount += await atomic_read(page._compound_mapcount) + 1;
        }

        return mapcount;
    }

    /// <summary>How many PMDs and ptes map a THP, from words that are read one after the other.</summary>
    /// <remarks>Left out: PG_double_map, which only a THP has that is mapped both ways (hides that case; none is here).</remarks>
    [KernelSource("mm/huge_memory.c", At = "v5.13-rc6")]
    public virtual async KernelTask<int> total_mapcount(Folio page)
    {
        var compound = await atomic_read(page._compound_mapcount) + 1;
        var mapcount = compound;
        for (var i = 0; i < page.Pages; i++)
        {
            mapcount += await atomic_read(page.mapcount(i)) + 1;
        }

        return await folio_test_anon(page) ? mapcount : mapcount - (compound * page.Pages);
    }

    /// <summary>Looks at a page of a file for the counter that it is in. Here all are in one, that of shmem.</summary>
    [KernelSource("include/linux/mm.h", At = "v5.13-rc6")]
    public virtual async KernelTask mm_counter_file(Folio page) => await load(page.flags); // PageSwapBacked

    /// <inheritdoc/>
    public override int Mapcount(StateView view, Folio folio)
    {
        ArgumentNullException.ThrowIfNull(view);
        ArgumentNullException.ThrowIfNull(folio);
        if (folio.Pages == 1)
        {
            return base.Mapcount(view, folio);
        }

        var compound = view.Get(folio._compound_mapcount) + 1;
        var mapcount = compound;
        for (var i = 0; i < folio.Pages; i++)
        {
            mapcount += view.Get(folio.mapcount(i)) + 1;
        }

        return view.Get(folio.mapping) is AnonVma ? mapcount : mapcount - (compound * folio.Pages);
    }
}
