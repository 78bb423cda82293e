using System.Globalization;
using System.Text.Json;
using ThpCheck.Checker.Bounds;
using ThpCheck.Checker.CrossChecking;
using ThpCheck.Checker.Minimisation;
using ThpCheck.Checker.Sampling;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Reports;

/// <summary>A variant in a <see cref="JsonReport"/>.</summary>
/// <param name="text">The text that its keys go to.</param>
internal sealed class VariantJson(JsonText text)
{
    private Utf8JsonWriter Json => text.Writer;

    /// <summary>The object of a variant by itself, as a later run will write it that does not explore it again.</summary>
    public static string ToKeep(VariantReport variant)
    {
        using var text = new JsonText(isInHtml: true);
        new VariantJson(text).Write(variant, variant.Checked!, isKnown: true);
        return text.End();
    }

    /// <summary>Writes the keys.</summary>
    /// <param name="variant">The variant.</param>
    /// <param name="found">What was found of it.</param>
    /// <param name="isKnown">Whether by an earlier run.</param>
    public void Write(VariantReport variant, CheckedVariant found, bool isKnown)
    {
        WriteVariant(variant, found);
        WriteVerdict(variant, found);
        Json.WriteBoolean("known", isKnown);
        WriteProperties(variant, found);
        WriteFailure(variant, "deadlock", variant.Failures.FirstOrDefault(f => f.Name == Expectation.Deadlock));
        WriteFailure(variant, "livelock", variant.Failures.FirstOrDefault(f => f.Name == Expectation.Livelock));
        WriteFailure(variant, "modelFault", variant.Failures.FirstOrDefault(f => f.Name == Failure.ModelFault));
        text.Strings("functions", found.Result.Functions);
    }

    private void WriteVariant(VariantReport variant, CheckedVariant found)
    {
        var spec = variant.Variant;
        Json.WriteString("scenario", variant.Scenario.Path);
        Json.WriteString("title", variant.Scenario.Title.Value);
        Json.WriteString("variant", variant.Name);
        Json.WriteString("kernel", variant.Scenario.KernelOf(spec).Value);
        text.Strings("patches", spec.Patches.Select(p => p.Value));
        Json.WriteStartObject("toggles");
        foreach (var (name, value) in found.Bound.Toggles)
        {
            Json.WriteBoolean(name, value);
        }

        Json.WriteEndObject();
        switch (spec.Facts)
        {
            case []:
                Json.WriteNull("facts");
                break;
            case [var fact]:
                Json.WriteString("facts", fact.ToString());
                break;
            default:
                text.Strings("facts", spec.Facts.Select(f => f.ToString()));
                break;
        }

        Json.WriteString("disagrees", spec.Disagrees?.Value.Trim());
    }

    private void WriteVerdict(VariantReport variant, CheckedVariant found)
    {
        const int Decimals = 3;
        var result = found.Result;
        Json.WriteString("expected", CheckedVariant.Word(found.Expected));
        Json.WriteString("verdict", CheckedVariant.Word(result.Verdict));
        Json.WriteBoolean("asExpected", found.IsAsExpected);
        text.Strings("differences", found.Differences);
        text.Strings("open", found.Open);
        Json.WriteBoolean("complete", result.IsComplete);
        Json.WriteString("incomplete", result.Incomplete);
        WriteBound(result.Bound);
        WriteSample(result.Sample);
        WriteReduced(result);
        WriteCrossCheck(result.CrossCheck);
        Json.WriteString("memoryModel", Scope.MemoryModel);
        Json.WriteString("scope", Scope.Own(variant.Scenario, variant.Variant) ?? Scope.Of(variant.Scenario));
        Json.WriteNumber("states", result.States);
        WriteEstimate(result.Estimate);
        Json.WriteNumber("transitions", result.Transitions);
        Json.WriteNumber("depth", result.Depth);
        Json.WriteNumber("ends", result.Ends);
        Json.WriteNumber("milliseconds", Math.Round(result.Time.TotalMilliseconds, Decimals));
        Json.WriteString("key", result.Key.ToString("x16", CultureInfo.InvariantCulture)); // 64 bits are more than a JSON number keeps
        if (result.Sample is null)
        {
            Json.WriteNumber("oddsOfMissedState", result.OddsOfMissedState);
        }
        else
        {
            Json.WriteNull("oddsOfMissedState"); // most states were missed
        }

        Json.WriteBoolean("exact", result.IsExact);
        Json.WriteNumber("bytesPerState", Math.Round(result.BytesPerState));
        Json.WriteNumber("spilledBytesPerState", Math.Round(result.SpilledBytesPerState));
    }

    private void WriteEstimate(SizeEstimate? estimate) => text.Object("estimate", estimate, e =>
    {
        Json.WriteNumber("states", e.States);
        Json.WriteBoolean("atLeast", e.IsAtLeast);
    });

    private void WriteBound(SwitchBound? bound) => text.Object("bound", bound, b =>
    {
        Json.WriteNumber("switches", b.Switches);
        Json.WriteBoolean("hit", b.IsHit);
    });

