using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Objects;

/// <summary>struct mm_struct, of one page table's reach.</summary>
/// <remarks>
/// Left out: mm_count, so an mm is never freed (hides a walker's use of an mm that is gone); the levels above the PMD, which is
/// the mm's own single entry (hides races on upper levels; none of these paths changes them while a walker can be there); counters
/// of RSS and page tables (hygiene only).
/// </remarks>
public sealed class Mm(Layout at, int vmas, int threads = 1, int pages = 1) : KernelObject(at)
{
    private readonly Ghost<int>[] _stored = [.. Enumerable.Range(0, pages).Select(i => at.Ghost(0, Folio.Contents, 0, $"stored[{i}]"))];

    /// <summary>mmap_lock.</summary>
    public readonly rw_semaphore mmap_lock = new(at);

    /// <summary>page_table_lock.</summary>
    public readonly spinlock_t page_table_lock = new(at);

    /// <summary>The PMD entry: none or a table of ptes.</summary>
    public readonly Shared<PageTable?> pmd = at.Cell<PageTable?>();

    /// <summary>How many gathers have begun and not ended.</summary>
    public readonly Shared<int> tlb_flush_pending = at.Cell(0, threads);

    /// <summary>How many flushes reclaim has put off, and, in the upper bits, how many of these had been by the last flush.</summary>
    public readonly Shared<int> tlb_flush_batched = at.Cell(0, (1 << (2 * FlushedShift)) - 1);

    /// <summary>TLB_FLUSH_BATCH_FLUSHED_SHIFT; the kernel's is 16.</summary>
    public const int FlushedShift = 3;
    /// <summary>
    /// The same PMD entry where it maps a huge page. The kernel has one word for both; where this is not none, <see cref="pmd"/> is,
    /// but for the two stores that stand for a pmd_populate under the PMD's lock.
    /// </summary>
    public readonly Shared<Pmd> huge_pmd = at.Cell<Pmd>();

    /// <summary>The page table deposited for the day the huge PMD is split. Under the PMD's lock.</summary>
    public readonly Shared<PageTable?> pmd_huge_pte = at.Cell<PageTable?>();

    /// <summary>write_protect_seq, which GUP-fast watches: odd while fork write-protects.</summary>
    public readonly Shared<int> write_protect_seq = at.Cell(0, 15);

    /// <summary>MMF_HAS_PINNED: some page of it was pinned once.</summary>
    public readonly Shared<bool> has_pinned = at.Cell<bool>();

    /// <summary>Ghost: it has forked, or was forked, so that references other than pins promise nothing.</summary>
    public readonly Ghost<bool> forked = at.Ghost<bool>();

    /// <summary>Ghost: what the process stored last at an address since it was forked, or 0.</summary>
    public Ghost<int> stored(int address) => _stored[address];

    /// <summary>Its vmas in the order of their addresses (the maple tree).</summary>
    public readonly guarded_list<Vma> mm_mt = new(at, vmas);
}

/// <summary>struct vm_area_struct. Addresses are in pages.</summary>
public sealed class Vma(Layout at, int pages, int chain) : KernelObject(at)
{
    /// <summary>The mm it belongs to.</summary>
    public readonly Shared<Mm?> vm_mm = at.Cell<Mm?>();

    /// <summary>Its first page.</summary>
    public readonly Shared<int> vm_start = at.Cell(0, pages);

    /// <summary>The page after its last.</summary>
    public readonly Shared<int> vm_end = at.Cell(0, pages);

    /// <summary>The offset that its first page has in what it maps.</summary>
    public readonly Shared<int> vm_pgoff = at.Cell(0, pages);

    /// <summary>What may be done with it; vmas merge only where it is the same.</summary>
    public readonly Shared<VmFlags> vm_flags = at.Cell<VmFlags>();

    /// <summary>Where its new anonymous pages go.</summary>
    public readonly Shared<AnonVma?> anon_vma = at.Cell<AnonVma?>();

    /// <summary>The file it maps, or null.</summary>
    public readonly Shared<AddressSpace?> vm_file = at.Cell<AddressSpace?>();

    /// <summary>The anon_vmas it is in, the newest first. Serialised by mmap_lock and page_table_lock.</summary>
    public readonly guarded_list<AnonVmaChain> anon_vma_chain = new(at, chain);
}

/// <summary>vm_flags: those that some path here looks at.</summary>
[Flags]
public enum VmFlags
{
    /// <summary>None of them.</summary>
    None = 0,

    /// <summary>Its pages may not be reclaimed: mlock.</summary>
    VM_LOCKED = 1,

    /// <summary>Device memory; and, together with <see cref="VM_LOCKED"/>, that mlock is still at work.</summary>
    VM_IO = 2,

    /// <summary>It may be executed. No path depends on it but those that compare flags.</summary>
    VM_EXEC = 4,
}
