using ThpCheck.Checker.Verdicts;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Reports;

/// <summary>
/// A text for each safety property that is violated, each deadlock and livelock, or for the one property that is asked for, and nothing else: to be pasted. A line that says
/// which is which begins with #, so that git takes it out of a message; a single text has none.
/// </summary>
/// <param name="output">Where it goes.</param>
/// <param name="property">The only property to show, or null.</param>
/// <param name="write">Makes the text of a failure; its lines end in \n.</param>
internal sealed class FailureReport(TextWriter output, string? property, Func<BoundVariant, Failure, Counterexample, string> write) : ICheckReport
{
    private readonly List<(string Title, string Text)> _texts = [];

    public void Begin(ScenarioFile scenario, IReadOnlyList<VariantSpec> variants)
    {
    }

    public void Add(VariantReport variant)
    {
        foreach (var failure in variant.Failures)
        {
            if (failure.Way is { } way && IsAskedFor(failure))
            {
                _texts.Add(($"{variant.Scenario.Path}, {variant.Name}: {failure.Name}", write(variant.Checked!.Bound, failure, way)));
            }
        }
    }

    public void End()
    {
    }

    public void Finish(CheckSummary summary) =>
        output.Write(_texts.Count == 0 ? "# nothing fails that could be shown\n" : string.Join("\n", _texts.Select(t => _texts.Count == 1 ? t.Text : $"# {t.Title}\n\n{t.Text}")));

    private bool IsAskedFor(Failure failure) =>
        property is null ? failure.Property is null or { Class: PropertyClass.Safety } : failure.Name == property;
}
