using System.Runtime.CompilerServices;
using Microsoft.Coyote;
using Microsoft.Coyote.Logging;

namespace ThpCheck.Coyote;

/// <summary>Coyote's configuration.</summary>
internal static class Strategies
{
    private const uint MostDecisions = int.MaxValue; // executions are cut off by their steps, and a trace goes on over many of them
    private const uint Unfair = 5_000;               // decisions, after which the fair strategy starves nobody
    private const uint SecondsToDecide = 3600;       // a thread that takes long to step is no deadlock

    public static Configuration Configure(CoyoteOptions options, RecordedTrace? trace)
    {
        var usual = Usual((uint)Math.Min(options.Iterations, uint.MaxValue)).WithRandomGeneratorSeed((uint)options.Seed);
        var chosen = options.Strategy switch
        {
            CoyoteStrategy.Prioritization => usual.WithPrioritizationStrategy(isFair: false, (uint)options.PriorityChanges),
            CoyoteStrategy.FairPrioritization => usual.WithPrioritizationStrategy(isFair: true, (uint)options.PriorityChanges).WithMaxSchedulingSteps(Unfair, MostDecisions),
            CoyoteStrategy.Pos => usual.WithRandomStrategy().WithPartialOrderSamplingEnabled(),
            CoyoteStrategy.QLearning => usual.WithQLearningStrategy(),
            CoyoteStrategy.Dfs => WithDFSStrategy(usual),
            _ => usual.WithRandomStrategy(),
        };
        return trace is null ? chosen : chosen.WithReproducibleTrace(trace.Json);
    }

    /// <summary>Where an explorer chooses, and Coyote never has a choice.</summary>
    public static Configuration Driven() => Usual(uint.MaxValue).WithRandomStrategy().WithRandomGeneratorSeed(0);

    private static Configuration Usual(uint iterations) => Configuration.Create()
        .WithTestingIterations(iterations)
        .WithTestIterationsRunToCompletion()
        .WithMaxSchedulingSteps(MostDecisions, MostDecisions)
        .WithDeadlockTimeout(SecondsToDecide * 1000)
        .WithTraceAnalysisEnabled(false)
        .WithTelemetryEnabled(false)
        .WithVerbosityEnabled(VerbosityLevel.None);

    // Coyote has this strategy, but only its own command line may ask for it.
    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = nameof(WithDFSStrategy))]
    private static extern Configuration WithDFSStrategy(Configuration configuration);
}
