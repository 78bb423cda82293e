using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/mempolicy.c in 6.3: binding a range to a node, and moving there what is mapped in it.</summary>
/// <remarks>
/// Left out: modes other than MPOL_BIND to one node; the policies of tasks, so memory without a policy is of node 0, where all runs; lru_cache_disable(), as there are no
/// pagevecs here.
/// </remarks>
public class mempolicy_6_3(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>huge_memory.c.</summary>
    protected huge_memory_6_3 huge_memory => File<huge_memory_6_3>();

    /// <summary>migrate.c.</summary>
    protected migrate_6_3 migrate => (migrate_6_3)File<migrate>();

    /// <summary>mbind(MPOL_MF_MOVE), also with MPOL_MF_STRICT: mmap_lock is held for writing from the beginning to the end.</summary>
    /// <remarks>That it ends is the event <c>mbind returns</c>.</remarks>
    [KernelSource("mm/mempolicy.c", At = "v6.3")]
    public virtual async KernelTask do_mbind(Mm mm, int start, int end, int node, bool strict)
    {
        await down_write(mm.mmap_lock);
        var failed = await bind_and_move(mm, start, end, node, strict);
        await up_write(mm.mmap_lock);
        returns(mm, new MbindCall(start, end, node, strict, failed));
    }

    /// <summary>What do_mbind does under mmap_lock; says whether it fails, with -EIO.</summary>
    [KernelSource("mm/mempolicy.c", At = "v6.3", Function = "do_mbind")]
    public virtual async KernelTask<bool> bind_and_move(Mm mm, int start, int end, int node, bool strict)
    {
        var qp = await queue_pages_range(mm, new QueuePages(node, strict, start, end));
        if (qp.Error)
        {
            await putback_movable_pages(qp.List);
            return true;
        }

        await ((mmap_6_3)mmap).change_vmas(mm, start, end, VmFlags.None, node + 1); // mbind_range
        var nr_failed = await migrate_pages(mm, qp);
        return strict && (qp.NrFailed != 0 || nr_failed != 0);
    }

    /// <summary>For observers: the call is over.</summary>
    protected void returns(Mm mm, MbindCall call)
    {
        for (var address = call.Start; address < call.End && !call.Failed; address++)
        {
            Ghost(mm.bound(address), call.Node + 1);
        }

        Ghost(current.mbind, call);
        Oracle("mbind returns", mm);
    }

    /// <summary>Whether the walk of mbind ends, with MPOL_MF_STRICT, after the table or huge PMD in which a folio could not be isolated: until 6.6, which goes on.</summary>
    protected virtual bool EndsAtUnmovable => true;

    /// <summary>Whether the walk goes back to a PMD that turns out to be no table: since 6.5. Before, it passes by.</summary>
    protected virtual bool LooksAtPmdAgain => false;

    /// <summary>Isolates the folios of a range that are on another node, the whole of each: vma by vma, and there PMD by PMD.</summary>
    /// <remarks>Left out: the look for holes in the range, with which mbind fails.</remarks>
    [KernelSource("mm/mempolicy.c", At = "v6.3", With = "walk_page_range")]
    public virtual async KernelTask<QueuePages> queue_pages_range(Mm mm, QueuePages qp)
    {
        Ghost(current.mbind_mm, mm);
        Ghost(current.mbind, new MbindCall(qp.Start, qp.End, qp.Node, qp.Strict, false));
        var vma_end = qp.Start;
        for (int address = qp.Start, next; address < qp.End && !qp.Error && !(EndsAtUnmovable && qp.NrFailed > 0); address = next)
        {
            if (address == vma_end)
            {
                var vma = await mmap.find_vma(mm, address);
                vma_end = vma is null ? qp.End : Math.Min(await load(vma.vm_end), qp.End);
            }

            next = pgtable.pmd_addr_end(address, vma_end);
            qp = await queue_pages_pmd(mm, address, next, qp);
        }

        return qp;
    }

    /// <summary>queue_pages_range at what a PMD reaches. Each test reads it again, without its lock.</summary>
    /// <remarks>Left out: that a table's PMD is read once more for the pte and for the lock (nothing: under mmap_lock it stays).</remarks>
    [KernelSource("mm/mempolicy.c", At = "v6.3", Function = "queue_folios_pte_range", With = "walk_pmd_range")]
    public virtual async KernelTask<QueuePages> queue_pages_pmd(Mm mm, int address, int end, QueuePages qp)
    {
        var pmd = pgtable.pmd_offset(mm, address);
        var looks = true;
        while (looks)
        {
            looks = LooksAtPmdAgain;
            if (pgtable.pmd_none(await load(pmd)))
            {
                break;
            }

            Pmd pmdval;
            if (pgtable.is_swap_pmd(await load(pmd)) || pgtable.pmd_trans_huge(await load(pmd))) // pmd_trans_huge_lock
            {
                await spin_lock(mm.page_table_lock);
                pmdval = await load(pmd);
                var is_huge = pgtable.is_swap_pmd(pmdval) || pgtable.pmd_trans_huge(pmdval);
                if (is_huge)
                {
                    qp = await queue_folios_pmd(pmdval, address, qp);
                }

                await spin_unlock(mm.page_table_lock);
                if (is_huge)
                {
                    break;
                }
            }

            pmdval = await load(pmd);
            if (!pgtable.pmd_none_or_trans_huge(pmdval)) // pmd_trans_unstable, since 6.5 pte_offset_map_lock
            {
                qp = await queue_folios_pte_range(pgtable.pmd_pgtable(pmdval), address, end, qp);
                break;
            }
        }

        return qp;
    }

    /// <summary>queue_pages_range at a huge PMD, under its lock. One that is a migration entry ends mbind with -EIO, though MPOL_MF_STRICT was not asked for.</summary>
    [KernelSource("mm/mempolicy.c", At = "v6.3")]
    public virtual async KernelTask<QueuePages> queue_folios_pmd(Pmd pmdval, int address, QueuePages qp)
    {
        if (pgtable.is_pmd_migration_entry(pmdval))
        {
            return qp with { Error = true };
        }

        var folio = pgtable.pmd_page(pmdval);
        return await load(folio.nid) == qp.Node ? qp : await migrate_folio_add(folio, address - pgtable.pte_index(address), qp);
    }

    /// <summary>queue_pages_range at ptes. Migration entries are passed by.</summary>
    [KernelSource("mm/mempolicy.c", At = "v6.3")]
    public virtual async KernelTask<QueuePages> queue_folios_pte_range(PageTable table, int address, int end, QueuePages qp)
    {
        await spin_lock(table.ptl);
        for (; address < end; address++)
        {
            var pte = await load(table.pte[pgtable.pte_index(address)]);
            if (!pte.Present)
            {
                qp = pte == default ? qp : queue_migration_entry(qp);
                continue;
            }

            var folio = Caches.pfn_to_page(pte.Pfn);
            if (await load(folio.nid) == qp.Node || (Toggle("mbind-remembers-large") && folio.Pages > 1 && folio == qp.Large))
            {
                continue;
            }

            qp = await migrate_folio_add(folio, address - Caches.pfn_to_index(pte.Pfn), qp with { Large = folio.Pages > 1 && Toggle("mbind-remembers-large") ? folio : qp.Large });
        }

        await spin_unlock(table.ptl);
        return qp;
    }

    /// <summary>What a pte that is a migration entry counts for: nothing until 6.7.</summary>
    [KernelSource("mm/mempolicy.c", At = "v6.3", Function = "queue_folios_pte_range")]
    public virtual QueuePages queue_migration_entry(QueuePages qp) => qp;

    /// <summary>Isolates a folio that looks unshared. One that cannot be isolated counts, with MPOL_MF_STRICT; one that looks shared does not. Isolating is the event <c>mbind isolates</c>.</summary>
    /// <param name="folio">The folio.</param>
    /// <param name="first">Where its first page is, or would be.</param>
    /// <param name="qp">The walk.</param>
    /// <remarks>With the toggle it asks as since 6.9.</remarks>
    [KernelSource("mm/mempolicy.c", At = "v6.3")]
    public virtual async KernelTask<QueuePages> migrate_folio_add(Folio folio, int first, QueuePages qp)
    {
        if (await (Toggle("mbind-looks-at-all-mapcounts") ? folio_likely_mapped_shared(folio) : folio_estimated_shared(folio)))
        {
            return qp;
        }

        if (!await File<vmscan>().folio_isolate_lru(folio))
        {
            return unmovable(qp);
        }

        Oracle("mbind isolates", folio);
        return qp with { List = qp.List.With(folio) };
    }

    /// <summary>Whether a folio looks as if more than one process had it, by the mapcount of its first page: folio_estimated_sharers() != 1, which one that is not mapped is not, either.</summary>
    [KernelSource("include/linux/mm.h", At = "v6.3", Function = "folio_estimated_sharers")]
    public virtual async KernelTask<bool> folio_estimated_shared(Folio folio)
    {
        var sharers = await atomic_read(folio._mapcount) + 1;
        if (folio.Pages > 1)
        {
            sharers += await atomic_read(folio._compound_mapcount) + 1; // page_mapcount
        }

        return sharers != 1;
    }

    /// <summary>The same by all mapcounts together, and by the first page's where they do not say.</summary>
    [KernelSource("include/linux/mm.h", At = "v6.9")]
    public virtual async KernelTask<bool> folio_likely_mapped_shared(Folio folio)
    {
        var mapcount = await mm.folio_mapcount(folio);
        if (folio.Pages == 1 || mapcount <= 1)
        {
            return mapcount > 1;
        }

        return await atomic_read(folio._compound_mapcount) >= 0 || mapcount > folio.Pages || await atomic_read(folio._mapcount) > 0;
    }

    /// <summary>A folio is not to be had.</summary>
    [KernelSource("mm/mempolicy.c", At = "v6.3", Function = "migrate_folio_add")]
    public virtual QueuePages unmovable(QueuePages qp) => qp.Strict ? qp with { NrFailed = qp.NrFailed + 1 } : qp;

    /// <summary>Moves the folios of a list to where each belongs, and puts back those that stay once all have been tried.</summary>
    /// <returns>How many stay.</returns>
    /// <remarks>
    /// One after the other, as MIGRATE_SYNC does with what asynchronous migration of the list has left (hides what that does first). With the toggle no THP is to be had: it is
    /// split, and when the list is done each of its pages is moved by itself, here waiting for its lock, which the kernel only tries (invents waiting; hides a page that stays).
    /// </remarks>
    [KernelSource("mm/migrate.c", At = "v6.3", With = "do_mbind")]
    public virtual async KernelTask<int> migrate_pages(Mm mm, QueuePages qp)
    {
        var nr_failed = 0;
        var stay = default(FolioList);
        var split = default(FolioList);
        for (var i = 0; i < qp.List.Count; i++)
        {
            var folio = qp.List[i];
            if (folio.Pages == 1 || !Toggle("migration-finds-no-thp"))
            {
                stay = await migrate_folio_to(mm, folio, qp) ? stay : stay.With(folio);
                continue;
            }

            if (await atomic_read(folio._refcount) == 1)
            {
                await this.mm.folio_put(folio); // freed from under us
                continue;
            }

            await this.mm.folio_lock(folio); // try_split_folio
            var head = await huge_memory.split_huge_page_to_list(folio, 0, uniform: true, isolated: true);
            await this.mm.folio_unlock(head ?? folio);
            (stay, split) = head is null ? (stay.With(folio), split) : (stay, split.With(folio));
        }

        for (var i = 0; i < split.Count; i++)
        {
            for (var page = 0; page < split[i].Pages; page++)
            {
                var small = await load(split[i].compound_head[page]);
                if (!await migrate_folio_to(mm, small!, qp))
                {
                    await File<vmscan>().move_folio_to_lru(small!);
                    nr_failed++;
                }
            }
        }

        await putback_movable_pages(stay);
        return nr_failed + stay.Count;
    }

    /// <summary>Moves one folio; says whether it moved it.</summary>
    /// <remarks>The target is found before the folio's references are counted, in the kernel after that (nothing: the folio is isolated).</remarks>
    [KernelSource("mm/migrate.c", At = "v6.3", Function = "migrate_pages_batch")]
    public virtual async KernelTask<bool> migrate_folio_to(Mm mm, Folio folio, QueuePages qp) => await migrate.migrate_folio(folio, await target_node(mm, folio, qp));

    /// <summary>The node that a folio is to be moved to: by the policy of the first vma from the range's first page on that may map it, by its offsets and its anon_vma's root.</summary>
    [KernelSource("mm/mempolicy.c", At = "v6.3", Function = "new_page")]
    public virtual async KernelTask<int> target_node(Mm mm, Folio folio, QueuePages qp)
    {
        var anon_vma = (AnonVma?)await load(folio.mapping);
        var pgoff = await load(folio.index);
        for (var i = 0; await list_get(mm.mm_mt, i) is { } vma; i++)
        {
            if (await load(vma.vm_end) <= qp.Start || await load(vma.anon_vma) is not { } own)
            {
                continue;
            }

            var root = await load(own.root); // page_address_in_vma
            if (root == await load(anon_vma!.root) && await ((rmap_6_3)rmap).vma_address(vma, pgoff, folio.Pages) >= 0)
            {
                return Math.Max(await load(vma.vm_policy) - 1, 0);
            }
        }

        return 0;
    }

    /// <summary>Gives up the isolation of a list.</summary>
    [KernelSource("mm/migrate.c", At = "v6.3")]
    public virtual async KernelTask putback_movable_pages(FolioList list)
    {
        for (var i = 0; i < list.Count; i++)
        {
            await File<vmscan>().move_folio_to_lru(list[i]);
        }
    }
}

