using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Xml.Linq;
using System.Xml.Schema;
using ThpCheck.Checker.CommandLine;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Reports;
using ThpCheck.Checker.Tests.CommandLine;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.Reports;

/// <summary>Reports for programs, each against the schema or the grammar that is published for it.</summary>
public sealed class MachineFormatTests
{
    // As expected, not as expected, a deadlock, and files that are wrong.
    private static readonly string[] Everything = [Scenario("trylock.yaml"), Scenario("folio-locks.yaml"), Scenario("Wrong")];

    [Theory]
    [InlineData("JUnit.xsd")]
    [InlineData("jenkins-junit.xsd")]
    public void Junit_is_as_its_schemas_say(string schema)
    {
        var schemas = new XmlSchemaSet();
        schemas.Add(null, Repository.File("tests", "Checker.Tests", "Schemas", schema));
        var mistakes = new List<string>();

        XDocument.Parse(Report("junit").Out).Validate(schemas, (_, e) => mistakes.Add(e.Message));

        Assert.Empty(mistakes);
    }

    [Fact]
    public void A_junit_suite_is_a_scenario_and_counts_what_failed()
    {
        var suites = XDocument.Parse(Report("junit").Out).Root!.Elements().ToArray();

        var wrong = suites.Single(s => ((string)s.Attribute("name")!).EndsWith("expectations.yaml", StringComparison.Ordinal));
        Assert.Equal(wrong.Elements("testcase").Count().ToString(), (string?)wrong.Attribute("tests"));
        Assert.Equal(wrong.Descendants("failure").Count().ToString(), (string?)wrong.Attribute("failures"));
        Assert.NotEmpty(wrong.Descendants("failure"));
        Assert.Contains(suites, s => ((string)s.Attribute("name")!).EndsWith("key.yaml", StringComparison.Ordinal) && (string?)s.Attribute("errors") == "1");
        Assert.Empty(suites.Single(s => ((string)s.Attribute("name")!).EndsWith("trylock.yaml", StringComparison.Ordinal)).Descendants("failure"));
    }

    [Fact]
    public void What_was_not_explored_is_an_error_in_junit_and_in_ktap()
    {
        string[] limited = ["check", Scenario("folio-locks.yaml"), "--max-states", "2"];

        var junit = XDocument.Parse(Of([.. limited, "--format", "junit"]).Out);
        var ktap = KtapGrammar.Parse(Of([.. limited, "--format", "ktap"]).Out);

        Assert.NotEmpty(junit.Descendants("error"));
        Assert.All(ktap.Single().Subtests, t => Assert.False(t.IsOk));
        Assert.All(ktap.Single().Subtests, t => Assert.StartsWith("ERROR", t.Directive, StringComparison.Ordinal));
    }

    [Fact]
    public void Ktap_is_as_its_specification_says()
    {
        var tests = KtapGrammar.Parse(Report("ktap").Out);

        Assert.True(tests.Single(t => t.Name.EndsWith("trylock.yaml", StringComparison.Ordinal)).IsOk);
        Assert.Contains(tests.Single(t => t.Name.EndsWith("expectations.yaml", StringComparison.Ordinal)).Subtests, t => !t.IsOk);
        Assert.StartsWith("ERROR", tests.Single(t => t.Name.EndsWith("key.yaml", StringComparison.Ordinal)).Directive, StringComparison.Ordinal);
    }

    [Fact]
    public void The_grammar_of_ktap_refuses_what_is_none()
    {
        Assert.Throws<FormatException>(() => KtapGrammar.Parse("1..1\nok 1 a\n"));
        Assert.Throws<FormatException>(() => KtapGrammar.Parse("KTAP version 1\n1..2\nok 1 a\nok 3 b\n"));
        Assert.Throws<FormatException>(() => KtapGrammar.Parse("KTAP version 1\n1..1\n  KTAP version 1\n  1..1\n  not ok 1 a\nok 1 b\n"));
        Assert.Throws<FormatException>(() => KtapGrammar.Parse("KTAP version 1\n1..1\nok 1 a # MAYBE\n"));
    }

    [Fact]
    public void A_run_that_was_interrupted_at_once_is_ktap_without_tests()
    {
        using var stop = new CancellationTokenSource();
        using var output = new StringWriter { NewLine = "\n" };
        stop.Cancel();

        App.Run(["check", Scenario("trylock.yaml"), "--format", "ktap"], new Streams(output, new StringWriter()), stop.Token);

        Assert.Empty(KtapGrammar.Parse(output.ToString()));
    }

    [Fact]
    public void Sarif_is_as_its_schema_says()
    {
        var schema = JsonSchema.Of(Repository.File("tests", "Checker.Tests", "Schemas", "sarif-2.1.0-rtm.5.json"));

        Assert.Empty(schema.Mistakes(Json("sarif")));
        Assert.NotEmpty(schema.Mistakes(JsonDocument.Parse("""{"version": "2.1.0", "runs": [{"tool": {}}]}""").RootElement));
    }

