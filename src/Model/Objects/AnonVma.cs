using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Objects;

/// <summary>
/// struct anon_vma: finds the vmas in which an anonymous page may be mapped. From a SLAB_TYPESAFE_BY_RCU cache; the lock in
/// use is always the root's.
/// </summary>
public sealed class AnonVma(Layout at, int most) : KernelObject(at)
{
    /// <summary>The root of its tree.</summary>
    public readonly Shared<AnonVma?> root = at.Cell<AnonVma?>();

    /// <summary>The lock, in use only where this is its own root.</summary>
    public readonly rw_semaphore rwsem = new(at);

    /// <summary>One for being linked, one more for each child of a root and each pin.</summary>
    public readonly Shared<int> refcount = at.Cell(0, most + 2);

    /// <summary>How many anon_vmas name it as parent; a root names itself.</summary>
    public readonly Shared<int> num_children = at.Cell(0, most + 1);

    /// <summary>How many vmas name it as theirs.</summary>
    public readonly Shared<int> num_active_vmas = at.Cell(0, most);

    /// <summary>What both counted together before v6.0: children, and vmas that name it as theirs.</summary>
    public readonly Shared<int> degree = at.Cell(0, (2 * most) + 2);

    /// <summary>The anon_vma of the process it was forked from.</summary>
    public readonly Shared<AnonVma?> parent = at.Cell<AnonVma?>();

    /// <summary>The interval tree of the vmas it covers, in the order of their linking.</summary>
    public readonly guarded_list<AnonVmaChain> rb_root = new(at, most);
}

/// <summary>struct anon_vma_chain: one vma in one anon_vma.</summary>
public sealed class AnonVmaChain(Layout at) : KernelObject(at)
{
    /// <summary>The vma.</summary>
    public readonly Shared<Vma?> vma = at.Cell<Vma?>();

    /// <summary>The anon_vma.</summary>
    public readonly Shared<AnonVma?> anon_vma = at.Cell<AnonVma?>();
}
