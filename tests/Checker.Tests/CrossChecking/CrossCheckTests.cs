using ThpCheck.Checker.CrossChecking;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Reports;
using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;

namespace ThpCheck.Checker.Tests.CrossChecking;

/// <summary>Searches in other ways say the same, and where one does not, that is said and is not as expected.</summary>
public sealed class CrossCheckTests
{
    private const string OneVariant = """
        title: A small program
        question: Do all searches say the same?
        origin: [made up]
        kernel: linux-6.1
        threads:
          - name: a
            calls: [one()]
        properties: [no-lock-leaked]
        variants:
          - name: only
        """;

    [Fact]
    public void Every_scenario_is_the_same_in_every_other_search()
    {
        var run = Of("check", Repository.File("specs"), "--cross-check");

        Assert.Equal("", run.Error);
        Assert.True(run.ExitCode == 0, run.Out);
    }

    [Fact]
    public void A_cross_check_is_a_line_a_variant() => Approved.Match(Of("check", Scenario("references.yaml"), "--workers", "1", "--cross-check").All);

    [Fact]
    public void A_cross_check_in_json() => Approved.Match(Of("check", Scenario("trylock.yaml"), "--workers", "1", "--cross-check", "--format", "json").All);

    /// <remarks>
    /// a: what it read does not matter any more once it was stored, and memory says what that was until b overwrites it. So two
    /// frames, with 0 and with 1, are one state with dead fields as zero.
    /// </remarks>
    [Fact]
    public void Frames_that_keep_their_dead_fields_make_more_states_and_nothing_else()
    {
        var zeroed = Small.Judged(Made(w => w.Copy()));
        var kept = Small.Judged(Made(w => w.Copy(), keepsDeadFields: true));

        Assert.True(kept.States > zeroed.States, $"{kept.States} states with dead fields, {zeroed.States} without");
        Assert.Null(CrossCheck.Difference(zeroed, kept, sameGraph: false));
        Assert.StartsWith($"{zeroed.States} states here, {kept.States} there", CrossCheck.Difference(zeroed, kept, sameGraph: true), StringComparison.Ordinal);
    }

    [Fact]
    public void Each_search_that_is_not_the_usual_one_is_made_once()
    {
        var one = Checked(w => w.Copy(), w => w.Copy(), new Budget()).Result;
        var exact = Checked(w => w.Copy(), w => w.Copy(), new Budget { Exact = true, Workers = 2 }).Result;

        Assert.Equal(["dead fields kept", "exact states", "two workers", .. Reduced], one.CrossCheck!.Select(o => o.Name));
        Assert.Equal(["dead fields kept", "one worker", .. Reduced], exact.CrossCheck!.Select(o => o.Name));
        Assert.All(one.CrossCheck!.Concat(exact.CrossCheck!), o => Assert.Equal((null, null), (o.Difference, o.Incomplete)));
    }

    [Fact]
    public void A_verdict_that_another_search_does_not_share_is_a_difference() =>
        Differs(w => w.StoreTwo(), "y-is-not-2: holds here, violated there");

    [Fact]
    public void A_least_cost_that_another_search_does_not_share_is_a_difference() => Differs(
        w => w.StoreTwo(), w => w.StoreTwoLater(), "y-is-not-2: least cost no context switch and 1 step here, no context switch and 2 steps there");

    [Fact]
    public void End_states_that_another_search_does_not_share_are_a_difference() =>
        Differs(w => w.StoreOne(), "the memory of End states: 0 of 1 here only, 1 of 2 there only");

    [Fact]
    public void A_deadlock_that_another_search_does_not_share_is_a_difference() =>
        Differs(w => w.WaitForNobody(), "deadlock: none here, one there");

    [Fact]
    public void A_fault_of_the_model_that_another_search_does_not_share_is_a_difference() =>
        Differs(w => w.LeaveItsRange(), "no fault of the model here, one there: shared.y is given 4, ");

