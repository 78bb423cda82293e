using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Objects;

/// <summary>struct task_struct, as far as observers are concerned: what they may know of the thread that is <c>current</c>; and its CPU's own memory.</summary>
public sealed class KernelThread(Layout at, int number, bool mlock = false) : KernelObject(at)
{
    /// <summary>Per CPU: the pages whose mlock or munlock is still to be done, where memory may be locked.</summary>
    public readonly Shared<MlockPagevec> mlock_pvec = mlock ? at.Cell<MlockPagevec>() : default;

    /// <summary>Ghost: the anon_vma whose tree the thread may walk, from the moment it gets it until it gives it back.</summary>
    public readonly Ghost<AnonVma?> rmap_anon_vma = at.Ghost<AnonVma?>();

    /// <summary>Ghost: what the thread's program, or a device at its wish, read last.</summary>
    public readonly Ghost<int> read_value = at.Ghost<int>();

    /// <summary>Ghost: from which address; -1 for a read of a page that GUP gave.</summary>
    public readonly Ghost<int> read_address = at.Ghost<int>();

    /// <summary>Ghost: the mm of which the thread has a page by GUP, until it gives it back.</summary>
    public readonly Ghost<Mm?> gup_mm = at.Ghost<Mm?>();

    /// <summary>Ghost: at which address.</summary>
    public readonly Ghost<int> gup_address = at.Ghost<int>();

    /// <summary>Ghost: the page's frame number.</summary>
    public readonly Ghost<int> gup_pfn = at.Ghost<int>();

    /// <summary>Ghost: whether the kernel promises that it stays the process's page: a pin does, and a reference for writing as long as nobody forks.</summary>
    public readonly Ghost<FollFlags> gup_flags = at.Ghost<FollFlags>();

    /// <summary>cpu_fbatches.lru_add of the thread's CPU: a page that is on its way to its LRU, with a reference. At most one.</summary>
    public readonly Shared<Folio?> lru_add = at.Cell<Folio?>();

    /// <summary>Ghost: the mm whose pages the thread's mbind is about, while it looks for them.</summary>
    public readonly Ghost<Mm?> mbind_mm = at.Ghost<Mm?>();

    /// <summary>Ghost: the thread's last call of mbind, from its first look at pages on.</summary>
    public readonly Ghost<MbindCall> mbind = at.Ghost<MbindCall>();

    /// <summary>Ghost: the page that the thread has pinned, for as long as it lives.</summary>
    public readonly Ghost<Folio?> pinned = at.Ghost<Folio?>();

    /// <summary>Ghost: whether the thread's madvise(MADV_COLLAPSE) has seen its PMD map the huge page, at whatever moment.</summary>
    public readonly Ghost<bool> saw_huge_pmd = at.Ghost<bool>();

    /// <summary>The thread's number.</summary>
    public int Number => number;
}

/// <summary>gup_flags.</summary>
[Flags]
public enum FollFlags
{
    /// <summary>FOLL_GET, to read.</summary>
    None = 0,

    /// <summary>FOLL_WRITE.</summary>
    FOLL_WRITE = 1,

    /// <summary>FOLL_PIN.</summary>
    FOLL_PIN = 2,
}

/// <summary>Ghost: who stored what since the last fork.</summary>
public sealed class Stores(Layout at) : KernelObject(at)
{
    private readonly Ghost<Mm?>[] _by = [.. Enumerable.Range(0, Folio.Contents + 1).Select(i => at.Ghost<Mm?>(null, $"by[{i}]"))];

    /// <summary>The process that stored the value of this number since the last fork, or null.</summary>
    public Ghost<Mm?> by(int value) => _by[value];
}
