using ThpCheck.Model.Kernel;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Patches;

/// <summary>
/// cb67f4282bf9 ("mm,thp,rmap: simplify compound page mapcount handling"): a word more, the sum of the ptes' mappings, instead of
/// PG_double_map. Plain atomics; its log says that statistics may drift.
/// </summary>
public class subpages_mapcount_sum_rmap(Kernel.Kernel kernel) : rmap_mapcounts(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "cb67f4282bf9")]
    public override async KernelTask page_add_anon_rmap(Page page, Vma vma, bool compound)
    {
        await vm_bug_on_unlocked(page.Folio);
        if (compound)
        {
            if (await atomic_inc_and_test(page.Folio._compound_mapcount))
            {
                var nr = await nr_pages_unmapped(page.Folio);
                await count_anon(page, page.Folio.Pages, nr);
            }
        }
        else
        {
            await atomic_inc(page.Folio._subpages_mapcount);
            var mapped = await atomic_read(page.Folio._compound_mapcount) + 1 != 0;
            if (await atomic_inc_and_test(page._mapcount))
            {
                await count_anon(page, 0, mapped ? 0 : 1);
            }
        }

        await mlock.mlock_vma_page(page, vma, compound);
    }

    /// <inheritdoc/>
    /// <remarks>Small pages as before: whether one is anonymous is asked before its mapcount falls, and not after (nothing: it stays what it is).</remarks>
    [KernelSource("mm/rmap.c", At = "cb67f4282bf9")]
    public override async KernelTask page_remove_rmap(Page page, Vma vma, bool compound)
    {
        if (page.Folio.Pages == 1)
        {
            await base.page_remove_rmap(page, vma, compound);
            return;
        }

        await memcontrol.lock_page_memcg(page.Folio);
        await mm.folio_test_anon(page.Folio); // THPs here are
        if (compound)
        {
            await page_remove_anon_compound_rmap(page.Folio);
        }
        else
        {
            await atomic_dec(page.Folio._subpages_mapcount);
            var mapped = await atomic_read(page.Folio._compound_mapcount) + 1 != 0;
            if (await atomic_add_negative(-1, page._mapcount) && !mapped)
            {
                await count_anon(page, 0, -1);
            }
        }

        await memcontrol.unlock_page_memcg(page.Folio);
        await mlock.munlock_vma_page(page, vma, compound);
    }

    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "cb67f4282bf9")]
    public override async KernelTask page_remove_anon_compound_rmap(Folio page)
    {
        if (!await atomic_add_negative(-1, page._compound_mapcount))
        {
            return;
        }

        await count_anon(new(page, 0), -page.Pages, 0);
        var nr = await nr_pages_unmapped(page);
        await count_anon(new(page, 0), 0, -nr);
    }

    /// <summary>How many pages of a THP no pte maps: all, if the sum says so, else by looking at each.</summary>
    [KernelSource("mm/rmap.c", At = "cb67f4282bf9", Function = "nr_subpages_unmapped")]
    public virtual async KernelTask<int> nr_pages_unmapped(Folio page) =>
        await atomic_read(page._subpages_mapcount) != 0 ? await nr_subpages_unmapped(page) : page.Pages;

    /// <summary>Counts the pages of a THP that no pte maps.</summary>
    [KernelSource("mm/rmap.c", At = "cb67f4282bf9")]
    public virtual async KernelTask<int> nr_subpages_unmapped(Folio page)
    {
        var nr = page.Pages;
        for (var i = 0; i < page.Pages; i++)
        {
            nr -= await atomic_read(page.mapcount(i)) >= 0 ? 1 : 0;
        }

        return nr;
    }

    /// <inheritdoc/>
    [KernelSource("include/linux/rmap.h", At = "cb67f4282bf9")]
    public override async KernelTask page_try_dup_anon_rmap(Page page, bool compound)
    {
        if (!compound)
        {
            await atomic_inc(page.Folio._subpages_mapcount);
        }

        await base.page_try_dup_anon_rmap(page, compound);
    }

    /// <inheritdoc/>
    [KernelSource("mm/huge_memory.c", At = "cb67f4282bf9", Function = "__split_huge_pmd_locked")]
    public override async KernelTask split_begins(Folio page)
    {
        await base.split_begins(page);
        await atomic_add(page.Pages, page._subpages_mapcount);
    }

    /// <inheritdoc/>
    [KernelSource("mm/huge_memory.c", At = "cb67f4282bf9", Function = "__split_huge_pmd_locked")]
    public override KernelTask split_ends(Folio page, Vma vma) => page_remove_rmap(new(page, 0), vma, compound: true);
}

