using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using ThpCheck.Checker.Replay;

namespace ThpCheck.Checker.Reports;

/// <summary>One JSON object as text, keys in the order they are written, and what several reports write alike.</summary>
internal sealed class JsonText : IDisposable
{
    private readonly MemoryStream _bytes = new();

    /// <param name="isInHtml">Whether it stands inside a page: then it is short, and nothing in it can end the element that it is in.</param>
    public JsonText(bool isInHtml = false)
    {
        Writer = new Utf8JsonWriter(_bytes, isInHtml
            ? new JsonWriterOptions { Encoder = JavaScriptEncoder.Default }
            : new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        Writer.WriteStartObject();
    }

    public Utf8JsonWriter Writer { get; }

    /// <summary>Ends the object; its text ends with a new line.</summary>
    public string End()
    {
        Writer.WriteEndObject();
        Writer.Flush();
        return Encoding.UTF8.GetString(_bytes.ToArray()) + "\n";
    }

    public void Dispose()
    {
        Writer.Dispose();
        _bytes.Dispose();
    }

    /// <summary>A key with a list of strings.</summary>
    public void Strings(string key, IEnumerable<string> values)
    {
        Writer.WriteStartArray(key);
        foreach (var value in values)
        {
            Writer.WriteStringValue(value);
        }

        Writer.WriteEndArray();
    }

    /// <summary>The key <c>trace</c> with a list of steps, or null.</summary>
    /// <param name="trace">The trace, or null.</param>
    /// <param name="more">Writes further keys of a step; or null.</param>
    public void Trace(Trace? trace, Action<TraceStep>? more = null)
    {
        if (trace is null)
        {
            Writer.WriteNull("trace");
            return;
        }

        Writer.WriteStartArray("trace");
        foreach (var step in trace.Steps)
        {
            Writer.WriteStartObject();
            Writer.WriteNumber("step", step.Number);
            Writer.WriteString("thread", step.Thread);
            Writer.WriteString("function", step.Function);
            Writer.WriteString("operation", step.Operation);
            Writer.WriteString("value", step.Value);
            Writer.WriteBoolean("switch", step.IsSwitch);
            Writer.WriteBoolean("preemption", step.IsPreemption);
            Writer.WriteBoolean("environment", step.IsEnvironment);
            Writer.WriteString("source", step.Source?.ToString());
            Strings("calls", step.Calls);
            Strings("notes", step.Notes);
            more?.Invoke(step);
            Writer.WriteEndObject();
        }

        Writer.WriteEndArray();
    }
}
