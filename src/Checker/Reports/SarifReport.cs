using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ThpCheck.Checker.Replay;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Reports;

/// <summary>
/// SARIF 2.1.0: a rule for each property, a result for each failure with its interleaving as a code flow, one thread flow for each
/// thread, the order of the steps in <c>executionOrder</c>; and a result for whatever else is not as expected. Within the limits that GitHub's code scanning has.
/// </summary>
/// <param name="output">Where it goes.</param>
/// <param name="expected">Whether failures that the scenario expects are results, too: notes.</param>
/// <param name="mostBytes">The most that it may take when it is compressed, as it is sent.</param>
internal sealed class SarifReport(TextWriter output, bool expected, int mostBytes = SarifReport.MostBytes) : ICheckReport
{
    /// <summary>Code scanning takes a file of 10 MB at most, compressed by gzip.</summary>
    public const int MostBytes = 10 << 20;

    private const string Schema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
    private const string NotAsExpected = "not-as-expected";
    private const int MostResults = 5000;       // GitHub shows no more of a run
    private const int MostLocations = 1000;     // nor of a result's thread flows
    private const string Root = "%SRCROOT%";

    private readonly List<Result> _results = [];
    private readonly List<(string Name, string Promise)> _rules = [];

    public void Begin(ScenarioFile scenario, IReadOnlyList<VariantSpec> variants)
    {
    }

    public void Add(VariantReport variant)
    {
        foreach (var failure in variant.Failures.Where(f => (expected || !f.IsExpected) && f.Property?.Form != PropertyForm.Sometimes))
        {
            _results.Add(new Result(variant, failure.Name, Rule(failure.Name, failure.Property?.Promise ?? PromiseOf(failure.Name)), $"{variant.Name}: {failure.Message}", failure.IsExpected ? "note" : "error", failure));
        }

        var failed = variant.Failures.Select(f => $"{f.Name}:").ToArray();
        foreach (var difference in variant.Checked?.Differences.Where(d => !failed.Any(f => d.StartsWith(f, StringComparison.Ordinal))) ?? [])
        {
            _results.Add(new Result(variant, NotAsExpected, Rule(NotAsExpected, "What a scenario expects is what is found."), $"{variant.Name}: {difference}", "error", null));
        }
    }

    public void End()
    {
    }

    public void Finish(CheckSummary summary)
    {
        var shown = Math.Min(_results.Count, MostResults);
        var text = Text(summary, shown);
        if (CompressedLength(text) > mostBytes)
        {
            // As many as fit, the worst first: between a number that does and one that does not.
            var (fits, many) = (0, shown);
            text = Text(summary, fits);
            while (many - fits > 1)
            {
                var middle = (fits + many) / 2;
                var tried = Text(summary, middle);
                (fits, many, text) = CompressedLength(tried) <= mostBytes ? (middle, many, tried) : (fits, middle, text);
            }
        }

        output.Write(text);
    }

    private static long CompressedLength(string text)
    {
        using var bytes = new MemoryStream();
        using (var compressed = new GZipStream(bytes, CompressionLevel.Optimal, leaveOpen: true))
        {
            compressed.Write(Encoding.UTF8.GetBytes(text));
        }

        return bytes.Length;
    }

