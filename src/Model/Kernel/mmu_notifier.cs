using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/mmu_notifier.c: tells secondary MMUs that a mapping goes.</summary>
/// <remarks>
/// Left out: the list of subscriptions and its SRCU, as an mm has one subscriber at most, which set-up registers; invalidate_range, for MMUs that
/// share the CPU's tables. Where a scenario has no virtual machine, nothing is looked at (hides nothing: the subscription would be null for ever).
/// </remarks>
public class mmu_notifier(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>mm/mmu_notifier.c: KVM's subscription to an mm.</summary>
    /// <remarks>For set-up. Left out: mmap_lock and what it shuts out.</remarks>
    [KernelSource("mm/mmu_notifier.c")]
    public virtual async KernelTask<Kvm> mmu_notifier_register(Mm mm)
    {
        var kvm = await kmem_cache_alloc(Caches.Kvm);
        await store(mm.notifier_subscriptions, kvm);
        return kvm;
    }

    /// <summary>A range is about to be changed: from here to the end nobody may use a translation of it.</summary>
    [KernelSource("include/linux/mmu_notifier.h")]
    public virtual async KernelTask mmu_notifier_invalidate_range_start(Mm mm, int start, int end)
    {
        if (Caches.Kvm.Slots.Count > 0 && await load(mm.notifier_subscriptions) is { } kvm)
        {
            await File<kvm_main>().kvm_mmu_notifier_invalidate_range_start(kvm, start, end);
        }
    }

    /// <summary>The range has been changed.</summary>
    [KernelSource("include/linux/mmu_notifier.h")]
    public virtual async KernelTask mmu_notifier_invalidate_range_end(Mm mm)
    {
        if (Caches.Kvm.Slots.Count > 0 && await load(mm.notifier_subscriptions) is { } kvm)
        {
            await File<kvm_main>().kvm_mmu_notifier_invalidate_range_end(kvm);
        }
    }
}