    private void WriteReduced(InstanceResult result) => text.Object("reduced", result.Reduced, reduced =>
    {
        Json.WriteNumber("states", reduced.States);
        Json.WriteNumber("transitions", reduced.Transitions);
        Json.WriteNumber("searches", reduced.Searches);
        Json.WriteBoolean("alone", result.CountsReduced);
    });

    private void WriteCrossCheck(IReadOnlyList<OtherSearch>? others) => text.Objects("crossCheck", others, other =>
    {
        Json.WriteString("with", other.Name);
        Json.WriteNumber("states", other.States);
        Json.WriteNumber("transitions", other.Transitions);
        Json.WriteString("difference", other.Difference);
        Json.WriteString("incomplete", other.Incomplete);
    });

    private void WriteSample(Sample? sample) => text.Object("sample", sample, s =>
    {
        const int Decimals = 6;
        Json.WriteString("method", s.Method);
        if (s.Seed is { } seed)
        {
            Json.WriteNumber("seed", seed);
        }
        else
        {
            Json.WriteNull("seed");
        }

        Json.WriteNumber("executions", s.Executions);
        Json.WriteNumber("unfinished", s.Unfinished);
        Json.WriteBoolean("allStatesCounted", s.AllStatesCounted);
        text.Object("guarantee", s.Guarantee, guarantee =>
        {
            Json.WriteNumber("threads", guarantee.Threads);
            Json.WriteNumber("steps", guarantee.Steps);
            Json.WriteNumber("depth", guarantee.Depth);
            Json.WriteNumber("executions", guarantee.Executions);
            Json.WriteNumber("chance", guarantee.Chance);
            Json.WriteNumber("chanceOfAny", Math.Round(guarantee.ChanceOfAny, Decimals));
        });
    });

    private void WriteProperties(VariantReport variant, CheckedVariant found) => text.Objects("properties", found.Result.Properties, property =>
    {
        Json.WriteString("name", property.Property.Name);
        Json.WriteString("kind", Kind(property.Property.Form));
        Json.WriteString("class", Class(property.Property.Class));
        Json.WriteString("expected", CheckedVariant.Word(found.ExpectedOf(property.Property)));
        Json.WriteString("verdict", CheckedVariant.Word(property.Verdict));
        Json.WriteString("message", property.Message);
        WriteWay(variant, property.Counterexample);
        WriteOutcomes(property.Outcomes);
        Json.WriteString("replay", property.Counterexample is { } way ? TraceText.Replay(found.Bound, way.Schedule) : null);
    });

    private void WriteFailure(VariantReport variant, string key, Failure? failure) => text.Object(key, failure, f =>
    {
        Json.WriteBoolean("asExpected", f.IsExpected);
        Json.WriteString("message", f.Message);
        WriteWay(variant, f.Way);
    });

    private void WriteNoReturn(PointOfNoReturn? point) => text.Object("pointOfNoReturn", point, p =>
    {
        Json.WriteNumber("step", p.Step);
        text.Objects("instead", p.Instead, other =>
        {
            Json.WriteString("thread", other.Thread);
            Json.WriteString("function", other.Function);
            Json.WriteString("operation", other.Operation);
        });
        Json.WriteBoolean("couldEnd", p.CouldEnd);
    });

    private void WriteWay(VariantReport variant, Counterexample? way)
    {
        if (way is null)
        {
            foreach (var key in (string[])["contextSwitches", "steps", "schedule", "token", "minimal", "pointOfNoReturn"])
            {
                Json.WriteNull(key);
            }
        }
        else
        {
            Json.WriteNumber("contextSwitches", way.Switches);
            Json.WriteNumber("steps", way.Steps);
            Json.WriteString("schedule", way.Schedule);
            Json.WriteString("token", way.Token(variant.Checked!.Bound.Instance.Machine));
            Json.WriteBoolean("minimal", way.IsMinimal);
            WriteNoReturn(way.NoReturn);
        }

        if (way?.Hit is { } hit)
        {
            Json.WriteNumber("execution", hit.Execution);
            Json.WriteNumber("hits", hit.Hits);
        }

        text.Trace(way?.Trace);
    }

    private void WriteOutcomes(IReadOnlyCollection<IReadOnlyList<long>>? outcomes)
    {
        if (outcomes is null)
        {
            Json.WriteNull("outcomes");
            return;
        }

        Json.WriteStartArray("outcomes");
        foreach (var outcome in outcomes)
        {
            Json.WriteStartArray();
            foreach (var value in outcome)
            {
                Json.WriteNumberValue(value);
            }

            Json.WriteEndArray();
        }

        Json.WriteEndArray();
    }

    /// <summary>A form of property as scenarios' users call it.</summary>
    public static string Kind(PropertyForm form) => form switch
    {
        PropertyForm.Always => "always",
        PropertyForm.AlwaysAt => "always-at",
        PropertyForm.AlwaysOutside => "always-outside",
        PropertyForm.Sometimes => "sometimes",
        PropertyForm.Finally => "finally",
        PropertyForm.Outcomes => "outcomes",
        _ => "kernel-bug",
    };

    /// <summary>A class of property as scenarios' users call it.</summary>
    public static string Class(PropertyClass @class) => @class switch
    {
        PropertyClass.Safety => "safety",
        PropertyClass.Hygiene => "hygiene",
        _ => "fact",
    };
}