/// <summary>mm/mempolicy.c in 6.7, after Hugh Dickins's series of October 2023: failures are counted, and mmap_lock is dropped before anything is moved.</summary>
public class mempolicy_6_7(Kernel kernel) : mempolicy_6_3(kernel)
{
    /// <inheritdoc/>
    protected override bool EndsAtUnmovable => false;

    /// <inheritdoc/>
    protected override bool LooksAtPmdAgain => true;

    /// <inheritdoc/>
    /// <remarks>The toggle holds mmap_lock to the end, as before 72e315f7a750.</remarks>
    [KernelSource("mm/mempolicy.c", At = "v6.7")]
    public override async KernelTask do_mbind(Mm mm, int start, int end, int node, bool strict)
    {
        await down_write(mm.mmap_lock);
        var qp = await queue_pages_range(mm, new QueuePages(node, strict, start, end));
        await ((mmap_6_3)mmap).change_vmas(mm, start, end, VmFlags.None, node + 1); // mbind_range
        if (Checks("mbind-drops-mmap-lock"))
        {
            await up_write(mm.mmap_lock);
        }

        var nr_failed = qp.NrFailed + await migrate_pages(mm, qp);
        if (!Checks("mbind-drops-mmap-lock"))
        {
            await up_write(mm.mmap_lock);
        }

        returns(mm, new MbindCall(start, end, node, strict, strict && nr_failed != 0));
    }

