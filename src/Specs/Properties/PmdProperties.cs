using ThpCheck.Model.Kernel;
using ThpCheck.Model.Objects;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Specs.Properties;

/// <summary>What huge PMDs promise: to the pages they map, to the counts of these, and to who maps memory with mlock.</summary>
public static class PmdProperties
{
    /// <summary>
    /// pmd_pfn() and pmd_page() are asked only of PMDs that are present, even where the answer is compared and thrown away. Broken: on
    /// some architecture the answer is true by chance.
    /// </summary>
    public static readonly Property DecodedOnlyIfPresent = Property.AlwaysAt("pmd-decoded-only-if-present", Pmd.DecodedAbsent, static view =>
        view.Argument is { } page ? $"{view.Machine.ThreadName(view.Thread)} asks for the pmd_pfn() of a migration entry of {page}" : $"{view.Machine.ThreadName(view.Thread)} asks for the pmd_pfn() of a pmd that is none") with
    {
        Class = PropertyClass.Hygiene,
        Promise = "pmd_pfn() is asked only of a PMD that is present. Broken: on some architecture the answer is true by chance.",
    };

    /// <summary>
    /// Whenever nobody holds the lock of an entry that maps it, a THP's mapcount is the number of entries that do. Broken: "Bad page state", "Bad page map", a mapped page taken for an
    /// unmapped one.
    /// </summary>
    public static readonly Property ThpMapcountConsistent = Property.Always("thp-mapcount-consistent", static view =>
    {
        if (AnyPageTableLocked(view))
        {
            return null;
        }

        var kernel = view.Machine.ObjectsOf<mm>()[0];
        foreach (var page in view.Machine.ObjectsOf<Folio>())
        {
            if (page.Pages > 1 && view.IsLive(page) && kernel.Mapcount(view, page) is var mapcount && mapcount != Mappings(view, page))
            {
                return $"the mapcount of {page} is {mapcount}, and {Mappings(view, page)} entries map it";
            }
        }

        return null;
    }) with
    {
        Promise = "While nobody holds a page-table lock, a THP's mapcount is the number of entries that map it. Broken: \"Bad page state\", \"Bad page map\".",
    };

    /// <summary>
    /// Whenever nobody is at its entries or its place in the cache, a THP has a reference for each of them at least. Broken: it is freed while it is mapped or cached.
    /// </summary>
    public static readonly Property ThpRefcountCovers = Property.Always("thp-refcount-covers-users", static view =>
    {
        if (AnyPageTableLocked(view))
        {
            return null;
        }

        foreach (var page in view.Machine.ObjectsOf<Folio>())
        {
            if (page.Pages > 1 && view.IsLive(page) && Users(view, page) is var users && users > view.Get(page._refcount))
            {
                return $"the refcount of {page} is {view.Get(page._refcount)}, and it has {users} users";
            }
        }

        return null;
    }) with
    {
        Promise = "While nobody holds a page-table lock or i_pages, a THP has a reference for each entry that maps it and each place in the cache. Broken: it is freed while it is in use.",
    };

    /// <summary>
    /// In the end a THP has exactly the references of its users. Broken: a page that nobody can ever free or migrate.
    /// </summary>
    public static readonly Property ThpRefcountConsistent = Property.Finally("thp-refcount-consistent", static view =>
    {
        foreach (var page in view.Machine.ObjectsOf<Folio>())
        {
            if (page.Pages > 1 && view.IsLive(page) && view.Get(page.mapping) is not null && Users(view, page) is var users && users != view.Get(page._refcount))
            {
                return $"the refcount of {page} is {view.Get(page._refcount)}, and it has {users} users";
            }
        }

        return null;
    }) with
    {
        Promise = "In the end a THP has as many references as users. Broken: it is freed too early, or can never be freed or migrated.",
    };

