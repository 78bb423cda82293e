using ThpCheck.Model.Kernel;
using ThpCheck.Model.Objects;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Specs.Properties;

/// <summary>What private memory promises: to the process whose it is, to the one it was forked from or has forked, and to devices that work for it.</summary>
public static class CowProperties
{
    /// <summary>
    /// Nobody reads what another process has stored to its private memory since the fork, neither through a mapping nor by a page that GUP gave (ISO-1).
    /// The kernel asserts nothing. Broken: CVE-2020-29374, a child reads its parent's secrets.
    /// </summary>
    public static readonly Property PrivateWritesStayPrivate = Property.AlwaysAt("private-writes-stay-private", "reads", static view =>
    {
        var value = ReadBy(view).Value;
        return value > 0 && view.Machine.ObjectsOf<mm>()[0].StoredBy(view, value) is { } owner && owner != view.Argument as Mm
            ? $"{view.Machine.ThreadName(view.Thread)} reads store {value} for {view.Argument}, which {owner} made after the fork"
            : null;
    }) with
    {
        Promise = "What a process stores after a fork, no other process reads. Broken: a child reads its parent's secrets (CVE-2020-29374).",
    };

    /// <summary>
    /// A process finds at an address what it, or a device for it, stored there last (ISO-3). The kernel asserts nothing. Broken: a write is lost.
    /// </summary>
    public static readonly Property ReadsSeeLastStore = Property.AlwaysAt("reads-see-last-store", "reads", static view =>
    {
        var (value, address) = ReadBy(view);
        return address >= 0 && view.Argument is Mm mm && view.Get(mm.stored(address)) is not 0 and var stored && stored != value
            ? $"{view.Machine.ThreadName(view.Thread)} reads store {value} at page {address} of {mm}, where store {stored} was the last"
            : null;
    }) with
    {
        Promise = "A process reads what it, or a device for it, stored last. Broken: a write is lost.",
    };

    /// <summary>
    /// The page that GUP gave is the one that its process has mapped there, if it has one: for a pin, and for a reference to write as long as the process has
    /// nothing to do with a fork (ISO-2). It is what 5.19 promises; earlier kernels are measured by it. Broken: device and process no longer see each other's writes.
    /// </summary>
    public static readonly Property GupPageIsMapped = Property.Always("gup-page-is-mapped", static view => AnotherPageIsMapped(view, isPromised: true)) with
    {
        Promise = "The page that GUP gave is the one that is mapped there. Broken: device and process no longer see each other's writes.",
    };

    /// <summary>The same where nothing is promised: of a reference without a pin to read, or to write once the process has to do with a fork.</summary>
    public static readonly Property ReferenceStaysMapped = Property.Always("reference-stays-mapped", static view => AnotherPageIsMapped(view, isPromised: false)) with
    {
        Class = PropertyClass.Fact,
        Promise = "The page of a reference without a pin is the one that is mapped there, though nobody promises it. Broken: device and process no longer see each other's writes.",
    };

