using ThpCheck.Model.Kernel;
using ThpCheck.Model.Objects;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Specs.Properties;

/// <summary>What unmapping promises about stores: none is lost, and the page they went to stays theirs until no CPU can store to it any more.</summary>
public static class DirtyProperties
{
    /// <summary>
    /// In the end a page of a file that differs from the disk is known to be dirty, by its own bit or by a pte's: somebody will write it. The kernel asserts
    /// nothing. Broken: it is clean in memory, is dropped one day, and what was stored last is gone without a word.
    /// </summary>
    public static readonly Property StoresReachTheDisk = Property.Finally("stores-reach-the-disk", static view =>
    {
        var mm = view.Machine.ObjectsOf<mm>()[0];
        foreach (var file in view.Live<AddressSpace>())
        {
            for (var index = 0; index < file.i_pages.Length; index++)
            {
                if (view.Get(file.i_pages[index]) is { } folio && Differs(view, file, folio, index) is { } sentence
                    && (view.Get(folio.flags) & PageFlags.PG_dirty) == 0 && !AnyPteIsDirty(view, mm.Pfn(folio)))
                {
                    return $"{sentence}, and nothing says that it is dirty";
                }
            }
        }

        return null;
    }) with
    {
        Promise = "In the end what was stored to a file's page is on disk, or the page is known to be dirty. Broken: the store is lost without a word.",
    };

    /// <summary>
    /// A page that is dropped from its file's cache as clean is on disk as it is in memory. The kernel asserts nothing. Broken: who reads the file next
    /// finds what it held before the last store.
    /// </summary>
    public static readonly Property EvictedPageIsOnDisk = Property.AlwaysAt("evicted-page-is-on-disk", "evicts", static view =>
        view.Argument is Folio folio && view.Get(folio.mapping) is AddressSpace file && Differs(view, file, folio, view.Get(folio.index)) is { } sentence
            ? $"{sentence}, and it is dropped"
            : null) with
    {
        Promise = "A page that is dropped from the cache as clean is on disk. Broken: the file's next reader finds what was there before the last store.",
    };

    /// <summary>
    /// A clean page of a file is made dirty only by who holds its lock. The kernel's own assertion is the file system's: ext4_dirty_folio's
    /// WARN_ON_ONCE(!folio_test_locked(folio) &amp;&amp; !folio_test_dirty(folio)). Broken: the file system has written the page, has forgotten it (no
    /// buffers, no room reserved), and is told to write it again.
    /// </summary>
    public static readonly Property DirtiedUnderLock = Property.AlwaysAt("dirtied-under-lock", "dirties", static view =>
        view.Argument is Folio folio && (view.Get(folio.flags) & PageFlags.PG_locked) == 0
            ? $"{folio} was clean, and {view.Machine.ThreadName(view.Thread)} makes it dirty while nobody holds its lock"
            : null) with
    {
        Promise = "A clean page is made dirty under its lock only. Broken: ext4_dirty_folio's WARN_ON_ONCE, and a file system that has forgotten the page.",
    };

    /// <summary>
    /// No CPU has a translation to a page that was freed. The kernel asserts nothing. Broken: user code stores to memory that is another's.
    /// </summary>
    public static readonly Property FlushedBeforeFree = Property.Always("flushed-before-free", static view =>
    {
        foreach (var tlb in view.Machine.ObjectsOf<Tlb>())
        {
            for (var address = 0; address < tlb.entry.Length; address++)
            {
                if (view.Get(tlb.entry[address]) is { Valid: true } entry && view.Machine.ObjectsOf<mm>()[0].Page(entry.Pfn) is var folio && !view.IsLive(folio))
                {
                    return $"{tlb} still translates page {address} to {folio}, which is freed";
                }
            }
        }

        return null;
    }) with
    {
        Promise = "No CPU translates to a page that was freed. Broken: user code stores to memory that is another's.",
    };

