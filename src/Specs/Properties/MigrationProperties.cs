using ThpCheck.Model.Kernel;
using ThpCheck.Model.Objects;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Specs.Properties;

/// <summary>What migration promises: every mapping comes back, to the page that has its contents.</summary>
public static class MigrationProperties
{
    /// <summary>
    /// In the end there is no migration entry (MIG-1). Broken: who touches the page next meets an entry whose folio nobody has locked, BUG_ON(!PageLocked(page)), or
    /// waits for ever.
    /// </summary>
    public static readonly Property NoEntryLeft = Property.Finally("no-migration-entry-left", static view => Any(view, static (view, mm, address, at) =>
        at.Pte is { Present: false, Pfn: not 0 } ? $"{mm} still has a migration entry at page {address}: {at.Pte}" : null)) with
    {
        Promise = "When migration is over no migration entry is left (MIG-1). Broken: BUG_ON(!PageLocked(page)) at the next fault.",
    };

    /// <summary>
    /// A migration entry names a folio that is allocated and locked: that is all that keeps it (MIG-1, MIG-4). The kernel's own assertion is pfn_swap_entry_to_page's.
    /// Broken: an entry was forgotten.
    /// </summary>
    public static readonly Property EntryNamesLockedFolio = Property.Always("entry-names-locked-folio", static view => Any(view, static (view, mm, address, at) =>
        at.Pte is { Present: false, Pfn: not 0 } && at.Folio is { } folio && (!view.IsLive(folio) || (view.Get(folio.flags) & PageFlags.PG_locked) == 0)
            ? $"{mm} has a migration entry at page {address} that names {folio}, which is {(view.IsLive(folio) ? "not locked" : "freed")}"
            : null)) with
    {
        Promise = "A migration entry names a folio that is allocated and locked. Broken: an entry was forgotten, and BUG_ON(!PageLocked(page)) awaits the next fault.",
    };

    /// <summary>
    /// A page that is mapped holds what the process stored last at that address (MIG-3). The kernel asserts nothing. Broken: memory is exchanged or lost without a word.
    /// </summary>
    public static readonly Property PagesHoldTheirStores = Property.Always("pages-hold-their-stores", static view => Any(view, static (view, mm, address, at) =>
    {
        var stored = view.Get(mm.stored(address));
        return at.Pte.Present && stored != 0 && view.IsLive(at.Folio!) && view.Get(at.Folio!.data_of(at.Page)) is var data && data != stored
            ? $"{mm} stored {stored} at page {address}, and finds {data} there: page {at.Page} of {at.Folio}"
            : null;
    })) with
    {
        Promise = "A mapped page holds what was stored last at its address (MIG-3). Broken: memory is exchanged or lost without a word.",
    };

    /// <summary>In the end what the process stored, and did not unmap, is mapped (MIG-2). Broken: it is lost.</summary>
    public static readonly Property MappingsComeBack = Property.Finally("mappings-come-back", static view => Any(view, static (view, mm, address, at) =>
        !at.Pte.Present && view.Get(mm.stored(address)) is not 0 and var stored ? $"{mm} stored {stored} at page {address}, and nothing is mapped there" : null)) with
    {
        Promise = "In the end every page is mapped again where nobody unmapped it (MIG-2). Broken: what it held is lost.",
    };

