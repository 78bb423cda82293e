using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>struct page_vma_mapped_walk of a folio of any size: where a walk is. On its caller's stack.</summary>
/// <param name="Folio">The folio looked for.</param>
/// <param name="Vma">Where.</param>
/// <param name="Mm">Whose.</param>
/// <param name="Address">The address that the walk is at.</param>
/// <param name="End">The address after the last it may be at (vma_address_end).</param>
/// <param name="First">Which page of the folio is the first that is looked for.</param>
/// <param name="Pages">How many are.</param>
/// <param name="Migration">PVMW_MIGRATION: whether it looks for migration entries instead of mappings.</param>
/// <param name="Sync">PVMW_SYNC: whether it takes the lock before it looks.</param>
/// <param name="IsPmd">Whether what was found is the PMD, whose lock is held.</param>
/// <param name="Table">The page table that it is in, or null.</param>
/// <param name="IsLocked">Whether that table's lock is held.</param>
/// <param name="IsFound">Whether it has found something.</param>
public readonly record struct FolioWalk(
    Folio Folio, Vma Vma, Mm Mm, int Address, int End, int First, int Pages, bool Migration, bool Sync, bool IsPmd = false, PageTable? Table = null, bool IsLocked = false, bool IsFound = false);

/// <summary>mm/page_vma_mapped.c in 6.3: where a folio of any size is mapped in a vma, or named by migration entries.</summary>
/// <remarks>Left out: hugetlb, device-private entries, swap entries, levels above the PMD; transhuge_vma_suitable().</remarks>
public class page_vma_mapped_6_3(Kernel kernel) : page_vma_mapped(kernel)
{
    /// <summary>
    /// Goes to the next entry whose frame is one of the folio's, whichever of them, and returns with its lock held; or ends the walk with none held.
    /// </summary>
    [KernelSource("mm/page_vma_mapped.c", At = "v6.3")]
    public virtual async KernelTask<FolioWalk> page_vma_mapped_walk(FolioWalk pvmw)
    {
        if (pvmw.IsPmd)
        {
            await spin_unlock(pvmw.Mm.page_table_lock); // the only PMD there can be
            return pvmw with { IsPmd = false, IsFound = false };
        }

        var seeks = pvmw.Table is not null; // goes on to the next pte
        while (true)
        {
            if (pvmw.Table is null)
            {
                var pmd = pgtable.pmd_offset(pvmw.Mm, pvmw.Address);
                var pmde = await READ_ONCE(pmd);
                if (pgtable.pmd_trans_huge(pmde) || pgtable.is_pmd_migration_entry(pmde))
                {
                    await spin_lock(pvmw.Mm.page_table_lock);
                    pmde = await load(pmd);
                    if (pgtable.pmd_trans_huge(pmde) || !pgtable.pmd_present(pmde))
                    {
                        if (is_mapped_by(pmde, pvmw))
                        {
                            return pvmw with { IsPmd = true, IsFound = true };
                        }

                        await spin_unlock(pvmw.Mm.page_table_lock);
                        return pvmw with { IsFound = false };
                    }

                    await spin_unlock(pvmw.Mm.page_table_lock); // split under us
                }
                else if (!pgtable.pmd_present(pmde))
                {
                    if (pvmw.Sync && pvmw.Pages >= Config.HPAGE_PMD_NR)
                    {
                        await spin_lock(pvmw.Mm.page_table_lock);
                        await spin_unlock(pvmw.Mm.page_table_lock);
                    }

                    pvmw = pvmw with { Address = ((pvmw.Address / Config.PTRS_PER_PTE) + 1) * Config.PTRS_PER_PTE }; // step_forward
                    if (pvmw.Address >= pvmw.End)
                    {
                        return pvmw with { IsFound = false };
                    }

                    continue;
                }

                (pvmw, seeks) = await map_pte(pvmw, pmd);
            }

            if (!seeks && await check_pte(pvmw))
            {
                return pvmw with { IsFound = true };
            }

            seeks = false;
            pvmw = await next_pte(pvmw);
            if (pvmw.Address >= pvmw.End)
            {
                return pvmw with { IsFound = false };
            }
        }
    }