    /// <summary>
    /// A page that leaves its file's cache is mapped nowhere. The kernel's own assertion is filemap_unaccount_folio's
    /// VM_BUG_ON_FOLIO(folio_mapped(folio)), which ends the execution before this is looked at; without DEBUG_VM it is "BUG: Bad page cache", "still mapped when deleted".
    /// </summary>
    public static readonly Property RemovedPageIsUnmapped = Property.AlwaysAt("removed-page-is-unmapped", "filemap_unaccount_folio", static view =>
        view.Argument is Folio folio && view.Machine.ObjectsOf<mm>()[0].Mapcount(view, folio) is > 0 and var mapcount
            ? $"{folio} leaves the cache while its mapcount is {mapcount}"
            : null) with
    {
        Promise = "A page that leaves its file's cache is unmapped. Broken: VM_BUG_ON_FOLIO(folio_mapped(folio)), or \"BUG: Bad page cache\".",
    };

    /// <summary>
    /// A page that is freed is mapped nowhere. The kernel's own assertion is bad_page's "nonzero mapcount". Broken: a mapping was never removed, and the
    /// page is never used again.
    /// </summary>
    public static readonly Property FreedPageIsUnmapped = Property.AlwaysAt("freed-page-is-unmapped", "free_unref_page", static view =>
        view.Argument is Folio folio && view.Machine.ObjectsOf<mm>()[0].Mapcount(view, folio) is not 0 and var mapcount
            ? $"{folio} is freed while its mapcount is {mapcount}"
            : null) with
    {
        Promise = "A page that is freed is unmapped. Broken: \"BUG: Bad page state: nonzero mapcount\".",
    };

    /// <summary>
    /// A CPU could still store to a page whose pte was cleared: the danger was there. It takes an entry that is writable and dirty.
    /// </summary>
    public static readonly Property StaleDirtyEntry = Property.Sometimes("stale-dirty-entry", static view =>
    {
        foreach (var tlb in view.Machine.ObjectsOf<Tlb>())
        {
            for (var address = 0; view.Get(tlb.loaded_mm) is { } mm && address < tlb.entry.Length; address++)
            {
                if (view.Get(tlb.entry[address]) is { Valid: true, Write: true, Dirty: true } && view.Get(mm.pmd_offset(address)).Table(view.Machine) is { } table
                    && !view.Get(table.pte[mm.pte_index(address)]).Present)
                {
                    return true;
                }
            }
        }

        return false;
    }) with
    {
        Promise = "A CPU can still store to a page whose pte is cleared.",
    };

    /// <summary>A page was on its way to disk while another thread was unmapping it.</summary>
    public static readonly Property WritebackMeetsZap = Property.Sometimes("writeback-meets-zap", static view =>
    {
        foreach (var folio in view.Machine.ObjectsOf<Folio>())
        {
            if ((view.Get(folio.flags) & PageFlags.PG_writeback) != 0 && view.In("zap_pte_range"))
            {
                return true;
            }
        }

        return false;
    }) with
    {
        Promise = "A page is on its way to disk while another thread unmaps it.",
    };

    /// <summary>A file was truncated while another thread was unmapping its page.</summary>
    public static readonly Property TruncateMeetsZap = Property.Sometimes("truncate-meets-zap", static view =>
        view.In("truncate_inode_folio") && view.In("madvise_dontneed")) with
    {
        Promise = "A file is truncated while another thread unmaps its page.",
    };

    /// <summary>An rmap that was delayed was removed after the flush: the bookkeeping of batches was in use.</summary>
    public static readonly Property DelayedRmapIsRemoved = Property.Sometimes("delayed-rmap-is-removed", static view =>
        view.In("tlb_flush_rmap_batch") && view.In("page_remove_rmap")) with
    {
        Promise = "A delayed rmap is removed after the flush, somewhere.",
    };

    private static string? Differs(StateView view, AddressSpace file, Folio folio, int index)
    {
        var (data, disk) = (view.Get(folio.data), view.Get(file.disk[index]));
        return data == disk ? null : $"{folio} holds store {data}, the disk {(disk == 0 ? "none" : $"store {disk}")}";
    }

    private static bool AnyPteIsDirty(StateView view, int pfn)
    {
        foreach (var table in view.Machine.ObjectsOf<PageTable>())
        {
            for (var i = 0; view.IsLive(table) && i < table.pte.Length; i++)
            {
                if (view.Get(table.pte[i]) is { Present: true, Dirty: true } pte && pte.Pfn == pfn)
                {
                    return true;
                }
            }
        }

        return false;
    }
}
