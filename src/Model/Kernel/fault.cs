using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>arch/x86/mm/fault.c: a store by user code that finds no page.</summary>
public class fault(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Finds the vma of an address under mmap_lock and has the page mapped.</summary>
    /// <returns>The page, or null where nothing is mapped or another thread was faster.</returns>
    /// <remarks>Left out: access rights, retries that drop mmap_lock, per-vma locks (which v6.1 does not have).</remarks>
    [KernelSource("arch/x86/mm/fault.c")]
    public virtual async KernelTask<Folio?> do_user_addr_fault(Mm mm, int address)
    {
        await down_read(mm.mmap_lock);
        var vma = await mmap.find_vma(mm, address);
        Folio? folio = null;
        if (vma is not null)
        {
            folio = await load(vma.vm_file) is { } file
                ? await memory.do_shared_fault(mm, vma, file, address)
                : await memory.do_anonymous_page(mm, vma, address);
        }

        await up_read(mm.mmap_lock);
        return folio;
    }
}
