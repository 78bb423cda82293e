using ThpCheck.Model.Kernel;
using ThpCheck.Model.Objects;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Specs.Properties;

/// <summary>What taking page tables away promises to whoever maps pages by them, walks them, or has looked something up in them.</summary>
/// <remarks>Two promises are kernel bugs of every scenario: no table is used after it was freed, and none is taken out of a PMD that points to no table.</remarks>
public static class CollapseProperties
{
    /// <summary>
    /// In the end each page's mapcounts are the numbers of ptes and PMDs that map it, and its references those of its mappings, of the cache and of
    /// who has pinned it. While a collapse is at work its ptes may be there without being counted. Broken: "Bad page map", "Bad page state", a page that is
    /// freed while it is mapped or never.
    /// </summary>
    public static readonly Property MappingsConsistent = Property.Finally("mappings-consistent", static view =>
    {
        var kernel = view.Machine.ObjectsOf<mm>()[0];
        var pgtable = view.Machine.ObjectsOf<pgtable>()[0];
        foreach (var folio in view.Machine.ObjectsOf<Folio>())
        {
            if (!view.IsLive(folio))
            {
                continue;
            }

            var anon = view.Get(folio.mapping) is AnonVma;
            var pmds = Pmds(view, pgtable, folio);
            var references = pmds + Cached(view, folio) + Pinned(view, folio);
            for (var i = 0; i < folio.Pages; i++)
            {
                var ptes = Ptes(view, pgtable, kernel.Pfn(folio) + i);
                references += ptes;
                var expected = folio.Pages > 1 && !anon ? ptes + pmds : ptes;
                if (view.Get(folio.mapcount(i)) + 1 != expected)
                {
                    return $"the mapcount of page {i} of {folio} is {view.Get(folio.mapcount(i)) + 1}, and {ptes} ptes and {pmds} PMDs map it";
                }
            }

            if (folio.Pages > 1 && view.Get(folio._compound_mapcount) + 1 != pmds)
            {
                return $"the compound mapcount of {folio} is {view.Get(folio._compound_mapcount) + 1}, and {pmds} PMDs map it";
            }

            if (view.Get(folio._refcount) != references)
            {
                return $"the refcount of {folio} is {view.Get(folio._refcount)}, and {references} references to it are accounted for";
            }
        }

        return null;
    }) with
    {
        Promise = "In the end mapcounts are the numbers of ptes and PMDs, and references those of mappings, cache and pins. Broken: \"Bad page map\", \"Bad page state\", "
            + "a page that is freed while it is mapped, or never.",
    };

    /// <summary>In the end an mm's counters are the numbers of pages that it maps. Broken: check_mm's "BUG: Bad rss-counter state".</summary>
    public static readonly Property RssAddsUp = Property.Finally("rss-adds-up", static view =>
    {
        var kernel = view.Machine.ObjectsOf<mm>()[0];
        var pgtable = view.Machine.ObjectsOf<pgtable>()[0];
        foreach (var mm in view.Machine.ObjectsOf<Mm>())
        {
            var (shmem, anon) = (0, 0);
            for (var address = 0; view.IsLive(mm) && address < mm.PTRS_PER_PMD * pgtable.PTRS_PER_PTE; address++)
            {
                if (Mapped(view, kernel, pgtable, mm, address) is { } folio)
                {
                    anon += view.Get(folio.mapping) is AnonVma ? 1 : 0;
                    shmem += view.Get(folio.mapping) is AnonVma ? 0 : 1;
                }
            }

            if (view.IsLive(mm) && (view.Get(mm.shmempages) != shmem || view.Get(mm.anonpages) != anon))
            {
                return $"{mm} counts {view.Get(mm.shmempages)} pages of files and {view.Get(mm.anonpages)} anonymous ones, and maps {shmem} and {anon}";
            }

            if (view.IsLive(mm) && PageTables(view, pgtable, mm) is var tables && view.Get(mm.nr_ptes) != tables)
            {
                return $"{mm} counts {view.Get(mm.nr_ptes)} page tables, and has {tables}";
            }
        }

        return null;
    }) with
    {
        Promise = "In the end an mm's counters are the numbers of pages that it maps and of page tables that it has. Broken: \"BUG: Bad rss-counter state\", \"BUG: non-zero pgtables_bytes on freeing mm\".",
    };

