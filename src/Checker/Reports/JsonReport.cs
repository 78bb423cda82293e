using System.Text.Json;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.Reports;

/// <summary>What <c>check</c> says to programs. Keys are added, never renamed or removed: others read them.</summary>
internal sealed class JsonReport : ICheckReport, IDisposable
{
    private readonly TextWriter _output;
    private readonly JsonText _text = new();

    public JsonReport(TextWriter output)
    {
        _output = output;
        Json.WriteStartArray("results");
    }

    private Utf8JsonWriter Json => _text.Writer;

    public void Dispose() => _text.Dispose();

    public void Begin(ScenarioFile scenario, IReadOnlyList<VariantSpec> variants)
    {
    }

    public void End()
    {
    }

    public void Add(VariantReport variant)
    {
        if (variant.Known?.Json is { } json)
        {
            using var kept = JsonDocument.Parse(json);
            kept.WriteTo(Json);
            return;
        }

        if (variant.Checked is not { } found)
        {
            return; // its scenario is wrong: it is among the errors
        }

        Json.WriteStartObject();
        new VariantJson(_text).Write(variant, found, isKnown: false);
        Json.WriteEndObject();
    }

    public void Finish(CheckSummary summary)
    {
        Json.WriteEndArray();
        _text.Objects("errors", summary.Errors, error =>
        {
            Json.WriteString("file", error.File);
            Json.WriteNumber("line", error.Line);
            Json.WriteNumber("column", error.Column);
            Json.WriteString("message", error.Message);
        });
        if (summary.Shard is var (part, of))
        {
            Json.WriteString("shard", $"{part}/{of}");
        }

        Json.WriteBoolean("interrupted", summary.Interrupted);
        Json.WriteNumber("notChecked", summary.NotChecked);
        Json.WriteNumber("exitCode", summary.ExitCode);
        _output.Write(_text.End());
    }
}
