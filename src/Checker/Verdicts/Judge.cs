using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Minimisation;
using ThpCheck.Checker.Reduction;
using ThpCheck.Checker.Replay;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Verdicts;

/// <summary>Explores an instance and says what that means for each property, with the cheapest interleaving for each that fails.</summary>
internal static class Judge
{
    /// <remarks>
    /// A reduced graph has every verdict in it, but not the cheapest interleavings: where something fails, the whole graph is
    /// searched for those, as far as the budget goes.
    /// </remarks>
    /// <exception cref="ModelFaultException">The set-up is wrong.</exception>
    public static InstanceResult Run(Instance instance, Budget budget, Action<Progress>? report = null, CancellationToken stop = default)
    {
        var exploration = BreadthFirstExplorer.Run(instance, budget, report, stop);
        if (budget.Reductions == Reductions.None)
        {
            return Of(exploration, budget);
        }

        var reduced = new ReducedSearch(exploration.Graph.StateCount, exploration.Graph.EdgeCount, exploration.Searches);
        if (Fails(exploration))
        {
            var rest = budget with { Time = budget.Time == Timeout.InfiniteTimeSpan || budget.Time < exploration.Time ? budget.Time : budget.Time - exploration.Time };
            var whole = BreadthFirstExplorer.Run(instance, rest with { Reductions = Reductions.None }, report, stop);
            if (whole.IsComplete)
            {
                return Of(whole, budget) with { Reduced = reduced, Time = exploration.Time + whole.Time };
            }

            if (exploration.IsSymmetric)
            {
                exploration = BreadthFirstExplorer.Run(instance, rest with { Reductions = budget.Reductions & ~Reductions.Symmetry }, report, stop);
            }
        }

        return Of(exploration, budget) with { Reduced = reduced, CountsReduced = true };
    }

    // Whether there is an interleaving to show.
    private static bool Fails(Exploration.Exploration exploration)
    {
        var monitor = exploration.Monitor;
        if (exploration.Fault is not null || Enumerable.Range(0, monitor.Properties.Count).Any(i => monitor.Properties[i].Form != PropertyForm.Sometimes && monitor.Findings(i).Count > 0))
        {
            return true;
        }

        var progressing = exploration.IsComplete ? Progressing.Of(exploration, exploration.Graph.Reverse()) : null;
        return progressing is not null && progressing.Deadlocks.Count + progressing.Livelocks.Count > 0;
    }

    /// <summary>The verdicts of a search alone, without interleavings: those of a reduced graph are not the cheapest, or none.</summary>
    public static VerdictsAlone VerdictsOf(Exploration.Exploration exploration)
    {
        var progressing = exploration.IsComplete ? Progressing.Of(exploration, exploration.Graph.Reverse()) : null;
        return new(
            [.. exploration.Monitor.Properties.Select((p, i) => JudgeProperty(exploration, null, p, i))],
            progressing is { Deadlocks.Count: > 0 },
            progressing is { Livelocks.Count: > 0 });
    }

    /// <summary>The same of a search that has been made, within this budget.</summary>
    public static InstanceResult Of(Exploration.Exploration exploration, Budget budget)
    {
        var instance = exploration.Instance;
        var reverse = exploration.Graph.Reverse();
        var leastCost = new Lazy<LeastCost>(() => new LeastCost(exploration, reverse));
        var progressing = exploration.IsComplete ? Progressing.Of(exploration, reverse) : null;
        var properties = exploration.Monitor.Properties.Select((p, i) => JudgeProperty(exploration, leastCost, p, i)).ToArray();
        var result = new InstanceResult
        {
            Verdict = VariantVerdict.Holds,
            Properties = properties,
            Deadlock = WayInto(exploration, leastCost, progressing?.Deadlocks ?? []),
            Livelock = WayInto(exploration, leastCost, progressing?.Livelocks ?? []),
            Incomplete = exploration.Incomplete,
            Fault = exploration.Fault is { } fault ? (fault.Message, WayToFault(exploration, leastCost, fault)) : null,
            States = exploration.Graph.StateCount,
            Transitions = exploration.Graph.EdgeCount,
            Depth = exploration.Depth,
            Ends = exploration.Ends.Count,
            Time = exploration.Time,
            IsExact = budget.Exact,
            BytesPerState = (exploration.TableBytes + exploration.StoreBytes) / (double)exploration.Graph.StateCount,
            Functions = [.. instance.Machine.Frames.Methods().Order(StringComparer.Ordinal)],
            Key = instance.Machine.Key,
        };
        return result with { Verdict = VerdictOf(result) };
    }

