using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>
/// virt/kvm/kvm_main.c and arch/x86/kvm/mmu/mmu.c: a guest's translations of its memory to host pages, which hold no references. A notifier takes
/// them away before the page can go.
/// </summary>
/// <remarks>
/// Guest frame numbers are the host's addresses. Left out: memory slots, dirty logging, huge translations, the guest itself (properties ask what it could do
/// with a translation that is there).
/// </remarks>
public class kvm_main(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>The mm says that a range goes: drops its translations, and holds off new ones until the end.</summary>
    /// <remarks>Left out: waiting until each virtual CPU has left the guest, after which it uses none of them (nothing here: no guest runs).</remarks>
    [KernelSource("virt/kvm/kvm_main.c")]
    public virtual async KernelTask kvm_mmu_notifier_invalidate_range_start(Kvm kvm, int start, int end)
    {
        await spin_lock(kvm.mmu_lock);
        await atomic_inc(kvm.mmu_invalidate_in_progress); // plain, under the lock
        for (var gfn = start; gfn < end; gfn++)
        {
            if (await load(kvm.spte[gfn]) is not null)
            {
                await store(kvm.spte[gfn], null);
            }
        }

        await spin_unlock(kvm.mmu_lock);
    }

    /// <summary>The mm has changed the range: whoever looked it up before must look again.</summary>
    [KernelSource("virt/kvm/kvm_main.c")]
    public virtual async KernelTask kvm_mmu_notifier_invalidate_range_end(Kvm kvm)
    {
        await spin_lock(kvm.mmu_lock);
        await atomic_inc(kvm.mmu_invalidate_seq); // plain, under the lock
        await atomic_dec(kvm.mmu_invalidate_in_progress);
        await spin_unlock(kvm.mmu_lock);
    }

    /// <summary>A guest's access that finds no translation: looks the page up and makes one, unless a range was invalidated meanwhile.</summary>
    /// <remarks>Left out: trying again; the slow lookup, which takes mmap_lock.</remarks>
    [KernelSource("arch/x86/kvm/mmu/mmu.c", Function = "direct_page_fault")]
    public virtual async KernelTask kvm_mmu_page_fault(Kvm kvm, Mm mm, int gfn)
    {
        var mmu_seq = await load(kvm.mmu_invalidate_seq);
        await smp_rmb();
        var page = await File<gup_fast>().get_user_pages_fast_only(mm, gfn); // kvm_faultin_pfn
        if (page is null)
        {
            return;
        }

        await spin_lock(kvm.mmu_lock);
        if (await load(kvm.mmu_invalidate_in_progress) == 0 && await load(kvm.mmu_invalidate_seq) == mmu_seq) // is_page_fault_stale
        {
            await store(kvm.spte[gfn], page);
        }

        await spin_unlock(kvm.mmu_lock);
        await this.mm.folio_put(page); // kvm_release_pfn_clean
    }
}
