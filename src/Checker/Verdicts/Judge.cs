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
    public static InstanceResult Run(
        Instance instance, Budget budget, Action<Progress>? report = null, CancellationToken stop = default, CancellationToken hurry = default)
    {
        using var exploration = BreadthFirstExplorer.Run(instance, budget, report, stop);
        if (budget.Reductions == Reductions.None)
        {
            return Of(exploration, budget, hurry);
        }

        var reduced = new ReducedSearch(exploration.Graph.StateCount, exploration.Graph.EdgeCount, exploration.Searches);
        if (!stop.IsCancellationRequested && Fails(exploration))
        {
            var rest = budget with { Time = budget.Time == Timeout.InfiniteTimeSpan || budget.Time < exploration.Time ? budget.Time : budget.Time - exploration.Time };
            exploration.Graph.MakeRoom();
            using (var whole = BreadthFirstExplorer.Run(instance, rest with { Reductions = Reductions.None }, report, stop))
            {
                if (whole.IsComplete)
                {
                    return Of(whole, budget, hurry) with { Reduced = reduced, Time = exploration.Time + whole.Time };
                }
            }

            if (exploration.IsSymmetric)
            {
                using var asymmetric = BreadthFirstExplorer.Run(instance, rest with { Reductions = budget.Reductions & ~Reductions.Symmetry }, report, stop);
                return Of(asymmetric, budget, hurry) with { Reduced = reduced, CountsReduced = true };
            }
        }

        return Of(exploration, budget, hurry) with { Reduced = reduced, CountsReduced = true };
    }

    // Whether there is an interleaving to show.
    private static bool Fails(Exploration.Exploration exploration)
    {
        var monitor = exploration.Monitor;
        if (exploration.Fault is not null || Enumerable.Range(0, monitor.Properties.Count).Any(i => monitor.Properties[i].Form != PropertyForm.Sometimes && monitor.Findings(i).Count > 0))
        {
            return true;
        }

        if (!exploration.IsComplete)
        {
            return false;
        }

        var reverse = exploration.Graph.Reverse();
        var progressing = Progressing.Of(exploration, reverse);
        reverse.Free();
        return progressing.Deadlocks.Count + progressing.Livelocks.Count > 0;
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
    /// <param name="exploration">The search.</param>
    /// <param name="budget">The budget.</param>
    /// <param name="hurry">Set when the user will not wait for the cheapest interleavings.</param>
    public static InstanceResult Of(Exploration.Exploration exploration, Budget budget, CancellationToken hurry = default)
    {
        var instance = exploration.Instance;
        var ways = new Ways(exploration, hurry);
        var incomplete = exploration.Incomplete;
        var progressing = incomplete is null ? Progress(exploration, ways, ref incomplete, hurry) : null;
        var properties = exploration.Monitor.Properties.Select((p, i) => JudgeProperty(exploration, ways, p, i)).ToArray();
        var result = new InstanceResult
        {
            Verdict = VariantVerdict.Holds,
            Properties = properties,
            Deadlock = WayInto(exploration, ways, progressing?.Deadlocks ?? []),
            Livelock = WayInto(exploration, ways, progressing?.Livelocks ?? []),
            Incomplete = incomplete,
            Fault = exploration.Fault is { } fault ? (fault.Message, WayToFault(exploration, ways, fault)) : null,
            States = exploration.Graph.StateCount,
            Transitions = exploration.Graph.EdgeCount,
            Depth = exploration.Depth,
            Ends = exploration.Ends.Count,
            Time = exploration.Time,
            Estimate = exploration.Estimate,
            IsExact = budget.Exact,
            BytesPerState = (exploration.TableBytes + exploration.StoreBytes) / (double)exploration.Graph.StateCount,
            SpilledBytesPerState = exploration.Graph.Memory.MostSpilledBytes / (double)exploration.Graph.StateCount,
            Functions = [.. instance.Machine.Frames.Methods().Order(StringComparer.Ordinal)],
            Key = instance.Machine.Key,
        };
        return result with { Verdict = VerdictOf(result) };
    }

    // Deadlock and livelock, or null and a reason where the user would not wait for them.
    private static Progressing? Progress(Exploration.Exploration exploration, Ways ways, ref string? incomplete, CancellationToken hurry)
    {
        try
        {
            return Progressing.Of(exploration, ways.Reverse, hurry);
        }
        catch (OperationCanceledException)
        {
            incomplete = "interrupted before deadlock and livelock were looked for";
            return null;
        }
    }

    private static VariantVerdict VerdictOf(InstanceResult result) =>
        result.Fault is not null ? VariantVerdict.ModelFault
        : result.Properties.Any(p => p.Property.Class == PropertyClass.Safety && p.Verdict == Verdict.Violated) ? VariantVerdict.Violated
        : result.Incomplete is not null ? VariantVerdict.Incomplete
        : result.Deadlock is not null ? VariantVerdict.Deadlock
        : result.Livelock is not null ? VariantVerdict.Livelock
        : result.Properties.Any(p => p.Property.Class == PropertyClass.Safety && p.Verdict == Verdict.Vacuous) || result.Ends == 0 ? VariantVerdict.Vacuous
        : VariantVerdict.Holds;

    private static PropertyResult JudgeProperty(Exploration.Exploration exploration, Ways? ways, Property property, int index)
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
                    var counterexample = ways is null ? null : Counterexample(exploration, ways, findings, property);
                    return new(property, Verdict.Violated, counterexample?.Trace.Ending, counterexample);
                }

                return !exploration.IsComplete ? new(property, Verdict.Incomplete, null, null)
                    : property.Form == PropertyForm.AlwaysAt && !exploration.Monitor.Occurred(index) ? new(property, Verdict.Vacuous, $"the event '{property.At}' never occurred", null)
                    : property.Form == PropertyForm.Finally && exploration.Ends.Count == 0 ? new(property, Verdict.Vacuous, "no execution ends", null)
                    : new(property, Verdict.Holds, null, null);
        }
    }

    private static Counterexample? WayInto(Exploration.Exploration exploration, Ways ways, IReadOnlyList<int> states) =>
        states.Count == 0 ? null : Counterexample(exploration, ways, [.. states.Select(s => new Finding(s, -1))], null);

    // The way to the state whose step failed, and that step, which has no edge. Where the fault is that a path does not do
    // the same thing twice, there is no way that can be shown.
    private static Counterexample? WayToFault(Exploration.Exploration exploration, Ways ways, ModelFault fault)
    {
        if (exploration.IsSymmetric || fault.State < 0 || ways.To([new Finding(fault.State, -1)]) is not (var way, _))
        {
            return null;
        }

        try
        {
            Choice[] schedule = [.. way, fault.Choice];
            var trace = Replayer.Run(exploration.Instance, schedule);
            return new(Schedule.Format(exploration.Instance.Machine, schedule), trace, trace.Switches, schedule.Length, IsMinimal: false);
        }
        catch (ModelFaultException)
        {
            return null;
        }
    }

    private static Counterexample? Counterexample(Exploration.Exploration exploration, Ways ways, IReadOnlyList<Finding> findings, Property? property)
    {
        if (exploration.IsSymmetric || ways.To(findings) is not (var schedule, var isCheapest))
        {
            return null;
        }

        var trace = Replayer.Run(exploration.Instance, schedule, property);
        return new(Schedule.Format(exploration.Instance.Machine, schedule), trace, trace.Switches, schedule.Length, exploration is { IsComplete: true, IsReduced: false } && isCheapest)
        {
            IsCutShort = !isCheapest,
            NoReturn = ways.NoReturn(schedule, findings, property),
        };
    }
}
