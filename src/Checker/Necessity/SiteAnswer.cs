using ThpCheck.Checker.Reports;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Specs.Binding;

namespace ThpCheck.Checker.Necessity;

/// <summary>Why a place is there, as far as the scenarios tell.</summary>
internal enum SiteNeed
{
    /// <summary>Without it something fails that does not fail with it.</summary>
    Needed,

    /// <summary>Every state was explored without it, of every scenario in which it runs, and nothing more fails.</summary>
    NotNeeded,

    /// <summary>It orders memory accesses, which are in order here anyway.</summary>
    WeakerMemory,

    /// <summary>Doing without it has no meaning here.</summary>
    NotTried,

    /// <summary>Not everything was explored without it, and nothing that was fails.</summary>
    NotDecided,
}

/// <summary>What was found about one place.</summary>
/// <param name="Site">The place.</param>
/// <param name="Need">The answer.</param>
/// <param name="Scenarios">In how many of the scenarios it runs.</param>
/// <param name="Reason">Why it was not tried or not decided, in part of a sentence; or null.</param>
/// <param name="Failing">What fails without it, where it is needed.</param>
internal sealed record SiteAnswer(KernelSite Site, SiteNeed Need, int Scenarios, string? Reason, FailsWithout? Failing);

/// <summary>What fails without a place.</summary>
/// <param name="Original">The variant as it is.</param>
/// <param name="Bound">The variant without the place.</param>
/// <param name="Names">What fails then and not otherwise: properties, deadlock, livelock.</param>
/// <param name="Cheapest">The one of them with the cheapest interleaving.</param>
internal sealed record FailsWithout(BoundVariant Original, BoundVariant Bound, IReadOnlyList<string> Names, Failure Cheapest)
{
    public Counterexample Way => Cheapest.Way!;
}

/// <summary>A variant whose places are asked about.</summary>
/// <param name="Bound">The variant.</param>
/// <param name="Result">What was found of it as it is.</param>
/// <param name="Sites">The places in the paths that ran.</param>
internal sealed record AskedVariant(BoundVariant Bound, InstanceResult Result, IReadOnlyList<KernelSite> Sites);
