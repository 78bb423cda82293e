namespace ThpCheck.Checker.Tests.HardCases;

/// <summary>
/// The failing schedules of migration that were worked out by hand: each is found, with its events in the same order, and takes no more context switches.
/// </summary>
/// <remarks>
/// In F6 mremap has to merge vmas before the walk begins, as that takes the anon_vma's lock for writing: the schedule by hand leaves that out, and it is a switch more.
/// </remarks>
public sealed class MigrationSchedulesTests
{
    private const string Entry = "migrate store(page_table0.pte[0], pfn 1 absent write)";

    public static TheoryData<string, string, string, int, string[]> ByHand => new()
    {
        // F1: no thread but one.
        {
            "mbind-part-of-thp", "next-20230124", "no-bug-on", 0,
            
            [
                "user store(vma.vm_start, 0)", "user store(vma.vm_pgoff, 1)", "user store(page_table0.pte[0], pfn 2 absent write)", "user store(page_table0.pte[3], pfn 5 absent write)",
                "user atomic_inc_and_test(thp1._mapcount[1])", "user atomic_inc_and_test(thp1._mapcount[2])", "user atomic_inc_and_test(thp1._mapcount[3])", "user atomic_inc_and_test(thp1._mapcount[3])",
            ]
        },

        // F2: the entry becomes a migration entry, then a table, and the references are too many.
        { "split-against-migration", "references-for-migration-entry", "references-accounted", 2, ["migrate store(mm.pmd, migration", "mlock atomic_add(1, folio._refcount)", "mlock store(mm.pmd, table", "migrate atomic_read(folio._refcount)"] },

        // F3: the split of one folio comes to the PMD that names another.
        { "split-against-migration-of-another-folio", "v6.3", "no-misread-pmd", 2, ["migrate store(child_mm.pmd[0], migration pfn 6", "split down_write(anon_vma0.rwsem)", "split load(child_mm.pmd[0])"] },

        // F5: the old pte is empty already, the new one still.
        { "mremap-against-migration", "looks-without-lock", "no-migration-entry-left", 3, [Entry, "mremap xchg(page_table0.pte[0], none)", "migrate load(page_table0.pte[0])", "migrate load(page_table1.pte[0])", "mremap store(page_table1.pte[0], pfn 1 absent write)"] },

        // F6: the walk comes to the new place before the entry does, and to the old one after.
        { "mremap-back-against-migration", "no-rmap-locks", "no-migration-entry-left", 4, ["migrate store(page_table1.pte[1], pfn 1 absent write)", "mremap xchg(page_table1.pte[1], none)", "mremap store(page_table0.pte[1], pfn 1 absent write)"] },

        // F7: the child's entry is copied behind the walk's back.
        { "fork-against-migration", "child-linked-first", "no-migration-entry-left", 3, [Entry, "fork store(page_table1.pte[0], pfn 1 absent)", "migrate store(page_table0.pte[0], pfn 2 present)"] },

        // F8: nobody but migration knows the anon_vma, and migration has no reference.
        { "munmap-against-migration", "no-anon-vma-reference", "walker-holds-anon-vma", 2, [Entry, "munmap store(page_table0.pte[0], none)", "munmap kmem_cache_free(anon_vma0)"] },

        // F9: the pte is read before it goes, and the reference taken after it was counted.
        {
            "gup-fast-against-migration", "no-recheck", "gup-page-is-mapped", 2,
            [
                "gup READ_ONCE(page_table0.pte[0])", "migrate xchg(page_table0.pte[0], none)", "migrate store(page_table0.pte[0], pfn 1 absent write)", "migrate atomic_read(folio._refcount)",
                "migrate store(page_table0.pte[0], pfn 2 present write)", "gup atomic_inc_not_zero(folio._refcount)",
            ]
        },

        // F9 with a reference from before.
        { "gup-fast-against-migration", "no-refcheck", "gup-page-is-mapped", 1, ["gup atomic_inc_not_zero(folio._refcount)", "migrate xchg(page_table0.pte[0], none)", "migrate store(page_table0.pte[0], pfn 2 present write)"] },

        // F10: the store goes to the page that was copied.
        { "store-against-batched-migration", "copied-before-flush", "pages-hold-their-stores", 2, [Entry, "migrate store(folio1.data, 1)", "user page 0 of mm := 2"] },

        // F11: the second page is pinned after the first was unmapped.
        { "pin-against-migration", "not-restored", "no-migration-entry-left", 2, ["migrate store(page_table0.pte[0], pfn 2 absent write)", "pin atomic_inc(folio._pincount)", "migrate atomic_read(folio._pincount)"] },

        // F12: the child maps what the parent has for itself.
        { "fork-against-migration", "parent-entry-kept", "no-bug-on", 2, [Entry, "fork store(page_table1.pte[0], pfn 1 absent)", "migrate atomic_inc_and_test(folio1._mapcount)"] },

        // F13: a reference comes after the first look, is counted on the first page, and is given back to the second.
        {
            "split-against-gup-fast", "freeze-skipped", "references-accounted", 3,
            [
                "split atomic_read(folio._refcount)", "gup atomic_inc_not_zero(folio._refcount)", "split xchg(page_table0.pte[1], none)", "split store(folio.compound_head[1], folio0)",
                "gup atomic_add_return(-1, folio0._refcount)",
            ]
        },

        // F14: the part that is split off is in no tree.
        { "split-against-migration", "split-without-clone", "no-migration-entry-left", 2, ["migrate store(mm.pmd, migration", "mlock store(mm.pmd, table"] },

        // F16: a huge PMD that is a migration entry, and ptes that are.
        { "mbind-against-migration-of-huge-page", "v6.3", "lenient-mbind-succeeds", 1, ["migrate store(mm.pmd, migration", "mbind load(mm.pmd)"] },
        { "mbind-against-migration-of-pages", "v6.3-all-mapcounts", "bound-pages-stay", 2, ["migrate store(page_table0.pte[1], pfn 3 absent write)", "mbind load(page_table0.pte[1])", "migrate store(page_table0.pte[1]"] },

        // POL-5: the second mbind finds the THP isolated, and returns before the first has moved it.
        { "mbind-against-mbind", "v6.7", "mbind-moves-what-it-says", 2, ["second test_and_clear_bit(PG_lru, folio.flags)", "second up_write(mm.mmap_lock)", "first test_and_clear_bit(PG_lru, folio.flags)"] },
    };

    [Theory]
    [MemberData(nameof(ByHand))]
    public void The_smallest_interleaving_is_the_schedule_worked_out_by_hand(string scenario, string variant, string property, int switches, string[] events)
    {
        HandMadeSchedules.AssertHas(HandMadeSchedules.Cheapest("migration", scenario, variant, property), switches, events.Select(e => e + "*"));
    }
}
