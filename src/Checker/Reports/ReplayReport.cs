using System.Text.Json;

namespace ThpCheck.Checker.Reports;

/// <summary>What <c>replay</c> says: the trace, what it breaks, and on demand every state on the way.</summary>
internal static class ReplayReport
{
    /// <param name="paper">Where it goes.</param>
    /// <param name="replayed">What was replayed.</param>
    /// <param name="verbose">Whether to show every state.</param>
    /// <param name="command">The command that shows it again, where that is not <c>replay</c>.</param>
    public static void WriteText(Paper paper, Replayed replayed, bool verbose, string? command = null)
    {
        var (bound, trace) = (replayed.Bound, replayed.Trace);
        paper.Write(bound.Scenario.Path, Tone.Heading);
        paper.WriteLine($"  {bound.Scenario.Title}: {bound.Variant.Name}");
        paper.WriteProse(Scope.Own(bound.Scenario, bound.Variant) ?? Scope.Of(bound.Scenario), 2, Tone.Faint);
        paper.WriteLine();
        foreach (var (property, sentence) in replayed.Broken)
        {
            paper.WriteLine($"  {property.Name} is violated", Tone.Bad);
            paper.WriteProse(sentence, 2);
            paper.WriteProse($"Promised: {property.Promise}", 2, Tone.Faint);
            paper.WriteLine();
        }

        if (replayed.Broken.Count == 0)
        {
            paper.WriteProse(Verdict(replayed), 2);
            paper.WriteLine();
        }

        paper.WriteProse($"schedule: {TraceText.Turns(trace)}   ({TraceText.Cost(trace.Switches, trace.Steps.Count)})", 2);
        paper.WriteLine();
        var mark = replayed.IsFault ? Failure.ModelFault : replayed.Broken is [var first, ..] ? TraceText.Mark(first.Property, first.Sentence) : "";
        var ending = replayed.IsStuck ? replayed.Ending : null;
        if (trace.Steps.Count > 0 || ending is not null)
        {
            TraceColumns.Write(paper, TraceText.View(bound, trace, mark, ending, full: verbose), 2);
            paper.WriteLine();
        }

        if (verbose)
        {
            WriteStates(paper, replayed);
        }

        paper.WriteLine($"  {command ?? TraceText.Replay(bound, replayed.Schedule)}");
    }

    public static void WriteJson(TextWriter output, Replayed replayed, bool verbose)
    {
        using var text = new JsonText();
        var (json, bound, trace) = (text.Writer, replayed.Bound, replayed.Trace);
        json.WriteString("scenario", bound.Scenario.Path);
        json.WriteString("title", bound.Scenario.Title.Value);
        json.WriteString("variant", bound.Variant.Name.Value);
        json.WriteString("memoryModel", Scope.MemoryModel);
        json.WriteString("schedule", replayed.Schedule);
        json.WriteNumber("contextSwitches", trace.Switches);
        json.WriteNumber("steps", trace.Steps.Count);
        json.WriteString("message", Verdict(replayed));
        json.WriteBoolean("isEnd", replayed.IsEnd);
        json.WriteBoolean("isStuck", replayed.IsStuck);
        json.WriteStartArray("broken");
        foreach (var (property, sentence) in replayed.Broken)
        {
            json.WriteStartObject();
            json.WriteString("name", property.Name);
            json.WriteString("kind", VariantJson.Kind(property.Form));
            json.WriteString("class", VariantJson.Class(property.Class));
            json.WriteString("message", sentence);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        text.Trace(trace, verbose ? step => WriteChanges(json, replayed, step.Number) : null);
        output.Write(text.End());
    }

    private static string Verdict(Replayed replayed) =>
        replayed.Broken.Count > 0 ? string.Join("; ", replayed.Broken.Select(b => b.Sentence))
        : replayed.Trace.Ending ?? (replayed.IsEnd ? "Every task has ended; nothing is violated here."
        : replayed.IsStuck ? $"{replayed.Ending.Deadlock}."
        : $"Nothing is violated here. {string.Join("; ", replayed.Ending.Waiting.Select(w => $"{w.Thread} {(w.IsEnabled ? "is at" : "waits in")} {w.Operation}"))}.");

    private static void WriteChanges(Utf8JsonWriter json, Replayed replayed, int step)
    {
        json.WriteStartObject("writes");
        foreach (var cell in step < replayed.States.Count ? replayed.States[step].ChangedSince(replayed.States[step - 1]) : [])
        {
            json.WriteString(cell.Cell, cell.Value);
        }

        json.WriteEndObject();
    }

    private static void WriteStates(Paper paper, Replayed replayed)
    {
        var initial = replayed.States[0];
        paper.WriteLine("  Initial state", Tone.Heading);
        WriteCells(paper, initial.NotInitial(), []);
        WriteThreads(paper, initial, initial);
        WriteObjects(paper, initial, initial);
        paper.WriteLine();
        foreach (var step in replayed.Trace.Steps.Take(replayed.States.Count - 1))
        {
            var (before, after) = (replayed.States[step.Number - 1], replayed.States[step.Number]);
            paper.WriteLine($"  After step {Prose.Number(step.Number)}, {step.Thread}: {step.Operation}{(step.Value.Length == 0 ? "" : $" = {step.Value}")}", Tone.Heading);
            WriteCells(paper, after.ChangedSince(initial).Concat(after.ChangedSince(before)).DistinctBy(c => c.Cell), [.. after.ChangedSince(before).Select(c => c.Cell)]);
            WriteThreads(paper, after, before);
            WriteObjects(paper, after, before);
            paper.WriteLine();
        }
    }

    private static void WriteCells(Paper paper, IEnumerable<CellValue> cells, HashSet<string> changed)
    {
        foreach (var cell in cells)
        {
            WriteItem(paper, $"{cell.Cell} = {cell.Value}{(cell.IsGhost ? "  (ghost)" : "")}", changed.Contains(cell.Cell));
        }
    }

    private static void WriteThreads(Paper paper, StateSnapshot state, StateSnapshot before)
    {
        var width = state.Threads.Max(t => t.Thread.Length);
        foreach (var ((thread, text), (_, textBefore)) in state.Threads.Zip(before.Threads))
        {
            WriteItem(paper, $"{thread.PadRight(width)}  {text}", text != textBefore);
        }
    }

    private static void WriteObjects(Paper paper, StateSnapshot state, StateSnapshot before) =>
        WriteItem(paper, $"allocated: {(state.Objects.Count == 0 ? "nothing" : string.Join(", ", state.Objects))}", !state.Objects.SequenceEqual(before.Objects));

    // What the step changed is marked with a star.
    private static void WriteItem(Paper paper, string text, bool isChanged)
    {
        paper.Write(isChanged ? "    * " : "      ", Tone.Warning);
        paper.WriteLine(text, isChanged ? Tone.Plain : Tone.Faint);
    }
}
