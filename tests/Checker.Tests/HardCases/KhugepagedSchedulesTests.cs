namespace ThpCheck.Checker.Tests.HardCases;

/// <summary>
/// The failing schedules of khugepaged's taking away of page tables, as they were worked out by hand from the mails and commits: the cheapest
/// interleavings that the scenarios give need no more context switches, and their events come in that order.
/// </summary>
public sealed class KhugepagedSchedulesTests
{
    [Theory]
    [InlineData(
        "collapse-against-zap", "before", "no-refcount-underflow", 1,
        "khugepaged load(page_table0.pte[0]) = pfn * present*",
        "khugepaged atomic_add_negative(-1, thp._mapcount) = true",
        "khugepaged spin_unlock(page_table0.ptl)",
        "punch spin_lock(page_table0.ptl)",
        "punch xchg(page_table0.pte[0], none) = pfn * present*",
        "punch atomic_add_negative(-1, thp._mapcount)")] // F1: a mapping taken out of the counts twice
    [InlineData(
        "collapse-against-zap", "before", "no-use-after-free", 2,
        "punch load(mm.pmd) = table *",
        "khugepaged xchg(mm.pmd, none) = table *",
        "khugepaged kmem_cache_free(page_table0)",
        "punch spin_lock(page_table0.ptl)")] // F2: the lock of a table that is freed
    [InlineData(
        "collapse-against-anon-walk", "without-anon-vma-lock", "no-use-after-free", 2,
        "kswapd down_read_trylock(anon_vma0.rwsem) = true",
        "kswapd READ_ONCE(mm.pmd) = table *",
        "khugepaged xchg(mm.pmd, none) = table *",
        "khugepaged kmem_cache_free(page_table0)",
        "kswapd *page_table0*")] // F3: a walk of a page that is mapped elsewhere
    [InlineData(
        "retract-against-fault", "before", "no-use-after-free", 4,
        "khugepaged READ_ONCE(vma.anon_vma) = NULL",
        "fault down_read(mm.mmap_lock)",
        "fault store(vma.anon_vma, anon_vma0)",
        "fault up_read(mm.mmap_lock)",
        "page_idle READ_ONCE(mm.pmd[0]) = table *",
        "khugepaged down_write_trylock(mm.mmap_lock) = true",
        "khugepaged kmem_cache_free(page_table1)",
        "page_idle load(page_table1.pte[0])")] // F4: an anon_vma that comes after the look
    [InlineData(
        "retract-against-uffd-copy", "before", "freed-table-maps-no-anonymous-page", 2,
        "khugepaged READ_ONCE(vma.anon_vma) = NULL",
        "uffd store(vma.anon_vma, anon_vma0)",
        "uffd store(page_table0.pte[0], pfn * present*)",
        "khugepaged down_write_trylock(mm.mmap_lock) = true",
        "khugepaged xchg(mm.pmd, none) = table *")] // F4 with userfaultfd: a page in a table that goes
    [InlineData(
        "gup-against-collapse", "without-sync", "no-use-after-free", 2,
        "gup local_irq_disable()",
        "gup READ_ONCE(mm.pmd) = table *",
        "khugepaged xchg(mm.pmd, none) = table *",
        "khugepaged kmem_cache_free(page_table0)",
        "gup READ_ONCE(page_table0.pte[0])")] // F5: GUP-fast in a table that is freed
    [InlineData(
        "gup-against-anon-collapse", "neither", "pinned-page-is-mapped", 3,
        "gup READ_ONCE(mm.pmd) = table *",
        "khugepaged xchg(mm.pmd, none) = table *",
        "khugepaged atomic_read(folio0._refcount) = 1",
        "gup atomic_inc_not_zero(folio0._refcount) = true",
        "gup local_irq_enable()",
        "khugepaged store(page_table0.pte[0], none)")] // F6: a reference after the references were counted
    [InlineData(
        "collapse-against-reclaim-of-guest-page", "does-not-notify", "translated-page-lives", 1,
        "khugepaged atomic_add_negative(-1, thp._mapcount) = true",
        "khugepaged xchg(mm.pmd, none) = table *",
        "khugepaged folio_unlock(thp)",
        "kswapd cmpxchg(thp._refcount, 3, 0) = 3",
        "kswapd kmem_cache_free(thp)")] // F7: a guest's translation to a page that is freed
    [InlineData(
        "madvise-collapse-against-migration", "before", "no-misread-pmd", 4,
        "migrate store(mm.pmd, migration *)",
        "khugepaged READ_ONCE(mm.pmd) = migration *",
        "migrate store(mm.pmd, huge *)",
        "migrate folio_unlock(thp)",
        "khugepaged folio_lock(thp*)",
        "khugepaged load(mm.pmd) = huge *")] // F8: a migration entry taken for a page table; khugepaged comes there with fewer steps than madvise
    [InlineData(
        "collapse-against-uffd-copy", "clears-ptes-drops-ptl", "freed-table-maps-no-anonymous-page", 2,
        "khugepaged atomic_add_negative(-1, thp._mapcount) = true",
        "khugepaged spin_unlock(page_table0.ptl)",
        "uffd store(page_table0.pte[1], pfn * present*)",
        "khugepaged xchg(mm.pmd, none) = table *")] // F9: a page in a table whose lock was dropped
    [InlineData(
        "collapse-against-uffd-copy", "clears-ptes", "no-bug-on", 2,
        "uffd READ_ONCE(mm.pmd) = table *",
        "khugepaged xchg(mm.pmd, none) = table *",
        "uffd load(mm.pmd) = none")] // 4828d207dc51: a table that UFFDIO_COPY insists on
    public void The_cheapest_interleaving_has_the_events_of_the_hand_made_schedule_in_its_order(string scenario, string variant, string property, int switches, params string[] events)
    {
        var way = HandMadeSchedules.Cheapest("khugepaged", scenario, variant, property);

        HandMadeSchedules.AssertHas(way, switches, events);
    }
}
