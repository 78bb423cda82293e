using ThpCheck.Checker.Exploration;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Minimisation;

/// <summary>The ways to findings: the cheapest there are, or once the user will not wait for those, ones of fewest steps.</summary>
/// <param name="exploration">What was explored.</param>
/// <param name="hurry">Set when the user will not wait.</param>
internal sealed class Ways(Exploration.Exploration exploration, CancellationToken hurry)
{
    private ReverseGraph? _reverse;
    private LeastCost? _leastCost;
    private FewestSteps? _fewestSteps;

    /// <summary>The graph turned round.</summary>
    /// <exception cref="OperationCanceledException">The user will not wait.</exception>
    public ReverseGraph Reverse => _reverse ??= exploration.Graph.Reverse(hurry);

    /// <summary>Where a schedule to one of the findings is lost; null where it is not known, or the user will not wait.</summary>
    public PointOfNoReturn? NoReturn(Choice[] schedule, IReadOnlyList<Finding> findings, Property? property)
    {
        try
        {
            hurry.ThrowIfCancellationRequested();
            return new PointsOfNoReturn(exploration, Reverse, hurry).Of(schedule, findings, property);
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    /// <summary>A schedule that ends in one of the findings, and whether it is the cheapest; null when there are none.</summary>
    public (Choice[] Schedule, bool IsCheapest)? To(IReadOnlyList<Finding> findings)
    {
        try
        {
            hurry.ThrowIfCancellationRequested();
            _leastCost ??= new LeastCost(exploration, Reverse, hurry);
            return _leastCost.To(findings) is { } cheapest ? (cheapest.Schedule, true) : null;
        }
        catch (OperationCanceledException)
        {
            _fewestSteps ??= new FewestSteps(exploration.Graph);
            return _fewestSteps.To(findings) is { } schedule ? (schedule, false) : null;
        }
    }
}
