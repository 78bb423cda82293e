using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/page_alloc.c: what it looks at before it takes a compound page back. <c>swap.free_unref_page</c> has it for small pages.</summary>
public class page_alloc(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Gives a THP back.</summary>
    [KernelSource("mm/page_alloc.c", Function = "free_pages_prepare")]
    public virtual async KernelTask free_compound_page(Folio page)
    {
        await clear_bit(PageFlags.PG_double_map, page._flags_1);
        await free_pages_prepare(page);
    }

    /// <summary>Complains about a THP that is still in use: such a one is never used again.</summary>
    /// <remarks>Left out: corrupted pointers of tail pages; refcounts of tail pages, which are always 0 here; pinned pages.</remarks>
    [KernelSource("mm/page_alloc.c")]
    public virtual async KernelTask free_pages_prepare(Folio page)
    {
        var bad = false;
        if (Config.DEBUG_VM)
        {
            bad |= await free_tail_pages_check(page);
        }

        for (var i = 1; i < page.Pages; i++)
        {
            bad |= await nonzero_mapcount(new(page, i)); // free_page_is_bad
        }

        if (await mm.folio_test_anon(page))
        {
            await store(page.mapping, null);
        }

        bad |= await nonzero_mapcount(new(page, 0));
        var mapping = await load(page.mapping) is not null;
        WARN_ON(mapping, "BUG: Bad page state: non-NULL mapping");
        var flags = (await load(page.flags) & (PageFlags.PG_locked | PageFlags.PG_lru | PageFlags.PG_unevictable | PageFlags.PG_mlocked)) != 0;
        WARN_ON(flags, "BUG: Bad page state: PAGE_FLAGS_CHECK_AT_FREE flag(s) set");
        if (!bad && !mapping && !flags)
        {
            await kmem_cache_free(page);
        }
    }

    /// <summary>What the first tail page holds for the whole, with DEBUG_VM; whether it is bad.</summary>
    [KernelSource("mm/page_alloc.c")]
    public virtual async KernelTask<bool> free_tail_pages_check(Folio page)
    {
        var bad = await atomic_read(page._compound_mapcount) + 1 != 0;
        WARN_ON(bad, "BUG: Bad page state: nonzero compound_mapcount");
        return bad;
    }

    /// <summary>A page's own mapcount; whether it is bad.</summary>
    [KernelSource("mm/page_alloc.c", Function = "page_bad_reason")]
    public virtual async KernelTask<bool> nonzero_mapcount(Page page)
    {
        var bad = await atomic_read(page._mapcount) != -1;
        WARN_ON(bad, "BUG: Bad page state: nonzero mapcount");
        return bad;
    }
}
