using ThpCheck.Checker.Exploration;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Minimisation;

/// <summary>What an interleaving costs: fewest context switches first, then fewest steps.</summary>
internal readonly record struct Cost(int Switches, int Steps) : IComparable<Cost>
{
    public int CompareTo(Cost other) => Switches != other.Switches ? Switches.CompareTo(other.Switches) : Steps.CompareTo(other.Steps);
}

/// <summary>
/// The cheapest interleaving to a finding, proven cheapest: Dijkstra's algorithm (1959) over pairs (state, last task) of
/// the whole graph, with lexicographic cost (context switches, steps). A step of a task or optional other than the last
/// one that stepped costs a switch; the environment's steps and choices cost none.
/// </summary>
/// <remarks>
/// Every edge costs one step and at most one switch, so the queue is a row of buckets for each number of switches and the
/// search is linear in the pairs it visits. It goes no further than the row in which it finds what it is asked for. Among equally cheap interleavings the one that is first by order of threads in
/// the scenario, then of choices, is taken.
/// </remarks>
internal sealed class LeastCost
{
    private readonly Exploration.Exploration _exploration;
    private readonly StateGraph _graph;
    private readonly ReverseGraph _reverse;
    private readonly int _width;        // threads + 1; the last column is "no task has stepped"
    private readonly ChunkedList<ulong> _best; // for each pair, switches << 32 | steps
    private readonly bool[] _isEnvironment;
    private readonly CancellationToken _stop;
    private readonly ChunkedList<long>[] _queues; // a bucket and the next, a row and the next
    private List<long> _ends = [1]; // of the row's buckets, by steps
    private List<long> _nextEnds = [];
    private int _switches; // of the row that is to be searched next; what costs fewer is found

    public LeastCost(Exploration.Exploration exploration, ReverseGraph reverse, CancellationToken stop = default)
    {
        _stop = stop;
        _exploration = exploration;
        _graph = exploration.Graph;
        _reverse = reverse;
        var machine = exploration.Instance.Machine;
        _width = machine.ThreadCount + 1;
        _isEnvironment = [.. Enumerable.Range(0, machine.ThreadCount).Select(t => machine.ThreadKind(t) == ThreadKind.Environment)];
        _best = new ChunkedList<ulong>(_graph.Memory);
        _best.Extend((long)_graph.StateCount * _width);
        for (var from = 0L; from < _best.Count; from += _best.From(from).Length)
        {
            _graph.Memory.Touch(_best.From(from).Length);
            _best.From(from).Fill(ulong.MaxValue);
        }

        _queues = [.. Enumerable.Range(0, 4).Select(_ => new ChunkedList<long>(_graph.Memory))];
        _queues[2].Add(Pair(0, _width - 1));
        _best[Pair(0, _width - 1)] = 0;
    }

    /// <summary>The cheapest schedule that ends in one of the findings, and its cost; null when there are none.</summary>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public (Choice[] Schedule, Cost Cost)? To(IEnumerable<Finding> findings)
    {
        var targets = findings as IReadOnlyCollection<Finding> ?? [.. findings];
        var cheapest = Cheapest(targets, []);
        while ((cheapest >> 32) >= (ulong)_switches && _queues[2].Count > 0)
        {
            SearchRow();
            cheapest = Cheapest(targets, []);
        }

        var ends = new List<(int State, int Last, long Edge)>();
        return Cheapest(targets, ends) == ulong.MaxValue ? null : (Schedule(ends), new Cost((int)(cheapest >> 32), (int)(uint)cheapest));
    }

    // The least cost of a finding as far as it is known, and where one of that cost is.
    private ulong Cheapest(IReadOnlyCollection<Finding> findings, List<(int State, int Last, long Edge)> ends)
    {
        var cheapest = ulong.MaxValue;
        foreach (var finding in findings)
        {
            var state = finding.Edge >= 0 ? _graph.Source(finding.Edge) : finding.State;
            _graph.Memory.Touch(_width);
            for (var last = 0; last < _width; last++)
            {
                var cost = _best[Pair(state, last)];
                if (cost == ulong.MaxValue)
                {
                    continue;
                }

                cost += finding.Edge >= 0 ? CostOf(last, finding.Edge, out _) : 0;
                if (cost < cheapest)
                {
                    cheapest = cost;
                    ends.Clear();
                }

                if (cost == cheapest)
                {
                    ends.Add((state, last, finding.Edge));
                }
            }
        }

        return cheapest;
    }

