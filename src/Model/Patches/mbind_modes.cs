using ThpCheck.Model.Kernel;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Patches;

/// <summary>mbind splits a THP of which it is to move a part: Matthew Wilcox, 30 January 2023: that part's grouping with the rest was wrong.</summary>
/// <remarks>
/// Nobody has written it. It splits before it queues, and leaves alone what it could not split: with MPOL_MF_STRICT it says so.
/// </remarks>
public class mbind_splits_mempolicy(Kernel.Kernel kernel) : mempolicy_6_3(kernel)
{
    /// <summary>Whether it splits all of the THP, or only what the range needs.</summary>
    protected virtual bool IsUniform => true;

    /// <inheritdoc/>
    [KernelSource("mm/mempolicy.c", At = "v6.3", Function = "do_mbind")]
    public override async KernelTask<bool> bind_and_move(Mm mm, int start, int end, int node, bool strict)
    {
        var qp = new QueuePages(node, strict, start, end);
        for (var address = start; address < end; address++)
        {
            var (folio, page) = await huge_memory.follow_page(mm, address);
            if (folio is null)
            {
                continue;
            }

            if (qp.Cuts(folio, address - page) && await load(folio.nid) != node)
            {
                await this.mm.folio_lock(folio);
                folio = await huge_memory.split_huge_page_to_list(folio, page, IsUniform, isolated: false) ?? folio;
                await this.mm.folio_unlock(folio);
            }

            await this.mm.folio_put(folio);
        }

        return await base.bind_and_move(mm, start, end, node, strict);
    }

    /// <inheritdoc/>
    /// <remarks>A folio that is still in the range in part only stays where it is.</remarks>
    [KernelSource("mm/mempolicy.c", At = "v6.3")]
    public override async KernelTask<QueuePages> migrate_folio_add(Folio folio, int first, QueuePages qp) =>
        qp.Cuts(folio, first) ? unmovable(qp) : await base.migrate_folio_add(folio, first, qp);
}

/// <summary>The same with a split that is not uniform, as folio_split() is (58729c04cf10, v6.15), which Matthew Wilcox had in mind: it keeps large what is far from the range.</summary>
public class mbind_splits_near_mempolicy(Kernel.Kernel kernel) : mbind_splits_mempolicy(kernel)
{
    /// <inheritdoc/>
    protected override bool IsUniform => false;
}

/// <summary>mbind binds all of a THP of which it is asked to bind a part: one of the three ways that Hugh Dickins named on 28 January 2023.</summary>
public class mbind_widens_mempolicy(Kernel.Kernel kernel) : mempolicy_6_3(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/mempolicy.c", At = "v6.3", Function = "do_mbind")]
    public override async KernelTask<bool> bind_and_move(Mm mm, int start, int end, int node, bool strict)
    {
        var (from, to) = (start, end);
        for (var address = start; address < end; address++)
        {
            var (folio, page) = await huge_memory.follow_page(mm, address);
            if (folio is not null)
            {
                (from, to) = (Math.Min(from, address - page), Math.Max(to, address - page + folio.Pages));
                await this.mm.folio_put(folio);
            }
        }

        return await base.bind_and_move(mm, from, to, node, strict);
    }
}

/// <summary>mbind copies the pages that it is asked for out of a THP, and leaves the THP as it is: another of the three.</summary>
/// <remarks>Nobody has written it. Pages are copied under the page table's lock, with their pte clear, so that nobody stores meanwhile.</remarks>
public class mbind_copies_mempolicy(Kernel.Kernel kernel) : mempolicy_6_3(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/mempolicy.c", At = "v6.3", Function = "do_mbind")]
    public override async KernelTask<bool> bind_and_move(Mm mm, int start, int end, int node, bool strict)
    {
        var failed = await base.bind_and_move(mm, start, end, node, strict);
        var qp = new QueuePages(node, strict, start, end);
        for (var address = start; address < end; address++)
        {
            var pmd = await load(pgtable.pmd_offset(mm, address));
            if (!pgtable.pmd_none_or_trans_huge(pmd) && !await copy_out(mm, pgtable.pmd_pgtable(pmd), address, qp))
            {
                failed |= strict;
            }
        }

        return failed;
    }

    /// <inheritdoc/>
    /// <remarks>A folio that is in the range in part only is not moved.</remarks>
    [KernelSource("mm/mempolicy.c", At = "v6.3")]
    public override async KernelTask<QueuePages> migrate_folio_add(Folio folio, int first, QueuePages qp) =>
        qp.Cuts(folio, first) ? qp : await base.migrate_folio_add(folio, first, qp);

    /// <summary>Gives an address a copy of its page on the node, if the page is exclusive. Says whether the page may stay where it was, or has been copied.</summary>
    /// <remarks>With the toggle off, it does not look whether somebody has a reference to the page, as GUP gives one.</remarks>
    [KernelSource("mm/memory.c", At = "v6.3", Function = "wp_page_copy")]
    public virtual async KernelTask<bool> copy_out(Mm vm_mm, PageTable table, int address, QueuePages qp)
    {
        var copy = await kmem_cache_alloc(Caches.Folio);
        await store(copy.nid, qp.Node);
        await atomic_set(copy._refcount, 1);
        var vma = await mmap.find_vma(vm_mm, address);
        var ptep = table.pte[pgtable.pte_index(address)];
        await spin_lock(table.ptl);
        var pte = await load(ptep);
        var folio = pte.Present ? Caches.pfn_to_page(pte.Pfn) : null;
        var page = pte.Present ? Caches.pfn_to_index(pte.Pfn) : 0;
        if (folio is null || !qp.Cuts(folio, address - page) || await load(folio.nid) == qp.Node)
        {
            await spin_unlock(table.ptl);
            await mm.folio_put(copy);
            return true;
        }

        pte = await tlbflush.ptep_clear_flush(vma!, address, ptep);
        var is_free = await test_bit(SubpageFlags.PG_anon_exclusive, folio.page_flags[page]);
        if (is_free && Checks("copy-counts-references"))
        {
            var mapcount = await mm.folio_mapcount(folio);
            is_free = await atomic_read(folio._refcount) == mapcount; // both count this pte still
        }

        if (!is_free)
        {
            await store(ptep, pte);
            await spin_unlock(table.ptl);
            await mm.folio_put(copy);
            return false;
        }

        var data = await load(folio.data_of(page)); // copy_user_highpage
        await store(copy.data, data);
        await rmap.page_add_new_anon_rmap(copy, vma!, address);
        await set_bit(PageFlags.PG_lru, copy.flags);
        await store(ptep, pte with { Pfn = Caches.page_to_pfn(copy) });
        await File<large_rmap>().page_remove_rmap(folio, page, vm_mm);
        await spin_unlock(table.ptl);
        await mm.folio_put(folio);
        return true;
    }
}