    /// <summary>
    /// A page that is exclusive to a process has at most one pte, and a writable pte's page is exclusive (INV-AE). Looked at where no page table is locked.
    /// The kernel's own assertions are VM_BUG_ON_PAGE(!first &amp;&amp; PageAnonExclusive(page)) and the like. Broken: a page that two have is written in place.
    /// </summary>
    public static readonly Property ExclusiveIsMappedOnce = Property.Always("exclusive-is-mapped-once", static view =>
    {
        var kernel = view.Machine.ObjectsOf<mm>()[0];
        foreach (var table in view.Machine.ObjectsOf<PageTable>())
        {
            if (!kernel.HasAnonExclusive || view.Word(table.ptl.Locked.Cell) != 0)
            {
                return null;
            }
        }

        foreach (var table in view.Machine.ObjectsOf<PageTable>())
        {
            for (var i = 0; view.IsLive(table) && i < table.pte.Length; i++)
            {
                if (view.Get(table.pte[i]) is not { Present: true } pte || kernel.Page(pte.Pfn) is not { } folio)
                {
                    continue;
                }

                var isExclusive = (view.Get(folio.page_flags[kernel.Index(pte.Pfn)]) & SubpageFlags.PG_anon_exclusive) != 0;
                if (pte.Write && !isExclusive)
                {
                    return $"{table} lets {folio} be written, which is not exclusive";
                }

                if (isExclusive && view.Get(folio.mapcount(kernel.Index(pte.Pfn))) > 0)
                {
                    return $"{folio} is exclusive, and {view.Get(folio.mapcount(kernel.Index(pte.Pfn))) + 1} ptes map it";
                }
            }
        }

        var pgtable = view.Machine.ObjectsOf<pgtable>()[0];
        foreach (var mm in view.Machine.ObjectsOf<Mm>())
        {
            for (var i = 0; view.IsLive(mm) && view.Word(mm.page_table_lock.Locked.Cell) == 0 && i < mm.PTRS_PER_PMD; i++)
            {
                var pmd = view.Get(mm.pmd_at(i));
                if (!pgtable.pmd_trans_huge(pmd) || pgtable.PageOf(view, pmd) is not { } huge || view.Get(huge.mapping) is not AnonVma)
                {
                    continue;
                }

                var isExclusive = (view.Get(huge.page_flags[0]) & SubpageFlags.PG_anon_exclusive) != 0;
                if (pmd.Write && !isExclusive)
                {
                    return $"a PMD of {mm} lets {huge} be written, which is not exclusive";
                }

                if (isExclusive && view.Get(huge._compound_mapcount) > 0)
                {
                    return $"{huge} is exclusive, and {view.Get(huge._compound_mapcount) + 1} PMDs map it";
                }
            }
        }

        return null;
    }) with
    {
        Promise = "An exclusive page has one pte, and a writable pte's page is exclusive. Broken: a page that two have is written in place.",
    };

    /// <summary>
    /// A page that a process may store to is no other process's, neither mapped nor in swap (ISO-4). Looked at where no page table is locked. The kernel asserts nothing. Broken: a
    /// page that two have is written in place.
    /// </summary>
    public static readonly Property WritablePageIsAlone = Property.Always("writable-page-is-alone", static view =>
    {
        foreach (var table in view.Machine.ObjectsOf<PageTable>())
        {
            if (view.Word(table.ptl.Locked.Cell) != 0)
            {
                return null;
            }
        }

        foreach (var mm in view.Machine.ObjectsOf<Mm>())
        {
            if (view.Word(mm.page_table_lock.Locked.Cell) != 0)
            {
                return null;
            }
        }

        var kernel = view.Machine.ObjectsOf<mm>()[0];
        foreach (var mm in view.Machine.ObjectsOf<Mm>())
        {
            for (var address = 0; view.IsLive(mm) && address < mm.Pages; address++)
            {
                if (Mapped(view, mm, address, write: true) is var pfn && pfn == 0)
                {
                    continue;
                }

                foreach (var other in view.Machine.ObjectsOf<Mm>())
                {
                    if (other != mm && view.IsLive(other) && (Maps(view, other, pfn) || HasInSwap(view, other, kernel.Page(pfn))))
                    {
                        return $"{mm} may store to page {address}, {kernel.Page(pfn)}, which {other} has too";
                    }
                }
            }
        }

        return null;
    }) with
    {
        Promise = "A page that a process may store to is no other's, neither mapped nor in swap. Broken: a page that two have is written in place.",
    };

    /// <summary>
    /// A page is copied only where somebody else has it, or a reference that the fault could not have dropped (EFF-1). Broken: a copy that costs and gives nothing.
    /// </summary>
    public static readonly Property NoNeedlessCopy = Property.AlwaysAt("no-needless-copy", "copies", static view =>
        view.Argument is Folio folio && Copying(view) is { } mm && !AnotherHas(view, mm, folio) && PassingReferences(view, mm, folio) == 0
            ? $"{view.Machine.ThreadName(view.Thread)} copies a page of {folio}, which {mm} has alone"
            : null) with
    {
        Class = PropertyClass.Fact,
        Promise = "A page is copied only where somebody else has it. Broken: a copy that gives nothing.",
    };

