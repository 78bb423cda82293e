using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>include/linux/mm.h and mm/util.c in 6.3: the mapcounts of anonymous THPs.</summary>
/// <remarks>
/// Left out: _nr_pages_mapped, so each page's mapcount is read by itself as up to 6.1 (hides nothing under the folio's lock, where nobody adds mappings
/// but fork, whose mapcount never passes 0).
/// </remarks>
public class mm_6_3(Kernel kernel) : mm(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/util.c", At = "v6.3")]
    public override async KernelTask<bool> folio_mapped(Folio folio)
    {
        if (folio.Pages > 1 && await atomic_read(folio._compound_mapcount) >= 0)
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

    /// <inheritdoc/>
    [KernelSource("mm/util.c", At = "v6.3")]
    public override async KernelTask<int> folio_mapcount(Folio folio)
    {
        var mapcount = folio.Pages > 1 ? await atomic_read(folio._compound_mapcount) + 1 : 0;
        for (var i = 0; i < folio.Pages; i++)
        {
            mapcount += await atomic_read(folio.mapcount(i)) + 1;
        }

        return mapcount;
    }

    /// <summary>Whether a page may be pinned (page_maybe_dma_pinned).</summary>
    /// <remarks>Left out: small pages, whose pins are references by the thousand (hides what goes wrong with pinned small pages).</remarks>
    [KernelSource("include/linux/mm.h", At = "v6.3", Function = "page_maybe_dma_pinned")]
    public virtual async KernelTask<bool> folio_maybe_dma_pinned(Folio folio) => folio.Pages > 1 && await atomic_read(folio._pincount) > 0;

    /// <summary>The place of a frame's page in its folio.</summary>
    public int page_number(Pte pte, Folio folio) => pte.Pfn - Caches.page_to_pfn(folio);

    /// <inheritdoc/>
    public override int Mapcount(StateView view, Folio folio)
    {
        ArgumentNullException.ThrowIfNull(view);
        ArgumentNullException.ThrowIfNull(folio);
        var mapcount = folio.Pages > 1 ? view.Get(folio._compound_mapcount) + 1 : 0;
        for (var i = 0; i < folio.Pages; i++)
        {
            mapcount += view.Get(folio.mapcount(i)) + 1;
        }

        return mapcount;
    }
}
