using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/mlock.c in 6.3: what it does to vmas.</summary>
public class mlock_6_3(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Locks a range into memory.</summary>
    /// <remarks>Left out: the pages, which are not reclaimed here anyway, and populating the range.</remarks>
    [KernelSource("mm/mlock.c", At = "v6.3")]
    public virtual async KernelTask do_mlock(Mm mm, int start, int end)
    {
        await down_write(mm.mmap_lock);
        await ((mmap_6_3)mmap).change_vmas(mm, start, end, VmFlags.VM_LOCKED, null);
        await up_write(mm.mmap_lock);
    }
}
