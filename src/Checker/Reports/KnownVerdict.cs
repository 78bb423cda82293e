namespace ThpCheck.Checker.Reports;

/// <summary>What an earlier run found of a variant that was as expected, as reports write it.</summary>
/// <param name="Verdict">The verdict.</param>
/// <param name="Counts">States, transitions and depth.</param>
/// <param name="Tail">What is broken, as expected.</param>
/// <param name="Details">Lines below.</param>
/// <param name="Odds">The bound on the chance that a state was missed.</param>
internal sealed record KnownVerdict(string Verdict, string Counts, string Tail, IReadOnlyList<string> Details, double Odds)
{
    /// <summary>The variant's object in a JSON report; null where that run wrote none.</summary>
    public string? Json { get; init; }
}