    /// <inheritdoc/>
    /// <remarks>A migration entry is a folio that was not isolated.</remarks>
    [KernelSource("mm/mempolicy.c", At = "v6.7")]
    public override async KernelTask<QueuePages> queue_folios_pmd(Pmd pmdval, int address, QueuePages qp) =>
        pgtable.is_pmd_migration_entry(pmdval) ? unmovable(qp) : await base.queue_folios_pmd(pmdval, address, qp);

    /// <inheritdoc/>
    [KernelSource("mm/mempolicy.c", At = "v6.7", Function = "queue_folios_pte_range")]
    public override QueuePages queue_migration_entry(QueuePages qp) => unmovable(qp);

    /// <inheritdoc/>
    [KernelSource("mm/mempolicy.c", At = "v6.7", Function = "migrate_folio_add")]
    public override QueuePages unmovable(QueuePages qp) => qp with { NrFailed = qp.NrFailed + 1 };

    /// <inheritdoc/>
    /// <remarks>The policy that was asked for, whichever vma the folio is in.</remarks>
    [KernelSource("mm/mempolicy.c", At = "v6.7", Function = "alloc_migration_target_by_mpol")]
    public override async KernelTask<int> target_node(Mm mm, Folio folio, QueuePages qp) => qp.Node;
}
