using ThpCheck.Checker.Replay;
using ThpCheck.Checker.Sampling;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Reports;

/// <summary>Which traces a text report prints.</summary>
/// <param name="Expected">Those of violations that the scenario expects, too; what is not expected is always shown.</param>
/// <param name="Full">Every step of them.</param>
/// <param name="Disagreements">Instead of traces, why the variants differ from what was predicted of them.</param>
internal sealed record TextReportOptions(bool Expected, bool Full, bool Disagreements)
{
    public const int UsualVerdictWidth = 11;

    /// <summary>Whether the scenario's question is printed.</summary>
    public bool Question { get; init; }

    /// <summary>How many characters verdicts are given.</summary>
    public int VerdictWidth { get; init; } = UsualVerdictWidth;
}

/// <summary>
/// What <c>check</c> says to people: for each scenario a line a variant, then the interleavings of what failed, and in the
/// end what all of that amounts to. All its wording is here.
/// </summary>
internal sealed class TextReport(Paper paper, TextReportOptions options) : ICheckReport
{
    private const int StandingWidth = 4;
    private const int MostLines = 40;      // of a failure: it is read on a screen
    private const int FewestTraceLines = 8;
    private const int OtherLines = 12;     // of a failure: its heading, the columns' heads, the commands, and blank ones

    private readonly List<VariantReport> _variants = []; // of the scenario at hand
    private readonly List<(string Title, IReadOnlyList<TraceStep> Steps)> _drawn = []; // the columns printed in this scenario
    private int _nameWidth;

    public void Begin(ScenarioFile scenario, IReadOnlyList<VariantSpec> variants)
    {
        const int Narrowest = 8;
        _variants.Clear();
        _drawn.Clear();
        _nameWidth = variants.Select(v => v.Name.Value.Length).Append(Narrowest).Max();
        paper.Write(scenario.Path, Tone.Heading);
        paper.WriteLine($"  {scenario.Title}");
        if (options.Question)
        {
            paper.WriteProse(scenario.Question.Value.ReplaceLineEndings(" ").Trim(), 2);
        }

        paper.WriteProse(Scope.Of(scenario), 2, Tone.Faint);
    }

    public void Add(VariantReport variant)
    {
        _variants.Add(variant);
        paper.Write($"  {Word(variant.Standing),-StandingWidth}", ToneOf(variant.Standing));
        paper.Write($"  {variant.Name.PadRight(_nameWidth)}");
        if (variant.Known is { } known)
        {
            var line = $"  {known.Verdict.PadRight(options.VerdictWidth)}{known.Counts}     known";
            paper.Write(line);
            WriteTail(known.Tail, 2 + StandingWidth + 2 + _nameWidth + line.Length);
            WriteOf(variant, known.Details);
            return;
        }

        if (variant.Checked is not { } found)
        {
            paper.WriteLine($"  {"not checked".PadRight(options.VerdictWidth)}  its scenario is wrong; see the errors");
            return;
        }

        var result = found.Result;
        var verdict = Word(result).PadRight(options.VerdictWidth);
        var counts = Counts(result);
        paper.Write($"  {verdict}", variant.Standing is Standing.AsExpected ? Tone.Plain : ToneOf(variant.Standing));
        paper.Write(counts);
        WriteTail(Tail(variant), 2 + StandingWidth + 2 + _nameWidth + 2 + verdict.Length + counts.Length);
        WriteDetails(variant, found);
    }

    public void End()
    {
        foreach (var variant in _variants)
        {
            var all = options.Expected || variant.Standing == Standing.NotAsExpected;
            foreach (var failure in options.Disagreements ? [] : variant.Failures.Where(f => all || !f.IsExpected))
            {
                WriteFailure(variant, failure);
            }
        }

        paper.WriteLine();
    }

