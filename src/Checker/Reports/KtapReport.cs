using System.Globalization;
using System.Text;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.Reports;

/// <summary>
/// KTAP version 1 (Documentation/dev-tools/ktap.rst): a test for each scenario, a subtest for each variant. Before a subtest's line stand, as diagnostics, what
/// differs from what is expected and how to see it.
/// </summary>
/// <param name="output">Where it goes.</param>
internal sealed class KtapReport(TextWriter output) : ICheckReport
{
    private readonly StringBuilder _tests = new();
    private readonly HashSet<string> _files = [];
    private ScenarioFile? _scenario;
    private List<string> _unreached = [];
    private int _count;
    private int _subtests;
    private bool _isOk;

    public void Begin(ScenarioFile scenario, IReadOnlyList<VariantSpec> variants)
    {
        _scenario = scenario;
        _files.Add(scenario.Path);
        _unreached = [.. variants.Select(v => v.Name.Value)];
        (_subtests, _isOk) = (0, true);
        _tests.Append(CultureInfo.InvariantCulture, $"  KTAP version 1\n  1..{variants.Count}\n");
    }

    public void Add(VariantReport variant)
    {
        _unreached.Remove(variant.Name);
        var found = variant.Checked;
        foreach (var line in variant.Known is not null ? [] : found is null ? ["its scenario is wrong"] : found.Differences.Concat(found.Open))
        {
            Note(line);
        }

        foreach (var failure in variant.Failures.Where(f => !f.IsExpected))
        {
            Note($"{failure.Name}: {failure.Message}");
            Note(failure.Way is null ? "" : TraceText.Replay(found!.Bound, failure.Way.Schedule));
        }

        Subtest(variant.Standing == Standing.AsExpected, variant.Name, variant.Standing switch
        {
            Standing.WrongInput => "ERROR wrong input",
            Standing.Incomplete => $"ERROR {found!.Result.Incomplete ?? "not everything was explored"}",
            Standing.NotAsExpected when found!.Result.Fault is not null => "ERROR the model is at fault",
            _ => "",
        });
    }

    public void End()
    {
        foreach (var variant in _unreached)
        {
            Subtest(false, variant, "SKIP interrupted");
        }

        Test(_isOk, _scenario!.Path, "");
    }

    public void Finish(CheckSummary summary)
    {
        foreach (var file in summary.Errors.Where(e => !_files.Contains(e.File)).GroupBy(e => e.File))
        {
            foreach (var error in file)
            {
                _tests.Append(CultureInfo.InvariantCulture, $"# {Line(error.ToString())}\n");
            }

            Test(false, file.Key, "ERROR wrong input");
        }

        if (summary.Known > 0)
        {
            _tests.Append(CultureInfo.InvariantCulture, $"# {Line(summary.KnownSentence)}\n");
        }

        output.Write($"KTAP version 1\n1..{_count.ToString(CultureInfo.InvariantCulture)}\n{_tests}");
    }

    private void Note(string text)
    {
        if (text.Length > 0)
        {
            _tests.Append(CultureInfo.InvariantCulture, $"  # {Line(text)}\n");
        }
    }

    private void Subtest(bool isOk, string name, string directive)
    {
        _isOk &= isOk;
        _tests.Append(CultureInfo.InvariantCulture, $"  {Result(isOk, ++_subtests, name, directive)}\n");
    }

    private void Test(bool isOk, string name, string directive) =>
        _tests.Append(CultureInfo.InvariantCulture, $"{Result(isOk, ++_count, name, directive)}\n");

    private static string Result(bool isOk, int number, string name, string directive) => string.Create(
        CultureInfo.InvariantCulture, $"{(isOk ? "ok" : "not ok")} {number} {Line(name).Replace('#', '_')}{(directive.Length == 0 ? "" : $" # {Line(directive)}")}");

    private static string Line(string text) => text.ReplaceLineEndings(" ");
}
