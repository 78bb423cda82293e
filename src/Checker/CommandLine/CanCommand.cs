using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Patching;
using ThpCheck.Checker.Reachability;
using ThpCheck.Checker.Reports;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Binding;

namespace ThpCheck.Checker.CommandLine;

/// <summary>What <c>can</c> is asked to do.</summary>
/// <param name="Scenario">The file.</param>
/// <param name="Claim">The events, in the order that is claimed.</param>
/// <param name="Variants">Only these variants; empty for all.</param>
/// <param name="Budget">What a search may use.</param>
/// <param name="Verbose">Every step of the interleaving.</param>
internal sealed record CanOptions(string Scenario, string Claim, IReadOnlyList<string> Variants, Budget Budget, bool Verbose)
{
    /// <summary>What is put on top of the variants, and what they can name.</summary>
    public UserCode Code { get; init; } = UserCode.None;
}

/// <summary><c>thpcheck can</c>: whether steps can happen in an order that somebody claims.</summary>
internal static class CanCommand
{
    /// <summary>The claim is impossible in every variant that was asked about.</summary>
    public const int Impossible = 1;

    /// <returns>0 where it is possible, in one of the variants at least; else 1, or 3 where that was not decided.</returns>
    /// <exception cref="WrongInputException">The scenario, a variant or the claim is wrong.</exception>
    public static int Run(CanOptions options, Streams streams, CancellationToken stop)
    {
        if (OneScenario.Read(options.Scenario, streams) is not { } scenario)
        {
            return ExitCodes.WrongInput;
        }

        var variants = OneScenario.Variants(scenario, options.Variants);
        var paper = new Paper(streams.Out, streams.Width, streams.Colour);
        paper.Write(scenario.Path, Tone.Heading);
        paper.WriteLine($"  {scenario.Title}");
        paper.WriteProse(Scope.Of(scenario), 2, Tone.Faint);
        paper.WriteProse($"claim: {options.Claim.Trim()}", 2);
        paper.WriteLine();
        var answers = new List<ClaimAnswer>();
        var library = options.Code.Library(runs: true);
        foreach (var variant in variants)
        {
            var (bound, diagnostics) = ScenarioBinder.Bind(scenario, options.Code.On(variant), library: library);
            if (bound is null)
            {
                OneScenario.Report(streams, diagnostics);
                return ExitCodes.WrongInput;
            }

            try
            {
                var claim = Claim.Parse(options.Claim, bound);
                var answer = ClaimSearch.Run(bound.Instance, claim, options.Budget, stop);
                answers.Add(answer);
                ClaimReport.Write(paper, bound, claim, answer, variants.Count == 1, options.Verbose);
            }
            catch (ClaimException e)
            {
                throw new WrongInputException(e.Message);
            }
            catch (ModelFaultException e)
            {
                streams.Error.WriteLine($"thpcheck: {variant.Name}: model fault: {e.Message}");
                return ExitCodes.NotAsExpected;
            }
        }

        return stop.IsCancellationRequested ? ExitCodes.Interrupted
            : answers.Any(a => a.Schedule is not null) ? ExitCodes.AsExpected
            : answers.Any(a => a.Incomplete is not null) ? ExitCodes.Incomplete
            : Impossible;
    }
}
