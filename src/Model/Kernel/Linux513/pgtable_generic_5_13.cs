using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/pgtable-generic.c in 5.13: what is done to a PMD under its lock.</summary>
/// <remarks>
/// Left out: the TLB, so a flush is no step (hides stale translations). Under the lock nobody else changes the PMD, so one look stands for
/// the kernel's several (the accessed and dirty bits aside, which the hardware sets and nothing here depends on).
/// </remarks>
public class pgtable_generic_5_13(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Clears a huge PMD, flushes, and returns what it was. It must be present.</summary>
    [KernelSource("mm/pgtable-generic.c", At = "v5.13-rc6")]
    public virtual async KernelTask<Pmd> pmdp_huge_clear_flush(Shared<Pmd> pmdp)
    {
        Oracle("pmdp_huge_clear_flush");
        if (Config.DEBUG_VM)
        {
            var pmd = await load(pmdp);
            BUG_ON(!pgtable.pmd_present(pmd), "VM_BUG_ON(!pmd_present(*pmdp))");
            BUG_ON(!pgtable.pmd_trans_huge(pmd), "VM_BUG_ON(!pmd_trans_huge(*pmdp) && !pmd_devmap(*pmdp))");
        }

        return await pmdp_huge_get_and_clear(pmdp);
    }

    /// <summary>Clears a huge PMD and returns what it was, in one step.</summary>
    [KernelSource("arch/x86/include/asm/pgtable.h", At = "v5.13-rc6")]
    public virtual Step<Pmd> pmdp_huge_get_and_clear(Shared<Pmd> pmdp) => xchg(pmdp, default);

    /// <summary>Takes a huge PMD from the hardware, but not from the kernel, flushes, and returns what it was. A migration entry stays what it is.</summary>
    [KernelSource("mm/pgtable-generic.c", At = "v5.13-rc6")]
    public virtual async KernelTask<Pmd> pmdp_invalidate(Shared<Pmd> pmdp)
    {
        var pmd = await load(pmdp);
        return await xchg(pmdp, pmd.Invalidated()); // pmdp_establish
    }

    /// <summary>Leaves a page table for the day that the PMD is split.</summary>
    /// <remarks>At most one in an mm: a second is a fault of the model.</remarks>
    [KernelSource("mm/pgtable-generic.c", At = "v5.13-rc6")]
    public virtual async KernelTask pgtable_trans_huge_deposit(Mm mm, PageTable table)
    {
        if (await load(mm.pmd_huge_pte) is not null)
        {
            throw new ModelFaultException("an mm takes one deposited page table; map one huge page of anonymous memory in it");
        }

        await store(mm.pmd_huge_pte, table);
    }

    /// <summary>Takes a deposited page table back. Where there is none the kernel follows a null pointer, and so does this.</summary>
    [KernelSource("mm/pgtable-generic.c", At = "v5.13-rc6")]
    public virtual async KernelTask<PageTable> pgtable_trans_huge_withdraw(Mm mm)
    {
        var table = await load(mm.pmd_huge_pte);
        await load(table!.lru); // pmd_huge_pte's list of the others
        await store(mm.pmd_huge_pte, null);
        return table;
    }
}
