using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Minimisation;

namespace ThpCheck.Checker.Bounds;

/// <summary>
/// The cheapest way known to each pair (state, last task): what it costs, and the pair and the step before its end. Of
/// equally cheap ways the one that is first by order of threads, then of choices, is kept.
/// </summary>
/// <remarks>
/// A step costs itself and perhaps a switch, so a cheapest way to a pair begins with cheapest ways to all pairs on it, and the
/// first of them begins with the first ones. That holds for the pairs whose cost is final; only from those are ways offered.
/// </remarks>
/// <param name="width">How many last tasks there are, "none yet" included.</param>
internal sealed class CheapestWays(int width)
{
    private static readonly Cost Unknown = new(int.MaxValue, int.MaxValue);

    // By pair; a pair's number is state * width + last.
    private readonly ChunkedList<Cost> _costs = new();
    private readonly ChunkedList<long> _before = new(); // -1 for the initial pair
    private readonly ChunkedList<ushort> _labels = new(); // of the step from the pair before

    public long Bytes => _costs.Bytes + _before.Bytes + _labels.Bytes;

    public long Pair(int state, int last) => ((long)state * width) + last;

    public (int State, int Last) Parts(long pair) => ((int)(pair / width), (int)(pair % width));

    /// <summary>Makes room for the next state's pairs; no way to them is known.</summary>
    public void AddState()
    {
        for (var last = 0; last < width; last++)
        {
            _costs.Add(Unknown);
            _before.Add(-1);
            _labels.Add(0);
        }
    }

    public bool IsKnown(long pair) => _costs[pair] != Unknown;

    public Cost CostOf(long pair) => _costs[pair];

    /// <summary>Another way to a pair. It is kept when it is better.</summary>
    /// <returns>Whether it is cheaper than any before.</returns>
    public bool Offer(long pair, Cost cost, long before, Choice step)
    {
        var difference = cost.CompareTo(_costs[pair]);
        if (difference > 0 || (difference == 0 && Compare(before, step, _before[pair], Choice.FromLabel(_labels[pair])) >= 0))
        {
            return false;
        }

        _costs[pair] = cost;
        _before[pair] = before;
        _labels[pair] = step.ToLabel();
        return difference < 0;
    }

    /// <summary>The schedule of the cheapest way to a pair.</summary>
    public Choice[] ScheduleTo(long pair)
    {
        var schedule = new Choice[_costs[pair].Steps];
        for (var i = schedule.Length - 1; i >= 0; i--)
        {
            schedule[i] = Choice.FromLabel(_labels[pair]);
            pair = _before[pair];
        }

        return schedule;
    }

    // The order of two ways of equally many steps, each a cheapest way and one step more: where they part decides.
    private int Compare(long one, Choice oneStep, long other, Choice otherStep)
    {
        var order = oneStep.ToLabel().CompareTo(otherStep.ToLabel());
        for (; one != other; (one, other) = (_before[one], _before[other]))
        {
            var earlier = _labels[one].CompareTo(_labels[other]);
            order = earlier != 0 ? earlier : order;
        }

        return order;
    }
}