    /// <summary>In the end a folio has as many references as mappings, handles and nothing else, and one that has none is freed (MIG-4, INV-REF). Broken: it leaks, or is freed while used.</summary>
    public static readonly Property ReferencesAccounted = Property.Finally("references-accounted", static view =>
    {
        var kernel = view.Machine.ObjectsOf<mm>()[0];
        foreach (var folio in view.Live<Folio>())
        {
            var mappings = Mappings(view, folio, -1);
            var handles = 0;
            foreach (var thread in view.Machine.ObjectsOf<KernelThread>())
            {
                handles += view.Get(thread.gup_mm) is null || kernel.Page(view.Get(thread.gup_pfn)) != folio ? 0
                    : folio.Pages == 1 && (view.Get(thread.gup_flags) & FollFlags.FOLL_PIN) != 0 ? Folio.PinBias : 1;
            }

            var cached = view.Get(folio.@private) is null ? 0 : 1; // in the swap cache
            if (view.Get(folio._refcount) != mappings + handles + cached)
            {
                return $"{folio} has {view.Get(folio._refcount)} references, {mappings} mappings and {handles} handles{(cached == 0 ? "" : ", and is in the swap cache")}";
            }
        }

        return null;
    }) with
    {
        Promise = "In the end a folio has a reference for each mapping and each handle, and no other (MIG-4). Broken: it is never freed, or too early.",
    };

    /// <summary>In the end each page's mapcount is the number of its ptes (INV-MAP). Broken: a mapped page is taken for an unmapped one, or the reverse.</summary>
    public static readonly Property MapcountsAccounted = Property.Finally("mapcounts-accounted", static view =>
    {
        foreach (var folio in view.Live<Folio>())
        {
            for (var page = 0; page < folio.Pages; page++)
            {
                if (view.Get(folio.mapcount(page)) + 1 is var mapcount && mapcount != Mappings(view, folio, page))
                {
                    return $"the mapcount of page {page} of {folio} is {mapcount}, and {Mappings(view, folio, page)} ptes map it";
                }
            }
        }

        return null;
    }) with
    {
        Promise = "In the end a page's mapcount is the number of ptes that map it (INV-MAP). Broken: a mapped page is taken for an unmapped one.",
    };

    /// <summary>
    /// The offset of every mapped page is the one that its vma says, while nobody holds mmap_lock for writing (INV-PGOFF). Migration computes the one from the other. The kernel
    /// asserts it where a page is mapped a second time. Broken: migration maps a neighbour instead.
    /// </summary>
    public static readonly Property OffsetsAgree = Property.Always("offsets-agree", static view => Any(view, static (view, mm, address, at) =>
    {
        if (!at.Pte.Present || IsHeldForWriting(view, mm.mmap_lock) || !view.IsLive(at.Folio!) || VmaAt(view, mm, address) is not { } vma)
        {
            return null;
        }

        var index = view.Get(at.Folio!.index) + at.Page;
        var linear = view.Get(vma.vm_pgoff) + address - view.Get(vma.vm_start);
        return index == linear ? null : $"page {at.Page} of {at.Folio}, which {mm} maps at page {address}, has offset {index}, and {vma} has {linear} there";
    })) with
    {
        Promise = "A mapped page's offset is the one that its vma has there (INV-PGOFF). Broken: migration maps a neighbour in its place.",
    };

    /// <summary>
    /// A walk of the folio's anon_vma comes to every pte of it and to every migration entry, while nobody holds the lock of the root, or mmap_lock, for writing (INV-RMAP). Broken:
    /// the anon_vma is freed while the folio is mapped, or a mapping is left behind.
    /// </summary>
    public static readonly Property RmapFindsEntries = Property.Always("rmap-finds-entries", static view => Any(view, static (view, mm, address, at) =>
    {
        if (at.Folio is null || !view.IsLive(at.Folio) || IsHeldForWriting(view, mm.mmap_lock) || view.Get(at.Folio.mapping) is not AnonVma anon_vma)
        {
            return null;
        }

        if (!view.IsLive(anon_vma))
        {
            return $"{mm} has {at.Folio} at page {address}, and {anon_vma}, its anon_vma, is freed";
        }

        if (view.Get(anon_vma.root) is not { } root || IsHeldForWriting(view, root.rwsem))
        {
            return null;
        }

        var first = view.Get(at.Folio.index);
        var count = (int)view.Word(anon_vma.rb_root.Count.Cell);
        for (var i = 0; i < count; i++)
        {
            var avc = Word<AnonVmaChain?>.Decode(view.Word(anon_vma.rb_root.Count.Cell + 1 + i), view.Machine)!;
            if (view.Get(avc.vma) is not { } vma || view.Get(vma.vm_mm) != mm || address < view.Get(vma.vm_start) || address >= view.Get(vma.vm_end))
            {
                continue;
            }

            var pgoff = view.Get(vma.vm_pgoff) + address - view.Get(vma.vm_start);
            return pgoff >= first && pgoff < first + at.Folio.Pages ? null : $"{mm} has {at.Folio} at page {address}, and a walk for its offsets does not look there in {vma}";
        }

        return $"{mm} has {at.Folio} at page {address}, and the tree of {anon_vma} has no vma there";
    })) with
    {
        Promise = "A walk of a folio's anon_vma comes to all its ptes and migration entries (INV-RMAP). Broken: a mapping is left behind.",
    };

