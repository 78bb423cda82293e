using System.Collections;

namespace ThpCheck.Checker.Certificates;

/// <summary>A step between two listed states.</summary>
internal readonly record struct Edge(int Source, int Target, int Thread);

/// <summary>
/// Deadlock and livelock over the derived steps: of the states that reach neither an End state nor a kernel bug, those from
/// which no thread that owes its end there can step any more are deadlocks, those that do not reach a deadlock either are
/// livelocks.
/// </summary>
internal static class Stuck
{
    /// <summary>Whether there is a deadlock, and whether there is a livelock.</summary>
    /// <param name="states">How many states there are.</param>
    /// <param name="edges">The steps.</param>
    /// <param name="ends">The End states and those that a kernel bug ends.</param>
    /// <param name="owes">Whether a thread owes its end in a state, unless it has ended.</param>
    public static (bool Deadlock, bool Livelock) In(int states, List<Edge> edges, IReadOnlyList<int> ends, Func<int, int, bool> owes)
    {
        var canEnd = new BitArray(states);
        Spread(canEnd, ends, edges);
        if (canEnd.HasAllSet())
        {
            return (false, false);
        }

        // The threads whose step can still come, for each state that cannot end; only such states follow on one another.
        var later = new long[states];
        for (var changed = true; changed;)
        {
            changed = false;
            for (var i = edges.Count - 1; i >= 0; i--)
            {
                var edge = edges[i];
                var more = later[edge.Source] | later[edge.Target] | (1L << edge.Thread);
                changed |= !canEnd[edge.Source] && more != later[edge.Source];
                later[edge.Source] = more;
            }
        }

        var deadlocks = Enumerable.Range(0, states).Where(s => !canEnd[s] && !Threads(later[s]).Any(t => owes(s, t))).ToArray();
        Spread(canEnd, deadlocks, edges);
        return (deadlocks.Length > 0, !canEnd.HasAllSet());
    }

    // Marks some states and all that lead to them. Going through the edges backwards marks most in one go, as states are
    // expanded in breadth-first order.
    private static void Spread(BitArray marked, IReadOnlyList<int> from, List<Edge> edges)
    {
        foreach (var state in from)
        {
            marked[state] = true;
        }

        for (var changed = true; changed;)
        {
            changed = false;
            for (var i = edges.Count - 1; i >= 0; i--)
            {
                var edge = edges[i];
                if (marked[edge.Target] && !marked[edge.Source])
                {
                    marked[edge.Source] = true;
                    changed = true;
                }
            }
        }
    }

    private static IEnumerable<int> Threads(long mask) => Enumerable.Range(0, 64).Where(t => (mask & (1L << t)) != 0);
}
