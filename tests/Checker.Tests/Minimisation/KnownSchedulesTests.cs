using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Replay;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.Tests.Minimisation;

/// <summary>
/// Schedules that people worked out for the bugs of topics C, D and E, before there was a model: what the checker finds takes no more context switches,
/// and does what they name in their order.
/// </summary>
public sealed class KnownSchedulesTests
{
    [Fact]
    public void A_pte_and_a_pmd_that_go_together_are_counted_once_too_few_with_plain_atomics() => Assert_known(
        "mapcount/pmd-zap-against-zap.yaml", "cb67", "mapped-pages-counted-exactly", switches: 2,
        "zap: atomic_dec(thp._subpages_mapcount)",
        "zap: atomic_read(thp._compound_mapcount) = 0",
        "pmd_zap: atomic_add_negative(-1, thp._compound_mapcount) = true",
        "pmd_zap: atomic_read(thp._mapcount) = 0",
        "zap: atomic_add_negative(-1, thp._mapcount) = true");

    [Fact]
    public void The_bit_is_clear_while_two_pmds_are_in_the_word() => Assert_known(
        "mapcount/restore-against-pmd-zap.yaml", "4b51", "mapped-pages-counted-exactly", switches: 2,
        "zap: atomic_add_negative(-1, thp._compound_mapcount) = true",
        "migration: atomic_inc_and_test(thp._compound_mapcount) = true",
        "migration: atomic_add_return(8388608, thp._subpages_mapcount) = 16777216",
        "migration: atomic_add(2, node.NR_ANON_MAPPED)",
        "migration: atomic_add_return(1, thp._subpages_mapcount) = 16777217",
        "migration: atomic_add(1, node.NR_ANON_MAPPED)",
        "zap: atomic_add_return(-8388608, thp._subpages_mapcount) = 8388609",
        "zap: atomic_add(-1, node.NR_ANON_MAPPED)");

    [Fact]
    public void The_clamp_to_zero_loses_the_page_that_a_stalled_zap_takes_off_later() => Assert_known(
        "mapcount/split-against-zap.yaml", "6287", "mapped-pages-counted-exactly", switches: 2,
        "zap: atomic_add_negative(-1, thp._mapcount) = true",
        "split: atomic_inc_and_test(thp._mapcount) = true",
        "split: atomic_add_return(1, thp._subpages_mapcount) = 8388611",
        "split: atomic_inc_and_test(thp._mapcount[1]) = false",
        "split: atomic_add_negative(-1, thp._compound_mapcount) = true",
        "split: atomic_add_return(-8388608, thp._subpages_mapcount) = 3",
        "zap: atomic_add_return(-1, thp._subpages_mapcount) = 2",
        "zap: atomic_add(-1, node.NR_ANON_MAPPED)");

    [Fact]
    public void The_clamp_to_zero_keeps_a_page_that_was_counted_twice() => Assert_known(
        "mapcount/restore-against-zap.yaml", "6287", "mapped-pages-counted-exactly", switches: 2,
        "zap: atomic_add_negative(-1, thp._mapcount) = true",
        "migration: atomic_add_return(1, thp._subpages_mapcount) = 3",
        "migration: atomic_add(1, node.NR_ANON_MAPPED)",
        "migration: atomic_add_return(8388608, thp._subpages_mapcount) = 8388611",
        "zap: atomic_add_return(-1, thp._subpages_mapcount) = 8388610");

    [Fact]
    public void A_split_goes_by_between_two_words_that_are_read_in_the_wrong_order() => Assert_known(
        "mapcount/migration-against-split.yaml", "be5e-subpages-first", "no-bug-on", switches: 2,
        "kcompactd: atomic_read(thp._subpages_mapcount) = 0",
        "split: atomic_set(thp._subpages_mapcount, 2)",
        "split: atomic_set(thp._compound_mapcount, -1)",
        "kcompactd: atomic_read(thp._compound_mapcount) = -1",
        "kcompactd: atomic_read(thp._subpages_mapcount) = 2");

    [Fact]
    public void An_atomic_is_lost_between_the_load_and_the_store_of_another_cpu() => Assert_known(
        "mapcount/zap-against-split-count.yaml", "9bd3-page-zap", "subpage-mapcounts-consistent", switches: 2,
        "split: atomic_read(thp._mapcount) = 0",
        "zap: atomic_add_negative(-1, thp._mapcount) = true",
        "split: atomic_set(thp._mapcount, 1)");

    [Theory]
    [InlineData("lock-around-statistics")]
    [InlineData("guard-without-lock")]
    [InlineData("rmap-after-page-table-lock")]
    public void The_mover_finds_a_page_unmapped_whose_statistics_are_still_to_come(string variant) => Assert_known(
        "memcg/zap-against-move-of-cached-page.yaml", variant, "memcg-counts-mapped-pages-exactly", switches: 2,
        "zap: atomic_add_negative(-1, page._mapcount) = true",
        "mover: atomic_read(page._mapcount) = -1",
        "mover: store(page.memcg_data, to)",
        "zap: atomic_add(-1, to.NR_FILE_MAPPED)");

    [Theory]
    [InlineData("lock-around-statistics")]
    [InlineData("neither-lock-nor-guard")]
    [InlineData("rmap-after-page-table-lock")]
    public void The_mover_finds_a_page_that_counts_twice(string variant) => Assert_known(
        "memcg/zap-against-fault-then-move.yaml", variant, "memcg-counts-mapped-pages-exactly", switches: 2,
        "zap: atomic_add_negative(-1, page._mapcount) = true",
        "mover: atomic_inc_and_test(page._mapcount) = true",
        "mover: atomic_add(1, from.NR_FILE_MAPPED)",
        "mover: atomic_add(1, to.NR_FILE_MAPPED)",
        "mover: store(page.memcg_data, to)",
        "zap: atomic_add(-1, to.NR_FILE_MAPPED)");

    [Fact]
    public void Reclaim_marks_a_folio_before_mlock_walks_to_it_and_both_count_it() => Assert_known(
        "mlock/mlock-against-reclaim.yaml", "without-vm-io", "mlock-count-not-too-high", switches: 2,
        "mlock: WRITE_ONCE(vma.vm_flags, VM_LOCKED)",
        "kswapd: test_and_set_bit(PG_mlocked, page.flags) = false",
        "kswapd: store(page.mlock_count, 0)",
        "kswapd: store(page.mlock_count, 1)",
        "mlock: store(page.mlock_count, 2)");

    private static void Assert_known(string path, string variant, string property, int switches, params string[] events)
    {
        var scenario = ScenarioReader.Read(Repository.File("specs", path)).Document!;
        var instance = ScenarioBinder.Bind(scenario, scenario.Variants.Single(v => v.Name.Value == variant)).Variant!.Instance;

        var way = Judge.Run(instance, new Budget())[property].Counterexample!;

        Assert.True(way.IsMinimal);
        Assert.InRange(way.Switches, 0, switches);
        Assert.Equal(events, InOrder(way.Trace, events));
    }

    // As many of the events as the trace has, each after the one before.
    private static IEnumerable<string> InOrder(Trace trace, string[] events)
    {
        var next = 0;
        foreach (var step in trace.Steps)
        {
            var text = $"{step.Thread}: {step.Operation}";
            if (next < events.Length && (events[next] == text || events[next] == $"{text} = {step.Value}"))
            {
                yield return events[next++];
            }
        }
    }
}