    /// <summary>In the end a page that is pinned for writing is exclusive where it is mapped (ISO-2). Broken: the next store copies it, and the pin's owner keeps the old one.</summary>
    public static readonly Property PinnedPageIsExclusive = Property.Finally("pinned-page-is-exclusive", static view =>
    {
        var kernel = view.Machine.ObjectsOf<mm>()[0];
        foreach (var thread in view.Machine.ObjectsOf<KernelThread>())
        {
            const FollFlags PinToWrite = FollFlags.FOLL_PIN | FollFlags.FOLL_WRITE;
            if (view.Get(thread.gup_mm) is not null && (view.Get(thread.gup_flags) & PinToWrite) == PinToWrite && view.Get(thread.gup_pfn) is var pfn && !IsExclusive(view, kernel.Page(pfn), kernel.Index(pfn)))
            {
                return $"{view.Machine.ThreadName(thread.Number)} has pinned page {kernel.Index(pfn)} of {kernel.Page(pfn)}, which is not exclusive any more";
            }
        }

        return null;
    }) with
    {
        Promise = "A page that is pinned for writing stays exclusive (ISO-2). Broken: the process's next store goes to a copy.",
    };

    /// <summary>In the end a page that one process alone has is exclusive (EFF). Broken: its next store copies it for nothing.</summary>
    public static readonly Property PagesStayExclusive = Property.Finally("pages-stay-exclusive", static view => Any(view, static (view, mm, address, at) =>
        at is { Pte.Present: true, Table: not null } && !IsExclusive(view, at.Folio!, at.Page) && Mappings(view, at.Folio!, at.Page) == 1
            ? $"page {at.Page} of {at.Folio} is mapped by {mm} alone, at page {address}, and is not exclusive"
            : null)) with
    {
        Class = PropertyClass.Fact,
        Promise = "In the end a page that one process alone has is exclusive. Broken: its next store copies it for nothing.",
    };

    /// <summary>
    /// Migration gives up only where somebody has a reference to the folio besides its mappings and migration's own (MIG-7). Broken: it fails for nothing.
    /// </summary>
    public static readonly Property GivesUpForReferences = Property.AlwaysAt("gives-up-for-references", "migration gives up", static view =>
        view.Argument is Folio folio && view.Get(folio._refcount) == 1 + Mappings(view, folio, -1)
            ? $"{view.Machine.ThreadName(view.Thread)} gives up on {folio}, and nobody has a reference to it but that thread and its {Mappings(view, folio, -1)} mappings"
            : null) with
    {
        Class = PropertyClass.Fact,
        Promise = "Migration gives up only where somebody else has a reference (MIG-7). Broken: it fails for nothing.",
    };

    /// <summary>A fault waits for migration.</summary>
    public static readonly Property FaultWaits = Property.Sometimes("fault-waits", static view => view.In("migration_entry_wait")) with { Promise = "A fault meets a migration entry." };

