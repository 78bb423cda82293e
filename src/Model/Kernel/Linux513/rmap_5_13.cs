using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>enum ttu_flags.</summary>
[Flags]
public enum TtuFlags
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Leaves migration entries.</summary>
    TTU_MIGRATION = 0x1,

    /// <summary>Splits huge PMDs.</summary>
    TTU_SPLIT_HUGE_PMD = 0x4,

    /// <summary>Unmaps what mlock holds too.</summary>
    TTU_IGNORE_MLOCK = 0x8,

    /// <summary>Avoids racy checks with PVMW_SYNC (732ed55823fc).</summary>
    TTU_SYNC = 0x10,

    /// <summary>The caller holds the lock that the walk needs.</summary>
    TTU_RMAP_LOCKED = 0x80,

    /// <summary>Leaves migration entries where it splits.</summary>
    TTU_SPLIT_FREEZE = 0x100,
}

/// <summary>What a walk does at each vma: rmap_walk_control's rmap_one.</summary>
public enum RmapOne
{
    /// <summary>Unmaps; its argument is <see cref="TtuFlags"/>, and it is done once the page is not mapped.</summary>
    try_to_unmap_one,

    /// <summary>Maps again where there is a migration entry; its argument is the frame of the page that the entry names.</summary>
    remove_migration_pte,
}

/// <summary>mm/rmap.c in 5.13: THPs. What is about small anonymous pages is 6.1's.</summary>
/// <remarks>
/// The functions that set-up uses for anon_vmas are 6.1's: they differ from 5.13's in the counts that say whether fork may use one again
/// (2555283eb40d), on which nothing here depends. Left out: statistics and the memcg lock, KSM, mmu notifiers, hugetlb, hwpoison.
/// </remarks>
public class rmap_5_13(Kernel kernel) : rmap(kernel)
{
    private mm_5_13 mm_5_13 => (mm_5_13)mm;

    private page_vma_mapped_5_13 Walks => (page_vma_mapped_5_13)page_vma_mapped;

    /// <summary>A PMD maps a THP of a file, or a pte one page of it; the caller holds the entry's lock.</summary>
    /// <remarks>Left out: PG_double_map, which the counts of a file's THP do not depend on.</remarks>
    [KernelSource("mm/rmap.c", At = "v5.13-rc6")]
    public virtual async KernelTask page_add_file_rmap(Folio page, int subpage, bool compound)
    {
        for (var i = 0; compound && i < page.Pages; i++)
        {
            await atomic_inc_and_test(page.mapcount(i));
        }

        if (!compound && await load(page.mapping) is not null)
        {
            if (Config.DEBUG_VM)
            {
                var is_locked = await test_bit(PageFlags.PG_locked, page.flags);
                WARN_ON(!is_locked, "VM_WARN_ON_ONCE(!PageLocked(page))");
            }

            if (await test_bit(PageFlags.PG_mlocked, page.flags))
            {
                await File<mlock_5_13>().clear_page_mlock(page); // what ptes map is never mlocked
            }
        }

        await atomic_inc_and_test(compound ? page._compound_mapcount : page.mapcount(subpage));
    }

    /// <summary>A PMD maps a THP of anonymous memory again after migration; the caller holds the PMD's lock and the page's.</summary>
    /// <remarks>Left out: setting the mapping, which migration has moved with the page.</remarks>
    [KernelSource("mm/rmap.c", At = "v5.13-rc6", Function = "do_page_add_anon_rmap")]
    public virtual async KernelTask page_add_anon_rmap(Folio page, bool compound) =>
        await atomic_inc_and_test(compound ? page._compound_mapcount : page._mapcount);

    /// <summary>Maps a new THP of anonymous memory for the first time.</summary>
    [KernelSource("mm/rmap.c", At = "v5.13-rc6")]
    public virtual async KernelTask page_add_new_anon_rmap(Folio page, Vma vma, int address, bool compound)
    {
        await atomic_set(compound ? page._compound_mapcount : page._mapcount, 0);
        var anon_vma = await load(vma.anon_vma);
        BUG_ON(anon_vma is null, "BUG_ON(!anon_vma)");
        await WRITE_ONCE<KernelObject?>(page.mapping, anon_vma); // __page_set_anon_rmap
        var vm_start = await load(vma.vm_start);
        var vm_pgoff = await load(vma.vm_pgoff);
        await store(page.index, address - vm_start + vm_pgoff);
    }

