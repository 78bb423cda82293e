using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Replay;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Bounds;

/// <summary>
/// Explores an instance within a bound on context switches and says what that means for each property. Deadlock and livelock
/// are not judged: whether an execution can still end is a question about all that may follow, switches beyond the bound included.
/// </summary>
internal static class BoundedJudge
{
    /// <summary>
    /// Judges within the bound. Where it turns out that nothing lies beyond it, the exhaustive search is as large and says more, so
    /// its answer is given, and only then is it said of a promise that it holds.
    /// </summary>
    /// <exception cref="ModelFaultException">The set-up is wrong.</exception>
    public static InstanceResult Run(
        Instance instance, int switches, Budget budget, Action<Progress>? report = null, CancellationToken stop = default, CancellationToken hurry = default)
    {
        var found = BoundedExplorer.Run(instance, switches, budget, report, stop);
        if (found.IsWhole)
        {
            var left = budget.Time == Timeout.InfiniteTimeSpan || budget.Time <= found.Time ? budget.Time : budget.Time - found.Time;
            var whole = Judge.Run(instance, budget with { Time = left }, report, stop, hurry);
            return whole with { Bound = new SwitchBound(switches, IsHit: false), Time = found.Time + whole.Time };
        }

        var bound = new SwitchBound(switches, IsHit: true);
        PropertyResult[] properties = [.. found.Monitor.Properties.Select((p, i) => JudgeProperty(found, bound, p, i))];
        return new InstanceResult
        {
            Verdict = found.Fault is not null ? VariantVerdict.ModelFault
                : properties.Any(p => p.Property.Class == PropertyClass.Safety && p.Verdict == Verdict.Violated) ? VariantVerdict.Violated
                : found.Incomplete is not null ? VariantVerdict.Incomplete
                : VariantVerdict.HoldsWithinBound,
            Properties = properties,
            Bound = bound,
            Incomplete = found.Incomplete,
            Fault = found.Fault is { } fault ? (fault.Message, WayToFault(instance, fault.Schedule)) : null,
            States = found.States,
            Transitions = found.Transitions,
            Depth = found.Depth,
            Ends = found.Ends,
            Time = found.Time,
            BytesPerState = found.Bytes / (double)found.States,
            Functions = [.. instance.Machine.Frames.Methods().Order(StringComparer.Ordinal)],
            Key = instance.Machine.Key,
        };
    }

    private static PropertyResult JudgeProperty(BoundedExploration found, SwitchBound bound, Property property, int index)
    {
        var findings = found.Monitor.Findings(index);
        var without = found.Incomplete is null ? Verdict.HoldsWithinBound : Verdict.Incomplete;
        switch (property.Form)
        {
            case PropertyForm.Sometimes:
                return findings.Count > 0 ? new(property, Verdict.Holds, null, null) // one execution is all it takes
                    : new(property, Verdict.Incomplete, $"not reached within {bound}", null);
            case PropertyForm.Outcomes:
                return new(property, without, null, null, found.Monitor.OutcomesOf(index));
            default:
                if (found.To(findings) is { } schedule)
                {
                    var trace = Replayer.Run(found.Instance, schedule, property);
                    var way = new Counterexample(Schedule.Format(found.Instance.Machine, schedule), trace, trace.Switches, schedule.Length, found.Incomplete is null);
                    return new(property, Verdict.Violated, trace.Ending, way);
                }

                return new(property, without, EmptyClaim(found, bound, property, index), null);
        }
    }

    // Why a property that nothing breaks was not put to the test, or null.
    private static string? EmptyClaim(BoundedExploration found, SwitchBound bound, Property property, int index) => property.Form switch
    {
        PropertyForm.AlwaysAt when !found.Monitor.Occurred(index) => $"the event '{property.At}' does not occur within {bound}",
        PropertyForm.Finally when found.Ends == 0 => $"no execution ends within {bound}",
        _ => null,
    };

    // The step that failed is the schedule's last. Where a path does not do the same thing twice there is no way to show.
    private static Counterexample? WayToFault(Instance instance, Choice[] schedule)
    {
        try
        {
            var trace = Replayer.Run(instance, schedule);
            return new(Schedule.Format(instance.Machine, schedule), trace, trace.Switches, schedule.Length, IsMinimal: false);
        }
        catch (ModelFaultException)
        {
            return null;
        }
    }
}
