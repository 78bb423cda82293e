using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>What a walk of migration does at each vma: rmap_walk_control's rmap_one.</summary>
public enum MigrationWalk
{
    /// <summary>Leaves migration entries; done once the folio is not mapped. Its folio is the one that goes.</summary>
    try_to_migrate_one,

    /// <summary>Maps a folio where there are migration entries of another, which may be itself.</summary>
    remove_migration_pte,
}

/// <summary>How try_to_migrate goes about it: enum ttu_flags.</summary>
[Flags]
public enum MigrationFlags
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>TTU_SPLIT_HUGE_PMD.</summary>
    SplitHugePmd = 4,

    /// <summary>TTU_SYNC.</summary>
    Sync = 16,

    /// <summary>TTU_BATCH_FLUSH: the flush is put off, to be done once for all folios of a list.</summary>
    BatchFlush = 64,

    /// <summary>TTU_RMAP_LOCKED: the caller holds the lock that the walk needs.</summary>
    RmapLocked = 128,
}

/// <summary>mm/rmap.c in 6.3: anonymous folios of any size, and migration's two walks.</summary>
/// <remarks>Left out: files, KSM, hugetlb, hwpoison, device memory, mmu notifiers, statistics.</remarks>
public class rmap_6_3(Kernel kernel) : rmap(kernel)
{
    private page_vma_mapped_6_3 Walks => (page_vma_mapped_6_3)page_vma_mapped;

    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "v6.3")]
    public override async KernelTask anon_vma_chain_link(Vma vma, AnonVmaChain avc, AnonVma anon_vma, spinlock_t page_table_lock)
    {
        await store(avc.vma, vma);
        await store(avc.anon_vma, anon_vma);
        await list_add(vma.anon_vma_chain, avc, page_table_lock);
        await anon_vma_interval_tree_insert(avc, anon_vma);
    }

    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "v6.3", Function = "anon_vma_chain_link")]
    public override async KernelTask anon_vma_chain_link(Vma vma, AnonVmaChain avc, AnonVma anon_vma, rw_semaphore mmap_lock)
    {
        await store(avc.vma, vma);
        await store(avc.anon_vma, anon_vma);
        await list_add(vma.anon_vma_chain, avc, mmap_lock);
        await anon_vma_interval_tree_insert(avc, anon_vma);
    }

    /// <summary>Puts a vma into a tree: in the order of vm_pgoff, behind those that have the same. The root's lock is held for writing.</summary>
    /// <remarks>
    /// Here those with a greater offset are taken out and put behind it (hides nothing: who looks holds the lock). The toggle puts it before those that have the same
    /// offset.
    /// </remarks>
    [KernelSource("mm/interval_tree.c", At = "v6.3")]
    public virtual async KernelTask anon_vma_interval_tree_insert(AnonVmaChain avc, AnonVma anon_vma)
    {
        var root = await load(anon_vma.root);
        var vma = await load(avc.vma);
        var pgoff = await load(vma!.vm_pgoff);
        var count = await list_count(anon_vma.rb_root);
        var place = 0;
        for (; place < count; place++)
        {
            var at = await list_get(anon_vma.rb_root, place);
            var other = await load(at!.vma);
            var other_pgoff = await load(other!.vm_pgoff);
            if (other_pgoff > pgoff || (other_pgoff == pgoff && Toggle("child-linked-first")))
            {
                break;
            }
        }

        await list_add_tail(anon_vma.rb_root, avc, root!.rwsem);
        for (; place < count; count--)
        {
            var above = await list_get(anon_vma.rb_root, place);
            await list_del(anon_vma.rb_root, above!, root.rwsem);
            await list_add_tail(anon_vma.rb_root, above!, root.rwsem);
        }
    }

    /// <summary>Unmaps a locked folio everywhere and leaves migration entries, unless it is pinned.</summary>
    [KernelSource("mm/rmap.c", At = "v6.3")]
    public virtual KernelTask<TlbUbc> try_to_migrate(Folio folio, MigrationFlags flags) => rmap_walk_anon(folio, folio, MigrationWalk.try_to_migrate_one, flags, 0);

    /// <summary>Maps a folio wherever there are migration entries of the old one, or of that part of it that the folio is now.</summary>
    /// <param name="src">The old folio, whose pages the entries name.</param>
    /// <param name="dst">The folio.</param>
    /// <param name="locked">Whether the caller holds the anon_vma's lock.</param>
    /// <param name="first">Which page of the old folio is the first of this one; not 0 only where a folio was split.</param>
    [KernelSource("mm/migrate.c", At = "v6.3")]
    public virtual async KernelTask remove_migration_ptes(Folio src, Folio dst, bool locked, int first = 0) =>
        await rmap_walk_anon(dst, src, MigrationWalk.remove_migration_pte, locked ? MigrationFlags.RmapLocked : MigrationFlags.None, first);

    /// <summary>Visits every vma that may map an anonymous folio, in the order of their offsets, under the lock of its anon_vma's root.</summary>
    /// <param name="folio">The folio whose anon_vma and offset say where.</param>
    /// <param name="old">Whose entries are looked for: the folio itself, or the one that it replaces.</param>
    /// <param name="rmap_one">What to do.</param>
    /// <param name="flags">How.</param>
    /// <param name="first">Which page of the old folio is the first of the folio.</param>
    /// <returns>What awaits a flush.</returns>
    [KernelSource("mm/rmap.c", At = "v6.3")]
    public virtual async KernelTask<TlbUbc> rmap_walk_anon(Folio folio, Folio old, MigrationWalk rmap_one, MigrationFlags flags, int first)
    {
        var tlb_ubc = TlbUbc.None;
        var locked = (flags & MigrationFlags.RmapLocked) != 0;
        AnonVma? anon_vma;
        if (locked || rmap_one == MigrationWalk.remove_migration_pte)
        {
            anon_vma = (AnonVma?)await load(folio.mapping);
            Ghost(current.rmap_anon_vma, anon_vma); // rmap_walk_anon_lock: relies on a reference, not on the folio's being mapped
            if (!locked)
            {
                await anon_vma_lock_read(anon_vma!);
            }
        }
        else
        {
            anon_vma = await folio_lock_anon_vma_read(folio, File<rmap_walks>().page_idle_rwc);
        }

        if (anon_vma is null)
        {
            return tlb_ubc;
        }

        var pgoff = await load(folio.index);
        var goes_on = true;
        for (var i = 0; goes_on && await list_get(anon_vma.rb_root, i) is { } avc; i++)
        {
            var vma = await load(avc.vma);
            var address = await vma_address(vma!, pgoff, folio.Pages);
            if (address < 0)
            {
                continue;
            }

            if (rmap_one == MigrationWalk.remove_migration_pte)
            {
                await remove_migration_pte(folio, vma!, address, old, first);
                continue;
            }

            (goes_on, tlb_ubc) = await try_to_migrate_one(folio, vma!, address, flags, tlb_ubc);
            goes_on = goes_on && await mm.folio_mapped(folio); // done: folio_not_mapped
        }

        if (!locked)
        {
            await anon_vma_unlock_read(anon_vma);
        }

        Ghost(current.rmap_anon_vma, null);
        return tlb_ubc;
    }

    /// <summary>Where the first page of a folio that is in a vma's range is, or -1 when none is.</summary>
    [KernelSource("mm/internal.h", At = "v6.3")]
    public virtual async KernelTask<int> vma_address(Vma vma, int pgoff, int nr)
    {
        var vm_pgoff = await load(vma.vm_pgoff);
        var vm_start = await load(vma.vm_start);
        if (pgoff >= vm_pgoff)
        {
            var address = vm_start + pgoff - vm_pgoff;
            return address < await load(vma.vm_end) ? address : -1;
        }

        return pgoff + nr > vm_pgoff ? vm_start : -1;
    }

    /// <summary>Where in a vma a folio ends.</summary>
    [KernelSource("mm/internal.h", At = "v6.3")]
    public virtual async KernelTask<int> vma_address_end(Folio folio, Vma vma, int address)
    {
        if (folio.Pages == 1)
        {
            return address + 1;
        }

        var pgoff = await load(folio.index);
        var vm_pgoff = await load(vma.vm_pgoff);
        var vm_start = await load(vma.vm_start);
        var vm_end = await load(vma.vm_end);
        return Math.Min(vm_start + pgoff + folio.Pages - vm_pgoff, vm_end);
    }

    /// <summary>try_to_migrate in one vma: every pte that maps a page of the folio becomes a migration entry, whichever page the vma's offset would make it.</summary>
    /// <returns>Whether the walk goes on, and what awaits a flush.</returns>
    [KernelSource("mm/rmap.c", At = "v6.3")]
    public virtual async KernelTask<(bool GoesOn, TlbUbc TlbUbc)> try_to_migrate_one(Folio folio, Vma vma, int address, MigrationFlags flags, TlbUbc tlb_ubc)
    {
        var vm_mm = await load(vma.vm_mm);
        if ((flags & MigrationFlags.SplitHugePmd) != 0)
        {
            await File<huge_memory_6_3>().split_huge_pmd_address(vma, address, freeze: true, folio);
        }

        var end = await vma_address_end(folio, vma, address);
        var pvmw = await Walks.page_vma_mapped_walk(new FolioWalk(folio, vma, vm_mm!, address, end, 0, folio.Pages, Migration: false, (flags & MigrationFlags.Sync) != 0));
        while (pvmw.IsFound)
        {
            if (pvmw.IsPmd)
            {
                if (!await File<huge_memory_6_3>().set_pmd_migration_entry(pvmw, folio))
                {
                    await Walks.walk_done(pvmw);
                    return (false, tlb_ubc);
                }

                pvmw = await Walks.page_vma_mapped_walk(pvmw);
                continue;
            }

            var ptep = pvmw.Table!.pte[pgtable.pte_index(pvmw.Address)];
            var mapped = await load(ptep);
            var page = Caches.pfn_to_index(mapped.Pfn);
            var anon_exclusive = await test_bit(SubpageFlags.PG_anon_exclusive, folio.page_flags[page]);
            Pte pteval;
            if ((flags & MigrationFlags.BatchFlush) != 0)
            {
                pteval = await pgtable.ptep_get_and_clear_full(ptep);
                tlb_ubc = await set_tlb_ubc_flush_pending(vm_mm!, pteval.Dirty, tlb_ubc);
            }
            else
            {
                pteval = await tlbflush.ptep_clear_flush(vma, pvmw.Address, ptep);
            }

            if (pteval.Dirty)
            {
                await mm.set_page_dirty(folio);
            }

            BUG_ON(Config.DEBUG_VM && pteval.Write && !anon_exclusive, "VM_BUG_ON_PAGE(pte_write(pteval) && folio_test_anon(folio) && !anon_exclusive, subpage)");
            if (anon_exclusive && !await page_try_share_anon_rmap(folio, page))
            {
                await store(ptep, pteval);
                await Walks.walk_done(pvmw);
                return (false, tlb_ubc);
            }

            var kept = Checks("migration-keeps-exclusive");
            await store(ptep, new Pte(Present: false, pteval.Write && kept, Dirty: false, Young: false, pteval.Pfn, anon_exclusive && kept && !pteval.Write));
            Oracle("migration entry", folio);
            await File<large_rmap>().page_remove_rmap(folio, page, vm_mm!);
            await mm.folio_put(folio);
            pvmw = await Walks.page_vma_mapped_walk(pvmw);
        }

        return (true, tlb_ubc);
    }

    /// <summary>Takes a page's exclusiveness, unless it may be pinned; its pte is cleared already. Says whether it did.</summary>
    /// <remarks>Left out: VM_BUG_ON of a page that is not exclusive, or not anonymous (hides it; who calls has looked, under the page-table lock).</remarks>
    [KernelSource("include/linux/rmap.h", At = "v6.3")]
    public virtual async KernelTask<bool> page_try_share_anon_rmap(Folio folio, int page)
    {
        await smp_mb();
        if (await File<gup>().folio_maybe_dma_pinned(folio))
        {
            return false; // -EBUSY
        }

        await clear_bit(SubpageFlags.PG_anon_exclusive, folio.page_flags[page]);
        await smp_mb();
        return true;
    }

    /// <summary>
    /// remove_migration_pte in one vma. Which page of the folio an entry gets, the vma's offset says: not the entry, though that names a page.
    /// </summary>
    /// <remarks>Left out: young and dirty bits, which a new mapping begins without; mlock; the rights that the vma has by now.</remarks>
    [KernelSource("mm/migrate.c", At = "v6.3")]
    public virtual async KernelTask remove_migration_pte(Folio folio, Vma vma, int address, Folio old, int first)
    {
        var vm_mm = await load(vma.vm_mm);
        var end = await vma_address_end(folio, vma, address);
        var pvmw = new FolioWalk(old, vma, vm_mm!, address, end, first, folio.Pages, Migration: true, Sync: true);
        for (pvmw = await first_migration_entry(pvmw); pvmw.IsFound; pvmw = await Walks.page_vma_mapped_walk(pvmw))
        {
            if (pvmw.IsPmd)
            {
                await File<huge_memory_6_3>().remove_migration_pmd(pvmw, folio);
                continue;
            }

            var ptep = pvmw.Table!.pte[pgtable.pte_index(pvmw.Address)];
            var entry = await load(ptep);
            var page = 0;
            if (folio.Pages > 1)
            {
                page = await memory.linear_page_index(vma, pvmw.Address);
                page -= await load(folio.index); // pvmw.pgoff, which is the old folio's, too
                if (Toggle("index-from-entry"))
                {
                    page = Caches.pfn_to_index(entry.Pfn) - first;
                }

                BUG_ON(page < 0 || page >= folio.Pages, "folio_page(): beyond the folio");
            }

            await mm.folio_get(folio);
            await page_add_anon_rmap(folio, page, vma, pvmw.Address, exclusive: entry.Write || entry.Exclusive);
            await store(ptep, new Pte(Present: true, entry.Write, Dirty: false, Young: false, Caches.page_to_pfn(folio) + page));
        }
    }

    /// <summary>Begins the walk of remove_migration_pte. With the toggle as it was up to 3.1: a look without the lock decides whether there is an entry at all.</summary>
    [KernelSource("mm/migrate.c", At = "v6.3", Function = "remove_migration_pte")]
    public virtual async KernelTask<FolioWalk> first_migration_entry(FolioWalk pvmw)
    {
        if (Toggle("remove-looks-without-lock"))
        {
            var pmd = await load(pgtable.pmd_offset(pvmw.Mm, pvmw.Address));
            var pte = pgtable.pmd_none(pmd) ? default : await load(pgtable.pmd_pgtable(pmd).pte[pgtable.pte_index(pvmw.Address)]);
            if (pte == default || pte.Present)
            {
                return pvmw;
            }
        }

        return await Walks.page_vma_mapped_walk(pvmw);
    }

    /// <summary>Maps a page of an anonymous folio again; the caller holds the page-table lock and the folio's.</summary>
    /// <remarks>Left out: BUG_ON(!vma->anon_vma) of a first mapping (hides it; a vma in a tree has one, but for a child's at fork, which has no ptes yet).</remarks>
    [KernelSource("mm/rmap.c", At = "v6.3")]
    public virtual async KernelTask page_add_anon_rmap(Folio folio, int page, Vma vma, int address, bool exclusive)
    {
        var first = await atomic_inc_and_test(folio.mapcount(page));
        BUG_ON(Config.DEBUG_VM && !first && exclusive, "VM_BUG_ON_PAGE(!first && (flags & RMAP_EXCLUSIVE), page)");
        if (first)
        {
            if (exclusive)
            {
                await set_bit(SubpageFlags.PG_anon_exclusive, folio.page_flags[page]); // __page_set_anon_rmap
            }

            return;
        }

        if (Config.DEBUG_VM)
        {
            BUG_ON(await test_bit(SubpageFlags.PG_anon_exclusive, folio.page_flags[page]), "VM_BUG_ON_PAGE(!first && PageAnonExclusive(page), page)");
            var anon_vma = (AnonVma?)await load(folio.mapping); // __page_check_anon_rmap
            var own = await load(vma.anon_vma);
            var root = await load(anon_vma!.root);
            BUG_ON(root != await load(own!.root), "VM_BUG_ON_FOLIO(folio_anon_vma(folio)->root != vma->anon_vma->root, folio)");
            var index = await load(folio.index);
            BUG_ON(index + page != await memory.linear_page_index(vma, address), "VM_BUG_ON_PAGE(page_to_pgoff(page) != linear_page_index(vma, address), page)");
        }
    }

    /// <summary>Maps a new anonymous folio for the first time: its pages are exclusive.</summary>
    [KernelSource("mm/rmap.c", At = "v6.3")]
    public override async KernelTask page_add_new_anon_rmap(Folio page, Vma vma, int address)
    {
        await atomic_set(page.Pages == 1 ? page._mapcount : page._compound_mapcount, 0);
        var anon_vma = await load(vma.anon_vma);
        BUG_ON(anon_vma is null, "BUG_ON(!anon_vma)");
        await WRITE_ONCE<KernelObject?>(page.mapping, anon_vma); // __page_set_anon_rmap
        await store(page.index, await memory.linear_page_index(vma, address));
        await set_bit(SubpageFlags.PG_anon_exclusive, page.page_flags[0]);
    }
}
