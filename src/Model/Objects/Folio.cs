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

    /// <summary>Some vma that is VM_LOCKED maps it, or did.</summary>
    PG_mlocked = 16,

    /// <summary>Its LRU list is the unevictable one.</summary>
    PG_unevictable = 32,

    /// <summary>Of a THP's first tail page: its subpages' mapcounts are one above the number of their ptes (PageDoubleMap, until 6.1).</summary>
    PG_double_map = 64,

    /// <summary>In the swap cache: <c>private</c> says where.</summary>
    PG_swapcache = 128,
}

/// <summary>Flags that each page of a large folio has of its own.</summary>
[Flags]
public enum SubpageFlags
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Only one process has the page (since 5.19).</summary>
    PG_anon_exclusive = 1,
}

/// <summary>
/// struct folio, of one page or, as a THP, of HPAGE_PMD_NR. From a cache that stands for the page allocator; freeing one gives it
/// back to the buddy lists.
/// </summary>
/// <remarks>
/// Mapcounts are stored minus one, as in the kernel, but for <c>_subpages_mapcount</c>. The type bit of <c>mapping</c> (PAGE_MAPPING_ANON) is the type of the
/// object it points to: both are one word there, and one store here.
/// </remarks>
public sealed class Folio(Layout at, int most, int pages = 1, bool memcg = false, bool mlock = false) : KernelObject(at)
{
    /// <summary>Added to <c>_subpages_mapcount</c> while the whole is mapped (4b51634cd16a and later).</summary>
    public const int COMPOUND_MAPPED = 0x800000;

    /// <summary>GUP_PIN_COUNTING_BIAS: what a pin adds to the references of a folio of one page; the kernel's is 1024.</summary>
    public const int PinBias = 64;

    /// <summary>Page flags.</summary>
    public readonly Shared<PageFlags> flags = at.Cell<PageFlags>();

    /// <summary>How many ptes map it, or the first page of a THP, minus one.</summary>
    public readonly Shared<int> _mapcount = at.Cell(-1, most, -1);

    /// <summary>How many references there are, to all of its pages together.</summary>
    public readonly Shared<int> _refcount = at.Cell(0, ((pages + 1) * most) + 2 + (2 * PinBias));

    /// <summary>The anon_vma of an anonymous folio, stale once it is unmapped, until it is freed; or the file of a page-cache folio.</summary>
    public readonly Shared<KernelObject?> mapping = at.Cell<KernelObject?>();

    /// <summary>Its offset in what it belongs to, in pages.</summary>
    public readonly Shared<int> index = at.Cell(0, most + 1);

    /// <summary>What the page holds: the number of the store that was last.</summary>
    public readonly Shared<int> data = at.Cell(0, Contents);

    /// <summary>Of a page in the swap cache: its slot.</summary>
    public readonly Shared<SwapSlot?> @private = at.Cell<SwapSlot?>();

    /// <summary>The flags of each of its pages.</summary>
    public readonly SharedArray<SubpageFlags> page_flags = at.Array<SubpageFlags>(pages);

    /// <summary>Of a large folio: how many pins there are.</summary>
    public readonly Shared<int> _pincount = at.Cell(0, most);

    /// <summary>Of a large folio, since 6.15: how many ptes map any of its pages, minus one.</summary>
    public readonly Shared<int> _large_mapcount = at.Cell(-1, pages * most, -1);

    /// <summary>FOLIO_MM_IDS_LOCK_BITNUM: guards the mapcount of a large folio and who maps it.</summary>
    public readonly spinlock_t large_mapcount_lock = new(at);

    /// <summary>FOLIO_MM_IDS_SHARED: the large folio may be mapped by more than one process.</summary>
    public readonly Shared<bool> maybe_mapped_shared = at.Cell<bool>();

    /// <summary>_mm_id and _mm_id_mapcount. Only under the lock above.</summary>
    public readonly Shared<MmIds> _mm_ids = at.Cell<MmIds>();

    private readonly Shared<int>[] _tailData = [.. Enumerable.Range(1, pages - 1).Select(i => at.Cell(0, Contents, 0, $"data[{i}]"))];

    /// <summary>What one of its pages holds.</summary>
    public Shared<int> data_of(int page) => page == 0 ? data : _tailData[page - 1];

    /// <summary>The largest number of a store.</summary>
    public const int Contents = 7;

    /// <summary>The memcg it is charged to, where there are memcgs.</summary>
    public readonly Shared<Memcg?> memcg_data = memcg ? at.Cell<Memcg?>() : default;

    /// <summary>How many VM_LOCKED vmas are known to map it, while it is on the unevictable list; where memory may be locked.</summary>
    public readonly Shared<int> mlock_count = mlock ? at.Cell(0, most) : default;

    /// <summary>Of a THP: the flags of its first tail page, whose PG_locked is a bit spinlock of the mapcounts (9bd3155ed83b).</summary>
    public readonly Shared<PageFlags> _flags_1 = pages > 1 ? at.Cell<PageFlags>() : default;

    /// <summary>Of a THP: how many PMDs map it, minus one (compound_mapcount).</summary>
    public readonly Shared<int> _compound_mapcount = pages > 1 ? at.Cell(-1, most, -1) : default;