    /// <summary>
    /// A page table that is freed maps no anonymous page. Broken: a page that nobody can reach any more stays counted, and what was stored to it is lost.
    /// </summary>
    public static readonly Property FreedTableIsEmpty = Property.AlwaysAt("freed-table-maps-no-anonymous-page", khugepaged.PteFree, static view =>
    {
        var kernel = view.Machine.ObjectsOf<mm>()[0];
        for (var i = 0; view.Argument is PageTable table && i < table.pte.Length; i++)
        {
            if (view.Get(table.pte[i]) is { Present: true } pte && kernel.Page(pte.Pfn) is var folio && view.Get(folio.mapping) is AnonVma)
            {
                return $"{table} is freed while its pte {i} maps {folio}, an anonymous page";
            }
        }

        return null;
    }) with
    {
        Promise = "A page table that is freed maps no anonymous page. Broken: what was stored to that page is lost, and it is never freed.",
    };

    /// <summary>
    /// A PMD through which a page of a file can be stored to is in a shared vma. Broken: a process changes a file, or what others see of it, by a store that
    /// should have gone to a copy.
    /// </summary>
    public static readonly Property PrivateIsReadOnly = Property.Always("private-pmd-is-read-only", static view =>
    {
        var pgtable = view.Machine.ObjectsOf<pgtable>()[0];
        foreach (var vma in view.Machine.ObjectsOf<Vma>())
        {
            if (view.IsLive(vma) && view.Get(vma.vm_file) is not null && (view.Get(vma.vm_flags) & VmFlags.VM_SHARED) == 0 && view.Get(vma.vm_mm) is { } mm
                && view.Get(pgtable.pmd_offset(mm, view.Get(vma.vm_start))) is { Write: true, Kind: PmdKind.Huge } pmd
                && pgtable.PageOf(view, pmd) is { } page && view.Get(page.mapping) is AddressSpace)
            {
                return $"{vma} is private, and its PMD lets {page} of its file be stored to";
            }
        }

        return null;
    }) with
    {
        Promise = "Through a private mapping's PMD a page of the file cannot be stored to. Broken: the file is changed where a copy should have been.",
    };

    /// <summary>
    /// A page that GUP-fast has pinned is what is mapped there in the end, if nobody unmaps it. Broken: a device reads and writes a page that the process
    /// does not have any more.
    /// </summary>
    public static readonly Property PinnedPageIsMapped = Property.Finally("pinned-page-is-mapped", static view =>
    {
        var kernel = view.Machine.ObjectsOf<mm>()[0];
        var pgtable = view.Machine.ObjectsOf<pgtable>()[0];
        foreach (var thread in view.Machine.ObjectsOf<KernelThread>())
        {
            if (view.Get(thread.pinned) is not { } folio)
            {
                continue;
            }

            var mapped = Pmds(view, pgtable, folio);
            for (var i = 0; i < folio.Pages; i++)
            {
                mapped += Ptes(view, pgtable, kernel.Pfn(folio) + i);
            }

            if (mapped == 0)
            {
                return $"{view.Machine.ThreadName(thread.Number)} has pinned {folio}, which nothing maps in the end";
            }
        }

        return null;
    }) with
    {
        Promise = "A page that GUP-fast has pinned is still mapped in the end. Broken: a device works on a page that the process does not have any more.",
    };

