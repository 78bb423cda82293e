using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>pvmw flags.</summary>
[Flags]
public enum PvmwFlags
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Takes locks where a look without them might miss what is about to be unmapped.</summary>
    PVMW_SYNC = 1,

    /// <summary>Looks for migration entries instead of mappings.</summary>
    PVMW_MIGRATION = 2,
}

/// <summary>struct page_vma_mapped_walk of a THP: where a walk is. On its caller's stack.</summary>
/// <param name="Page">The THP looked for.</param>
/// <param name="Vma">Where.</param>
/// <param name="Mm">Whose.</param>
/// <param name="Address">The address that the walk is at.</param>
/// <param name="Flags">How it looks.</param>
/// <param name="IsPmd">Whether what was found is the PMD, whose lock is held.</param>
/// <param name="Table">The page table that it is in, or null.</param>
/// <param name="IsLocked">Whether that table's lock is held.</param>
/// <param name="IsFound">Whether it has found something.</param>
public readonly record struct ThpMappedWalk(
    Folio Page, Vma Vma, Mm Mm, int Address, PvmwFlags Flags, bool IsPmd = false, PageTable? Table = null, bool IsLocked = false, bool IsFound = false);

/// <summary>mm/page_vma_mapped.c in 5.13: whether, and where, a THP is mapped in a vma.</summary>
/// <remarks>Left out: hugetlb, device-private entries, levels above the PMD.</remarks>
public class page_vma_mapped_5_13(Kernel kernel) : page_vma_mapped(kernel)
{
    /// <summary>Whether PVMW_SYNC takes and drops the lock of a PMD that is none, and so waits for who is just zapping it (732ed55823fc).</summary>
    protected virtual bool pvmw_sync_waits => false;

