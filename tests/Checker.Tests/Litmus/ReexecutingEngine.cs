using ThpCheck.Checker.Exploration;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;

namespace ThpCheck.Checker.Tests.Litmus;

/// <summary>
/// Another engine on the same seam: it runs the same threads through what <see cref="Stepper"/> shows to everyone, and
/// enumerates all executions depth-first by starting each from the beginning. No undo, no fingerprints, no memory of
/// states: nothing that the explorer could share a mistake with.
/// </summary>
/// <remarks>Executions come in the order of threads, then of choices. It ends only where every execution does.</remarks>
internal sealed class ReexecutingEngine(Instance instance)
{
    private const int MostSteps = 200;

    private readonly List<(IReadOnlyList<Choice> Ways, int Taken)> _stack = []; // Taken < Ways.Count

    /// <summary>Called at the initial state and after each step, with the choices made so far and what the last step came to.</summary>
    public required Action<Stepper, IReadOnlyList<Choice>, StepResult?> Watch { get; init; }

    /// <summary>How many executions there are.</summary>
    public long Executions { get; private set; }

    public void Run()
    {
        do
        {
            RunOnce();
            Executions++;
        }
        while (Advance());
    }

    private void RunOnce()
    {
        var stepper = instance.Begin();
        var schedule = new List<Choice>();
        Watch(stepper, schedule, null);
        while (Ways(stepper) is { Count: > 0 } ways)
        {
            if (schedule.Count == MostSteps)
            {
                throw new InvalidOperationException($"an execution takes more than {MostSteps} steps");
            }

            if (schedule.Count == _stack.Count)
            {
                _stack.Add((ways, 0));
            }

            var choice = _stack[schedule.Count] is var (known, taken) ? known[taken] : default;
            schedule.Add(choice);
            var result = stepper.Step(choice.Thread, choice.Pick);
            Watch(stepper, schedule, result);
            if (result.IsFinal)
            {
                return;
            }
        }
    }

    // Moves the last step that has another way to it; what followed is forgotten.
    private bool Advance()
    {
        while (_stack.Count > 0)
        {
            var (ways, taken) = _stack[^1];
            if (taken + 1 < ways.Count)
            {
                _stack[^1] = (ways, taken + 1);
                return true;
            }

            _stack.RemoveAt(_stack.Count - 1);
        }

        return false;
    }

    private List<Choice> Ways(Stepper stepper)
    {
        var ways = new List<Choice>();
        for (var thread = 0; thread < instance.Machine.ThreadCount; thread++)
        {
            for (var pick = 0; stepper.IsEnabled(thread) && pick < stepper.Choices(thread); pick++)
            {
                ways.Add(new(thread, pick));
            }
        }

        return ways;
    }
}
