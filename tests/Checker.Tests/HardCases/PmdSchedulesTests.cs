namespace ThpCheck.Checker.Tests.HardCases;

/// <summary>
/// The failing schedules around huge PMDs as they were worked out by hand from the mails and commits of June 2021: the cheapest interleavings
/// that the scenarios give need no more context switches, and their events come in that order.
/// </summary>
public sealed class PmdSchedulesTests
{
    private const string SetsEntry = "migrate store(mm.pmd, migration *)";

    [Theory]
    [InlineData(
        "partial-punch-against-migration", "baseline", "no-bug-on", 1,
        "migrate folio_lock(page)",
        "migrate down_read(file.i_mmap_rwsem)",
        "migrate spin_lock(mm.page_table_lock)",
        "migrate xchg(mm.pmd, invalidated *) = huge *",
        SetsEntry,
        "migrate atomic_add_negative(-1, page._compound_mapcount) = true",
        "migrate atomic_dec_and_test(page._refcount) = false",
        "migrate spin_unlock(mm.page_table_lock)",
        "migrate up_read(file.i_mmap_rwsem)",
        "punch down_write(file.i_rwsem)",
        "punch down_write(file.i_mmap_rwsem)",
        "punch load(mm.pmd) = migration *",
        "punch spin_lock(mm.page_table_lock)",
        "punch load(mm.pmd) = migration *")] // F1: VM_BUG_ON(!pmd_present)
    [InlineData(
        "partial-punch-against-migration", "baseline-without-debug-goes-on", "thp-refcount-covers-users", 1,
        SetsEntry,
        "migrate up_read(file.i_mmap_rwsem)",
        "punch down_write(file.i_mmap_rwsem)",
        "punch xchg(mm.pmd, none) = migration *",
        "punch atomic_add_negative(-1, other._compound_mapcount) = true",
        "punch atomic_dec_and_test(other._refcount) = false",
        "punch atomic_add(-2, mm.shmempages)")] // F1 without DEBUG_VM: the counts of some other page
    [InlineData(
        "partial-punch-against-migration", "baseline-shared-i-mmap", "no-bug-on", 1,
        SetsEntry,
        "punch down_read(file.i_mmap_rwsem)",
        "punch load(mm.pmd) = migration *",
        "punch spin_lock(mm.page_table_lock)")] // F2: i_mmap_rwsem excludes nobody
    [InlineData(
        "full-punch-against-migration", "baseline-reads-as-huge-zero-page", "no-null-dereference", 1,
        SetsEntry,
        "punch xchg(mm.pmd, none) = migration *",
        "punch READ_ONCE(huge_memory.huge_zero_page) = zero",
        "punch load(mm.pmd_huge_pte) = NULL")] // F3: the zap takes the zero page's branch
    [InlineData(
        "full-punch-beside-anonymous-huge-page", "baseline-goes-on", "rss-consistent", 1,
        "migrate store(mm.pmd[0], migration *)",
        "punch xchg(mm.pmd[0], none) = migration *",
        "punch READ_ONCE(huge_memory.huge_zero_page) = zero",
        "punch kmem_cache_free(page_table0)",
        "punch spin_unlock(mm.page_table_lock)")] // F3 beside an anonymous huge page: RSS is skipped
    [InlineData(
        "truncation-against-dontneed", "baseline", "no-bug-on", 1,
        "dontneed spin_lock(mm.page_table_lock)",
        "dontneed xchg(mm.pmd, none) = huge *",
        "truncate folio_trylock(page) = true",
        "truncate atomic_read(page._compound_mapcount) = 0",
        "truncate load(mm.pmd) = none",
        "truncate atomic_read(page._compound_mapcount) = 0")] // F4: deleted while it counts as mapped
    [InlineData(
        "split-against-dontneed-of-a-pte", "before", "no-bug-on", 1,
        "dontneed xchg(page_table0.pte[0], none) = pfn *",
        "split folio_trylock(page) = true",
        "split down_read(file.i_mmap_rwsem)",
        "split load(page_table0.pte[0]) = none",
        "split atomic_read(page._mapcount) = 0")] // F5, for a page that ptes map
    [InlineData(
        "split-against-dontneed", "split-looks-first", "no-bug-on", 1,
        "dontneed xchg(mm.pmd, none) = huge *",
        "split folio_trylock(page) = true",
        "split down_read(file.i_mmap_rwsem)",
        "split READ_ONCE(mm.pmd) = none",
        "split atomic_read(page._mapcount) = 0")] // F5, for a split that looks before it locks
    [InlineData(
        "split-against-migration-of-another-page", "compares-folios", "no-misread-pmd", 1,
        SetsEntry,
        "split spin_lock(mm.page_table_lock)",
        "split load(mm.pmd) = migration *")] // F6: pmd_page() of another page's migration entry
    public void The_cheapest_interleaving_has_the_events_of_the_hand_made_schedule_in_its_order(string scenario, string variant, string property, int switches, params string[] events)
    {
        var way = HandMadeSchedules.Cheapest("pmd", scenario, variant, property);

        HandMadeSchedules.AssertHas(way, switches, events);
    }

    /// <remarks>
    /// No schedule by hand has this one: what the zap does with a migration entry that it has cleared is safe only while migration waits for the lock, which its
    /// second walk does not take for a PMD that is none.
    /// </remarks>
    [Theory]
    [InlineData("dontneed-against-migration-of-file", "before")]
    [InlineData("dontneed-against-migration-of-anonymous-page", "before")]
    [InlineData("partial-punch-against-migration", "fixed-shared-i-mmap-puts-page-last")]
    public void A_zap_looks_at_a_page_that_migration_has_freed(string scenario, string variant)
    {
        var way = HandMadeSchedules.Cheapest("pmd", scenario, variant, "no-use-after-free");

        Assert.Equal(3, way.Switches);
        HandMadeSchedules.AssertHas(way, 3, [SetsEntry, "* xchg(mm.pmd, none) = migration *", "migrate READ_ONCE(mm.pmd) = none", "migrate folio_unlock(page)", "migrate kmem_cache_free(page)", "* page.flags)"]);
    }

    /// <remarks>Nor this one.</remarks>
    [Fact]
    public void A_split_looks_at_a_page_that_truncation_has_freed()
    {
        var way = HandMadeSchedules.Cheapest("pmd", "split-of-part-against-truncation", "puts-page-first", "no-use-after-free");

        Assert.Equal(2, way.Switches);
        HandMadeSchedules.AssertHas(
            way,
            2,
            [
                "dontneed spin_lock(mm.page_table_lock)*", "dontneed atomic_add_negative(-1, page._compound_mapcount) = true", "dontneed atomic_dec_and_test(page._refcount) = false",
                "truncate folio_trylock(page) = true", "truncate kmem_cache_free(page)", "dontneed load(page.flags)",
            ]);
    }
}