    /// <summary>Goes to the next entry that maps the page, or names it, and returns with its lock held; or ends the walk with none held.</summary>
    /// <remarks>Under the PMD's lock one look stands for the kernel's several: its holder alone changes it.</remarks>
    [KernelSource("mm/page_vma_mapped.c", At = "v5.13-rc6")]
    public virtual async KernelTask<ThpMappedWalk> page_vma_mapped_walk(ThpMappedWalk pvmw)
    {
        if (pvmw.IsPmd)
        {
            await spin_unlock(pvmw.Mm.page_table_lock); // the only PMD there can be
            return pvmw with { IsPmd = false, IsFound = false };
        }

        var seeks = pvmw.Table is not null; // goes on to the next pte
        var pmd = pgtable.pmd_offset(pvmw.Mm, pvmw.Address);
        if (!seeks)
        {
            var pmde = await READ_ONCE(pmd);
            if (pgtable.pmd_trans_huge(pmde) || pgtable.is_pmd_migration_entry(pmde))
            {
                await spin_lock(pvmw.Mm.page_table_lock);
                pmde = await load(pmd);
                if (pgtable.pmd_trans_huge(pmde) || !pgtable.pmd_present(pmde))
                {
                    if (await is_mapped_by(pmde, pvmw))
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
                if (pvmw_sync_waits && (pvmw.Flags & PvmwFlags.PVMW_SYNC) != 0)
                {
                    await spin_lock(pvmw.Mm.page_table_lock);
                    await spin_unlock(pvmw.Mm.page_table_lock);
                }

                return pvmw with { IsFound = false };
            }

            (pvmw, seeks) = await map_pte(pvmw, pmd);
        }

        while (true)
        {
            if (!seeks && await check_pte(pvmw))
            {
                return pvmw with { IsFound = true };
            }

            seeks = false;
            var vm_end = await load(pvmw.Vma.vm_end);
            do
            {
                pvmw = pvmw with { Address = pvmw.Address + 1 };
                if (pvmw.Address >= vm_end || pgtable.pte_index(pvmw.Address) == 0)
                {
                    return await not_found(pvmw);
                }
            }
            while (await load(pvmw.Table!.pte[pgtable.pte_index(pvmw.Address)]) == default);

            if (!pvmw.IsLocked)
            {
                await spin_lock(pvmw.Table!.ptl);
                pvmw = pvmw with { IsLocked = true };
            }
        }
    }

    /// <summary>Whether a PMD that is no table, looked at under its lock, is what the walk looks for.</summary>
    [KernelSource("mm/page_vma_mapped.c", At = "v5.13-rc6", Function = "page_vma_mapped_walk")]
    public virtual async KernelTask<bool> is_mapped_by(Pmd pmde, ThpMappedWalk pvmw)
    {
        var migration = (pvmw.Flags & PvmwFlags.PVMW_MIGRATION) != 0;
        if (pgtable.pmd_trans_huge(pmde))
        {
            return !migration && pgtable.pmd_page_is(pmde, pvmw.Page);
        }

        return migration && pgtable.is_pmd_migration_entry(pmde) && await File<swapops_5_13>().migration_entry_to_page(pmde) == pvmw.Page;
    }

    /// <summary>Finds the table, and locks it where the first pte may be of interest; the second result says that it is not.</summary>
    [KernelSource("mm/page_vma_mapped.c", At = "v5.13-rc6")]
    public virtual async KernelTask<(ThpMappedWalk Pvmw, bool Seeks)> map_pte(ThpMappedWalk pvmw, Shared<Pmd> pmd)
    {
        var pmdval = await load(pmd); // pte_offset_map reads it again
        var table = pgtable.pmd_pgtable(pmdval);
        pvmw = pvmw with { Table = table };
        if ((pvmw.Flags & PvmwFlags.PVMW_SYNC) == 0)
        {
            var pte = await load(table.pte[pgtable.pte_index(pvmw.Address)]);
            var migration = (pvmw.Flags & PvmwFlags.PVMW_MIGRATION) != 0;
            if (migration ? pte.Present || pte == default : !pte.Present)
            {
                return (pvmw, true);
            }
        }

        await spin_lock(table.ptl);
        return (pvmw with { IsLocked = true }, false);
    }

    /// <summary>Whether a pte, looked at under its lock, is of the page.</summary>
    [KernelSource("mm/page_vma_mapped.c", At = "v5.13-rc6")]
    public virtual async KernelTask<bool> check_pte(ThpMappedWalk pvmw)
    {
        var pte = await load(pvmw.Table!.pte[pgtable.pte_index(pvmw.Address)]);
        return pte.Pfn != 0 && pte.Present == ((pvmw.Flags & PvmwFlags.PVMW_MIGRATION) == 0) && Caches.pfn_to_page(pte.Pfn) == pvmw.Page;
    }

    /// <summary>Ends a walk of ptes.</summary>
    [KernelSource("mm/page_vma_mapped.c", At = "v5.13-rc6")]
    public virtual async KernelTask<ThpMappedWalk> not_found(ThpMappedWalk pvmw)
    {
        if (pvmw.IsLocked)
        {
            await spin_unlock(pvmw.Table!.ptl);
        }

        return pvmw with { Table = null, IsLocked = false, IsFound = false };
    }
}

/// <summary>include/linux/swapops.h in 5.13.</summary>
public class swapops_5_13(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>The page that a migration entry names, which is locked by whoever migrates it.</summary>
    [KernelSource("include/linux/swapops.h", At = "v5.13-rc6")]
    public virtual async KernelTask<Folio> migration_entry_to_page(Pmd entry)
    {
        var page = pgtable.pmd_to_swp_page(entry);
        await assert_locked(page);
        return page;
    }

    /// <summary>What migration_entry_to_page insists on, of a pte's entry as of a PMD's.</summary>
    [KernelSource("include/linux/swapops.h", At = "v5.13-rc6", Function = "migration_entry_to_page")]
    public virtual async KernelTask assert_locked(Folio page)
    {
        var is_locked = await test_bit(PageFlags.PG_locked, page.flags);
        BUG_ON(!is_locked, "BUG_ON(!PageLocked(compound_head(p)))");
    }
}
