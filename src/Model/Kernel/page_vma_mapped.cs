using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>struct page_vma_mapped_walk: where a walk is. On its caller's stack.</summary>
/// <param name="Folio">The folio looked for.</param>
/// <param name="Vma">Where.</param>
/// <param name="Address">The page's address in the vma.</param>
/// <param name="Table">The table whose lock is held, or null.</param>
/// <param name="IsFound">Whether the pte there maps the folio.</param>
/// <param name="Sync">PVMW_SYNC: whether it takes the lock before it looks.</param>
public readonly record struct PageVmaMappedWalk(Folio Folio, Vma Vma, int Address, PageTable? Table, bool IsFound, bool Sync = false);

/// <summary>mm/page_vma_mapped.c: whether, and where, a folio is mapped in a vma.</summary>
public class page_vma_mapped(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>
    /// Goes to the pte that maps the folio and returns with its table locked, or ends the walk with no lock held.
    /// </summary>
    /// <remarks>
    /// Left out: hugetlb, PMD-mapped and large folios, so a walk has one place to look; PVMW_MIGRATION, which
    /// no walker here asks for; swap entries, so one look without the lock stands for the kernel's two. The PMD is read once:
    /// the kernel reads it again for the pte and for the lock, and the anon_vma's lock keeps its table where it is (hides what
    /// happens where a table goes under that lock).
    /// </remarks>
    [KernelSource("mm/page_vma_mapped.c")]
    public virtual async KernelTask<PageVmaMappedWalk> page_vma_mapped_walk(PageVmaMappedWalk pvmw)
    {
        if (pvmw.IsFound)
        {
            return await not_found(pvmw);
        }

        var vm_mm = await load(pvmw.Vma.vm_mm);
        var pmde = await READ_ONCE(pgtable.pmd_offset(vm_mm!, pvmw.Address));
        if (!pgtable.pmd_present(pmde))
        {
            return await not_found(pvmw);
        }

        // map_pte: a look without the lock, and only then the lock.
        var table = pgtable.pmd_pgtable(pmde);
        if (!pvmw.Sync && !(await load(table.pte[pgtable.pte_index(pvmw.Address)])).Present)
        {
            return await not_found(pvmw);
        }

        await spin_lock(table.ptl);
        pvmw = pvmw with { Table = table };
        var pte = await load(table.pte[pgtable.pte_index(pvmw.Address)]); // check_pte
        if (pte.Present && pte.Pfn == Caches.page_to_pfn(pvmw.Folio))
        {
            return pvmw with { IsFound = true };
        }

        return await not_found(pvmw);
    }

    /// <summary>Ends a walk: releases the table's lock if it is held.</summary>
    [KernelSource("mm/page_vma_mapped.c")]
    public virtual async KernelTask<PageVmaMappedWalk> not_found(PageVmaMappedWalk pvmw)
    {
        if (pvmw.Table is { } table)
        {
            await spin_unlock(table.ptl);
        }

        return pvmw with { Table = null, IsFound = false };
    }
}
