using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Verdicts;

/// <summary>A variant's result beside what its scenario expects of it.</summary>
/// <param name="Bound">The variant.</param>
/// <param name="Result">What was found.</param>
internal sealed record CheckedVariant(BoundVariant Bound, InstanceResult Result)
{
    /// <summary>How the result differs from what is expected, a sentence each; none when it is as expected.</summary>
    public IReadOnlyList<string> Differences { get; } = [.. Compare(Bound, Result)];

    /// <summary>
    /// Whether nothing is otherwise than the scenario says. A search that ran out of its budget never is as expected; one that was
    /// asked for a part only is, where what it found contradicts nothing, and <see cref="InstanceResult.IsComplete"/> says the rest.
    /// </summary>
    public bool IsAsExpected => Differences.Count == 0;

    /// <summary>What a part that was explored leaves open, a sentence each: what is expected and was not found, and what was not put to the test.</summary>
    public IReadOnlyList<string> Open { get; } = [.. LeftOpen(Bound, Result)];

    /// <summary>The verdict the scenario expects of the variant.</summary>
    public VariantVerdict Expected
    {
        get
        {
            var expect = Bound.Variant.Expect;
            return expect.Any(e => e.Verdict.Value == ExpectedVerdict.Violated && IsSafety(e.Name.Value)) ? VariantVerdict.Violated
                : expect.Any(e => e.Name.Value == Expectation.Deadlock) ? VariantVerdict.Deadlock
                : expect.Any(e => e.Name.Value == Expectation.Livelock) ? VariantVerdict.Livelock
                : expect.Any(e => e.Verdict.Value == ExpectedVerdict.Vacuous && IsSafety(e.Name.Value)) ? VariantVerdict.Vacuous
                : VariantVerdict.Holds;
        }
    }

    /// <summary>The verdict the scenario expects of a property: what is not named must hold.</summary>
    public Verdict ExpectedOf(Property property) => ExpectedOf(Bound, property);

    private static Verdict ExpectedOf(BoundVariant bound, Property property) =>
        bound.Variant.Expect.FirstOrDefault(e => e.Name.Value == property.Name)?.Verdict.Value switch
        {
            ExpectedVerdict.Violated => Verdict.Violated,
            ExpectedVerdict.Vacuous => Verdict.Vacuous,
            _ => Verdict.Holds,
        };

    private bool IsSafety(string property) => Result.Properties.Any(p => p.Property.Name == property && p.Property.Class == PropertyClass.Safety);

    private static IEnumerable<string> Compare(BoundVariant bound, InstanceResult result)
    {
        var variant = bound.Variant;
        if (result.Fault is { } fault)
        {
            yield return $"the model is at fault: {fault.Message}";
            yield break;
        }

        if (result.Incomplete is { } reason)
        {
            yield return $"{(result.Sample is null ? "not everything was explored" : "the sample was cut short")}: {reason}";
        }

        foreach (var property in result.Properties)
        {
            var expected = ExpectedOf(bound, property.Property);
            if (property.Verdict != expected && !IsOpen(result, property.Verdict))
            {
                yield return $"{property.Property.Name}: expected {Word(expected)}, found {Word(property.Verdict)}";
            }
        }

        foreach (var (name, found) in new[] { (Expectation.Deadlock, result.Deadlock), (Expectation.Livelock, result.Livelock) })
        {
            var isExpected = variant.Expect.Any(e => e.Name.Value == name);
            if (isExpected != found is not null && (result.IsComplete || found is not null))
            {
                yield return isExpected ? $"expected a {name}, found none" : $"found a {name}";
            }
        }

        if (result.IsComplete)
        {
            if (result.Ends == 0 && result.Deadlock is null && result.Livelock is null && result.Properties.All(p => p.Verdict != Verdict.Violated))
            {
                yield return "no execution ends, so nothing was shown";
            }

            if (!result.CountsReduced && variant.States is { } states && states.Value != result.States)
            {
                yield return $"expected {states} states, found {result.States}";
            }

            if (!result.CountsReduced && variant.Transitions is { } transitions && transitions.Value != result.Transitions)
            {
                yield return $"expected {transitions} transitions, found {result.Transitions}";
            }
        }

        foreach (var difference in (result.CrossCheck ?? []).Select(o => o.Difference).OfType<string>())
        {
            yield return difference;
        }

        foreach (var outcomes in result.Incomplete is null ? variant.Outcomes : [])
        {
            var found = result[outcomes.Property.Value].Outcomes!.Select(Tuple).ToArray();
            var expected = outcomes.Tuples.Select(t => Tuple(t.Value)).ToArray();
            var isAsExpected = result.IsComplete
                ? found.Order(StringComparer.Ordinal).SequenceEqual(expected.Order(StringComparer.Ordinal))
                : found.All(expected.Contains); // others may be found elsewhere
            if (!isAsExpected)
            {
                yield return $"{outcomes.Property}: expected {string.Join(" ", expected)}, found {string.Join(" ", found)}";
            }
        }
    }

