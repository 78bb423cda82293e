namespace ThpCheck.Checker.Tests.HardCases;

/// <summary>The schedules about copy-on-write that were worked out by hand: each is found with its events in their order, and takes no more context switches.</summary>
/// <remarks>Events are a thread and the beginning of what it does; * stands for anything.</remarks>
public sealed class CowSchedulesTests
{
    [Theory]
    [InlineData(
        "child-keeps-page", "linux-5.7", "private-writes-stay-private", 2,
        "child atomic_inc(folio0._refcount)",
        "child xchg(page_table1.pte[0], none)",
        "child atomic_add_negative(-1, folio0._mapcount)",
        "parent atomic_read(folio0._mapcount) = 0",
        "parent page 0 of mm := 2",
        "child load(folio0.data) = 2")] // F20: CVE-2020-29374
    [InlineData(
        "pin-against-fork", "linux-5.9", "gup-page-is-mapped", 3,
        "gup READ_ONCE(page_table0.pte[0]) = pfn 1 present write",
        "gup atomic_add(63, folio0._refcount)",
        "gup READ_ONCE(page_table0.pte[0]) = pfn 1 present write",
        "fork clear_bit(*, page_table0.pte[0])",
        "fork xchg(page_table0.pte[0], none)",
        "fork store(page_table0.pte[0], pfn *")] // F25
    [InlineData(
        "mapcount-before-switch", "linux-5.7-mapcount-first", "private-writes-stay-private", 2,
        "child atomic_add_negative(-1, folio0._mapcount)",
        "parent atomic_read(folio0._mapcount) = 0",
        "parent page 0 of mm := 2",
        "reader page 0 of child_mm = 2")] // F35
    [InlineData(
        "large-folio-moves-rmap", "linux-6.15-moves", "anon-vma-valid", 0,
        "child atomic_read(folio._large_mapcount) = 3",
        "child atomic_read(folio._refcount) = 4",
        "child WRITE_ONCE(folio.mapping, anon_vma1)",
        "child kmem_cache_free(anon_vma1)")] // F30
    [InlineData(
        "large-folio-assertion", "inverted", "no-warning", 2,
        "writer atomic_read(folio._refcount) = 2",
        "other atomic_inc(folio._refcount)",
        "writer atomic_read(folio._refcount) = 3")] // F34
    [InlineData(
        "swapped-page-handle", "linux-5.17", "private-writes-stay-private", 3,
        "child store(swap_slot1.swap_map, 65)",
        "parent atomic_read(folio._mapcount) = -1",
        "parent load(swap_slot1.swap_map) = 65",
        "parent page 0 of mm := 2",
        "child load(folio.data) = 2")] // F20s
    [InlineData(
        "huge-page-handle", "linux-5.17", "private-writes-stay-private", 2,
        "child atomic_inc(folio._refcount)",
        "child xchg(child_mm.pmd, none)",
        "child atomic_add_negative(-1, folio._compound_mapcount)",
        "parent atomic_read(folio._compound_mapcount) = 0",
        "parent page 0 of mm := 2",
        "child load(folio.data) = 2")] // F20 with a PMD
    [InlineData(
        "huge-page-mapcount-against-split", "linux-5.7", "private-writes-stay-private", 3,
        "parent atomic_read(folio._mapcount) = -1",
        "child atomic_inc(folio._mapcount)",
        "child test_and_set_bit(PG_double_map, *",
        "child atomic_add_negative(-1, folio._compound_mapcount)",
        "parent atomic_read(folio._compound_mapcount) = 0",
        "parent page 0 of mm := 2",
        "child page 0 of child_mm = 2")] // F21: CVE-2020-29368
    [InlineData(
        "swapcache-page-handle", "reuse-swapcache", "private-writes-stay-private", 2,
        "child atomic_inc(folio1._refcount)",
        "child atomic_add_negative(-1, folio1._mapcount)",
        "parent test_bit(PG_swapcache, folio1.flags) = true",
        "parent clear_bit(PG_swapcache, folio1.flags)",
        "parent page 0 of mm := 2",
        "child load(folio1.data) = 2")] // F22
    [InlineData(
        "swap-slot-of-two", "reuse-with-swapcache-reference", "private-writes-stay-private", 1,
        "parent atomic_read(folio1._refcount) = 2",
        "parent page 0 of mm := 2",
        "child load(swap_slot1.i_pages) = folio1",
        "child page 0 of child_mm = 2")] // F23
    [InlineData(
        "direct-io-against-reclaim", "linux-5.17", "reads-see-last-store", 3,
        "kswapd set_bit(PG_swapcache, folio.flags)",
        "kswapd store(page_table0.pte[0], swap 1)",
        "process store(page_table0.pte[0], pfn 1 present young)",
        "process atomic_read(folio._refcount) = *",
        "process store(page_table0.pte[0], pfn 2 *",
        "device store(folio.data, 3)",
        "process page 0 of mm = 2")] // F24
    [InlineData(
        "direct-io-into-huge-page", "linux-5.18", "reads-see-last-store", 2,
        "process atomic_read(folio._refcount) = 2",
        "process xchg(mm.pmd, invalidated *",
        "process atomic_read(folio._refcount) = 3",
        "device store(folio.data, 3)",
        "process page 0 of mm = 2")] // F24 with a PMD
    [InlineData(
        "large-folio-in-two-tables", "linux-6.15-no-recheck", "private-writes-stay-private", 3,
        "writer atomic_read(folio._large_mapcount) = 3",
        "dontneed atomic_set(folio._large_mapcount, 2)",
        "writer atomic_read(folio._refcount) = 4",
        "writer page 1 of mm := 2",
        "child load(folio.data) = 2")] // F29
    [InlineData(
        "large-folio-restored-in-second-table", "linux-6.15-references-first-no-recheck", "private-writes-stay-private", 3,
        "writer atomic_read(folio._refcount) = 4",
        "migrator atomic_inc(folio._refcount)",
        "migrator store(page_table1.pte[0], pfn 5 present)",
        "migrator atomic_set(folio._large_mapcount, 3)",
        "writer atomic_read(folio._large_mapcount) = 3",
        "writer page 2 of mm := 2",
        "child load(folio.data) = 2")] // F29 the other way round
    [InlineData(
        "large-folio-assertion-of-pmd", "asserts-early", "no-warning", 1,
        "child atomic_set(folio._large_mapcount, 1)",
        "child store(folio.maybe_mapped_shared, false)",
        "parent load(folio.maybe_mapped_shared) = false",
        "parent atomic_read(folio._compound_mapcount) = 0")] // F33
    public void The_cheapest_interleaving_has_the_events_of_the_hand_made_schedule_in_its_order(string scenario, string variant, string property, int switches, params string[] events)
    {
        HandMadeSchedules.AssertHas(HandMadeSchedules.Cheapest("cow", scenario, variant, property), switches, events.Select(e => e + "*"));
    }
}
