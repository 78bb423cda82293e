using System.Text.Json;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Replay;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.Reports;

/// <summary>
/// A page to look at in a browser, without a network: the verdicts, each trace as swim lanes with every state on the way, and the other choices at each step. What it
/// shows is in it as data; <c>Html/report.html</c> does the rest.
/// </summary>
/// <param name="output">Where it goes.</param>
internal sealed class HtmlReport(TextWriter output) : ICheckReport
{
    private const string Page = "ThpCheck.Checker.Reports.Html.report.html";
    private const string Hole = "/*DATA*/";
    private const int MostTraces = 200;
    private const int MostOfBranches = 20_000; // steps of branches of branches, some hundred bytes each

    private readonly List<(ScenarioFile Scenario, List<VariantReport> Variants)> _scenarios = [];
    private readonly List<(VariantReport Variant, Failure Failure)> _traces = [];
    private readonly Dictionary<string, int> _strings = []; // what is said over and over, by its place in the page's list of it

    public void Begin(ScenarioFile scenario, IReadOnlyList<VariantSpec> variants) => _scenarios.Add((scenario, []));

    public void Add(VariantReport variant)
    {
        _scenarios[^1].Variants.Add(variant);
        foreach (var failure in variant.Failures.Where(f => f.Way is { Trace.Steps.Count: > 0 } && _traces.Count < MostTraces))
        {
            _traces.Add((variant, failure));
        }
    }

    public void End()
    {
    }

    public void Finish(CheckSummary summary)
    {
        using var text = new JsonText(isInHtml: true);
        var json = text.Writer;
        json.WriteString("summary", Sentence(summary));
        json.WriteStartArray("scenarios");
        foreach (var (scenario, variants) in _scenarios)
        {
            Write(json, scenario, variants);
        }

        json.WriteEndArray();
        json.WriteStartArray("traces");
        foreach (var (variant, failure) in _traces)
        {
            Write(json, variant, failure);
        }

        json.WriteEndArray();
        Strings(json, "strings", _strings.OrderBy(s => s.Value).Select(s => s.Key));
        output.Write(EmbeddedText.Read(Page).Replace(Hole, text.End(), StringComparison.Ordinal));
    }

    private static string Sentence(CheckSummary summary) =>
        $"{Prose.Count(summary.AsExpected, "variant")} as expected, {Prose.Number(summary.NotAsExpected)} not, {Prose.Number(summary.Incomplete)} incomplete"
        + $"{(summary.Errors.Count == 0 ? "" : $"; {Prose.Count(summary.Errors.Count, "error")} in the input")}{(summary.Interrupted ? "; interrupted" : "")}. "
        + $"Under sequential consistency ({Scope.MemoryModel}); "
        + (summary.Sampled > 0 ? "only some executions were looked at, and nothing was shown to hold." : "what holds, holds in this model and in the scope of its scenario.");

