using System.Text.Json;
using ThpCheck.Checker.CommandLine;
using ThpCheck.Checker.Replay;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.CommandLine;

public sealed class ReplayTests
{
    private const string Token = "exit=anon_vma_free.kmem_cache_free,kswapd=folio_mapped.atomic_read,slab,kswapd=folio_lock_anon_vma_read.READ_ONCE";

    private static readonly string Kswapd = Repository.File("specs", "rmap", "exit-against-kswapd.yaml");

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
    public void Every_token_that_check_prints_is_the_schedule()
    {
        using var report = JsonDocument.Parse(Of("check", Scenario("trylock.yaml"), Repository.File("specs", "rmap", "exit-against-kswapd.yaml"), Repository.File("specs", "cow", "child-keeps-page.yaml"), "--format", "json").Out);
        var ways = report.RootElement.GetProperty("results").EnumerateArray()
            .SelectMany(r => r.GetProperty("properties").EnumerateArray().Select(p => (Result: r, Property: p)))
            .Where(p => p.Property.GetProperty("token").ValueKind == JsonValueKind.String)
            .ToArray();

        Assert.True(ways.Length > 10);
        foreach (var (result, property) in ways)
        {
            var scenario = ScenarioReader.Read(result.GetProperty("scenario").GetString()!).Document!;
            var instance = ScenarioBinder.Bind(scenario, scenario.Variants.Single(v => v.Name.Value == result.GetProperty("variant").GetString())).Variant!.Instance;
            Assert.Equal(property.GetProperty("schedule").GetString(), Schedule.Format(instance.Machine, ReplayToken.Resolve(instance, property.GetProperty("token").GetString()!)));
        }
    }

    [Theory]
    [InlineData("v1")]
    [InlineData("v1-unlock-reads-root-again")]
    [InlineData("v1-without-mapped-under-lock")]
    public void A_token_fits_a_model_that_has_changed_elsewhere(string variant)
    {
        var run = Of("replay", Kswapd, "--variant", variant, "--schedule", Token);

        Assert.Contains("no-use-after-free is violated", run.Out, StringComparison.Ordinal);
        Assert.Equal(0, run.ExitCode);
    }

    [Theory]
    [InlineData("before", Token, "'kswapd=folio_mapped.atomic_read' does not fit any more: kswapd ends before it does atomic_read in folio_mapped(); the 48 steps until then fit")]
    [InlineData("v1", "exit=anon_vma_free.kmem_cache_fre", "'exit=anon_vma_free.kmem_cache_fre' does not fit any more: exit ends before it does kmem_cache_fre in anon_vma_free(); the 58 steps until then fit")]
    [InlineData("v1", "exit=anon_vma_free.kmem_cache_free,exit*100", "'exit*100' does not fit any more after 58 steps: exit cannot do that")]
    [InlineData("v1", "exit=anon_vma_free.kmem_cache_free*x", "'exit=anon_vma_free.kmem_cache_free*x' is no part of a schedule; write thread=function.operation, with *n for the n-th time and #k for the k-th other choice")]
    public void A_token_says_which_step_does_not_fit(string variant, string token, string message)
    {
        var run = Of("replay", Kswapd, "--variant", variant, "--schedule", token);

        Assert.Equal(new CommandLineRun(2, "", $"thpcheck: {message}\n"), run);
    }

    [Fact]
    public void A_walk_goes_forward_and_back_and_to_the_next_switch_and_prints_objects()
    {
        using var output = new StringWriter { NewLine = "\n" };
        const string Said = "h\n\nf 2\nb\nn\np\nn\nt\no\no folio.flags\no foli\nl\ng 3\nwhat\nf x\nf 100\nf\nb 100\nq\nf\n";
        var streams = new Streams(output, new StringWriter()) { In = new StringReader(Said) };

        var code = App.Run([.. Trylock, "--schedule", "owner,stranger*2,owner", "--step"], streams, CancellationToken.None);

        Assert.Equal(0, code);
        Approved.Match(output.ToString());
    }

    [Fact]
    public void A_walk_prints_an_object_for_those_who_are_used_to_debuggers()
    {
        string Walk(string said)
        {
            using var output = new StringWriter { NewLine = "\n" };
            App.Run([.. Trylock, "--schedule", "owner,stranger*2,owner", "--step"], new Streams(output, new StringWriter()) { In = new StringReader(said) }, CancellationToken.None);
            return output.ToString();
        }

        Assert.Equal(Walk("f 2\no folio\nq\n"), Walk("f 2\np folio\nq\n"));
    }

    [Fact]
    public void A_walk_ends_where_nothing_more_is_said()
    {
        var run = Of([.. Trylock, "--schedule", "owner", "--step"]);

        Assert.Equal(0, run.ExitCode);
        Assert.EndsWith("[0/1] \n", run.Out, StringComparison.Ordinal);
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
