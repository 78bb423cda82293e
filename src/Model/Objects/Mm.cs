using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Objects;

/// <summary>struct mm_struct, of the reach of a few page tables: one, unless a scenario asks for more.</summary>
/// <remarks>
/// Left out: mm_count, so an mm is never freed (hides a walker's use of an mm that is gone); the levels above the PMD, whose entries are
/// the mm's own (hides races on upper levels; none of these paths changes them while a walker can be there); that page
/// tables and RSS are counted where anonymous memory is faulted in small pages, and at fork.
/// </remarks>
public sealed class Mm(Layout at, int vmas, int threads = 1, int pmds = 1, int ptrs = int.MaxValue, int pages = 1) : KernelObject(at)
{
    private const int RssRange = 255;

    private readonly Ghost<int>[] _stored = [.. Enumerable.Range(0, pages).Select(i => at.Ghost(0, Folio.Contents, 0, $"stored[{i}]"))];

    /// <summary>mmap_lock.</summary>
    public readonly rw_semaphore mmap_lock = new(at);

    /// <summary>page_table_lock.</summary>
    public readonly spinlock_t page_table_lock = new(at);

    private readonly Shared<Pmd>[] _pmds = [.. Enumerable.Range(0, pmds).Select(i => at.Cell<Pmd>(name: pmds == 1 ? "pmd" : $"pmd[{i}]"))];

    /// <summary>How many PMD entries it has.</summary>
    public int PTRS_PER_PMD => _pmds.Length;

    /// <summary>The first PMD entry.</summary>
    public Shared<Pmd> pmd => _pmds[0];

    /// <summary>A PMD entry by its place.</summary>
    public Shared<Pmd> pmd_at(int index) => _pmds[index];

    /// <summary>The PMD entry of an address.</summary>
    public Shared<Pmd> pmd_offset(int address) => _pmds[address / ptrs];

    /// <summary>How many pages it has.</summary>
    public int Pages => pages;

    /// <summary>The place of an address's pte in its table.</summary>
    public int pte_index(int address) => address % ptrs;

    /// <summary>The page table deposited for the day that a huge PMD of anonymous memory is split. Under page_table_lock. At most one.</summary>
    public readonly Shared<PageTable?> pmd_huge_pte = at.Cell<PageTable?>();

    /// <summary>rss_stat[MM_SHMEMPAGES]: how many pages of files in memory it maps, as it counts them; a migration entry still counts.</summary>
    public readonly Shared<int> shmempages = at.Cell(-RssRange, RssRange);

    /// <summary>rss_stat[MM_ANONPAGES].</summary>
    public readonly Shared<int> anonpages = at.Cell(-RssRange, RssRange);

    /// <summary>pgtables_bytes, in page tables: how many it has, deposited ones too, as those count them that map files and that collapse.</summary>
    public readonly Shared<int> nr_ptes = at.Cell(-RssRange, RssRange);

    /// <summary>How many gathers have begun and not ended.</summary>
    public readonly Shared<int> tlb_flush_pending = at.Cell(0, threads);

    /// <summary>How many flushes reclaim has put off, and, in the upper bits, how many of these had been by the last flush.</summary>
    public readonly Shared<int> tlb_flush_batched = at.Cell(0, (1 << (2 * FlushedShift)) - 1);

    /// <summary>TLB_FLUSH_BATCH_FLUSHED_SHIFT; the kernel's is 16.</summary>
    public const int FlushedShift = 3;

    /// <summary>write_protect_seq, which GUP-fast watches: odd while fork write-protects.</summary>
    public readonly Shared<int> write_protect_seq = at.Cell(0, 15);

    /// <summary>MMF_HAS_PINNED: some page of it was pinned once.</summary>
    public readonly Shared<bool> has_pinned = at.Cell<bool>();

    /// <summary>Ghost: it has forked, or was forked, so that references other than pins promise nothing.</summary>
    public readonly Ghost<bool> forked = at.Ghost<bool>();

    private readonly Ghost<int>[] _bound = [.. Enumerable.Range(0, pages).Select(i => at.Ghost(0, 3, 0, $"bound[{i}]"))];

    /// <summary>Ghost: the node, plus one, that the process has asked for at an address by an mbind that said it had done it; 0 for none.</summary>
    public Ghost<int> bound(int address) => _bound[address];

    /// <summary>Ghost: what the process stored last at an address since it was forked, or 0.</summary>
    public Ghost<int> stored(int address) => _stored[address];

    /// <summary>Its vmas in the order of their addresses (the maple tree).</summary>
    public readonly guarded_list<Vma> mm_mt = new(at, vmas);

    /// <summary>notifier_subscriptions: who is told when a mapping goes.</summary>
    public readonly Shared<Kvm?> notifier_subscriptions = at.Cell<Kvm?>();

    /// <summary>Ghost: whether madvise(MADV_COLLAPSE) has returned 0 for it.</summary>
    public readonly Ghost<bool> collapsed = at.Ghost<bool>();
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

    /// <summary>vm_policy, of mode MPOL_BIND: the node, plus one, that its pages are bound to; 0 where it has no policy of its own.</summary>
    public readonly Shared<int> vm_policy = at.Cell(0, 3);

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

    /// <summary>It is shared with whoever maps the same file; else its stores are its own, on copies.</summary>
    VM_SHARED = 8,

    /// <summary>Registered with userfaultfd for faults on pages that are cached and not mapped.</summary>
    VM_UFFD_MINOR = 16,

    /// <summary>Registered with userfaultfd for write protection.</summary>
    VM_UFFD_WP = 32,

    /// <summary>Registered with userfaultfd for pages that are missing.</summary>
    VM_UFFD_MISSING = 64,

    /// <summary>Registered with userfaultfd (userfaultfd_armed).</summary>
    VM_UFFD = VM_UFFD_MINOR | VM_UFFD_WP | VM_UFFD_MISSING,
}
