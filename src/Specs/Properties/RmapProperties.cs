using ThpCheck.Model.Kernel;
using ThpCheck.Model.Objects;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Specs.Properties;

/// <summary>What mm/rmap.c promises to those who walk from a folio to the page tables that map it.</summary>
public static class RmapProperties
{
    /// <summary>
    /// A mapped anonymous folio's anon_vma is allocated: seeing folio_mapped() means that folio->mapping may be followed.
    /// Broken: folio_lock_anon_vma_read and folio_get_anon_vma take a freed object for the folio's anon_vma.
    /// </summary>
    public static readonly Property AnonVmaValid = Property.Always("anon-vma-valid", static view =>
    {
        var mm = view.Machine.ObjectsOf<mm>()[0];
        foreach (var folio in view.Machine.ObjectsOf<Folio>())
        {
            if (view.IsLive(folio) && view.Get(folio.mapping) is AnonVma anon_vma && mm.Mapcount(view, folio) > 0 && !view.IsLive(anon_vma))
            {
                return $"the mapcount of {folio} is {mm.Mapcount(view, folio)}, but {anon_vma}, its anon_vma, is freed";
            }
        }

        return null;
    }) with
    {
        Promise = "The anon_vma of a mapped anonymous folio is allocated. Broken: a walker takes a freed object for it.",
    };

    /// <summary>
    /// A walker has the anon_vma it asked for from the moment it gets it until it gives it back. Broken: it walks another
    /// process's tree, misses the folio's mappings, and may unlock a lock it never took.
    /// </summary>
    public static readonly Property WalkerHoldsAnonVma = Property.Always("walker-holds-anon-vma", static view =>
    {
        foreach (var thread in view.Machine.ObjectsOf<KernelThread>())
        {
            if (view.Get(thread.rmap_anon_vma) is { } anon_vma && !view.IsLive(anon_vma))
            {
                return $"{view.Machine.ThreadName(thread.Number)} walks {anon_vma}, which is freed{Successor(view, anon_vma)}";
            }
        }

        return null;
    }) with
    {
        Promise = "A walker keeps the anon_vma it got. Broken: it walks another process's tree and unlocks what it never locked.",
    };

    /// <summary>
    /// No folio has more ptes than its mapcount says: a mapping is counted before its pte is set and until after it is
    /// cleared. Broken: reclaim and migration take a mapped folio for an unmapped one.
    /// </summary>
    public static readonly Property MapcountCoversPtes = Property.Always("mapcount-covers-ptes", static view =>
        Compare(view, static (mapcount, ptes) => mapcount < ptes)) with
    {
        Promise = "A folio's mapcount is never below the number of its ptes. Broken: a mapped folio is taken for an unmapped one.",
    };

    /// <summary>
    /// In the end every folio's mapcount is the number of its ptes. Broken: print_bad_pte, or "Bad page state" when it is
    /// freed, or a folio that can never be freed.
    /// </summary>
    public static readonly Property MapcountConsistent = Property.Finally("mapcount-consistent", static view =>
        Compare(view, static (mapcount, ptes) => mapcount != ptes)) with
    {
        Promise = "In the end a folio's mapcount is the number of its ptes. Broken: \"Bad page state\", or a page that is never freed.",
    };

    /// <summary>
    /// Every mapping has its reference: those who add one take the reference first, those who remove one drop it last.
    /// Broken: a folio is freed while it is mapped.
    /// </summary>
    public static readonly Property RefcountCoversMapcount = Property.Always("refcount-covers-mapcount", static view =>
    {
        var mm = view.Machine.ObjectsOf<mm>()[0];
        foreach (var folio in view.Machine.ObjectsOf<Folio>())
        {
            if (view.IsLive(folio) && mm.Mapcount(view, folio) > view.Get(folio._refcount))
            {
                return $"the mapcount of {folio} is {mm.Mapcount(view, folio)}, its refcount {view.Get(folio._refcount)}";
            }
        }

        return null;
    }) with
    {
        Promise = "A folio has at least as many references as mappings. Broken: it is freed while it is mapped.",
    };

    /// <summary>A walker got the anon_vma it asked for: where none does, the walk was not looked at.</summary>
    public static readonly Property WalkerWalks = Property.Sometimes("walker-walks", static view => AnyWalks(view)) with
    {
        Promise = "A walker gets an anon_vma somewhere.",
    };

    /// <summary>A walker had its anon_vma while another thread was unlinking it: the danger was near.</summary>
    public static readonly Property WalkerMeetsUnlink = Property.Sometimes("walker-meets-unlink", static view => AnyWalks(view) && view.In("unlink_anon_vmas")) with
    {
        Promise = "A walker has its anon_vma while another thread unlinks it.",
    };

    /// <summary>A walker was looking for an anon_vma after it was freed: the danger was there.</summary>
    public static readonly Property WalkerMeetsFreed = Property.Sometimes("walker-meets-freed-anon-vma", static view =>
    {
        if (!view.In("folio_lock_anon_vma_read") && !view.In("folio_get_anon_vma"))
        {
            return false;
        }

        foreach (var folio in view.Machine.ObjectsOf<Folio>())
        {
            if (view.IsLive(folio) && view.Get(folio.mapping) is AnonVma anon_vma && !view.IsLive(anon_vma))
            {
                return true;
            }
        }

        return false;
    }) with
    {
        Promise = "A walker is looking for an anon_vma that is freed already.",
    };

    private static bool AnyWalks(StateView view)
    {
        foreach (var thread in view.Machine.ObjectsOf<KernelThread>())
        {
            if (view.Get(thread.rmap_anon_vma) is not null)
            {
                return true;
            }
        }

        return false;
    }

    private static string Successor(StateView view, AnonVma anon_vma)
    {
        foreach (var generation in anon_vma.Slot?.Generations ?? [])
        {
            if (view.IsLive(generation))
            {
                return $" and allocated again as {generation}";
            }
        }

        return "";
    }

    private static string? Compare(StateView view, Func<int, int, bool> isBroken)
    {
        var mm = view.Machine.ObjectsOf<mm>()[0];
        foreach (var folio in view.Machine.ObjectsOf<Folio>())
        {
            if (view.IsLive(folio) && isBroken(mm.Mapcount(view, folio), Ptes(view, mm, folio)))
            {
                return $"the mapcount of {folio} is {mm.Mapcount(view, folio)}, and {Ptes(view, mm, folio)} ptes map it";
            }
        }

        return null;
    }

    private static int Ptes(StateView view, mm mm, Folio folio)
    {
        var ptes = 0;
        foreach (var table in view.Machine.ObjectsOf<PageTable>())
        {
            for (var i = 0; view.IsLive(table) && i < table.pte.Length; i++)
            {
                var pte = view.Get(table.pte[i]);
                ptes += pte.Present && mm.Page(pte.Pfn) == folio ? 1 : 0;
            }
        }

        return ptes;
    }
}
