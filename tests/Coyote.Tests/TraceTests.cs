using System.Text.Json;
using System.Text.Json.Nodes;
using ThpCheck.Checker.CommandLine;
using ThpCheck.Checker.Tests.CommandLine;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Checker.Tests.Verification;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Coyote.Tests;

/// <summary>Coyote's own traces on the command line.</summary>
public sealed class TraceTests : IDisposable
{
    private const string Broken = "anon-vma-valid"; // in every execution of v1, or nearly

    private readonly TemporaryFolder _folder = new();
    private readonly string _scenario = Repository.File("specs", "rmap", "exit-against-kswapd.yaml");

    private string Trace => _folder.File("trace.json");

    public void Dispose() => _folder.Dispose();

    [CoyoteFact]
    public void A_trace_that_Coyote_wrote_is_executed_again_and_the_schedule_of_it_replays_without_Coyote()
    {
        var written = ScheduleOf("--iterations", "5", "--coyote-trace", Trace);
        var again = ScheduleIn(Replay("--format", "json"));
        var replayed = Of("replay", _scenario, "--variant", "v1", "--schedule", written);

        Assert.Equal(written, again);
        Assert.Contains("anon_vma0, its anon_vma, is freed", Replay().Out, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.AsExpected, replayed.ExitCode);
        Assert.Contains("kmem_cache_free(anon_vma0)", replayed.Out, StringComparison.Ordinal);
    }

    [CoyoteFact]
    public void Where_no_execution_fails_there_is_no_trace()
    {
        var run = Coyote("final", "--iterations", "5", "--coyote-trace", Trace);

        Assert.Equal(ExitCodes.Incomplete, run.ExitCode);
        Assert.Contains("no trace is written", run.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(Trace));
    }

    [CoyoteFact]
    public void What_was_found_is_reported_also_where_the_trace_cannot_be_written()
    {
        var run = Coyote("v1", "--iterations", "5", "--coyote-trace", Path.GetDirectoryName(Trace)!);

        Assert.Equal(ExitCodes.WrongInput, run.ExitCode);
        Assert.Contains("Coyote's trace cannot be written to", run.Error, StringComparison.Ordinal);
        Assert.Contains("anon_vma0, its anon_vma, is freed", run.Out, StringComparison.Ordinal);
    }

    [CoyoteFact]
    public void A_trace_into_a_folder_that_is_not_there_is_refused_before_anything_is_executed()
    {
        var run = Coyote("v1", "--coyote-trace", _folder.File(Path.Combine("none", "trace.json")));

        Assert.Equal((ExitCodes.WrongInput, ""), (run.ExitCode, run.Out));
        Assert.Contains("there is no folder", run.Error, StringComparison.Ordinal);
    }

    [CoyoteFact]
    public void A_trace_is_executed_again_once()
    {
        Coyote("v1", "--iterations", "5", "--coyote-trace", Trace);

        using var report = JsonDocument.Parse(Replay("--format", "json").Out);
        var sample = report.RootElement.GetProperty("results")[0].GetProperty("sample");

        Assert.Equal(("coyote replay", 1), (sample.GetProperty("method").GetString(), sample.GetProperty("executions").GetInt64()));
        Assert.Equal(JsonValueKind.Null, sample.GetProperty("seed").ValueKind);
    }

    /// <remarks>Coyote would choose what follows, and it would pass for the trace's.</remarks>
    [CoyoteFact]
    public void A_trace_that_ends_before_the_execution_does_is_not_gone_on_from()
    {
        Coyote("v1", "--iterations", "5", "--coyote-trace", Trace);
        var trace = JsonNode.Parse(File.ReadAllText(Trace))!;
        trace["Steps"]!.AsArray().RemoveRange(20, trace["Steps"]!.AsArray().Count - 20);
        File.WriteAllText(Trace, trace.ToJsonString());

        var run = Replay();

        Assert.Equal(ExitCodes.Incomplete, run.ExitCode);
        Assert.Contains(" 0 executions ", run.Out, StringComparison.Ordinal);
        Assert.Contains("the trace does not lead to the end of an execution", run.Out, StringComparison.Ordinal);
    }

