using ThpCheck.Model.Kernel;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Patches;

/// <summary>99fa8a48203d ("mm/thp: fix __split_huge_pmd_locked() on shmem migration entry"): a file's PMD may be a migration entry.</summary>
public class split_migration_entry_huge_memory(Kernel.Kernel kernel) : huge_memory_5_13(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/huge_memory.c", At = "99fa8a48203d", Function = "__split_huge_pmd_locked")]
    public override async KernelTask split_file_pmd(Mm vm_mm, Pmd old_pmd)
    {
        if (!pgtable.is_pmd_migration_entry(old_pmd))
        {
            await base.split_file_pmd(vm_mm, old_pmd);
            return;
        }

        var page = await File<swapops_5_13>().migration_entry_to_page(old_pmd);
        if (Toggle("split-removes-rmap-of-migration-entry"))
        {
            await rmap_5_13.page_remove_rmap(page, 0, compound: true);
            await mm.folio_put(page);
        }

        if (Checks("split-counts-migration-entry"))
        {
            await mm_5_13.mm_counter_file(page);
            await atomic_add(-Config.HPAGE_PMD_NR, vm_mm.shmempages);
        }
    }
}

/// <summary>The same commit's part of mm/pgtable-generic.c: the assertion allows a PMD that is not present.</summary>
public class split_migration_entry_pgtable_generic(Kernel.Kernel kernel) : pgtable_generic_5_13(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/pgtable-generic.c", At = "99fa8a48203d")]
    public override async KernelTask<Pmd> pmdp_huge_clear_flush(Shared<Pmd> pmdp)
    {
        Oracle("pmdp_huge_clear_flush");
        if (Config.DEBUG_VM)
        {
            var pmd = await load(pmdp);
            BUG_ON(
                pgtable.pmd_present(pmd) && !pgtable.pmd_trans_huge(pmd),
                "VM_BUG_ON(pmd_present(*pmdp) && !pmd_trans_huge(*pmdp) && !pmd_devmap(*pmdp))");
        }

        return await pmdp_huge_get_and_clear(pmdp);
    }
}

/// <summary>3b77e8c8cde5 ("mm/thp: make is_huge_zero_pmd() safe and quicker").</summary>
public class huge_zero_pfn_huge_mm(Kernel.Kernel kernel) : huge_mm_5_13(kernel)
{
    /// <summary>Compares frame numbers, and only then asks whether there is a page at all: pmd_pfn() of what is not present is still asked for, and its answer thrown away.</summary>
    [KernelSource("include/linux/huge_mm.h", At = "3b77e8c8cde5")]
    public override async KernelTask<bool> is_huge_zero_pmd(Pmd pmd)
    {
        var huge_zero_pfn = await READ_ONCE(Caches.HugeZero.huge_zero_pfn);
        return pgtable.pmd_page_is(pmd, huge_zero_pfn == 0 ? null : Caches.pfn_to_page(huge_zero_pfn)) && pgtable.pmd_present(pmd);
    }
}

/// <summary>The same in the order that 6.1 has it: of what is not present nothing is asked.</summary>
public class huge_zero_pfn_present_first_huge_mm(Kernel.Kernel kernel) : huge_zero_pfn_huge_mm(kernel)
{
    /// <inheritdoc/>
    [KernelSource("include/linux/huge_mm.h")]
    public override async KernelTask<bool> is_huge_zero_pmd(Pmd pmd) => pgtable.pmd_present(pmd) && await base.is_huge_zero_pmd(pmd);
}

/// <summary>732ed55823fc ("mm/thp: try_to_unmap() use TTU_SYNC for safe splitting"), which comes after 99fa8a48203d in its series.</summary>
public class ttu_sync_huge_memory(Kernel.Kernel kernel) : split_migration_entry_huge_memory(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/huge_memory.c", At = "732ed55823fc")]
    public override KernelTask unmap_page(Folio page, TtuFlags flags) => base.unmap_page(page, flags | TtuFlags.TTU_SYNC);
}

/// <summary>The same commit's part of mm/page_vma_mapped.c: PVMW_SYNC waits for who is just zapping a PMD.</summary>
public class ttu_sync_page_vma_mapped(Kernel.Kernel kernel) : page_vma_mapped_5_13(kernel)
{
    /// <inheritdoc/>
    protected override bool pvmw_sync_waits => true;
}

/// <summary>22061a1ffabd ("mm/thp: unmap_mapping_page() to fix THP truncate_cleanup_page()").</summary>
public class unmap_mapping_page_truncate(Kernel.Kernel kernel) : truncate_5_13(kernel)
{
    /// <summary>Unmaps a locked THP wherever it is mapped, and waits for who is just zapping a PMD.</summary>
    [KernelSource("mm/memory.c", At = "22061a1ffabd", Function = "unmap_mapping_page")]
    public override async KernelTask unmap(AddressSpace mapping, Folio page)
    {
        var index = await load(page.index);
        await File<memory_5_13>().unmap_mapping_pages(mapping, index, page.Pages, page);
    }
}
