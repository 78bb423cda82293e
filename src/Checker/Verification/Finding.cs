using ThpCheck.Checker.Verdicts;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Verification;

/// <summary>What a patch does to a property in a scenario.</summary>
internal enum FindingClass
{
    /// <summary>It is broken with the patch only.</summary>
    Introduced,

    /// <summary>It is broken without the patch only.</summary>
    Fixed,

    /// <summary>It is broken with the patch and without.</summary>
    PreExisting,

    /// <summary>What it is about is reached without the patch only.</summary>
    NoLongerReachable,

    /// <summary>What it is about is reached with the patch only.</summary>
    NowReachable,

    /// <summary>Other executions end, or end otherwise.</summary>
    Changed,

    /// <summary>Not everything was explored.</summary>
    Open,

    /// <summary>It is the same with the patch and without, and not broken.</summary>
    Unaffected,
}

/// <summary>What a patch does to a property in a scenario.</summary>
/// <param name="Class">What.</param>
/// <param name="Name">The property.</param>
/// <param name="In">The scenario's comparison.</param>
/// <param name="Base">What was found without the patch, or null where there is nothing.</param>
/// <param name="Patched">What was found with it, or null.</param>
internal sealed record Finding(FindingClass Class, string Name, Compared In, PropertyOutcome? Base, PropertyOutcome? Patched)
{
    /// <summary>Whether the kernel would be wrong.</summary>
    public bool IsSafety => (Patched ?? Base)!.Class == PropertyClass.Safety;

    /// <summary>The interleaving to show.</summary>
    public Interleaving? Way => Class == FindingClass.Introduced || Class == FindingClass.PreExisting ? Patched?.Way : Base?.Way;

    /// <summary>What a comparison comes to, property by property, in the order of the scenario's.</summary>
    public static IReadOnlyList<Finding> Of(Compared compared)
    {
        if (compared is not { Base: { } before, Patched: { } after })
        {
            return [];
        }

        if (after is { IsWhole: false, States: 0 })
        {
            return [.. after.Properties.Select(p => new Finding(FindingClass.Introduced, p.Name, compared, null, p))]; // nothing was explored
        }

        var names = before.Properties.Concat(after.Properties).Select(p => p.Name).Distinct();
        return
        [
            .. names.Select(name =>
            {
                var (one, other) = (before.Properties.FirstOrDefault(p => p.Name == name), after.Properties.FirstOrDefault(p => p.Name == name));
                return new Finding(ClassOf(one, other, before.IsWhole && after.IsWhole), name, compared, one, other);
            }),
        ];
    }

    // A deadlock or livelock that was not found is not listed: it holds.
    private static FindingClass ClassOf(PropertyOutcome? before, PropertyOutcome? after, bool isWhole)
    {
        var (one, other) = (before?.Verdict ?? Verdict.Holds, after?.Verdict ?? Verdict.Holds);
        var form = (before ?? after)!.Form;
        if (form == PropertyForm.Sometimes)
        {
            return one == other ? FindingClass.Unaffected
                : one == Verdict.Incomplete || other == Verdict.Incomplete ? FindingClass.Open
                : one == Verdict.Holds ? FindingClass.NoLongerReachable
                : FindingClass.NowReachable;
        }

        if (form == PropertyForm.Outcomes)
        {
            return !isWhole ? FindingClass.Open : before?.Outcomes == after?.Outcomes ? FindingClass.Unaffected : FindingClass.Changed;
        }

        return (one, other) switch
        {
            (Verdict.Violated, Verdict.Violated) => FindingClass.PreExisting,
            (Verdict.Incomplete, _) or (_, Verdict.Incomplete) => FindingClass.Open,
            (_, Verdict.Violated) => FindingClass.Introduced,
            (Verdict.Violated, Verdict.Vacuous) => FindingClass.NoLongerReachable,
            (Verdict.Violated, _) => FindingClass.Fixed,
            (Verdict.Holds, Verdict.Vacuous) => FindingClass.NoLongerReachable,
            (Verdict.Vacuous, Verdict.Holds) => FindingClass.NowReachable,
            _ => FindingClass.Unaffected,
        };
    }
}
