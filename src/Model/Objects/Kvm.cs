using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Objects;

/// <summary>struct kvm: a virtual machine whose memory is that of an mm.</summary>
public sealed class Kvm(Layout at, int pages) : KernelObject(at)
{
    /// <summary>The lock of its translations.</summary>
    public readonly spinlock_t mmu_lock = new(at);

    /// <summary>How many invalidations have begun and not ended.</summary>
    public readonly Shared<int> mmu_invalidate_in_progress = at.Cell(0, 3);

    /// <summary>How many have ended.</summary>
    public readonly Shared<int> mmu_invalidate_seq = at.Cell(0, 7);

    /// <summary>For each guest frame the folio that it is translated to, or null. It holds no reference.</summary>
    public readonly SharedArray<Folio?> spte = at.Array<Folio?>(pages);
}
