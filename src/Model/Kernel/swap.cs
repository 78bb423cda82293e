using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/swap.c and the page allocator's side of freeing.</summary>
public class swap(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Frees a folio whose last reference is gone.</summary>
    /// <remarks>
    /// Left out: taking it off its LRU and uncharging it (hides nothing here: no path looks for folios by LRU).
    /// </remarks>
    [KernelSource("mm/swap.c")]
    public virtual async KernelTask __folio_put(Folio folio)
    {
        // free_pages_prepare: the stale mapping goes only now, and a page still mapped is a bad one.
        await store(folio.mapping, null);
        WARN_ON(await atomic_read(folio._mapcount) != -1, "BUG: Bad page state: nonzero mapcount");
        await kmem_cache_free(folio);
    }

    /// <summary>Drops the references that a batch of pages owns.</summary>
    /// <remarks>Left out: free_swap_cache (hides swap-cache races; no folio here is in swap).</remarks>
    [KernelSource("mm/swap_state.c")]
    public virtual KernelTask free_page_and_swap_cache(Folio folio) => mm.folio_put(folio);
}
