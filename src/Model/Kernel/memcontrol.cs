using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/memcontrol.c: which memcg's statistics a page counts for, and moving it to another.</summary>
public class memcontrol(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>A new memcg.</summary>
    [KernelSource("mm/memcontrol.c")]
    public virtual async KernelTask<Memcg> mem_cgroup_css_alloc() => await kmem_cache_alloc(Caches.Memcg);

    /// <summary>Adds to a statistic of the node or, where there are memcgs, of the page's.</summary>
    /// <remarks>Left out: the node's own sum of pages that have a memcg (hides nothing: moving a page leaves it as it was).</remarks>
    [KernelSource("mm/memcontrol.c")]
    public virtual async KernelTask __mod_lruvec_page_state(Folio folio, StatItem idx, int val)
    {
        if (!Config.MEMCG)
        {
            await atomic_add(val, Caches.Pgdat!.vm_stat[idx]);
            return;
        }

        await rcu_read_lock();
        var memcg = await load(folio.memcg_data);
        if (memcg is null)
        {
            await rcu_read_unlock();
            await atomic_add(val, Caches.Pgdat!.vm_stat[idx]);
            return;
        }

        await atomic_add(val, memcg.vmstats[idx]);
        await rcu_read_unlock();
    }

    /// <summary>
    /// Keeps a folio in its memcg until unlock_page_memcg: by RCU alone as long as nobody moves pages out of that memcg, else by
    /// its move_lock.
    /// </summary>
    /// <remarks>Left out: interrupts are off while it is held (hides nothing: no path here runs in one).</remarks>
    [KernelSource("mm/memcontrol.c", Function = "folio_memcg_lock")]
    public virtual async KernelTask lock_page_memcg(Folio folio)
    {
        if (!Config.MEMCG)
        {
            return;
        }

        await rcu_read_lock();
        while (true)
        {
            var memcg = await load(folio.memcg_data);
            if (memcg is null || await atomic_read(memcg.moving_account) <= 0)
            {
                return;
            }

            await spin_lock(memcg.move_lock);
            if (memcg == await load(folio.memcg_data))
            {
                await store(memcg.move_lock_task, current);
                return;
            }

            await spin_unlock(memcg.move_lock);
        }
    }

    /// <summary>Ends what lock_page_memcg began.</summary>
    [KernelSource("mm/memcontrol.c", Function = "folio_memcg_unlock")]
    public virtual async KernelTask unlock_page_memcg(Folio folio)
    {
        if (Config.MEMCG)
        {
            var memcg = await load(folio.memcg_data);
            await __folio_memcg_unlock(memcg);
        }
    }

    /// <summary>Drops a memcg's move_lock, if it is this thread that has it, and the RCU section.</summary>
    [KernelSource("mm/memcontrol.c")]
    public virtual async KernelTask __folio_memcg_unlock(Memcg? memcg)
    {
        if (memcg is not null && await load(memcg.move_lock_task) == current)
        {
            await store(memcg.move_lock_task, null);
            await spin_unlock(memcg.move_lock);
        }

        await rcu_read_unlock();
    }

    /// <summary>Moves what one page of an mm is charged for to another memcg, as when its process moves (cgroup v1).</summary>
    /// <remarks>
    /// Left out: draining the LRU's pagevecs; mmap_lock, which the kernel tries until it has it for reading (hides nothing: nobody here takes
    /// it for writing); precharges; more than one page.
    /// </remarks>
    [KernelSource("mm/memcontrol.c")]
    public virtual async KernelTask mem_cgroup_move_charge(Vma vma, int address, Memcg from, Memcg to)
    {
        await mem_cgroup_move_begins(from);
        await mem_cgroup_move_charge_pte_range(vma, address, from, to); // walk_page_range
        await atomic_dec(from.moving_account);
    }

    /// <summary>Has everybody lock the memcg that pages are moved from, and waits for those who are inside without the lock.</summary>
    /// <remarks>A part of its own, so that set-up can have a mover in the middle of its walk.</remarks>
    [KernelSource("mm/memcontrol.c", Function = "mem_cgroup_move_charge")]
    public virtual async KernelTask mem_cgroup_move_begins(Memcg from)
    {
        await atomic_inc(from.moving_account);
        if (Checks("move-charge-waits-for-rcu"))
        {
            await synchronize_rcu();
        }
    }

    /// <summary>The same at one pte, under its page-table lock.</summary>
    /// <remarks>
    /// Left out: THPs, swap entries, device memory; the list that the page is taken off and put back on and the LRU's lock, the reference of the isolation (hides nothing: the walk has its own), and the
    /// pagevec in between (hides that nobody can isolate the page for some time after).
    /// </remarks>
    [KernelSource("mm/memcontrol.c")]
    public virtual async KernelTask mem_cgroup_move_charge_pte_range(Vma vma, int address, Memcg from, Memcg to)
    {
        var vm_mm = await load(vma.vm_mm);
        var pmd = await load(pgtable.pmd_offset(vm_mm!, address));
        if (pgtable.pmd_none_or_trans_huge(pmd))
        {
            return;
        }

        var table = pgtable.pmd_pgtable(pmd);
        var ptep = table.pte[pgtable.pte_index(address)];

        await spin_lock(table.ptl);
        var ptent = await load(ptep);
        if (await get_mctgt_type(vma, address, ptent, from) is { } page)
        {
            if (await test_and_clear_bit(PageFlags.PG_lru, page.flags)) // isolate_lru_page
            {
                await mem_cgroup_move_account(page, from, to);
                await set_bit(PageFlags.PG_lru, page.flags); // putback_lru_page
            }

            await put_mctgt(page);
        }

        await spin_unlock(table.ptl);
    }

    /// <summary>Whether a pte has a page that is charged to the memcg that pages are moved from. If so it returns it with a reference.</summary>
    [KernelSource("mm/memcontrol.c")]
    public virtual async KernelTask<Folio?> get_mctgt_type(Vma vma, int address, Pte ptent, Memcg from)
    {
        var page = await page_at(vma, address, ptent);
        if (page is not null && await load(page.memcg_data) != from)
        {
            await mm.folio_put(page);
            return null;
        }

        return page;
    }

    /// <summary>The page that a pte maps, or would map if it were touched: a page of the page cache is moved even if this mm does not map it.</summary>
    /// <remarks>
    /// A vma maps its file from the offset that is its own start. Left out: looking again whether the page is still in the cache (hides its removal, of which there is none here); swap and migration
    /// entries, which are looked up in the page cache here; what the process may take along (here both, MOVE_ANON and MOVE_FILE).
    /// </remarks>
    [KernelSource("mm/memcontrol.c", Function = "mc_handle_file_pte", With = "mc_handle_present_pte")]
    public virtual async KernelTask<Folio?> page_at(Vma vma, int address, Pte ptent)
    {
        Folio? page;
        if (ptent.Present)
        {
            page = Caches.pfn_to_page(ptent.Pfn); // mc_handle_present_pte
            if (!await mm.folio_mapped(page))
            {
                return null;
            }
        }
        else
        {
            var file = await load(vma.vm_file);
            if (file is null)
            {
                return null;
            }

            page = await load(file.i_pages[address]); // find_get_incore_page
        }

        return page is not null && await atomic_inc_not_zero(page._refcount) ? page : null;
    }

    /// <summary>Gives up what get_mctgt_type has taken.</summary>
    [KernelSource("mm/memcontrol.c", Function = "mem_cgroup_move_charge_pte_range")]
    public virtual async KernelTask put_mctgt(Folio page) => await mm.folio_put(page);

    /// <summary>Moves a page that is isolated from its LRU, with its statistics, unless somebody has it locked.</summary>
    [KernelSource("mm/memcontrol.c")]
    public virtual async KernelTask mem_cgroup_move_account(Folio folio, Memcg from, Memcg to)
    {
        if (!await mm.folio_trylock(folio))
        {
            return;
        }

        await mem_cgroup_move_locked(folio, from, to);
        await mm.folio_unlock(folio);
    }

    /// <summary>The same for a page that is locked.</summary>
    /// <remarks>Left out: all statistics but those of mappings; THPs; VM_BUG_ON of a page that is on its LRU (hides nothing: it was isolated here).</remarks>
    [KernelSource("mm/memcontrol.c", Function = "mem_cgroup_move_account")]
    public virtual async KernelTask mem_cgroup_move_locked(Folio folio, Memcg from, Memcg to)
    {
        if (await load(folio.memcg_data) != from)
        {
            return;
        }

        await lock_page_memcg(folio);
        var idx = await mm.folio_test_anon(folio) ? StatItem.NR_ANON_MAPPED : StatItem.NR_FILE_MAPPED;
        if (await mm.folio_mapped(folio))
        {
            await atomic_add(-1, from.vmstats[idx]);
            await atomic_add(1, to.vmstats[idx]);
        }

        await smp_mb();
        await store(folio.memcg_data, to);
        await __folio_memcg_unlock(from);
    }
}