    private void Write(Utf8JsonWriter json, ScenarioFile scenario, List<VariantReport> variants)
    {
        json.WriteStartObject();
        json.WriteString("path", scenario.Path);
        json.WriteString("title", scenario.Title.Value);
        json.WriteString("question", scenario.Question.Value.ReplaceLineEndings(" ").Trim());
        json.WriteString("scope", Scope.Of(scenario));
        json.WriteStartArray("variants");
        foreach (var variant in variants)
        {
            var result = variant.Checked?.Result;
            json.WriteStartObject();
            json.WriteString("name", variant.Name);
            json.WriteString("standing", TextReport.Word(variant.Standing));
            json.WriteString("verdict", result is null ? "not checked" : CheckedVariant.Word(result.Verdict));
            Number(json, "states", result?.States);
            Number(json, "transitions", result?.Transitions);
            Number(json, "depth", result?.Depth);
            json.WriteStartArray("failures");
            foreach (var failure in variant.Failures)
            {
                json.WriteStartObject();
                json.WriteString("name", failure.Name);
                Number(json, "trace", _traces.FindIndex(t => t.Failure == failure) is >= 0 and var trace ? trace : null);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteStartArray("differences");
            foreach (var difference in variant.Checked is null ? ["its scenario is wrong"] : variant.Checked.Differences.Concat(variant.Checked.Open))
            {
                json.WriteStringValue(difference);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private void Write(Utf8JsonWriter json, VariantReport variant, Failure failure)
    {
        var (bound, way) = (variant.Checked!.Bound, failure.Way!);
        var machine = bound.Instance.Machine;
        var schedule = Schedule.Parse(machine, way.Schedule);
        var branches = Branches.Of(bound.Instance, schedule, failure.Property, MostOfBranches / _traces.Count);
        IEnumerable<Choice> Whole(Branch b) => [.. (b.Of < 0 ? schedule : Whole(branches[b.Of])).Take(b.At), .. b.Choices];
        var continued = branches.Select(b => Execute(bound, [.. Whole(b)], b.At)).ToArray();
        var execution = Execute(bound, schedule, 0);
        var lanes = TraceText.View(bound, way.Trace with { Steps = [.. way.Trace.Steps, .. continued.SelectMany(c => c.Steps)] }, "", null, full: true).Lanes;
        var laneOf = lanes.Select((l, i) => (l.Thread, i)).ToDictionary();
        json.WriteStartObject();
        json.WriteString("title", $"{variant.Name}: {failure.Name}");
        json.WriteString("message", failure.Message);
        json.WriteString("promise", failure.Property?.Promise ?? "");
        json.WriteString("cost", TraceText.Schedule(way));
        json.WriteString("replay", TraceText.Replay(bound, way.Schedule));
        json.WriteBoolean("broken", TraceText.Mark(failure.Property, failure.Message).Length > 0);
        Number(json, "pointOfNoReturn", way.NoReturn?.Step);
        json.WriteString("noReturn", TraceText.NoReturn(way));
        json.WriteStartArray("lanes");
        foreach (var lane in lanes)
        {
            json.WriteStartObject();
            json.WriteString("thread", lane.Thread);
            json.WriteString("title", lane.Title);
            json.WriteString("entry", lane.Entry);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("initial");
        foreach (var cell in execution.States[0].All())
        {
            Write(json, cell);
        }

        json.WriteEndArray();
        Threads(json, execution.States[0], null);
        var causes = Causes.Of(bound.Instance, schedule, failure.Property);
        WriteSteps(json, execution, laneOf, i => i >= causes.Length || causes[i]);
        json.WriteStartArray("branches");
        foreach (var (branch, execution2) in branches.Zip(continued))
        {
            json.WriteStartObject();
            json.WriteNumber("of", branch.Of);
            json.WriteNumber("at", branch.At);
            json.WriteString("text", $"{execution2.Steps[0].Thread}: {Text(execution2.Steps[0])}{(branch.Choices[0].Pick == 0 ? "" : $" (way {Prose.Number(branch.Choices[0].Pick + 1)})")}");
            json.WriteString("leads", branch.Leads);
            json.WriteBoolean("broken", branch.Leads.StartsWith("It breaks", StringComparison.Ordinal));
            WriteSteps(json, execution2, laneOf, _ => false);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private void WriteSteps(Utf8JsonWriter json, Execution execution, Dictionary<string, int> laneOf, Func<int, bool> isCause)
    {
        json.WriteStartArray("steps");
        foreach (var (i, step) in execution.Steps.Index())
        {
            json.WriteStartObject();
            json.WriteNumber("lane", laneOf[step.Thread]);
            json.WriteNumber("text", Place(Text(step)));
            json.WriteStartArray("calls");
            foreach (var call in step.Calls)
            {
                json.WriteNumberValue(Place(call));
            }

            json.WriteEndArray();
            if (step.Notes.Count > 0)
            {
                json.WriteString("note", string.Join("; ", step.Notes));
            }

            if (step.Source is { } source)
            {
                json.WriteNumber("source", Place(source.ToString()));
            }

            Flag(json, "switch", step.IsSwitch);
            Flag(json, "preemption", step.IsPreemption);
            Flag(json, "cause", isCause(i));
            json.WriteStartArray("sees");
            foreach (var from in execution.Sees[i])
            {
                json.WriteNumberValue(from);
            }

            json.WriteEndArray();
            Strings(json, "held", execution.Held[i]);
            json.WriteStartArray("changes");
            var (before, after) = (execution.States[i], execution.States.ElementAtOrDefault(i + 1));
            foreach (var cell in after?.ChangedSince(before) ?? [])
            {
                Write(json, cell);
            }

            json.WriteEndArray();
            if (after is not null)
            {
                Threads(json, after, before);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    // The threads that are not as they were, each by its place, name and text.
    private void Threads(Utf8JsonWriter json, StateSnapshot state, StateSnapshot? before)
    {
        json.WriteStartArray("threads");
        foreach (var (i, (thread, text)) in state.Threads.Index())
        {
            if (before is null || before.Threads[i] != (thread, text))
            {
                json.WriteStartArray();
                json.WriteNumberValue(i);
                json.WriteStringValue(thread);
                json.WriteNumberValue(Place(text));
                json.WriteEndArray();
            }
        }

        json.WriteEndArray();
    }

    private int Place(string text)
    {
        if (!_strings.TryGetValue(text, out var place))
        {
            _strings.Add(text, place = _strings.Count);
        }

        return place;
    }

    // What is not there is false.
    private static void Flag(Utf8JsonWriter json, string key, bool value)
    {
        if (value)
        {
            json.WriteBoolean(key, true);
        }
    }

    private static void Write(Utf8JsonWriter json, CellValue cell)
    {
        json.WriteStartArray();
        json.WriteStringValue(cell.Cell);
        json.WriteStringValue(cell.Value);
        json.WriteStringValue(cell.Kind switch
        {
            CellKind.PageTable => "Page tables",
            CellKind.Count => "Counts",
            CellKind.Lock => "Locks",
            _ => "Everything else",
        });
        json.WriteBooleanValue(cell.IsGhost);
        json.WriteEndArray();
    }

    private static string Text(TraceStep step) => $"{step.Operation}{(step.Value.Length == 0 ? "" : $" = {step.Value}")}";

    private static void Strings(Utf8JsonWriter json, string key, IEnumerable<string> values)
    {
        json.WriteStartArray(key);
        foreach (var value in values)
        {
            json.WriteStringValue(value);
        }

        json.WriteEndArray();
    }

    private static void Number(Utf8JsonWriter json, string key, long? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(key, number);
        }
        else
        {
            json.WriteNull(key);
        }
    }

    private static Execution Execute(BoundVariant bound, IReadOnlyList<Choice> schedule, int from)
    {
        var states = new List<StateSnapshot>();
        var held = new List<IReadOnlyList<string>>();
        var taken = 0;
        var trace = Replayer.Run(bound.Instance, schedule, watch: stepper =>
        {
            if (taken >= from)
            {
                states.Add(StateSnapshot.Of(stepper));
            }

            if (taken > from)
            {
                held.Add(Ending.Locks(new StateView(stepper.State), schedule[taken - 1].Thread));
            }

            taken++;
        });
        var sees = SeenBy(Recording.Of(bound.Instance, schedule));
        var steps = trace.Steps.Skip(from).ToArray();
        while (held.Count < steps.Length)
        {
            held.Add([]); // the model is at fault
        }

        return new([.. steps], states, held, [.. steps.Select(s => s.Number - 1 < sees.Count ? sees[s.Number - 1] : [])]);
    }

    // For each step the last steps of other threads that wrote what it looks at.
    private static List<IReadOnlyList<int>> SeenBy(Recording recording)
    {
        var writers = new Dictionary<Place, int>();
        var seen = new List<IReadOnlyList<int>>();
        foreach (var (i, step) in recording.Steps.Index())
        {
            seen.Add([.. step.Reads.Where(writers.ContainsKey).Select(p => writers[p]).Where(w => recording.Steps[w].Choice.Thread != step.Choice.Thread).Distinct().Order()]);
            foreach (var place in step.Writes.Keys)
            {
                writers[place] = i;
            }
        }

        return seen;
    }

    /// <summary>The end of an execution, with what each of its steps leads to.</summary>
    /// <param name="Steps">The steps.</param>
    /// <param name="States">The state before them and the one after each.</param>
    /// <param name="Held">After each the locks that its thread holds.</param>
    /// <param name="Sees">For each the steps, by their index in the whole execution, that wrote what it saw.</param>
    private sealed record Execution(IReadOnlyList<TraceStep> Steps, IReadOnlyList<StateSnapshot> States, IReadOnlyList<IReadOnlyList<string>> Held, IReadOnlyList<IReadOnlyList<int>> Sees);
}
