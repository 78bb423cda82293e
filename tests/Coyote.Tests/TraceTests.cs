using System.Text.Json;
using ThpCheck.Checker.CommandLine;
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
        var again = ScheduleOf("--coyote-replay", Trace);
        var replayed = Of("replay", _scenario, "--variant", "v1", "--schedule", written);

        Assert.Equal(written, again);
        Assert.Contains("anon_vma0, its anon_vma, is freed", Coyote("v1", "--coyote-replay", Trace).Out, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.AsExpected, replayed.ExitCode);
        Assert.Contains("kmem_cache_free(anon_vma0)", replayed.Out, StringComparison.Ordinal);
    }

    [CoyoteFact]
    public void Where_no_execution_fails_there_is_no_trace()
    {
        var run = Coyote("final", "--iterations", "5", "--coyote-trace", Trace);

        Assert.Equal(ExitCodes.Incomplete, run.ExitCode);
        Assert.False(File.Exists(Trace));
    }

    [CoyoteFact]
    public void A_trace_is_executed_again_once()
    {
        Coyote("v1", "--iterations", "5", "--coyote-trace", Trace);

        using var report = JsonDocument.Parse(Coyote("v1", "--iterations", "5", "--coyote-replay", Trace, "--format", "json").Out);

        Assert.Equal(1, report.RootElement.GetProperty("results")[0].GetProperty("sample").GetProperty("executions").GetInt64());
    }

    [CoyoteFact]
    public void A_trace_of_another_variant_is_not_followed_to_its_end()
    {
        Coyote("v1", "--iterations", "5", "--coyote-trace", Trace);

        var other = Of("check", Repository.File("specs", "mapcount", "split-against-zap.yaml"), "--variant", "6287", "--engine", "coyote", "--coyote-replay", Trace);

        Assert.Equal(ExitCodes.Incomplete, other.ExitCode);
        Assert.Contains("is the trace of this variant?", other.Out, StringComparison.Ordinal);
    }

    [CoyoteTheory]
    [InlineData("{}", "is no trace of Coyote's")]
    [InlineData("Settings and Steps", "as it is no JSON object")]
    [InlineData(null, "Coyote's trace cannot be read")]
    public void What_is_no_trace_is_refused(string? text, string why)
    {
        if (text is not null)
        {
            File.WriteAllText(Trace, text);
        }

        var run = Coyote("v1", "--coyote-replay", Trace);

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

    private Checker.Tests.CommandLine.CommandLineRun Coyote(string variant, params string[] options) =>
        Of(["check", _scenario, "--variant", variant, "--engine", "coyote", "--strategy", "prioritization", .. options]);

    // The way in which v1 breaks its promise.
    private string ScheduleOf(params string[] options)
    {
        using var report = JsonDocument.Parse(Coyote("v1", [.. options, "--format", "json"]).Out);
        return report.RootElement.GetProperty("results")[0].GetProperty("properties").EnumerateArray()
            .Single(p => p.GetProperty("name").GetString() == Broken).GetProperty("schedule").GetString()!;
    }
}
