using ThpCheck.Model.Kernel;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Patches;

/// <summary>
/// mm/khugepaged.c as it was before 8d3c106e19e8, 2ba99c5e0881 and f268f6cf875f, in v6.1-rc7: the table is taken away under mmap_lock and the lock of
/// the PMD alone, GUP-fast is not waited for, and secondary MMUs are not told.
/// </summary>
public class before_right_locks_khugepaged(Kernel.Kernel kernel) : khugepaged(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/khugepaged.c", At = "v6.1-rc6", Function = "collapse_and_free_pmd")]
    public override async KernelTask<PageTable> collapse_pmd(Mm mm, Vma vma, int address)
    {
        lockdep_assert_held_write(mm.mmap_lock); // mmap_assert_write_locked
        await spin_lock(mm.page_table_lock);
        var pmd = await pgtable.pmdp_collapse_flush(pgtable.pmd_offset(mm, address));
        await spin_unlock(mm.page_table_lock);
        await atomic_dec(mm.nr_ptes); // mm_dec_nr_ptes
        return pgtable.pmd_pgtable(pmd);
    }

    /// <inheritdoc/>
    [KernelSource("mm/khugepaged.c", At = "v6.1-rc6", Function = "collapse_pte_mapped_thp")]
    public override async KernelTask lock_i_mmap(AddressSpace mapping)
    {
    }

    /// <inheritdoc/>
    [KernelSource("mm/khugepaged.c", At = "v6.1-rc6", Function = "collapse_pte_mapped_thp")]
    public override async KernelTask unlock_i_mmap(AddressSpace mapping)
    {
    }

    /// <inheritdoc/>
    [KernelSource("mm/khugepaged.c", At = "v6.1-rc6", Function = "collapse_pte_mapped_thp")]
    public override async KernelTask lock_anon_vma(Vma vma)
    {
    }

    /// <inheritdoc/>
    [KernelSource("mm/khugepaged.c", At = "v6.1-rc6", Function = "collapse_pte_mapped_thp")]
    public override async KernelTask unlock_anon_vma(Vma vma)
    {
    }

    /// <inheritdoc/>
    [KernelSource("mm/khugepaged.c", At = "v6.1-rc6", Function = "collapse_huge_page")]
    public override async KernelTask sync_with_gup_fast()
    {
    }
}

/// <summary>
/// 8d3c106e19e8 ("mm/khugepaged: take the right locks for page table retraction") as in v6.1, before ab0c3f1251b4: a vma with an anon_vma is left alone, so
/// the anon_vma need not be locked.
/// </summary>
public class refuse_anon_vma_khugepaged(Kernel.Kernel kernel) : khugepaged(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/khugepaged.c", At = "v6.1", Function = "collapse_pte_mapped_thp")]
    public override async KernelTask<ScanResult> may_collapse(Vma vma) =>
        Checks("collapse-refuses-anon-vma") && await load(vma.anon_vma) is not null ? ScanResult.SCAN_VMA_CHECK : await base.may_collapse(vma);

    /// <inheritdoc/>
    [KernelSource("mm/khugepaged.c", At = "v6.1", Function = "collapse_pte_mapped_thp")]
    public override async KernelTask lock_anon_vma(Vma vma)
    {
    }

    /// <inheritdoc/>
    [KernelSource("mm/khugepaged.c", At = "v6.1", Function = "collapse_pte_mapped_thp")]
    public override async KernelTask unlock_anon_vma(Vma vma)
    {
    }
}

/// <summary>023f47a8250c ("mm/khugepaged: fix ->anon_vma race"): retract_page_tables looks again under mmap_lock, where no anon_vma can come.</summary>
public class anon_vma_recheck_khugepaged(Kernel.Kernel kernel) : khugepaged(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/khugepaged.c", At = "v6.2", Function = "retract_page_tables")]
    public override async KernelTask<ScanResult> may_retract_locked(Vma vma) =>
        await load(vma.anon_vma) is not null ? ScanResult.SCAN_PAGE_ANON : await base.may_retract_locked(vma);
}

/// <summary>edb5d0cf5525 ("mm/MADV_COLLAPSE: catch !none !huge !bad pmd lookups"): a PMD that is not present is no table, whatever pmd_bad() says.</summary>
public class absent_pmd_khugepaged(Kernel.Kernel kernel) : anon_vma_recheck_khugepaged(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/khugepaged.c", At = "v6.2")]
    public override async KernelTask<ScanResult> find_pmd_or_thp_or_none(Mm mm, int address)
    {
        var pmde = await READ_ONCE(pgtable.pmd_offset(mm, address)); // pmdp_get_lockless
        note_huge_pmd(pmde);
        return pgtable.pmd_none(pmde) ? ScanResult.SCAN_PMD_NONE
            : !pgtable.pmd_present(pmde) ? ScanResult.SCAN_PMD_NULL
            : pgtable.pmd_trans_huge(pmde) ? ScanResult.SCAN_PMD_MAPPED
            : pgtable.pmd_bad(pmde) ? ScanResult.SCAN_PMD_NULL
            : ScanResult.SCAN_SUCCEED;
    }
}