    /// <summary>
    /// A guest's translation leads to a page that is allocated. Broken: the guest reads and writes memory that is another's.
    /// </summary>
    public static readonly Property TranslatedPageLives = Property.Always("translated-page-lives", static view =>
    {
        foreach (var kvm in view.Machine.ObjectsOf<Kvm>())
        {
            for (var gfn = 0; gfn < kvm.spte.Length; gfn++)
            {
                if (view.Get(kvm.spte[gfn]) is { } folio && !view.IsLive(folio))
                {
                    return $"{kvm} translates guest frame {gfn} to {folio}, which is freed";
                }
            }
        }

        return null;
    }) with
    {
        Promise = "A guest's translation leads to an allocated page. Broken: the guest reads and writes memory that is another's.",
    };

    /// <summary>
    /// Where madvise(MADV_COLLAPSE) returns 0, the PMD mapped the huge page at some moment of the call. Later it may be split or unmapped. Broken:
    /// the caller believes in a huge mapping that never was.
    /// </summary>
    public static readonly Property SuccessWasHuge = Property.AlwaysAt("collapse-success-was-huge", khugepaged.MadviseCollapsed, static view =>
    {
        foreach (var thread in view.Machine.ObjectsOf<KernelThread>())
        {
            if (thread.Number == view.Thread && !view.Get(thread.saw_huge_pmd))
            {
                return $"madvise in {view.Machine.ThreadName(thread.Number)} succeeds, and the PMD of {view.Argument} mapped no huge page meanwhile";
            }
        }

        return null;
    }) with
    {
        Promise = "Where MADV_COLLAPSE succeeds the PMD has mapped the huge page. Broken: the caller believes in a huge mapping that never was.",
    };

    /// <summary>
    /// After MADV_COLLAPSE has succeeded, an access raises no userfaultfd event: the huge page is mapped, not only cached. Broken: live migration
    /// resolves the event by a pte, and the guest's memory stays in small pages.
    /// </summary>
    public static readonly Property CollapsedNeedsNoEvent = Property.AlwaysAt("collapsed-memory-raises-no-event", userfaultfd.Event, static view =>
        view.Argument is Mm mm && view.Get(mm.collapsed) ? $"an access to {mm} raises an event though MADV_COLLAPSE has succeeded" : null) with
    {
        Promise = "Memory that MADV_COLLAPSE has collapsed raises no minor fault event. Broken: the event is resolved by a pte, and the memory stays in small pages.",
    };

    /// <summary>
    /// Where a collapse fails there is no huge page in the cache yet. Not a promise that the kernel makes. Broken: MADV_COLLAPSE returns an error for memory that
    /// is collapsed but for its page table.
    /// </summary>
    public static readonly Property FailureLeavesSmallPages = Property.AlwaysAt("collapse-failure-left-small-pages", khugepaged.MadviseFailed, static view =>
    {
        foreach (var file in view.Machine.ObjectsOf<AddressSpace>())
        {
            for (var i = 0; view.IsLive(file) && i < file.i_pages.Length; i++)
            {
                if (view.Get(file.i_pages[i]) is { Pages: > 1 } folio)
                {
                    return $"MADV_COLLAPSE fails for {view.Argument}, and {folio} is cached";
                }
            }
        }

        return null;
    }) with
    {
        Class = PropertyClass.Hygiene,
        Promise = "Where MADV_COLLAPSE fails the cache has no huge page. Broken: it returns an error for memory that is collapsed but for its page table.",
    };

    /// <summary>A collapse took a page table away.</summary>
    public static readonly Property TableIsTaken = Property.Sometimes("table-is-taken", static view => view.In("pte_free") || view.In("pte_free_defer")) with
    {
        Promise = "A collapse takes a page table away.",
    };

    /// <summary>Ptes were there that nobody counts any more: the danger was there.</summary>
    public static readonly Property PtesUncounted = Property.Sometimes("ptes-uncounted", static view =>
    {
        var kernel = view.Machine.ObjectsOf<mm>()[0];
        var pgtable = view.Machine.ObjectsOf<pgtable>()[0];
        foreach (var folio in view.Machine.ObjectsOf<Folio>())
        {
            for (var i = 0; folio.Pages > 1 && view.IsLive(folio) && i < folio.Pages; i++)
            {
                if (view.Get(folio.mapcount(i)) + 1 < Ptes(view, pgtable, kernel.Pfn(folio) + i))
                {
                    return true;
                }
            }
        }

        return false;
    }) with
    {
        Promise = "A pte maps a page that does not count it any more, and the PMD still leads there.",
    };

