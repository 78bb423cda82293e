using ThpCheck.Checker.Checkpoints;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Tests.Certificates;
using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Checker.Tests.Reports;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.Checkpoints;

/// <summary>What cannot be gone on from is refused in one sentence, before anything is searched.</summary>
public sealed class RefusalTests
{
    private static readonly string Kswapd = Repository.File("specs", "rmap", "exit-against-kswapd.yaml");

    [Theory]
    [InlineData("its variant is 'v1', here it is 'final'", "--variant", "final")]
    [InlineData("its use of --exact is 'off', here it is 'on'", "--variant", "v1", "--exact")]
    public void A_checkpoint_of_another_search_is_refused(string difference, params string[] options) => WithCheckpoint(file =>
    {
        var run = Of(["check", Kswapd, "--resume", file, .. options]);

        Assert.Equal((2, "", $"thpcheck: '{file}' is a checkpoint of another search: {difference}\n"), (run.ExitCode, run.Out, run.Error));
    });

    [Fact]
    public void A_checkpoint_of_a_scenario_that_was_changed_is_refused() => WithCheckpoint(file => Certified.InFile(".yaml", changed =>
    {
        File.WriteAllText(changed, File.ReadAllText(Kswapd) + "# changed\n");

        var run = Of("check", changed, "--variant", "v1", "--resume", file);

        Assert.StartsWith($"thpcheck: '{file}' is a checkpoint of another search: its scenario (by its SHA-256) is ", run.Error, StringComparison.Ordinal);
        Assert.Equal((2, ""), (run.ExitCode, run.Out));
        return 0;
    }));

    [Fact]
    public void A_checkpoint_of_another_machine_or_key_is_refused()
    {
        var (one, other) = (InterleavingTests.Steps(3, 3), InterleavingTests.Steps(3, 3, 3));
        var identity = SearchIdentity.Of(one.Machine, new Budget());

        Assert.Equal(identity, SearchIdentity.Of(InterleavingTests.Steps(3, 3).Machine, new Budget { Workers = 2, States = 7 }));
        Assert.NotEqual(identity, SearchIdentity.Of(other.Machine, new Budget()));
        Assert.NotEqual(identity, SearchIdentity.Of(one.Machine, new Budget { FingerprintMask = 1 }));
    }

    /// <summary>Every byte counts: the ones of the head, of each part, and of the sum at the end.</summary>
    [Fact]
    public void A_checkpoint_that_is_damaged_anywhere_is_refused() => WithCheckpoint(file =>
    {
        var good = File.ReadAllBytes(file);
        var step = (good.Length / 60) - 1;
        for (var at = 24; at < good.Length; at += at + step < good.Length ? step : Math.Max(1, good.Length - 1 - at))
        {
            var bad = (byte[])good.Clone();
            bad[at] ^= 0x10;
            AssertDamaged(file, bad);
            AssertDamaged(file, good[..at]);
        }

        AssertDamaged(file, [.. good, 0]);
    });

    [Fact]
    public void What_is_no_checkpoint_is_refused() => WithCheckpoint(file =>
    {
        var format = File.ReadAllText(file, System.Text.Encoding.Latin1).Split('\n')[0];
        File.WriteAllText(file, "title: a scenario\nquestion: which?\n");
        Assert.Equal($"'{file}' is no checkpoint; 'thpcheck check --checkpoint FILE' writes one", Refused(file));

        File.WriteAllText(file, "thpcheck-checkpoint 9\nand what follows there");
        Assert.Equal($"'{file}' is a checkpoint of another format than '{format}', which this version reads; start again without --resume", Refused(file));

        File.Delete(file);
        Assert.Equal($"there is no checkpoint '{file}'", Refused(file));

        File.WriteAllText(file + ".tmp", "half of one");
        Assert.Equal($"there is no checkpoint '{file}'; '{file}.tmp' is one that was never finished", Refused(file));
        File.Delete(file + ".tmp");
    });

    [Fact]
    public void A_checkpoint_is_not_overwritten_by_a_search_that_begins_anew() => WithCheckpoint(file =>
    {
        var before = File.ReadAllBytes(file);

        var run = Of("check", Kswapd, "--variant", "v1", "--checkpoint", file);

        Assert.Equal((2, $"thpcheck: there is a '{file}' already: go on from it with --resume, remove it, or give --checkpoint another name\n"), (run.ExitCode, run.Error));
        Assert.Equal(before, File.ReadAllBytes(file));
    });

    [Fact]
    public void A_checkpoint_that_cannot_be_written_is_refused_before_the_search()
    {
        var run = Of("check", Kswapd, "--variant", "v1", "--checkpoint", "no/such/folder/search.checkpoint");

        Assert.StartsWith("thpcheck: no checkpoint can be written to 'no/such/folder/search.checkpoint': ", run.Error, StringComparison.Ordinal);
        Assert.Equal((2, ""), (run.ExitCode, run.Out));
    }

    [Theory]
    [InlineData("--checkpoint is for a search of everything, so it does not go with --max-switches", "--checkpoint", "f", "--max-switches", "2")]
    [InlineData("--resume is for a search of everything, so it does not go with --sample", "--resume", "f", "--sample", "pct")]
    [InlineData("--checkpoint and --resume are for one search, and --reduction may make several, so they do not go together", "--checkpoint", "f", "--reduction", "all")]
    [InlineData("--checkpoint-every says how often to write a checkpoint, so it goes with --checkpoint or --resume", "--checkpoint-every", "5m")]
    [InlineData("--checkpoint-every cannot be 'often'; write a time such as 90s or 5m", "--checkpoint", "f", "--checkpoint-every", "often")]
    public void What_does_not_go_together_is_refused(string sentence, params string[] options) =>
        Assert.Equal($"thpcheck: {sentence}\n", Of(["check", Kswapd, .. options]).Error);

    [Fact]
    public void A_checkpoint_is_of_one_variant() => Assert.Equal(
        "thpcheck: --checkpoint is for one variant, and here are 3; name a scenario and one with --variant\n",
        Of("check", Scenario("references.yaml"), "--checkpoint", "f").Error);

    [Fact]
    public void A_search_that_a_limit_ended_says_how_to_go_on_and_a_complete_one_removes_its_checkpoint() => WithCheckpoint(file =>
    {
        var again = Of("check", Kswapd, "--variant", "v1", "--resume", file, "--max-states", "1500");
        Assert.Equal((3, $"thpcheck: --resume {file} goes on from here\n"), (again.ExitCode, again.Error));

        var end = Of("check", Kswapd, "--variant", "v1", "--resume", file);
        Assert.Equal((0, ""), (end.ExitCode, end.Error));
        Assert.Equal(Approved.Normal(Of("check", Kswapd, "--variant", "v1").Out), Approved.Normal(end.Out));
        Assert.False(File.Exists(file));
    });

    private static void AssertDamaged(string file, byte[] bytes)
    {
        File.WriteAllBytes(file, bytes);
        Assert.Equal($"the checkpoint '{file}' is damaged: its SHA-256 is not what it ends with; start again without --resume", Refused(file));
    }

    private static string Refused(string file) => Assert.Throws<UnusableCheckpointException>(() => CheckpointFile.Open(file, [])).Message;

    // Lends a checkpoint of the variant v1.
    private static void WithCheckpoint(Action<string> use) => Certified.InFile(".checkpoint", file =>
    {
        Assert.Equal(3, Of("check", Kswapd, "--variant", "v1", "--max-states", "800", "--checkpoint", file).ExitCode);
        use(file);
        return 0;
    });
}
