using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>arch/x86/mm/fault.c: a store by user code that finds no page.</summary>
public class fault(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Finds the vma of an address under mmap_lock and has the page mapped.</summary>
    /// <returns>The page that was mapped, or null where there is no vma or a page is mapped already.</returns>
    /// <remarks>
    /// Left out: stores to a page that fork has write-protected (hides copy-on-write), access rights, retries that drop mmap_lock;
    /// per-vma locks, which v6.1 does not have. The kernel reads the PMD again for each use; here it is read once to look and once to
    /// fill (hides nothing: under mmap_lock it only goes from none to a table).
    /// </remarks>
    [KernelSource("arch/x86/mm/fault.c")]
    public virtual async KernelTask<Folio?> do_user_addr_fault(Mm mm, int address)
    {
        await down_read(mm.mmap_lock);
        var vma = await mmap.find_vma(mm, address);
        Folio? folio = null;
        if (vma is not null && !await is_mapped(mm, address))
        {
            folio = await load(vma.vm_file) is { } file
                ? await memory.do_shared_fault(mm, vma, file, address)
                : await memory.do_anonymous_page(mm, vma, address);
        }

        await up_read(mm.mmap_lock);
        return folio;
    }

    /// <summary>handle_pte_fault's look, without a lock, at what is there.</summary>
    [KernelSource("mm/memory.c", Function = "handle_pte_fault")]
    public virtual async KernelTask<bool> is_mapped(Mm mm, int address)
    {
        var table = await load(mm.pmd);
        return table is not null && (await load(table.pte[address])).Present;
    }
}
