using ThpCheck.Checker.Tests.Reports;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.Differences;

public sealed class DiffTests
{
    private static readonly string Kswapd = Repository.File("specs", "rmap", "exit-against-kswapd.yaml");

    [Fact]
    public void A_variant_does_not_differ_from_itself()
    {
        var run = Of("diff", Kswapd, "before", "before");

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("Each end state of the one is an end state of the other.", run.Out, StringComparison.Ordinal);
        Assert.Contains("Every function does the same in the same number of places.", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Diff_shows_what_functions_do_otherwise() =>
        Approved.Match(Of("diff", Kswapd, "before", "v1-flush-before-free-pgtables").All);

    /// <summary>Both hold, and one copies a page that the other reuses.</summary>
    [Fact]
    public void An_end_state_that_only_one_reaches_is_shown_with_its_cheapest_interleaving()
    {
        var run = Of("diff", Repository.File("specs", "cow", "copy-for-folio-lock.yaml"), "linux-5.7", "linux-5.18");

        Assert.Equal(1, run.ExitCode);
        var only = run.Out[run.Out.IndexOf("Only linux-5.18 reaches", StringComparison.Ordinal)..];
        Assert.Contains("(at the nearest of linux-5.7: ", only, StringComparison.Ordinal);
        Assert.Contains("no interleaving with fewer exists", only, StringComparison.Ordinal);
        Assert.Contains("--variant linux-5.18 --schedule", only, StringComparison.Ordinal);
        Assert.Contains("wp_page_copy()", only, StringComparison.Ordinal);
    }

    [Fact]
    public void The_second_may_have_a_patch_on_top()
    {
        var run = Of("diff", Kswapd, "before", "before", "--patch", "delay-rmap-v1");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("before --patch delay-rmap-v1: ", run.Out, StringComparison.Ordinal);
        Assert.Contains("page_zap_pte_rmap()", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_variant_that_does_not_hold_is_said_not_to()
    {
        var run = Of("diff", Kswapd, "before", "v1");

        Assert.Contains("it does not hold, so what comes after a failure is not compared: no-use-after-free", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrong_variant_is_an_error_that_names_the_nearest()
    {
        var run = Of("diff", Kswapd, "before", "finl");

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("no variant 'finl'", run.Error, StringComparison.Ordinal);
        Assert.Contains("Did you mean 'final'?", run.Error, StringComparison.Ordinal);
    }
}
