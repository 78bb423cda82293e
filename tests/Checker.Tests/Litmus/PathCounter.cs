using ThpCheck.Checker.Exploration;

namespace ThpCheck.Checker.Tests.Litmus;

/// <summary>Counts executions without running them: the number of ways through a graph without cycles.</summary>
internal static class PathCounter
{
    /// <summary>How many ways lead from the initial state to the states without a way out.</summary>
    /// <exception cref="InvalidOperationException">The graph has a cycle, so there is no end of ways.</exception>
    public static long Paths(StateGraph graph)
    {
        const long Open = -1;
        var paths = new Dictionary<int, long>();
        return From(0);

        long From(int state)
        {
            if (paths.TryGetValue(state, out var known))
            {
                return known != Open ? known : throw new InvalidOperationException($"state {state} leads back to itself");
            }

            paths.Add(state, Open);
            var (first, end) = graph.Edges(state);
            var sum = first == end ? 1 : 0L;
            for (var edge = first; edge < end; edge++)
            {
                sum = checked(sum + From(graph.Target(edge)));
            }

            return paths[state] = sum;
        }
    }
}
