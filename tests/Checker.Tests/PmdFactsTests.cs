using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Tests;

/// <summary>
/// The facts about huge PMDs and khugepaged, worked out by reading before the models were: every row of their tables is a variant, of every property that they name some scenario
/// asks, and where a prediction was wrong the variant says why.
/// </summary>
public sealed class PmdFactsTests
{
    private const string File = "pmd-khugepaged";

    /// <summary>The rows, each with what it predicts: whether a promise of the kernel's is broken, but for those of mere hygiene.</summary>
    /// <remarks>A row that predicts two things, of two kernels, is there with the words that tell them apart.</remarks>
    private static readonly (string Row, bool Fails)[] Rows =
    [
        ("V0", true), ("V0n", true), ("V0f", false), ("V1", false), ("V1+", false), ("V2", true), ("V3", true), ("V4", true), ("V5", true), ("V6", true), ("V6'", false),
        ("V7", true), ("V8", false), ("V8/mlock", true), ("V9", true), ("V9/pte-ttu-sync", false), ("V10", true), ("V10/fixed", false), ("V11", false), ("V11'", false),
        ("V12", false), ("V12/folios", true), ("V12/fixed", false), ("V13/V0", true), ("V13/V1", false),
        ("W0", true), ("W1", false), ("W2", true), ("W3", false), ("W3'", false), ("W3''", false), ("W4", true), ("W5", true), ("W5'/5.18", true), ("W5'/5.17", false),
        ("W6", true), ("W7", true), ("W7/flush-is-ipi", false), ("W7'", false), ("W7'/anon", true), ("W8", true), ("W8/released", false), ("W9", true), ("W9/fixed", false), ("W9'", true),
        ("W10", true), ("W11", true), ("W11/pmd-is-bad", false), ("W12", true), ("W12'", true), ("W13", false), ("W13/drops-ptl", true), ("W13a", true), ("W13'", true), ("W14", false),
    ];

    /// <summary>The properties of the facts, S1-P1 to P11 and S2-P1 to P11, by the names that they have here; a kernel bug is asked of every variant.</summary>
    private static readonly (string Promise, string[] Properties)[] Promises =
    [
        ("S1-P1", ["no-misread-pmd", "pmd-decoded-only-if-present"]), ("S1-P2", ["no-bug-on"]), ("S1-P3", ["no-refcount-underflow", "thp-mapcount-consistent"]),
        ("S1-P4", ["thp-refcount-covers-users", "thp-refcount-consistent", "no-use-after-free"]), ("S1-P5", ["rss-consistent"]), ("S1-P6", ["migration-entry-locked"]), ("S1-P7", ["migration-over"]),
        ("S1-P8", ["deleted-page-unmapped"]), ("S1-P9", ["split-page-unmapped"]), ("S1-P10", ["mlocked-page-mapped", "mlocked-page-not-reclaimed"]), ("S1-P11", ["huge-zero-page-kept"]),
        ("S2-P1", ["no-use-after-free", "no-free-of-held-lock"]), ("S2-P2", ["no-warning"]), ("S2-P3", ["freed-table-maps-no-anonymous-page"]), ("S2-P4", ["no-refcount-underflow", "mappings-consistent"]),
        ("S2-P5", ["rss-adds-up"]), ("S2-P6", ["no-misread-pmd"]), ("S2-P7", ["private-pmd-is-read-only"]), ("S2-P8", ["pinned-page-is-mapped"]), ("S2-P9", ["translated-page-lives"]),
        ("S2-P10", ["collapse-success-was-huge"]), ("S2-P11", ["collapsed-memory-raises-no-event"]),
    ];

    /// <summary>Variants that hold and have none beside them that fails for one difference, each with the reason.</summary>
    private static readonly (string Variant, string Reason)[] StandAlone =
    [
        ("gup-against-anon-collapse.yaml rereads-and-syncs", "either of the two is enough, so it takes two differences to fail"),
        ("madvise-collapse-of-copied-memory.yaml gives-up", "an errno is the question, and no promise is broken"),
        ("madvise-collapse-of-copied-memory.yaml goes-on", "an errno is the question, and no promise is broken"),
    ];

    private static readonly FactsTable Facts = new(File, "pmd", "khugepaged");

    [Fact]
    public void Every_row_of_the_tables_is_a_variant_with_the_predicted_verdict_or_the_reason_why_not() => Assert.Empty(Facts.Wrong(Rows, Fails));