    private string Text(CheckSummary summary, int shown)
    {
        using var text = new JsonText();
        var json = text.Writer;
        json.WriteString("$schema", Schema);
        json.WriteString("version", "2.1.0");
        json.WriteStartArray("runs");
        json.WriteStartObject();
        WriteTool(json);
        WriteInvocation(json, summary, shown);
        json.WriteString("columnKind", "utf16CodeUnits");
        json.WriteStartArray("results");
        foreach (var result in _results.OrderBy(r => r.Level == "error" ? 0 : 1).Take(shown))
        {
            Write(json, result);
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
        return text.End();
    }

    private int Rule(string name, string promise)
    {
        var index = _rules.FindIndex(r => r.Name == name);
        if (index < 0)
        {
            index = _rules.Count;
            _rules.Add((name, promise));
        }

        return index;
    }

    private static string PromiseOf(string failure) => failure switch
    {
        Failure.ModelFault => "The model obeys its own rules.",
        _ => $"No execution ends in a {failure}.",
    };

    private void WriteTool(Utf8JsonWriter json)
    {
        json.WriteStartObject("tool");
        json.WriteStartObject("driver");
        json.WriteString("name", "ThpCheck");
        json.WriteString("version", typeof(SarifReport).Assembly.GetName().Version!.ToString(3));
        json.WriteStartArray("rules");
        foreach (var (name, promise) in _rules)
        {
            json.WriteStartObject();
            json.WriteString("id", name);
            WriteText(json, "shortDescription", promise.Length == 0 ? name : Prose.FirstSentence(promise));
            WriteText(json, "fullDescription", promise.Length == 0 ? name : promise);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private void WriteInvocation(Utf8JsonWriter json, CheckSummary summary, int shown)
    {
        json.WriteStartArray("invocations");
        json.WriteStartObject();
        json.WriteBoolean("executionSuccessful", summary is { Errors.Count: 0, Interrupted: false });
        json.WriteNumber("exitCode", summary.ExitCode);
        json.WriteStartArray("toolExecutionNotifications");
        if (_results.Count > shown)
        {
            var most = shown == MostResults ? $"a run has at most {Prose.Number(MostResults)}" : $"compressed, a report may have {Prose.Number(mostBytes)} bytes; check fewer scenarios at once, or write JSON, which has no limit";
            WriteNotification(json, $"{Prose.Count(_results.Count - shown, "result")} left out, those that the scenarios expect before others: {most}", null);
        }

        foreach (var error in summary.Errors)
        {
            WriteNotification(json, error.Message, error);
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private static void WriteNotification(Utf8JsonWriter json, string message, Diagnostic? at)
    {
        json.WriteStartObject();
        json.WriteString("level", at is null ? "warning" : "error");
        WriteText(json, "message", message);
        if (at is { Line: > 0 })
        {
            json.WriteStartArray("locations");
            json.WriteStartObject();
            WritePlace(json, at.File, at.Line, at.Column);
            json.WriteEndObject();
            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, Result result)
    {
        var (scenario, variant, way) = (result.Variant.Scenario, result.Variant.Variant, result.Failure?.Way);
        json.WriteStartObject();
        json.WriteString("ruleId", result.Name);
        json.WriteNumber("ruleIndex", result.Rule);
        json.WriteString("level", result.Level);
        WriteText(json, "message", result.Message);
        json.WriteStartArray("locations");
        json.WriteStartObject();
        if (way?.Trace.Steps.LastOrDefault(s => s.Source is not null)?.Source is { } source)
        {
            WritePlace(json, source.File, source.Line, 1);
        }
        else
        {
            WritePlace(json, scenario.Path, variant.Name.Position.Line, variant.Name.Position.Column);
        }

        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteStartObject("partialFingerprints");
        json.WriteString("thpcheck/v1", Fingerprint($"{scenario.Path}\n{variant.Name.Value}\n{result.Name}"));
        json.WriteEndObject();
        if (way is { Trace.Steps.Count: > 0 })
        {
            WriteFlow(json, result, way);
        }

        json.WriteStartObject("properties");
        json.WriteString("scenario", scenario.Path);
        json.WriteString("variant", variant.Name.Value);
        if (way is not null)
        {
            json.WriteString("schedule", way.Schedule);
            json.WriteNumber("contextSwitches", way.Switches);
            json.WriteNumber("steps", way.Steps);
            json.WriteBoolean("minimal", way.IsMinimal);
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteFlow(Utf8JsonWriter json, Result result, Counterexample way)
    {
        var bound = result.Variant.Checked!.Bound;
        var steps = way.Trace.Steps;
        var causes = Causes.Of(bound.Instance, Schedule.Parse(bound.Instance.Machine, way.Schedule), result.Failure!.Property);
        bool IsCause(TraceStep step) => step.Number > causes.Length || causes[step.Number - 1];
        var kept = steps.Count <= MostLocations ? steps
            : [.. steps.OrderByDescending(IsCause).ThenByDescending(s => s.Number).Take(MostLocations).OrderBy(s => s.Number)];
        json.WriteStartArray("codeFlows");
        json.WriteStartObject();
        WriteText(json, "message", TraceText.Schedule(way));
        json.WriteStartArray("threadFlows");
        foreach (var thread in kept.GroupBy(s => s.Thread))
        {
            json.WriteStartObject();
            json.WriteString("id", thread.Key);
            json.WriteStartArray("locations");
            foreach (var step in thread)
            {
                json.WriteStartObject();
                json.WriteStartObject("location");
                var source = step.Source ?? new SourceLine(result.Variant.Scenario.Path, result.Variant.Variant.Name.Position.Line);
                WritePlace(json, source.File, source.Line, 1);
                WriteText(json, "message", $"{step.Operation}{(step.Value.Length == 0 ? "" : $" = {step.Value}")}");
                json.WriteEndObject();
                json.WriteNumber("nestingLevel", Math.Max(step.Calls.Count - 1, 0));
                json.WriteNumber("executionOrder", step.Number);
                json.WriteString("importance", IsCause(step) ? "essential" : "unimportant");
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
    }

    // Paths are relative to where the checker runs, which is the root of the repository for whoever uploads the report.
    private static void WritePlace(Utf8JsonWriter json, string file, int line, int column)
    {
        var relative = Path.GetRelativePath(Environment.CurrentDirectory, file).Replace('\\', '/');
        var isInside = !relative.StartsWith("../", StringComparison.Ordinal) && !Path.IsPathRooted(relative);
        json.WriteStartObject("physicalLocation");
        json.WriteStartObject("artifactLocation");
        json.WriteString("uri", isInside ? string.Join('/', relative.Split('/').Select(Uri.EscapeDataString)) : new Uri(Path.GetFullPath(file)).AbsoluteUri);
        if (isInside)
        {
            json.WriteString("uriBaseId", Root);
        }

        json.WriteEndObject();
        json.WriteStartObject("region");
        json.WriteNumber("startLine", line);
        json.WriteNumber("startColumn", column);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteText(Utf8JsonWriter json, string key, string text)
    {
        json.WriteStartObject(key);
        json.WriteString("text", text);
        json.WriteEndObject();
    }

    private static string Fingerprint(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..16];

    private sealed record Result(VariantReport Variant, string Name, int Rule, string Message, string Level, Failure? Failure);
}
