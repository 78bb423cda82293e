using ThpCheck.Model.Kernel;
using ThpCheck.Model.Objects;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Specs.Properties;

/// <summary>What mm/mlock.c promises once every CPU has done what it has noted.</summary>
public static class MlockProperties
{
    /// <summary>
    /// In the end NR_MLOCK is the number of pages that are marked mlocked. No assertion of the kernel's own. Broken: Mlocked in /proc/meminfo
    /// drifts.
    /// </summary>
    public static readonly Property MlockedPagesCountedExactly = Property.Finally("mlocked-pages-counted-exactly", static view =>
    {
        var mlocked = 0;
        foreach (var folio in view.Machine.ObjectsOf<Folio>())
        {
            mlocked += view.IsLive(folio) && IsMlocked(view, folio) ? folio.Pages : 0;
        }

        var count = view.Get(view.Machine.ObjectsOf<Pgdat>()[0].vm_stat[StatItem.NR_MLOCK]);
        return count == mlocked ? null : $"NR_MLOCK is {count}, and {mlocked} pages are mlocked";
    }) with
    {
        Promise = "In the end NR_MLOCK is the number of mlocked pages. Broken: Mlocked in /proc/meminfo drifts.",
    };

    /// <summary>
    /// In the end no folio is marked mlocked that no locked vma maps. No assertion of the kernel's own: freeing one is only counted
    /// (UNEVICTABLE_PGCLEARED). Broken: reclaim passes it by for as long as it lives.
    /// </summary>
    public static readonly Property UnlockedFolioIsNotMlocked = Property.Finally("unlocked-folio-is-not-mlocked", static view =>
    {
        foreach (var folio in view.Machine.ObjectsOf<Folio>())
        {
            if (view.IsLive(folio) && IsMlocked(view, folio) && LockedMaps(view, folio) == 0)
            {
                return $"{folio} is mlocked, and no locked vma maps it";
            }
        }

        return null;
    }) with
    {
        Promise = "In the end a folio that no locked vma maps is not mlocked. Broken: it is never reclaimed.",
    };

    /// <summary>
    /// In the end no folio is on the unevictable list that no locked vma maps. No assertion of the kernel's own: munlock counts where it leaves one
    /// there (UNEVICTABLE_PGSTRANDED). Broken: reclaim never sees it again.
    /// </summary>
    public static readonly Property UnlockedFolioIsEvictable = Property.Finally("unlocked-folio-is-evictable", static view =>
    {
        foreach (var folio in view.Machine.ObjectsOf<Folio>())
        {
            if (view.IsLive(folio) && (view.Get(folio.flags) & PageFlags.PG_unevictable) != 0 && LockedMaps(view, folio) == 0)
            {
                return $"{folio} is on the unevictable list, and no locked vma maps it";
            }
        }

        return null;
    }) with
    {
        Promise = "In the end a folio that no locked vma maps is on an evictable list. Broken: it is never reclaimed.",
    };

    /// <summary>
    /// In the end no folio of the unevictable list has a higher mlock_count than locked vmas map it; a lower one is allowed, and mended by reclaim. No
    /// assertion of the kernel's own; mlock_vma_pages_range says what it is afraid of: "double counting, leaving the page unevictable indefinitely".
    /// Broken: munlock leaves the folio unevictable.
    /// </summary>
    public static readonly Property MlockCountNotTooHigh = Property.Finally("mlock-count-not-too-high", static view =>
    {
        foreach (var folio in view.Machine.ObjectsOf<Folio>())
        {
            if (view.IsLive(folio) && (view.Get(folio.flags) & PageFlags.PG_unevictable) != 0 && view.Get(folio.mlock_count) > LockedMaps(view, folio))
            {
                return $"the mlock_count of {folio} is {view.Get(folio.mlock_count)}, and {LockedMaps(view, folio)} locked vmas map it";
            }
        }

        return null;
    }) with
    {
        Promise = "In the end a folio's mlock_count is no more than the locked vmas that map it. Broken: munlock leaves it unevictable for ever.",
    };

    /// <summary>
    /// No folio is freed while it is marked mlocked. The kernel does not assert it, but counts: UNEVICTABLE_PGCLEARED. Broken: nothing is lost,
    /// but a munlock that came too late or not at all.
    /// </summary>
    public static readonly Property FreedFolioIsNotMlocked = Property.AlwaysAt("freed-folio-is-not-mlocked", "freed", static view =>
        view.Argument is Folio folio ? $"{folio} is freed while it is mlocked" : null) with
    {
        Class = PropertyClass.Hygiene,
        Promise = "No folio is freed while it is mlocked. Broken: the kernel only counts it (UNEVICTABLE_PGCLEARED).",
    };

    /// <summary>Reclaim had taken a folio that another thread was mlocking: the danger was near.</summary>
    public static readonly Property ReclaimMeetsMlock = Property.Sometimes("reclaim-meets-mlock", static view =>
        view.In("folio_referenced_one") && (view.In("mlock_vma") || view.In("munlock_vma"))) with
    {
        Promise = "Reclaim looks at a folio while another thread mlocks or munlocks its vma.",
    };

    /// <summary>Reclaim marked a folio that a locked vma maps.</summary>
    public static readonly Property ReclaimRestoresMlock = Property.Sometimes("reclaim-restores-mlock", static view =>
        view.In("folio_referenced_one") && view.In("mlock_folio")) with
    {
        Promise = "Reclaim marks a folio that a locked vma maps, somewhere.",
    };

    /// <summary>A page was leaving one locked vma while another vma was being mlocked.</summary>
    public static readonly Property ZapMeetsMlock = Property.Sometimes("zap-meets-mlock", static view => view.In("zap_pte") && view.In("mlock_vma")) with
    {
        Promise = "A page leaves one locked vma while another vma is being mlocked.",
    };

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Property> All { get; } =
    [
        MlockedPagesCountedExactly, UnlockedFolioIsNotMlocked, UnlockedFolioIsEvictable, MlockCountNotTooHigh, FreedFolioIsNotMlocked, ReclaimMeetsMlock, ReclaimRestoresMlock,
        ZapMeetsMlock,
    ];

    private static bool IsMlocked(StateView view, Folio folio) => (view.Get(folio.flags) & PageFlags.PG_mlocked) != 0;

    private static int LockedMaps(StateView view, Folio folio)
    {
        var maps = 0;
        var pfn = view.Machine.ObjectsOf<mm>()[0].Pfn(folio);
        var pgtable = view.Machine.ObjectsOf<pgtable>()[0];
        foreach (var vma in view.Machine.ObjectsOf<Vma>())
        {
            if (!view.IsLive(vma) || (view.Get(vma.vm_flags) & VmFlags.VM_LOCKED) == 0 || view.Get(vma.vm_mm) is not { } vm_mm)
            {
                continue;
            }

            for (var address = view.Get(vma.vm_start); address < view.Get(vma.vm_end); address++)
            {
                var pte = pgtable.TableOf(view, view.Get(vm_mm.pmd_offset(address))) is { } table ? view.Get(table.pte[vm_mm.pte_index(address)]) : default;
                maps += pte.Present && pte.Pfn == pfn ? 1 : 0;
            }
        }

        return maps;
    }
}
