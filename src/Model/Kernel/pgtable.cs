using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>arch/x86/include/asm/pgtable.h and arch/x86/mm/pgtable.c: what is done to one pte.</summary>
public class pgtable(Kernel kernel) : KernelFile(kernel)
{
    private static readonly Pte Young = new(Present: false, Write: false, Dirty: false, Young: true, 0);
    private static readonly Pte Write = new(Present: false, Write: true, Dirty: false, Young: false, 0);

    /// <summary>Clears a pte and returns what it was, in one step.</summary>
    /// <remarks>For a whole mm that goes, x86 loads and stores: no CPU runs in that mm that could set a bit in between.</remarks>
    [KernelSource("arch/x86/include/asm/pgtable.h")]
    public virtual Step<Pte> ptep_get_and_clear_full(Shared<Pte> ptep) => xchg(ptep, default);

    /// <summary>Clears the accessed bit, and says whether it was set. Looks first, then does it atomically.</summary>
    [KernelSource("arch/x86/mm/pgtable.c")]
    public virtual async KernelTask<bool> ptep_test_and_clear_young(Shared<Pte> ptep)
    {
        var pte = await load(ptep);
        return pte.Young && await test_and_clear_bit(Young, ptep);
    }

    /// <summary>Makes a present pte allow more. The caller holds the page-table lock.</summary>
    /// <param name="ptep">The pte.</param>
    /// <param name="entry">What it is to be.</param>
    /// <param name="dirty">Whether it is for a store. For a load x86 leaves the pte alone: the CPU sets the accessed bit itself.</param>
    /// <remarks>A load and a store: the bits that a CPU may set in between, accessed and dirty, are set in what a store's fault writes anyway.</remarks>
    [KernelSource("arch/x86/mm/pgtable.c")]
    public virtual async KernelTask ptep_set_access_flags(Shared<Pte> ptep, Pte entry, bool dirty)
    {
        if (await load(ptep) != entry && dirty)
        {
            await store(ptep, entry);
        }
    }

    /// <summary>Clears the write bit.</summary>
    [KernelSource("arch/x86/include/asm/pgtable.h")]
    public virtual Step ptep_set_wrprotect(Shared<Pte> ptep) => clear_bit(Write, ptep);
}
