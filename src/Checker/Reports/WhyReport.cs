using ThpCheck.Checker.Necessity;
using ThpCheck.Specs.Binding;

namespace ThpCheck.Checker.Reports;

/// <summary>What <c>why</c> was asked and found.</summary>
/// <param name="Variants">The variants that were explored as they are.</param>
/// <param name="Answers">One for each place, in the order of the places.</param>
/// <param name="LeftOut">The scenarios and variants that say nothing, each with the reason.</param>
internal sealed record WhyResult(IReadOnlyList<AskedVariant> Variants, IReadOnlyList<SiteAnswer> Answers, IReadOnlyList<string> LeftOut)
{
    public int Count(SiteNeed need) => Answers.Count(a => a.Need == need);
}

/// <summary>What <c>why</c> says. All its wording is here.</summary>
internal static class WhyReport
{
    private const int KindWidth = 10;

    /// <summary>For people.</summary>
    /// <param name="paper">Where it goes.</param>
    /// <param name="result">What was found.</param>
    /// <param name="traces">Whether interleavings are shown step by step.</param>
    /// <param name="full">Whether they are shown whole.</param>
    public static void WriteText(Paper paper, WhyResult result, bool traces, bool full)
    {
        foreach (var variant in result.Variants.OrderBy(v => v.Bound.Scenario.Path, StringComparer.Ordinal))
        {
            var scenario = variant.Bound.Scenario;
            paper.Write(scenario.Path, Tone.Heading);
            paper.WriteLine($"  {scenario.Title}");
            paper.WriteProse($"{variant.Bound.Variant.Name}: {Scope.Own(scenario, variant.Bound.Variant) ?? Scope.Of(scenario)}; {Prose.Count(variant.Result.States, "state")}, {Prose.Count(variant.Sites.Count, "place")}", 2, Tone.Faint);
        }

        foreach (var reason in result.LeftOut)
        {
            paper.WriteProse(reason, 0, Tone.Warning);
        }

        WriteNeeded(paper, result, traces, full);
        WriteOthers(paper, result, SiteNeed.NotNeeded, "Not needed in this scope: without it, every state was explored and nothing more fails", Tone.Plain);
        WriteOthers(paper, result, SiteNeed.WeakerMemory, $"Needs a weaker memory model than {Scope.MemoryModel}, in which accesses are in order anyway", Tone.Faint);
        WriteOthers(paper, result, SiteNeed.NotTried, "Not tried", Tone.Faint);
        WriteOthers(paper, result, SiteNeed.NotDecided, "Not decided", Tone.Warning);
        WriteSum(paper, result);
    }

