using System.Globalization;
using ThpCheck.Checker.CommandLine;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Model.Kernel;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;
using Xunit.Abstractions;

namespace ThpCheck.Checker.Tests;

/// <summary>
/// What the scenarios are together: every patch and toggle does something where it is named, and every variant that holds
/// stands beside one that fails, so that holding means something.
/// </summary>
public sealed class SpecsGraphTests(ITestOutputHelper output)
{
    private const string OnlyAnonymous = "it changes how file pages are zapped and leaves anonymous ones as they were; the scenario has no file page";
    private const string OnlySplit = "it mends the split of a huge page's PMD that is punched in part; here the whole page is punched";
    private const string SaysSo = "The same graph as without the patch, ";

    /// <summary>
    /// The patches and toggles that change nothing in a scenario, each with the reason why that is right. The note of each variant
    /// that names one there says so, too: its counts are no evidence about the patch.
    /// </summary>
    private static readonly (string Scenario, string Change, string Reason)[] ChangesNothing =
    [
        ("exit-against-kswapd.yaml", "delay-rmap-v1-anon-immediate", OnlyAnonymous),
        ("exit-against-kswapd.yaml", "delay-rmap-final", OnlyAnonymous),
        ("exit-against-kswapd-reuse.yaml", "delay-rmap-v1-anon-immediate", OnlyAnonymous),
        ("exit-against-kswapd-reuse.yaml", "delay-rmap-final", OnlyAnonymous),
        ("exit-against-migration.yaml", "delay-rmap-v1-anon-immediate", OnlyAnonymous),
        ("exit-against-migration.yaml", "delay-rmap-final", OnlyAnonymous),
        ("full-punch-against-migration.yaml", "huge-zero-asserts-present", "the assertion holds where each caller has looked"),
        ("full-punch-against-migration.yaml", "split-migration-entry", OnlySplit),
        ("munmap-against-kswapd.yaml", "delay-rmap-final", OnlyAnonymous),
    ];

    /// <summary>The variants that hold with no failing one a patch or toggle away, each with the reason why that is right.</summary>
    private static readonly (string Scenario, string Variant, string Reason)[] StandsAlone =
    [
        ("fault-that-waits.yaml", "v6.3", "a fault changes no migration entry, and what it could do to migration, make it fail, it does only with a reference"),
    ];

    private static readonly Lazy<ScenarioFile[]> Scenarios = new(static () =>
    [
        .. ScenarioFiles.Find([Repository.File(ScenarioFiles.Default)], []).Select(f => ScenarioReader.Read(f).Document ?? throw new InvalidDataException(f)),
    ]);

    private readonly Dictionary<string, string> _graphs = []; // what was found, by scenario and kernel

    [Fact]
    public void Every_patch_and_toggle_changes_the_graph_of_the_scenarios_that_name_it()
    {
        var unchanged = new SortedSet<(string Scenario, string Change)>();
        var changed = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var (scenario, variant) in Variants())
        {
            var isSame = false;
            foreach (var (change, without) in OneTakenAway(variant))
            {
                if (Graph(scenario, variant) != Graph(scenario, without))
                {
                    changed.Add(change);
                }
                else
                {
                    isSame = true;
                    unchanged.Add((NameOf(scenario), change));
                    output.WriteLine($"{NameOf(scenario)} {variant.Name}: {change} changes nothing");
                }
            }

            var saysSo = variant.Note?.Value.StartsWith(SaysSo, StringComparison.Ordinal) == true;
            Assert.True(isSame == saysSo, $"{NameOf(scenario)} {variant.Name}: {(isSame ? "its note must begin with" : "what it names changes the graph, and yet its note begins with")} '{SaysSo}'");
        }

