using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Objects;

/// <summary>struct task_struct, as far as observers are concerned: what they may know of the thread that is <c>current</c>.</summary>
public sealed class KernelThread(Layout at, int number) : KernelObject(at)
{
    /// <summary>Ghost: the anon_vma whose tree the thread may walk, from the moment it gets it until it gives it back.</summary>
    public readonly Ghost<AnonVma?> rmap_anon_vma = at.Ghost<AnonVma?>();

    /// <summary>Ghost: the folio to which the thread has a handle from GUP, or null.</summary>
    public readonly Ghost<Folio?> gup_folio = at.Ghost<Folio?>();

    /// <summary>Ghost: which of its pages.</summary>
    public readonly Ghost<int> gup_page = at.Ghost(0, 15);

    /// <summary>Ghost: the mm in which it took it.</summary>
    public readonly Ghost<Mm?> gup_mm = at.Ghost<Mm?>();

    /// <summary>Ghost: and at which page.</summary>
    public readonly Ghost<int> gup_address = at.Ghost(0, 255);

    /// <summary>The thread's number.</summary>
    public int Number => number;
}