    [Fact]
    public void Sarif_has_a_thread_flow_for_each_thread_and_the_order_of_the_steps()
    {
        var run = Of("check", Repository.File("specs", "rmap", "exit-against-kswapd.yaml"), "--variant", "v1", "--format", "sarif");
        var result = JsonDocument.Parse(run.Out).RootElement.GetProperty("runs")[0].GetProperty("results").EnumerateArray()
            .First(r => r.GetProperty("ruleId").GetString() == "no-use-after-free");
        var flows = result.GetProperty("codeFlows")[0].GetProperty("threadFlows").EnumerateArray().ToArray();

        Assert.Equal(["exit", "kswapd", "slab"], flows.Select(f => f.GetProperty("id").GetString()));
        var orders = flows.SelectMany(f => f.GetProperty("locations").EnumerateArray()).Select(l => l.GetProperty("executionOrder").GetInt32()).Order();
        Assert.Equal(Enumerable.Range(1, result.GetProperty("properties").GetProperty("steps").GetInt32()), orders);
        var place = result.GetProperty("locations")[0].GetProperty("physicalLocation");
        Assert.Equal("src/Model/Kernel/rmap.cs", place.GetProperty("artifactLocation").GetProperty("uri").GetString()!.Split("/repo/")[^1]);
        var line = File.ReadAllLines(Repository.File("src", "Model", "Kernel", "rmap.cs"))[place.GetProperty("region").GetProperty("startLine").GetInt32() - 1];
        Assert.Contains("READ_ONCE(anon_vma.root)", line, StringComparison.Ordinal);
    }

    [Fact]
    public void Sarif_stays_within_what_code_scanning_takes()
    {
        var run = Json("sarif").GetProperty("runs")[0];

        Assert.InRange(run.GetProperty("results").GetArrayLength(), 1, 5000);
        Assert.All(run.GetProperty("results").EnumerateArray(), r =>
        {
            Assert.Equal("error", r.GetProperty("level").GetString());
            Assert.Single(r.GetProperty("locations").EnumerateArray());
            var locations = r.TryGetProperty("codeFlows", out var flows) ? flows[0].GetProperty("threadFlows").EnumerateArray().Sum(f => f.GetProperty("locations").GetArrayLength()) : 0;
            Assert.InRange(locations, 0, 1000);
        });
    }

    [Fact]
    public void Sarif_leaves_out_what_would_make_it_too_large_and_says_so()
    {
        const int Most = 6000;
        var scenario = ScenarioReader.Read(Scenario("trylock.yaml")).Document!;
        var bound = ScenarioBinder.Bind(scenario, scenario.Variants[0]).Variant!;
        var variant = new VariantReport(scenario, scenario.Variants[0], new CheckedVariant(bound, Judge.Run(bound.Instance, new Budget())));
        using var output = new StringWriter();
        var report = new SarifReport(output, expected: true, Most);
        const int Given = 400;

        for (var i = 0; i < Given; i++)
        {
            report.Add(variant);
        }

        report.Finish(new CheckSummary());

        using var bytes = new MemoryStream();
        using (var compressed = new GZipStream(bytes, CompressionLevel.Optimal, leaveOpen: true))
        {
            compressed.Write(Encoding.UTF8.GetBytes(output.ToString()));
        }

        var run = JsonDocument.Parse(output.ToString()).RootElement.GetProperty("runs")[0];
        var shown = run.GetProperty("results").GetArrayLength();
        Assert.InRange(bytes.Length, 1, Most);
        Assert.InRange(shown, 1, (Given * variant.Failures.Count) - 1);
        Assert.Contains(
            $"{(Given * variant.Failures.Count) - shown} results left out, those that the scenarios expect before others: compressed, a report may have 6,000 bytes",
            run.GetProperty("invocations")[0].GetProperty("toolExecutionNotifications")[0].GetProperty("message").GetProperty("text").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_expected_is_no_alert_unless_it_is_asked_for()
    {
        var trylock = Scenario("trylock.yaml");

        Assert.Empty(Results(Of("check", trylock, "--format", "sarif")));
        Assert.All(Results(Of("check", trylock, "--format", "sarif", "--traces")), r => Assert.Equal("note", r.GetProperty("level").GetString()));

        static JsonElement[] Results(CommandLineRun run) => [.. JsonDocument.Parse(run.Out).RootElement.GetProperty("runs")[0].GetProperty("results").EnumerateArray()];
    }

    [Theory]
    [InlineData]
    [InlineData("--max-switches", "0")]
    [InlineData("--sample", "pct", "--executions", "20")]
    [InlineData("--cross-check")]
    [InlineData("--reduction", "all")]
    public void Json_is_as_its_schema_says(params string[] options)
    {
        var schema = JsonSchema.Of(Repository.File("docs", "report.schema.json"));

        Assert.Empty(schema.Mistakes(Json("json", options)));
    }

    private static JsonElement Json(string format, params string[] options) => JsonDocument.Parse(Report(format, options).Out).RootElement;

    private static CommandLineRun Report(string format, params string[] options) => Of(["check", .. Everything, "--format", format, .. options]);
}
