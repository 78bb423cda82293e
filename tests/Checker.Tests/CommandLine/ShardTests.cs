using ThpCheck.Checker.CommandLine;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Checker.Tests.Verification;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.CommandLine;

public sealed class ShardTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _scenario = Repository.File("specs", "rmap", "exit-against-kswapd.yaml");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Parts_have_every_variant_once_and_merge_to_the_whole()
    {
        var whole = Part("whole", "1/1");
        var parts = new[] { Part("1", "1/3"), Part("2", "2/3"), Part("3", "3/3") };

        var merged = Of(["merge", .. parts]);

        Assert.Equal(ExitCodes.AsExpected, merged.ExitCode);
        var variants = File.ReadAllText(whole).Split("\"variant\"").Length - 1;
        Assert.Equal(variants, parts.Sum(p => File.ReadAllText(p).Split("\"variant\"").Length - 1));
        Assert.Contains($"{variants} of {variants} variants as expected", merged.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_part_that_is_missing_or_there_twice_is_an_error()
    {
        var (one, two) = (Part("1", "1/2"), Part("2", "2/2"));

        Assert.Contains("part 2 of 2 is missing", Of("merge", one).Error, StringComparison.Ordinal);
        Assert.Contains("part 1 of 2 is there several times", Of("merge", one, two, one).Error, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.WrongInput, Of("merge", one).ExitCode);
    }

    [Fact]
    public void What_is_no_report_does_not_merge()
    {
        var run = Of("merge", _folder.Write("a.json", "{\"results\": [}"));

        Assert.Equal(ExitCodes.WrongInput, run.ExitCode);
        Assert.Contains("is no report of 'thpcheck check --format json', or is damaged", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0/3")]
    [InlineData("4/3")]
    [InlineData("1")]
    [InlineData("a/b")]
    public void A_shard_that_is_none_is_an_error(string shard) => Assert.Equal(ExitCodes.WrongInput, Of("check", _scenario, "--shard", shard).ExitCode);

    [Fact]
    public void For_a_bisection_what_does_not_apply_is_skipped()
    {
        Assert.Equal(ExitCodes.Skip, Of("check", "no-such-scenario.yaml", "--bisect").ExitCode);
        Assert.Equal(ExitCodes.Skip, Of("check", _scenario, "--max-states", "10", "--bisect").ExitCode);
        Assert.Equal(ExitCodes.AsExpected, Of("check", _scenario, "--variant", "final", "--bisect").ExitCode);
    }

    [Fact]
    public void Against_a_stored_run_only_what_is_new_fails()
    {
        // The scenario is wrong about a variant, and was so before; then it is wrong about another.
        var folder = Directory.CreateDirectory(_folder.File("specs")).FullName;
        var wrong = Path.Combine(folder, "a.yaml");
        var text = File.ReadAllText(_scenario);
        var at = text.IndexOf("states: ", text.IndexOf("name: before", StringComparison.Ordinal), StringComparison.Ordinal);
        File.WriteAllText(wrong, text.Insert(at + "states: ".Length, "9"));
        var baseline = _folder.File("baseline.json");
        Assert.Equal(ExitCodes.NotAsExpected, Of("check", wrong, "--format", "json", "--output", baseline).ExitCode);
        var built = File.ReadLines(Repository.File("src", "Model", "Kernel", "rmap.cs")).First();
        var diff = _folder.Write("a.diff", $"--- a/src/Model/Kernel/rmap.cs\n+++ b/src/Model/Kernel/rmap.cs\n@@ -1 +1 @@\n-a\n+{built}\n");

        var same = Of("gate", "--diff", diff, wrong, "--new-only", "--baseline", baseline);
        var all = Of("gate", "--diff", diff, wrong);
        File.WriteAllText(wrong, text.Insert(text.LastIndexOf("states: ", StringComparison.Ordinal) + "states: ".Length, "9"));
        var other = Of("gate", "--diff", diff, wrong, "--new-only", "--baseline", baseline);

        Assert.Equal(ExitCodes.AsExpected, same.ExitCode);
        Assert.Equal(ExitCodes.NotAsExpected, all.ExitCode);
        Assert.Equal(ExitCodes.NotAsExpected, other.ExitCode);
        Assert.Contains("1 otherwise than in", other.Out, StringComparison.Ordinal);
    }

    private string Part(string name, string shard)
    {
        var file = _folder.File($"{name}.json");
        Assert.Equal(ExitCodes.AsExpected, Of("check", _scenario, "--shard", shard, "--format", "json", "--output", file).ExitCode);
        return file;
    }
}
