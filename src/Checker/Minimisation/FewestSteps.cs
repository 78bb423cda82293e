using ThpCheck.Checker.Exploration;

namespace ThpCheck.Checker.Minimisation;

/// <summary>
/// A way of fewest steps to a finding: back along the steps by which states were first found, as a breadth-first search finds
/// each state by one of its shortest ways. It costs one look at each edge, and says nothing of context switches.
/// </summary>
internal sealed class FewestSteps
{
    private readonly StateGraph _graph;
    private readonly int[] _parents; // the state that each was found from; -1 for the initial one

    public FewestSteps(StateGraph graph)
    {
        _graph = graph;
        _parents = new int[graph.StateCount];
        Array.Fill(_parents, -1);
        for (var state = 0; state < graph.Expanded; state++)
        {
            var (first, end) = graph.Edges(state);
            for (var edge = first; edge < end; edge++)
            {
                ref var parent = ref _parents[graph.Target(edge)];
                parent = parent < 0 && graph.Target(edge) > state ? state : parent;
            }
        }
    }

    /// <summary>A shortest schedule that ends in one of the findings; null when there are none.</summary>
    public Choice[]? To(IReadOnlyList<Finding> findings)
    {
        // States are numbered by level, so the smallest number is as near as any.
        var state = findings.Where(f => f.Edge < 0).Select(f => (int?)f.State).Min();
        var edge = findings.Where(f => f.Edge >= 0).Select(f => (long?)f.Edge).Min();
        var toState = state is { } s ? To(s) : null;
        Choice[]? overEdge = edge is { } e ? [.. To(_graph.Source(e)), _graph.Label(e)] : null;
        return toState is null || overEdge?.Length < toState.Length ? overEdge : toState;
    }

    private Choice[] To(int state)
    {
        var schedule = new List<Choice>();
        for (; _parents[state] >= 0; state = _parents[state])
        {
            var edge = _graph.Edges(_parents[state]).First;
            while (_graph.Target(edge) != state)
            {
                edge++;
            }

            schedule.Add(_graph.Label(edge));
        }

        schedule.Reverse();
        return [.. schedule];
    }
}
