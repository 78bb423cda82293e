using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Replay;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Sampling;

/// <summary>Samples an instance and says what that means for each property. What was not broken was not shown to hold.</summary>
internal static class SampleJudge
{
    /// <exception cref="ModelFaultException">The set-up is wrong.</exception>
    public static InstanceResult Run(
        Instance instance, SampleOptions options, Budget budget, Action<SampleProgress>? report = null, CancellationToken stop = default)
    {
        var found = SampleExplorer.Run(instance, options, budget, report, stop);
        PropertyResult[] properties = [.. instance.Properties.Select((p, i) => JudgeProperty(found, p, i))];
        return new InstanceResult
        {
            Verdict = found.Fault is not null ? VariantVerdict.ModelFault
                : properties.Any(p => p.Property.Class == PropertyClass.Safety && p.Verdict == Verdict.Violated) ? VariantVerdict.Violated
                : found.Deadlock is not null ? VariantVerdict.Deadlock
                : VariantVerdict.Sampled,
            Properties = properties,
            Sample = found.Sample,
            Deadlock = found.Deadlock is { } deadlock ? WayOf(found, deadlock, null) : null,
            Incomplete = found.Incomplete,
            Fault = found.Fault is { } fault ? (fault.Message, WayToFault(found, fault.Schedule)) : null,
            States = found.States,
            Transitions = found.Transitions,
            Depth = found.Longest,
            Ends = (int)Math.Min(found.Ends, int.MaxValue),
            Time = found.Time,
            BytesPerState = SampleExplorer.BytesPerState,
            Functions = [.. instance.Machine.Frames.Methods().Order(StringComparer.Ordinal)],
            Key = instance.Machine.Key,
        };
    }

    private static PropertyResult JudgeProperty(SampleExploration found, Property property, int index)
    {
        var hit = found.HitOf(index);
        switch (property.Form)
        {
            case PropertyForm.Sometimes:
                return hit is not null ? new(property, Verdict.Holds, null, null) // one execution is all it takes
                    : new(property, Verdict.Incomplete, "not reached in any execution of the sample", null);
            case PropertyForm.Outcomes:
                return new(property, Verdict.Sampled, null, null, found.OutcomesOf(index));
            default:
                if (hit is not null)
                {
                    var way = WayOf(found, hit, property);
                    return new(property, Verdict.Violated, way.Trace.Ending, way);
                }

                return new(property, Verdict.Sampled, EmptyClaim(found, property, index), null);
        }
    }

    // Why a property that nothing breaks was not put to the test, or null.
    private static string? EmptyClaim(SampleExploration found, Property property, int index) => property.Form switch
    {
        PropertyForm.AlwaysAt when !found.Occurred(index) => $"the event '{property.At}' does not occur in any execution of the sample",
        PropertyForm.Finally when found.Ends == 0 => "no execution of the sample ends",
        _ => null,
    };

    private static Counterexample WayOf(SampleExploration found, Hit hit, Property? property)
    {
        var trace = Replayer.Run(found.Instance, hit.Schedule, property);
        return new(Schedule.Format(found.Instance.Machine, hit.Schedule), trace, trace.Switches, hit.Schedule.Length, IsMinimal: false) { Hit = hit };
    }

    // The step that failed is the schedule's last. Where a path does not do the same thing twice there is no way to show.
    private static Counterexample? WayToFault(SampleExploration found, Choice[] schedule)
    {
        try
        {
            return WayOf(found, new Hit(found.Sample.Seed, found.Sample.Executions, schedule, 1), null);
        }
        catch (ModelFaultException)
        {
            return null;
        }
    }
}