/// <summary>The same patch's part of include/linux/mm.h.</summary>
public class subpages_mapcount_sum_mm(Kernel.Kernel kernel) : mm(kernel)
{
    /// <inheritdoc/>
    /// <remarks>The kernel adds two loads in one expression: C leaves their order open, and compilers take it from left to right.</remarks>
    [KernelSource("include/linux/mm.h", At = "cb67f4282bf9", Function = "folio_mapcount")]
    public override async KernelTask<bool> folio_large_is_mapped(Folio folio)
    {
        var subpagesFirst = Toggle("folio-mapped-reads-subpages-first");
        var first = await atomic_read(subpagesFirst ? folio._subpages_mapcount : folio._compound_mapcount);
        var second = await atomic_read(subpagesFirst ? folio._compound_mapcount : folio._subpages_mapcount);
        return first + second + 1 > 0;
    }

    /// <inheritdoc/>
    [KernelSource("include/linux/mm.h", At = "cb67f4282bf9", Function = "folio_mapcount")]
    public override async KernelTask<int> total_compound_mapcount(Folio folio)
    {
        var mapcount = await atomic_read(folio._compound_mapcount) + 1;
        return mapcount + await atomic_read(folio._subpages_mapcount);
    }

    /// <inheritdoc/>
    public override int SubpageMapcount(StateView view, Folio folio, int page) => view.Get(folio.mapcount(page)) + 1;

    /// <inheritdoc/>
    protected override int? SubpagesMapcount(ReadOnlySpan<int> ptes, int pmds)
    {
        var sum = 0;
        foreach (var count in ptes)
        {
            sum += count;
        }

        return sum;
    }
}

/// <summary>The same patch's part of mm/page_alloc.c.</summary>
public class subpages_mapcount_sum_page_alloc(Kernel.Kernel kernel) : page_alloc(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/page_alloc.c", At = "cb67f4282bf9", Function = "free_pages_prepare")]
    public override KernelTask free_compound_page(Folio page) => free_pages_prepare(page);

    /// <inheritdoc/>
    [KernelSource("mm/page_alloc.c", At = "cb67f4282bf9")]
    public override async KernelTask<bool> free_tail_pages_check(Folio page)
    {
        if (await base.free_tail_pages_check(page))
        {
            return true;
        }

        var bad = await atomic_read(page._subpages_mapcount) != 0;
        WARN_ON(bad, "BUG: Bad page state: nonzero subpages_mapcount");
        return bad;
    }
}

/// <summary>
/// 9bd3155ed83b ("mm,thp,rmap: lock_compound_mapcounts() on THP mapcounts"): all of a THP's mapcounts change under a bit spinlock, by plain
/// loads and stores; statistics after it.
/// </summary>
public class lock_compound_mapcounts_rmap(Kernel.Kernel kernel) : subpages_mapcount_sum_rmap(kernel)
{
    /// <summary>Takes the lock and reads both words of the whole, as people count.</summary>
    [KernelSource("mm/rmap.c", At = "9bd3155ed83b")]
    public virtual async KernelTask<(int Compound, int Subpages)> lock_compound_mapcounts(Folio head)
    {
        await bit_spin_lock(PageFlags.PG_locked, head._flags_1);
        var compound = await atomic_read(head._compound_mapcount);
        var subpages = await atomic_read(head._subpages_mapcount);
        return (compound + 1, subpages);
    }

