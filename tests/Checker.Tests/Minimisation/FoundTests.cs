using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.Minimisation;

/// <summary>What FOUND.md says of delayed rmap removal that nobody has reported is what the checker finds now.</summary>
public sealed class FoundTests
{
    private static readonly Lazy<string> Found = new(static () => File.ReadAllText(Repository.File("FOUND.md")));

    [Theory]
    [InlineData("tlb/truncate-against-zap-clean", "v1", "no-bug-on")]
    [InlineData("tlb/truncate-against-zap", "v1", "no-bug-on")]
    [InlineData("mapcount/split-against-zap-then-unmap", "6287", "mapped-pages-counted-exactly")]
    [InlineData("mapcount/restore-against-zap", "6287", "mapped-pages-counted-exactly")]
    [InlineData("memcg/zap-against-move-of-cached-page", "guard-without-lock", "memcg-counts-mapped-pages-exactly")]
    [InlineData("memcg/zap-against-fault-then-move", "neither-lock-nor-guard", "memcg-counts-mapped-pages-exactly")]
    [InlineData("mlock/zap-of-locked-page-against-mlock-then-munlock", "before", "unlocked-folio-is-evictable")]
    [InlineData("tlb/reclaim-against-writeback", "linux-6.2", "stores-reach-the-disk")]
    public void Its_schedules_are_the_cheapest(string path, string variant, string property)
    {
        var file = ScenarioReader.Read(Repository.File("specs", $"{path}.yaml")).Document!;
        var instance = ScenarioBinder.Bind(file, file.Variants.Single(v => v.Name.Value == variant)).Variant!.Instance;

        var way = Judge.Run(instance, new Budget())[property].Counterexample!;

        Assert.True(way.IsMinimal);
        Assert.Contains($"`{way.Schedule}`", Found.Value, StringComparison.Ordinal);
    }

    [Fact]
    public void The_store_that_was_lost_up_to_6_1_is_a_diagram_of_three_columns()
    {
        var scenario = Repository.File("specs", "tlb", "mkclean-against-zap.yaml");
        var trace = Of("check", scenario, "--variant", "base").Out.Split('\n').ToList();
        var head = trace.FindIndex(l => l.Contains("(CPU 0)", StringComparison.Ordinal));
        var diagram = Of("check", scenario, "--variant", "base", "--format", "commit").Out;

        Assert.Equal(["zap (CPU 0)", "writer (CPU 1)", "flusher (CPU 2)"], Columns(trace[head]));
        Assert.Equal(["madvise_dontneed(mm, 0, 1)", "user_store(mm, 0, 2)", "write_cache_pages(file, 0)"], Columns(trace[head + 1]));
        Assert.Equal(["CPU 0 (zap)", "CPU 1 (writer)", "CPU 2 (flusher)"], Columns(diagram.Split('\n')[0]));
        Assert.All(diagram.Split('\n'), l => Assert.InRange(l.Length, 0, 75));
        Assert.Contains($"```\n{diagram}```\n", Found.Value, StringComparison.Ordinal);
    }

    private static string[] Columns(string line) => line.Split("  ", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