    /// <summary>
    /// Whenever nobody holds its page_table_lock, an mm counts the pages that its entries map or, as migration entries, name. Broken: check_mm's "Bad rss-counter state".
    /// </summary>
    public static readonly Property RssConsistent = Property.Always("rss-consistent", static view =>
    {
        if (AnyPageTableLocked(view))
        {
            return null;
        }

        var pgtable = view.Machine.ObjectsOf<pgtable>()[0];
        foreach (var mm in view.Machine.ObjectsOf<Mm>())
        {
            var (files, anon) = (0, 0);
            for (var i = 0; view.IsLive(mm) && i < mm.PTRS_PER_PMD; i++)
            {
                var pmd = view.Get(mm.pmd_at(i));
                var pages = pgtable.PageOf(view, pmd)?.Pages ?? 0;
                var is_anon = pgtable.PageOf(view, pmd) is { } page && view.Get(page.mapping) is AnonVma;
                var table = pgtable.TableOf(view, pmd);
                var (file_ptes, anon_ptes) = table is null ? (0, 0) : Ptes(view, table);
                files += file_ptes + (is_anon ? 0 : pages);
                anon += anon_ptes + (is_anon ? pages : 0);
            }

            if (view.IsLive(mm) && (view.Get(mm.shmempages) != files || view.Get(mm.anonpages) != anon))
            {
                return $"the RSS of {mm} is {view.Get(mm.shmempages)} pages of files and {view.Get(mm.anonpages)} of anonymous memory; its entries have {files} and {anon}";
            }
        }

        return null;
    }) with
    {
        Promise = "While nobody holds a page-table lock, an mm's RSS is what its entries map or name. Broken: \"Bad rss-counter state\".",
    };

    /// <summary>
    /// The page that a migration entry names is locked, by whoever migrates it, and allocated. Broken: BUG_ON(!PageLocked) in migration_entry_to_page, and a fault that waits for nobody.
    /// </summary>
    public static readonly Property MigrationEntryLocked = Property.Always("migration-entry-locked", static view =>
    {
        foreach (var (mm, page) in MigrationEntries(view))
        {
            if (!view.IsLive(page) || (view.Get(page.flags) & PageFlags.PG_locked) == 0)
            {
                return $"{mm} has a migration entry of {page}, which is {(view.IsLive(page) ? "not locked" : "freed")}";
            }
        }

        return null;
    }) with
    {
        Promise = "The page that a migration entry names is locked. Broken: BUG_ON(!PageLocked) in migration_entry_to_page, or a fault that waits for nobody.",
    };

    /// <summary>
    /// In the end no migration entry is left, and a PMD that maps a THP of a file maps the one that is cached. Broken: a fault sleeps for ever, or two processes see different pages.
    /// </summary>
    public static readonly Property MigrationOver = Property.Finally("migration-over", static view =>
    {
        foreach (var (mm, page) in MigrationEntries(view))
        {
            return $"{mm} still has a migration entry of {page}";
        }

        var pgtable = view.Machine.ObjectsOf<pgtable>()[0];
        foreach (var mm in view.Machine.ObjectsOf<Mm>())
        {
            for (var i = 0; view.IsLive(mm) && i < mm.PTRS_PER_PMD; i++)
            {
                if (pgtable.PageOf(view, view.Get(mm.pmd_at(i))) is { } page && view.Get(page.mapping) is not AnonVma && Cached(view, page) == 0)
                {
                    return $"{mm} maps {page}, which is not in the page cache";
                }
            }
        }

        return null;
    }) with
    {
        Promise = "In the end no migration entry is left, and what maps a file maps the page that is cached. Broken: a fault sleeps for ever, or processes see different pages.",
    };

    /// <summary>A page that leaves the page cache is mapped nowhere. Broken: "BUG: Bad page cache", and a process that goes on writing to a page that is no longer the file's.</summary>
    public static readonly Property DeletedPageUnmapped = Property.AlwaysAt("deleted-page-unmapped", "unaccount_page_cache_page", static view =>
        view.Argument is Folio page && view.Machine.ObjectsOf<mm>()[0].Mapcount(view, page) is > 0 and var mapcount
            ? $"{page} leaves the page cache with a mapcount of {mapcount}"
            : null) with
    {
        Promise = "A page that leaves the page cache is mapped nowhere. Broken: \"BUG: Bad page cache\".",
    };

    /// <summary>A THP that unmap_page was to unmap is unmapped. Broken: VM_BUG_ON_PAGE(!unmap_success).</summary>
    public static readonly Property SplitPageUnmapped = Property.AlwaysAt("split-page-unmapped", "unmap_page", static view =>
        view.Argument is Folio page && view.Machine.ObjectsOf<mm>()[0].Mapcount(view, page) is > 0 and var mapcount
            ? $"{page} is to be split and was unmapped, but its mapcount is {mapcount}"
            : null) with
    {
        Promise = "A THP that is to be split is unmapped after unmap_page. Broken: VM_BUG_ON_PAGE(!unmap_success).",
    };