    /// <summary>A walk of the reverse map was in a page table while a collapse worked on one.</summary>
    public static readonly Property WalkMeetsCollapse = Property.Sometimes("walk-meets-collapse", static view =>
        view.In("page_vma_mapped_walk") && InCollapse(view)) with
    {
        Promise = "A walk of the reverse map is in page tables while a collapse takes one away.",
    };

    /// <summary>A zap of a file's mappings met a collapse.</summary>
    public static readonly Property ZapMeetsCollapse = Property.Sometimes("zap-meets-collapse", static view =>
        view.In("zap_pmd_range") && view.In("collapse_pte_mapped_thp")) with
    {
        Promise = "A zap of a file's mappings is at a PMD while a collapse works on it.",
    };

    /// <summary>GUP-fast was in a page table while a collapse took one away.</summary>
    public static readonly Property GupMeetsCollapse = Property.Sometimes("gup-meets-collapse", static view =>
        view.In("gup_pte_range") && InCollapse(view)) with
    {
        Promise = "GUP-fast is in a page table while a collapse takes it away.",
    };

    /// <summary>An anon_vma was prepared while a collapse was at work.</summary>
    public static readonly Property AnonVmaMeetsCollapse = Property.Sometimes("anon-vma-meets-collapse", static view =>
        view.In("__anon_vma_prepare") && InCollapse(view)) with
    {
        Promise = "A vma gets its anon_vma while a collapse is at work.",
    };

    /// <summary>A fault, or a pte of userfaultfd's, met a collapse.</summary>
    public static readonly Property FaultMeetsCollapse = Property.Sometimes("fault-meets-collapse", static view =>
        (view.In("handle_pte_fault") || view.In("mcopy_atomic_pte") || view.In("mcontinue_atomic_pte")) && InCollapse(view)) with
    {
        Promise = "A fault, or userfaultfd, fills in a pte while a collapse is at work.",
    };

    /// <summary>A migration entry was in the PMD while a collapse looked at it.</summary>
    public static readonly Property MigrationMeetsCollapse = Property.Sometimes("migration-meets-collapse", static view =>
    {
        foreach (var mm in view.Machine.ObjectsOf<Mm>())
        {
            for (var i = 0; i < mm.PTRS_PER_PMD; i++)
            {
                if (view.Get(mm.pmd_at(i)).Kind == PmdKind.Migration && view.In("collapse_pte_mapped_thp"))
                {
                    return true;
                }
            }
        }

        return false;
    }) with
    {
        Promise = "A PMD has a migration entry while a collapse is at it.",
    };

    /// <summary>A fault came while a page was being migrated.</summary>
    public static readonly Property FaultMeetsMigration = Property.Sometimes("fault-meets-migration", static view =>
        view.In("handle_pte_fault") && view.In("migrate_shmem_thp")) with
    {
        Promise = "A fault comes while a huge page is being migrated.",
    };

    /// <summary>A THP was freed.</summary>
    public static readonly Property HugePageIsFreed = Property.Sometimes("huge-page-is-freed", static view =>
    {
        foreach (var folio in view.Machine.ObjectsOf<Folio>())
        {
            if (folio.Pages > 1 && view.Word(folio.Slot!.Lifetime) == SlabSlot.FreeWord(folio.Generation))
            {
                return true;
            }
        }

        return false;
    }) with
    {
        Promise = "A THP is freed.",
    };