        Assert.Equal(ChangesNothing.Select(c => (c.Scenario, c.Change)).Order(), unchanged);
        Assert.Equal(Named(), changed);
    }

    [Fact]
    public void Every_patch_and_toggle_is_named_by_a_scenario() =>
        Assert.Equal(Releases.Patches.Select(p => p.Name).Concat(Toggles.All.Select(t => t.Name)).Order(StringComparer.Ordinal), Named());

    [Fact]
    public void Every_recorded_fact_is_answered_by_one_variant()
    {
        var facts = Variants().SelectMany(v => v.Variant.Facts.Select(f => (Fact: $"{f}", By: $"{NameOf(v.Scenario)} {v.Variant.Name}")));

        Assert.Equal([], facts.GroupBy(f => f.Fact).Where(g => g.Count() > 1).Select(g => $"{g.Key}: {string.Join(", ", g.Select(f => f.By))}"));
    }

    [Fact]
    public void Every_variant_that_holds_stands_beside_one_that_fails_and_differs_by_one_patch_or_one_toggle()
    {
        var alone = Scenarios.Value.SelectMany(s => s.Variants
            .Where(v => !Fails(v) && !s.Variants.Any(o => Fails(o) && Distance(s, v, o) == 1))
            .Select(v => (NameOf(s), v.Name.Value)));

        Assert.Equal(StandsAlone.Select(s => (s.Scenario, s.Variant)), alone);
    }

    private static IEnumerable<(ScenarioFile Scenario, VariantSpec Variant)> Variants() => Scenarios.Value.SelectMany(s => s.Variants.Select(v => (s, v)));

    private static SortedSet<string> Named() =>
        new(Variants().SelectMany(v => v.Variant.Patches.Select(p => p.Value).Concat(v.Variant.Toggles.Select(t => t.Name.Value))), StringComparer.Ordinal);

    // The variant without one of its patches or toggles, for each of them.
    private static IEnumerable<(string Change, VariantSpec Without)> OneTakenAway(VariantSpec variant) =>
    [
        .. variant.Patches.Select(p => (p.Value, variant with { Patches = [.. variant.Patches.Where(o => o != p)] })),
        .. variant.Toggles.Select(t => (t.Name.Value, variant with { Toggles = [.. variant.Toggles.Where(o => o != t)] })),
    ];

    // Everything that is said of a graph, in a line.
    private string Graph(ScenarioFile scenario, VariantSpec variant)
    {
        var key = $"{NameOf(scenario)}: {KernelOf(scenario, variant)}";
        if (!_graphs.TryGetValue(key, out var graph))
        {
            var (bound, diagnostics) = ScenarioBinder.Bind(scenario, variant with { Expect = [], Outcomes = [] });
            Assert.Empty(diagnostics);
            var found = Small.Explored(bound!.Instance);
            Assert.True(found.IsComplete, found.Incomplete);
            graph = string.Create(CultureInfo.InvariantCulture, $"{found.Graph.StateCount} states, {found.Graph.EdgeCount} transitions, depth {found.Depth}, {found.Ends.Count} ends")
                + string.Concat(found.Monitor.Properties.Select((p, i) => Found(p, i, found.Monitor)));
            _graphs.Add(key, graph);
        }

        return graph;
    }

    private static string Found(Property property, int index, PropertyMonitor monitor) =>
        property.Form == PropertyForm.Outcomes ? $", {property.Name} {string.Join(' ', monitor.OutcomesOf(index).Select(o => $"({string.Join(',', o)})"))}"
        : monitor.Findings(index).Count > 0 ? $", {property.Name}"
        : "";

    private static bool Fails(VariantSpec variant) => variant.Expect.Any(e => e.Verdict.Value is ExpectedVerdict.Violated or ExpectedVerdict.Found && IsSafety(e.Name.Value));

    // A deadlock or livelock is no property, and as bad as one.
    private static bool IsSafety(string name) =>
        KernelBugProperties.All.Concat(PropertyCatalog.All).FirstOrDefault(p => p.Name == name)?.Class is null or PropertyClass.Safety;

    // How many patches and toggles are in one variant and not in the other; more than any number where something else differs.
    private static int Distance(ScenarioFile scenario, VariantSpec one, VariantSpec other)
    {
        var rest = (ScenarioFile s, VariantSpec v) => KernelOf(s, v with { Patches = [], Toggles = [] });
        HashSet<string> changes = [.. Changes(one)];
        changes.SymmetricExceptWith(Changes(other));
        return rest(scenario, one) == rest(scenario, other) ? changes.Count : int.MaxValue;
    }

    private static IEnumerable<string> Changes(VariantSpec variant) =>
    [
        .. variant.Patches.Select(p => p.Value),
        .. variant.Toggles.Where(t => $"{t.Value}" != $"{new SettingValue.Boolean(Toggles.Find(t.Name.Value).Default)}").Select(t => $"{t.Name} {t.Value}"),
    ];

    // All that a variant changes about its scenario.
    private static string KernelOf(ScenarioFile scenario, VariantSpec variant) => string.Join(
        ' ',
        [
            scenario.KernelOf(variant), .. variant.Patches.Select(p => p.Value), .. variant.Toggles.Select(Text).Order(StringComparer.Ordinal),
            .. scenario.ConfigOf(variant).Select(Text), .. scenario.ArchOf(variant).Select(Text), .. variant.Pools.Select(p => $"{p}"), .. variant.Tolerates.Select(t => t.Value),
        ]);

    private static string Text(Setting setting) => $"{setting.Name}:{setting.Value}";

    private static string NameOf(ScenarioFile scenario) => Path.GetFileName(scenario.Path);
}
