using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>
/// mm/rmap.c, where it counts: mappings of small pages and of THPs by ptes and PMDs, and the statistics that change with the
/// first and the last of them. As of 6.1: a THP's pages have mapcounts of their own, which PG_double_map raises by one while both
/// kinds of mapping exist.
/// </summary>
/// <remarks>
/// <c>rmap</c> has short forms of these for small pages without statistics, memcg and mlock, for scenarios that are about other
/// things. Callers hold the lock of the page table or PMD that they change, and no other in common. Left out: THPs of files, hugetlb,
/// KSM; PageAnonExclusive; from 9bd3155ed83b on, the look whether the page is anonymous, which names the statistic (nothing: it stays so); what is set or asserted of mapping and index, which are set before any of these paths begins; the queue of
/// deferred splits (hides a THP that is queued though it need not be, or is not though it should).
/// </remarks>
public class rmap_mapcounts(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>mm/memcontrol.c.</summary>
    protected memcontrol memcontrol => File<memcontrol>();

    /// <summary>mm/mlock.c.</summary>
    protected mlock mlock => File<mlock>();

    /// <summary>Maps a page of an anonymous folio once more, or a THP as a whole. The folio is locked.</summary>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask page_add_anon_rmap(Page page, Vma vma, bool compound)
    {
        await vm_bug_on_unlocked(page.Folio);
        if (await atomic_inc_and_test(compound ? page.Folio._compound_mapcount : page._mapcount))
        {
            var nr = compound ? page.Folio.Pages : 1;
            await count_anon(page, compound ? nr : 0, nr);
        }

        await mlock.mlock_vma_page(page, vma, compound);
    }

    /// <summary>Maps a new THP for the first time, as a whole.</summary>
    /// <remarks>Left out: small pages, for which <c>rmap</c> has it.</remarks>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask page_add_new_anon_rmap(Folio page, Vma vma, int address)
    {
        await atomic_set(page._compound_mapcount, 0);
        await count_anon(new(page, 0), page.Pages, page.Pages);
        var anon_vma = await load(vma.anon_vma);
        BUG_ON(anon_vma is null, "BUG_ON(!anon_vma)");
        await WRITE_ONCE<KernelObject?>(page.mapping, anon_vma); // __page_set_anon_rmap
        var vm_start = await load(vma.vm_start);
        var vm_pgoff = await load(vma.vm_pgoff);
        await store(page.index, address - vm_start + vm_pgoff);
    }

    /// <summary>Maps a small page of the page cache.</summary>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask page_add_file_rmap(Page page, Vma vma)
    {
        var early = Checks("memcg-lock-before-mapcount");
        if (early)
        {
            await memcontrol.lock_page_memcg(page.Folio);
        }

        if (await atomic_inc_and_test(page._mapcount))
        {
            await count_file(page, 1, lockMemcg: !early);
        }

        if (early)
        {
            await memcontrol.unlock_page_memcg(page.Folio);
        }

        await mlock.mlock_vma_page(page, vma, compound: false);
    }

    /// <summary>Takes a mapping of a page, or of a THP as a whole, out of the counts.</summary>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask page_remove_rmap(Page page, Vma vma, bool compound)
    {
        var early = Checks("memcg-lock-before-mapcount");
        if (early)
        {
            await memcontrol.lock_page_memcg(page.Folio);
        }

        if (!await mm.folio_test_anon(page.Folio))
        {
            if (await atomic_add_negative(-1, page._mapcount)) // page_remove_file_rmap
            {
                await count_file(page, -1, lockMemcg: !early);
            }
        }
        else if (compound)
        {
            await page_remove_anon_compound_rmap(page.Folio);
        }
        else if (await atomic_add_negative(-1, page._mapcount))
        {
            await count_anon(page, 0, -1);
        }

        if (early)
        {
            await memcontrol.unlock_page_memcg(page.Folio);
        }

        await mlock.munlock_vma_page(page, vma, compound);
    }

    /// <summary>Takes a PMD's mapping of a THP out of the counts; the last takes back what PG_double_map stands for.</summary>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask page_remove_anon_compound_rmap(Folio page)
    {
        if (!await atomic_add_negative(-1, page._compound_mapcount))
        {
            return;
        }

        await memcontrol.__mod_lruvec_page_state(page, StatItem.NR_ANON_THPS, -page.Pages);
        var nr = page.Pages;
        if (await test_and_clear_bit(PageFlags.PG_double_map, page._flags_1))
        {
            nr = 0;
            for (var i = 0; i < page.Pages; i++)
            {
                nr += await atomic_add_negative(-1, page.mapcount(i)) ? 1 : 0;
            }
        }

        if (nr != 0)
        {
            await memcontrol.__mod_lruvec_page_state(page, StatItem.NR_ANON_MAPPED, -nr);
        }
    }

    /// <summary>Counts one more mapping of a page, or of a THP as a whole, where there is one already: fork.</summary>
    /// <remarks>Left out: pages that may be pinned, which are not shared.</remarks>
    [KernelSource("include/linux/rmap.h")]
    public virtual async KernelTask page_try_dup_anon_rmap(Page page, bool compound) =>
        await atomic_inc(compound ? page.Folio._compound_mapcount : page._mapcount);

    /// <summary>What __split_huge_pmd_locked does to the counts before it writes the first pte.</summary>
    [KernelSource("mm/huge_memory.c", Function = "__split_huge_pmd_locked")]
    public virtual async KernelTask split_begins(Folio page) => await atomic_add(page.Pages - 1, page._refcount);

    /// <summary>What it does to them at each pte.</summary>
    [KernelSource("mm/huge_memory.c", Function = "__split_huge_pmd_locked")]
    public virtual async KernelTask split_adds(Page page, Vma vma) => await atomic_inc(page._mapcount);

    /// <summary>What it does to them once all ptes are there: the PMD's mapping ends.</summary>
    [KernelSource("mm/huge_memory.c", Function = "__split_huge_pmd_locked")]
    public virtual async KernelTask split_ends(Folio page, Vma vma)
    {
        // Before the compound mapcount falls, so that the folio never looks unmapped.
        if (await atomic_read(page._compound_mapcount) + 1 > 1 && !await test_and_set_bit(PageFlags.PG_double_map, page._flags_1))
        {
            for (var i = 0; i < page.Pages; i++)
            {
                await atomic_inc(page.mapcount(i));
            }
        }

        await memcontrol.lock_page_memcg(page);
        if (await atomic_add_negative(-1, page._compound_mapcount))
        {
            await memcontrol.__mod_lruvec_page_state(page, StatItem.NR_ANON_THPS, -page.Pages);
            if (await test_and_clear_bit(PageFlags.PG_double_map, page._flags_1))
            {
                for (var i = 0; i < page.Pages; i++)
                {
                    await atomic_dec(page.mapcount(i));
                }
            }
        }

        await memcontrol.unlock_page_memcg(page);
        await mlock.munlock_vma_page(new(page, 0), vma, compound: true);
    }

    /// <summary>VM_BUG_ON_PAGE(!PageLocked(page)).</summary>
    [KernelSource("mm/rmap.c", Function = "page_add_anon_rmap")]
    public virtual async KernelTask vm_bug_on_unlocked(Folio folio)
    {
        if (Config.DEBUG_VM)
        {
            BUG_ON(!await test_bit(PageFlags.PG_locked, folio.flags), "VM_BUG_ON_PAGE(!PageLocked(page))");
        }
    }

    /// <summary>The statistics of an anonymous folio: so many pages of it more, or fewer, that PMDs map, and that anything maps.</summary>
    [KernelSource("mm/rmap.c", Function = "page_add_anon_rmap")]
    public virtual async KernelTask count_anon(Page page, int nr_pmdmapped, int nr)
    {
        if (nr_pmdmapped != 0)
        {
            await memcontrol.__mod_lruvec_page_state(page.Folio, StatItem.NR_ANON_THPS, nr_pmdmapped);
        }

        if (nr != 0)
        {
            await memcontrol.__mod_lruvec_page_state(page.Folio, StatItem.NR_ANON_MAPPED, nr);
        }
    }

    /// <summary>The statistics of a page of the page cache.</summary>
    /// <param name="page">The page.</param>
    /// <param name="nr">1 or -1.</param>
    /// <param name="lockMemcg">Whether its memcg is locked here, as it was not around the mapcount.</param>
    [KernelSource("mm/rmap.c", Function = "page_remove_file_rmap", With = "page_remove_rmap")]
    public virtual async KernelTask count_file(Page page, int nr, bool lockMemcg)
    {
        if (lockMemcg)
        {
            await memcontrol.lock_page_memcg(page.Folio);
        }

        await memcontrol.__mod_lruvec_page_state(page.Folio, StatItem.NR_FILE_MAPPED, nr);
        if (lockMemcg)
        {
            await memcontrol.unlock_page_memcg(page.Folio);
        }
    }
}