    /// <summary>Writes both words and drops the lock.</summary>
    [KernelSource("mm/rmap.c", At = "9bd3155ed83b")]
    public virtual async KernelTask unlock_compound_mapcounts(Folio head, int compound, int subpages)
    {
        await atomic_set(head._compound_mapcount, compound - 1);
        await atomic_set(head._subpages_mapcount, subpages);
        await bit_spin_unlock(PageFlags.PG_locked, head._flags_1);
    }

    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "9bd3155ed83b")]
    public override async KernelTask page_add_anon_rmap(Page page, Vma vma, bool compound)
    {
        await vm_bug_on_unlocked(page.Folio);
        var (nr_pmdmapped, nr) = compound ? await add_pmd(page.Folio) : (0, await add_pte(page) ? 1 : 0);
        await count_anon(page, nr_pmdmapped, nr);
        await mlock.mlock_vma_page(page, vma, compound);
    }

    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "9bd3155ed83b")]
    public override async KernelTask page_remove_rmap(Page page, Vma vma, bool compound)
    {
        if (page.Folio.Pages == 1)
        {
            await base.page_remove_rmap(page, vma, compound);
            return;
        }

        await memcontrol.lock_page_memcg(page.Folio);
        var (nr_pmdmapped, nr) = compound ? await remove_pmd(page.Folio) : (0, await remove_pte(page) ? 1 : 0);
        await count_anon(page, -nr_pmdmapped, -nr);
        await memcontrol.unlock_page_memcg(page.Folio);
        await mlock.munlock_vma_page(page, vma, compound);
    }

    /// <summary>One mapping of the whole more: how many pages PMDs map more, and how many anything maps more.</summary>
    [KernelSource("mm/rmap.c", At = "9bd3155ed83b", Function = "page_add_anon_rmap")]
    public virtual async KernelTask<(int Pmdmapped, int Mapped)> add_pmd(Folio head)
    {
        var (compound, subpages) = await lock_compound_mapcounts(head);
        var nr = compound == 0 ? await unmapped(head, subpages) : 0;
        await unlock_compound_mapcounts(head, compound + 1, subpages);
        return (compound == 0 ? head.Pages : 0, nr);
    }

    /// <summary>One mapping of a page more: whether it was mapped by nothing before.</summary>
    [KernelSource("mm/rmap.c", At = "9bd3155ed83b", Function = "page_add_anon_rmap")]
    public virtual async KernelTask<bool> add_pte(Page page)
    {
        var (compound, subpages) = await lock_compound_mapcounts(page.Folio);
        var mapcount = await atomic_read(page._mapcount); // subpage_mapcount_inc
        await atomic_set(page._mapcount, mapcount + 1);
        await unlock_compound_mapcounts(page.Folio, compound, subpages + 1);
        return mapcount < 0 && compound == 0;
    }

    /// <summary>One mapping of the whole fewer.</summary>
    [KernelSource("mm/rmap.c", At = "9bd3155ed83b", Function = "page_remove_rmap")]
    public virtual async KernelTask<(int Pmdmapped, int Mapped)> remove_pmd(Folio head)
    {
        var (compound, subpages) = await lock_compound_mapcounts(head);
        var nr = compound == 1 ? await unmapped(head, subpages) : 0;
        await unlock_compound_mapcounts(head, compound - 1, subpages);
        return (compound == 1 ? head.Pages : 0, nr);
    }

    /// <summary>One mapping of a page fewer: whether it is mapped by nothing now.</summary>
    [KernelSource("mm/rmap.c", At = "9bd3155ed83b", Function = "page_remove_rmap")]
    public virtual async KernelTask<bool> remove_pte(Page page)
    {
        var (compound, subpages) = await lock_compound_mapcounts(page.Folio);
        var mapcount = await atomic_read(page._mapcount); // subpage_mapcount_dec
        await atomic_set(page._mapcount, mapcount - 1);
        await unlock_compound_mapcounts(page.Folio, compound, subpages - 1);
        return mapcount == 0 && compound == 0;
    }

    /// <summary>How many pages of a THP no pte maps, under the lock.</summary>
    [KernelSource("mm/rmap.c", At = "9bd3155ed83b", Function = "nr_subpages_unmapped")]
    public virtual async KernelTask<int> unmapped(Folio head, int subpages) => subpages != 0 ? await nr_subpages_unmapped(head) : head.Pages;

    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "9bd3155ed83b", Function = "page_dup_compound_rmap")]
    public override async KernelTask page_try_dup_anon_rmap(Page page, bool compound)
    {
        if (!compound)
        {
            await add_pte(page);
            return;
        }

        var (mapcount, subpages) = await lock_compound_mapcounts(page.Folio);
        await unlock_compound_mapcounts(page.Folio, mapcount + 1, subpages);
    }

    /// <inheritdoc/>
    [KernelSource("mm/huge_memory.c", At = "9bd3155ed83b", Function = "__split_huge_pmd_locked")]
    public override async KernelTask split_begins(Folio page) => await atomic_add(page.Pages - 1, page._refcount);

    /// <inheritdoc/>
    [KernelSource("mm/huge_memory.c", At = "9bd3155ed83b", Function = "__split_huge_pmd_locked")]
    public override KernelTask split_adds(Page page, Vma vma) => page_try_dup_anon_rmap(page, compound: false); // page_dup_compound_rmap
}

