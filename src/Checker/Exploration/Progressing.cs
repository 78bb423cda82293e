using System.Collections;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Exploration;

/// <summary>
/// Deadlock and livelock by possibility, not fairness: among the states that cannot reach an End state, those from which
/// no task can step any more are deadlocks, and those from which neither an End nor a deadlock can be reached are
/// livelocks. What only leads to a kernel bug is neither: the bug is the report.
/// </summary>
/// <remarks>Two backward searches over the reversed graph; linear in its size. A started optional counts as a task.</remarks>
internal sealed class Progressing
{
    private Progressing(IReadOnlyList<int> deadlocks, IReadOnlyList<int> livelocks)
    {
        Deadlocks = deadlocks;
        Livelocks = livelocks;
    }

    public IReadOnlyList<int> Deadlocks { get; }

    public IReadOnlyList<int> Livelocks { get; }

    public static Progressing Of(Exploration exploration, ReverseGraph reverse)
    {
        var graph = exploration.Graph;
        var machine = exploration.Instance.Machine;
        var canEnd = Backwards(graph, reverse, exploration.Ends.Concat(exploration.Sinks));

        // From here a task steps some time, perhaps after the environment.
        var steppers = Enumerable.Range(0, graph.StateCount).Where(s => HasTaskStep(graph, machine, s));
        var canStep = Backwards(graph, reverse, steppers);
        var deadlocks = Where(graph.StateCount, s => !canEnd[s] && !canStep[s]);
        if (deadlocks.Count == 0 && AllSet(canEnd, graph.StateCount))
        {
            return new([], []);
        }

        var canEndOrStop = Backwards(graph, reverse, exploration.Ends.Concat(exploration.Sinks).Concat(deadlocks));
        return new(deadlocks, Where(graph.StateCount, s => !canEndOrStop[s]));
    }

    private static bool HasTaskStep(StateGraph graph, Machine machine, int state)
    {
        var (first, end) = graph.Edges(state);
        for (var edge = first; edge < end; edge++)
        {
            if (machine.ThreadKind(graph.Label(edge).Thread) != ThreadKind.Environment)
            {
                return true;
            }
        }

        return false;
    }

    private static BitArray Backwards(StateGraph graph, ReverseGraph reverse, IEnumerable<int> from)
    {
        var reached = new BitArray(graph.StateCount);
        var stack = new Stack<int>();
        foreach (var state in from)
        {
            if (!reached[state])
            {
                reached[state] = true;
                stack.Push(state);
            }
        }

        while (stack.TryPop(out var state))
        {
            for (var i = reverse.First[state]; i < reverse.First[state + 1]; i++)
            {
                var source = reverse.Sources[i];
                if (!reached[source])
                {
                    reached[source] = true;
                    stack.Push(source);
                }
            }
        }

        return reached;
    }

    private static List<int> Where(int count, Func<int, bool> predicate) => [.. Enumerable.Range(0, count).Where(predicate)];

    private static bool AllSet(BitArray bits, int count) => bits.Count == count && bits.HasAllSet();
}