    [Fact]
    public void A_search_that_ran_out_of_its_budget_is_no_difference_and_no_pass()
    {
        // As many as the usual search takes; dead fields take more.
        var report = Report(Checked(w => w.Copy(), w => w.Copy(), new Budget { States = Small.Judged(Made(w => w.Copy())).States + 1 }));

        Assert.Equal((Standing.Incomplete, 3), (report.Standing, new CheckSummary().With(report).ExitCode));
        Assert.Empty(report.Checked!.Differences);
        Assert.StartsWith("the search with dead fields kept could not be compared: the limit of ", Assert.Single(report.Checked.Open), StringComparison.Ordinal);
    }

    [Fact]
    public void Where_not_everything_was_explored_nothing_is_compared()
    {
        var report = Report(Checked(w => w.Copy(), w => w.Copy(), new Budget { States = 3 }));

        Assert.Empty(report.Checked!.Result.CrossCheck!);
        Assert.Equal((Standing.Incomplete, 3), (report.Standing, new CheckSummary().With(report).ExitCode));
    }

    [Theory]
    [InlineData("--sample", "random", "--cross-check is for a search of everything, so it does not go with --sample")]
    [InlineData("--max-switches", "2", "--cross-check is for a search of everything, so it does not go with --max-switches")]
    [InlineData("--certificate", "file", "--cross-check and --certificate exclude each other: the one makes several searches, the other writes one down")]
    public void What_makes_no_search_of_everything_or_only_one_does_not_go_with_a_cross_check(string option, string value, string message)
    {
        var run = Of("check", Scenario("trylock.yaml"), "--cross-check", option, value);

        Assert.Equal((2, $"thpcheck: {message}\n"), (run.ExitCode, run.Error));
    }

    private static readonly string[] Reduced = ["reduction all"];

    private static void Differs(Func<Words, KernelTask> there, string difference) => Differs(w => w.StoreNothing(), there, difference);

    private static void Differs(Func<Words, KernelTask> here, Func<Words, KernelTask> there, string difference)
    {
        var report = Report(Checked(here, there, new Budget()));

        Assert.Equal((Standing.NotAsExpected, 1), (report.Standing, new CheckSummary().With(report).ExitCode));
        var sentence = report.Checked!.Differences.Single(d => d.StartsWith("the search with exact states differs: ", StringComparison.Ordinal));
        Assert.StartsWith($"the search with exact states differs: {difference}", sentence, StringComparison.Ordinal);
    }

    // The usual search is of a thread that does one thing, the others are of one that does another.
    private static CheckedVariant Checked(Func<Words, KernelTask> here, Func<Words, KernelTask> there, Budget budget)
    {
        var scenario = ScenarioReader.Parse("small.yaml", OneVariant).Document!;
        var instance = Made(here);
        var result = CrossCheck.Run(instance, keepsDeadFields => Made(there, keepsDeadFields), budget, null, CancellationToken.None);
        return new CheckedVariant(new BoundVariant(scenario, scenario.Variants[0], null!, instance), result);
    }

    private static VariantReport Report(CheckedVariant variant) => new(variant.Bound.Scenario, variant.Bound.Variant, variant);

    private static Instance Made(Func<Words, KernelTask> a, bool keepsDeadFields = false) => Small.Instance(
        at => new Words(at),
        [new("a", a), new("b", w => w.StoreX())],
        w => [Property.Always("y-is-not-2", view => view.Get(w.y) == 2 ? "broken" : null) with { Class = PropertyClass.Hygiene }],
        new MachineBuilder { RcuCallbacks = 0, KeepsDeadFields = keepsDeadFields });

    private sealed class Words(Layout at) : KernelObject(at)
    {
        public readonly Shared<int> y = at.Cell(0, 3, 0, "y");
        private readonly Shared<int> _x = at.Cell(0, 1, 0, "x");

        public async KernelTask StoreX()
        {
            await store(_x, 1);
            await store(y, 0);
        }

        public async KernelTask Copy()
        {
            var x = await load(_x);
            await Yield();
            await store(y, x);
            await Yield();
            await Yield();
        }

        public async KernelTask StoreNothing() => await Yield();

        public async KernelTask StoreOne() => await store(y, 1);

        public async KernelTask StoreTwo() => await store(y, 2);

        public async KernelTask StoreTwoLater()
        {
            await Yield();
            await store(y, 2);
        }

        public async KernelTask WaitForNobody() => await Until(y, Comparison.Equal, 3);

        public async KernelTask LeaveItsRange() => await store(y, 4);
    }
}
