using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>arch/x86/mm/fault.c: an access of user code that the page table does not allow.</summary>
public class fault(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>A store's fault: has the page of an address mapped.</summary>
    /// <returns>The page that was mapped, or null where there is no vma or a page is mapped already.</returns>
    [KernelSource("arch/x86/mm/fault.c")]
    public virtual KernelTask<Folio?> do_user_addr_fault(Mm mm, int address) => do_user_addr_fault(mm, address, write: true);

    /// <summary>Finds the vma of an address under mmap_lock and has the page mapped.</summary>
    /// <returns>The page that was mapped, or null where there is no vma or a page is mapped already.</returns>
    /// <remarks>Left out: access rights, retries that drop mmap_lock; per-vma locks, which v6.1 does not have.</remarks>
    [KernelSource("arch/x86/mm/fault.c")]
    public virtual async KernelTask<Folio?> do_user_addr_fault(Mm mm, int address, bool write)
    {
        await down_read(mm.mmap_lock);
        var vma = await mmap.find_vma(mm, address);
        var folio = vma is null ? null : await memory.handle_pte_fault(mm, vma, address, write);
        await up_read(mm.mmap_lock);
        return folio;
    }

    /// <summary>The fault of a thread that will try again unless it is killed: false when there is no vma.</summary>
    [KernelSource("arch/x86/mm/fault.c", Function = "do_user_addr_fault")]
    public virtual async KernelTask<bool> user_fault(Mm mm, int address, bool write)
    {
        await down_read(mm.mmap_lock);
        var vma = await mmap.find_vma(mm, address);
        if (vma is not null)
        {
            await memory.handle_pte_fault(mm, vma, address, write);
        }

        await up_read(mm.mmap_lock);
        return vma is not null; // bad_area: SIGSEGV
    }
}
