using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/huge_memory.c in 5.13-rc6, before 99fa8a48203d: zapping, splitting and migrating huge PMDs, and splitting THPs.</summary>
/// <remarks>
/// The PMD's lock is the mm's page_table_lock, as without split PMD locks. Under it one look at the PMD stands for the kernel's several: its
/// holder alone changes it. Left out: the TLB, so a flush is no step (hides stale translations); mmu notifiers, DAX, userfaultfd, soft dirty, PG_referenced;
/// architectures that deposit a page table for file PMDs (arch_needs_pgtable_deposit).
/// </remarks>
public class huge_memory_5_13(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>mm/mm.h with the mapcounts of THPs.</summary>
    protected mm_5_13 mm_5_13 => (mm_5_13)mm;

    /// <summary>mm/rmap.c.</summary>
    protected rmap_5_13 rmap_5_13 => (rmap_5_13)rmap;

    /// <summary>mm/pgtable-generic.c.</summary>
    protected pgtable_generic_5_13 pgtable_generic => File<pgtable_generic_5_13>();

    /// <summary>The huge zero page, which is there from now on.</summary>
    /// <remarks>For set-up.</remarks>
    [KernelSource("mm/huge_memory.c", At = "v5.13-rc6")]
    public virtual async KernelTask<Folio> get_huge_zero_page()
    {
        var zero_page = await kmem_cache_alloc(Caches.HugeZeroPage);
        await atomic_set(zero_page._refcount, 1);
        await cmpxchg(Caches.HugeZero.huge_zero_page, null, zero_page);
        await WRITE_ONCE(Caches.HugeZero.huge_zero_pfn, Caches.page_to_pfn(zero_page));
        return zero_page;
    }

    /// <summary>The first touch of a PMD's reach of anonymous memory: allocates a THP and maps it. Under mmap_lock.</summary>
    /// <remarks>For set-up. Left out: memcg charging, a PMD that is not none any more, the huge zero page.</remarks>
    [KernelSource("mm/huge_memory.c", At = "v5.13-rc6")]
    public virtual async KernelTask<Folio> do_huge_pmd_anonymous_page(Vma vma)
    {
        await rmap.anon_vma_prepare(vma);
        var vm_mm = await load(vma.vm_mm);
        var vm_start = await load(vma.vm_start);
        var page = await kmem_cache_alloc(Caches.Thp);
        await atomic_set(page._refcount, 1);
        var pgtable_t = await kmem_cache_alloc(Caches.PageTable);
        await spin_lock(vm_mm!.page_table_lock);
        await rmap_5_13.page_add_new_anon_rmap(page, vma, vm_start, compound: true);
        await set_bit(PageFlags.PG_lru, page.flags); // lru_cache_add_inactive_or_unevictable
        await pgtable_generic.pgtable_trans_huge_deposit(vm_mm, pgtable_t);
        await store(pgtable.pmd_offset(vm_mm, vm_start), Pmd.OfPage(Caches, page, write: true, dirty: true));
        await atomic_add(page.Pages, vm_mm.anonpages);
        await spin_unlock(vm_mm.page_table_lock);
        return page;
    }

    /// <summary>Copies a huge PMD of anonymous memory at fork, or a migration entry; says whether there was one.</summary>
    /// <remarks>Left out: the huge zero page; pages that may be pinned, which are copied at once.</remarks>
    [KernelSource("mm/huge_memory.c", At = "v5.13-rc6")]
    public virtual async KernelTask<bool> copy_huge_pmd(Mm dst_mm, Mm src_mm, int addr)
    {
        var table = await kmem_cache_alloc(Caches.PageTable);
        var src_pmd = pgtable.pmd_offset(src_mm, addr);
        await spin_lock(dst_mm.page_table_lock);
        await spin_lock(src_mm.page_table_lock);
        var pmd = await load(src_pmd);
        var is_huge = pgtable.pmd_trans_huge(pmd);
        if (pgtable.is_swap_pmd(pmd) || is_huge)
        {
            if (is_huge)
            {
                var src_page = pgtable.pmd_page(pmd);
                await mm.folio_get(src_page);
                await atomic_inc(src_page._compound_mapcount); // page_dup_rmap
            }

            await atomic_add(Config.HPAGE_PMD_NR, dst_mm.anonpages);
            await pgtable_generic.pgtable_trans_huge_deposit(dst_mm, table);
            if (pmd.Write)
            {
                await store(src_pmd, pmd with { Write = false }); // pmdp_set_wrprotect, make_migration_entry_read
            }

            await store(pgtable.pmd_offset(dst_mm, addr), pmd with { Write = false, Young = false });
        }

        await spin_unlock(src_mm.page_table_lock);
        await spin_unlock(dst_mm.page_table_lock);
        if (!pgtable.is_swap_pmd(pmd) && !is_huge)
        {
            await kmem_cache_free(table); // pte_free
            return false;
        }

        return true;
    }

    /// <summary>Locks a PMD if it maps a huge page or is a migration entry, and says whether it does.</summary>
    [KernelSource("mm/huge_memory.c", At = "v5.13-rc6")]
    public virtual async KernelTask<bool> __pmd_trans_huge_lock(Mm vm_mm, Shared<Pmd> pmd)
    {
        await spin_lock(vm_mm.page_table_lock);
        var pmdval = await load(pmd);
        if (pgtable.is_swap_pmd(pmdval) || pgtable.pmd_trans_huge(pmdval))
        {
            return true;
        }

        await spin_unlock(vm_mm.page_table_lock);
        return false;
    }

    /// <summary>Unmaps a whole huge PMD; the gather takes over the reference it held. Says whether there was one.</summary>
    [KernelSource("mm/huge_memory.c", At = "v5.13-rc6")]
    public virtual async KernelTask<(MmuGather Tlb, bool IsDone)> zap_huge_pmd(MmuGather tlb, Shared<Pmd> pmd)
    {
        if (!await __pmd_trans_huge_lock(tlb.Mm, pmd))
        {
            return (tlb, false);
        }

        var leaves_invalidated = Toggle("zap-leaves-pmd-invalidated");
        var orig_pmd = leaves_invalidated ? await pgtable_generic.pmdp_invalidate(pmd) : await pgtable_generic.pmdp_huge_get_and_clear(pmd);
        if (!leaves_invalidated)
        {
            Oracle("zap clears");
        }

        var looks_present = Toggle("zap-looks-present-first");
        if ((!looks_present || pgtable.pmd_present(orig_pmd)) && await File<huge_mm_5_13>().is_huge_zero_pmd(orig_pmd))
        {
            await zap_deposited_table(tlb.Mm);
            await spin_unlock(tlb.Mm.page_table_lock);
            (tlb, _) = mmu_gather.__tlb_remove_page(tlb, pgtable.pmd_page(orig_pmd));
            return (tlb, true);
        }

        Folio page;
        var flush_needed = pgtable.pmd_present(orig_pmd);
        if (flush_needed)
        {
            page = pgtable.pmd_page(orig_pmd);
            await rmap_5_13.page_remove_rmap(page, 0, compound: true);
            if (Config.DEBUG_VM)
            {
                BUG_ON(await mm_5_13.page_mapcount(page) < 0, "VM_BUG_ON_PAGE(page_mapcount(page) < 0, page)");
            }
        }
        else
        {
            page = await File<swapops_5_13>().migration_entry_to_page(orig_pmd);
        }

        if (await mm.folio_test_anon(page))
        {
            await zap_deposited_table(tlb.Mm);
            await atomic_add(-Config.HPAGE_PMD_NR, tlb.Mm.anonpages);
        }
        else
        {
            await mm_5_13.mm_counter_file(page);
            await atomic_add(-Config.HPAGE_PMD_NR, tlb.Mm.shmempages);
        }

        if (leaves_invalidated)
        {
            await store(pmd, default);
        }

        await spin_unlock(tlb.Mm.page_table_lock);
        return (flush_needed ? mmu_gather.__tlb_remove_page(tlb, page).Tlb : tlb, true);
    }

    /// <summary>Frees the page table that was deposited for a PMD which goes.</summary>
    [KernelSource("mm/huge_memory.c", At = "v5.13-rc6")]
    public virtual async KernelTask zap_deposited_table(Mm mm)
    {
        var table = await pgtable_generic.pgtable_trans_huge_withdraw(mm);
        await kmem_cache_free(table); // pte_free
    }

    /// <summary>Splits a huge PMD: of a file it is zapped, of anonymous memory it becomes a table of ptes.</summary>
    /// <param name="vma">The vma.</param>
    /// <param name="address">An address in the PMD's reach.</param>
    /// <param name="freeze">Whether ptes become migration entries.</param>
    /// <param name="page">The only page for which to do it, or null for whatever is there.</param>
    [KernelSource("mm/huge_memory.c", At = "v5.13-rc6")]
    public virtual async KernelTask __split_huge_pmd(Vma vma, int address, bool freeze, Folio? page)
    {
        var vm_mm = await load(vma.vm_mm);
        var pmd = pgtable.pmd_offset(vm_mm!, address);
        var do_unlock_page = false;
        Folio? locked = null;
        if (!Checks("split-pmd-locks-first") && pgtable.pmd_none(await load(pmd)))
        {
            return;
        }

        await spin_lock(vm_mm!.page_table_lock);
        Oracle("__split_huge_pmd");
        var pmdval = await load(pmd);
        if (page is not null && !await is_of_page(pmdval, page))
        {
            await spin_unlock(vm_mm.page_table_lock);
            return;
        }

        while (pgtable.pmd_trans_huge(pmdval) && page is null)
        {
            page = pgtable.pmd_page(pmdval);
            if (!await mm.folio_test_anon(page))
            {
                break;
            }

            if (!await mm.folio_trylock(page))
            {
                await mm.folio_get(page);
                await spin_unlock(vm_mm.page_table_lock);
                await mm.folio_lock(page);
                await spin_lock(vm_mm.page_table_lock);
                var again = await load(pmd);
                if (again != pmdval)
                {
                    pmdval = again;
                    await mm.folio_unlock(page);
                    await mm.folio_put(page);
                    page = null;
                    continue;
                }

                await mm.folio_put(page);
            }

            do_unlock_page = true;
            locked = page;
        }

        if (pgtable.pmd_trans_huge(pmdval))
        {
            if (await test_bit(PageFlags.PG_mlocked, page!.flags))
            {
                await File<mlock_5_13>().clear_page_mlock(page);
            }
        }
        else if (!pgtable.is_pmd_migration_entry(pmdval))
        {
            await spin_unlock(vm_mm.page_table_lock);
            return;
        }

        await __split_huge_pmd_locked(vma, vm_mm, pmd, freeze);
        await spin_unlock(vm_mm.page_table_lock);
        if (do_unlock_page)
        {
            await mm.folio_unlock(locked!);
        }
    }

    /// <summary>Whether a PMD is the one that maps the page to be split, as its caller asked: compared without looking what the PMD is.</summary>
    [KernelSource("mm/huge_memory.c", At = "v5.13-rc6", Function = "__split_huge_pmd")]
    public virtual async KernelTask<bool> is_of_page(Pmd pmdval, Folio page)
    {
        if (Config.DEBUG_VM)
        {
            var is_locked = await test_bit(PageFlags.PG_locked, page.flags);
            WARN_ON(!is_locked, "VM_WARN_ON_ONCE(!PageLocked(page))");
        }

        if (!Toggle("split-compares-migration-entry") && pgtable.is_pmd_migration_entry(pmdval))
        {
            return false; // be6e843fc51a: of another folio, as this one's lock is its migrator's
        }

        if (Toggle("split-compares-folios"))
        {
            if (pgtable.pmd_none(pmdval))
            {
                return false;
            }

            var mapped = pgtable.pmd_page(pmdval);
            await load(mapped.flags); // page_folio: looks into the struct page whether it is a tail
            return mapped == page;
        }

        return pgtable.pmd_page_is(pmdval, page);
    }

    /// <summary>The split itself, under the PMD's lock.</summary>
    [KernelSource("mm/huge_memory.c", At = "v5.13-rc6")]
    public virtual async KernelTask __split_huge_pmd_locked(Vma vma, Mm vm_mm, Shared<Pmd> pmd, bool freeze)
    {
        if (Config.DEBUG_VM)
        {
            var pmdval = await load(pmd);
            BUG_ON(
                !pgtable.is_pmd_migration_entry(pmdval) && !pgtable.pmd_trans_huge(pmdval),
                "VM_BUG_ON(!is_pmd_migration_entry(*pmd) && !pmd_trans_huge(*pmd) && !pmd_devmap(*pmd))");
        }

        if (await load(vma.vm_file) is not null)
        {
            var old_pmd = await pgtable_generic.pmdp_huge_clear_flush(pmd);
            await split_file_pmd(vm_mm, old_pmd);
            return;
        }

        await split_anon_pmd(vm_mm, pmd, freeze);
    }

    /// <summary>What a file's huge PMD that was split leaves: nothing, as the page is in the cache. Before 99fa8a48203d it takes the PMD for present.</summary>
    [KernelSource("mm/huge_memory.c", At = "v5.13-rc6", Function = "__split_huge_pmd_locked")]
    public virtual async KernelTask split_file_pmd(Mm vm_mm, Pmd old_pmd)
    {
        var page = pgtable.pmd_page(old_pmd);
        if (!await test_bit(PageFlags.PG_dirty, page.flags) && old_pmd.Dirty)
        {
            await mm.set_page_dirty(page);
        }

        await rmap_5_13.page_remove_rmap(page, 0, compound: true);
        var puts_last = Toggle("split-puts-page-last");
        if (!puts_last)
        {
            await mm.folio_put(page);
        }

        await mm_5_13.mm_counter_file(page);
        await atomic_add(-Config.HPAGE_PMD_NR, vm_mm.shmempages);
        if (puts_last)
        {
            await mm.folio_put(page);
        }
    }

    /// <summary>Makes a table of ptes out of a huge PMD of anonymous memory, which may be a migration entry.</summary>
    /// <remarks>
    /// Left out: the huge zero page; PG_double_map, which is set where another PMD maps the page (hides that case; none is here).
    /// </remarks>
    [KernelSource("mm/huge_memory.c", At = "v5.13-rc6", Function = "__split_huge_pmd_locked")]
    public virtual async KernelTask split_anon_pmd(Mm vm_mm, Shared<Pmd> pmd, bool freeze)
    {
        var old_pmd = await pgtable_generic.pmdp_invalidate(pmd);
        var pmd_migration = pgtable.is_pmd_migration_entry(old_pmd);
        var page = pmd_migration ? await File<swapops_5_13>().migration_entry_to_page(old_pmd) : pgtable.pmd_page(old_pmd);
        if (old_pmd.Dirty)
        {
            await set_bit(PageFlags.PG_dirty, page.flags); // SetPageDirty
        }

        if (Config.DEBUG_VM)
        {
            BUG_ON(await atomic_read(page._refcount) == 0, "VM_BUG_ON_PAGE(!page_count(page), page)");
        }

        await atomic_add(page.Pages - 1, page._refcount);
        var table = await pgtable_generic.pgtable_trans_huge_withdraw(vm_mm);
        for (var i = 0; i < page.Pages; i++)
        {
            var present = !freeze && !pmd_migration;
            await store(table.pte[i], new Pte(present, old_pmd.Write, Dirty: false, present && old_pmd.Young, Caches.page_to_pfn(page) + i));
            if (!pmd_migration)
            {
                await atomic_inc(page.mapcount(i));
            }
        }

        if (!pmd_migration)
        {
            await atomic_add_negative(-1, page._compound_mapcount);
        }

        await smp_wmb(); // make ptes visible before the PMD
        await store(pmd, Pmd.OfTable(table)); // pmd_populate
        for (var i = 0; freeze && i < page.Pages; i++)
        {
            await rmap_5_13.page_remove_rmap(page, i, compound: false);
            await mm.folio_put(page);
        }
    }

    /// <summary>Replaces a PMD's mapping by a migration entry, under the PMD's lock.</summary>
    [KernelSource("mm/huge_memory.c", At = "v5.13-rc6")]
    public virtual async KernelTask set_pmd_migration_entry(ThpMappedWalk pvmw, Folio page)
    {
        var pmd = pgtable.pmd_offset(pvmw.Mm, pvmw.Address);
        var is_none = Toggle("file-pages-become-none") && !await mm.folio_test_anon(page);
        var pmdval = is_none ? await pgtable_generic.pmdp_huge_clear_flush(pmd) : await pgtable_generic.pmdp_invalidate(pmd);
        if (pmdval.Dirty)
        {
            await mm.set_page_dirty(page);
        }

        if (!is_none)
        {
            await store(pmd, Pmd.OfMigration(Caches, page, pmdval.Write));
        }

        Oracle("set_pmd_migration_entry", page);
        await rmap_5_13.page_remove_rmap(page, 0, compound: true);
        await mm.folio_put(page);
        if (is_none)
        {
            await atomic_add(-Config.HPAGE_PMD_NR, pvmw.Mm.shmempages);
        }
    }

    /// <summary>Maps a page where its predecessor had left a migration entry, under the PMD's lock.</summary>
    [KernelSource("mm/huge_memory.c", At = "v5.13-rc6")]
    public virtual async KernelTask remove_migration_pmd(ThpMappedWalk pvmw, Folio page)
    {
        var pmd = pgtable.pmd_offset(pvmw.Mm, pvmw.Address);
        var entry = await load(pmd);
        await mm.folio_get(page);
        if (await mm.folio_test_anon(page))
        {
            await rmap_5_13.page_add_anon_rmap(page, compound: true);
        }
        else
        {
            await rmap_5_13.page_add_file_rmap(page, 0, compound: true);
        }

        await store(pmd, Pmd.OfPage(Caches, page, entry.Write, dirty: false) with { Young = false });
        Oracle("remove_migration_pmd", page);
        if ((await load(pvmw.Vma.vm_flags) & VmFlags.VM_LOCKED) != 0)
        {
            await File<mlock_5_13>().mlock_vma_page(page);
        }
    }

    /// <summary>Whether a THP could be split: whether nobody but mappings, the page cache and the caller has a reference. It may change at once.</summary>
    [KernelSource("mm/huge_memory.c", At = "v5.13-rc6")]
    public virtual async KernelTask<bool> can_split_huge_page(Folio page)
    {
        var extra_pins = await mm.folio_test_anon(page) ? 0 : page.Pages;
        var mapcount = await mm_5_13.total_mapcount(page);
        return mapcount == await atomic_read(page._refcount) - extra_pins - 1;
    }

    /// <summary>Unmaps a THP that is about to be split, and insists on it.</summary>
    [KernelSource("mm/huge_memory.c", At = "v5.13-rc6")]
    public virtual async KernelTask unmap_page(Folio page)
    {
        var flags = TtuFlags.TTU_IGNORE_MLOCK | TtuFlags.TTU_RMAP_LOCKED | TtuFlags.TTU_SPLIT_HUGE_PMD;
        await unmap_page(page, flags);
    }

    /// <summary>unmap_page, with flags.</summary>
    [KernelSource("mm/huge_memory.c", At = "v5.13-rc6")]
    public virtual async KernelTask unmap_page(Folio page, TtuFlags flags)
    {
        if (await mm.folio_test_anon(page))
        {
            flags |= TtuFlags.TTU_SPLIT_FREEZE;
        }

        var unmap_success = await rmap_5_13.try_to_unmap(page, flags);
        Oracle("unmap_page", page);
        BUG_ON(!unmap_success && Config.DEBUG_VM, "VM_BUG_ON_PAGE(!unmap_success, page)");
    }

    /// <summary>Splits a locked THP as far as it goes before the page itself is changed.</summary>
    /// <returns>False: it gives up where the kernel would go on if nobody else has a reference.</returns>
    /// <remarks>
    /// Left out: what the page becomes, so a split that could be is given up like one that could not (hides what small pages meet).
    /// </remarks>
    [KernelSource("mm/huge_memory.c", At = "v5.13-rc6")]
    public virtual async KernelTask<bool> split_huge_page_to_list(Folio page)
    {
        AnonVma? anon_vma = null;
        AddressSpace? mapping = null;
        if (await mm.folio_test_anon(page))
        {
            anon_vma = await rmap.folio_get_anon_vma(page); // page_get_anon_vma
            if (anon_vma is null)
            {
                return false;
            }

            await rmap.anon_vma_lock_write(anon_vma);
        }
        else
        {
            mapping = (AddressSpace?)await load(page.mapping);
            if (mapping is null)
            {
                return false;
            }

            await down_read(mapping.i_mmap_rwsem);
        }

        if (await can_split_huge_page(page))
        {
            await unmap_page(page);
            if (Config.DEBUG_VM)
            {
                BUG_ON(await atomic_read(page._compound_mapcount) >= 0, "VM_BUG_ON_PAGE(compound_mapcount(head), head)");
            }

            await freeze_and_give_up(page, mapping);
        }

        if (anon_vma is not null)
        {
            await rmap.anon_vma_unlock_write(anon_vma);
            Ghost(current.rmap_anon_vma, null);
            await rmap.put_anon_vma(anon_vma);
        }

        if (mapping is not null)
        {
            await up_read(mapping.i_mmap_rwsem);
        }

        return false;
    }

    /// <summary>The end of split_huge_page_to_list: looks whether the page is unmapped and nobody's, and maps it again.</summary>
    /// <remarks>Left out: the split queue and its lock. A count that could be frozen is not.</remarks>
    [KernelSource("mm/huge_memory.c", At = "v5.13-rc6", Function = "split_huge_page_to_list")]
    public virtual async KernelTask freeze_and_give_up(Folio page, AddressSpace? mapping)
    {
        if (mapping is not null)
        {
            await spin_lock(mapping.xa_lock);
        }

        var index = mapping is null ? 0 : await load(page.index);
        if (mapping is null || await load(mapping.i_pages[index]) == page)
        {
            await atomic_read(page._refcount);
            var mapcount = await mm_5_13.total_mapcount(page);
            BUG_ON(Config.DEBUG_VM && mapcount != 0, "BUG(): total_mapcount(head) > 0");
        }

        if (mapping is not null)
        {
            await spin_unlock(mapping.xa_lock);
        }

        await rmap_5_13.remove_migration_ptes(page, page, locked: true); // remap_page
    }
}
