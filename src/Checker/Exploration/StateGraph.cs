namespace ThpCheck.Checker.Exploration;

/// <summary>One edge's way out of its state: which thread stepped, and in which of several ways.</summary>
/// <remarks>Ordered by thread, then choice: the order in which ties are broken.</remarks>
internal readonly record struct Choice(int Thread, int Pick)
{
    private const int PickBits = 10;

    public const int MaxPick = (1 << PickBits) - 1;

    public const int MaxThread = (1 << (16 - PickBits)) - 1;

    public ushort ToLabel() => (ushort)((Thread << PickBits) | Pick);

    public static Choice FromLabel(ushort label) => new(label >> PickBits, label & MaxPick);
}

/// <summary>
/// The states that were reached, numbered in breadth-first order, and every step between them. A kernel bug is a state of
/// its own without a way out.
/// </summary>
internal sealed class StateGraph
{
    private readonly ChunkedList<long> _firstEdge = new(); // of each expanded state, in the order of their numbers
    private readonly ChunkedList<int> _targets = new();
    private readonly ChunkedList<ushort> _labels = new();

    public int StateCount { get; set; }

    public long EdgeCount => _targets.Count;

    public long Bytes => _firstEdge.Bytes + _targets.Bytes + _labels.Bytes;

    /// <summary>How many states have been expanded; they are those with the smallest numbers.</summary>
    public long Expanded => _firstEdge.Count;

    /// <summary>The next state is expanded: its edges begin here.</summary>
    public void BeginState(long firstEdge) => _firstEdge.Add(firstEdge);

    /// <summary>Makes room for so many edges, to be set by their number; several threads may set different ones.</summary>
    /// <returns>The number of the first.</returns>
    public long Extend(long edges)
    {
        _labels.Extend(edges);
        return _targets.Extend(edges);
    }

    public void SetEdge(long edge, ushort label, int target)
    {
        _labels[edge] = label;
        _targets[edge] = target;
    }

    /// <summary>The edges out of a state are those from First, inclusive, to End, exclusive.</summary>
    public (long First, long End) Edges(int state)
    {
        if (state >= _firstEdge.Count)
        {
            return (0, 0);
        }

        return (_firstEdge[state], state + 1 < _firstEdge.Count ? _firstEdge[state + 1] : _targets.Count);
    }

    public int Target(long edge) => _targets[edge];

    public Choice Label(long edge) => Choice.FromLabel(_labels[edge]);

    /// <summary>The state an edge leads out of.</summary>
    public int Source(long edge)
    {
        var (low, high) = (0L, _firstEdge.Count - 1);
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            (low, high) = _firstEdge[middle] <= edge ? (middle, high) : (low, middle - 1);
        }

        return (int)low;
    }

    /// <summary>The graph turned round.</summary>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public ReverseGraph Reverse(CancellationToken stop = default)
    {
        var first = new long[StateCount + 1];
        for (var edge = 0L; edge < EdgeCount; edge++)
        {
            first[Target(edge) + 1]++;
            if ((edge & 0xFFFF) == 0)
            {
                stop.ThrowIfCancellationRequested();
            }
        }

        for (var state = 0; state < StateCount; state++)
        {
            first[state + 1] += first[state];
        }

        var next = first.AsSpan(0, StateCount).ToArray();
        var edges = new long[EdgeCount];
        var sources = new int[EdgeCount];
        for (var state = 0; state < Expanded; state++)
        {
            stop.ThrowIfCancellationRequested();
            var (from, end) = Edges(state);
            for (var edge = from; edge < end; edge++)
            {
                var at = next[Target(edge)]++;
                edges[at] = edge;
                sources[at] = state;
            }
        }

        return new ReverseGraph(first, edges, sources);
    }
}

/// <summary>The edges into each state: those of state s stand from First[s], inclusive, to First[s + 1], exclusive.</summary>
/// <param name="First">One longer than there are states.</param>
/// <param name="Edges">Edges by number.</param>
/// <param name="Sources">The state each of them leads out of.</param>
internal sealed record ReverseGraph(long[] First, long[] Edges, int[] Sources);
