using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>What migrate_folio_unmap leaves for migrate_folio_move: __migrate_folio_record.</summary>
/// <param name="IsUnmapped">Whether the folio is unmapped now, and may be moved; otherwise all is undone.</param>
/// <param name="WasMapped">Whether it was mapped.</param>
/// <param name="AnonVma">The anon_vma that is held, or null.</param>
/// <param name="TlbUbc">What awaits a flush.</param>
public readonly record struct MigrationRecord(bool IsUnmapped, bool WasMapped, AnonVma? AnonVma, TlbUbc TlbUbc);

/// <summary>mm/migrate.c in 6.3: moving anonymous folios, first all unmapped, then all moved.</summary>
/// <remarks>
/// Left out: that MIGRATE_SYNC, too, first tries a folio asynchronously, which puts the flush off (hides what comes between a pte and that flush, where the toggle is off; with it,
/// no verdict of specs/migration is another); the retries of a folio that is migrated by itself, so one that could not be moved goes back (hides nothing: the caller may call again); writeback, KSM, hugetlb,
/// swap cache; failing allocations, so a THP is never split for want of another; the assertions of move_to_new_folio that both are locked (hides them).
/// </remarks>
public class migrate_6_3(Kernel kernel) : migrate(kernel)
{
    private const int NR_MAX_MIGRATE_ASYNC_RETRY = 3;

    private rmap_6_3 rmap_6_3 => (rmap_6_3)rmap;

    /// <summary>Migrates one isolated folio on its node, as compaction does, and gives up its isolation, moved or not.</summary>
    [KernelSource("mm/migrate.c", At = "v6.3", Function = "migrate_pages")]
    public override async KernelTask unmap_and_move(Folio src)
    {
        if (!await migrate_folio(src, await load(src.nid)))
        {
            await File<vmscan>().move_folio_to_lru(src); // putback_movable_pages
        }
    }

    /// <summary>Migrates one isolated folio to a node. If it moved it, the isolation is given up.</summary>
    /// <returns>Whether it moved it, or nobody needs it any more.</returns>
    [KernelSource("mm/migrate.c", At = "v6.3", Function = "migrate_pages_batch")]
    public virtual async KernelTask<bool> migrate_folio(Folio src, int nid)
    {
        if (await atomic_read(src._refcount) == 1)
        {
            await mm.folio_put(src); // freed from under us
            return true;
        }

        var batch = Toggle("migration-defers-flush");
        var dst = await alloc_migration_target(src, nid);
        var record = await migrate_folio_unmap(src, dst, batch ? MigrationFlags.BatchFlush : MigrationFlags.None);
        if (Checks("flush-before-move"))
        {
            await rmap.try_to_unmap_flush(record.TlbUbc);
        }

        var is_moved = record.IsUnmapped && await migrate_folio_move(src, dst, record);
        if (record.IsUnmapped && !is_moved)
        {
            await migrate_folio_undo(src, dst, record);
        }

        if (!Checks("flush-before-move"))
        {
            await rmap.try_to_unmap_flush(record.TlbUbc);
        }

        return is_moved;
    }

