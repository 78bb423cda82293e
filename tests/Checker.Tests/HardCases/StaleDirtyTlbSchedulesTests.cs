namespace ThpCheck.Checker.Tests.HardCases;

/// <summary>
/// The schedules that were worked out by hand for <see cref="StaleDirtyTlbTests"/>, in the model of the kernel's own functions: each is found, with
/// the events in the same order, and takes no more context switches.
/// </summary>
/// <remarks>Events are a thread and the beginning of what it does. Where the schedule by hand has the folio lock taken first, the minimal one has it where its thread's turn begins.</remarks>
public sealed class StaleDirtyTlbSchedulesTests
{
    private const string Lock = "zap spin_lock(page_table0.ptl)";
    private const string Clear = "zap xchg(page_table0.pte[0], none)";
    private const string Dirty = "zap test_and_set_bit(PG_dirty, folio.flags)";
    private const string Rmap = "zap atomic_add_negative(-1, folio._mapcount)";
    private const string Flush = "zap flush_tlb_mm_range(mm, 0, 1)";
    private const string Unlock = "zap spin_unlock(page_table0.ptl)";
    private const string FolioLock = "flusher folio_lock(folio)";
    private const string IsMapped = "flusher atomic_read(folio._mapcount)";
    private const string WalkerLock = "flusher spin_lock(page_table0.ptl)";
    private const string Look = "flusher load(page_table0.pte[0])";
    private const string Clean = "flusher test_and_clear_bit(PG_dirty, folio.flags)";
    private const string Write = "flusher store(file.disk[0], 1)";
    private const string Store = "writer page 0 of mm := 2";

    public static TheoryData<string, string, string, int, string[]> ByHand => new()
    {
        // the rmap is gone, so that nothing waits for the page-table lock, and the flush is still to come.
        { "mkclean-against-zap", "base", "stores-reach-the-disk", 4, [Lock, Clear, Dirty, Rmap, FolioLock, IsMapped, Clean, Write, Store, Flush, Unlock] },

        // the lock is dropped before the flush; however often the page is mapped.
        { "mkclean-against-zap", "v3.14", "stores-reach-the-disk", 3, [Lock, Clear, Dirty, Rmap, Unlock, FolioLock, Clean, Write, Store, Flush] },
        { "mkclean-against-zap-mapped-twice", "v3.14", "stores-reach-the-disk", 3, [Lock, Clear, Dirty, Rmap, Unlock, FolioLock, IsMapped, WalkerLock, Clean, Write, Store, Flush] },

        // the page is made dirty when nobody holds its lock.
        { "mkclean-against-zap", "v0", "dirtied-under-lock", 2, [Lock, Clear, Rmap, Unlock, Flush, FolioLock, Clean, "flusher folio_unlock(folio)", Dirty] },
        { "mkclean-against-zap", "v0b", "dirtied-under-lock", 2, [Lock, Clear, Unlock, Flush, FolioLock, Clean, "flusher folio_unlock(folio)", Dirty] },

        // the walk waits for the lock, and is let in before the flush.
        { "mkclean-against-zap", "late", "stores-reach-the-disk", 4, [Lock, Clear, Dirty, Unlock, FolioLock, IsMapped, WalkerLock, Clean, Write, Store, Flush, Rmap] },

        // the walk finds the pte gone and does not wait.
        { "mkclean-against-zap", "final-without-mkclean-sync", "stores-reach-the-disk", 3, [Lock, Clear, Dirty, FolioLock, IsMapped, Look, Clean, Write, Store, Flush, Rmap, Unlock] },

        // truncation passes through the page-table lock, and the page is mapped when it leaves the cache.
        {
            "truncate-against-zap-clean", "v1", "no-bug-on", 2,
            [Lock, Clear, Unlock, "truncate folio_lock(folio)", "truncate atomic_read(folio._mapcount)", "truncate spin_lock(page_table0.ptl)", "truncate spin_unlock(page_table0.ptl)", "truncate atomic_read(folio._mapcount)"]
        },
    };

    [Theory]
    [MemberData(nameof(ByHand))]
    public void The_smallest_interleaving_is_the_schedule_worked_out_by_hand(string scenario, string variant, string property, int switches, string[] events)
    {
        HandMadeSchedules.AssertHas(HandMadeSchedules.Cheapest("tlb", scenario, variant, property), switches, events.Select(e => e + "*"));
    }
}
