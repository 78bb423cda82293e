using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Replay;

/// <summary>From the step of an execution that takes a lock to the one that releases it, if it is.</summary>
internal readonly record struct LockSection(int Thread, HeldLock Lock, int From, int? To)
{
    /// <summary>Whether it had to wait for another. Two that only read do not wait for each other.</summary>
    public bool Follows(LockSection other) =>
        From > other.To && (Lock.Cell, Lock.Bit) == (other.Lock.Cell, other.Lock.Bit) && (Lock.Mode == LockMode.Exclusive || other.Lock.Mode == LockMode.Exclusive);

    /// <summary>The sections of an execution, in the order of their beginnings.</summary>
    public static List<LockSection> Of(Recording recording)
    {
        var sections = new List<LockSection>();
        foreach (var (i, step) in recording.Steps.Index())
        {
            var thread = step.Choice.Thread;
            var before = recording.Instance.Machine.Automaton(thread).Details(step.Node).Context.Held;
            recording.Return(i + 1);
            var after = new StateView(recording.Stepper.State).Context(thread).Held;
            foreach (var held in before.ToArray().Except(after.ToArray()))
            {
                var at = sections.FindLastIndex(s => s.Thread == thread && s.Lock == held && s.To is null);
                if (at >= 0)
                {
                    sections[at] = sections[at] with { To = i };
                }
            }

            sections.AddRange(after.ToArray().Except(before.ToArray()).Select(held => new LockSection(thread, held, i, null)));
        }

        return sections;
    }
}