    /// <summary>
    /// Migrates a list of two isolated folios on their nodes, as MIGRATE_SYNC does: first both asynchronously, which unmaps the one and the other, flushes once and moves both;
    /// then each that is left by itself, waiting for its lock. Their isolation is given up.
    /// </summary>
    /// <remarks>
    /// While it holds a folio's lock it only tries to get another's; with the toggle it waits, as try_split_folio() does until 2e6506e1c4ee (6.11). Left out: longer lists; a
    /// folio that was freed from under it (nothing: it is moved, and freed then).
    /// </remarks>
    [KernelSource("mm/migrate.c", At = "v6.3", With = "migrate_pages_sync")]
    public virtual async KernelTask migrate_pages_batch(Folio first, Folio second)
    {
        Folio? first_dst = null;
        Folio? second_dst = null;
        MigrationRecord first_record = default;
        MigrationRecord second_record = default;
        var tlb_ubc = TlbUbc.None;
        for (var pass = 0; pass < NR_MAX_MIGRATE_ASYNC_RETRY; pass++)
        {
            if (!first_record.IsUnmapped)
            {
                first_dst = await alloc_migration_target(first, await load(first.nid));
                first_record = await migrate_folio_unmap(first, first_dst, MigrationFlags.BatchFlush, Toggle("batch-waits-for-locks"));
                tlb_ubc |= first_record.TlbUbc;
            }

            if (!second_record.IsUnmapped)
            {
                second_dst = await alloc_migration_target(second, await load(second.nid));
                second_record = await migrate_folio_unmap(second, second_dst, MigrationFlags.BatchFlush, Toggle("batch-waits-for-locks"));
                tlb_ubc |= second_record.TlbUbc;
            }
        }

        if (Checks("flush-before-move"))
        {
            tlb_ubc = await rmap.try_to_unmap_flush(tlb_ubc);
        }

        var first_is_moved = false;
        var second_is_moved = false;
        for (var pass = 0; pass < NR_MAX_MIGRATE_ASYNC_RETRY; pass++)
        {
            first_is_moved = first_is_moved || (first_record.IsUnmapped && await migrate_folio_move(first, first_dst!, first_record));
            second_is_moved = second_is_moved || (second_record.IsUnmapped && await migrate_folio_move(second, second_dst!, second_record));
        }

        if (first_record.IsUnmapped && !first_is_moved)
        {
            await migrate_folio_undo(first, first_dst!, first_record);
        }

        if (second_record.IsUnmapped && !second_is_moved)
        {
            await migrate_folio_undo(second, second_dst!, second_record);
        }

        await rmap.try_to_unmap_flush(tlb_ubc);
        var second_goes_first = first_record.IsUnmapped && !second_record.IsUnmapped; // it has not left the list
        if (second_goes_first)
        {
            second_is_moved = await migrate_folio(second, await load(second.nid));
        }

        first_is_moved = first_is_moved || await migrate_folio(first, await load(first.nid));
        second_is_moved = second_is_moved || (!second_goes_first && await migrate_folio(second, await load(second.nid)));
        if (!first_is_moved)
        {
            await File<vmscan>().move_folio_to_lru(first); // putback_movable_pages
        }

        if (!second_is_moved)
        {
            await File<vmscan>().move_folio_to_lru(second);
        }
    }

    /// <summary>A folio of the same size to move to, on a node.</summary>
    [KernelSource("mm/migrate.c", At = "v6.3")]
    public virtual async KernelTask<Folio> alloc_migration_target(Folio src, int nid)
    {
        var dst = await kmem_cache_alloc(src.Pages == 1 ? Caches.Folio : Caches.Thp);
        await store(dst.nid, nid);
        await atomic_set(dst._refcount, 1);
        return dst;
    }

    /// <summary>Locks a folio and leaves migration entries in the place of its mappings; where some mapping cannot go, undoes it.</summary>
    /// <param name="src">The folio.</param>
    /// <param name="dst">The one it is to move to, which is freed where it does not.</param>
    /// <param name="flags">How.</param>
    /// <param name="may_wait">Whether it waits for the folio's lock.</param>
    [KernelSource("mm/migrate.c", At = "v6.3")]
    public virtual async KernelTask<MigrationRecord> migrate_folio_unmap(Folio src, Folio dst, MigrationFlags flags, bool may_wait = true)
    {
        if (may_wait)
        {
            await mm.folio_lock(src);
        }
        else if (!await mm.folio_trylock(src))
        {
            await mm.folio_put(dst);
            return default;
        }

        AnonVma? anon_vma = null;
        if (await mm.folio_test_anon(src) && Checks("migration-holds-anon-vma"))
        {
            anon_vma = await rmap.folio_get_anon_vma(src);
        }

        await mm.folio_trylock(dst); // nobody else knows it
        var record = new MigrationRecord(false, false, anon_vma, TlbUbc.None);
        if (await load(src.mapping) is not null && await mm.folio_mapped(src))
        {
            if (Config.DEBUG_VM && Checks("migration-holds-anon-vma"))
            {
                BUG_ON(anon_vma is null, "VM_BUG_ON_FOLIO(folio_test_anon(src) && !folio_test_ksm(src) && !anon_vma, src)");
            }

            var tlb_ubc = await rmap_6_3.try_to_migrate(src, flags);
            record = record with { WasMapped = true, TlbUbc = tlb_ubc };
        }

        if (!await mm.folio_mapped(src))
        {
            return record with { IsUnmapped = true };
        }

        await migrate_folio_undo(src, dst, record);
        return record;
    }

