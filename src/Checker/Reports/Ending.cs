using ThpCheck.Checker.Replay;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;

namespace ThpCheck.Checker.Reports;

/// <summary>Where a thread is that has not ended.</summary>
/// <param name="Thread">Its name.</param>
/// <param name="Calls">The functions on its stack, the entry first.</param>
/// <param name="Operation">What it would do next.</param>
/// <param name="Holds">The locks it holds.</param>
/// <param name="IsEnabled">Whether it can.</param>
internal sealed record WaitingThread(string Thread, IReadOnlyList<string> Calls, string Operation, IReadOnlyList<string> Holds, bool IsEnabled);

/// <summary>Where the threads are after the last step of a schedule.</summary>
/// <param name="Waiting">The tasks, and the optionals that have started, that have not ended.</param>
internal sealed record Ending(IReadOnlyList<WaitingThread> Waiting)
{
    public string Deadlock => $"deadlock: {string.Join("; ", Waiting.Select(Describe))}";

    public string Livelock =>
        $"livelock: {Prose.List([.. Waiting.Select(w => w.Thread)])} can step for ever, but no execution ends from here: {string.Join("; ", Waiting.Select(Describe))}";

    public static Ending Of(Instance instance, string schedule)
    {
        Stepper? last = null;
        Replayer.Run(instance, Schedule.Parse(instance.Machine, schedule), watch: s => last = s);
        return Of(last!);
    }

    public static Ending Of(Stepper stepper)
    {
        var machine = stepper.State.Machine;
        var view = new StateView(stepper.State);
        return new([.. Enumerable.Range(0, machine.ThreadCount)
            .Where(t => !stepper.HasEnded(t) && (machine.ThreadKind(t) == ThreadKind.Task || (machine.ThreadKind(t) == ThreadKind.Optional && stepper.HasStarted(t))))
            .Select(t => new WaitingThread(
                machine.ThreadName(t), stepper.Calls(t), OperationText.Of(machine, stepper.Pending(t)), Locks(view, t), stepper.IsEnabled(t)))]);
    }

    /// <summary>The locks a thread holds, by name, with their mode where it is shared.</summary>
    public static IReadOnlyList<string> Locks(StateView view, int thread)
    {
        const string FirstCell = ".writer"; // of an rwsem, which goes by its own name
        var locks = new List<string>();
        foreach (var held in view.Context(thread).Held)
        {
            var name = CellName.Of(view, held.Cell);
            name = name.EndsWith(FirstCell, StringComparison.Ordinal) ? name[..^FirstCell.Length] : name;
            name = held.Bit == 0 ? name : $"{OperationText.Value(view.Machine, held.Cell, held.Bit)} of {name}";
            locks.Add(held.Mode == LockMode.Shared ? $"{name} for reading" : name);
        }

        return locks;
    }

    private static string Describe(WaitingThread thread)
    {
        var holds = thread.Holds.Count == 0 ? "" : $"holds {Prose.List(thread.Holds)} and ";
        return $"{thread.Thread} {holds}{(thread.IsEnabled ? "is at" : "waits in")} {thread.Operation}";
    }
}
