using ThpCheck.Model.Kernel;
using ThpCheck.Model.Objects;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Specs.Properties;

/// <summary>What mbind(MPOL_MF_MOVE) promises, to who asks for it and to the memory next to it. The kernel asserts none of it.</summary>
public static class MempolicyProperties
{
    private const string MbindReturns = "mbind returns";

    /// <summary>
    /// When mbind returns 0, the pages that are mapped in its range are on the node it was asked for, if no other mbind has taken them along since (POL-1). Broken: it says it moved what it did not.
    /// </summary>
    public static readonly Property MovesWhatItSays = Property.AlwaysAt("mbind-moves-what-it-says", MbindReturns, static view =>
        !Call(view).Failed && Elsewhere(view) is { } at && !IsTakenAlong(view, at) ? $"mbind of {Range(view)} to node {Call(view).Node} returns 0, and page {at} is on another node" : null) with
    {
        Promise = "When mbind returns 0, the pages of its range are on the node asked for (POL-1). Broken: it says it moved what it did not.",
    };

    /// <summary>Once all calls of mbind have returned, every page that one of them, returning 0, has bound is on the last node it was bound to (POL-5). Broken: another call has taken it along.</summary>
    public static readonly Property BoundPagesStay = Property.Finally("bound-pages-stay", static view => MigrationProperties.Any(view, static (view, mm, address, at) =>
        at.Pte.Present && view.Get(mm.bound(address)) is > 0 and var bound && view.Get(at.Folio!.nid) != bound - 1
            ? $"page {address} of {mm} was bound to node {bound - 1}, and is on node {view.Get(at.Folio!.nid)}: page {at.Page} of {at.Folio}"
            : null)) with
    {
        Promise = "A page that was bound to a node is there in the end (POL-5). Broken: the mbind of other pages has taken it along.",
    };

    /// <summary>A page that nobody has bound stays on node 0, where all memory is first (POL-2). Broken: it pays for what was asked for another.</summary>
    public static readonly Property NeighboursStay = Property.Finally("neighbours-stay", static view => MigrationProperties.Any(view, static (view, mm, address, at) =>
        at.Pte.Present && view.Get(mm.bound(address)) == 0 && view.Get(at.Folio!.nid) != 0 ? $"nobody has bound page {address} of {mm}, and it is on node {view.Get(at.Folio!.nid)}" : null)) with
    {
        Promise = "A page that nobody has bound stays on its node (POL-2). Broken: it is moved with its neighbour.",
    };

    /// <summary>A vma has the policy that was asked for its pages, and no other (POL-3). Broken: pages that are touched later go elsewhere than the process thinks.</summary>
    public static readonly Property PoliciesAsAsked = Property.Finally("policies-as-asked", static view => MigrationProperties.Any(view, static (view, mm, address, _) =>
        MigrationProperties.VmaAt(view, mm, address) is { } vma && view.Get(vma.vm_policy) != view.Get(mm.bound(address))
            ? $"page {address} of {mm} was {(view.Get(mm.bound(address)) == 0 ? "not bound" : "bound to another node")}, and {vma} has the policy of node {view.Get(vma.vm_policy) - 1}"
            : null)) with
    {
        Promise = "A vma has the policy that was asked for its pages (POL-3). Broken: its neighbour's.",
    };

    /// <summary>mbind with MPOL_MF_STRICT fails only where a page of its range is on another node (STRICT-PREC). Broken: it fails, and everything was moved.</summary>
    public static readonly Property StrictIsPrecise = Property.AlwaysAt("strict-is-precise", MbindReturns, static view =>
        Call(view) is { Failed: true, Strict: true } && AllThere(view) ? $"mbind of {Range(view)} to node {Call(view).Node} fails, and all its pages are there" : null) with
    {
        Promise = "mbind with MPOL_MF_STRICT fails only where something was not moved (STRICT-PREC). Broken: -EIO, and everything was moved.",
    };

