using System.Globalization;
using ThpCheck.Checker.CommandLine;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Model.Kernel;
using ThpCheck.Model.Objects;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;
using Xunit.Abstractions;

namespace ThpCheck.Checker.Tests;

/// <summary>
/// What the scenarios are together: every patch and toggle does something where it is named, and every scenario has a
/// variant that fails, so that holding means something.
/// </summary>
public sealed class SpecsGraphTests(ITestOutputHelper output)
{
    private const string SaysSo = "The same graph as without ";

    /// <summary>
    /// The patches that change how file pages are zapped and leave anonymous ones as they were: they change nothing where there is no
    /// file page, and the variant that differs by nothing else says so in its note. Its counts are no evidence about the patch.
    /// </summary>
    private static readonly string[] AboutFilePages = ["delay-rmap-v1-anon-immediate", "delay-rmap-final"];

    /// <summary>What else changes nothing in a scenario, each with the reason why that is right.</summary>
    private static readonly (string Scenario, string Change, string Reason)[] ChangesNothing =
    [
        ("anon_vma.yaml", "lock-compound-mapcounts", NoThp),
        ("batch-bookkeeping.yaml", "reset-delayed-rmap", "the batch is emptied before the next zap, so what stays set is looked at in vain"),
        ("counts.yaml", "delay-rmap-final", "it delays what a flush forces, and one page at a time there is none: the rmap goes under the lock either way"),
        ("full-punch-against-migration.yaml", "huge-zero-asserts-present", "the assertion holds where each caller has looked"),
        ("full-punch-against-migration.yaml", "split-migration-entry", "it mends the split of a PMD that is punched in part; here the whole page is punched"),
        ("gup-against-anon-collapse-and-zap.yaml", "pte-free-by-rcu", "the collapse of anonymous memory frees no table, it deposits one"),
        ("lost-store.yaml", "lock-compound-mapcounts", NoThp),
        ("mkclean-against-zap-mapped-twice.yaml", "dirty-before-rmap", "set_page_dirty and the rmap's removal change places after the flush, under one lock: as many states either way"),
        ("partial-punch-against-migration.yaml", "split-migration-entry-branch", "with DEBUG_VM, the assertion that the other half of the fix changes stops the split before"),
        ("reclaim-that-writes.yaml", "flush-before-folio-unlock", "what is written was flushed for that already"),
        ("truncate-against-zap-clean.yaml", "flush-after-unlock", CleanPage),
        ("truncate-against-zap-clean.yaml", "delay-rmap-final", CleanPage),
        ("truncate-against-zap.yaml", "dirty-before-flush", "set_page_dirty and the flush change places under the page-table lock: as many states either way"),
    ];

    private const string CleanPage = "a clean page's rmap is not delayed, nor is its zap followed by a flush under the lock";
    private const string NoThp = "there is no THP; the kernel is the one that the whole mail is asked of";

    /// <summary>The toggles that change nothing anywhere, each with the reason why it is there all the same.</summary>
    private static readonly (string Change, string Reason)[] NeverChanges =
        [("reset-delayed-rmap", "it was predicted to matter; its variants record in 'disagrees' why it does not")];

    /// <summary>The patches that no variant names, each with where they are instead.</summary>
    private static readonly (string Patch, string Reason)[] NotNamed = [("delay-rmap-two-batches", "linux-6.2 has it, and scenarios ask for that")];

    /// <summary>The scenarios in which nothing fails, each with the one that it stands beside.</summary>
    private static readonly (string Scenario, string Beside)[] NothingFails =
    [
        ("zap-against-move-of-mapped-page.yaml", "zap-against-fault-then-move.yaml"),
        ("free-of-locked-page.yaml", "zap-of-locked-page-against-reclaim.yaml"),
        ("madvise-collapse-of-copied-memory.yaml", "retract-against-uffd-copy.yaml"),
        ("huge-page-copies.yaml", "huge-page-copies-for-passing-reference.yaml"),
    ];

    private static readonly Lazy<ScenarioFile[]> Scenarios = new(static () =>
    [
        .. ScenarioFiles.Find([Repository.File(ScenarioFiles.Default)], []).Select(f => ScenarioReader.Read(f).Document ?? throw new InvalidDataException(f)),
    ]);

    private readonly Dictionary<string, string> _graphs = []; // what was found, by scenario and kernel

