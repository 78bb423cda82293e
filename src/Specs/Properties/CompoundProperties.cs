using ThpCheck.Model.Kernel;
using ThpCheck.Model.Objects;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Specs.Properties;

/// <summary>What mm/rmap.c promises about the mapcounts of THPs and the statistics that follow from them.</summary>
/// <remarks>What is true is what the page tables and PMDs say.</remarks>
public static class CompoundProperties
{
    private static readonly string[] Counting = ["page_add_anon_rmap", "page_remove_rmap", "split_begins", "split_adds", "split_ends", "page_zap_pte_rmap"];

    /// <summary>
    /// In the end NR_ANON_MAPPED is the number of pages of THPs that anything maps. No assertion of the kernel's own: its only symptom is a
    /// number in /proc/vmstat that drifts, and underflows. Broken: reclaim and the deferred split of THPs work from wrong numbers.
    /// </summary>
    public static readonly Property MappedPagesCountedExactly = Property.Finally("mapped-pages-counted-exactly", static view =>
        Compare(view, StatItem.NR_ANON_MAPPED, Mapped(view), "pages of THPs are mapped")) with
    {
        Promise = "In the end NR_ANON_MAPPED is the number of mapped pages of THPs. Broken: it drifts, and may underflow.",
    };

    /// <summary>By how much NR_ANON_MAPPED is wrong in the end: too high, or too low where it is negative.</summary>
    public static readonly Property MappedPagesDrift = Property.Outcomes("mapped-pages-drift", static view =>
        [view.Get(view.Machine.ObjectsOf<Pgdat>()[0].vm_stat[StatItem.NR_ANON_MAPPED]) - Mapped(view)]) with
    {
        Promise = "By how much NR_ANON_MAPPED is too high, or too low, in the end.",
    };

    /// <summary>
    /// In the end NR_ANON_THPS is the number of pages of THPs that a PMD maps. No assertion of the kernel's own. Broken: as for
    /// <see cref="MappedPagesCountedExactly"/>.
    /// </summary>
    public static readonly Property PmdMappedThpsCountedExactly = Property.Finally("pmd-mapped-thps-counted-exactly", static view =>
    {
        var mapped = 0;
        foreach (var thp in Thps(view))
        {
            mapped += Maps(view, thp).Pmds > 0 ? thp.Pages : 0;
        }

        return Compare(view, StatItem.NR_ANON_THPS, mapped, "pages of THPs are mapped by PMDs");
    }) with
    {
        Promise = "In the end NR_ANON_THPS is the number of pages of THPs that PMDs map. Broken: it drifts, and may underflow.",
    };

    /// <summary>
    /// In the end every word that counts a THP's mappings is what the page tables say. The kernel looks at some of them when the THP is
    /// freed: bad_page, "nonzero compound_mapcount", "nonzero subpages_mapcount", "nonzero mapcount". Broken: a THP that looks mapped for ever, or
    /// unmapped while it is not.
    /// </summary>
    public static readonly Property ThpMapcountsConsistent = Property.Finally("thp-mapcounts-consistent", static view =>
    {
        var mm = view.Machine.ObjectsOf<mm>()[0];
        foreach (var thp in Thps(view))
        {
            var (ptes, pmds) = Maps(view, thp);
            if (mm.MapcountsDiffer(view, thp, ptes, pmds) is { } sentence)
            {
                return sentence;
            }
        }

        return null;
    }) with
    {
        Promise = "In the end the words that count a THP's mappings are what the page tables say. Broken: \"Bad page state\", or a THP taken for unmapped.",
    };

    /// <summary>
    /// In the end each page of a THP has the mapcount that its ptes make, whatever the words of the whole say. Broken: "Bad page state:
    /// nonzero mapcount", or a page that is never freed.
    /// </summary>
    public static readonly Property SubpageMapcountsConsistent = Property.Finally("subpage-mapcounts-consistent", static view =>
    {
        var mm = view.Machine.ObjectsOf<mm>()[0];
        foreach (var thp in Thps(view))
        {
            var (ptes, _) = Maps(view, thp);
            for (var i = 0; i < thp.Pages; i++)
            {
                if (mm.SubpageMapcount(view, thp, i) != ptes[i])
                {
                    return $"the mapcount of page {i} of {thp} is {mm.SubpageMapcount(view, thp, i)}, and {ptes[i]} ptes map it";
                }
            }
        }

        return null;
    }) with
    {
        Promise = "In the end each page of a THP has the mapcount that its ptes make. Broken: \"Bad page state: nonzero mapcount\".",
    };

    /// <summary>
    /// The subpages mapcount is never below zero: a mapping's last removal and its first addition share a lock. No assertion of the kernel's
    /// own; the log of 4b51634cd16a calls it disastrous. Broken: folio_mapped() is false for a mapped THP.
    /// </summary>
    public static readonly Property SubpagesMapcountNotNegative = Property.Always("subpages-mapcount-not-negative", static view =>
    {
        foreach (var thp in view.Machine.ObjectsOf<Folio>())
        {
            if (thp.Pages > 1 && view.Get(thp._subpages_mapcount) < 0)
            {
                return $"the subpages mapcount of {thp} is {view.Get(thp._subpages_mapcount)}";
            }
        }

        return null;
    }) with
    {
        Promise = "The subpages mapcount of a THP is never negative. Broken: a mapped THP is taken for an unmapped one.",
    };

