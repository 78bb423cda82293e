using ThpCheck.Model.Objects;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Specs.Properties;

/// <summary>What lock_page_memcg and the mover of charges promise to a memcg's statistics.</summary>
public static class MemcgProperties
{
    /// <summary>
    /// In the end each memcg's NR_FILE_MAPPED is the number of mapped pages that are charged to it. No assertion of the kernel's own: its only symptom
    /// is file_mapped in memory.stat, too high in one cgroup and too low, or below zero, in the other.
    /// </summary>
    public static readonly Property MemcgCountsMappedPagesExactly = Property.Finally("memcg-counts-mapped-pages-exactly", static view =>
    {
        foreach (var memcg in view.Machine.ObjectsOf<Memcg>())
        {
            var count = view.Get(memcg.vmstats[StatItem.NR_FILE_MAPPED]);
            if (view.IsLive(memcg) && count != Mapped(view, memcg))
            {
                return $"NR_FILE_MAPPED of {memcg} is {count}, and {Mapped(view, memcg)} of its pages are mapped";
            }
        }

        return null;
    }) with
    {
        Promise = "In the end a memcg's NR_FILE_MAPPED is the number of mapped pages charged to it. Broken: memory.stat is wrong for good.",
    };

    /// <summary>NR_FILE_MAPPED of each memcg in the end, in the order of their allocation.</summary>
    public static readonly Property MemcgMapped = Property.Outcomes("memcg-mapped", static view =>
        [.. view.Machine.ObjectsOf<Memcg>().Select(m => (long)view.Get(m.vmstats[StatItem.NR_FILE_MAPPED]))]) with
    {
        Promise = "NR_FILE_MAPPED of each memcg in the end.",
    };

    /// <summary>A page was being moved to another memcg while another thread was changing its mapcount: the danger was near.</summary>
    public static readonly Property MapcountChangesWhileMoved = Property.Sometimes("mapcount-changes-while-moved", static view =>
        view.In("mem_cgroup_move_charge_pte_range") && (view.In("page_remove_rmap") || view.In("page_zap_pte_rmap"))) with
    {
        Promise = "A page is being moved to another memcg while another thread takes away a mapping of it.",
    };

    /// <summary>A page was moved: where none is, nothing could go wrong.</summary>
    public static readonly Property PageIsMoved = Property.Sometimes("page-is-moved", static view =>
    {
        foreach (var folio in view.Machine.ObjectsOf<Folio>())
        {
            if (view.IsLive(folio) && view.Get(folio.memcg_data) is { } memcg && memcg != view.Machine.ObjectsOf<Memcg>()[0])
            {
                return true;
            }
        }

        return false;
    }) with
    {
        Promise = "A page is moved from the first memcg to another somewhere.",
    };

    /// <summary>Somebody was inside lock_page_memcg without the lock while another was moving pages: the fast path was looked at.</summary>
    public static readonly Property FastPathMeetsMove = Property.Sometimes("fast-path-meets-move", static view =>
    {
        for (var thread = 0; thread < view.Machine.ThreadCount; thread++)
        {
            if ((view.In("page_remove_rmap", thread) || view.In("page_zap_pte_rmap", thread)) && view.Context(thread).RcuNesting > 0)
            {
                foreach (var memcg in view.Machine.ObjectsOf<Memcg>())
                {
                    if (view.Get(memcg.moving_account) > 0 && view.Get(memcg.move_lock_task)?.Number != thread)
                    {
                        return true;
                    }
                }
            }
        }

        return false;
    }) with
    {
        Promise = "A thread is inside lock_page_memcg without the lock when moving begins.",
    };

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Property> All { get; } = [MemcgCountsMappedPagesExactly, MemcgMapped, MapcountChangesWhileMoved, PageIsMoved, FastPathMeetsMove];

    private static int Mapped(StateView view, Memcg memcg)
    {
        var mapped = 0;
        var mm = view.Machine.ObjectsOf<Model.Kernel.mm>()[0];
        foreach (var folio in view.Machine.ObjectsOf<Folio>())
        {
            if (view.IsLive(folio) && view.Get(folio.memcg_data) == memcg)
            {
                mapped += IsMapped(view, mm.Pfn(folio)) ? 1 : 0;
            }
        }

        return mapped;
    }

    private static bool IsMapped(StateView view, int pfn)
    {
        foreach (var table in view.Machine.ObjectsOf<PageTable>())
        {
            for (var i = 0; view.IsLive(table) && i < table.pte.Length; i++)
            {
                var pte = view.Get(table.pte[i]);
                if (pte.Present && pte.Pfn == pfn)
                {
                    return true;
                }
            }
        }

        return false;
    }
}