    /// <summary>For programs.</summary>
    public static void WriteJson(TextWriter writer, WhyResult result)
    {
        using var text = new JsonText();
        var json = text.Writer;
        json.WriteStartArray("variants");
        foreach (var variant in result.Variants)
        {
            json.WriteStartObject();
            json.WriteString("scenario", variant.Bound.Scenario.Path);
            json.WriteString("variant", variant.Bound.Variant.Name.Value);
            json.WriteNumber("states", variant.Result.States);
            json.WriteNumber("places", variant.Sites.Count);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        text.Strings("leftOut", result.LeftOut);
        json.WriteStartArray("places");
        foreach (var answer in result.Answers)
        {
            WriteAnswer(text, answer);
        }

        json.WriteEndArray();
        writer.Write(text.End());
    }

    private static void WriteAnswer(JsonText text, SiteAnswer answer)
    {
        var json = text.Writer;
        json.WriteStartObject();
        json.WriteString("id", answer.Site.Id);
        json.WriteString("kind", answer.Site.KindWord);
        json.WriteString("function", answer.Site.Function);
        json.WriteString("place", answer.Site.Line?.ToString());
        json.WriteString("what", answer.Site.What);
        json.WriteString("answer", Word(answer.Need));
        json.WriteString("reason", answer.Reason);
        json.WriteNumber("scenarios", answer.Scenarios);
        if (answer.Failing is { } failing)
        {
            text.Strings("protects", failing.Names);
            json.WriteString("scenario", failing.Original.Scenario.Path);
            json.WriteString("variant", failing.Original.Variant.Name.Value);
            json.WriteString("message", failing.Cheapest.Message);
            json.WriteString("schedule", failing.Way.Schedule);
            json.WriteNumber("switches", failing.Way.Switches);
            json.WriteNumber("steps", failing.Way.Steps);
            json.WriteBoolean("minimal", failing.Way.IsMinimal);
            text.Trace(failing.Way.Trace);
        }

        json.WriteEndObject();
    }

    private static string Word(SiteNeed need) => need switch
    {
        SiteNeed.Needed => "needed",
        SiteNeed.NotNeeded => "not needed in this scope",
        SiteNeed.WeakerMemory => "needs a weaker memory model",
        SiteNeed.NotTried => "not tried",
        _ => "not decided",
    };

    private static void WriteNeeded(Paper paper, WhyResult result, bool traces, bool full)
    {
        var needed = result.Answers.Where(a => a.Need == SiteNeed.Needed).ToArray();
        if (needed.Length == 0)
        {
            return;
        }

        paper.WriteLine();
        paper.WriteLine("Needed: this fails without it", Tone.Heading);
        foreach (var answer in needed)
        {
            var failing = answer.Failing!;
            paper.WriteLine();
            WritePlace(paper, answer, result);
            paper.WriteProse(string.Join(", ", failing.Names), 6, Tone.Bad);
            if (result.Variants.Count > 1)
            {
                paper.WriteProse($"in {failing.Original.Scenario.Path}, {failing.Original.Variant.Name}", 6, Tone.Faint);
            }

            paper.WriteProse(TraceText.Schedule(failing.Way), 6);
            if (traces)
            {
                WriteTrace(paper, failing, full);
            }

            paper.WriteLine($"      {Command(failing.Original, answer.Site, failing.Way.Schedule)}", Tone.Faint);
        }
    }

    private static void WriteTrace(Paper paper, FailsWithout failing, bool full)
    {
        var failure = failing.Cheapest;
        paper.WriteProse(failure.Message, 6);
        if (failure.Property is { Promise.Length: > 0 } property)
        {
            paper.WriteProse($"Promised: {property.Promise}", 6, Tone.Faint);
        }

        if (TraceText.NoReturn(failing.Way) is { } noReturn)
        {
            paper.WriteProse(noReturn, 6);
        }

        paper.WriteLine();
        TraceColumns.Write(paper, TraceText.View(failing.Bound, failing.Way.Trace, TraceText.Mark(failure.Property, failure.Message), failure.Ending, full) with { NoReturn = failing.Way.NoReturn?.Step ?? 0 }, 2);
        paper.WriteLine();
    }

    private static void WriteOthers(Paper paper, WhyResult result, SiteNeed need, string heading, Tone tone)
    {
        var answers = result.Answers.Where(a => a.Need == need).ToArray();
        if (answers.Length == 0)
        {
            return;
        }

        paper.WriteLine();
        paper.WriteLine(heading, Tone.Heading);
        paper.WriteLine();
        foreach (var answer in answers)
        {
            WritePlace(paper, answer, result);
            if (answer.Reason is { } reason)
            {
                paper.WriteProse(reason, 6, tone);
            }
        }
    }

    // The same columns everywhere, so that the places of a function can be read as a list.
    private static void WritePlace(Paper paper, SiteAnswer answer, WhyResult result)
    {
        var functions = result.Answers.Max(a => a.Site.Function.Length);
        var places = result.Answers.Max(a => a.Site.Place.Length);
        var site = answer.Site;
        paper.WriteLine($"  {site.KindWord.PadRight(KindWidth)} {site.Function.PadRight(functions)}  {site.Place.PadRight(places)}  {site.What}");
    }

    private static void WriteSum(Paper paper, WhyResult result)
    {
        string?[] parts =
        [
            $"{Prose.Number(result.Count(SiteNeed.Needed))} needed",
            $"{Prose.Number(result.Count(SiteNeed.NotNeeded))} not needed in this scope",
            result.Count(SiteNeed.WeakerMemory) is > 0 and var weaker ? $"{Prose.Number(weaker)} that need{(weaker == 1 ? "s" : "")} a weaker memory model" : null,
            result.Count(SiteNeed.NotTried) is > 0 and var untried ? $"{Prose.Number(untried)} not tried" : null,
            result.Count(SiteNeed.NotDecided) is > 0 and var open ? $"{Prose.Number(open)} not decided" : null,
        ];
        paper.WriteLine();
        paper.WriteProse(
            $"{Prose.Count(result.Answers.Count, "place")} in {Prose.Count(result.Variants.Count, "variant")}: {string.Join(", ", parts.OfType<string>())}. "
            + "What is not needed here may be needed by a thread, a function or a property that no scenario here has.", 0,
            result.Count(SiteNeed.NotDecided) > 0 ? Tone.Warning : Tone.Plain);
    }

    /// <summary>The command that asks about one place again, or executes an interleaving without it again.</summary>
    public static string Command(BoundVariant bound, KernelSite site, string? schedule) =>
        $"thpcheck why {Prose.Quote(bound.Scenario.Path)} --variant {Prose.Quote(bound.Variant.Name.Value)}{string.Concat(bound.Variant.Added.Select(w => $" {Prose.Quote(w)}"))} --site {Prose.Quote(site.Id)}"
        + (schedule is null ? "" : $" --schedule {Prose.Quote(schedule)}");
}
