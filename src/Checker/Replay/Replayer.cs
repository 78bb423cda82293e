using ThpCheck.Checker.Exploration;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Replay;

/// <summary>Executes a schedule again and writes down what happens.</summary>
internal sealed class Replayer
{
    private readonly Instance _instance;
    private readonly Machine _machine;
    private readonly Stepper _stepper;
    private readonly List<TraceStep> _steps = [];
    private int _last = -1;

    private Replayer(Instance instance)
    {
        _instance = instance;
        _machine = instance.Machine;
        _stepper = instance.Begin();
    }

    /// <summary>The trace of a schedule.</summary>
    /// <param name="instance">What it is a schedule of.</param>
    /// <param name="schedule">The choices.</param>
    /// <param name="broken">The property that the schedule was found for, whose sentence ends the trace; or null.</param>
    /// <param name="watch">Called with the stepper before the first step and after each; or null.</param>
    /// <exception cref="ScheduleException">The schedule does not fit.</exception>
    /// <exception cref="ModelFaultException">The set-up is wrong.</exception>
    public static Trace Run(Instance instance, IReadOnlyList<Choice> schedule, Property? broken = null, Action<Stepper>? watch = null) =>
        new Replayer(instance).Run(schedule, broken, watch);

    private Trace Run(IReadOnlyList<Choice> schedule, Property? broken, Action<Stepper>? watch)
    {
        watch?.Invoke(_stepper);
        string? ending = null;
        foreach (var choice in schedule)
        {
            if (ending is not null)
            {
                throw new ScheduleException($"the schedule goes on after step {_steps.Count}, where the execution ends: {ending}");
            }

            if (Step(choice, out var fault) is not { } result)
            {
                ending = $"the model is at fault: {fault}";
                continue;
            }

            ending = result.ScopeTooSmall ? $"scope too small: the pool {result.Reason} is used up"
                : result.Bug != KernelBug.None ? BugSentence.Of(_machine, result.Met.First(m => m.Bug == result.Bug), _steps)
                : null;
            if (ending is null && broken is { Form: PropertyForm.KernelBug } && result.Meets(broken.Bug) && _steps.Count == schedule.Count)
            {
                ending = BugSentence.Of(_machine, result.Met.First(m => m.Bug == broken.Bug), _steps);
            }

            if (ending is null && broken is { Form: PropertyForm.AlwaysAt } && _steps.Count == schedule.Count)
            {
                ending = AtEvent(broken, choice.Thread, result.Effects);
            }

            watch?.Invoke(_stepper);
        }

        ending ??= broken is null ? null : InState(broken);
        return new Trace([.. Enumerable.Range(0, _machine.ThreadCount).Select(_machine.ThreadName)], _steps, Outline(), ending);
    }