    /// <summary>The same where there is besides a reference that somebody has for a moment (EFF-2): the fault cannot know.</summary>
    public static readonly Property NoCopyForPassingReference = Property.AlwaysAt("no-copy-for-passing-reference", "copies", static view =>
        view.Argument is Folio folio && Copying(view) is { } mm && !AnotherHas(view, mm, folio) && PassingReferences(view, mm, folio) > 0
            ? $"{view.Machine.ThreadName(view.Thread)} copies a page of {folio}, to which {PassingReferences(view, mm, folio)} are passing references"
            : null) with
    {
        Class = PropertyClass.Fact,
        Promise = "No page is copied only because somebody has a reference for a moment. Broken: a copy that gives nothing; the fault cannot know.",
    };

    /// <summary>How many pages of large folios have been copied by faults, in the End states (EFF-3): those that are of one page now.</summary>
    public static readonly Property PagesCopied = Property.Outcomes("pages-copied", static view =>
    {
        var kernel = view.Machine.ObjectsOf<mm>()[0];
        var copies = 0;
        foreach (var table in view.Machine.ObjectsOf<PageTable>())
        {
            for (var i = 0; view.IsLive(table) && i < table.pte.Length; i++)
            {
                copies += view.Get(table.pte[i]) is { Present: true } pte && kernel.Page(pte.Pfn).Pages == 1 ? 1 : 0;
            }
        }

        return [copies];
    }) with
    {
        Class = PropertyClass.Fact,
        Promise = "How many pages were copied.",
    };

    /// <summary>
    /// In the end a slot of swap has as many users as ptes that name it, and one more where the swap cache has a page for it. Broken: swap_info_get()'s "Unused swap offset entry", or a slot
    /// that is used for another page while somebody's is in it.
    /// </summary>
    public static readonly Property SwapCountsAccounted = Property.Finally("swap-counts-accounted", static view =>
    {
        foreach (var slot in view.Machine.ObjectsOf<SwapSlot>())
        {
            var users = view.Get(slot.i_pages) is null ? 0 : SwapSlot.SWAP_HAS_CACHE;
            foreach (var table in view.Live<PageTable>())
            {
                for (var i = 0; i < table.pte.Length; i++)
                {
                    users += view.Get(table.pte[i]) is { Swap: true } pte && pte.Pfn == slot.Number ? 1 : 0;
                }
            }

            if (view.Get(slot.swap_map) != users)
            {
                return $"the count of {slot} is {view.Get(slot.swap_map)}, and {users} is what uses it";
            }
        }

        return null;
    }) with
    {
        Promise = "In the end a slot of swap has as many users as ptes that name it, and the swap cache. Broken: \"Unused swap offset entry\", or two pages in one slot.",
    };

    /// <summary>A page that GUP gave is no longer mapped by its process: the danger was near.</summary>
    public static readonly Property GupOutlivesMapping = Property.Sometimes("gup-outlives-mapping", static view =>
    {
        foreach (var thread in view.Machine.ObjectsOf<KernelThread>())
        {
            if (view.Get(thread.gup_mm) is { } mm && Mapped(view, mm, view.Get(thread.gup_address)) == 0)
            {
                return true;
            }
        }

        return false;
    }) with
    {
        Promise = "A process has unmapped a page that GUP gave for it.",
    };

    /// <summary>A process stored something after a fork: there was a secret to read.</summary>
    public static readonly Property StoreAfterFork = Property.Sometimes("store-after-fork", static view =>
    {
        var kernel = view.Machine.ObjectsOf<mm>()[0];
        for (var value = 1; value <= Folio.Contents; value++)
        {
            if (kernel.StoredBy(view, value) is { } mm && view.Get(mm.forked))
            {
                return true;
            }
        }

        return false;
    }) with
    {
        Promise = "A process that has forked, or was forked, stores something.",
    };

    private static (int Value, int Address) ReadBy(StateView view)
    {
        var thread = view.Machine.ObjectsOf<KernelThread>()[view.Thread];
        return (view.Get(thread.read_value), view.Get(thread.read_address));
    }

    // The process whose store faulted.
    private static Mm? Copying(StateView view) => view.Get(view.Machine.ObjectsOf<Tlb>()[view.Thread].loaded_mm);

    private static bool AnotherHas(StateView view, Mm mm, Folio folio)
    {
        foreach (var other in view.Machine.ObjectsOf<Mm>())
        {
            if (other != mm && view.IsLive(other) && (Ptes(view, other, folio) > 0 || HasInSwap(view, other, folio)))
            {
                return true;
            }
        }

        foreach (var thread in view.Machine.ObjectsOf<KernelThread>())
        {
            if (view.Get(thread.gup_mm) is not null && view.Machine.ObjectsOf<mm>()[0].Page(view.Get(thread.gup_pfn)) == folio)
            {
                return true;
            }
        }

        return false;
    }