    public void Finish(CheckSummary summary)
    {
        if (summary.Checked == 0 && summary.ExitCode == CommandLine.ExitCodes.AsExpected)
        {
            paper.WriteLine(options.Disagreements ? "No variant is marked as not as predicted." : "There was nothing to check.");
            return;
        }

        if (summary.NotExplored + summary.NotChecked > 0)
        {
            var reached = summary.NotExplored == 0 ? ""
                : $" {Prose.Count(summary.NotExplored, "variant")} of {Prose.Number(summary.Checked)} {(summary.NotExplored == 1 ? "was" : "were")} not explored to the end.";
            var others = summary.NotChecked == 0 ? ""
                : $" {Prose.Count(summary.NotChecked, "variant")} {(summary.NotChecked == 1 ? "was" : "were")} not reached.";
            paper.WriteProse($"INCOMPLETE:{reached}{others} What was not found there may still be there.", 0, Tone.Bad);
        }

        if (summary.Bounded > 0)
        {
            paper.WriteProse(
                $"BOUNDED: {Of(summary.Bounded, summary.Checked)} only the executions with at most {summary.Bound} were explored ({Scope.MemoryModel}). "
                + "What needs more was not looked for; deadlock and livelock were not judged.", 0, Tone.Warning);
        }
        else if (summary.Sampled > 0)
        {
            paper.WriteProse(
                $"SAMPLED: {Of(summary.Sampled, summary.Checked)} only some executions were looked at ({Scope.MemoryModel}). "
                + "Nothing was shown to hold; livelock was not judged.", 0, Tone.Warning);
        }
        else if (summary.NotExplored + summary.NotChecked == 0 && summary.Checked > 0)
        {
            paper.WriteProse(
                $"{(summary.WrongInput > 0 ? "Of what was checked, all" : "All")} of every state space was explored ({Scope.MemoryModel}; tasks on a CPU each; starvation is out of scope; {(summary.OddsOfMissedState == 0 ? "states compared whole" : $"odds of a missed state below {Prose.Below(summary.OddsOfMissedState)}")}). "
                + (summary.Reduced > 0 ? "Where it is reduced, interleavings were left out on which no verdict depends. " : "")
                + "What holds, holds in this model and in the scope of its scenario.", 0);
        }

        string?[] parts =
        [
            $"{Prose.Number(summary.AsExpected)} variant{(summary.AsExpected == 1 ? "" : "s")} as expected",
            $"{Prose.Number(summary.NotAsExpected)} not",
            summary.Incomplete > 0 ? $"{Prose.Number(summary.Incomplete)} incomplete" : null,
            summary.WrongInput > 0 ? $"{Prose.Number(summary.WrongInput)} not checked because a scenario is wrong" : null,
            summary.NotChecked > 0 ? $"{Prose.Number(summary.NotChecked)} not reached" : null,
        ];
        if (summary.Known > 0)
        {
            paper.WriteProse(summary.KnownSentence, 0, Tone.Faint);
        }

        var interrupted = summary.Interrupted ? "Interrupted. " : "";
        var errors = summary.Errors.Count > 0 ? $" {Prose.Count(summary.Errors.Count, "error")} in the input." : "";
        var tone = summary.ExitCode == CommandLine.ExitCodes.AsExpected ? Tone.Good : Tone.Bad;
        paper.WriteProse($"{interrupted}{string.Join(", ", parts.OfType<string>())}.{errors}", 0, tone);
    }

    /// <summary>What a report of a later run has to say of the variant, where nothing changed.</summary>
    public static KnownVerdict KnownOf(VariantReport variant)
    {
        var result = variant.Checked!.Result;
        return new KnownVerdict(Word(result), CountsAlone(result), Tail(variant), [.. Outcomes(result)], result.OddsOfMissedState);
    }

    // What failed, behind the counts, or below them where there is no room.
    private void WriteTail(string tail, int column)
    {
        if (tail.Length == 0 || column + 2 + tail.Length <= paper.Width)
        {
            paper.WriteLine(tail.Length == 0 ? "" : $"  {tail}");
        }
        else
        {
            paper.WriteLine();
            paper.WriteProse(tail, DetailIndent);
        }
    }

