using ThpCheck.Checker.Differences;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Patching;
using ThpCheck.Checker.Reports;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.CommandLine;

/// <summary>What <c>diff</c> is asked to do.</summary>
/// <param name="Scenario">The file.</param>
/// <param name="One">The variant that is compared.</param>
/// <param name="Two">The one it is compared with.</param>
/// <param name="Budget">What a search may use.</param>
internal sealed record DiffOptions(string Scenario, string One, string Two, Budget Budget)
{
    /// <summary>What is put on top of the second, and what both can name.</summary>
    public UserCode Code { get; init; } = UserCode.None;
}

/// <summary><c>thpcheck diff</c>: what one kernel does and the other does not, where both hold.</summary>
internal static class DiffCommand
{
    /// <summary>The two differ.</summary>
    public const int Differ = 1;

    /// <returns>0 where they do the same, 1 where they differ, as diff(1) has it; 3 where not everything was explored.</returns>
    /// <exception cref="WrongInputException">The scenario or a variant is wrong.</exception>
    public static int Run(DiffOptions options, Streams streams, CancellationToken stop)
    {
        if (OneScenario.Read(options.Scenario, streams) is not { } scenario)
        {
            return ExitCodes.WrongInput;
        }

        var variants = OneScenario.Variants(scenario, [options.One, options.Two]);
        var bound = new List<BoundVariant>();
        var library = options.Code.Library(runs: true);
        var alone = options.Code with { Patches = [], Toggles = [] };
        foreach (var variant in (VariantSpec[])[alone.On(variants[0]), options.Code.On(variants[1])])
        {
            var (found, diagnostics) = ScenarioBinder.Bind(scenario, variant, library: library);
            OneScenario.Report(streams, found is null ? diagnostics : []);
            if (found is null)
            {
                return ExitCodes.WrongInput;
            }

            bound.Add(found);
        }

        var paper = new Paper(streams.Out, streams.Width, streams.Colour);
        paper.Write(scenario.Path, Tone.Heading);
        paper.WriteLine($"  {scenario.Title}: from {options.One} to {options.Two}");
        paper.WriteProse(Scope.Of(scenario), 2, Tone.Faint);
        try
        {
            var one = Explore(bound[0], bound[1], options.Budget, stop);
            var two = Explore(bound[1], bound[0], options.Budget, stop);
            foreach (var variant in (ComparedVariant[])[one, two])
            {
                if (variant.States.Result is { IsComplete: false } result)
                {
                    paper.WriteProse($"{variant.Name} was not explored to the end, so nothing can be compared: {result.Incomplete}", 2, Tone.Bad);
                    return stop.IsCancellationRequested ? ExitCodes.Interrupted : ExitCodes.Incomplete;
                }
            }

            return DifferenceReport.Write(paper, one, two, options.Budget, stop) ? Differ : ExitCodes.AsExpected;
        }
        catch (ModelFaultException e)
        {
            streams.Error.WriteLine($"thpcheck: model fault: {e.Message}");
            return ExitCodes.NotAsExpected;
        }
    }

    private static ComparedVariant Explore(BoundVariant bound, BoundVariant other, Budget budget, CancellationToken stop)
    {
        var states = EndStates.Of(bound, other, budget, stop);
        return new(bound, states, PathContents.Of(bound.Instance.Machine));
    }
}
