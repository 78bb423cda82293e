using System.Text.Json;
using ThpCheck.Checker.Tests.Reports;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.CommandLine;

public sealed class ReplayTests
{
    private static readonly string[] Trylock = ["replay", Scenario("trylock.yaml"), "--variant", "as-expected"];

    [Fact]
    public void Replay_shows_the_trace_again() => Approved.Match(Of([.. Trylock, "--schedule", "owner,stranger*2,owner"]).All);

    [Fact]
    public void Replay_verbose_shows_every_state() =>
        Approved.Match(WithoutInitialState(Of([.. Trylock, "--schedule", "owner,stranger*2,owner", "--verbose"]).All));

    [Fact]
    public void Replay_in_json() => Approved.Match(Of([.. Trylock, "--schedule", "owner,stranger*2,owner", "--format", "json", "--verbose"]).All);

    [Fact]
    public void Every_schedule_that_check_prints_replays_to_the_same_sentence()
    {
        using var report = JsonDocument.Parse(Of("check", Scenario("trylock.yaml"), Scenario("Wrong", "expectations.yaml"), "--format", "json").Out);
        var broken = report.RootElement.GetProperty("results").EnumerateArray()
            .SelectMany(r => r.GetProperty("properties").EnumerateArray().Select(p => (Result: r, Property: p)))
            .Where(p => p.Property.GetProperty("schedule").ValueKind == JsonValueKind.String)
            .ToArray();

        Assert.NotEmpty(broken);
        foreach (var (result, property) in broken)
        {
            var run = Of("replay", result.GetProperty("scenario").GetString()!, "--variant", result.GetProperty("variant").GetString()!,
                "--schedule", property.GetProperty("schedule").GetString()!, "--format", "json");
            using var replayed = JsonDocument.Parse(run.Out);
            Assert.Contains(
                replayed.RootElement.GetProperty("broken").EnumerateArray(),
                b => b.GetProperty("name").GetString() == property.GetProperty("name").GetString()
                    && b.GetProperty("message").GetString() == property.GetProperty("message").GetString());
            Assert.Equal(JsonSerializer.Serialize(property.GetProperty("trace")), JsonSerializer.Serialize(replayed.RootElement.GetProperty("trace")));
        }
    }

    [Fact]
    public void An_empty_schedule_is_the_initial_state()
    {
        var run = Of([.. Trylock, "--schedule", ""]);

        Assert.Contains("Nothing is violated here. owner is at folio_lock(folio); stranger is at folio_trylock(folio).", run.Out, StringComparison.Ordinal);
        Assert.Equal(0, run.ExitCode);
    }

    [Theory]
    [InlineData("onwer*2", "no thread 'onwer' in this scenario. Did you mean 'owner'?")]
    [InlineData("owner*3", "step 3 of the schedule does not fit: owner has ended")]
    [InlineData("stranger,owner", "step 2 of the schedule does not fit: owner waits in folio_lock(folio)")]
    [InlineData("owner*x", "'owner*x' is no part of a schedule; write thread, thread*steps or thread#choice")]
    [InlineData("owner#3", "step 1 of the schedule does not fit: owner has 1 ways to go on here, not 4")]
    [InlineData("owner*600000,owner*600000", "a schedule of more than 1000000 steps is refused")]
    public void A_schedule_that_does_not_fit_is_wrong_input(string schedule, string message)
    {
        var run = Of([.. Trylock, "--schedule", schedule]);

        Assert.Equal(new CommandLineRun(2, "", $"thpcheck: {message}\n"), run);
    }

    [Fact]
    public void A_schedule_cannot_go_on_behind_a_bug()
    {
        var run = Of([.. Trylock, "--schedule", "owner,stranger*2,owner*2"]);

        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith("thpcheck: the schedule goes on after step 4, where the execution ends: bad unlock: owner", run.Error, StringComparison.Ordinal);
    }

    // Set-up's paths are not what is tested here.
    private static string WithoutInitialState(string text)
    {
        var (from, to) = (text.IndexOf("  Initial state", StringComparison.Ordinal), text.IndexOf("  After step 1", StringComparison.Ordinal));
        Assert.Contains("      mm.mm_mt[0] = vma\n", text[from..to], StringComparison.Ordinal);
        return text[..from] + text[to..];
    }
}