    /// <summary>Takes the mapping of a PMD, or of the pte of one page, out of the reverse map; the caller holds its lock.</summary>
    /// <remarks>Left out: PG_double_map, as no THP of anonymous memory is mapped both ways here; the queue of THPs to be split.</remarks>
    [KernelSource("mm/rmap.c", At = "v5.13-rc6")]
    public virtual async KernelTask page_remove_rmap(Folio page, int subpage, bool compound)
    {
        if (!await mm.folio_test_anon(page))
        {
            for (var i = 0; compound && i < page.Pages; i++)
            {
                await atomic_add_negative(-1, page.mapcount(i));
            }
        }

        if (!await atomic_add_negative(-1, compound ? page._compound_mapcount : page.mapcount(subpage)))
        {
            return;
        }

        if (await test_bit(PageFlags.PG_mlocked, page.flags))
        {
            await File<mlock_5_13>().clear_page_mlock(page);
        }
    }

    /// <summary>Unmaps a locked page everywhere, and says whether it is unmapped.</summary>
    [KernelSource("mm/rmap.c", At = "v5.13-rc6")]
    public virtual async KernelTask<bool> try_to_unmap(Folio page, TtuFlags flags)
    {
        await rmap_walk(page, RmapOne.try_to_unmap_one, (int)flags, (flags & TtuFlags.TTU_RMAP_LOCKED) != 0);
        return await mm_5_13.page_mapcount(page) == 0;
    }

    /// <summary>try_to_unmap in one vma; says whether the walk goes on.</summary>
    /// <remarks>Left out: mapped ptes of anonymous memory, which nothing here leaves to it (a fault of the model).</remarks>
    [KernelSource("mm/rmap.c", At = "v5.13-rc6")]
    public virtual async KernelTask<bool> try_to_unmap_one(Folio page, Vma vma, int address, TtuFlags flags)
    {
        var vm_mm = await load(vma.vm_mm);
        if ((flags & TtuFlags.TTU_SPLIT_HUGE_PMD) != 0)
        {
            await File<huge_memory_5_13>().__split_huge_pmd(vma, address, (flags & TtuFlags.TTU_SPLIT_FREEZE) != 0, page); // split_huge_pmd_address
        }

        var sync = (flags & TtuFlags.TTU_SYNC) != 0 ? PvmwFlags.PVMW_SYNC : PvmwFlags.None;
        var pvmw = await Walks.page_vma_mapped_walk(new ThpMappedWalk(page, vma, vm_mm!, address, sync));
        while (pvmw.IsFound)
        {
            if (!pvmw.IsPmd)
            {
                if ((flags & TtuFlags.TTU_MIGRATION) != 0)
                {
                    throw new ModelFaultException("a THP that ptes map is to be migrated, which is not modelled; map it by PMDs");
                }

                await unmap_file_pte(pvmw, page);
                pvmw = await Walks.page_vma_mapped_walk(pvmw);
                continue;
            }

            if ((flags & TtuFlags.TTU_MIGRATION) != 0)
            {
                await File<huge_memory_5_13>().set_pmd_migration_entry(pvmw, page);
                pvmw = await Walks.page_vma_mapped_walk(pvmw);
                continue;
            }

            BUG_ON(Config.DEBUG_VM, "VM_BUG_ON_PAGE(!pvmw.pte, page)");
            pvmw = await Walks.page_vma_mapped_walk(pvmw);
        }

        return true;
    }

    /// <summary>try_to_unmap_one at a pte that maps one page of a file's THP, under its lock.</summary>
    [KernelSource("mm/rmap.c", At = "v5.13-rc6", Function = "try_to_unmap_one")]
    public virtual async KernelTask unmap_file_pte(ThpMappedWalk pvmw, Folio page)
    {
        if (await mm.folio_test_anon(page))
        {
            throw new ModelFaultException("a pte of anonymous memory is to be unmapped, which is not modelled");
        }

        var pteval = await pgtable.ptep_get_and_clear_full(pvmw.Table!.pte[pgtable.pte_index(pvmw.Address)]); // ptep_clear_flush
        if (pteval.Dirty)
        {
            await mm.set_page_dirty(page);
        }

        await mm_5_13.mm_counter_file(page);
        await atomic_dec(pvmw.Mm.shmempages);
        await page_remove_rmap(page, pteval.Pfn - Caches.page_to_pfn(page), compound: false);
        await mm.folio_put(page);
    }

    /// <summary>Maps a page again wherever a vma has a migration entry of the old one.</summary>
    [KernelSource("mm/migrate.c", At = "v5.13-rc6")]
    public virtual async KernelTask remove_migration_ptes(Folio old, Folio page, bool locked) =>
        await rmap_walk(page, RmapOne.remove_migration_pte, Caches.page_to_pfn(old), locked);

