using ThpCheck.Checker.Reports;

namespace ThpCheck.Checker.Gate;

/// <summary>What a run has that a stored one has not: variants that are not as expected now, and were, were otherwise or were not there.</summary>
internal static class NewFailures
{
    /// <summary>The variants, in the order of their names.</summary>
    public static IReadOnlyList<StoredVariant> Of(StoredRun run, StoredRun baseline)
    {
        var before = baseline.Variants.GroupBy(v => v.Name, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.First(), StringComparer.Ordinal);
        return
        [
            .. run.Variants
                .Where(v => !v.IsAsExpected)
                .Where(v => !before.TryGetValue(v.Name, out var was) || was.Verdict != v.Verdict || !was.Differences.SequenceEqual(v.Differences))
                .OrderBy(v => v.Name, StringComparer.Ordinal),
        ];
    }

    /// <summary>Writes them.</summary>
    public static void Write(Paper paper, StoredRun run, StoredRun baseline, IReadOnlyList<StoredVariant> found)
    {
        foreach (var variant in found)
        {
            paper.WriteLine($"{variant.Name}: {variant.Verdict}", Tone.Bad);
            foreach (var difference in variant.Differences)
            {
                paper.WriteProse(difference, 2);
            }
        }

        var known = run.Variants.Count(v => !v.IsAsExpected) - found.Count;
        paper.WriteProse($"{Prose.Count(run.Variants.Count, "variant")} checked, {found.Count} otherwise than in {baseline.Path}{(known == 0 ? "" : $", {known} not as expected as there")}.", 0, found.Count == 0 ? Tone.Good : Tone.Bad);
    }
}