    [Fact]
    public void Every_patch_and_toggle_changes_the_graph_of_the_scenarios_that_name_it()
    {
        var changed = new SortedSet<string>(StringComparer.Ordinal);
        var unused = ChangesNothing.ToList();
        var wrong = new List<string>(); // all of them at once: authors of scenarios see what is left to explain
        foreach (var (scenario, variant) in Variants())
        {
            var (isSame, needsNote) = (false, false);
            var saysSo = variant.Note?.Value.StartsWith(SaysSo, StringComparison.Ordinal) == true;
            foreach (var (change, without) in OneTakenAway(variant))
            {
                if (Graph(scenario, variant) != Graph(scenario, without))
                {
                    changed.Add(change);
                    continue;
                }

                output.WriteLine($"{NameOf(scenario)} {variant.Name}: {change} changes nothing");
                isSame = true;
                var isRight = AboutFilePages.Contains(change) && !HasFilePage(scenario, variant);
                needsNote |= isRight;
                unused.RemoveAll(c => (c.Scenario, c.Change) == (NameOf(scenario), change));
                isRight |= saysSo || ChangesNothing.Any(c => (c.Scenario, c.Change) == (NameOf(scenario), change));
                if (!isRight)
                {
                    wrong.Add($"{NameOf(scenario)} {variant.Name}: {change} changes nothing; begin its note with '{SaysSo}' and say why, or give the reason here");
                }
            }

            var isPatchAlone = variant.Patches.Count == 1 && variant.Toggles.Count == 0;
            if (saysSo && !isSame)
            {
                wrong.Add($"{NameOf(scenario)} {variant.Name}: what it names changes the graph, and its note says that it does not");
            }
            else if (needsNote && isPatchAlone && !saysSo)
            {
                wrong.Add($"{NameOf(scenario)} {variant.Name}: its note must begin with '{SaysSo}', as there is no file page");
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        Assert.Empty(unused);
        Assert.Equal(Named().Except(NeverChanges.Select(c => c.Change)), changed);
    }

    [Fact]
    public void Every_patch_and_toggle_is_named_by_a_scenario() => Assert.Equal(
        Releases.Patches.Select(p => p.Name).Concat(Toggles.All.Select(t => t.Name)).Except(NotNamed.Select(n => n.Patch)).Order(StringComparer.Ordinal),
        Named());

    /// <remarks>Where nothing can fail, the scenario may be blind.</remarks>
    [Fact]
    public void Every_scenario_has_a_variant_that_fails() => Assert.Equal(
        NothingFails.Select(n => n.Scenario).Order(StringComparer.Ordinal),
        Scenarios.Value.Where(s => !s.Variants.Any(Fails)).Select(NameOf).Order(StringComparer.Ordinal));

    private static IEnumerable<(ScenarioFile Scenario, VariantSpec Variant)> Variants() => Scenarios.Value.SelectMany(s => s.Variants.Select(v => (s, v)));

    private static SortedSet<string> Named() =>
        new(Variants().SelectMany(v => v.Variant.Patches.Select(p => p.Value).Concat(v.Variant.Toggles.Select(t => t.Name.Value))), StringComparer.Ordinal);

    // The variant without one of its patches or toggles, for each of them.
    private static IEnumerable<(string Change, VariantSpec Without)> OneTakenAway(VariantSpec variant) =>
    [
        .. variant.Patches.Select(p => (p.Value, variant with { Patches = [.. variant.Patches.Where(o => o != p)] })),
        .. variant.Toggles.Select(t => (t.Name.Value, variant with { Toggles = [.. variant.Toggles.Where(o => o != t)] })),
    ];

    private static bool HasFilePage(ScenarioFile scenario, VariantSpec variant) =>
        ScenarioBinder.Bind(scenario, variant).Variant!.Instance.Machine.ObjectsOf<AddressSpace>().Count > 0;

    // Everything that is said of a graph, in a line: two graphs with one line may still differ, and are taken for the same.
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

    private static bool Fails(VariantSpec variant) => variant.Expect.Any(e => e.Verdict.Value is ExpectedVerdict.Violated or ExpectedVerdict.Found && Matters(e.Name.Value));

    // A deadlock or livelock is no property, and as bad as one. A fact that occurs is what a scenario about costs asks for.
    private static bool Matters(string name) =>
        KernelBugProperties.All.Concat(PropertyCatalog.All).FirstOrDefault(p => p.Name == name)?.Class is not PropertyClass.Hygiene;

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