    private static VariantVerdict VerdictOf(InstanceResult result) =>
        result.Fault is not null ? VariantVerdict.ModelFault
        : result.Properties.Any(p => p.Property.Class == PropertyClass.Safety && p.Verdict == Verdict.Violated) ? VariantVerdict.Violated
        : result.Incomplete is not null ? VariantVerdict.Incomplete
        : result.Deadlock is not null ? VariantVerdict.Deadlock
        : result.Livelock is not null ? VariantVerdict.Livelock
        : result.Properties.Any(p => p.Property.Class == PropertyClass.Safety && p.Verdict == Verdict.Vacuous) || result.Ends == 0 ? VariantVerdict.Vacuous
        : VariantVerdict.Holds;

    private static PropertyResult JudgeProperty(Exploration.Exploration exploration, Lazy<LeastCost>? leastCost, Property property, int index)
    {
        var findings = exploration.Monitor.Findings(index);
        switch (property.Form)
        {
            case PropertyForm.Sometimes:
                return findings.Count > 0 ? new(property, Verdict.Holds, null, null)
                    : exploration.IsComplete ? new(property, Verdict.Violated, "never reached", null)
                    : new(property, Verdict.Incomplete, "not reached in what was explored", null);
            case PropertyForm.Outcomes:
                var verdict = !exploration.IsComplete ? Verdict.Incomplete : exploration.Ends.Count == 0 ? Verdict.Vacuous : Verdict.Holds;
                return new(property, verdict, null, null, exploration.Monitor.OutcomesOf(index));
            default:
                if (findings.Count > 0)
                {
                    var counterexample = leastCost is null ? null : Counterexample(exploration, leastCost, findings, property);
                    return new(property, Verdict.Violated, counterexample?.Trace.Ending, counterexample);
                }

                return !exploration.IsComplete ? new(property, Verdict.Incomplete, null, null)
                    : property.Form == PropertyForm.AlwaysAt && !exploration.Monitor.Occurred(index) ? new(property, Verdict.Vacuous, $"the event '{property.At}' never occurred", null)
                    : property.Form == PropertyForm.Finally && exploration.Ends.Count == 0 ? new(property, Verdict.Vacuous, "no execution ends", null)
                    : new(property, Verdict.Holds, null, null);
        }
    }

    private static Counterexample? WayInto(Exploration.Exploration exploration, Lazy<LeastCost> leastCost, IReadOnlyList<int> states) =>
        states.Count == 0 ? null : Counterexample(exploration, leastCost, [.. states.Select(s => new Finding(s, -1))], null);

    // The way to the state whose step failed, and that step, which has no edge. Where the fault is that a path does not do
    // the same thing twice, there is no way that can be shown.
    private static Counterexample? WayToFault(Exploration.Exploration exploration, Lazy<LeastCost> leastCost, ModelFault fault)
    {
        if (fault.State < 0 || leastCost.Value.To([new Finding(fault.State, -1)]) is not { } cheapest)
        {
            return null;
        }

        try
        {
            Choice[] schedule = [.. cheapest.Schedule, fault.Choice];
            var trace = Replayer.Run(exploration.Instance, schedule);
            return new(Schedule.Format(exploration.Instance.Machine, schedule), trace, trace.Switches, schedule.Length, IsMinimal: false);
        }
        catch (ModelFaultException)
        {
            return null;
        }
    }

    private static Counterexample? Counterexample(Exploration.Exploration exploration, Lazy<LeastCost> leastCost, IReadOnlyList<Finding> findings, Property? property)
    {
        if (leastCost.Value.To(findings) is not { } cheapest)
        {
            return null;
        }

        var trace = Replayer.Run(exploration.Instance, cheapest.Schedule, property);
        return new(Schedule.Format(exploration.Instance.Machine, cheapest.Schedule), trace, cheapest.Cost.Switches, cheapest.Cost.Steps, exploration is { IsComplete: true, IsReduced: false });
    }
}