    /// <summary>
    /// COMPOUND_MAPPED is in the subpages mapcount once at most, and no more pages besides than the THP has. No assertion of the kernel's own: Hugh
    /// Dickins's warning while testing 4b51634cd16a caught 0x1000000 and 0x800201. Broken: no harm by itself, as nothing is
    /// lost; what was concluded from the moment may be wrong.
    /// </summary>
    public static readonly Property SubpagesMapcountInRange = Property.Always("subpages-mapcount-in-range", static view =>
    {
        foreach (var thp in view.Machine.ObjectsOf<Folio>())
        {
            if (thp.Pages > 1 && view.Get(thp._subpages_mapcount) is var count and >= Folio.COMPOUND_MAPPED && count > Folio.COMPOUND_MAPPED + thp.Pages)
            {
                return $"the subpages mapcount of {thp} is 0x{count:x}";
            }
        }

        return null;
    }) with
    {
        Class = PropertyClass.Hygiene,
        Promise = "The subpages mapcount has COMPOUND_MAPPED once at most, and no more pages than there are. Broken: whoever sees it concludes too much or too little.",
    };

    /// <summary>
    /// Whoever asks whether a THP is mapped while some pte or PMD maps it all the time is told so. The kernel's own assertion of it is
    /// VM_BUG_ON_FOLIO in __unmap_and_move. Broken: migration, mkclean and reclaim pass a mapped THP by.
    /// </summary>
    /// <remarks>For scenarios in which no THP is mapped for the first time while others look: it is looked at when the answer is there.</remarks>
    public static readonly Property MappedThpIsSeenMapped = Property.AlwaysAt("mapped-thp-is-seen-mapped", "folio-mapped-answered", static view =>
    {
        if (view.Argument is not Folio thp)
        {
            return null; // mapped
        }

        var (ptes, pmds) = Maps(view, thp);
        return pmds + ptes.Sum() > 0 ? $"folio_mapped says that nothing maps {thp}, and {pmds} PMDs and {ptes.Sum()} ptes do" : null;
    }) with
    {
        Promise = "A THP that stays mapped is never taken for unmapped. Broken: migration, mkclean and reclaim pass it by.",
    };

    /// <summary>Two threads were changing mapcounts of THPs at once: the danger was near.</summary>
    public static readonly Property MapcountsChangeTogether = Property.Sometimes("mapcounts-change-together", static view =>
    {
        var threads = 0;
        for (var thread = 0; thread < view.Machine.ThreadCount; thread++)
        {
            foreach (var path in Counting)
            {
                if (view.In(path, thread))
                {
                    threads++;
                    break;
                }
            }
        }

        return threads > 1;
    }) with
    {
        Promise = "Two threads change mapcounts of THPs at once somewhere.",
    };

    /// <summary>A thread asked whether a THP is mapped while another was splitting its PMD: the danger was near.</summary>
    public static readonly Property ThpLookedAtWhileSplit = Property.Sometimes("thp-looked-at-while-split", static view =>
        view.In("folio_large_is_mapped") && view.In("__split_huge_pmd_locked")) with
    {
        Promise = "A thread asks whether a THP is mapped while another splits its PMD.",
    };

    /// <summary>A THP was freed: where none is, no bad page could be found.</summary>
    public static readonly Property ThpIsFreed = Property.Sometimes("thp-is-freed", static view => view.In("free_pages_prepare")) with
    {
        Promise = "A THP is freed somewhere.",
    };

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Property> All { get; } =
    [
        MappedPagesCountedExactly, MappedPagesDrift, PmdMappedThpsCountedExactly, ThpMapcountsConsistent, SubpageMapcountsConsistent, SubpagesMapcountNotNegative,
        SubpagesMapcountInRange, MappedThpIsSeenMapped, MapcountsChangeTogether, ThpLookedAtWhileSplit, ThpIsFreed,
    ];

    private static IEnumerable<Folio> Thps(StateView view) => view.Machine.ObjectsOf<Folio>().Where(f => f.Pages > 1 && view.IsLive(f));

    private static int Mapped(StateView view)
    {
        var mapped = 0;
        foreach (var thp in Thps(view))
        {
            var (ptes, pmds) = Maps(view, thp);
            mapped += pmds > 0 ? thp.Pages : ptes.Count(p => p > 0);
        }

        return mapped;
    }

    private static (int[] Ptes, int Pmds) Maps(StateView view, Folio thp)
    {
        var pfn = view.Machine.ObjectsOf<mm>()[0].Pfn(thp);
        var ptes = new int[thp.Pages];
        foreach (var table in view.Machine.ObjectsOf<PageTable>())
        {
            for (var i = 0; view.IsLive(table) && i < table.pte.Length; i++)
            {
                var pte = view.Get(table.pte[i]);
                if (pte.Present && pte.Pfn >= pfn && pte.Pfn < pfn + thp.Pages)
                {
                    ptes[pte.Pfn - pfn]++;
                }
            }
        }

        var pmds = 0;
        var pgtable = view.Machine.ObjectsOf<pgtable>()[0];
        foreach (var mm in view.Machine.ObjectsOf<Mm>())
        {
            var pmd = view.Get(mm.pmd);
            pmds += view.IsLive(mm) && pgtable.pmd_trans_huge(pmd) && ReferenceEquals(pgtable.PageOf(view, pmd), thp) ? 1 : 0;
        }

        return (ptes, pmds);
    }

    private static string? Compare(StateView view, StatItem item, int expected, string what)
    {
        var count = view.Get(view.Machine.ObjectsOf<Pgdat>()[0].vm_stat[item]);
        return count == expected ? null : $"{item} is {count}, and {expected} {what}";
    }
}