/// <summary>
/// be5ef2d9b006 ("mm,thp,rmap: subpages_mapcount of PTE-mapped subpages"): the word counts the pages that ptes map, not their mappings, so a
/// page's own mapcount changes outside the lock, which is taken only for its first and last.
/// </summary>
public class subpages_mapcount_count_rmap(Kernel.Kernel kernel) : lock_compound_mapcounts_rmap(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "be5ef2d9b006")]
    public override async KernelTask page_add_anon_rmap(Page page, Vma vma, bool compound)
    {
        var (nr_pmdmapped, nr) = compound ? await add_pmd(page.Folio) : (0, await add_pte(page) ? 1 : 0);
        await count_anon(page, nr_pmdmapped, nr);
        await mlock.mlock_vma_page(page, vma, compound);
    }

    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "be5ef2d9b006", Function = "page_add_anon_rmap")]
    public override async KernelTask<bool> add_pte(Page page)
    {
        if (!await atomic_inc_and_test(page._mapcount))
        {
            return false;
        }

        var (compound, subpages) = await lock_compound_mapcounts(page.Folio);
        await unlock_compound_mapcounts(page.Folio, compound, subpages + 1);
        return compound == 0;
    }

    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "be5ef2d9b006", Function = "page_remove_rmap")]
    public override async KernelTask<bool> remove_pte(Page page)
    {
        if (!await atomic_add_negative(-1, page._mapcount))
        {
            return false;
        }

        var (compound, subpages) = await lock_compound_mapcounts(page.Folio);
        await unlock_compound_mapcounts(page.Folio, compound, subpages - 1);
        return compound == 0;
    }

    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "be5ef2d9b006", Function = "page_add_anon_rmap")]
    public override async KernelTask<(int Pmdmapped, int Mapped)> add_pmd(Folio head)
    {
        var (compound, subpages) = await lock_compound_mapcounts(head);
        await unlock_compound_mapcounts(head, compound + 1, subpages);
        return compound == 0 ? (head.Pages, head.Pages - subpages) : (0, 0);
    }

    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "be5ef2d9b006", Function = "page_remove_rmap")]
    public override async KernelTask<(int Pmdmapped, int Mapped)> remove_pmd(Folio head)
    {
        var (compound, subpages) = await lock_compound_mapcounts(head);
        await unlock_compound_mapcounts(head, compound - 1, subpages);
        return compound == 1 ? (head.Pages, head.Pages - subpages) : (0, 0);
    }

    /// <inheritdoc/>
    [KernelSource("include/linux/rmap.h", At = "be5ef2d9b006")]
    public override async KernelTask page_try_dup_anon_rmap(Page page, bool compound)
    {
        if (!compound)
        {
            await atomic_inc(page._mapcount);
            return;
        }

        var (mapcount, subpages) = await lock_compound_mapcounts(page.Folio);
        await unlock_compound_mapcounts(page.Folio, mapcount + 1, subpages);
    }

    /// <inheritdoc/>
    [KernelSource("mm/huge_memory.c", At = "be5ef2d9b006", Function = "__split_huge_pmd_locked")]
    public override KernelTask split_adds(Page page, Vma vma) => page_add_anon_rmap(page, vma, compound: false);
}