    /// <summary>Goes to the next pte that is not none, and locks its table; without a table where the next is in another, and to the end where there is none.</summary>
    [KernelSource("mm/page_vma_mapped.c", At = "v6.3", Function = "page_vma_mapped_walk")]
    public virtual async KernelTask<FolioWalk> next_pte(FolioWalk pvmw)
    {
        var table = pvmw.Table!;
        do
        {
            pvmw = pvmw with { Address = pvmw.Address + 1 };
            if (pvmw.Address >= pvmw.End || pgtable.pte_index(pvmw.Address) == 0)
            {
                if (pvmw.IsLocked)
                {
                    await spin_unlock(table.ptl);
                }

                return pvmw with { Table = null, IsLocked = false };
            }
        }
        while (await load(table.pte[pgtable.pte_index(pvmw.Address)]) == default);

        if (!pvmw.IsLocked)
        {
            await spin_lock(table.ptl);
        }

        return pvmw with { IsLocked = true };
    }

    /// <summary>Whether a PMD that is no table, looked at under its lock, is what the walk looks for.</summary>
    [KernelSource("mm/page_vma_mapped.c", At = "v6.3", Function = "page_vma_mapped_walk")]
    public virtual bool is_mapped_by(Pmd pmde, FolioWalk pvmw) => pgtable.pmd_trans_huge(pmde)
        ? !pvmw.Migration && pgtable.pmd_page_is(pmde, pvmw.Folio)
        : pvmw.Migration && pgtable.is_pmd_migration_entry(pmde) && pgtable.pmd_to_swp_page(pmde) == pvmw.Folio;

    /// <summary>Finds the table, and locks it where the first pte may be of interest; the second result says that it is not.</summary>
    [KernelSource("mm/page_vma_mapped.c", At = "v6.3")]
    public virtual async KernelTask<(FolioWalk Pvmw, bool Seeks)> map_pte(FolioWalk pvmw, Shared<Pmd> pmd)
    {
        var pmdval = await load(pmd); // pte_offset_map reads it again
        var table = pgtable.pmd_pgtable(pmdval);
        pvmw = pvmw with { Table = table };
        if (!pvmw.Sync)
        {
            var pte = await load(table.pte[pgtable.pte_index(pvmw.Address)]);
            if (pvmw.Migration ? pte.Present || pte == default : !pte.Present)
            {
                return (pvmw, true);
            }
        }

        await spin_lock(table.ptl);
        return (pvmw with { IsLocked = true }, false);
    }

    /// <summary>Whether a pte, looked at under its lock, is of the folio.</summary>
    [KernelSource("mm/page_vma_mapped.c", At = "v6.3")]
    public virtual async KernelTask<bool> check_pte(FolioWalk pvmw)
    {
        var pte = await load(pvmw.Table!.pte[pgtable.pte_index(pvmw.Address)]);
        return pte.Pfn != 0 && pte.Present != pvmw.Migration && Caches.pfn_to_page(pte.Pfn) == pvmw.Folio
            && Caches.pfn_to_index(pte.Pfn) is var page && page >= pvmw.First && page < pvmw.First + pvmw.Pages;
    }

    /// <summary>Ends a walk before its time (page_vma_mapped_walk_done).</summary>
    [KernelSource("include/linux/rmap.h", At = "v6.3", Function = "page_vma_mapped_walk_done")]
    public virtual async KernelTask walk_done(FolioWalk pvmw)
    {
        if (pvmw.IsPmd)
        {
            await spin_unlock(pvmw.Mm.page_table_lock);
        }
        else if (pvmw.IsLocked)
        {
            await spin_unlock(pvmw.Table!.ptl);
        }
    }
}