    /// <summary>
    /// Whenever the cached page of a VM_LOCKED vma is not locked, the vma maps it and it is mlocked: nobody has asked to unmap it. Broken: memory that
    /// was locked with mlock is not there, and an access to it takes a fault.
    /// </summary>
    public static readonly Property MlockedPageMapped = Property.Always("mlocked-page-mapped", static view =>
    {
        var pgtable = view.Machine.ObjectsOf<pgtable>()[0];
        foreach (var vma in view.Machine.ObjectsOf<Vma>())
        {
            if (!view.IsLive(vma) || (view.Get(vma.vm_flags) & VmFlags.VM_LOCKED) == 0 || view.Get(vma.vm_file) is not { } file || view.Get(vma.vm_mm) is not { } mm
                || view.Get(file.i_pages[view.Get(vma.vm_pgoff)]) is not { } page || (view.Get(page.flags) & PageFlags.PG_locked) != 0)
            {
                continue;
            }

            var pmd = view.Get(pgtable.pmd_offset(mm, view.Get(vma.vm_start)));
            var is_mapped = pgtable.pmd_trans_huge(pmd) && pgtable.PageOf(view, pmd) == page;
            if (!is_mapped || (view.Get(page.flags) & PageFlags.PG_mlocked) == 0)
            {
                return $"{vma} is VM_LOCKED, but {page} is {(is_mapped ? "not mlocked" : "not mapped")}";
            }
        }

        return null;
    }) with
    {
        Promise = "A page of a VM_LOCKED vma is mapped and mlocked whenever it is not locked. Broken: memory that was locked with mlock takes a fault.",
    };

    /// <summary>Reclaim takes no page of a VM_LOCKED vma. Broken: memory that was locked with mlock is swapped out, and an access to it takes a major fault.</summary>
    public static readonly Property MlockedPageNotReclaimed = Property.AlwaysAt("mlocked-page-not-reclaimed", "reclaims", static view =>
    {
        foreach (var vma in view.Machine.ObjectsOf<Vma>())
        {
            if (view.IsLive(vma) && (view.Get(vma.vm_flags) & VmFlags.VM_LOCKED) != 0 && view.Argument is Folio page && view.Get(page.mapping) is { } file && view.Get(vma.vm_file) == file)
            {
                return $"reclaim takes {page}, which {vma} has locked with mlock";
            }
        }

        return null;
    }) with
    {
        Promise = "Reclaim takes no page of a VM_LOCKED vma. Broken: an access to memory that was locked with mlock takes a major fault.",
    };

    /// <summary>The huge zero page keeps its reference, its mapcount of none, and its place. Broken: it is freed while it is mapped by others.</summary>
    public static readonly Property HugeZeroPageKept = Property.Always("huge-zero-page-kept", static view =>
    {
        foreach (var zero in view.Machine.ObjectsOf<HugeZero>())
        {
            if (view.Get(zero.huge_zero_page) is { } page && (!view.IsLive(page) || view.Get(page._refcount) < 1 || view.Machine.ObjectsOf<mm>()[0].Mapcount(view, page) != 0))
            {
                return view.IsLive(page) ? $"the huge zero page {page} has a refcount of {view.Get(page._refcount)} and a mapcount of {view.Machine.ObjectsOf<mm>()[0].Mapcount(view, page)}" : $"the huge zero page {page} is freed";
            }
        }

        return null;
    }) with
    {
        Promise = "The huge zero page keeps its reference and is counted as mapped nowhere. Broken: it is freed while others map it.",
    };

    /// <summary>Somebody was unmapping or splitting while a page that migration had unmapped was not mapped again: the danger was near.</summary>
    public static readonly Property MeetsMigration = Property.Sometimes("unmap-meets-migration", static view =>
        view.In("migration window") && (view.In("zap_pmd_range") || view.In("__split_huge_pmd"))) with
    {
        Promise = "Somebody is unmapping while a page is being migrated.",
    };

    /// <summary>A migration ends with the new page in the old one's place.</summary>
    public static readonly Property MigrationSucceeds = Property.Sometimes("migration-succeeds", static view => view.In("migrated")) with
    {
        Promise = "A page is migrated somewhere.",
    };

    /// <summary>Somebody looked at the PMD of a page that had just been cleared and was still counted as mapped.</summary>
    public static readonly Property MeetsZap = Property.Sometimes("zap-window-met", static view =>
        (view.In("zap_huge_pmd") || view.In("zap_pte_range")) && (view.In("unmap_page") || view.In("truncate_cleanup_page"))) with
    {
        Promise = "A page is to be unmapped while somebody is just zapping it.",
    };

    /// <summary>Somebody was truncating a page whose PMD was just being split.</summary>
    public static readonly Property MeetsSplit = Property.Sometimes("split-window-met", static view =>
        view.In("__split_huge_pmd_locked") && view.In("truncate_inode_page")) with
    {
        Promise = "A page is truncated while somebody is just splitting its PMD.",
    };