    // Every edge costs one step more: what is found goes to the end of the next bucket of its row, or to the end of the next row.
    private void SearchRow()
    {
        var (bucket, nextBucket, row, nextRow) = (_queues[0], _queues[1], _queues[2], _queues[3]);
        _nextEnds.Add(0);
        var at = 0L;
        for (var steps = 0; steps < _ends.Count || bucket.Count > 0; steps++)
        {
            var cost = ((ulong)_switches << 32) | (uint)steps;
            for (; steps < _ends.Count && at < _ends[steps]; at++)
            {
                Relax(row[at], cost, nextBucket, nextRow);
            }

            for (var i = 0L; i < bucket.Count; i++)
            {
                Relax(bucket[i], cost, nextBucket, nextRow);
            }

            bucket.Clear();
            (bucket, nextBucket) = (nextBucket, bucket);
            _nextEnds.Add(nextRow.Count);
        }

        row.Clear();
        _ends.Clear();
        (_ends, _nextEnds) = (_nextEnds, _ends);
        (_queues[0], _queues[1], _queues[2], _queues[3]) = (bucket, nextBucket, nextRow, row);
        _switches++;
        if (nextRow.Count == 0)
        {
            foreach (var list in _queues)
            {
                list.Free();
            }
        }
    }

    private void Relax(long pair, ulong cost, ChunkedList<long> nextBucket, ChunkedList<long> nextRow)
    {
        _stop.ThrowIfCancellationRequested();
        _graph.Memory.Touch(2);
        if (_best[pair] != cost)
        {
            return; // a cheaper way was found after this one was queued
        }

        var (state, last) = ((int)(pair / _width), (int)(pair % _width));
        var (first, end) = _graph.Edges(state);
        for (var edge = first; edge < end; edge++)
        {
            var next = cost + CostOf(last, edge, out var nextLast);
            var target = Pair(_graph.Target(edge), nextLast);
            _graph.Memory.Touch(2);
            if (next < _best[target])
            {
                _best[target] = next;
                ((next >> 32) == (cost >> 32) ? nextBucket : nextRow).Add(target);
            }
        }
    }

    // One step, and a switch when another task than the last one steps.
    private ulong CostOf(int last, long edge, out int nextLast)
    {
        var thread = _graph.Label(edge).Thread;
        nextLast = _isEnvironment[thread] ? last : thread;
        return 1 + (nextLast != last && last != _width - 1 ? 1UL << 32 : 0);
    }

    // Marks the pairs on cheapest ways to the ends, then walks forward by the smallest label.
    private Choice[] Schedule(List<(int State, int Last, long Edge)> ends)
    {
        var onWay = new HashSet<long>();
        var stack = new Stack<long>();
        var final = new Dictionary<long, List<long>>(); // pair to its final edges; an empty list ends at the pair itself
        foreach (var (state, last, edge) in ends)
        {
            var pair = Pair(state, last);
            if (!final.TryGetValue(pair, out var edges))
            {
                final.Add(pair, edges = []);
            }

            if (edge >= 0)
            {
                edges.Add(edge);
            }

            if (onWay.Add(pair))
            {
                stack.Push(pair);
            }
        }

        while (stack.TryPop(out var pair))
        {
            _stop.ThrowIfCancellationRequested();
            var (state, last) = ((int)(pair / _width), (int)(pair % _width));
            for (var i = _reverse.First[state]; i < _reverse.First[state + 1]; i++)
            {
                _graph.Memory.Touch(3 + _width);
                var edge = _reverse.Edges[i];
                var source = _reverse.Sources[i];
                for (var before = 0; before < _width; before++)
                {
                    var from = Pair(source, before);
                    if (_best[from] != ulong.MaxValue && _best[from] + CostOf(before, edge, out var after) == _best[pair] && after == last && onWay.Add(from))
                    {
                        stack.Push(from);
                    }
                }
            }
        }

        return Walk(onWay, final);
    }

    private Choice[] Walk(HashSet<long> onWay, Dictionary<long, List<long>> final)
    {
        var schedule = new List<Choice>();
        for (var pair = Pair(0, _width - 1); ;)
        {
            var isEnd = final.TryGetValue(pair, out var finish);
            if (isEnd && finish!.Count == 0)
            {
                return [.. schedule];
            }

            var (state, last) = ((int)(pair / _width), (int)(pair % _width));
            var (first, end) = _graph.Edges(state);
            var best = isEnd ? finish!.MinBy(e => _graph.Label(e).ToLabel()) : -1L;
            var finishes = isEnd;
            for (var edge = first; edge < end; edge++)
            {
                _graph.Memory.Touch(4);
                var cost = _best[pair] + CostOf(last, edge, out var after);
                var target = Pair(_graph.Target(edge), after);
                if (onWay.Contains(target) && _best[target] == cost && (best < 0 || _graph.Label(edge).ToLabel() < _graph.Label(best).ToLabel()))
                {
                    best = edge;
                    finishes = false;
                }
            }

            schedule.Add(_graph.Label(best));
            if (finishes)
            {
                return [.. schedule];
            }

            _ = CostOf(last, best, out var nextLast);
            pair = Pair(_graph.Target(best), nextLast);
        }
    }

    private long Pair(int state, int last) => ((long)state * _width) + last;
}