    private static string Tail(VariantReport variant)
    {
        var found = variant.Checked!;
        var failed = variant.Failures.Select(f => f.Name).Where(n => n != Failure.ModelFault);
        var vacuous = found.Result.Properties.Where(p => p.Verdict == Verdict.Vacuous).Select(p => $"{p.Property.Name} (vacuous)");
        return string.Join(", ", failed.Concat(vacuous));
    }

    private void WriteDetails(VariantReport variant, CheckedVariant found)
    {
        WriteScope(variant);
        WriteExtent(found.Result);
        foreach (var outcomes in Outcomes(found.Result))
        {
            paper.WriteProse(outcomes, DetailIndent);
        }

        if (variant.Standing is Standing.NotAsExpected or Standing.Incomplete)
        {
            foreach (var difference in found.Differences)
            {
                paper.WriteProse(difference, DetailIndent, variant.Standing == Standing.Incomplete ? Tone.Warning : Tone.Bad);
            }
        }

        if (found.Result.CrossCheck?.Count(o => o.Difference is null && o.Incomplete is null) is > 0 and var agreeing)
        {
            paper.WriteProse($"cross-check: {Prose.Number(agreeing)} of {Prose.Count(found.Result.CrossCheck.Count, "other search")} say the same", DetailIndent, Tone.Faint);
        }

        foreach (var open in found.Open)
        {
            paper.WriteProse(open, DetailIndent, Tone.Warning);
        }

        WriteDisagreement(variant);
    }

    // The same of a variant that is known already.
    private void WriteOf(VariantReport variant, IReadOnlyList<string> details)
    {
        WriteScope(variant);
        foreach (var detail in details)
        {
            paper.WriteProse(detail, DetailIndent);
        }

        WriteDisagreement(variant);
    }

    private void WriteScope(VariantReport variant)
    {
        if (Scope.Own(variant.Scenario, variant.Variant) is { } scope)
        {
            paper.WriteProse(scope, DetailIndent, Tone.Faint);
        }
    }

    private static IEnumerable<string> Outcomes(InstanceResult result) => result.Properties
        .Where(p => p.Outcomes is not null)
        .Select(p => $"{p.Property.Name}: {string.Join(" ", p.Outcomes!.Select(o => $"({string.Join(",", o)})"))}");

    private void WriteDisagreement(VariantReport variant)
    {
        if (variant.Variant.Disagrees is { } reason)
        {
            paper.WriteProse(
                options.Disagreements || options.Question ? $"not as predicted by {Facts(variant.Variant)}: {reason.Value.Trim()}" : "not as predicted; --disagreements says why",
                DetailIndent, Tone.Faint);
        }
    }

    // What was looked at, where that is not everything, and what it is worth.
    private void WriteExtent(InstanceResult result)
    {
        if (result.Bound is { IsHit: false } bound)
        {
            paper.WriteProse($"no state or step is beyond {bound}: everything was explored", DetailIndent, Tone.Faint);
        }

        if (result.Sample is not { } sample)
        {
            return;
        }

        paper.WriteProse(sample.Seed is { } seed ? $"{sample.Method}, seed {seed}: {Promise(sample.Guarantee)}" : $"{sample.Method}: no execution but the trace's", DetailIndent, Tone.Faint);
        if (sample.Unfinished > 0)
        {
            paper.WriteProse(
                $"{Prose.Count(sample.Unfinished, "execution")} did not end within {Prose.Number(SampleExplorer.MostSteps)} steps and {(sample.Unfinished == 1 ? "was" : "were")} cut off there",
                DetailIndent, Tone.Warning);
        }
    }

    private static string Promise(Guarantee? guarantee)
    {
        if (guarantee is null)
        {
            return "no chance of finding a bug is promised";
        }

        var (threads, steps, depth) = (guarantee.Threads, guarantee.Steps, guarantee.Depth);
        var power = depth == 1 ? "" : $" x {steps}{(depth == 2 ? "" : $"^{depth - 1}")}";
        return $"each of the last {Prose.Count(guarantee.Executions, "execution")} finds a bug of depth {depth} within {Prose.Count(steps, "step")} "
            + $"with a chance of at least 1/({threads}{power}) = {Prose.Chance(guarantee.Chance)}, one of them with at least {Prose.Chance(guarantee.ChanceOfAny)}";
    }