    // Null, and why, where the model is at fault: the step is then the last of the trace.
    private StepResult? Step(Choice choice, out string? fault)
    {
        fault = null;
        var thread = choice.Thread;
        var name = _machine.ThreadName(thread);
        if (!_stepper.IsEnabled(thread))
        {
            var why = _stepper.HasEnded(thread) ? "has ended" : $"waits in {OperationText.Of(_machine, _stepper.Pending(thread))}";
            throw new ScheduleException($"step {_steps.Count + 1} of the schedule does not fit: {name} {why}");
        }

        if (choice.Pick >= _stepper.Choices(thread))
        {
            throw new ScheduleException($"step {_steps.Count + 1} of the schedule does not fit: {name} has {_stepper.Choices(thread)} ways to go on here, not {choice.Pick + 1}");
        }

        var operation = _stepper.Pending(thread);
        var calls = _stepper.Calls(thread);
        var isEnvironment = _machine.ThreadKind(thread) == ThreadKind.Environment;
        var isSwitch = !isEnvironment && _last >= 0 && _last != thread;
        var isPreemption = isSwitch && !_stepper.HasEnded(_last) && _stepper.IsEnabled(_last);
        var pageBefore = Gone();
        var step = new TraceStep(
            _steps.Count + 1, name, calls.Count == 0 ? name : calls[^1], calls, OperationText.Of(_machine, operation), "",
            isSwitch, isPreemption, isEnvironment, [], 0)
        { Does = operation, Source = _stepper.Sources(thread) is [.., var line] ? line : null };
        _last = isEnvironment ? _last : thread;
        try
        {
            var result = _stepper.Step(thread, choice.Pick);
            var final = result.IsFinal;
            var stops = final && result.Effects.Count == 0; // the operation itself is the bug, and returns nothing
            _steps.Add(step with
            {
                Value = stops ? "" : OperationText.Result(_machine, operation, result.Value),
                Notes = [.. result.Effects.Where(e => e.Kind is EffectKind.Barrier or EffectKind.Oracle or EffectKind.Bug).Select(Note)],
                Frees = final ? 0 : Freed(operation, pageBefore),
                Returned = stops ? null : result.Value,
                Returns = [.. result.Effects.Where(e => e.Kind == EffectKind.Return).Select(ReturnOf)],
            });
            return result;
        }
        catch (ModelFaultException e)
        {
            _steps.Add(step);
            fault = e.Message;
            return null;
        }
    }

    private string Note(Effect effect) => effect.Kind switch
    {
        EffectKind.Barrier => $"{effect.Text}()",
        EffectKind.Oracle when effect.Value != 0 => $"{effect.Text} {_machine.Object((int)effect.Value)}",
        _ => effect.Text,
    };

    // The site is file.function, with " = value" where there is one.
    private static PathReturn ReturnOf(Effect effect)
    {
        var parts = effect.Text.Split(" = ", 2);
        return new(parts[0][(parts[0].LastIndexOf('.') + 1)..], parts.ElementAtOrDefault(1) ?? "");
    }

    private string? AtEvent(Property broken, int thread, IReadOnlyList<Effect> effects)
    {
        var view = new StateView(_stepper.State) { Thread = thread };
        foreach (var effect in effects)
        {
            if (effect.Kind is EffectKind.Oracle or EffectKind.Return && PropertyMonitor.EventName(effect) == broken.At)
            {
                view.Argument = effect.Kind == EffectKind.Oracle ? _machine.Object((int)effect.Value) : null;
                if (broken.Check(view) is { } sentence)
                {
                    return sentence;
                }
            }
        }

        return null;
    }

    private string? InState(Property broken)
    {
        if (broken.Form is PropertyForm.Finally or PropertyForm.Outcomes && _instance.TearDown is { } tearDown)
        {
            Instance.RunAlone(_stepper, tearDown.Thread, tearDown.Entry, "tear-down");
        }

        return broken.Form == PropertyForm.KernelBug ? null : broken.Check(new StateView(_stepper.State));
    }

    private HashSet<SlabSlot> Gone() => [.. _machine.Caches.SelectMany(c => c.Slots).Where(s => _stepper.State.Get(s.Lifetime) == s.GoneWord)];

    private int Freed(in Operation operation, HashSet<SlabSlot> before) => operation.Code switch
    {
        OperationCode.kmem_cache_free => (int)operation.A,
        OperationCode.discard_slab => Gone().Except(before).FirstOrDefault()?.Generations[0].Id ?? 0,
        _ => 0,
    };

    // Each turn with its steps; a slash before a turn that took the CPU from a thread which could have gone on.
    private string Outline()
    {
        var turns = new List<string>();
        for (var i = 0; i < _steps.Count;)
        {
            var run = 1;
            while (i + run < _steps.Count && _steps[i + run].Thread == _steps[i].Thread)
            {
                run++;
            }

            turns.Add($"{(_steps[i].IsPreemption ? "/ " : "")}{_steps[i].Thread} {run}");
            i += run;
        }

        return string.Join("  ", turns);
    }
}
