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

    /// <summary>A key with an object, or null.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">What it is about, or null.</param>
    /// <param name="write">Writes the object's own keys.</param>
    public void Object<T>(string key, T? value, Action<T> write)
        where T : class
    {
        if (value is null)
        {
            Writer.WriteNull(key);
            return;
        }

        Writer.WriteStartObject(key);
        write(value);
        Writer.WriteEndObject();
    }

    /// <summary>A key with a list of objects, or null.</summary>
    /// <param name="key">The key.</param>
    /// <param name="values">What they are about, or null.</param>
    /// <param name="write">Writes the keys of one.</param>
    public void Objects<T>(string key, IEnumerable<T>? values, Action<T> write)
    {
        if (values is null)
        {
            Writer.WriteNull(key);
            return;
        }

        Writer.WriteStartArray(key);
        foreach (var value in values)
        {
            Writer.WriteStartObject();
            write(value);
            Writer.WriteEndObject();
        }

        Writer.WriteEndArray();
    }

    /// <summary>The key <c>trace</c> with a list of steps, or null.</summary>
    /// <param name="trace">The trace, or null.</param>
    /// <param name="more">Writes further keys of a step; or null.</param>
    public void Trace(Trace? trace, Action<TraceStep>? more = null) => Objects("trace", trace?.Steps, step =>
    {
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
    });
}
