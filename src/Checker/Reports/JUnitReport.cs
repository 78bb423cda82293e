using System.Globalization;
using System.Text;
using System.Xml;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.Reports;

/// <summary>
/// JUnit XML, as Ant's JUnit task writes it and CI systems read it: a test suite for each scenario, a test case for each variant. It fails where
/// something is not as expected, and is an error where nothing was shown: an incomplete search must not look like a pass.
/// </summary>
/// <param name="output">Where it goes.</param>
/// <param name="clock">When the suites ran.</param>
internal sealed class JUnitReport(TextWriter output, TimeProvider clock) : ICheckReport
{
    private readonly List<Suite> _suites = [];

    public void Begin(ScenarioFile scenario, IReadOnlyList<VariantSpec> variants) =>
        _suites.Add(new Suite(scenario.Path, clock.GetUtcNow(), [.. variants.Select(v => v.Name.Value)]));

    public void Add(VariantReport variant)
    {
        var found = variant.Checked;
        _suites[^1].Known += variant.Known is null ? 0 : 1;
        var time = found?.Result.Time ?? TimeSpan.Zero;
        var details = found is null ? (variant.Known is null ? "its scenario is wrong" : "") : string.Join("\n", found.Differences.Concat(found.Open));
        var ways = variant.Failures.Where(f => f.Way is not null && !f.IsExpected).Select(f => $"{f.Name}: {f.Message}\n{TraceText.Schedule(f.Way!)}\n{TraceText.Replay(found!.Bound, f.Way!.Schedule)}");
        details = details.Length == 0 && variant.Standing == Standing.Incomplete ? found!.Result.Incomplete ?? "not everything was explored" : details;
        var message = found is null || found.Differences.Count == 0 ? details : found.Differences[0];
        _suites[^1].Cases.Add(new Case(variant.Name, time, variant.Standing switch
        {
            Standing.AsExpected => Outcome.Passed,
            Standing.NotAsExpected when found!.Result.Fault is null => Outcome.Failed,
            _ => Outcome.Error,
        }, found is null ? "wrong-input" : CheckedVariant.Word(found.Result.Verdict), message, string.Join("\n\n", ways.Prepend(details))));
    }

    public void End()
    {
    }

    public void Finish(CheckSummary summary)
    {
        var unread = summary.Errors.Where(e => _suites.All(s => s.Name != e.File)).ToLookup(e => e.File);
        foreach (var file in unread)
        {
            var message = string.Join("\n", file);
            _suites.Add(new Suite(file.Key, clock.GetUtcNow(), []) { Cases = { new Case("scenario", TimeSpan.Zero, Outcome.Error, "wrong-input", file.First().Message, message) } });
        }

        using var xml = XmlWriter.Create(output, new XmlWriterSettings { Indent = true, NewLineChars = "\n", Encoding = new UTF8Encoding(false), CloseOutput = false });
        xml.WriteStartElement("testsuites");
        foreach (var (id, suite) in _suites.Index())
        {
            Write(xml, id, suite);
        }

        xml.WriteEndElement();
        xml.Flush();
        output.Write('\n');
    }

    private static void Write(XmlWriter xml, int id, Suite suite)
    {
        var missing = suite.Variants.Except(suite.Cases.Select(c => c.Name)).Select(v => new Case(v, TimeSpan.Zero, Outcome.Error, "interrupted", "not reached", "not reached"));
        Case[] cases = [.. suite.Cases, .. missing];
        xml.WriteStartElement("testsuite");
        xml.WriteAttributeString("name", Token(suite.Name));
        xml.WriteAttributeString("package", "thpcheck");
        xml.WriteAttributeString("id", Number(id));
        xml.WriteAttributeString("timestamp", suite.Time.ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture));
        xml.WriteAttributeString("hostname", "localhost");
        xml.WriteAttributeString("tests", Number(cases.Length));
        xml.WriteAttributeString("failures", Number(cases.Count(c => c.Outcome == Outcome.Failed)));
        xml.WriteAttributeString("errors", Number(cases.Count(c => c.Outcome == Outcome.Error)));
        xml.WriteAttributeString("time", Seconds(cases.Aggregate(TimeSpan.Zero, (sum, c) => sum + c.Time)));
        xml.WriteStartElement("properties");
        xml.WriteStartElement("property");
        xml.WriteAttributeString("name", "memoryModel");
        xml.WriteAttributeString("value", Scope.MemoryModel);
        xml.WriteEndElement();
        if (suite.Known > 0)
        {
            xml.WriteStartElement("property");
            xml.WriteAttributeString("name", "knownFromEarlierRun");
            xml.WriteAttributeString("value", Number(suite.Known));
            xml.WriteEndElement();
        }

        xml.WriteEndElement();
        foreach (var @case in cases)
        {
            xml.WriteStartElement("testcase");
            xml.WriteAttributeString("name", Token(@case.Name));
            xml.WriteAttributeString("classname", Token(suite.Name));
            xml.WriteAttributeString("time", Seconds(@case.Time));
            if (@case.Outcome != Outcome.Passed)
            {
                xml.WriteStartElement(@case.Outcome == Outcome.Failed ? "failure" : "error");
                xml.WriteAttributeString("message", Clean(@case.Message));
                xml.WriteAttributeString("type", @case.Type);
                xml.WriteString(Clean(@case.Text));
                xml.WriteEndElement();
            }

            xml.WriteEndElement();
        }

        xml.WriteElementString("system-out", "");
        xml.WriteElementString("system-err", "");
        xml.WriteEndElement();
    }

    private static string Seconds(TimeSpan time) => time.TotalSeconds.ToString("F3", CultureInfo.InvariantCulture);

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);

    // XML has no way to write most control characters.
    private static string Clean(string text) => string.Concat(text.Select(c => XmlConvert.IsXmlChar(c) ? c : '?'));

    // xs:token: blanks neither at an end nor two in a row.
    private static string Token(string text) => string.Join(' ', Clean(text).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    private enum Outcome
    {
        Passed,
        Failed,
        Error,
    }

    private sealed record Case(string Name, TimeSpan Time, Outcome Outcome, string Type, string Message, string Text);

    private sealed record Suite(string Name, DateTimeOffset Time, IReadOnlyList<string> Variants)
    {
        public List<Case> Cases { get; } = [];

        /// <summary>How many of them were not explored again.</summary>
        public int Known { get; set; }
    }
}
