using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.Reports;

public sealed class ReproTextTests
{
    [Fact]
    public void A_repro_holds_each_thread_that_is_preempted() => Approved.Match(Repro("rmap/exit-against-kswapd", "v1", "no-use-after-free"));

    [Fact]
    public void A_thread_that_waits_by_itself_is_not_held()
    {
        var repro = Of("check", Scenario("folio-locks.yaml"), "--format", "repro").Out;

        Assert.Contains("1. CPU 0 (up), after folio_lock(folio): until CPU 1 has done\n   folio_lock(other)\n", repro, StringComparison.Ordinal);
        Assert.DoesNotContain("2. CPU", repro, StringComparison.Ordinal);
    }

    [Fact]
    public void What_needs_no_switch_needs_no_delay()
    {
        var repro = Repro("rmap/exit-against-kswapd", "v1", "anon-vma-valid");

        Assert.Contains("No delay: it happens without anybody being held.", repro, StringComparison.Ordinal);
        Assert.DoesNotContain("mdelay", repro, StringComparison.Ordinal);
    }

    [Fact]
    public void The_sketch_names_file_and_version_and_holds_nobody_needlessly()
    {
        var lines = Repro("khugepaged/collapse-against-anon-walk", "without-anon-vma-lock", "no-use-after-free").Split('\n');

        Assert.Equal(["--- a/mm/page_vma_mapped.c"], lines.Where(l => l.StartsWith("---", StringComparison.Ordinal)));
        Assert.Contains("@@ page_vma_mapped_walk() v6.1 @@", lines);
    }

    private static string Repro(string scenario, string variant, string property) =>
        Of("check", Repository.File("specs", $"{scenario}.yaml"), "--variant", variant, "--format", "repro", "--property", property).Out;
}