    [Fact]
    public void Every_fact_that_a_variant_answers_for_is_of_a_row_of_the_tables()
    {
        string[] sections = ["2.9", "2.11"]; // of semantics, and of what the two systems have to do with each other
        var known = Rows.Select(r => r.Row.Split('/')[0]).Concat(sections).ToHashSet(StringComparer.Ordinal);

        Assert.Empty(Facts.Variants.SelectMany(v => v.Variant.Facts).Where(f => f.File == File && !known.Contains(f.Row)).Select(f => f.ToString()));
    }

    /// <remarks>Of the properties that a scenario lists, some variant breaks each: else it could be one that nothing breaks.</remarks>
    [Fact]
    public void Every_promise_is_asked_and_some_variant_breaks_it()
    {
        var bugs = KernelBugProperties.All.Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
        var asked = Facts.Scenarios.SelectMany(s => s.Properties).Select(p => p.Value).ToHashSet(StringComparer.Ordinal);
        var broken = Facts.Variants.SelectMany(v => v.Variant.Expect).Where(e => e.Verdict.Value is ExpectedVerdict.Violated).Select(e => e.Name.Value).ToHashSet(StringComparer.Ordinal);
        string[] neverBroken = ["migration-entry-locked", "migration-over", "huge-zero-page-kept"];

        Assert.All(Promises.SelectMany(p => p.Properties), p => Assert.True(bugs.Contains(p) || asked.Contains(p), p));
        Assert.Equal(neverBroken, Promises.SelectMany(p => p.Properties).Distinct(StringComparer.Ordinal).Where(p => !broken.Contains(p)));
    }

    [Fact]
    public void Every_variant_that_holds_stands_beside_one_that_fails_for_one_difference()
    {
        var alone = Facts.Scenarios.SelectMany(s => s.Variants.Where(v => !Fails(v) && !s.Variants.Any(o => Fails(o) && Differences(s, v, o) == 1)).Select(v => NameOf((s, v))));

        Assert.Equal(StandAlone.Select(a => a.Variant), alone);
    }

    /// <remarks>That what is expected is so, the scenarios' own check says.</remarks>
    [Theory]
    [InlineData("V0", "V0/four-pages")]
    [InlineData("V0n", "V0n/four-pages")]
    [InlineData("V1", "V1/four-pages")]
    [InlineData("W0", "W0/four-pages")]
    [InlineData("W3/SC1", "W3/four-pages")]
    public void A_huge_page_of_four_pages_has_the_verdicts_of_one_of_two(string two, string four)
    {
        var verdicts = new[] { two, four }.Select(fact => Facts.Of(fact)!.Expect
            .Select(e => (e.Name.Value, e.Verdict.Value)).Order().ToArray()).ToArray();

        Assert.Equal(verdicts[0], verdicts[1]);
    }

    private static bool Fails(VariantSpec variant) => variant.Expect.Any(e => e.Verdict.Value is ExpectedVerdict.Violated or ExpectedVerdict.Found && Breaks(e.Name.Value));

    private static bool Breaks(string name) =>
        KernelBugProperties.All.Concat(PropertyCatalog.All).FirstOrDefault(p => p.Name == name) is not ({ Class: PropertyClass.Hygiene } or { Form: PropertyForm.Sometimes });

    // In how many settings two variants differ; one with two values is one difference.
    private static int Differences(ScenarioFile scenario, VariantSpec one, VariantSpec other)
    {
        var (a, b) = (Settings(scenario, one), Settings(scenario, other));
        return a.Keys.Union(b.Keys, StringComparer.Ordinal).Count(k => a.GetValueOrDefault(k) != b.GetValueOrDefault(k));
    }

    private static Dictionary<string, string> Settings(ScenarioFile scenario, VariantSpec variant) => new(
        [
            new("kernel", $"{scenario.KernelOf(variant)}"), .. variant.Patches.Select(p => KeyValuePair.Create($"patch {p.Value}", "on")),
            .. variant.Toggles.Select(t => KeyValuePair.Create($"toggle {t.Name.Value}", $"{t.Value}")), .. scenario.ConfigOf(variant).Select(t => KeyValuePair.Create($"config {t.Name.Value}", $"{t.Value}")),
            .. scenario.ArchOf(variant).Select(t => KeyValuePair.Create($"arch {t.Name.Value}", $"{t.Value}")),
        ], StringComparer.Ordinal);

    private static string NameOf((ScenarioFile Scenario, VariantSpec Variant) variant) => $"{Path.GetFileName(variant.Scenario.Path)} {variant.Variant.Name.Value}";
}
