using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Minimisation;
using ThpCheck.Checker.Replay;
using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Tests.Exploration;

/// <summary>The cheapest interleaving is the cheapest of all: every one is looked at, and its cost added up as it goes.</summary>
public sealed class LeastCostTests
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 36)];

    /// <remarks>Same switches, same steps, and of the schedules that cost no more the first by thread, then by choice.</remarks>
    [Theory]
    [MemberData(nameof(Seeds))]
    public void No_interleaving_that_breaks_a_promise_is_cheaper_or_as_cheap_and_before_it(int seed)
    {
        AssertCheapest(RandomPrograms.Make(seed), deadlocksToo: true);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Optionals_cost_switches_like_tasks_and_the_environment_costs_none(int seed)
    {
        AssertCheapest(RandomPrograms.Make(seed, kinds: true), deadlocksToo: false);
    }

    /// <remarks>So that the comparison above compares something: how many of the programs break what, and how many switches it takes.</remarks>
    [Fact]
    public void The_random_programs_break_each_promise_and_need_up_to_two_switches()
    {
        var found = Enumerable.Range(0, 36).Select(s => Small.Judged(RandomPrograms.Make(s))).ToArray();
        var ways = found.SelectMany(r => r.Properties).Where(p => p.Counterexample is not null).ToArray();

        Assert.Equal(
            ["no-bad-unlock", "no-unbalanced-section", "x-is-y", "x-stays-below-2", "y-is-not-ahead"],
            ways.Select(p => p.Property.Name).Distinct().Order(StringComparer.Ordinal));
        Assert.Equal([0, 1, 2], ways.Select(p => p.Counterexample!.Switches).Distinct().Order());
        Assert.InRange(found.Count(r => r.Deadlock is not null), 3, 33);
    }

    [Fact]
    public void Nothing_leads_to_no_findings()
    {
        var found = Small.Explored(LostUpdateTests.Increments(LostUpdateTests.Way.LoadStore));

        Assert.Null(new LeastCost(found, found.Graph.Reverse()).To([]));
    }

    [Fact]
    public void A_finding_in_the_initial_state_costs_nothing()
    {
        var found = Small.Explored(LostUpdateTests.Increments(LostUpdateTests.Way.LoadStore));

        var (schedule, cost) = new LeastCost(found, found.Graph.Reverse()).To([new Finding(0, -1)])!.Value;

        Assert.Empty(schedule);
        Assert.Equal(new Cost(0, 0), cost);
    }

    private static void AssertCheapest(Instance instance, bool deadlocksToo)
    {
        var naive = new Naive(instance);
        naive.Run();

        var result = Small.Judged(instance);

        var ways = result.Properties.Where(p => p.Counterexample is not null).ToDictionary(p => p.Property.Name, p => p.Counterexample!);
        if (deadlocksToo && result.Deadlock is not null)
        {
            ways.Add("deadlock", result.Deadlock);
        }

        var expected = naive.Cheapest.Where(c => deadlocksToo || c.Key != "deadlock")
            .Select(c => $"{c.Key}: {c.Value.Switches} switches, {c.Value.Steps} steps, {Schedule.Format(instance.Machine, c.Value.Choices)}");
        var actual = ways.OrderBy(w => w.Key, StringComparer.Ordinal)
            .Select(w => $"{w.Key}: {w.Value.Switches} switches, {w.Value.Steps} steps, {w.Value.Schedule}");
        Assert.Equal(expected, actual);
        Assert.All(ways.Values, w => Assert.Equal((w.Switches, w.Steps), (w.Trace.Switches, w.Trace.Steps.Count)));
    }

    /// <summary>Looks at every execution in order, and keeps the first of the cheapest for each promise.</summary>
    private sealed class Naive(Instance instance)
    {
        public SortedDictionary<string, (int Switches, int Steps, Choice[] Choices)> Cheapest { get; } = new(StringComparer.Ordinal);

        public void Run() => new ReexecutingEngine(instance) { Watch = Look }.Run();

        private void Look(Stepper stepper, IReadOnlyList<Choice> schedule, StepResult? step)
        {
            if (step is { Bug: not KernelBug.None and var bug })
            {
                Keep(KernelBugProperties.For(bug).Name, schedule);
                return;
            }

            var view = new StateView(stepper.State);
            foreach (var property in instance.Properties)
            {
                if (property.Form == PropertyForm.Always || (property.Form == PropertyForm.Finally && stepper.IsEnd))
                {
                    if (property.Check(view) is not null)
                    {
                        Keep(property.Name, schedule);
                    }
                }
            }

            if (!stepper.IsEnd && !Enumerable.Range(0, instance.Machine.ThreadCount).Any(stepper.IsEnabled))
            {
                Keep("deadlock", schedule);
            }
        }

        private void Keep(string name, IReadOnlyList<Choice> schedule)
        {
            var (switches, last) = (0, -1);
            foreach (var (thread, _) in schedule)
            {
                if (instance.Machine.ThreadKind(thread) != ThreadKind.Environment)
                {
                    switches += last >= 0 && last != thread ? 1 : 0;
                    last = thread;
                }
            }

            // Executions come in order, so the first of the cheapest stays.
            if (!Cheapest.TryGetValue(name, out var known) || (switches, schedule.Count).CompareTo((known.Switches, known.Steps)) < 0)
            {
                Cheapest[name] = (switches, schedule.Count, [.. schedule]);
            }
        }
    }
}
