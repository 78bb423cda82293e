using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Minimisation;
using ThpCheck.Checker.Tests.Checkpoints;
using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Checker.Verdicts;

namespace ThpCheck.Checker.Tests.CommandLine;

/// <summary>Ctrl-C once: no more is explored. Twice: nor is the cheapest interleaving looked for. Three times: the end.</summary>
public sealed class CtrlCTests
{
    [Fact]
    public void One_ends_the_search_and_what_was_found_is_reported_with_its_cheapest_interleaving() => WithSearch((file, scenario) =>
    {
        using var child = new Child("check", scenario, "--checkpoint", file, "--checkpoint-every", "0");
        child.Await(() => IsOnItsWay(file));
        child.Interrupt();

        var (code, said) = child.End();

        Assert.Equal(130, code);
        Assert.Contains("no-warning is violated", said, StringComparison.Ordinal);
        Assert.Contains("(no context switch, 6 steps; the least found, as not everything was explored)", said, StringComparison.Ordinal);
        Assert.Contains("Interrupted.", said, StringComparison.Ordinal);
        Assert.Contains($"--resume {file} goes on from here", child.Errors, StringComparison.Ordinal);
        Assert.True(File.Exists(file));
    });

    [Fact]
    public void Two_report_it_at_once_and_three_end_the_process() => WithSearch((file, scenario) =>
    {
        using var child = new Child("check", scenario, "--checkpoint", file, "--checkpoint-every", "0");
        child.Await(() => IsOnItsWay(file));
        child.Interrupt();
        child.AwaitError("thpcheck: interrupted;");
        child.Interrupt();
        child.AwaitError("thpcheck: interrupted again;");
        child.Interrupt();

        Assert.Equal(130, child.End().ExitCode);
        Assert.Contains("interrupted again;", child.Errors, StringComparison.Ordinal);
    });

    [Fact]
    public void Who_will_not_wait_is_shown_ways_of_fewest_steps_and_told_that_there_may_be_cheaper_ones()
    {
        var instance = SameResult.Bind("exit-of-parent-and-child", "v1").Instance;
        var found = BreadthFirstExplorer.Run(instance, new Budget());

        var cheapest = Judge.Of(found, new Budget());
        var first = Judge.Of(found, new Budget(), new CancellationToken(canceled: true));

        Assert.Equal(VariantVerdict.Violated, first.Verdict);
        Assert.Equal("interrupted before deadlock and livelock were looked for", first.Incomplete);
        foreach (var (least, quick) in cheapest.Properties.Zip(first.Properties).Where(p => p.First.Counterexample is not null))
        {
            Assert.Equal((least.Verdict, true, false), (quick.Verdict, quick.Counterexample!.IsCutShort, quick.Counterexample.IsMinimal));
            Assert.True(quick.Counterexample.Steps <= least.Counterexample!.Steps);
            Assert.True(quick.Counterexample.Switches >= least.Counterexample.Switches);
        }

        Assert.Contains(cheapest.Properties.Zip(first.Properties), p => p.First.Counterexample?.Switches < p.Second.Counterexample?.Switches);
    }

    [Fact]
    public void A_way_of_fewest_steps_has_as_many_as_the_state_is_levels_down()
    {
        var found = Small.Explored(InterleavingTests.Steps(3, 2));
        var ways = new FewestSteps(found.Graph);

        Assert.Null(ways.To([]));
        Assert.Empty(ways.To([new Finding(0, -1)])!);
        Assert.Equal(5, ways.To([new Finding(found.Graph.StateCount - 1, -1)])!.Length);
        Assert.Single(ways.To([new Finding(found.Graph.StateCount - 1, -1), new Finding(-1, 0)])!);
    }

    [Fact]
    public void Who_will_not_wait_is_not_told_that_there_is_no_deadlock()
    {
        var result = Judge.Run(InterleavingTests.Steps(2, 2), new Budget(), hurry: new CancellationToken(canceled: true));

        Assert.Equal(VariantVerdict.Incomplete, result.Verdict);
    }

    // Some ten thousand states are known: the warning, six steps down, is among them.
    private static bool IsOnItsWay(string file) => new FileInfo(file) is { Exists: true, Length: > 5_000_000 };

    // Seven threads that interleave freely are more than can be explored here; one of them puts a reference twice.
    private static void WithSearch(Action<string, string> use)
    {
        var folder = Directory.CreateTempSubdirectory();
        try
        {
            var scenario = Path.Combine(folder.FullName, "long.yaml");
            var threads = string.Concat(Enumerable.Range(0, 7).Select(t =>
                $"  - name: t{t}\n    calls: [{(t == 0 ? "folio_put(folio), folio_put(folio), " : "")}{string.Join(", ", Enumerable.Repeat("folio_get(folio), folio_put(folio)", 4))}]\n"));
            File.WriteAllText(scenario, $"""
                title: Long
                question: How long does this take?
                origin: [made up]
                kernel: linux-6.1
                setup:
                  - mm = mm_alloc()
                  - vma = mmap_region(mm, 0, 1)
                  - folio = do_anonymous_page(mm, vma, 0)
                threads:
                {threads}variants:
                  - name: all
                """);
            use(Path.Combine(folder.FullName, "search.checkpoint"), scenario);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
