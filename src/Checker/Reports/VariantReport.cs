using ThpCheck.Checker.Verdicts;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Reports;

/// <summary>What there is to say about a variant in one word.</summary>
internal enum Standing
{
    /// <summary>Everything was explored and is as the scenario says.</summary>
    AsExpected,

    /// <summary>Something is not as the scenario says, or the model is at fault.</summary>
    NotAsExpected,

    /// <summary>What was explored is as the scenario says, but not everything was explored.</summary>
    Incomplete,

    /// <summary>It could not be bound: its scenario is wrong.</summary>
    WrongInput,
}

/// <summary>One variant in a report.</summary>
/// <param name="Scenario">The file.</param>
/// <param name="Variant">The variant in it.</param>
/// <param name="Checked">What was found, or null when its scenario is wrong.</param>
internal sealed record VariantReport(ScenarioFile Scenario, VariantSpec Variant, CheckedVariant? Checked)
{
    public string Name => Variant.Name.Value;

    /// <summary>What an earlier run found, where that is all the same now; then nothing was checked.</summary>
    public KnownVerdict? Known { get; init; }

    public Standing Standing =>
        Known is not null ? Standing.AsExpected
        : Checked is null ? Standing.WrongInput
        : Checked.IsAsExpected ? (Checked.Result.IsComplete && Checked.Open.Count == 0 ? Standing.AsExpected : Standing.Incomplete)
        : Checked.Result is { Incomplete: not null, Fault: null } && Checked.Differences.Count == 1 ? Standing.Incomplete
        : Standing.NotAsExpected;

    /// <summary>What failed: a fault of the model, then properties in their order, then deadlock and livelock.</summary>
    public IReadOnlyList<Failure> Failures { get; } = Checked is null ? [] : [.. Find(Checked)];

    private static IEnumerable<Failure> Find(CheckedVariant variant)
    {
        var result = variant.Result;
        if (result.Fault is { } fault)
        {
            yield return new(Failure.ModelFault, null, fault.Message, fault.Way, IsExpected: false);
        }

        foreach (var property in result.Properties.Where(p => p.Verdict == Verdict.Violated))
        {
            var isExpected = variant.ExpectedOf(property.Property) == Verdict.Violated;
            yield return new(property.Property.Name, property.Property, property.Message ?? "", property.Counterexample, isExpected);
        }

        foreach (var (name, way) in new[] { (Expectation.Deadlock, result.Deadlock), (Expectation.Livelock, result.Livelock) })
        {
            if (way is not null)
            {
                var ending = Ending.Of(variant.Bound.Instance, way.Schedule);
                var isExpected = variant.Bound.Variant.Expect.Any(e => e.Name.Value == name);
                yield return new(name, null, name == Expectation.Deadlock ? ending.Deadlock : ending.Livelock, way, isExpected) { Ending = ending };
            }
        }
    }
}

/// <summary>Something that a variant did and should not do, expected or not.</summary>
/// <param name="Name">The property's name, or deadlock, livelock, <see cref="ModelFault"/>.</param>
/// <param name="Property">The property, or null.</param>
/// <param name="Message">What breaks it and how, in a sentence.</param>
/// <param name="Way">The interleaving, or null when there is none to show.</param>
/// <param name="IsExpected">Whether the scenario says so.</param>
internal sealed record Failure(string Name, Property? Property, string Message, Counterexample? Way, bool IsExpected)
{
    public const string ModelFault = "model fault";

    /// <summary>Where the threads are in the end, for a deadlock or livelock.</summary>
    public Ending? Ending { get; init; }
}