    private int DetailIndent => 2 + StandingWidth + 2 + _nameWidth + 2;

    private static string Facts(VariantSpec variant) =>
        variant.Facts.Count == 0 ? "reading the code" : Prose.List([.. variant.Facts.Select(f => f.ToString())]);

    private void WriteFailure(VariantReport variant, Failure failure)
    {
        var heading = Heading(variant, failure);
        paper.WriteLine();
        paper.WriteLine($"  {heading}", failure.IsExpected ? Tone.Heading : Tone.Bad);
        if (failure.Message.Length > 0 && failure.Property?.Form != PropertyForm.Sometimes)
        {
            paper.WriteProse(TraceText.Message(variant.Scenario, failure), 2);
        }

        if (failure.Property is { Promise.Length: > 0 } property)
        {
            paper.WriteProse($"Promised: {property.Promise}", 2, Tone.Faint);
        }

        if (failure.Way is not { } way)
        {
            return;
        }

        var bound = variant.Checked!.Bound;
        paper.WriteLine();
        paper.WriteProse(TraceText.Schedule(way), 2);
        if (TraceText.NoReturn(way) is { } noReturn)
        {
            paper.WriteProse(noReturn, 2);
        }

        paper.WriteLine();
        var steps = way.Trace.Steps;
        if (failure.Ending is null && _drawn.FirstOrDefault(d => BeginsWith(d.Steps, steps)) is { Steps: { } drawn, Title: var title })
        {
            var which = drawn.Count == steps.Count ? "all steps" : steps.Count == 1 ? "the first step" : $"the first {Prose.Count(steps.Count, "step")}";
            paper.WriteProse($"See {which} of \"{title}\" above.", 2);
        }
        else if (steps.Count > 0 || failure.Ending is not null)
        {
            var mark = failure.Name == Failure.ModelFault ? failure.Name : TraceText.Mark(failure.Property, failure.Message);
            var state = StateOf(bound, failure, way);
            string[] prose = [TraceText.Message(variant.Scenario, failure), $"Promised: {failure.Property?.Promise}", TraceText.Schedule(way), TraceText.NoReturn(way) ?? ""];
            var used = OtherLines + prose.Where(p => p.Length > 0).Sum(p => Lines(p, 2)) + state.Sum(l => Lines(l, 4));
            TraceColumns.Write(paper, TraceText.View(bound, way.Trace, mark, failure.Ending, options.Full) with
            {
                NoReturn = way.NoReturn?.Step ?? 0,
                MostLines = Math.Max(MostLines - used, FewestTraceLines),
                Causes = () => CausesOf(bound, failure, way),
            }, 2);
            WriteState(state, way);
            _drawn.Add(($"{variant.Name}: {failure.Name}", steps));
        }

        paper.WriteLine();
        paper.WriteLine($"  {TraceText.Replay(bound, way.Schedule)}");
        if (steps.Count > 0)
        {
            paper.WriteLine($"  the same by the names of its steps, for a mail: {Prose.Quote(way.Token(bound.Instance.Machine))}", Tone.Faint);
        }
    }

    private static bool[] CausesOf(BoundVariant bound, Failure failure, Counterexample way)
    {
        var causes = Causes.Of(bound.Instance, Schedule.Parse(bound.Instance.Machine, way.Schedule), failure.Property);
        return [.. way.Trace.Steps.Select((_, i) => i >= causes.Length || causes[i])]; // where the model is at fault there are none
    }

    private int Lines(string text, int indent) => Prose.Wrap(text, paper.Width - indent).Count();

