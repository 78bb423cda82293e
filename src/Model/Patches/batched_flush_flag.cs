using ThpCheck.Model.Kernel;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Patches;

/// <summary>Up to 5.16: whether flushes of an mm were put off is a flag, which who completes them clears after the flush, whoever has set it meanwhile under another table's lock.</summary>
public class batched_flush_flag_rmap(Kernel.Kernel kernel) : anon_rmap(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "v5.12")]
    public override async KernelTask<TlbUbc> set_tlb_ubc_flush_pending(Mm mm, bool writable, TlbUbc tlb_ubc)
    {
        ArgumentNullException.ThrowIfNull(mm);
        await store(mm.tlb_flush_batched, 1);
        return tlb_ubc | TlbUbc.flush_required | (writable ? TlbUbc.writable : TlbUbc.None);
    }

    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "v5.12")]
    public override async KernelTask flush_tlb_batched_pending(Mm mm)
    {
        ArgumentNullException.ThrowIfNull(mm);
        if (await load(mm.tlb_flush_batched) != 0)
        {
            await tlbflush.flush_tlb_mm(mm);
            await store(mm.tlb_flush_batched, 0);
        }
    }
}
