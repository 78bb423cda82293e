using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/swap.c, and the page allocator's side of freeing.</summary>
public class swap(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Frees a folio whose last reference is gone.</summary>
    [KernelSource("mm/swap.c")]
    public virtual async KernelTask __folio_put(Folio folio)
    {
        await __page_cache_release(folio);
        if (folio.Pages > 1)
        {
            await File<page_alloc>().free_compound_page(folio);
            return;
        }

        await free_unref_page(folio);
    }

    /// <summary>Takes a folio that is about to be freed off its LRU.</summary>
    /// <remarks>Left out: the lruvec lock and the list itself; the flag stands for being on it.</remarks>
    [KernelSource("mm/swap.c")]
    public virtual async KernelTask __page_cache_release(Folio folio)
    {
        if (await test_bit(PageFlags.PG_lru, folio.flags))
        {
            await clear_bit(PageFlags.PG_lru, folio.flags);
            if (Config.MLOCK)
            {
                await clear_bit(PageFlags.PG_unevictable, folio.flags);
            }
        }

        if (Config.MLOCK)
        {
            var mlocked = await test_bit(PageFlags.PG_mlocked, folio.flags);
            Oracle("freed", mlocked ? folio : null); // counted: UNEVICTABLE_PGCLEARED
            if (mlocked)
            {
                await clear_bit(PageFlags.PG_mlocked, folio.flags);
                await atomic_add(-folio.Pages, Caches.Pgdat!.vm_stat[StatItem.NR_MLOCK]);
            }
        }
    }

    /// <summary>Gives a page back, and complains about one that is still in use.</summary>
    /// <remarks>The stale mapping of an anonymous page goes only here.</remarks>
    [KernelSource("mm/page_alloc.c")]
    public virtual async KernelTask free_unref_page(Folio folio)
    {
        if (await mm.folio_test_anon(folio))
        {
            await store(folio.mapping, null);
        }

        var mapcount = await atomic_read(folio._mapcount) != -1;
        Oracle("free_unref_page", folio);
        WARN_ON(mapcount, "BUG: Bad page state: nonzero mapcount");
        var mapping = await load(folio.mapping) is not null;
        WARN_ON(mapping, "BUG: Bad page state: non-NULL mapping");
        var refcount = await atomic_read(folio._refcount) != 0;
        WARN_ON(refcount, "BUG: Bad page state: nonzero _refcount");
        var flags = (await load(folio.flags) & (PageFlags.PG_locked | PageFlags.PG_lru | PageFlags.PG_writeback | PageFlags.PG_unevictable | PageFlags.PG_mlocked)) != 0;
        WARN_ON(flags, "BUG: Bad page state: PAGE_FLAGS_CHECK_AT_FREE flag(s) set");
        if (!mapcount && !mapping && !refcount && !flags)
        {
            await kmem_cache_free(folio); // a bad page is never used again
        }
    }

    /// <summary>
    /// Drops the references that some pages of a gather own, those of one batch: first all of them, then it frees the pages whose last they were.
    /// </summary>
    [KernelSource("mm/swap.c")]
    public virtual async KernelTask release_pages(MmuGather tlb, int first, int end)
    {
        var free = 0;
        for (var i = first; i < end; i++)
        {
            if (await atomic_dec_and_test(tlb[i]!._refcount))
            {
                await __page_cache_release(tlb[i]!);
                free |= 1 << i;
            }
        }

        for (var i = first; i < end; i++)
        {
            if ((free & (1 << i)) != 0)
            {
                await free_unref_page(tlb[i]!); // free_unref_page_list
            }
        }
    }
}
