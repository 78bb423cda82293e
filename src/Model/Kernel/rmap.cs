using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/rmap.c: from a folio to the page tables that map it, and the anon_vmas that lead there.</summary>
public partial class rmap(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>A new anon_vma, its own root and parent.</summary>
    /// <remarks>Its stores are steps: the cache is type-safe, so a stale reader may look at it while they happen.</remarks>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask<AnonVma> anon_vma_alloc()
    {
        var anon_vma = await kmem_cache_alloc(Caches.AnonVma);
        await atomic_set(anon_vma.refcount, 1);
        await store(anon_vma.num_children, 0);
        await store(anon_vma.num_active_vmas, 0);
        await store(anon_vma.parent, anon_vma);
        await store(anon_vma.root, anon_vma);
        return anon_vma;
    }

    /// <summary>Gives an anon_vma back, after any optimistic reader of its root has let go.</summary>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask anon_vma_free(AnonVma anon_vma)
    {
        if (Config.DEBUG_VM)
        {
            BUG_ON(await atomic_read(anon_vma.refcount) != 0, "VM_BUG_ON(atomic_read(&anon_vma->refcount))");
        }

        might_sleep();
        if (Checks("free-waits-for-readers"))
        {
            var root = await load(anon_vma.root);
            if (await rwsem_is_locked(root!.rwsem))
            {
                await anon_vma_lock_write(anon_vma);
                await anon_vma_unlock_write(anon_vma);
            }
        }

        await kmem_cache_free(anon_vma);
    }

    /// <summary>Locks the root of an anon_vma for writing.</summary>
    [KernelSource("include/linux/rmap.h")]
    public virtual async KernelTask anon_vma_lock_write(AnonVma anon_vma)
    {
        var root = await load(anon_vma.root);
        await down_write(root!.rwsem);
    }

    /// <summary>Unlocks what is the root of an anon_vma now.</summary>
    [KernelSource("include/linux/rmap.h")]
    public virtual async KernelTask anon_vma_unlock_write(AnonVma anon_vma)
    {
        var root = await load(anon_vma.root);
        await up_write(root!.rwsem);
    }

    /// <summary>Locks the root of an anon_vma for reading.</summary>
    [KernelSource("include/linux/rmap.h")]
    public virtual async KernelTask anon_vma_lock_read(AnonVma anon_vma)
    {
        var root = await load(anon_vma.root);
        await down_read(root!.rwsem);
    }

    /// <summary>Unlocks what is the root of an anon_vma now.</summary>
    [KernelSource("include/linux/rmap.h")]
    public virtual async KernelTask anon_vma_unlock_read(AnonVma anon_vma)
    {
        var root = await load(anon_vma.root);
        await up_read(root!.rwsem);
    }

    /// <summary>Gives a vma its anon_vma before its first anonymous page.</summary>
    [KernelSource("include/linux/rmap.h")]
    public virtual async KernelTask anon_vma_prepare(Vma vma)
    {
        if (await load(vma.anon_vma) is null)
        {
            await __anon_vma_prepare(vma);
        }
    }

    /// <summary>Links a neighbour's anon_vma, or one of its own, unless another thread of the process was faster.</summary>
    /// <remarks>Left out: failing allocations.</remarks>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask __anon_vma_prepare(Vma vma)
    {
        might_sleep();
        var vm_mm = await load(vma.vm_mm);
        var avc = await kmem_cache_alloc(Caches.AnonVmaChain);
        var anon_vma = await mmap.find_mergeable_anon_vma(vma);
        AnonVma? allocated = null;
        if (anon_vma is null)
        {
            anon_vma = await anon_vma_alloc();
            allocated = anon_vma;
            var children = await load(anon_vma.num_children);
            await store(anon_vma.num_children, children + 1); // self-parent link for a new root
        }

        await anon_vma_lock_write(anon_vma);
        await spin_lock(vm_mm!.page_table_lock);
        var published = await load(vma.anon_vma) is null;
        if (published)
        {
            await store(vma.anon_vma, anon_vma);
            await anon_vma_chain_link(vma, avc, anon_vma, vm_mm.page_table_lock);
            var active = await load(anon_vma.num_active_vmas);
            await store(anon_vma.num_active_vmas, active + 1);
        }

        await spin_unlock(vm_mm.page_table_lock);
        await anon_vma_unlock_write(anon_vma);
        if (!published)
        {
            if (allocated is not null)
            {
                await put_anon_vma(allocated);
            }

            await kmem_cache_free(avc);
        }
    }

    /// <summary>Links a vma and an anon_vma. The vma's own list is guarded by the caller's lock.</summary>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask anon_vma_chain_link(Vma vma, AnonVmaChain avc, AnonVma anon_vma, spinlock_t page_table_lock)
    {
        await store(avc.vma, vma);
        await store(avc.anon_vma, anon_vma);
        await list_add(vma.anon_vma_chain, avc, page_table_lock);
        var root = await load(anon_vma.root);
        await list_add_tail(anon_vma.rb_root, avc, root!.rwsem); // anon_vma_interval_tree_insert
    }

    /// <summary>Links a vma that nobody else knows yet, under mmap_lock held for writing.</summary>
    [KernelSource("mm/rmap.c", Function = "anon_vma_chain_link")]
    public virtual async KernelTask anon_vma_chain_link(Vma vma, AnonVmaChain avc, AnonVma anon_vma, rw_semaphore mmap_lock)
    {
        await store(avc.vma, vma);
        await store(avc.anon_vma, anon_vma);
        await list_add(vma.anon_vma_chain, avc, mmap_lock);
        var root = await load(anon_vma.root);
        await list_add_tail(anon_vma.rb_root, avc, root!.rwsem); // anon_vma_interval_tree_insert
    }

    /// <summary>Links a vma to every anon_vma of another; at fork it may adopt one that has no vma left and one child at most.</summary>
    /// <param name="dst">The vma that is linked.</param>
    /// <param name="src">The vma whose anon_vmas it shares.</param>
    /// <param name="dst_anon_vma">What the caller has just stored as dst->anon_vma; null at fork, which asks for an adoption.</param>
    /// <remarks>Left out: failing allocations.</remarks>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask anon_vma_clone(Vma dst, Vma src, AnonVma? dst_anon_vma)
    {
        var dst_mm = await load(dst.vm_mm);
        AnonVma? root = null;
        var own = dst_anon_vma;
        for (var i = await list_count(src.anon_vma_chain) - 1; i >= 0; i--)
        {
            var pavc = await list_get(src.anon_vma_chain, i);
            var avc = await kmem_cache_alloc(Caches.AnonVmaChain);
            var anon_vma = await load(pavc!.anon_vma);
            root = await lock_anon_vma_root(root, anon_vma!);
            await anon_vma_chain_link(dst, avc, anon_vma!, dst_mm!.mmap_lock);
            if (own is null && await load(anon_vma!.num_children) < 2 && await load(anon_vma.num_active_vmas) == 0)
            {
                await store(dst.anon_vma, anon_vma);
                own = anon_vma;
            }
        }

        if (own is not null)
        {
            var active = await load(own.num_active_vmas);
            await store(own.num_active_vmas, active + 1);
        }

        await unlock_anon_vma_root(root);
    }

    /// <summary>Attaches a forked vma to its parent's anon_vmas and to one of its own.</summary>
    /// <remarks>Left out: failing allocations.</remarks>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask anon_vma_fork(Vma vma, Vma pvma)
    {
        var parent = await load(pvma.anon_vma);
        if (parent is null)
        {
            return;
        }

        await store(vma.anon_vma, null);
        await anon_vma_clone(vma, pvma, null);
        if (await load(vma.anon_vma) is not null)
        {
            return; // an existing one was adopted
        }

        var vm_mm = await load(vma.vm_mm);
        var anon_vma = await anon_vma_alloc();
        await store(anon_vma.num_active_vmas, 1);
        var avc = await kmem_cache_alloc(Caches.AnonVmaChain);
        var root = await load(parent.root);
        await store(anon_vma.root, root);
        await store(anon_vma.parent, parent);
        await atomic_inc(root!.refcount); // get_anon_vma: the lock lives in the root
        await store(vma.anon_vma, anon_vma);
        await anon_vma_lock_write(anon_vma);
        await anon_vma_chain_link(vma, avc, anon_vma, vm_mm!.mmap_lock);
        var children = await load(parent.num_children);
        await store(parent.num_children, children + 1);
        await anon_vma_unlock_write(anon_vma);
    }

    /// <summary>Locks the root of an anon_vma, unless it is the one that is locked.</summary>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask<AnonVma?> lock_anon_vma_root(AnonVma? root, AnonVma anon_vma)
    {
        var new_root = await load(anon_vma.root);
        if (new_root != root)
        {
            if (root is not null)
            {
                WARN_ON(true, "WARN_ON_ONCE(root)");
                await up_write(root.rwsem);
            }

            root = new_root;
            await down_write(root!.rwsem);
        }

        return root;
    }

    /// <summary>Unlocks a root, if there is one.</summary>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask unlock_anon_vma_root(AnonVma? root)
    {
        if (root is not null)
        {
            await up_write(root.rwsem);
        }
    }

    /// <summary>
    /// Takes a vma out of the reverse map: out of every tree under the root's lock, and after that drops the anon_vmas
    /// whose tree is empty.
    /// </summary>
    /// <remarks>
    /// The vma's own list is serialised by mmap_lock, or by the vma's being detached: no other thread reads it, and here the chains
    /// that are freed last stay on it.
    /// </remarks>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask unlink_anon_vmas(Vma vma)
    {
        AnonVma? root = null;
        var kept = 0;
        for (var avc = await list_get(vma.anon_vma_chain, 0); avc is not null; avc = await list_get(vma.anon_vma_chain, kept))
        {
            var anon_vma = await load(avc.anon_vma);
            root = await lock_anon_vma_root(root, anon_vma!);
            await list_del(anon_vma!.rb_root, avc, root!.rwsem); // anon_vma_interval_tree_remove
            if (await list_count(anon_vma.rb_root) == 0)
            {
                var parent = await load(anon_vma.parent);
                var children = await load(parent!.num_children);
                await store(parent.num_children, children - 1);
                kept++; // left on the list, to be freed outside the lock
                continue;
            }

            await list_del(vma.anon_vma_chain, avc, root.rwsem);
            await kmem_cache_free(avc);
        }

        if (await load(vma.anon_vma) is { } own)
        {
            var active = await load(own.num_active_vmas);
            await store(own.num_active_vmas, active - 1);
            await store(vma.anon_vma, null);
        }

        await unlock_anon_vma_root(root);

        for (var i = 0; i < kept; i++)
        {
            var avc = await list_get(vma.anon_vma_chain, i);
            var anon_vma = await load(avc!.anon_vma);
            if (Config.DEBUG_VM)
            {
                WARN_ON(await load(anon_vma!.num_children) != 0, "VM_WARN_ON(anon_vma->num_children)");
                WARN_ON(await load(anon_vma.num_active_vmas) != 0, "VM_WARN_ON(anon_vma->num_active_vmas)");
            }

            await put_anon_vma(anon_vma!);
            await kmem_cache_free(avc);
        }
    }

    /// <summary>A vma takes over from the next one: they have the same anon_vma, and so, it is assumed, the same chain.</summary>
    [KernelSource("include/linux/rmap.h")]
    public virtual async KernelTask anon_vma_merge(Vma vma, Vma next)
    {
        if (Config.DEBUG_VM)
        {
            var own = await load(vma.anon_vma);
            BUG_ON(await load(next.anon_vma) != own, "VM_BUG_ON_VMA(vma->anon_vma != next->anon_vma)");
        }

        await unlink_anon_vmas(next);
    }

    /// <summary>Drops a reference to an anon_vma.</summary>
    [KernelSource("include/linux/rmap.h")]
    public virtual async KernelTask put_anon_vma(AnonVma anon_vma)
    {
        if (await atomic_dec_and_test(anon_vma.refcount))
        {
            await __put_anon_vma(anon_vma);
        }
    }

    /// <summary>The last reference is gone: frees the anon_vma, and with it its hold on the root.</summary>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask __put_anon_vma(AnonVma anon_vma)
    {
        var root = await load(anon_vma.root);
        await anon_vma_free(anon_vma);
        if (root != anon_vma && await atomic_dec_and_test(root!.refcount))
        {
            await anon_vma_free(root);
        }
    }

    /// <summary>Returns the folio's anon_vma with a reference, or null once the folio is unmapped or not anonymous.</summary>
    /// <remarks>Left out: KSM folios (hides nothing: none of these paths sees one).</remarks>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask<AnonVma?> folio_get_anon_vma(Folio folio)
    {
        await rcu_read_lock();
        if (await READ_ONCE(folio.mapping) is not AnonVma anon_vma || !await mm.folio_mapped(folio)
            || !await atomic_inc_not_zero(anon_vma.refcount))
        {
            await rcu_read_unlock();
            return null;
        }

        // Still mapped: then its anon_vma cannot have been freed. If not, the object may be another's by now.
        if (Checks("get-mapped-again") && !await mm.folio_mapped(folio))
        {
            await rcu_read_unlock();
            await put_anon_vma(anon_vma);
            return null;
        }

        Ghost(current.rmap_anon_vma, anon_vma);
        await rcu_read_unlock();
        return anon_vma;
    }

    /// <summary>
    /// Returns the folio's anon_vma with its root read-locked, or null once the folio is unmapped, not anonymous, or (with
    /// <c>try_lock</c>) contended.
    /// </summary>
    /// <remarks>Left out: KSM folios (hides nothing: none of these paths sees one).</remarks>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask<AnonVma?> folio_lock_anon_vma_read(Folio folio, RmapWalkControl rwc)
    {
        await rcu_read_lock();
        if (await READ_ONCE(folio.mapping) is not AnonVma anon_vma
            || (Checks("mapped-before-lock") && !await mm.folio_mapped(folio)))
        {
            await rcu_read_unlock();
            return null;
        }

        var root_anon_vma = await READ_ONCE(anon_vma.root); // cached: the object may be re-used under us
        if (await down_read_trylock(root_anon_vma!.rwsem))
        {
            // Still mapped: then this is still its anon_vma, and the lock keeps it so.
            if (Checks("mapped-under-lock") && !await mm.folio_mapped(folio))
            {
                var locked = Checks("unlock-cached-root") ? root_anon_vma : await load(anon_vma.root);
                await up_read(locked!.rwsem);
                await rcu_read_unlock();
                return null;
            }

            Ghost(current.rmap_anon_vma, anon_vma);
            await rcu_read_unlock();
            return anon_vma;
        }

        if (rwc.try_lock || !await atomic_inc_not_zero(anon_vma.refcount))
        {
            await rcu_read_unlock();
            return null;
        }

        if (Checks("mapped-with-reference") && !await mm.folio_mapped(folio))
        {
            await rcu_read_unlock();
            await put_anon_vma(anon_vma);
            return null;
        }

        Ghost(current.rmap_anon_vma, anon_vma); // pinned, so it is safe to sleep
        await rcu_read_unlock();
        await anon_vma_lock_read(anon_vma);
        if (await atomic_dec_and_test(anon_vma.refcount))
        {
            // The last reference: put_anon_vma would lock the root for writing, which this thread reads.
            await anon_vma_unlock_read(anon_vma);
            Ghost(current.rmap_anon_vma, null);
            await __put_anon_vma(anon_vma);
            return null;
        }

        return anon_vma;
    }

    /// <summary>Visits every vma that may map a folio.</summary>
    /// <remarks>Left out: KSM folios.</remarks>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask<int> rmap_walk(Folio folio, RmapWalkControl rwc, int arg) =>
        await mm.folio_test_anon(folio) ? await rmap_walk_anon(folio, rwc, arg) : await rmap_walk_file(folio, rwc, arg);

    /// <summary>Visits every vma that may map an anonymous folio, under the lock of its anon_vma's root.</summary>
    /// <returns>What the visits made of their argument.</returns>
    /// <remarks>Left out: VM_BUG_ON_VMA for a page outside a vma that the tree gave; folio->index is read once for all of them.</remarks>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask<int> rmap_walk_anon(Folio folio, RmapWalkControl rwc, int arg)
    {
        var anon_vma = await folio_lock_anon_vma_read(folio, rwc);
        if (anon_vma is null)
        {
            return arg;
        }

        var pgoff = await load(folio.index);
        var goes_on = true;
        for (var i = 0; goes_on; i++)
        {
            var avc = await list_get(anon_vma.rb_root, i);
            if (avc is null)
            {
                break;
            }

            var vma = await load(avc.vma);
            var address = await vma_address(vma!, pgoff);
            if (address >= 0)
            {
                (goes_on, arg) = await rwc.rmap_one(folio, vma!, address, arg);
            }
        }

        await anon_vma_unlock_read(anon_vma);
        Ghost(current.rmap_anon_vma, null);
        return arg;
    }

    /// <summary>Where a page of this offset is in a vma, or -1 when it is outside.</summary>
    [KernelSource("mm/internal.h")]
    public virtual async KernelTask<int> vma_address(Vma vma, int pgoff)
    {
        var vm_pgoff = await load(vma.vm_pgoff);
        var vm_start = await load(vma.vm_start);
        var vm_end = await load(vma.vm_end);
        var address = vm_start + pgoff - vm_pgoff;
        return address >= vm_start && address < vm_end ? address : -1;
    }

    /// <summary>How many mappings have used the folio since the last time, as reclaim asks.</summary>
    /// <remarks>
    /// Called without the folio lock, as by shrink_active_list. Left out: file folios, for which it tries that lock (they are not
    /// walked here); memcg filtering, mlock, MGLRU's look-around, the idle and young page flags.
    /// </remarks>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask folio_referenced(Folio folio)
    {
        var mapcount = await mm.folio_mapcount(folio);
        if ((Checks("mapped-before-walk") && mapcount == 0) || await load(folio.mapping) is null || !await mm.folio_test_anon(folio))
        {
            return;
        }

        await rmap_walk(folio, File<rmap_walks>().folio_referenced_rwc, mapcount);
    }

    /// <summary>folio_referenced in one vma: clears the young bits, and stops once every mapping has been seen.</summary>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask<(bool GoesOn, int Mapcount)> folio_referenced_one(Folio folio, Vma vma, int address, int mapcount)
    {
        var pvmw = await page_vma_mapped.page_vma_mapped_walk(new(folio, vma, address, null, false));
        while (pvmw.IsFound)
        {
            await pgtable.ptep_test_and_clear_young(pvmw.Table!.pte[pgtable.pte_index(address)]);
            mapcount--;
            pvmw = await page_vma_mapped.page_vma_mapped_walk(pvmw);
        }

        return (mapcount != 0, mapcount);
    }

    /// <summary>Maps a new anonymous folio for the first time.</summary>
    /// <remarks>Left out: statistics.</remarks>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask page_add_new_anon_rmap(Folio page, Vma vma, int address)
    {
        await atomic_set(page._mapcount, 0);
        var anon_vma = await load(vma.anon_vma);
        BUG_ON(anon_vma is null, "BUG_ON(!anon_vma)");
        await WRITE_ONCE<KernelObject?>(page.mapping, anon_vma); // __page_set_anon_rmap
        var vm_start = await load(vma.vm_start);
        var vm_pgoff = await load(vma.vm_pgoff);
        await store(page.index, address - vm_start + vm_pgoff);
    }

    /// <summary>Takes one pte's mapping out of the reverse map; the caller holds the page-table lock.</summary>
    /// <remarks>
    /// The stale mapping stays until the page is freed. Left out: lock_page_memcg and the statistics it guards, large
    /// folios, munlock (topics of their own).
    /// </remarks>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask page_remove_rmap(Folio page)
    {
        // Which statistics it counts for; the mapcount is the same one.
        await mm.folio_test_anon(page);
        await atomic_add_negative(-1, page._mapcount);
    }

    /// <summary>Maps a page-cache folio; the caller holds the page-table lock and the folio's.</summary>
    /// <remarks>Left out: lock_page_memcg and the statistics it guards.</remarks>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask page_add_file_rmap(Folio page) => await atomic_inc_and_test(page._mapcount);
}
