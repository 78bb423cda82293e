using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>include/linux/huge_mm.h in 5.13: whether a PMD maps the huge zero page.</summary>
public class huge_mm_5_13(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Whether a page is the huge zero page.</summary>
    [KernelSource("include/linux/huge_mm.h", At = "v5.13-rc6")]
    public virtual async KernelTask<bool> is_huge_zero_page(Folio page)
    {
        var huge_zero_page = await READ_ONCE(Caches.HugeZero.huge_zero_page);
        return huge_zero_page is not null && huge_zero_page == page;
    }

    /// <summary>Whether a PMD maps the huge zero page: asks pmd_page() of whatever the PMD is.</summary>
    [KernelSource("include/linux/huge_mm.h", At = "v5.13-rc6")]
    public virtual async KernelTask<bool> is_huge_zero_pmd(Pmd pmd)
    {
        if (Toggle("huge-zero-asserts-present") && Config.DEBUG_VM)
        {
            BUG_ON(!pgtable.pmd_present(pmd), "VM_BUG_ON(!pmd_present(pmd))");
        }

        var huge_zero_page = await READ_ONCE(Caches.HugeZero.huge_zero_page);
        return pgtable.pmd_page_is(pmd, huge_zero_page);
    }
}
