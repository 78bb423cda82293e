using System.Collections;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Exploration;

/// <summary>
/// Deadlock and livelock by possibility, not fairness: among the states that cannot reach an End state, those from which
/// no thread that owes its end can step any more are deadlocks, and those from which neither an End nor a deadlock can be
/// reached are livelocks. What only leads to a kernel bug is neither: the bug is the report.
/// </summary>
/// <remarks>
/// Backward searches over the reversed graph, one more for each optional; linear in its size. A task owes its end, an
/// optional once it has started: one that could still start neither hides a deadlock nor lengthens the way into it.
/// </remarks>
internal sealed class Progressing
{
    private Progressing(IReadOnlyList<int> deadlocks, IReadOnlyList<int> livelocks)
    {
        Deadlocks = deadlocks;
        Livelocks = livelocks;
    }

    public IReadOnlyList<int> Deadlocks { get; }

    public IReadOnlyList<int> Livelocks { get; }

    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static Progressing Of(Exploration exploration, ReverseGraph reverse, CancellationToken stop = default)
    {
        var graph = exploration.Graph;
        var machine = exploration.Instance.Machine;
        var canEnd = Backwards(graph, reverse, exploration.Ends.Concat(exploration.Sinks), stop);

        if (canEnd.HasAllSet())
        {
            return new([], []);
        }

        // From here one that owes its end steps some time, perhaps after others.
        var canStep = CanStep(graph, reverse, t => machine.ThreadKind(t) == ThreadKind.Task, stop);
        foreach (var optional in Enumerable.Range(0, machine.ThreadCount).Where(t => machine.ThreadKind(t) == ThreadKind.Optional))
        {
            canStep.Or(CanStep(graph, reverse, t => t == optional, stop).And(Started(graph, optional)));
        }

        var deadlocks = Where(graph.StateCount, s => !canEnd[s] && !canStep[s]);
        var canEndOrStop = Backwards(graph, reverse, exploration.Ends.Concat(exploration.Sinks).Concat(deadlocks), stop);
        return new(deadlocks, Where(graph.StateCount, s => !canEndOrStop[s]));
    }

    private static BitArray CanStep(StateGraph graph, ReverseGraph reverse, Func<int, bool> thread, CancellationToken stop) =>
        Backwards(graph, reverse, Enumerable.Range(0, graph.StateCount).Where(s => HasStep(graph, s, thread)), stop);

    private static bool HasStep(StateGraph graph, int state, Func<int, bool> thread)
    {
        var (first, end) = graph.Edges(state);
        for (var edge = first; edge < end; edge++)
        {
            if (thread(graph.Label(edge).Thread))
            {
                return true;
            }
        }

        return false;
    }

    // A state knows which threads have started, so any way into it tells; the first one comes from a smaller number.
    private static BitArray Started(StateGraph graph, int thread)
    {
        var started = new BitArray(graph.StateCount);
        for (var state = 0; state < graph.StateCount; state++)
        {
            var (first, end) = graph.Edges(state);
            for (var edge = first; edge < end; edge++)
            {
                started[graph.Target(edge)] |= graph.Target(edge) > state && (started[state] || graph.Label(edge).Thread == thread);
            }
        }

        return started;
    }

    private static BitArray Backwards(StateGraph graph, ReverseGraph reverse, IEnumerable<int> from, CancellationToken stop)
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
            stop.ThrowIfCancellationRequested();
            graph.Memory.Touch(2);
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
}