    /// <summary>
    /// Of a THP: how many ptes map its pages (cb67f4282bf9), or how many of its pages ptes map (be5ef2d9b006), and that with
    /// <see cref="COMPOUND_MAPPED"/> besides (4b51634cd16a).
    /// </summary>
    public readonly Shared<int> _subpages_mapcount = pages > 1 ? at.Cell(-pages * most, (3 * COMPOUND_MAPPED) + (pages * most)) : default;

    private readonly Shared<int>[] _tails = [.. Enumerable.Range(1, pages - 1).Select(i => at.Cell(-1, most, -1, $"_mapcount[{i}]"))];

    /// <summary>compound_head of each page of a large folio that was split: the folio that the page is in since then. Null: this one.</summary>
    public readonly SharedArray<Folio?> compound_head = pages > 1 ? at.Array<Folio?>(pages) : default;

    /// <summary>page_to_nid: the node that its memory is on. Fixed for as long as it is allocated.</summary>
    public readonly Shared<int> nid = at.Cell(0, 2);

    /// <summary>How many pages it has (folio_nr_pages). Fixed for as long as it is allocated.</summary>
    public int Pages => pages;

    /// <summary>How many ptes map one of its pages, minus one: page[i]._mapcount.</summary>
    public Shared<int> mapcount(int page) => page == 0 ? _mapcount : _tails[page - 1];
}

/// <summary>struct page *: one page of a folio, which is its compound_head.</summary>
/// <param name="Folio">The folio.</param>
/// <param name="Number">Which of its pages.</param>
public readonly record struct Page(Folio Folio, int Number)
{
    /// <summary>How many ptes map it, minus one.</summary>
    public Shared<int> _mapcount => Folio.mapcount(Number);
}

/// <summary>The two processes that are known to map a large folio, and how many ptes of each do. An id of 0 is none.</summary>
/// <remarks>One word, as it is only looked at under its lock. The default is nobody.</remarks>
public readonly record struct MmIds(int Id0, int Count0, int Id1, int Count1) : IWord<MmIds>
{
    private const int Field = 6;

    /// <inheritdoc/>
    public static int Bits => 4 * Field;

    /// <inheritdoc/>
    public static MmIds FromWord(long word) => new(Part(word, 0), Part(word, 1), Part(word, 2), Part(word, 3));

    /// <inheritdoc/>
    public long ToWord() => Id0 + ((long)Count0 << Field) + ((long)Id1 << (2 * Field)) + ((long)Count1 << (3 * Field));

    /// <summary>Whether a process is one of the two.</summary>
    public bool Knows(int id) => Id0 == id || Id1 == id;

    /// <summary>With some ptes of a process more. A third process is not noted.</summary>
    public MmIds Add(int id, int diff) =>
        Id0 == id ? this with { Count0 = Count0 + diff }
        : Id1 == id ? this with { Count1 = Count1 + diff }
        : Id0 == 0 ? this with { Id0 = id, Count0 = diff }
        : Id1 == 0 ? this with { Id1 = id, Count1 = diff }
        : this;

    /// <summary>With some ptes fewer of a process that is one of the two; with its last, or more than are known of, it is forgotten.</summary>
    public MmIds Sub(int id, int diff) =>
        Id0 == id ? (Count0 > diff ? this with { Count0 = Count0 - diff } : this with { Id0 = 0, Count0 = 0 })
        : Count1 > diff ? this with { Count1 = Count1 - diff } : this with { Id1 = 0, Count1 = 0 };

    private static int Part(long word, int i) => (int)(word >> (i * Field)) & ((1 << Field) - 1);
}

/// <summary>struct shmem_falloc: the hole that a punch is at work on, for whose pages faults wait.</summary>
/// <param name="Start">Its first page.</param>
/// <param name="Next">The page after its last.</param>
/// <remarks>
/// One word, though it is a struct that i_private points to: nobody changes it while it is there. The default is a null pointer, no hole; a hole of no pages is
/// the same.
/// </remarks>
public readonly record struct ShmemFalloc(int Start, int Next) : IWord<ShmemFalloc>
{
    private const int Field = 6;

    /// <inheritdoc/>
    public static int Bits => 2 * Field;

    /// <summary>Whether a page is in the hole.</summary>
    public bool Covers(int page) => Start <= page && page < Next;

    /// <inheritdoc/>
    public static ShmemFalloc FromWord(long word) => new((int)(word & ((1 << Field) - 1)), (int)(word >> Field));

    /// <inheritdoc/>
    public long ToWord() => Start + ((long)Next << Field);

    /// <inheritdoc/>
    public override string ToString() => this == default ? "NULL" : $"hole {Start} to {Next}";
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

    /// <summary>The inode's i_private: the hole that is being punched.</summary>
    public readonly Shared<ShmemFalloc> i_private = at.Cell<ShmemFalloc>();

    /// <summary>What its pages hold on disk.</summary>
    public readonly SharedArray<int> disk = at.Array(pages, 0, Folio.Contents);

    /// <summary>How many pages of it are cached.</summary>
    public readonly Shared<int> nrpages = at.Cell(0, 15);
}
