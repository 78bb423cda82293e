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

    /// <summary>Some vma that is VM_LOCKED maps it, or did: reclaim leaves it alone.</summary>
    PG_mlocked = 16,
}

/// <summary>
/// struct folio, of one page or, as a THP, of HPAGE_PMD_NR. From a cache that stands for the page allocator; freeing one gives it
/// back to the buddy lists.
/// </summary>
/// <remarks>
/// Mapcounts are stored minus one, as in the kernel. The type bit of <c>mapping</c> (PAGE_MAPPING_ANON) is the type of the
/// object it points to: both are one word there, and one store here.
/// </remarks>
public sealed class Folio(Layout at, int most, int pages = 1) : KernelObject(at)
{
    /// <summary>Page flags.</summary>
    public readonly Shared<PageFlags> flags = at.Cell<PageFlags>();

    /// <summary>How many ptes map it, or the first page of a THP, minus one.</summary>
    public readonly Shared<int> _mapcount = at.Cell(-1, most, -1);

    /// <summary>How many references there are.</summary>
    public readonly Shared<int> _refcount = at.Cell(0, ((pages + 1) * most) + 2);

    /// <summary>The anon_vma of an anonymous folio, stale once it is unmapped, until it is freed; or the file of a page-cache folio.</summary>
    public readonly Shared<KernelObject?> mapping = at.Cell<KernelObject?>();

    /// <summary>Its offset in what it belongs to, in pages.</summary>
    public readonly Shared<int> index = at.Cell(0, most + 1);

    /// <summary>Of a THP: how many PMDs map it, minus one (compound_mapcount).</summary>
    public readonly Shared<int> _compound_mapcount = pages > 1 ? at.Cell(-1, most, -1) : default;

    private readonly Shared<int>[] _tails = [.. Enumerable.Range(1, pages - 1).Select(i => at.Cell(-1, most, -1, $"_mapcount[{i}]"))];

    private readonly Shared<int>[] _tailData = [.. Enumerable.Range(1, pages - 1).Select(i => at.Cell(0, Contents, 0, $"data[{i}]"))];

    private readonly Shared<bool>[] _anonExclusive = [.. Enumerable.Range(0, pages).Select(i => at.Cell<bool>(name: pages == 1 ? "PG_anon_exclusive" : $"PG_anon_exclusive[{i}]"))];

    /// <summary>Of a THP: how often it is pinned; each pin has a reference too. A small page is never pinned here.</summary>
    public readonly Shared<int> _pincount = pages > 1 ? at.Cell(0, most) : default;

    /// <summary>How many pages it has (folio_nr_pages). Fixed for as long as it is allocated.</summary>
    public int Pages => pages;

    /// <summary>How many ptes map one of its pages, minus one: page[i]._mapcount.</summary>
    public Shared<int> mapcount(int page) => page == 0 ? _mapcount : _tails[page - 1];

    /// <summary>What the page holds: the number of the store that was last.</summary>
    public readonly Shared<int> data = at.Cell(0, Contents);

    /// <summary>The largest number of a store.</summary>
    internal const int Contents = 7;

    /// <summary>What one of its pages holds.</summary>
    public Shared<int> data_of(int page) => page == 0 ? data : _tailData[page - 1];

    /// <summary>PageAnonExclusive: one of its pages, anonymous, is mapped by one process only, which may write to it.</summary>
    public Shared<bool> anon_exclusive(int page) => _anonExclusive[page];
}

/// <summary>struct address_space and the inode it is in: a file's pages, in memory and on disk.</summary>
public sealed class AddressSpace(Layout at, int pages, int vmas) : KernelObject(at)
{
    /// <summary>i_pages: its cached pages by their offsets; a THP is in all the slots of its reach.</summary>
    public readonly SharedArray<Folio?> i_pages = at.Array<Folio?>(pages);

    /// <summary>The lock of i_pages.</summary>
    public readonly spinlock_t xa_lock = new(at);

    /// <summary>The vmas that map it.</summary>
    public readonly guarded_list<Vma> i_mmap = new(at, vmas);

    /// <summary>The lock of i_mmap.</summary>
    public readonly rw_semaphore i_mmap_rwsem = new(at);

    /// <summary>The inode's lock.</summary>
    public readonly rw_semaphore i_rwsem = new(at);

    /// <summary>The inode's i_private: whether a hole is being punched, for which faults wait.</summary>
    public readonly Shared<bool> i_private = at.Cell<bool>();

    /// <summary>What its pages hold on disk.</summary>
    public readonly SharedArray<int> disk = at.Array(pages, 0, Folio.Contents);

    /// <summary>How many pages of it are cached.</summary>
    public readonly Shared<int> nrpages = at.Cell(0, 15);
}