    /// <summary>A folio was moved: where none is, nothing was shown about what follows.</summary>
    public static readonly Property FolioIsMoved = Property.Sometimes("folio-is-moved", static view => view.In("folio_copy")) with { Promise = "A folio is moved." };

    /// <summary>A folio could not be moved, and is mapped again.</summary>
    public static readonly Property MigrationFails = Property.Sometimes("migration-fails", static view => view.In("migrate_folio_undo")) with { Class = PropertyClass.Fact, Promise = "A migration fails and is undone." };

    /// <summary>What is at an address, from a huge PMD too.</summary>
    internal readonly record struct Place(Pte Pte, PageTable? Table, Folio? Folio, int Page);

    internal static string? Any(StateView view, Func<StateView, Mm, int, Place, string?> check)
    {
        foreach (var mm in view.Machine.ObjectsOf<Mm>())
        {
            var pages = view.IsLive(mm) ? mm.PTRS_PER_PMD * view.Machine.ObjectsOf<pgtable>()[0].PTRS_PER_PTE : 0;
            for (var address = 0; address < pages; address++)
            {
                if (check(view, mm, address, At(view, mm, address)) is { } sentence)
                {
                    return sentence;
                }
            }
        }

        return null;
    }

    // What is at an address: its pte, or what that would be if the huge PMD were split.
    internal static Place At(StateView view, Mm mm, int address)
    {
        var pgtable = view.Machine.ObjectsOf<pgtable>()[0];
        var kernel = view.Machine.ObjectsOf<mm>()[0];
        var pmd = view.Get(pgtable.pmd_offset(mm, address));
        if (pgtable.PageOf(view, pmd) is { } huge)
        {
            var page = pgtable.pte_index(address);
            return new(new Pte(pgtable.pmd_present(pmd), pmd.Write, pmd.Dirty, pmd.Young, kernel.Pfn(huge) + page), null, huge, page);
        }

        if (pgtable.TableOf(view, pmd) is not { } table || !view.IsLive(table))
        {
            return default;
        }

        var pte = view.Get(table.pte[pgtable.pte_index(address)]);
        var folio = pte.Pfn == 0 ? null : kernel.Page(pte.Pfn);
        var index = folio is null ? 0 : kernel.Index(pte.Pfn);
        return folio is { Pages: > 1 } && view.Get(folio.compound_head[index]) is { } part // an entry from before the split
            ? new(pte, table, part, index + view.Get(folio.index) - view.Get(part.index))
            : new(pte, table, folio, index);
    }

    // How many ptes map a page of a folio; any page of it where that is -1, and then a PMD counts as one.
    private static int Mappings(StateView view, Folio folio, int page)
    {
        var mappings = 0;
        var pgtable = view.Machine.ObjectsOf<pgtable>()[0];
        foreach (var mm in view.Machine.ObjectsOf<Mm>())
        {
            var pages = view.IsLive(mm) ? mm.PTRS_PER_PMD * pgtable.PTRS_PER_PTE : 0;
            for (var address = 0; address < pages; address++)
            {
                var at = At(view, mm, address);
                var counts = at.Table is not null ? page < 0 || at.Page == page : page < 0 && pgtable.pte_index(address) == 0;
                mappings += at.Pte.Present && at.Folio == folio && counts ? 1 : 0;
            }
        }

        return mappings;
    }

    private static bool IsExclusive(StateView view, Folio folio, int page) => (view.Get(folio.page_flags[page]) & SubpageFlags.PG_anon_exclusive) != 0;

    internal static Vma? VmaAt(StateView view, Mm mm, int address)
    {
        foreach (var vma in view.Live<Vma>())
        {
            if (view.Get(vma.vm_mm) == mm && address >= view.Get(vma.vm_start) && address < view.Get(vma.vm_end))
            {
                return vma;
            }
        }

        return null;
    }

    private static bool IsHeldForWriting(StateView view, rw_semaphore rwsem) => view.Word(rwsem.Writer.Cell) != 0;
}