/// <summary>The same patch's part of include/linux/mm.h.</summary>
public class subpages_mapcount_count_mm(Kernel.Kernel kernel) : subpages_mapcount_sum_mm(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "be5ef2d9b006")]
    public override async KernelTask<int> total_compound_mapcount(Folio folio)
    {
        var mapcount = await atomic_read(folio._compound_mapcount) + 1;
        if (await head_subpages_mapcount(folio) == 0)
        {
            return mapcount;
        }

        for (var i = 0; i < folio.Pages; i++)
        {
            mapcount += await atomic_read(folio.mapcount(i)) + 1;
        }

        return mapcount;
    }

    /// <summary>How many pages of a THP ptes map.</summary>
    [KernelSource("include/linux/mm.h", At = "be5ef2d9b006")]
    public virtual async KernelTask<int> head_subpages_mapcount(Folio folio) => await atomic_read(folio._subpages_mapcount);

    /// <inheritdoc/>
    protected override int? SubpagesMapcount(ReadOnlySpan<int> ptes, int pmds)
    {
        var mapped = 0;
        foreach (var count in ptes)
        {
            mapped += count > 0 ? 1 : 0;
        }

        return mapped;
    }
}

/// <summary>
/// 4b51634cd16a ("mm,thp,rmap: subpages_mapcount COMPOUND_MAPPED if PMD-mapped"): no lock. The first and the last mapping of the whole add and
/// take COMPOUND_MAPPED, and each step of two learns from what its own atomic returns what it has to count.
/// </summary>
public class compound_mapped_rmap(Kernel.Kernel kernel) : subpages_mapcount_count_rmap(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "4b51634cd16a", Function = "page_add_anon_rmap")]
    public override async KernelTask<bool> add_pte(Page page) =>
        await atomic_inc_and_test(page._mapcount) && !is_compound_mapped(await atomic_add_return(1, page.Folio._subpages_mapcount));

    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "4b51634cd16a", Function = "page_remove_rmap")]
    public override async KernelTask<bool> remove_pte(Page page) =>
        await atomic_add_negative(-1, page._mapcount) && !is_compound_mapped(await atomic_add_return(-1, page.Folio._subpages_mapcount));

    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "4b51634cd16a", Function = "page_add_anon_rmap")]
    public override async KernelTask<(int Pmdmapped, int Mapped)> add_pmd(Folio head)
    {
        if (!await atomic_inc_and_test(head._compound_mapcount))
        {
            return (0, 0);
        }

        var nr = await atomic_add_return(Folio.COMPOUND_MAPPED, head._subpages_mapcount);
        return pages_added(head, nr);
    }

    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "4b51634cd16a", Function = "page_remove_rmap")]
    public override async KernelTask<(int Pmdmapped, int Mapped)> remove_pmd(Folio head)
    {
        if (!await atomic_add_negative(-1, head._compound_mapcount))
        {
            return (0, 0);
        }

        var nr = await atomic_add_return(-Folio.COMPOUND_MAPPED, head._subpages_mapcount);
        return pages_removed(head, nr);
    }

    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "4b51634cd16a")]
    public override async KernelTask page_add_new_anon_rmap(Folio page, Vma vma, int address)
    {
        await atomic_set(page._subpages_mapcount, Folio.COMPOUND_MAPPED);
        await base.page_add_new_anon_rmap(page, vma, address);
    }

    /// <inheritdoc/>
    [KernelSource("include/linux/rmap.h", At = "4b51634cd16a", Function = "__page_dup_rmap")]
    public override async KernelTask page_try_dup_anon_rmap(Page page, bool compound) =>
        await atomic_inc(compound ? page.Folio._compound_mapcount : page._mapcount);

    /// <summary>Whether a value of the word says that the whole is mapped: by its bit.</summary>
    protected virtual bool is_compound_mapped(int nr) => (nr & Folio.COMPOUND_MAPPED) != 0;

    /// <summary>What the first mapping of the whole has to count, from the word's new value.</summary>
    protected virtual (int Pmdmapped, int Mapped) pages_added(Folio head, int nr) => (head.Pages, head.Pages - subpages_mapped(nr));

    /// <summary>What the last mapping of the whole has to take back, from the word's new value.</summary>
    protected virtual (int Pmdmapped, int Mapped) pages_removed(Folio head, int nr) => (head.Pages, head.Pages - subpages_mapped(nr));

    /// <summary>The word without COMPOUND_MAPPED: SUBPAGES_MAPPED is its mask.</summary>
    protected static int subpages_mapped(int nr) => nr & (Folio.COMPOUND_MAPPED - 1);
}