    /// <summary>Moves an unmapped folio and maps it where it is now, unless somebody else has a reference: then it stays locked and unmapped. Says whether it moved it.</summary>
    [KernelSource("mm/migrate.c", At = "v6.3")]
    public virtual async KernelTask<bool> migrate_folio_move(Folio src, Folio dst, MigrationRecord record)
    {
        if (!await folio_migrate_mapping(dst, src))
        {
            return false; // -EAGAIN
        }

        await folio_copy(dst, src);
        await set_bit(PageFlags.PG_lru, dst.flags); // folio_add_lru
        if (record.WasMapped)
        {
            await rmap_6_3.remove_migration_ptes(src, dst, locked: false);
        }

        await mm.folio_unlock(dst);
        await mm.folio_put(dst);
        await migrate_folio_done(src, record);
        await mm.folio_put(src);
        return true;
    }

    /// <summary>Gives a folio the other's place, unless somebody has a reference to that but its isolation.</summary>
    /// <returns>Whether it did.</returns>
    [KernelSource("mm/migrate.c", At = "v6.3")]
    public virtual async KernelTask<bool> folio_migrate_mapping(Folio dst, Folio src)
    {
        if (Checks("migration-counts-references") && await atomic_read(src._refcount) != 1)
        {
            Oracle("migration gives up", src);
            return false; // -EAGAIN
        }

        var index = await load(src.index);
        await store(dst.index, index);
        var mapping = await load(src.mapping);
        await store(dst.mapping, mapping);
        return true;
    }

    /// <summary>Copies what the pages hold, one after the other.</summary>
    /// <remarks>Left out: flags but PG_dirty.</remarks>
    [KernelSource("mm/util.c", At = "v6.3")]
    public virtual async KernelTask folio_copy(Folio dst, Folio src)
    {
        for (var i = 0; i < src.Pages; i++)
        {
            var data = await load(src.data_of(i));
            await store(dst.data_of(i), data);
        }

        if (await test_bit(PageFlags.PG_dirty, src.flags))
        {
            await set_bit(PageFlags.PG_dirty, dst.flags); // folio_migrate_flags
        }
    }

    /// <summary>The folio stays where it is: maps it again, and frees the one it was to move to.</summary>
    [KernelSource("mm/migrate.c", At = "v6.3", Function = "migrate_folio_undo_src")]
    public virtual async KernelTask migrate_folio_undo(Folio src, Folio dst, MigrationRecord record)
    {
        if (record.WasMapped && Checks("migration-restores"))
        {
            await rmap_6_3.remove_migration_ptes(src, src, locked: false);
        }

        await migrate_folio_done(src, record);
        await mm.folio_unlock(dst); // migrate_folio_undo_dst
        await mm.folio_put(dst);
    }

    /// <summary>No entry names the folio any more: lets go of its anon_vma and of its lock, for which faults wait.</summary>
    [KernelSource("mm/migrate.c", At = "v6.3", Function = "migrate_folio_undo_src")]
    public virtual async KernelTask migrate_folio_done(Folio src, MigrationRecord record)
    {
        Ghost(current.rmap_anon_vma, null);
        if (record.AnonVma is { } anon_vma)
        {
            await rmap.put_anon_vma(anon_vma);
        }

        await mm.folio_unlock(src);
    }

    /// <summary>A fault meets a migration entry: waits until the folio is unlocked. It takes no reference: the entry, under the lock, stands for the migrator's.</summary>
    /// <remarks>The toggle has it take one, as up to 5.16.</remarks>
    [KernelSource("mm/migrate.c", At = "v6.3")]
    public virtual async KernelTask migration_entry_wait(PageTable table, int address)
    {
        await spin_lock(table.ptl);
        var pte = await load(table.pte[pgtable.pte_index(address)]);
        if (pte == default || pte.Present)
        {
            await spin_unlock(table.ptl);
            return;
        }

        var folio = Caches.pfn_to_page(pte.Pfn);
        BUG_ON(!await mm.folio_test_locked(folio), "BUG_ON(!PageLocked(pfn_swap_entry_to_page(entry)))");
        if (Toggle("wait-takes-reference"))
        {
            if (!await atomic_inc_not_zero(folio._refcount))
            {
                await spin_unlock(table.ptl);
                return;
            }

            await spin_unlock(table.ptl);
            await Until(folio.flags, Comparison.BitsClear, PageFlags.PG_locked); // put_and_wait_on_page_locked
            await mm.folio_put(folio);
            return;
        }

        // migration_entry_wait_on_locked: is on the folio's wait queue before it drops the lock, and touches the folio no more.
        await spin_unlock(table.ptl);
        await Until(table.pte[pgtable.pte_index(address)], Comparison.NotEqual, pte);
    }
}
