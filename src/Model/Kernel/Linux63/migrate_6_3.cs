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
/// Left out: retries, so a folio that could not be moved goes back (hides nothing: the caller may call again); writeback, KSM, hugetlb, swap cache; failing allocations, so a
/// THP is never split for want of another.
/// </remarks>
public class migrate_6_3(Kernel kernel) : migrate(kernel)
{
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
        if (!Checks("flush-before-move"))
        {
            await rmap.try_to_unmap_flush(record.TlbUbc);
        }

        return is_moved;
    }

    /// <summary>Migrates a list of two isolated folios: unmaps the one and the other, flushes once, and moves both. Their isolation is given up.</summary>
    /// <remarks>
    /// It holds the lock of the first while it takes that of the second, so it only tries, and puts back what is locked; with the toggle it waits, as before fb3592c41a44.
    /// Left out: longer lists; a folio that was freed from under it (nothing: it is moved, and freed then).
    /// </remarks>
    [KernelSource("mm/migrate.c", At = "v6.3")]
    public virtual async KernelTask migrate_pages_batch(Folio first, Folio second)
    {
        var nid = await load(first.nid);
        var first_dst = await alloc_migration_target(first, nid);
        var first_record = await migrate_folio_unmap(first, first_dst, MigrationFlags.BatchFlush);
        nid = await load(second.nid);
        var second_dst = await alloc_migration_target(second, nid);
        var second_record = await migrate_folio_unmap(second, second_dst, MigrationFlags.BatchFlush, Toggle("batch-waits-for-locks"));
        var tlb_ubc = first_record.TlbUbc | second_record.TlbUbc;
        if (Checks("flush-before-move"))
        {
            tlb_ubc = await rmap.try_to_unmap_flush(tlb_ubc);
        }

        await migrate_folio_end(first, first_dst, first_record);
        await migrate_folio_end(second, second_dst, second_record);
        await rmap.try_to_unmap_flush(tlb_ubc);
    }

    /// <summary>Moves a folio of a list, or puts it back.</summary>
    [KernelSource("mm/migrate.c", At = "v6.3", Function = "migrate_pages_batch")]
    public virtual async KernelTask migrate_folio_end(Folio src, Folio dst, MigrationRecord record)
    {
        if (!record.IsUnmapped || !await migrate_folio_move(src, dst, record))
        {
            await File<vmscan>().move_folio_to_lru(src); // putback_movable_pages
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

    /// <summary>Moves an unmapped folio, unless somebody else has a reference, and maps whichever it is now. Says whether it moved it.</summary>
    [KernelSource("mm/migrate.c", At = "v6.3")]
    public virtual async KernelTask<bool> migrate_folio_move(Folio src, Folio dst, MigrationRecord record)
    {
        if (!await folio_migrate_mapping(dst, src))
        {
            await migrate_folio_undo(src, dst, record);
            return false;
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
