using ThpCheck.Checker.Reports;
using ThpCheck.Checker.Verdicts;

namespace ThpCheck.Checker.Verification;

/// <summary>What <c>verify</c> says to programs. Keys are added, never renamed or removed: others read them.</summary>
internal sealed class VerifyJson(TextWriter output) : IVerifyReport
{
    private readonly List<Compared> _all = [];

    public void Begin(Plan plan)
    {
    }

    public void Add(Compared compared) => _all.Add(compared);

    public void Finish(VerifySummary summary)
    {
        using var text = new JsonText();
        var json = text.Writer;
        text.Strings("patches", summary.Plan.Patches);
        text.Strings("kernels", summary.Plan.Kernels);
        json.WriteStartArray("changed");
        foreach (var function in summary.Plan.Changed)
        {
            json.WriteStartObject();
            json.WriteString("function", function.Name);
            json.WriteString("patch", function.Patch);
            json.WriteString("file", function.File);
            json.WriteNumber("line", function.Line);
            json.WriteBoolean("covered", !summary.NotCovered.Contains(function));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("comparisons");
        foreach (var compared in _all)
        {
            Write(text, compared);
        }

        json.WriteEndArray();
        json.WriteStartArray("doesNotFit");
        foreach (var (kernel, why) in summary.Plan.Unfit)
        {
            json.WriteStartObject();
            json.WriteString("kernel", kernel);
            json.WriteString("why", why);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        text.Strings("noLongerReachable", summary.NoLongerReachable);
        json.WriteBoolean("changesNothing", summary.ChangesNothing);
        json.WriteNumber("otherKernels", summary.Plan.Others);
        text.Strings("errors", summary.Errors);
        json.WriteBoolean("interrupted", summary.Interrupted);
        json.WriteNumber("exitCode", summary.ExitCode);
        output.Write(text.End());
    }

    private static void Write(JsonText text, Compared compared)
    {
        var json = text.Writer;
        json.WriteStartObject();
        json.WriteString("scenario", compared.Job.Scenario);
        json.WriteString("variant", compared.Job.Variant);
        json.WriteString("title", compared.Title);
        json.WriteString("kernel", compared.Kernel);
        json.WriteString("scope", compared.Scope);
        json.WriteBoolean("reached", compared.IsReached);
        Write(text, "base", compared.Base);
        Write(text, "patched", compared.Patched);
        json.WriteStartArray("findings");
        foreach (var finding in Finding.Of(compared))
        {
            json.WriteStartObject();
            json.WriteString("class", KeyOf(finding.Class));
            json.WriteString("property", finding.Name);
            json.WriteString("kind", VariantJson.Class((finding.Patched ?? finding.Base)!.Class));
            json.WriteString("base", WordOf(finding.Base));
            json.WriteString("patched", WordOf(finding.Patched));
            json.WriteString("message", (finding.Class == FindingClass.Fixed ? finding.Base : finding.Patched)?.Message);
            json.WriteString("schedule", finding.Way?.Schedule);
            if (finding.Way is { } way)
            {
                json.WriteNumber("switches", way.Switches);
                json.WriteNumber("steps", way.Steps);
                json.WriteBoolean("minimal", way.IsMinimal);
                json.WriteString("text", way.Text);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        text.Strings("errors", compared.Errors);
        json.WriteString("failure", compared.Failure);
        json.WriteEndObject();
    }

    private static void Write(JsonText text, string key, Side? side) => text.Object(key, side, s =>
    {
        var json = text.Writer;
        json.WriteNumber("states", s.States);
        json.WriteNumber("transitions", s.Transitions);
        json.WriteNumber("ends", s.Ends);
        json.WriteNumber("milliseconds", Math.Round(s.Seconds * 1000));
        json.WriteString("incomplete", s.Incomplete);
        json.WriteString("fault", s.Fault);
        text.Strings("entered", s.Entered);
        text.Strings("functions", s.Functions);
    });

    // A deadlock or livelock that was not found is none.
    private static string WordOf(PropertyOutcome? outcome) => CheckedVariant.Word(outcome?.Verdict ?? Verdict.Holds);

    private static string KeyOf(FindingClass @class) => @class switch
    {
        FindingClass.Introduced => "introduced",
        FindingClass.Fixed => "fixed",
        FindingClass.PreExisting => "preExisting",
        FindingClass.NoLongerReachable => "noLongerReachable",
        FindingClass.NowReachable => "nowReachable",
        FindingClass.Changed => "outcomesChanged",
        FindingClass.Open => "open",
        _ => "unaffected",
    };
}