    // References that are neither the process's mappings, nor those that the fault could have dropped itself.
    private static int PassingReferences(StateView view, Mm mm, Folio folio)
    {
        var own = view.Get(view.Machine.ObjectsOf<KernelThread>()[view.Thread].lru_add) == folio ? 1 : 0;
        var cached = view.Get(folio.@private) is { } slot && view.Get(slot.swap_map) == SwapSlot.SWAP_HAS_CACHE ? 1 : 0;
        return view.Get(folio._refcount) - own - cached - Ptes(view, mm, folio);
    }

    private static bool HasInSwap(StateView view, Mm mm, Folio folio)
    {
        var pgtable = view.Machine.ObjectsOf<pgtable>()[0];
        if (view.Get(folio.@private) is not { } slot || pgtable.TableOf(view, view.Get(mm.pmd)) is not { } table || !view.IsLive(table))
        {
            return false;
        }

        for (var i = 0; i < table.pte.Length; i++)
        {
            if (view.Get(table.pte[i]) is { Swap: true } pte && pte.Pfn == slot.Number)
            {
                return true;
            }
        }

        return false;
    }

    private static string? AnotherPageIsMapped(StateView view, bool isPromised)
    {
        var kernel = view.Machine.ObjectsOf<mm>()[0];
        foreach (var thread in view.Machine.ObjectsOf<KernelThread>())
        {
            var flags = view.Get(thread.gup_flags);
            if (view.Get(thread.gup_mm) is { } mm
                && ((flags & FollFlags.FOLL_PIN) != 0 || ((flags & FollFlags.FOLL_WRITE) != 0 && !view.Get(mm.forked))) == isPromised
                && Mapped(view, mm, view.Get(thread.gup_address)) is > 0 and var pfn && pfn != view.Get(thread.gup_pfn))
            {
                return $"{view.Machine.ThreadName(thread.Number)} has {kernel.Page(view.Get(thread.gup_pfn))} for page {view.Get(thread.gup_address)} of {mm}, which maps {kernel.Page(pfn)} there";
            }
        }

        return null;
    }

    // How many entries of a process map any page of a folio.
    private static int Ptes(StateView view, Mm mm, Folio folio)
    {
        var pgtable = view.Machine.ObjectsOf<pgtable>()[0];
        var kernel = view.Machine.ObjectsOf<mm>()[0];
        var ptes = 0;
        for (var at = 0; at < mm.PTRS_PER_PMD; at++)
        {
            var pmd = view.Get(mm.pmd_at(at));
            ptes += pgtable.pmd_trans_huge(pmd) && pgtable.PageOf(view, pmd) == folio ? 1 : 0;
            if (pgtable.TableOf(view, pmd) is { } table)
            {
                for (var i = 0; view.IsLive(table) && i < table.pte.Length; i++)
                {
                    ptes += view.Get(table.pte[i]) is { Present: true } pte && kernel.Page(pte.Pfn) == folio ? 1 : 0;
                }
            }
        }

        return ptes;
    }

    // The frame that is mapped at an address, or 0.
    private static int Mapped(StateView view, Mm mm, int address, bool write = false)
    {
        var pgtable = view.Machine.ObjectsOf<pgtable>()[0];
        var pmd = view.Get(mm.pmd_offset(address));
        return pgtable.pmd_trans_huge(pmd) && pgtable.PageOf(view, pmd) is { } folio
            ? pmd.Write || !write ? view.Machine.ObjectsOf<mm>()[0].Pfn(folio) + mm.pte_index(address) : 0
            : pgtable.TableOf(view, pmd) is { } table && view.IsLive(table) && view.Get(table.pte[mm.pte_index(address)]) is { Present: true } pte && (pte.Write || !write) ? pte.Pfn
            : 0;
    }

    private static bool Maps(StateView view, Mm mm, int pfn)
    {
        for (var address = 0; address < mm.Pages; address++)
        {
            if (Mapped(view, mm, address) == pfn)
            {
                return true;
            }
        }

        return false;
    }
}
