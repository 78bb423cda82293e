using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>arch/x86/mm/tlb.c: flushing.</summary>
/// <remarks>
/// Left out: mm_cpumask and lazy CPUs, which are spared or told later; the generations by which a CPU skips a flush that it has had
/// (all hide only what goes wrong with them); whole flushes instead of ranges that are large.
/// </remarks>
public class tlbflush(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Flushes a range of an mm's pages on every CPU.</summary>
    [KernelSource("arch/x86/mm/tlb.c")]
    public virtual Step flush_tlb_mm_range(Mm mm, int start, int end) => flush_tlb_pages(mm, start, end);

    /// <summary>Flushes all of an mm's pages on every CPU.</summary>
    [KernelSource("arch/x86/include/asm/tlbflush.h")]
    public virtual Step flush_tlb_mm(Mm mm) => flush_tlb_pages(mm, 0, Config.Pages);

    /// <summary>Flushes what reclaim has put off: every entry of the CPUs that were noted, here of all.</summary>
    /// <remarks>The kernel notes the CPUs of the mms whose ptes it cleared (hides stale entries of other mms, which only this flush takes away here).</remarks>
    [KernelSource("arch/x86/mm/tlb.c")]
    public virtual Step arch_tlbbatch_flush() => flush_tlb_all();

    /// <summary>Clears a pte and flushes its page.</summary>
    [KernelSource("mm/pgtable-generic.c")]
    public virtual async KernelTask<Pte> ptep_clear_flush(Vma vma, int address, Shared<Pte> ptep)
    {
        var mm = await load(vma.vm_mm);
        var pte = await pgtable.ptep_get_and_clear_full(ptep);
        if (pte.Present)
        {
            await flush_tlb_mm_range(mm!, address, address + 1);
        }

        return pte;
    }
}
