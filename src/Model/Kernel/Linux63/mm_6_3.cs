using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>include/linux/mm.h and mm/util.c in 6.3: the mapcounts of anonymous THPs, without PG_double_map.</summary>
/// <remarks>
/// Left out: _nr_pages_mapped, so each page's mapcount is read by itself as up to 6.1 (hides nothing under the folio's lock: others add mappings there by fork, whose mapcount
/// never passes 0, and by splitting a PMD, which counts the pages before it uncounts the whole, and the whole is read first).
/// </remarks>
public class mm_6_3(Kernel kernel) : anon_mm(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/util.c", At = "v6.3", Function = "folio_mapcount")]
    public override async KernelTask<int> total_compound_mapcount(Folio folio)
    {
        var mapcount = await atomic_read(folio._compound_mapcount) + 1;
        for (var i = 0; i < folio.Pages; i++)
        {
            mapcount += await atomic_read(folio.mapcount(i)) + 1;
        }

        return mapcount;
    }

    /// <inheritdoc/>
    public override int Mapcount(StateView view, Folio folio)
    {
        ArgumentNullException.ThrowIfNull(view);
        ArgumentNullException.ThrowIfNull(folio);
        return base.Mapcount(view, folio) + (folio.Pages > 1 ? view.Get(folio._compound_mapcount) + 1 : 0);
    }
}
