using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/madvise.c.</summary>
public class madvise(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>MADV_DONTNEED on a range inside one vma: its pages are unmapped while the other threads of the process go on.</summary>
    [KernelSource("mm/madvise.c", Function = "madvise_dontneed_single_vma")]
    public virtual async KernelTask madvise_dontneed(Mm mm, int start, int end)
    {
        await down_read(mm.mmap_lock);
        var vma = await mmap.find_vma(mm, start);
        if (vma is not null)
        {
            await memory.zap_page_range_single(vma, start, end, even_cows: true);
        }

        await up_read(mm.mmap_lock);
    }
}
