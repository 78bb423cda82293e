using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/vmscan.c: reclaim's look at one folio.</summary>
public class vmscan(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Takes a folio off its LRU, with a reference, so that this thread may work on it.</summary>
    [KernelSource("mm/vmscan.c", Function = "isolate_lru_folios")]
    public virtual async KernelTask isolate_lru_folio(Folio folio) => await mm.folio_get(folio);

    /// <summary>What shrink_active_list does with a folio it has isolated: asks who used it, and puts it back.</summary>
    /// <remarks>Left out: the lists themselves and everything that follows from the answer.</remarks>
    [KernelSource("mm/vmscan.c")]
    public virtual async KernelTask shrink_active_list(Folio folio)
    {
        await rmap.folio_referenced(folio);
        await mm.folio_put(folio); // move_folios_to_lru
    }
}