    /// <summary>remove_migration_ptes in one vma.</summary>
    /// <remarks>Left out: ptes of a file's THP, which migration leaves none of here.</remarks>
    [KernelSource("mm/migrate.c", At = "v5.13-rc6")]
    public virtual async KernelTask remove_migration_pte(Folio page, Vma vma, int address, Folio old)
    {
        var vm_mm = await load(vma.vm_mm);
        var pvmw = await Walks.page_vma_mapped_walk(new ThpMappedWalk(old, vma, vm_mm!, address, PvmwFlags.PVMW_SYNC | PvmwFlags.PVMW_MIGRATION));
        while (pvmw.IsFound)
        {
            if (pvmw.IsPmd)
            {
                await File<huge_memory_5_13>().remove_migration_pmd(pvmw, page);
            }
            else
            {
                var ptep = pvmw.Table!.pte[pgtable.pte_index(pvmw.Address)];
                var entry = await load(ptep);
                var subpage = entry.Pfn - Caches.page_to_pfn(old);
                await mm.folio_get(page);
                await store(ptep, entry with { Present = true, Pfn = subpage + Caches.page_to_pfn(page) });
                await atomic_inc_and_test(page.mapcount(subpage)); // page_add_anon_rmap, once the pte is there
                if (await test_bit(PageFlags.PG_mlocked, page.flags))
                {
                    await File<mlock_5_13>().clear_page_mlock(page);
                }
            }

            pvmw = await Walks.page_vma_mapped_walk(pvmw);
        }
    }

    /// <summary>Visits every vma that may map a locked THP.</summary>
    [KernelSource("mm/rmap.c", At = "v5.13-rc6")]
    public virtual async KernelTask rmap_walk(Folio page, RmapOne rmap_one, int arg, bool locked) =>
        await (await mm.folio_test_anon(page) ? rmap_walk_anon(page, rmap_one, arg, locked) : rmap_walk_file(page, rmap_one, arg, locked));

    /// <summary>Visits every vma that may map a locked THP of a file, under the lock of the file's vmas.</summary>
    [KernelSource("mm/rmap.c", At = "v5.13-rc6")]
    public virtual async KernelTask rmap_walk_file(Folio page, RmapOne rmap_one, int arg, bool locked)
    {
        var mapping = (AddressSpace?)await load(page.mapping);
        if (Config.DEBUG_VM)
        {
            var is_locked = await test_bit(PageFlags.PG_locked, page.flags);
            BUG_ON(!is_locked, "VM_BUG_ON_PAGE(!PageLocked(page), page)");
        }

        if (mapping is null)
        {
            return;
        }

        var pgoff = await load(page.index);
        if (!locked)
        {
            await down_read(mapping.i_mmap_rwsem);
        }

        var goes_on = true;
        for (var i = 0; goes_on && await list_get(mapping.i_mmap, i) is { } vma; i++)
        {
            goes_on = await visit(page, vma, pgoff, rmap_one, arg);
        }

        if (!locked)
        {
            await up_read(mapping.i_mmap_rwsem);
        }
    }

    /// <summary>Visits every vma that may map a locked THP of anonymous memory, under its anon_vma's lock.</summary>
    [KernelSource("mm/rmap.c", At = "v5.13-rc6")]
    public virtual async KernelTask rmap_walk_anon(Folio page, RmapOne rmap_one, int arg, bool locked)
    {
        var anon_vma = locked || rmap_one == RmapOne.remove_migration_pte
            ? (AnonVma?)await load(page.mapping)
            : await folio_lock_anon_vma_read(page, File<rmap_walks>().page_idle_rwc); // page_lock_anon_vma_read
        if (anon_vma is null)
        {
            return;
        }

        if (!locked && rmap_one == RmapOne.remove_migration_pte)
        {
            await anon_vma_lock_read(anon_vma);
        }

        var pgoff = await load(page.index);
        var goes_on = true;
        for (var i = 0; goes_on && await list_get(anon_vma.rb_root, i) is { } avc; i++)
        {
            var vma = await load(avc.vma);
            goes_on = await visit(page, vma!, pgoff, rmap_one, arg);
        }

        if (!locked)
        {
            await anon_vma_unlock_read(anon_vma);
        }

        Ghost(current.rmap_anon_vma, null);
    }

    /// <summary>What a walk does at one vma; says whether it goes on.</summary>
    [KernelSource("mm/rmap.c", At = "v5.13-rc6", Function = "rmap_walk_file")]
    public virtual async KernelTask<bool> visit(Folio page, Vma vma, int pgoff, RmapOne rmap_one, int arg)
    {
        var address = await vma_address(vma, pgoff);
        if (address < 0)
        {
            return true;
        }

        if (rmap_one == RmapOne.remove_migration_pte)
        {
            await remove_migration_pte(page, vma, address, Caches.pfn_to_page(arg));
            return true;
        }

        return await try_to_unmap_one(page, vma, address, (TtuFlags)arg) && await mm.folio_mapped(page); // page_not_mapped ends it
    }
}
