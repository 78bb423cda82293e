using ThpCheck.Checker.Tests.Reports;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.Reachability;

public sealed class CanTests
{
    private static readonly string Kswapd = Repository.File("specs", "rmap", "exit-against-kswapd.yaml");

    [Fact]
    public void A_claim_that_can_be_is_shown_with_its_cheapest_interleaving() =>
        Approved.Match(Of("can", Kswapd, "kswapd: folio_mapped = true; exit: anon_vma_free; kswapd: down_read_trylock", "--variant", "before").All);

    [Fact]
    public void A_claim_is_possible_in_some_variants_and_impossible_in_others()
    {
        // kswapd must not see the folio mapped once its anon_vma is freed: what v1 broke.
        var run = Of("can", Kswapd, "exit: anon_vma_free; kswapd: folio_mapped = true", "--variant", "before", "--variant", "v1");

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("before: impossible in this scope", run.Out, StringComparison.Ordinal);
        Assert.Contains("the first event can happen, but then never 'kswapd: folio_mapped = true'", run.Out, StringComparison.Ordinal);
        Assert.Contains("v1: possible", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void The_cheapest_interleaving_is_as_cheap_as_the_checkers_own()
    {
        var checkedUp = Of("check", Kswapd, "--variant", "v1").Out;
        var schedule = checkedUp.Split('\n').First(l => l.Contains("schedule:", StringComparison.Ordinal));
        var cost = schedule[schedule.IndexOf('(', StringComparison.Ordinal)..];

        var claimed = Of("can", Kswapd, "exit: kmem_cache_free(anon_vma0); slab: discard_slab; kswapd: READ_ONCE(anon_vma0.root)", "--variant", "v1").Out;

        Assert.Contains(cost.Trim(), claimed, StringComparison.Ordinal);
        Assert.Contains("It ends there: use after free", claimed, StringComparison.Ordinal);
    }

    [Fact]
    public void What_no_thread_ever_does_is_said_to_be_in_the_way()
    {
        var run = Of("can", Kswapd, "kswapd: folio_mapped = true; kswapd: anon_vma_free", "--variant", "before");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("'kswapd: anon_vma_free' happens in no execution", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_claim_is_not_called_impossible_where_not_everything_was_explored()
    {
        var run = Of("can", Kswapd, "exit: anon_vma_free; kswapd: folio_mapped = true", "--variant", "before", "--max-states", "100");

        Assert.Equal(3, run.ExitCode);
        Assert.Contains("NOT DECIDED", run.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("impossible", run.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("kswap: folio_mapped", "no thread 'kswap' in this scenario. Did you mean 'kswapd'?")]
    [InlineData("kswapd: folio_maped", "no function or operation 'folio_maped' in this kernel. Did you mean 'folio_mapped'?")]
    [InlineData("kswapd: down_read_tryloc", "Did you mean 'down_read_trylock'?")]
    [InlineData("folio_mapped", "'folio_mapped' names no thread")]
    [InlineData("kswapd: folio_mapped(folio)", "'folio_mapped' is a function, and operands are told of operations only")]
    [InlineData("exit: folio_lock_", "no function or operation 'folio_lock_'")]
    [InlineData(" ; ", "a claim is of 1 to 63 events")]
    public void A_claim_that_names_what_nobody_has_is_an_error(string claim, string sentence)
    {
        var run = Of("can", Kswapd, claim, "--variant", "before");

        Assert.Equal(2, run.ExitCode);
        Assert.Contains(sentence, run.Error, StringComparison.Ordinal);
    }
}
