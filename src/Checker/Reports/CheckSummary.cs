using ThpCheck.Checker.Bounds;
using ThpCheck.Checker.CommandLine;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.Reports;

/// <summary>What a run of <c>check</c> came to.</summary>
internal sealed record CheckSummary
{
    public int Scenarios { get; init; }

    public int AsExpected { get; init; }

    public int NotAsExpected { get; init; }

    /// <summary>As expected as far as they were explored.</summary>
    public int Incomplete { get; init; }

    /// <summary>Of all variants, those that were not explored completely, whatever was found.</summary>
    public int NotExplored { get; init; }

    /// <summary>Of all variants, those of which only what is within a bound on context switches was explored.</summary>
    public int Bounded { get; init; }

    /// <summary>That bound, or null.</summary>
    public SwitchBound? Bound { get; init; }

    /// <summary>Of all variants, those that were only sampled.</summary>
    public int Sampled { get; init; }

    /// <summary>Of all variants, those of which only a reduced graph was explored.</summary>
    public int Reduced { get; init; }

    /// <summary>Which part of how many this run is, or null.</summary>
    public (int Part, int Of)? Shard { get; init; }

    /// <summary>Of all variants, those that an earlier run explored.</summary>
    public int Known { get; init; }

    /// <summary>That, in a sentence.</summary>
    public string KnownSentence =>
        $"{Prose.Count(Known, "variant")} {(Known == 1 ? "is" : "are")} known from an earlier run of the same code, and not explored again; --no-cache explores all.";

    /// <summary>Variants that could not be bound.</summary>
    public int WrongInput { get; init; }

    /// <summary>Variants that an interrupt left out.</summary>
    public int NotChecked { get; init; }

    public bool Interrupted { get; init; }

    public IReadOnlyList<Diagnostic> Errors { get; init; } = [];

    /// <summary>The sum of the bounds on the chance that a state was missed.</summary>
    public double OddsOfMissedState { get; init; }

    public int Checked => AsExpected + NotAsExpected + Incomplete;

    public int ExitCode =>
        Interrupted ? ExitCodes.Interrupted
        : Errors.Count > 0 ? ExitCodes.WrongInput
        : NotAsExpected > 0 ? ExitCodes.NotAsExpected
        : Incomplete > 0 ? ExitCodes.Incomplete
        : ExitCodes.AsExpected;

    public CheckSummary With(VariantReport variant) => this with
    {
        AsExpected = AsExpected + (variant.Standing == Standing.AsExpected ? 1 : 0),
        NotAsExpected = NotAsExpected + (variant.Standing == Standing.NotAsExpected ? 1 : 0),
        Incomplete = Incomplete + (variant.Standing == Standing.Incomplete ? 1 : 0),
        WrongInput = WrongInput + (variant.Standing == Standing.WrongInput ? 1 : 0),
        NotExplored = NotExplored + (variant.Checked?.Result.Incomplete is null ? 0 : 1),
        Bounded = Bounded + (variant.Checked?.Result.Bound is { IsHit: true } ? 1 : 0),
        Bound = Bound ?? variant.Checked?.Result.Bound,
        Sampled = Sampled + (variant.Checked?.Result.Sample is null ? 0 : 1),
        Reduced = Reduced + (variant.Checked?.Result.CountsReduced == true ? 1 : 0),
        Known = Known + (variant.Known is null ? 0 : 1),
        OddsOfMissedState = OddsOfMissedState + (variant.Known?.Odds ?? variant.Checked?.Result.OddsOfMissedState ?? 0),
    };
}