    /// <summary>A huge page was mapped by the PMD.</summary>
    public static readonly Property PmdIsSet = Property.Sometimes("huge-pmd-is-set", static view =>
    {
        foreach (var mm in view.Machine.ObjectsOf<Mm>())
        {
            for (var i = 0; i < mm.PTRS_PER_PMD; i++)
            {
                if (view.Get(mm.pmd_at(i)).Kind == PmdKind.Huge)
                {
                    return true;
                }
            }
        }

        return false;
    }) with
    {
        Promise = "A PMD maps a huge page.",
    };

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Property> All { get; } =
    [
        MappingsConsistent, RssAddsUp, FreedTableIsEmpty, PrivateIsReadOnly, PinnedPageIsMapped, TranslatedPageLives, SuccessWasHuge, CollapsedNeedsNoEvent,
        FailureLeavesSmallPages, TableIsTaken, PtesUncounted, WalkMeetsCollapse, ZapMeetsCollapse, GupMeetsCollapse, AnonVmaMeetsCollapse, FaultMeetsCollapse, FaultMeetsMigration, MigrationMeetsCollapse, HugePageIsFreed, PmdIsSet,
    ];

    private static bool InCollapse(StateView view) =>
        view.In("collapse_ptes") || view.In("retract_page_tables") || view.In("collapse_huge_page_locked");

    // How many page tables are hooked in or deposited.
    private static int PageTables(StateView view, pgtable pgtable, Mm mm)
    {
        var tables = view.Get(mm.pmd_huge_pte) is null ? 0 : 1;
        for (var i = 0; i < mm.PTRS_PER_PMD; i++)
        {
            tables += pgtable.TableOf(view, view.Get(mm.pmd_at(i))) is null ? 0 : 1;
        }

        return tables;
    }

    // How many ptes that a PMD leads to map a frame.
    private static int Ptes(StateView view, pgtable pgtable, int pfn)
    {
        var ptes = 0;
        foreach (var mm in view.Machine.ObjectsOf<Mm>())
        {
            for (var i = 0; view.IsLive(mm) && i < mm.PTRS_PER_PMD; i++)
            {
                var table = pgtable.TableOf(view, view.Get(mm.pmd_at(i)));
                for (var j = 0; table is not null && j < table.pte.Length; j++)
                {
                    ptes += view.Get(table.pte[j]) is { Present: true } pte && pte.Pfn == pfn ? 1 : 0;
                }
            }
        }

        return ptes;
    }

    // How many PMDs map a folio.
    private static int Pmds(StateView view, pgtable pgtable, Folio folio)
    {
        var pmds = 0;
        foreach (var mm in view.Machine.ObjectsOf<Mm>())
        {
            for (var i = 0; view.IsLive(mm) && i < mm.PTRS_PER_PMD; i++)
            {
                pmds += view.Get(mm.pmd_at(i)) is { Kind: PmdKind.Huge } pmd && pgtable.PageOf(view, pmd) == folio ? 1 : 0;
            }
        }

        return pmds;
    }

    // How many slots of page caches hold a folio.
    private static int Cached(StateView view, Folio folio)
    {
        var cached = 0;
        foreach (var file in view.Machine.ObjectsOf<AddressSpace>())
        {
            for (var i = 0; view.IsLive(file) && i < file.i_pages.Length; i++)
            {
                cached += view.Get(file.i_pages[i]) == folio ? 1 : 0;
            }
        }

        return cached;
    }

    private static int Pinned(StateView view, Folio folio)
    {
        var pinned = 0;
        foreach (var thread in view.Machine.ObjectsOf<KernelThread>())
        {
            pinned += view.Get(thread.pinned) == folio ? 1 : 0;
        }

        return pinned;
    }

    private static Folio? Mapped(StateView view, mm kernel, pgtable pgtable, Mm mm, int address)
    {
        var pmd = view.Get(pgtable.pmd_offset(mm, address));
        if (pgtable.TableOf(view, pmd) is not { } table)
        {
            return pgtable.PageOf(view, pmd);
        }

        var pte = view.Get(table.pte[pgtable.pte_index(address)]);
        return pte.Present ? kernel.Page(pte.Pfn) : null;
    }
}
