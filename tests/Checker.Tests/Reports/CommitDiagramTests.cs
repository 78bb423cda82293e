using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.Reports;

public sealed class CommitDiagramTests
{
    private const int Widest = 75;

    /// <summary>The bugs of the mails that the scenarios began with: scenario, variant, property.</summary>
    public static TheoryData<string, string, string> Mails => new()
    {
        { "migration/mbind-part-of-thp", "next-20230124", "no-bug-on" },
        { "rmap/exit-against-kswapd", "v1", "no-use-after-free" },
        { "pmd/partial-punch-against-migration", "baseline", "no-bug-on" },
        { "khugepaged/collapse-against-anon-walk", "without-anon-vma-lock", "no-use-after-free" },
        { "cow/child-keeps-page", "linux-5.7", "private-writes-stay-private" },
    };

    [Theory]
    [MemberData(nameof(Mails))]
    public void The_mails_bugs_are_drawn_as_changelogs_do(string scenario, string variant, string property) =>
        Approved.Match(Diagram(scenario, variant, property), $"Diagram_of_{scenario.Replace('/', '_').Replace('-', '_')}");

    [Theory]
    [MemberData(nameof(Mails))]
    public void A_diagram_is_plain_and_narrow(string scenario, string variant, string property)
    {
        var lines = Diagram(scenario, variant, property).Split('\n');

        Assert.All(lines, l => Assert.True(l.Length <= Widest, $"{l.Length} characters: {l}"));
        Assert.All(lines, l => Assert.Equal(l.TrimEnd(), l));
        Assert.All(lines, l => Assert.All(l, c => Assert.InRange(c, ' ', '~')));
        Assert.Single(lines, l => l.Contains("^^^^", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Mails))]
    public void The_diagrams_in_the_documents_are_what_is_printed(string scenario, string variant, string property)
    {
        var diagram = Diagram(scenario, variant, property);

        Assert.Contains($"```\n{diagram}```\n", File.ReadAllText(Repository.File("FOUND.md")), StringComparison.Ordinal);
        Assert.Contains($"```\n{diagram}```\n", File.ReadAllText(Repository.File("docs", "REPORTS.md")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("memcg/zap-against-move-of-cached-page", "neither-lock-nor-guard", "memcg-counts-mapped-pages-exactly")] // what was written elsewhere
    [InlineData("pmd/dontneed-against-migration-of-anonymous-page", "before", "rss-consistent")]                       // what is wrong before the lock is released
    [InlineData("migration/mbind-against-mbind", "v6.7-mmap-lock-held", "bound-pages-stay")]                           // two threads of hundreds of steps
    public void What_counts_in_the_end_is_drawn(string scenario, string variant, string property) =>
        Approved.Match(Diagram(scenario, variant, property), $"Diagram_of_{scenario.Replace('/', '_').Replace('-', '_')}");

    [Fact]
    public void The_steps_of_a_diagram_are_in_the_order_of_the_trace()
    {
        var diagram = Diagram("rmap/exit-against-kswapd", "v1", "no-use-after-free").Split('\n').Select(l => l.Trim()).ToList();

        string[] steps = ["kmem_cache_free(anon_vma)", "READ_ONCE(folio->mapping) == anon_vma", "folio_mapped() == true", "[the slab page of anon_vma is given back]", "READ_ONCE(anon_vma->root)"];
        Assert.Equal(steps, diagram.Where(steps.Contains));
    }

    [Fact]
    public void What_goes_on_to_the_end_is_elided_there_too()
    {
        var lines = Diagram("memcg/fault-then-move-against-zap", "rmap-after-page-table-lock", "memcg-counts-mapped-pages-exactly").Split('\n').TakeWhile(l => l.Length > 0).ToArray();

        Assert.Equal(" ...", lines[^1]);
        Assert.Equal("   atomic_add(-1, &to->NR_FILE_MAPPED)", lines[^2]); // the second context switch, back to the first column
    }

    [Fact]
    public void Where_no_step_is_to_blame_the_thread_is_still_named()
    {
        var diagram = Diagram("tlb/batch-bookkeeping", "rule2-scans-active-only", "mapcount-consistent");

        Assert.StartsWith("CPU 0 (exit)\nexit_mmap()\n ...\n\nThe mapcount of first is 1", diagram, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_call_came_to_stands_behind_two_equals_signs_in_the_sentence_too()
    {
        Assert.Contains("after atomic_inc_and_test(thp1->_mapcount[3]) ==\nfalse.", Diagram("migration/mbind-part-of-thp", "next-20230124", "no-bug-on"), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_asked_after_the_scenarios_last_calls_names_them()
    {
        var diagram = Diagram("mlock/mlock-against-reclaim-then-munlock", "without-vm-io", "unlocked-folio-is-not-mlocked");
        var text = Of("check", Repository.File("specs", "mlock", "mlock-against-reclaim-then-munlock.yaml"), "--variant", "without-vm-io");

        foreach (var report in new[] { diagram, text.Out })
        {
            Assert.Contains("after lru_add_drain_all(), munlock_vma(vma) and lru_add_drain_all(), called alone in the end: page is mlocked", string.Join(' ', report.Split((char[])['\n', ' '], StringSplitOptions.RemoveEmptyEntries)), StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public void Several_diagrams_are_told_apart_by_lines_that_git_takes_out()
    {
        var run = Of("check", Repository.File("specs", "rmap", "exit-against-kswapd.yaml"), "--variant", "v1", "--format", "commit");

        Assert.Equal(3, run.Out.Split('\n').Count(l => l.StartsWith("# ", StringComparison.Ordinal)));
        Assert.Contains("exit-against-kswapd.yaml, v1: walker-holds-anon-vma\n\nCPU 0 (exit)", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Three_threads_have_three_columns() => Approved.Match(Diagram("rmap/exit-against-kswapd-reuse", "v1", "no-bad-unlock"));

    [Fact]
    public void A_deadlock_is_drawn_with_what_each_thread_waits_for() =>
        Approved.Match(Of("check", Scenario("folio-locks.yaml"), "--format", "commit").Out);

    [Fact]
    public void Where_nothing_fails_nothing_is_drawn() =>
        Assert.Equal("# nothing fails that could be shown\n", Diagram("rmap/exit-against-kswapd", "before", "no-use-after-free"));

    private static string Diagram(string scenario, string variant, string property) =>
        Of("check", Repository.File("specs", $"{scenario}.yaml"), "--variant", variant, "--format", "commit", "--property", property).Out;
}