    /// <summary>What the PMDs are in the end and which pages are cached.</summary>
    public static readonly Property PmdOutcome = Property.Outcomes("pmd-outcome", static view =>
    {
        var outcome = new List<long>();
        foreach (var mm in view.Machine.ObjectsOf<Mm>())
        {
            for (var i = 0; view.IsLive(mm) && i < mm.PTRS_PER_PMD; i++)
            {
                outcome.Add((long)view.Get(mm.pmd_at(i)).Kind);
            }
        }

        foreach (var file in view.Machine.ObjectsOf<AddressSpace>())
        {
            outcome.Add(view.IsLive(file) && view.Get(file.i_pages[0]) is { } page ? Number(view, page) : 0);
        }

        return outcome;
    }) with
    {
        Promise = "In the end: of each mm what its PMDs are (0 none, 1 table, 2 huge), then of each file which huge page is cached (0 none, 1 the first of the pool, and so on).",
    };

    private static bool AnyPageTableLocked(StateView view)
    {
        foreach (var mm in view.Machine.ObjectsOf<Mm>())
        {
            if (view.Word(mm.page_table_lock.Locked.Cell) != 0)
            {
                return true;
            }
        }

        foreach (var table in view.Machine.ObjectsOf<PageTable>())
        {
            if (view.IsLive(table) && view.Word(table.ptl.Locked.Cell) != 0)
            {
                return true;
            }
        }

        return false;
    }

    private static IEnumerable<(Mm Mm, Folio Page)> MigrationEntries(StateView view)
    {
        var pgtable = view.Machine.ObjectsOf<pgtable>()[0];
        foreach (var mm in view.Machine.ObjectsOf<Mm>())
        {
            for (var i = 0; i < mm.PTRS_PER_PMD; i++)
            {
                var pmd = view.Get(mm.pmd_at(i));
                if (pgtable.is_pmd_migration_entry(pmd) && view.IsLive(mm))
                {
                    yield return (mm, pgtable.PageOf(view, pmd)!);
                }
            }
        }
    }

    private static (int Files, int Anon) Ptes(StateView view, PageTable table)
    {
        var kernel = view.Machine.ObjectsOf<mm>()[0];
        var (files, anon) = (0, 0);
        for (var i = 0; i < table.pte.Length; i++)
        {
            var pte = view.Get(table.pte[i]);
            var is_anon = pte != default && view.Get(kernel.Page(pte.Pfn).mapping) is AnonVma;
            files += pte != default && !is_anon ? 1 : 0;
            anon += is_anon ? 1 : 0;
        }

        return (files, anon);
    }

    // How many PMDs and ptes map it; migration entries do not.
    private static int Mappings(StateView view, Folio page)
    {
        var pgtable = view.Machine.ObjectsOf<pgtable>()[0];
        var kernel = view.Machine.ObjectsOf<mm>()[0];
        var mappings = 0;
        foreach (var mm in view.Machine.ObjectsOf<Mm>())
        {
            for (var i = 0; i < mm.PTRS_PER_PMD && view.IsLive(mm); i++)
            {
                var pmd = view.Get(mm.pmd_at(i));
                mappings += pgtable.pmd_trans_huge(pmd) && ReferenceEquals(pgtable.PageOf(view, pmd), page) ? 1 : 0;
                if (pgtable.TableOf(view, pmd) is { } table)
                {
                    for (var j = 0; j < table.pte.Length; j++)
                    {
                        var pte = view.Get(table.pte[j]);
                        mappings += pte.Present && ReferenceEquals(kernel.Page(pte.Pfn), page) ? 1 : 0;
                    }
                }
            }
        }

        return mappings;
    }

    private static int Number(StateView view, Folio page)
    {
        var number = 0;
        foreach (var other in view.Machine.ObjectsOf<Folio>())
        {
            number += other.Pages > 1 && other.Id <= page.Id ? 1 : 0;
        }

        return number;
    }

    private static int Cached(StateView view, Folio page)
    {
        var cached = 0;
        foreach (var file in view.Machine.ObjectsOf<AddressSpace>())
        {
            for (var i = 0; view.IsLive(file) && i < file.i_pages.Length; i++)
            {
                cached += ReferenceEquals(view.Get(file.i_pages[i]), page) ? 1 : 0;
            }
        }

        return cached;
    }

    // References that are due: one for each mapping, one for each place in the cache; not counted while the cache is being changed.
    private static int Users(StateView view, Folio page)
    {
        foreach (var file in view.Machine.ObjectsOf<AddressSpace>())
        {
            if (view.IsLive(file) && view.Word(file.xa_lock.Locked.Cell) != 0)
            {
                return 0;
            }
        }

        return Mappings(view, page) + Cached(view, page);
    }
}
