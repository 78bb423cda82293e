using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Replay;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Reports;

/// <summary>What a replayed schedule comes to.</summary>
/// <param name="Bound">The variant.</param>
/// <param name="Schedule">The schedule or the token, as given.</param>
/// <param name="Trace">What happens.</param>
/// <param name="Broken">The properties that its last step or state breaks, each with the sentence that says how.</param>
/// <param name="States">The initial state and the one after each step; none after a step in which the model is at fault.</param>
/// <param name="Ending">Where the threads are in the end.</param>
/// <param name="IsEnd">Whether all tasks and all started optionals have ended.</param>
/// <param name="IsFault">Whether the model is at fault in the last step.</param>
internal sealed record Replayed(
    BoundVariant Bound, string Schedule, Trace Trace, IReadOnlyList<(Property Property, string Sentence)> Broken,
    IReadOnlyList<StateSnapshot> States, Ending Ending, bool IsEnd, bool IsFault)
{
    /// <summary>Whether nobody that owes its end can step.</summary>
    public bool IsStuck => !IsEnd && Trace.Ending is null && Ending.Waiting.All(w => !w.IsEnabled);

    /// <exception cref="ScheduleException">The schedule does not fit.</exception>
    /// <exception cref="ModelFaultException">The set-up is wrong.</exception>
    public static Replayed Run(BoundVariant bound, string schedule)
    {
        var instance = bound.Instance;
        var choices = ReplayToken.IsOne(schedule) ? ReplayToken.Resolve(instance, schedule) : Checker.Replay.Schedule.Parse(instance.Machine, schedule);
        var states = new List<StateSnapshot>();
        Stepper? last = null;
        var trace = Replayer.Run(instance, choices, watch: stepper =>
        {
            states.Add(StateSnapshot.Of(stepper));
            last = stepper;
        });
        var isEnd = trace.Ending is null && last!.IsEnd;
        var result = LastStep(instance, choices);
        var broken = result is { } step ? FindBroken(instance, choices, step, trace, new StateView(last!.State), isEnd) : [];
        return new(bound, schedule, trace, broken, states, Ending.Of(last!), isEnd, IsFault: result is null);
    }

    private static List<(Property Property, string Sentence)> FindBroken(
        Instance instance, IReadOnlyList<Choice> choices, StepResult result, Trace trace, StateView view, bool isEnd)
    {
        if (result.Bug != KernelBug.None)
        {
            return [(KernelBugProperties.For(result.Bug), trace.Ending!)];
        }

        var broken = new List<(Property, string)>();
        foreach (var property in result.ScopeTooSmall ? [] : instance.Properties.Where(p => MayBreak(p, result, view, isEnd)))
        {
            if (Replayer.Run(instance, choices, property).Ending is { } sentence)
            {
                broken.Add((property, sentence));
            }
        }

        return broken;
    }

    // What a step comes to is not part of the state it leads to. Null where the model is at fault.
    private static StepResult? LastStep(Instance instance, IReadOnlyList<Choice> choices)
    {
        var stepper = instance.Begin();
        var result = default(StepResult);
        try
        {
            foreach (var choice in choices)
            {
                result = stepper.Step(choice.Thread, choice.Pick);
            }

            return result;
        }
        catch (ModelFaultException)
        {
            return null;
        }
    }

    private static bool MayBreak(Property property, StepResult last, StateView view, bool isEnd) => property.Form switch
    {
        PropertyForm.Always or PropertyForm.AlwaysAt => true,
        PropertyForm.AlwaysOutside => !view.In(property.At!),
        PropertyForm.Finally => isEnd,
        PropertyForm.KernelBug => last.Meets(property.Bug),
        _ => false,
    };
}