    [CoyoteTheory]
    [InlineData("--strategy", "pos")]
    [InlineData("--seed", "2")]
    [InlineData("--iterations", "2")]
    [InlineData("--coyote-trace", "other.json")]
    public void A_trace_that_is_executed_again_leaves_nothing_to_choose(string option, string value)
    {
        var run = Replay(option, value);

        Assert.Equal(ExitCodes.WrongInput, run.ExitCode);
        Assert.Contains($"so it does not go with {option}", run.Error, StringComparison.Ordinal);
    }

    [CoyoteFact]
    public void A_trace_of_another_variant_is_not_followed_to_its_end()
    {
        Coyote("v1", "--iterations", "5", "--coyote-trace", Trace);

        var other = Of("check", Repository.File("specs", "mapcount", "split-against-zap.yaml"), "--variant", "6287", "--engine", "coyote", "--coyote-replay", Trace);

        Assert.Equal(ExitCodes.Incomplete, other.ExitCode);
        Assert.Contains("is it of this variant and this build", other.Out, StringComparison.Ordinal);
    }

    [CoyoteTheory]
    [InlineData("{}", "as it has no settings or no steps")]
    [InlineData("""{"Settings":{},"Steps":[]}""", "as it has no settings or no steps")]
    [InlineData("""{"Settings":{"Strategy":"random","PortfolioMode":"none"},"Steps":["op(0:1),sp(Pause),nex"]}""", "as Coyote cannot read it")]
    [InlineData("Settings and Steps", "as it is no JSON object")]
    [InlineData(null, "Coyote's trace cannot be read")]
    public void What_is_no_trace_is_refused(string? text, string why)
    {
        if (text is not null)
        {
            File.WriteAllText(Trace, text);
        }

        var run = Replay();

        Assert.Equal(ExitCodes.WrongInput, run.ExitCode);
        Assert.Contains(why, run.Error, StringComparison.Ordinal);
        Assert.Single(run.Error.TrimEnd().Split('\n'));
    }

    [CoyoteTheory]
    [InlineData("--coyote-trace")]
    [InlineData("--coyote-replay")]
    public void A_trace_is_of_one_variant(string option)
    {
        var run = Of("check", _scenario, "--engine", "coyote", option, Trace);

        Assert.Equal(ExitCodes.WrongInput, run.ExitCode);
        Assert.Contains($"{option} is for one variant, and here are 21", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--coyote-trace")]
    [InlineData("--coyote-replay")]
    public void A_trace_goes_with_Coyote(string option)
    {
        var run = Of("check", _scenario, "--variant", "v1", option, Trace);

        Assert.Equal(ExitCodes.WrongInput, run.ExitCode);
        Assert.Contains($"{option} is about Coyote's traces, so it goes with --engine coyote", run.Error, StringComparison.Ordinal);
    }

    private CommandLineRun Coyote(string variant, params string[] options) =>
        Of(["check", _scenario, "--variant", variant, "--engine", "coyote", "--strategy", "prioritization", .. options]);

    private CommandLineRun Replay(params string[] options) =>
        Of(["check", _scenario, "--variant", "v1", "--engine", "coyote", "--coyote-replay", Trace, .. options]);

    private string ScheduleOf(params string[] options) => ScheduleIn(Coyote("v1", [.. options, "--format", "json"]));

    // The way in which v1 breaks its promise.
    private static string ScheduleIn(CommandLineRun run)
    {
        using var report = JsonDocument.Parse(run.Out);
        return report.RootElement.GetProperty("results")[0].GetProperty("properties").EnumerateArray()
            .Single(p => p.GetProperty("name").GetString() == Broken).GetProperty("schedule").GetString()!;
    }
}
