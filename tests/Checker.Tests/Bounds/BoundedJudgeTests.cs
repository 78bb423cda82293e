using ThpCheck.Checker.Bounds;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Tests.Exploration;
using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Tests.Bounds;

/// <summary>A bounded search says what the exhaustive one says of the executions within the bound, and claims no more.</summary>
public sealed class BoundedJudgeTests
{
    private const int MostSwitches = 3;

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 36)];

    /// <remarks>Each thread alone, as far as it gets: (0,0), (1,0) (2,0), (0,1) (0,2). No execution ends, as both would have to step.</remarks>
    [Fact]
    public void Without_a_switch_only_one_thread_steps()
    {
        var result = Bounded(LostUpdate, 0);

        Assert.Equal((VariantVerdict.HoldsWithinBound, 5L, 4L, 0), (result.Verdict, result.States, result.Transitions, result.Ends));
        Assert.Equal((Verdict.HoldsWithinBound, "no execution ends within 0 context switches"), (result["both-count"].Verdict, result["both-count"].Message));
        Assert.Equal("", result.Outcomes("counter"));
    }

    /// <remarks>
    /// Of the 12 states, the one in which the counter is 1 after both needs a second switch. Of the 14 steps, so do the two
    /// into it: b's second after a b b was left by b a a, and a's second the other way round.
    /// </remarks>
    [Fact]
    public void A_lost_update_holds_within_one_switch()
    {
        var result = Bounded(LostUpdate, 1);

        Assert.Equal((VariantVerdict.HoldsWithinBound, 11L, 12L), (result.Verdict, result.States, result.Transitions));
        Assert.Equal((Verdict.HoldsWithinBound, null), (result["both-count"].Verdict, result["both-count"].Message));
        Assert.Equal("2", result.Outcomes("counter"));
        Assert.Equal((new SwitchBound(1, IsHit: true), false, null), (result.Bound, result.IsComplete, result.Incomplete));
    }

    /// <remarks>No execution of two steps each has more than three switches, and every state and step is on one with two.</remarks>
    [Fact]
    public void A_lost_update_is_found_within_two_switches_which_is_all_there_is()
    {
        var result = Bounded(LostUpdate, 2);

        Assert.Equal((VariantVerdict.Violated, 12L, 14L), (result.Verdict, result.States, result.Transitions));
        Assert.Equal(("a,b*2,a", 2, 4, true), Way(result["both-count"].Counterexample!));
        Assert.Equal((new SwitchBound(2, IsHit: false), true), (result.Bound, result.IsComplete));
    }

    [Fact]
    public void Where_the_bound_cuts_nothing_off_all_holds_and_not_otherwise()
    {
        var instance = LostUpdateTests.Increments(LostUpdateTests.Way.Atomic);

        Assert.Equal((VariantVerdict.HoldsWithinBound, Verdict.HoldsWithinBound), (Bounded(instance, 0).Verdict, Bounded(instance, 0)["no-warning"].Verdict));
        Assert.Equal((VariantVerdict.Holds, Verdict.Holds), (Bounded(instance, 1).Verdict, Bounded(instance, 1)["no-warning"].Verdict));
    }

    /// <remarks>a takes A and b takes B: one switch, and nothing can step any more.</remarks>
    [Fact]
    public void Deadlock_is_not_judged_within_a_bound_that_is_hit()
    {
        var locks = AbbaTests.Locks(abba: true);

        Assert.Equal((VariantVerdict.HoldsWithinBound, null), (Bounded(locks, 1).Verdict, Bounded(locks, 1).Deadlock));
        Assert.Equal((VariantVerdict.Deadlock, "a,b"), (Bounded(locks, 3).Verdict, Bounded(locks, 3).Deadlock!.Schedule));
    }

    [Fact]
    public void The_environment_costs_no_switch()
    {
        var result = Bounded(ThreadKindTests.Answer(answers: true), 0);

        Assert.Equal(("a,hardware*2,a", 0, 4, true), Way(result["never-answered"].Counterexample!));
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void A_property_is_violated_within_a_bound_just_where_its_cheapest_interleaving_is(int seed) => AssertAgrees(RandomPrograms.Make(seed));

    [Theory]
    [MemberData(nameof(Seeds))]
    public void So_it_is_with_optionals_and_the_environment(int seed) => AssertAgrees(RandomPrograms.Make(seed, kinds: true));

    /// <remarks>Counted by another engine, which makes every execution from its start and knows no states.</remarks>
    [Theory]
    [MemberData(nameof(Seeds))]
    public void States_and_steps_are_those_of_the_executions_within_the_bound(int seed)
    {
        var instance = RandomPrograms.Make(seed);
        var naive = new Dictionary<UInt128, int>();                  // the fewest switches to each state
        var steps = new Dictionary<(UInt128, Choice, bool), int>();  // and to the end of each step, with whether it is a bug
        new ReexecutingEngine(instance) { Watch = Look() }.Run();

        for (var bound = 0; bound <= MostSwitches; bound++)
        {
            var found = BoundedExplorer.Run(instance, bound, new Budget());

            var within = steps.Where(s => s.Value <= bound).Select(s => s.Key).ToArray();
            Assert.Equal(
                (naive.Values.Count(s => s <= bound) + within.Count(s => s.Item3), within.Length, steps.Values.All(s => s <= bound)),
                (found.States, found.Transitions, found.IsWhole));
        }

        Action<Stepper, IReadOnlyList<Choice>, StepResult?> Look()
        {
            var before = new List<UInt128>();
            return (stepper, schedule, result) =>
            {
                var switches = schedule.Zip(schedule.Skip(1), (a, b) => a.Thread == b.Thread ? 0 : 1).Sum();
                before.RemoveRange(schedule.Count, before.Count - schedule.Count);
                before.Add(new UInt128(stepper.State.Fingerprint.High, stepper.State.Fingerprint.Low));
                var isBug = result is { IsFinal: true };
                if (!isBug)
                {
                    naive[before[^1]] = Math.Min(switches, naive.GetValueOrDefault(before[^1], int.MaxValue));
                }

                if (schedule.Count > 0)
                {
                    var step = (before[^2], schedule[^1], isBug);
                    steps[step] = Math.Min(switches, steps.GetValueOrDefault(step, int.MaxValue));
                }
            };
        }
    }

    /// <summary>The scenarios' variants that are quick to explore.</summary>
    public static TheoryData<string> Variants
    {
        get
        {
            var data = new TheoryData<string>();
            foreach (var (file, variant) in Specs.Where(s => s.Variant.States is { Value: < 3_000 }))
            {
                data.Add($"{Path.GetFileNameWithoutExtension(file.Path)}: {variant.Name}");
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void In_the_scenarios_it_is_so_too(string name)
    {
        var (file, variant) = Specs.First(s => $"{Path.GetFileNameWithoutExtension(s.File.Path)}: {s.Variant.Name}" == name);

        AssertAgrees(ScenarioBinder.Bind(file, variant).Variant!.Instance);
    }

    [Theory]
    [InlineData(1, "the limit of 1 states was reached")]
    [InlineData(8, "the limit of 8 states was reached")]
    public void A_search_that_ends_before_its_bound_is_incomplete(int states, string reason)
    {
        var result = BoundedJudge.Run(LostUpdate, 1, new Budget { States = states });

        Assert.Equal((VariantVerdict.Incomplete, reason), (result.Verdict, result.Incomplete));
        Assert.All(result.Properties, p => Assert.Equal(Verdict.Incomplete, p.Verdict));
    }

    [Fact]
    public void An_interrupted_search_says_so() =>
        Assert.Equal("interrupted", BoundedJudge.Run(LostUpdate, 1, new Budget(), stop: new CancellationToken(canceled: true)).Incomplete);

    [Fact]
    public void The_first_violation_can_be_the_end()
    {
        var result = BoundedJudge.Run(ThreadKindTests.Answer(answers: true), 0, new Budget { First = true });

        Assert.Equal((VariantVerdict.Violated, "stopped at the first violation"), (result.Verdict, result.Incomplete));
        Assert.False(result["never-answered"].Counterexample!.IsMinimal);
    }

    private static Instance LostUpdate => LostUpdateTests.Increments(LostUpdateTests.Way.LoadStore);

    private static InstanceResult Bounded(Instance instance, int switches) => BoundedJudge.Run(instance, switches, new Budget());

    private static (string, int, int, bool) Way(Counterexample way) => (way.Schedule, way.Switches, way.Steps, way.IsMinimal);

    private static IReadOnlyList<(ScenarioFile File, VariantSpec Variant)> Specs { get; } =
    [
        .. from path in Directory.GetFiles(Repository.File("specs"), "*.yaml", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
           let file = ScenarioReader.Read(path).Document
           from variant in file.Variants
           select (file, variant),
    ];

    private static void AssertAgrees(Instance instance)
    {
        var all = Small.Judged(instance);
        var before = 0L;
        for (var switches = 0; switches <= MostSwitches; switches++)
        {
            var bounded = Bounded(instance, switches);

            Assert.InRange(bounded.States, before, all.States);
            Assert.True(bounded.Transitions <= all.Transitions);
            Assert.Equal(bounded.IsComplete, bounded.Transitions == all.Transitions);
            foreach (var (part, whole) in bounded.Properties.Zip(all.Properties))
            {
                AssertAgrees(part, whole, switches, bounded.IsComplete);
            }

            before = bounded.States;
        }
    }

    private static void AssertAgrees(PropertyResult part, PropertyResult whole, int switches, bool isComplete)
    {
        if (isComplete)
        {
            Assert.Equal(whole.Verdict, part.Verdict);
        }
        else if (whole.Counterexample is { } way && way.Switches <= switches)
        {
            Assert.Equal(Verdict.Violated, part.Verdict);
            Assert.Equal(Way(way), Way(part.Counterexample!));
        }
        else if (whole.Property.Form == PropertyForm.Sometimes)
        {
            Assert.True(part.Verdict == Verdict.Incomplete || (part.Verdict, whole.Verdict) == (Verdict.Holds, Verdict.Holds));
        }
        else
        {
            Assert.Equal(Verdict.HoldsWithinBound, part.Verdict);
            Assert.Subset(whole.Outcomes?.Select(o => string.Join(',', o)).ToHashSet() ?? [], part.Outcomes?.Select(o => string.Join(',', o)).ToHashSet() ?? []);
        }
    }
}
