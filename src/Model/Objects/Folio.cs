using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Objects;

/// <summary>page flags: bits of one word that is also read whole.</summary>
[Flags]
public enum PageFlags
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>The folio lock.</summary>
    PG_locked = 1,

    /// <summary>On an LRU list; isolating clears it.</summary>
    PG_lru = 2,

    /// <summary>Its contents are newer than what is on disk.</summary>
    PG_dirty = 4,

    /// <summary>On its way to disk.</summary>
    PG_writeback = 8,
}

/// <summary>
/// struct folio, of one page. From a cache that stands for the page allocator; freeing one gives it back to the buddy lists.
/// </summary>
/// <remarks>
/// Mapcounts are stored minus one, as in the kernel. The type bit of <c>mapping</c> (PAGE_MAPPING_ANON) is the type of the
/// object it points to: both are one word there, and one store here.
/// </remarks>
public sealed class Folio(Layout at, int most) : KernelObject(at)
{
    /// <summary>Page flags.</summary>
    public readonly Shared<PageFlags> flags = at.Cell<PageFlags>();

    /// <summary>How many ptes map it, minus one.</summary>
    public readonly Shared<int> _mapcount = at.Cell(-1, most, -1);

    /// <summary>How many references there are.</summary>
    public readonly Shared<int> _refcount = at.Cell(0, (2 * most) + 2);

    /// <summary>The anon_vma of an anonymous folio, stale once it is unmapped, until it is freed; or the file of a page-cache folio.</summary>
    public readonly Shared<KernelObject?> mapping = at.Cell<KernelObject?>();

    /// <summary>Its offset in what it belongs to, in pages.</summary>
    public readonly Shared<int> index = at.Cell(0, most + 1);

    /// <summary>What the page holds: the number of the store that was last.</summary>
    public readonly Shared<int> data = at.Cell(0, Contents);

    /// <summary>The largest number of a store.</summary>
    internal const int Contents = 7;
}

/// <summary>struct address_space: a file's pages, in memory and on disk.</summary>
public sealed class AddressSpace(Layout at, int pages, int vmas) : KernelObject(at)
{
    /// <summary>i_pages: its cached pages by their offsets.</summary>
    public readonly SharedArray<Folio?> i_pages = at.Array<Folio?>(pages);

    /// <summary>The lock of i_pages.</summary>
    public readonly spinlock_t xa_lock = new(at);

    /// <summary>The vmas that map it.</summary>
    public readonly guarded_list<Vma> i_mmap = new(at, vmas);

    /// <summary>The lock of i_mmap.</summary>
    public readonly rw_semaphore i_mmap_rwsem = new(at);

    /// <summary>What its pages hold on disk.</summary>
    public readonly SharedArray<int> disk = at.Array(pages, 0, Folio.Contents);

    /// <summary>How many pages of it are cached.</summary>
    public readonly Shared<int> nrpages = at.Cell(0, 15);
}
