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
    private readonly ChunkedList<long> _firstEdge; // of each expanded state, in the order of their numbers
    private readonly ChunkedList<int> _targets;
    private readonly ChunkedList<ushort> _labels;

    /// <summary>A graph without states.</summary>
    /// <param name="memory">The memory of the search; its own unless given.</param>
    public StateGraph(SearchMemory? memory = null)
    {
        Memory = memory ?? new SearchMemory();
        _firstEdge = new(Memory);
        _targets = new(Memory);
        _labels = new(Memory);
    }

    /// <summary>The memory that it is in, and that what is made of it should be in too.</summary>
    public SearchMemory Memory { get; }

    public int StateCount { get; set; }

    public long EdgeCount => _targets.Count;

    /// <summary>How many bytes of it are in memory.</summary>
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

    /// <summary>Moves what is complete to the file.</summary>
    /// <exception cref="SpillException">There is no room for the file.</exception>
    public void Spill()
    {
        _firstEdge.Spill();
        _targets.Spill();
        _labels.Spill();
    }

    /// <summary>Makes room in memory for another search, as far as memory is limited.</summary>
    /// <exception cref="SpillException">There is no room for the file.</exception>
    public void MakeRoom()
    {
        if (Memory.IsLimited)
        {
            Spill();
            Memory.LetGo();
        }
    }

    /// <summary>The edges out of a state are those from First, inclusive, to End, exclusive.</summary>
    public (long First, long End) Edges(int state)
    {
        if (state >= _firstEdge.Count)
        {
            return (0, 0);
        }

        Memory.Touch(3); // they are looked at next
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
            Memory.Touch(1);
            var middle = (low + high + 1) / 2;
            (low, high) = _firstEdge[middle] <= edge ? (middle, high) : (low, middle - 1);
        }

        return (int)low;
    }

    /// <summary>The graph turned round.</summary>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public ReverseGraph Reverse(CancellationToken stop = default)
    {
        var first = new ChunkedList<long>(Memory);
        first.Extend(StateCount + 1);
        for (var edge = 0L; edge < EdgeCount; edge++)
        {
            Memory.Touch(2);
            first[Target(edge) + 1]++;
            if ((edge & 0xFFFF) == 0)
            {
                stop.ThrowIfCancellationRequested();
            }
        }

        for (var state = 0; state < StateCount; state++)
        {
            Memory.Touch(1);
            first[state + 1] += first[state];
        }

        // While it is filled, the beginning of each state's edges is where its next one goes: in the end, where the next state's begin.
        var edges = new ChunkedList<long>(Memory);
        var sources = new ChunkedList<int>(Memory);
        edges.Extend(EdgeCount);
        sources.Extend(EdgeCount);
        for (var state = 0; state < Expanded; state++)
        {
            stop.ThrowIfCancellationRequested();
            var (from, end) = Edges(state);
            for (var edge = from; edge < end; edge++)
            {
                Memory.Touch(4);
                var at = first[Target(edge)]++;
                edges[at] = edge;
                sources[at] = state;
            }
        }

        for (var state = StateCount; state > 0; state--)
        {
            Memory.Touch(1);
            first[state] = first[state - 1];
        }

        first[0] = 0;
        return new ReverseGraph(first, edges, sources);
    }
}

/// <summary>The edges into each state: those of state s stand from First[s], inclusive, to First[s + 1], exclusive.</summary>
/// <param name="First">One longer than there are states.</param>
/// <param name="Edges">Edges by number.</param>
/// <param name="Sources">The state each of them leads out of.</param>
internal sealed record ReverseGraph(ChunkedList<long> First, ChunkedList<long> Edges, ChunkedList<int> Sources)
{
    /// <summary>Gives its memory back; it is empty then.</summary>
    public void Free()
    {
        First.Free();
        Edges.Free();
        Sources.Free();
    }
}
