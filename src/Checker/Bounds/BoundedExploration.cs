using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Minimisation;
using ThpCheck.Specs;

namespace ThpCheck.Checker.Bounds;

/// <summary>What a search within a bound found: where properties were broken or reached, and the cheapest ways there.</summary>
/// <param name="instance">What was explored.</param>
/// <param name="bound">The most context switches of an execution.</param>
/// <param name="monitor">The findings; the edge of one is the number of a step below.</param>
/// <param name="ways">The cheapest ways to the states.</param>
/// <param name="steps">The steps that findings name: the state, and the choice there.</param>
/// <param name="isEnvironment">For each thread, whether its steps cost no switch.</param>
internal sealed class BoundedExploration(
    Instance instance, int bound, PropertyMonitor monitor, CheapestWays ways, IReadOnlyList<(int State, Choice Choice)> steps, bool[] isEnvironment)
{
    public Instance Instance => instance;

    public PropertyMonitor Monitor => monitor;

    /// <summary>Whether no state or step lies beyond the bound: all there is was explored.</summary>
    public required bool IsWhole { get; init; }

    public required long States { get; init; }

    public required long Transitions { get; init; }

    /// <summary>The most steps of a cheapest way.</summary>
    public required int Depth { get; init; }

    /// <summary>How many End states were found.</summary>
    public required int Ends { get; init; }

    /// <summary>Why not everything within the bound was explored, or null.</summary>
    public required string? Incomplete { get; init; }

    /// <summary>The model's fault that ended the search, and the way to it, or null.</summary>
    public required (string Message, Choice[] Schedule)? Fault { get; init; }

    public required TimeSpan Time { get; init; }

    /// <summary>The memory it took.</summary>
    public required long Bytes { get; init; }

    /// <summary>
    /// The cheapest schedule that ends in one of the findings; null when there are none. Every execution within the bound was
    /// looked at and this is one of them, so none is cheaper that is not within the bound either.
    /// </summary>
    public Choice[]? To(IEnumerable<Finding> findings)
    {
        var (cheapest, schedule) = (new Cost(bound + 1, 0), (Choice[]?)null);
        foreach (var finding in findings)
        {
            var step = finding.Edge >= 0 ? steps[(int)finding.Edge] : ((int State, Choice Choice)?)null;
            for (var last = 0; last <= isEnvironment.Length; last++)
            {
                var pair = ways.Pair(step?.State ?? finding.State, last);
                if (!ways.IsKnown(pair) || CostOf(ways.CostOf(pair), last, step?.Choice) is var cost && cost.CompareTo(cheapest) > 0)
                {
                    continue;
                }

                Choice[] way = step is { Choice: var choice } ? [.. ways.ScheduleTo(pair), choice] : ways.ScheduleTo(pair);
                if (cost.CompareTo(cheapest) < 0 || schedule is null || IsBefore(way, schedule))
                {
                    (cheapest, schedule) = (cost, way);
                }
            }
        }

        return schedule;
    }

    private Cost CostOf(Cost cost, int last, Choice? step)
    {
        if (step is not { Thread: var thread })
        {
            return cost;
        }

        var isSwitch = !isEnvironment[thread] && last != thread && last != isEnvironment.Length;
        return new Cost(cost.Switches + (isSwitch ? 1 : 0), cost.Steps + 1);
    }

    // Both are equally long.
    private static bool IsBefore(Choice[] one, Choice[] other)
    {
        for (var i = 0; i < one.Length; i++)
        {
            if (one[i] != other[i])
            {
                return one[i].ToLabel() < other[i].ToLabel();
            }
        }

        return false;
    }
}
