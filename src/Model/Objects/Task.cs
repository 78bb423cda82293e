using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Objects;

/// <summary>struct task_struct, as far as observers are concerned: what they may know of the thread that is <c>current</c>; and its CPU's own memory.</summary>
public sealed class KernelThread(Layout at, int number, bool mlock = false) : KernelObject(at)
{
    /// <summary>Per CPU: the pages whose mlock or munlock is still to be done, where memory may be locked.</summary>
    public readonly Shared<MlockPagevec> mlock_pvec = mlock ? at.Cell<MlockPagevec>() : default;

    /// <summary>Ghost: the anon_vma whose tree the thread may walk, from the moment it gets it until it gives it back.</summary>
    public readonly Ghost<AnonVma?> rmap_anon_vma = at.Ghost<AnonVma?>();

    /// <summary>The thread's number.</summary>
    public int Number => number;
}
