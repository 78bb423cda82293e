using System.Text.RegularExpressions;
using ThpCheck.Checker.Replay;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;

namespace ThpCheck.Checker.Reports;

/// <summary>An object about the step that fails.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Note">That it is not allocated, or "".</param>
/// <param name="Cells">What is in it, each with its value, and behind an arrow the one after the step where that is another.</param>
internal sealed record ObjectState(string Name, string Note, IReadOnlyList<string> Cells);

/// <summary>What a failure is about: the objects that its sentence names, before and after the failing step, and the locks that are held.</summary>
/// <param name="Objects">The objects, in the order of the sentence.</param>
/// <param name="Locks">Each thread that holds locks when it comes to that step, with them.</param>
internal sealed partial record FailingState(IReadOnlyList<ObjectState> Objects, IReadOnlyList<(string Thread, IReadOnlyList<string> Locks)> Locks)
{
    private const int MostObjects = 4;
    private const int MostCells = 8; // of an object

    /// <param name="instance">What the interleaving is one of.</param>
    /// <param name="schedule">The interleaving.</param>
    /// <param name="message">The sentence.</param>
    public static FailingState Of(Instance instance, string schedule, string message)
    {
        var choices = Schedule.Parse(instance.Machine, schedule);
        var states = new List<StateSnapshot>();
        var locks = new List<(string, IReadOnlyList<string>)>();
        var taken = 0;
        Replayer.Run(instance, choices, watch: stepper =>
        {
            if (taken >= choices.Count - 1)
            {
                states.Add(StateSnapshot.Of(stepper));
            }

            if (taken++ == choices.Count - 1)
            {
                var view = new StateView(stepper.State);
                locks.AddRange(Enumerable.Range(0, instance.Machine.ThreadCount)
                    .Select(t => (instance.Machine.ThreadName(t), Ending.Locks(view, t)))
                    .Where(t => t.Item2.Count > 0));
            }
        });
        if (states.Count == 0)
        {
            return new([], []); // the model is at fault
        }

        var touched = Touched(instance, choices);
        var (before, after) = (states[0], states[^1]);
        var names = instance.Machine.Objects.OfType<KernelObject>().ToLookup(o => o.Name);
        var named = Word().Matches(message).Select(m => m.Value).Distinct().Where(n => names[n].Any()).Take(MostObjects);
        return new([.. named.Select(n => Describe(n, names[n].First().Slot is null || before.Objects.Contains(n), before, after, touched)).Where(o => o.Cells.Count > 0 || o.Note.Length > 0)], locks);
    }

    private static ObjectState Describe(string name, bool isLive, StateSnapshot before, StateSnapshot after, HashSet<int> touched)
    {
        var cells = before.All().Zip(after.All())
            .Where(c => c.First.Cell.StartsWith($"{name}.", StringComparison.Ordinal))
            .Where(c => c.First.Value != c.Second.Value || touched.Contains(c.First.Number))
            .OrderBy(c => c.First.Value == c.Second.Value ? 1 : 0)
            .Take(MostCells)
            .OrderBy(c => c.First.Number)
            .Select(c => $"{c.First.Cell[(name.Length + 1)..]} {c.First.Value}{(c.First.Value == c.Second.Value ? "" : $" -> {c.Second.Value}")}");
        return new(name, isLive ? "" : "not allocated", [.. cells]);
    }

    private static HashSet<int> Touched(Instance instance, IReadOnlyList<Exploration.Choice> choices) =>
        [.. Recording.Of(instance, choices).Steps.SelectMany(s => s.Reads.Concat(s.Writes.Keys)).Select(p => p.Cell)];

    [GeneratedRegex(@"(?<![\w>.])[A-Za-z_]\w*'*")]
    private static partial Regex Word();
}
