using ThpCheck.Checker.Patching;
using ThpCheck.Checker.Replay;
using ThpCheck.Checker.Reports;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Binding;

namespace ThpCheck.Checker.CommandLine;

/// <summary>What <c>replay</c> is asked to do.</summary>
/// <param name="Scenario">The file.</param>
/// <param name="Variant">The variant in it.</param>
/// <param name="Schedule">The schedule or the token, as <c>check</c> prints it.</param>
/// <param name="Verbose">Every step, and the state after each.</param>
/// <param name="Format">How the trace is written.</param>
/// <param name="Step">Whether to walk through it instead.</param>
internal sealed record ReplayOptions(string Scenario, string Variant, string Schedule, bool Verbose, ReportFormat Format, bool Step)
{
    /// <summary>What is put on top of the variant, and what it can name.</summary>
    public UserCode Code { get; init; } = UserCode.None;
}

/// <summary><c>thpcheck replay</c>: executes one schedule again and shows what happens.</summary>
internal static class ReplayCommand
{
    /// <returns>The exit code.</returns>
    /// <exception cref="WrongInputException">The scenario, variant or schedule is wrong.</exception>
    public static int Run(ReplayOptions options, Streams streams)
    {
        if (Bind(options, streams) is not { } bound)
        {
            return ExitCodes.WrongInput;
        }

        Replayed replayed;
        try
        {
            replayed = Replayed.Run(bound, options.Schedule);
        }
        catch (ScheduleException e)
        {
            throw new WrongInputException(e.Message);
        }
        catch (ModelFaultException e)
        {
            streams.Error.WriteLine($"thpcheck: model fault: {e.Message}");
            return ExitCodes.NotAsExpected;
        }

        if (options.Step)
        {
            ReplayWalk.Run(replayed, new Paper(streams.Out, streams.Width, streams.Colour), streams.In);
        }
        else if (options.Format == ReportFormat.Json)
        {
            ReplayReport.WriteJson(streams.Out, replayed, options.Verbose);
        }
        else
        {
            ReplayReport.WriteText(new Paper(streams.Out, streams.Width, streams.Colour), replayed, options.Verbose);
        }

        return replayed.IsFault ? ExitCodes.NotAsExpected : ExitCodes.AsExpected;
    }

    private static BoundVariant? Bind(ReplayOptions options, Streams streams)
    {
        if (OneScenario.Read(options.Scenario, streams) is not { } scenario)
        {
            return null;
        }

        var variant = OneScenario.Variants(scenario, [options.Variant])[0];
        var (bound, diagnostics) = ScenarioBinder.Bind(scenario, options.Code.On(variant), library: options.Code.Library(runs: true));
        OneScenario.Report(streams, bound is null ? diagnostics : []);
        return bound;
    }
}