/// <summary>The same patch's part of include/linux/mm.h.</summary>
public class compound_mapped_mm(Kernel.Kernel kernel) : subpages_mapcount_count_mm(kernel)
{
    /// <inheritdoc/>
    [KernelSource("include/linux/mm.h", At = "4b51634cd16a")]
    public override async KernelTask<bool> folio_large_is_mapped(Folio folio)
    {
        var compoundFirst = Toggle("folio-mapped-reads-compound-first");
        return compoundFirst
            ? await atomic_read(folio._compound_mapcount) >= 0 || await atomic_read(folio._subpages_mapcount) > 0
            : await atomic_read(folio._subpages_mapcount) > 0 || await atomic_read(folio._compound_mapcount) >= 0;
    }

    /// <inheritdoc/>
    [KernelSource("include/linux/mm.h", At = "4b51634cd16a")]
    public override async KernelTask<int> head_subpages_mapcount(Folio folio) =>
        await atomic_read(folio._subpages_mapcount) & (Folio.COMPOUND_MAPPED - 1);

    /// <inheritdoc/>
    protected override int? SubpagesMapcount(ReadOnlySpan<int> ptes, int pmds) =>
        base.SubpagesMapcount(ptes, pmds) + (pmds > 0 ? Folio.COMPOUND_MAPPED : 0);
}

/// <summary>
/// 6287b7dae809 ("mm,thp,rmap: fix races between updates of subpages_mapcount"), v6.2: compares the word instead of testing a bit, counts nothing where an
/// opposite change of the whole came in between, and never less than nothing.
/// </summary>
/// <remarks>With the toggle for its clamp off, it is the comparison alone.</remarks>
public class compound_mapped_compare_rmap(Kernel.Kernel kernel) : compound_mapped_rmap(kernel)
{
    /// <inheritdoc/>
    protected override bool is_compound_mapped(int nr) => nr >= Folio.COMPOUND_MAPPED;

    /// <inheritdoc/>
    protected override (int Pmdmapped, int Mapped) pages_added(Folio head, int nr) =>
        nr < 2 * Folio.COMPOUND_MAPPED ? (head.Pages, clamped(head.Pages - subpages_mapped(nr))) : (0, 0);

    /// <inheritdoc/>
    protected override (int Pmdmapped, int Mapped) pages_removed(Folio head, int nr) =>
        nr < Folio.COMPOUND_MAPPED ? (head.Pages, clamped(head.Pages - subpages_mapped(nr))) : (0, 0);

    private int clamped(int nr) => Checks("mapped-pages-clamped-to-zero") ? Math.Max(0, nr) : nr;
}
