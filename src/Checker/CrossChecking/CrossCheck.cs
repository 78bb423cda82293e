using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Reports;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.CrossChecking;

/// <summary>What another search came to.</summary>
/// <param name="Name">The <see cref="Alternative"/>.</param>
/// <param name="States">How many states it found.</param>
/// <param name="Transitions">How many transitions.</param>
/// <param name="Difference">What it says otherwise, as a sentence, or null.</param>
/// <param name="Incomplete">Why it cannot be compared: it ran out of its budget; or null.</param>
internal sealed record OtherSearch(string Name, long States, long Transitions, string? Difference, string? Incomplete);

/// <summary>Searches a variant in every way there is, and compares what they find with each other.</summary>
internal static class CrossCheck
{
    // What memory holds in an End state: all its cells, ghosts included.
    private static readonly Property EndStates = Property.Outcomes(
        "the memory of End states", static view => [.. Enumerable.Range(1, view.Machine.Cells.Count).Select(view.Word)]);

    /// <summary>The usual search's result, with what the others came to. Where it does not explore everything there is nothing to compare.</summary>
    /// <param name="instance">What is searched.</param>
    /// <param name="again">Makes it once more, with frames that keep their dead fields or not.</param>
    /// <param name="budget">What each search may use.</param>
    /// <param name="report">Is told of progress, or null.</param>
    /// <param name="stop">Ends all.</param>
    /// <exception cref="ModelFaultException">The set-up is wrong.</exception>
    public static InstanceResult Run(Instance instance, Func<bool, Instance> again, Budget budget, Action<Progress>? report, CancellationToken stop)
    {
        var usual = Judge.Run(instance.Promising(EndStates), budget, report, stop);
        var others = new List<OtherSearch>();
        foreach (var alternative in usual.IsComplete ? Alternative.All.Where(a => !a.IsPart && a.IsOtherThan(budget)) : [])
        {
            using var other = BreadthFirstExplorer.Run(again(alternative.KeepsDeadFields).Promising(EndStates), alternative.Of(budget), report, stop);
            others.Add(Compared(usual, other, alternative, budget));
        }

        return usual with { Properties = [.. usual.Properties.Where(p => p.Property != EndStates)], CrossCheck = others };
    }

    /// <summary>The first thing in which two results differ that should be alike, or null.</summary>
    /// <param name="here">The one.</param>
    /// <param name="there">The other, of the same properties.</param>
    /// <param name="sameGraph">Whether the numbers of states and transitions are to be the same.</param>
    public static string? Difference(InstanceResult here, InstanceResult there, bool sameGraph) =>
        DifferenceInVerdicts(here, new(there.Properties, there.Deadlock is not null, there.Livelock is not null))
        ?? here.Properties.Zip(there.Properties).Select(p => DifferenceInCost(p.First.Property.Name, p.First.Counterexample, p.Second.Counterexample)).FirstOrDefault(d => d is not null)
        ?? DifferenceInCost(Expectation.Deadlock, here.Deadlock, there.Deadlock)
        ?? DifferenceInCost(Expectation.Livelock, here.Livelock, there.Livelock)
        ?? (!sameGraph ? null
            : here.States != there.States ? $"{here.States} states here, {there.States} there"
            : here.Transitions != there.Transitions ? $"{here.Transitions} transitions here, {there.Transitions} there"
            : null);

    /// <summary>The same of verdicts alone.</summary>
    public static string? DifferenceInVerdicts(InstanceResult here, VerdictsAlone there)
    {
        foreach (var (name, one, other) in new[] { (Expectation.Deadlock, here.Deadlock, there.Deadlock), (Expectation.Livelock, here.Livelock, there.Livelock) })
        {
            if (one is not null != other)
            {
                return other ? $"{name}: none here, one there" : $"{name}: one here, none there";
            }
        }

        foreach (var (one, other) in here.Properties.Zip(there.Properties))
        {
            if (one.Verdict != other.Verdict)
            {
                return $"{one.Property.Name}: {CheckedVariant.Word(one.Verdict)} here, {CheckedVariant.Word(other.Verdict)} there";
            }

            if (one.Outcomes is { } outcomes && !outcomes.SequenceEqual(other.Outcomes!, ByValue))
            {
                var (only, others) = (outcomes.Except(other.Outcomes!, ByValue).Count(), other.Outcomes!.Except(outcomes, ByValue).Count());
                return $"{one.Property.Name}: {only} of {outcomes.Count} here only, {others} of {other.Outcomes!.Count} there only";
            }
        }

        return null;
    }

    private static OtherSearch Compared(InstanceResult usual, Exploration.Exploration other, Alternative alternative, Budget budget)
    {
        var what = other.Fault is { } fault ? $"no fault of the model here, one there: {fault.Message}"
            : !other.IsComplete ? null
            : alternative.IsReduced ? DifferenceInVerdicts(usual, Judge.VerdictsOf(other))
            : Difference(usual, Judge.Of(other, alternative.Of(budget)), alternative.HasSameGraph);
        return new(
            alternative.Name,
            other.Graph.StateCount,
            other.Graph.EdgeCount,
            what is null ? null : $"the search with {alternative.Name} differs: {what}",
            other.Fault is null ? other.Incomplete : null);
    }

    private static string? DifferenceInCost(string name, Counterexample? here, Counterexample? there) =>
        CostOf(here) == CostOf(there) ? null : $"{name}: least cost {CostOf(here)} here, {CostOf(there)} there";

    private static string CostOf(Counterexample? way) => way is null ? "none" : $"{Prose.Count(way.Switches, "context switch")} and {Prose.Count(way.Steps, "step")}";

    private static readonly IEqualityComparer<IReadOnlyList<long>> ByValue = EqualityComparer<IReadOnlyList<long>>.Create(
        static (one, other) => one!.SequenceEqual(other!), static values => values.Aggregate(0, HashCode.Combine));
}
