using System.Diagnostics;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Sampling;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Coyote;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Sweep;

/// <summary>How much is tried.</summary>
/// <param name="Iterations">The most executions of a sample.</param>
/// <param name="Time">The most time of a sample.</param>
internal sealed record Effort(long Iterations, TimeSpan Time)
{
    /// <summary>The fewest executions of a sample that looks for what must break; tenfold in the next round.</summary>
    public const long First = 100;
}

/// <summary>
/// Runs variants under Coyote. Where the variant holds, one strategy makes as many executions as it is given. Where something must break, one
/// strategy after the other looks for it, in rounds of ever more executions, until all of it was seen; then few changes of priority have ten times as much,
/// and where nothing was seen by then, many have a hundred times as much.
/// </summary>
internal sealed class Sweeper(Effort effort)
{
    private const int WholeSeed = 1; // of the sample that does not end early

    private static readonly CoyoteSample[] Strategies =
    [
        new("prioritization", CoyoteStrategy.Prioritization),
        new("pos", CoyoteStrategy.Pos),
        new("random", CoyoteStrategy.Random),
        new("fair-prioritization", CoyoteStrategy.FairPrioritization),
        new("q-learning", CoyoteStrategy.QLearning),
    ];

    // For what takes a few switches at just these places, and no other.
    private static readonly CoyoteSample FewChanges = new("prioritization/3", CoyoteStrategy.Prioritization) { PriorityChanges = 3 };

    // The more so where one execution of many is long: the changes are then spread over as many steps in all.
    private static readonly CoyoteSample ManyChanges = new("prioritization/25", CoyoteStrategy.Prioritization) { PriorityChanges = 25 };

    public Row Run(BoundVariant bound)
    {
        var clock = Stopwatch.StartNew();
        var missing = bound.Variant.Expect.Where(e => IsBroken(bound, e, _ => true)).Select(e => e.Name.Value).ToList();
        var holds = !bound.Variant.Expect.Any(e => IsBroken(bound, e, p => p.Class == PropertyClass.Safety));
        var found = new List<Sighting>();
        var differences = new SortedSet<string>(StringComparer.Ordinal);
        var (executions, steps, states) = (0L, 0L, 0L);
        var expected = "";
        foreach (var (strategy, seed, tried) in holds ? [(Strategies[0], WholeSeed, effort), .. Rounds()] : Rounds())
        {
            var options = new SampleOptions(SampleMethod.Random, tried.Iterations, seed) { Coyote = strategy, Until = seed == WholeSeed ? [] : missing };
            var variant = new CheckedVariant(bound, SampleJudge.Run(bound.Instance, options, new Budget { Time = tried.Time }));
            var result = variant.Result;
            expected = variant.Expected.ToString().ToLowerInvariant();
            differences.UnionWith(variant.Differences.Where(d => d != CutShort(result, tried)));
            (executions, steps, states) = (executions + result.Sample!.Executions, steps + result.Transitions, Math.Max(states, result.States));
            foreach (var (name, hit) in Hits(result).Where(h => missing.Remove(h.Name)))
            {
                found.Add(new(name, strategy.Name, seed, hit.Execution));
            }

            if (missing.Count == 0 || (strategy == FewChanges && (holds || found.Count > 0)))
            {
                break;
            }
        }

        return new(bound.Scenario.Path, bound.Variant.Name.Value, expected, found, missing, executions, steps, clock.Elapsed.TotalSeconds, states, [.. differences]);
    }

    // Whether an expectation is of something that breaks, and that a sample can see.
    private static bool IsBroken(BoundVariant bound, Expectation expectation, Func<Property, bool> counts) =>
        expectation.Name.Value == Expectation.Deadlock
        || (expectation.Verdict.Value == ExpectedVerdict.Violated && bound.Instance.Properties.Any(p => p.Name == expectation.Name.Value && p.Form != PropertyForm.Sometimes && counts(p)));

    // No execution is made twice: Coyote's seed is one more for each execution.
    private IEnumerable<(CoyoteSample Strategy, int Seed, Effort Effort)> Rounds()
    {
        var seed = WholeSeed + 1;
        for (var iterations = Effort.First; iterations <= effort.Iterations; iterations *= 10)
        {
            foreach (var strategy in Strategies)
            {
                yield return (strategy, seed, effort with { Iterations = iterations });
            }

            seed += (int)iterations;
        }

        yield return (FewChanges, seed, new Effort(effort.Iterations * 10, effort.Time * 10));
        yield return (ManyChanges, seed + (int)effort.Iterations * 10, new Effort(effort.Iterations * 100, effort.Time * 100));
    }

    private static IEnumerable<(string Name, Hit Hit)> Hits(InstanceResult result)
    {
        foreach (var property in result.Properties.Where(p => p.Verdict == Verdict.Violated))
        {
            yield return (property.Property.Name, property.Counterexample!.Hit!);
        }

        if (result.Deadlock?.Hit is { } deadlock)
        {
            yield return (Expectation.Deadlock, deadlock);
        }
    }

    // That the time was up is no difference.
    private static string? CutShort(InstanceResult result, Effort tried) =>
        result.Incomplete is { } reason && reason == $"the limit of {tried.Time.TotalSeconds:0} s was reached" ? $"the sample was cut short: {reason}" : null;
}
