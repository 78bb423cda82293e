using ThpCheck.Checker.CommandLine;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Tests;

/// <summary>
/// Of the scenarios about delayed rmap removal: what holds stands beside what fails and differs from it by one thing, and the danger was near. Else a scenario might be
/// blind to what it asks.
/// </summary>
public sealed class NeighboursTests
{
    private const string NoTransition = "the mover holds the lock of a page table that maps the page, so no removal is the last; zap-against-fault-then-move.yaml differs by when that pte comes";

    private static readonly string[] Folders = ["mail", "mapcount", "memcg", "mlock", "rmap", "tlb"];

    /// <summary>What holds without such a neighbour, and why.</summary>
    private static readonly (string Scenario, string Variant, string Reason)[] Alone =
    [
        ("zap-against-move-of-mapped-page.yaml", "lock-before-mapcount", NoTransition),
        ("zap-against-move-of-mapped-page.yaml", "lock-around-statistics", NoTransition),
        ("zap-against-move-of-mapped-page.yaml", "rmap-after-page-table-lock", NoTransition),
        ("zap-against-move-of-mapped-page.yaml", "neither-lock-nor-guard", NoTransition),
        ("batch-bookkeeping.yaml", "rule1", "rule2-scans-active-only takes over what a second batch is allowed for, and not the scan of it: a patch without a line of it"),
        ("reclaim-that-writes.yaml", "flushes-at-once", "it mends what reclaim-against-writeback.yaml shows; here that was right before"),
        ("reclaim-that-writes.yaml", "flushes-before-unlock", "as flushes-at-once"),
    ];

    /// <summary>What nothing can be near in, and why.</summary>
    private static readonly (string Scenario, string Reason)[] NothingNear = [("free-of-locked-page.yaml", "one thread, and no loop")];

    private static readonly Lazy<ScenarioFile[]> Scenarios = new(static () =>
    [
        .. Folders.SelectMany(f => ScenarioFiles.Find([Repository.File(ScenarioFiles.Default, f)], [])).Select(f => ScenarioReader.Read(f).Document ?? throw new InvalidDataException(f)),
    ]);

    [Fact]
    public void What_holds_stands_beside_what_fails_and_differs_by_one_patch_or_toggle() => Assert.Equal(
        Alone.Select(a => $"{a.Scenario} {a.Variant}").Order(StringComparer.Ordinal),
        Scenarios.Value
            .SelectMany(s => s.Variants.Where(v => !Fails(v) && !s.Variants.Any(w => Fails(w) && Differences(s, v, w) == 1)).Select(v => $"{NameOf(s)} {v.Name.Value}"))
            .Order(StringComparer.Ordinal));

    [Fact]
    public void Where_something_holds_the_danger_was_near() => Assert.Equal(
        NothingNear.Select(n => n.Scenario),
        Scenarios.Value.Where(s => !s.Properties.Any(IsNear) || s.Variants.Any(v => !Fails(v) && v.Expect.Any(e => IsNear(e.Name)))).Select(NameOf));

    private static bool IsNear(Located<string> property) => PropertyCatalog.All.Any(p => p.Name == property.Value && p.Form == PropertyForm.Sometimes);

    private static bool Fails(VariantSpec variant) => variant.Expect.Any(e => e.Verdict.Value is ExpectedVerdict.Violated or ExpectedVerdict.Found);

    // One patch in place of another is one difference.
    private static int Differences(ScenarioFile scenario, VariantSpec one, VariantSpec other)
    {
        var (patches, others) = (one.Patches.Select(p => p.Value).ToHashSet(), other.Patches.Select(p => p.Value).ToHashSet());
        return Math.Max(patches.Except(others).Count(), others.Except(patches).Count())
            + Texts(one.Toggles).Concat(Texts(other.Toggles)).GroupBy(t => t).Where(g => g.Count() == 1).DistinctBy(g => g.Key.Name).Count()
            + (scenario.KernelOf(one).Value == scenario.KernelOf(other).Value ? 0 : 1)
            + (Texts(one.Config).SequenceEqual(Texts(other.Config)) ? 0 : 1)
            + (Texts(one.Arch).SequenceEqual(Texts(other.Arch)) ? 0 : 1)
            + (one.Pools.SequenceEqual(other.Pools) ? 0 : 1);
    }

    private static IEnumerable<(string Name, string Value)> Texts(IEnumerable<Setting> settings) => settings.Select(s => (s.Name.Value, $"{s.Value.Value}"));

    private static string NameOf(ScenarioFile scenario) => Path.GetFileName(scenario.Path);
}