    // Whether a verdict says neither that the property holds nor that it does not.
    private static bool IsOpen(InstanceResult result, Verdict verdict) =>
        verdict is Verdict.HoldsWithinBound or Verdict.Sampled || (!result.IsComplete && verdict == Verdict.Incomplete);

    private static IEnumerable<string> LeftOpen(BoundVariant bound, InstanceResult result)
    {
        foreach (var other in (result.CrossCheck ?? []).Where(o => o.Incomplete is not null))
        {
            yield return $"the search with {other.Name} could not be compared: {other.Incomplete}";
        }

        if (result is not ({ Bound.IsHit: true } or { Sample: not null }) || result.Fault is not null)
        {
            yield break;
        }

        var where = result.Bound is { } switches ? $"within {switches}" : "in the sample";
        foreach (var property in result.Properties.Where(p => IsOpen(result, p.Verdict)))
        {
            var expected = ExpectedOf(bound, property.Property);
            if (expected == Verdict.Violated && property.Message is null)
            {
                yield return $"{property.Property.Name}: expected violated, not found {where}";
            }
            else if (property.Message is not null)
            {
                yield return $"{property.Property.Name}: {(expected == Verdict.Holds ? "" : $"expected {Word(expected)}, ")}{property.Message}";
            }
        }

        foreach (var (name, found) in new[] { (Expectation.Deadlock, result.Deadlock), (Expectation.Livelock, result.Livelock) })
        {
            if (found is null && bound.Variant.Expect.Any(e => e.Name.Value == name))
            {
                yield return $"expected a {name}, {(result.Bound is null && name == Expectation.Deadlock ? $"not found {where}" : "which is not judged")}";
            }
        }
    }

    private static string Tuple(IReadOnlyList<long> values) => $"({string.Join(",", values)})";

    /// <summary>A verdict as reports write it.</summary>
    public static string Word(Verdict verdict) => verdict switch
    {
        Verdict.Holds => "holds",
        Verdict.Violated => "violated",
        Verdict.Vacuous => "vacuous",
        Verdict.HoldsWithinBound => "holds within bound",
        Verdict.Sampled => "sampled",
        _ => "incomplete",
    };

    /// <summary>A variant's verdict as reports write it.</summary>
    public static string Word(VariantVerdict verdict) => verdict switch
    {
        VariantVerdict.Holds => "holds",
        VariantVerdict.Violated => "violated",
        VariantVerdict.Vacuous => "vacuous",
        VariantVerdict.Deadlock => "deadlock",
        VariantVerdict.Livelock => "livelock",
        VariantVerdict.Incomplete => "incomplete",
        VariantVerdict.HoldsWithinBound => "holds within bound",
        VariantVerdict.Sampled => "sampled",
        _ => "model fault",
    };
}