    /// <summary>mbind without MPOL_MF_STRICT does not fail because pages cannot be moved (STRICT-PREC): the policy is set all the same. Broken: it is not set.</summary>
    public static readonly Property LenientSucceeds = Property.AlwaysAt("lenient-mbind-succeeds", MbindReturns, static view =>
        Call(view) is { Failed: true, Strict: false } ? $"mbind of {Range(view)} without MPOL_MF_STRICT fails, and has set no policy" : null) with
    {
        Promise = "Without MPOL_MF_STRICT, mbind sets the policy though pages cannot be moved. Broken: -EIO, and no policy.",
    };

    /// <summary>mbind without MPOL_MF_MOVE_ALL isolates only folios that no other process maps. Broken: it moves what another process has too.</summary>
    public static readonly Property LeavesSharedPages = Property.AlwaysAt("mbind-leaves-shared-pages", "mbind isolates", static view =>
    {
        var own = view.Get(view.Machine.ObjectsOf<KernelThread>()[view.Thread].mbind_mm);
        return MigrationProperties.Any(view, (view, mm, address, at) =>
            mm != own && at.Folio is not null && ReferenceEquals(at.Folio, view.Argument) ? $"mbind isolates {at.Folio}, which {mm} has at page {address}" : null);
    }) with
    {
        Promise = "mbind(MPOL_MF_MOVE) takes only what no other process maps. Broken: another process's memory moves.",
    };

    /// <summary>How many pages are on another node than first, and how many are still pages of a large folio: what mbind costs.</summary>
    public static readonly Property PagesMoved = Property.Outcomes("pages-moved", static view =>
    {
        var (moved, large) = (0, 0);
        foreach (var mm in view.Machine.ObjectsOf<Mm>())
        {
            var pages = view.IsLive(mm) ? mm.PTRS_PER_PMD * view.Machine.ObjectsOf<pgtable>()[0].PTRS_PER_PTE : 0;
            for (var address = 0; address < pages; address++)
            {
                if (MigrationProperties.At(view, mm, address) is { Pte.Present: true, Folio: { } folio })
                {
                    moved += view.Get(folio.nid) != 0 ? 1 : 0;
                    large += folio.Pages > 1 ? 1 : 0;
                }
            }
        }

        return [moved, large];
    }) with
    {
        Class = PropertyClass.Fact,
        Promise = "How many pages were moved, and how many are in large folios still.",
    };

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Property> All { get; } =
        [MovesWhatItSays, BoundPagesStay, NeighboursStay, PoliciesAsAsked, StrictIsPrecise, LenientSucceeds, LeavesSharedPages, PagesMoved];

    private static MbindCall Call(StateView view) => view.Get(view.Machine.ObjectsOf<KernelThread>()[view.Thread].mbind);

    private static string Range(StateView view) => $"pages {Call(view).Start} to {Call(view).End - 1}";

    // Whether the page is on a node that another thread's mbind has asked for.
    private static bool IsTakenAlong(StateView view, int address)
    {
        var nid = view.Get(MigrationProperties.At(view, (Mm)view.Argument!, address).Folio!.nid);
        foreach (var thread in view.Machine.ObjectsOf<KernelThread>())
        {
            if (thread.Number != view.Thread && view.Get(thread.mbind) is { End: > 0 } other && other.Node == nid)
            {
                return true;
            }
        }

        return false;
    }

    private static bool AllThere(StateView view)
    {
        var call = Call(view);
        for (var address = call.Start; address < call.End; address++)
        {
            if (view.Argument is not Mm mm || !MigrationProperties.At(view, mm, address).Pte.Present)
            {
                return false;
            }
        }

        return Elsewhere(view) is null;
    }

    // A mapped page of the call's range that is on another node than it was to be on, or null.
    private static int? Elsewhere(StateView view)
    {
        var call = Call(view);
        for (var address = call.Start; address < call.End && view.Argument is Mm mm; address++)
        {
            if (MigrationProperties.At(view, mm, address) is { Pte.Present: true, Folio: { } folio } && view.Get(folio.nid) != call.Node)
            {
                return address;
            }
        }

        return null;
    }
}