    // The objects that the sentence names, before the failing step and after it, and who holds what.
    private static List<string> StateOf(BoundVariant bound, Failure failure, Counterexample way)
    {
        if (failure.Property is null or { Form: PropertyForm.Sometimes })
        {
            return []; // who waits says what is held
        }

        var state = FailingState.Of(bound.Instance, way.Schedule, failure.Message);
        return
        [
            .. state.Objects.Select(o => $"{o.Name}{(o.Note.Length == 0 ? "" : $" ({o.Note})")}: {string.Join(", ", o.Cells)}"),
            .. state.Locks.Select(l => $"{l.Thread} holds {Prose.List([.. l.Locks])}"),
        ];
    }

    private void WriteState(List<string> state, Counterexample way)
    {
        if (state.Count == 0)
        {
            return;
        }

        paper.WriteLine();
        paper.WriteLine($"  before step {Prose.Number(way.Steps)}, and after an arrow what it makes of that:", Tone.Faint);
        foreach (var line in state)
        {
            paper.WriteProse(line, 4);
        }
    }

    private static string Heading(VariantReport variant, Failure failure)
    {
        var expected = failure.IsExpected ? "as expected" : "not expected";
        return failure.Property is { Form: PropertyForm.Sometimes } ? $"{variant.Name}: {failure.Name} is never reached, {expected}"
            : failure.Property is null ? $"{variant.Name}: {failure.Name}{(failure.Name == Failure.ModelFault ? "" : $", {expected}")}"
            : failure.Property.Class switch
            {
                PropertyClass.Safety => $"{variant.Name}: {failure.Name} is violated, {expected}",
                PropertyClass.Hygiene => $"{variant.Name}: {failure.Name} (hygiene) is violated, {expected}",
                _ => $"{variant.Name}: {failure.Name} (fact) occurs, {expected}",
            };
    }

    private static bool BeginsWith(IReadOnlyList<TraceStep> all, IReadOnlyList<TraceStep> first) =>
        first.Count <= all.Count && first.Zip(all).All(p =>
            (p.First.Thread, p.First.Operation, p.First.Value) == (p.Second.Thread, p.Second.Operation, p.Second.Value)
            && p.First.Calls.SequenceEqual(p.Second.Calls));

    // "2 of 3 variants" in the genitive.
    private static string Of(int some, int all) => some == all ? $"of {Prose.Count(all, "variant")}" : $"of {Prose.Number(some)} of {Prose.Count(all, "variant")}";

    private static string Counts(InstanceResult result) => result.Sample is { } sample
        ? $"  {Prose.Number(sample.Executions),9} executions {(sample.AllStatesCounted ? "" : ">") + Prose.Number(result.States),11} states {Prose.Number(result.Transitions),12} steps  longest {Prose.Number(result.Depth),5}  {Prose.Seconds(result.Time),8}"
        : $"{CountsAlone(result)}  {Prose.Seconds(result.Time),8}{(result.CountsReduced ? "  reduced" : "")}";

    private static string CountsAlone(InstanceResult result) => $"  {Prose.Number(result.States),11} states {Prose.Number(result.Transitions),12} transitions  depth {Prose.Number(result.Depth),4}";

    // What is not as good as a pass does not look like one.
    private static string Word(InstanceResult result) => result switch
    {
        { Verdict: VariantVerdict.Incomplete } => "INCOMPLETE",
        { Verdict: VariantVerdict.HoldsWithinBound, Bound.Switches: var switches } => HoldsWithin(switches),
        { Verdict: VariantVerdict.Sampled } => "SAMPLED",
        _ => CheckedVariant.Word(result.Verdict),
    };

    /// <summary>The verdict of a variant in which nothing was found within a bound.</summary>
    public static string HoldsWithin(int switches) => $"HOLDS WITHIN {switches} SWITCH{(switches == 1 ? "" : "ES")}";

    /// <summary>A standing as the first column of a table.</summary>
    public static string Word(Standing standing) => standing switch
    {
        Standing.AsExpected => "ok",
        Standing.NotAsExpected => "FAIL",
        Standing.Incomplete => "--",
        _ => "ERR",
    };

    private static Tone ToneOf(Standing standing) => standing switch
    {
        Standing.AsExpected => Tone.Good,
        Standing.Incomplete => Tone.Warning,
        _ => Tone.Bad,
    };
}
