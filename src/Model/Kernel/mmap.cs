using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/mmap.c and kernel/fork.c: making, changing and unmaking address spaces.</summary>
public class mmap(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>A new, empty mm.</summary>
    [KernelSource("kernel/fork.c")]
    public virtual async KernelTask<Mm> mm_alloc() => await kmem_cache_alloc(Caches.Mm);

    /// <summary>Maps anonymous memory at some pages of an mm.</summary>
    [KernelSource("mm/mmap.c")]
    public virtual KernelTask<Vma> mmap_region(Mm mm, int start, int end) => mmap_region(mm, start, end, null);

    /// <summary>Maps a file, shared, or anonymous memory where there is none.</summary>
    /// <remarks>Left out: merging with neighbours.</remarks>
    [KernelSource("mm/mmap.c")]
    public virtual async KernelTask<Vma> mmap_region(Mm mm, int start, int end, AddressSpace? file)
    {
        await down_write(mm.mmap_lock);
        var vma = await kmem_cache_alloc(Caches.Vma);
        await vma_link(mm, vma, start, end, file);
        await up_write(mm.mmap_lock);
        return vma;
    }

    /// <summary>Maps a file by a vma whose flags say whether it is shared.</summary>
    /// <remarks>Left out: merging with neighbours.</remarks>
    [KernelSource("mm/mmap.c")]
    public virtual async KernelTask<Vma> mmap_region(Mm mm, int start, int end, AddressSpace file, bool shared)
    {
        await down_write(mm.mmap_lock);
        var vma = await kmem_cache_alloc(Caches.Vma);
        await store(vma.vm_flags, shared ? VmFlags.VM_SHARED : VmFlags.None);
        await vma_link(mm, vma, start, end, file);
        await up_write(mm.mmap_lock);
        return vma;
    }

    /// <summary>MAP_FIXED: maps anonymous memory in the place of the vma that an address is in, while the other threads of the process go on.</summary>
    /// <remarks>mmap_lock is held for writing throughout, so a fault waits until the new vma is there. Left out: ranges that are not whole vmas, merging with neighbours.</remarks>
    [KernelSource("mm/mmap.c", Function = "mmap_region")]
    public virtual async KernelTask mmap_fixed(Mm mm, int address)
    {
        await down_write(mm.mmap_lock);
        var old = await find_vma(mm, address);
        if (old is not null)
        {
            var start = await load(old.vm_start);
            var end = await load(old.vm_end);
            await list_del(mm.mm_mt, old, mm.mmap_lock); // do_mas_munmap
            await unmap_region(mm, old);
            await kmem_cache_free(old);
            var vma = await kmem_cache_alloc(Caches.Vma);
            await vma_link(mm, vma, start, end, null);
        }

        await up_write(mm.mmap_lock);
    }

    /// <summary>Fills in a new vma and links it into its mm and its file. The caller holds mmap_lock.</summary>
    [KernelSource("mm/mmap.c")]
    public virtual async KernelTask vma_link(Mm mm, Vma vma, int start, int end, AddressSpace? file)
    {
        await store(vma.vm_mm, mm);
        await store(vma.vm_start, start);
        await store(vma.vm_end, end);
        await store(vma.vm_pgoff, start);
        await store(vma.vm_file, file);
        if (file is not null)
        {
            await down_write(file.i_mmap_rwsem);
        }

        await vma_mas_store(mm, vma);
        if (file is not null)
        {
            await list_add_tail(file.i_mmap, vma, file.i_mmap_rwsem); // vma_interval_tree_insert
            await up_write(file.i_mmap_rwsem);
        }
    }

    /// <summary>The vma that an address is in, or null. The caller holds mmap_lock.</summary>
    /// <remarks>The kernel's maple tree is walked by one lookup; under the lock its steps are nobody's concern.</remarks>
    [KernelSource("mm/mmap.c")]
    public virtual async KernelTask<Vma?> find_vma(Mm mm, int address)
    {
        for (var i = 0; await list_get(mm.mm_mt, i) is { } vma; i++)
        {
            var start = await load(vma.vm_start);
            var end = await load(vma.vm_end);
            if (address >= start && address < end)
            {
                return vma;
            }
        }

        return null;
    }

    /// <summary>The first vma that ends above an address, or null: what the kernel's find_vma and mas_find give. The caller holds mmap_lock.</summary>
    [KernelSource("mm/mmap.c", Function = "find_vma")]
    public virtual async KernelTask<Vma?> mas_find(Mm mm, int address)
    {
        for (var i = 0; await list_get(mm.mm_mt, i) is { } vma; i++)
        {
            if (await load(vma.vm_end) > address)
            {
                return vma;
            }
        }

        return null;
    }

    /// <summary>The vma before another in the order of addresses, or null. The caller holds mmap_lock.</summary>
    [KernelSource("lib/maple_tree.c")]
    public virtual async KernelTask<Vma?> mas_prev(Mm mm, Vma vma)
    {
        Vma? prev = null;
        for (var i = 0; await list_get(mm.mm_mt, i) is { } at && at != vma; i++)
        {
            prev = at;
        }

        return prev;
    }

    /// <summary>A new file without cached pages.</summary>
    [KernelSource("fs/inode.c", Function = "alloc_inode")]
    public virtual async KernelTask<AddressSpace> alloc_inode() => await kmem_cache_alloc(Caches.AddressSpace);

    /// <summary>Copies an address space at fork.</summary>
    /// <remarks>Left out: VM_DONTCOPY and its like, vm_ops; that the child's vmas lose VM_LOCKED (invents a child that is locked; nothing here looks at that in a child).</remarks>
    [KernelSource("kernel/fork.c")]
    public virtual async KernelTask<Mm> dup_mmap(Mm oldmm)
    {
        var mm = await mm_alloc();
        await down_write(oldmm.mmap_lock);
        await down_write(mm.mmap_lock); // nested: nobody else knows this mm
        var count = await list_count(oldmm.mm_mt);
        for (var i = 0; i < count; i++)
        {
            var mpnt = await list_get(oldmm.mm_mt, i);
            var tmp = await vm_area_dup(mm, mpnt!);
            await rmap.anon_vma_fork(tmp, mpnt!);
            if (await load(tmp.vm_file) is { } file)
            {
                await down_write(file.i_mmap_rwsem);
                await list_add_tail(file.i_mmap, tmp, file.i_mmap_rwsem); // vma_interval_tree_insert_after
                await up_write(file.i_mmap_rwsem);
            }

            await list_add_tail(mm.mm_mt, tmp, mm.mmap_lock);
            await memory.copy_page_range(tmp, mpnt!);
        }

        await up_write(mm.mmap_lock);
        await tlbflush.flush_tlb_mm(oldmm); // whose ptes were made read-only
        await up_write(oldmm.mmap_lock);
        return mm;
    }

    /// <summary>A copy of a vma for another mm, not yet linked anywhere.</summary>
    [KernelSource("kernel/fork.c")]
    public virtual async KernelTask<Vma> vm_area_dup(Mm mm, Vma orig)
    {
        var vma = await kmem_cache_alloc(Caches.Vma);
        var start = await load(orig.vm_start);
        var end = await load(orig.vm_end);
        var pgoff = await load(orig.vm_pgoff);
        var file = await load(orig.vm_file);
        var flags = await load(orig.vm_flags);
        await store(vma.vm_mm, mm);
        await store(vma.vm_start, start);
        await store(vma.vm_end, end);
        await store(vma.vm_pgoff, pgoff);
        await store(vma.vm_file, file);
        await store(vma.vm_flags, flags);
        return vma;
    }

    /// <summary>Splits a vma in two at an address; the new one is the lower or the upper part. The caller holds mmap_lock for writing.</summary>
    /// <remarks>Left out: failing allocations, vm_ops, policies.</remarks>
    [KernelSource("mm/mmap.c")]
    public virtual async KernelTask __split_vma(Mm mm, Vma vma, int address, bool new_below)
    {
        var added = await vm_area_dup(mm, vma);
        var anon_vma = await load(vma.anon_vma);
        await store(added.anon_vma, anon_vma); // part of the copy
        var start = await load(vma.vm_start);
        var end = await load(vma.vm_end);
        var pgoff = await load(vma.vm_pgoff);
        if (new_below)
        {
            await store(added.vm_end, address);
        }
        else
        {
            await store(added.vm_start, address);
            await store(added.vm_pgoff, pgoff + address - start);
        }

        await rmap.anon_vma_clone(added, vma, anon_vma);
        await (new_below
            ? __vma_adjust(vma, address, end, pgoff + address - start, added, null)
            : __vma_adjust(vma, start, address, pgoff, added, null));
    }

    /// <summary>
    /// Changes a vma's range, and what it borders on: a vma that was split off is put in, one that is covered is removed, and
    /// one that is covered in part begins or ends elsewhere.
    /// </summary>
    /// <remarks>
    /// The caller holds mmap_lock for writing. Left out: vma_adjust_trans_huge (hides huge pages that no longer fit), uprobes, assertions about
    /// the ranges, failing allocations. The maple tree is changed in one place, not as each range is (hides nothing: who looks holds mmap_lock).
    /// </remarks>
    [KernelSource("mm/mmap.c")]
    public virtual async KernelTask __vma_adjust(Vma vma, int start, int end, int pgoff, Vma? insert, Vma? expand)
    {
        var mm = await load(vma.vm_mm);
        var vm_end = await load(vma.vm_end);
        var next = await mas_find(mm!, vm_end);
        var file = await load(vma.vm_file);
        Vma? next_next = null;
        Vma? exporter = null;
        Vma? importer = null;
        var adjust_next = 0;
        var remove_next = 0;
        if (next is not null && insert is null)
        {
            var next_start = await load(next.vm_start);
            var next_end = await load(next.vm_end);
            if (end >= next_end)
            {
                remove_next = end > next_end ? 2 : 1; // over the next one, and perhaps over the one after it
                if (next == expand)
                {
                    remove_next = 3; // the other way round: the next one expands over this one
                    (vma, next) = (next, vma);
                }

                (exporter, importer) = (next, vma);
                if (remove_next == 2)
                {
                    next_next = await mas_find(mm!, next_end);
                    if (await load(next.anon_vma) is null)
                    {
                        exporter = next_next;
                    }
                }
            }
            else if (end > next_start)
            {
                adjust_next = end - next_start; // over a part of the next one
                (exporter, importer) = (next, vma);
            }
            else if (end < vm_end)
            {
                adjust_next = end - vm_end; // the next one expands over a part of this one
                (exporter, importer) = (vma, next);
            }

            if (Checks("adjust-imports-anon-vma") && exporter is not null && await load(exporter.anon_vma) is { } exported
                && await load(importer!.anon_vma) is null)
            {
                await store(importer.anon_vma, exported);
                await rmap.anon_vma_clone(importer, exporter, exported);
            }
        }

        if (file is not null)
        {
            await down_write(file.i_mmap_rwsem);
            if (insert is not null)
            {
                await list_add_tail(file.i_mmap, insert, file.i_mmap_rwsem); // __vma_link_file
            }
        }

        var anon_vma = await load(vma.anon_vma);
        if (adjust_next != 0 && anon_vma is null)
        {
            anon_vma = await load(next!.anon_vma);
        }
        else if (adjust_next != 0 && Config.DEBUG_VM)
        {
            var next_anon_vma = await load(next!.anon_vma);
            WARN_ON(next_anon_vma is not null && anon_vma != next_anon_vma, "VM_WARN_ON(adjust_next && next->anon_vma && anon_vma != next->anon_vma)");
        }

        if (anon_vma is not null && Checks("adjust-locks-anon-vma"))
        {
            await rmap.anon_vma_lock_write(anon_vma);
            await anon_vma_interval_tree_pre_update_vma(vma);
            if (adjust_next != 0)
            {
                await anon_vma_interval_tree_pre_update_vma(next!);
            }
        }

        if (file is not null)
        {
            await list_del(file.i_mmap, vma, file.i_mmap_rwsem); // vma_interval_tree_remove
            if (adjust_next != 0)
            {
                await list_del(file.i_mmap, next!, file.i_mmap_rwsem);
            }
        }

        if (await load(vma.vm_start) != start)
        {
            await store(vma.vm_start, start);
        }

        if (await load(vma.vm_end) != end)
        {
            await store(vma.vm_end, end);
        }

        await store(vma.vm_pgoff, pgoff);
        if (adjust_next != 0)
        {
            var next_start = await load(next!.vm_start);
            await store(next.vm_start, next_start + adjust_next);
            var next_pgoff = await load(next.vm_pgoff);
            await store(next.vm_pgoff, next_pgoff + adjust_next);
        }

        if (file is not null)
        {
            if (adjust_next != 0)
            {
                await list_add_tail(file.i_mmap, next!, file.i_mmap_rwsem);
            }

            await list_add_tail(file.i_mmap, vma, file.i_mmap_rwsem);
        }

        if (remove_next != 0)
        {
            if (file is not null)
            {
                await list_del(file.i_mmap, next!, file.i_mmap_rwsem); // __remove_shared_vm_struct
                if (next_next is not null)
                {
                    await list_del(file.i_mmap, next_next, file.i_mmap_rwsem);
                }
            }

            await list_del(mm!.mm_mt, next!, mm.mmap_lock); // the tree's range is stored over
            if (next_next is not null)
            {
                await list_del(mm.mm_mt, next_next, mm.mmap_lock);
            }
        }
        else if (insert is not null)
        {
            await vma_mas_store(mm!, insert);
        }

        if (anon_vma is not null && Checks("adjust-locks-anon-vma"))
        {
            await anon_vma_interval_tree_post_update_vma(vma);
            if (adjust_next != 0)
            {
                await anon_vma_interval_tree_post_update_vma(next!);
            }

            await rmap.anon_vma_unlock_write(anon_vma);
        }

        if (file is not null)
        {
            await up_write(file.i_mmap_rwsem);
        }

        while (remove_next != 0)
        {
            if (await load(next!.anon_vma) is not null)
            {
                await rmap.anon_vma_merge(vma, next);
            }

            await kmem_cache_free(next);
            remove_next = remove_next == 2 ? 1 : 0;
            next = next_next;
        }
    }

    /// <summary>Puts a vma into its mm. The caller holds mmap_lock for writing.</summary>
    /// <remarks>
    /// The maple tree puts it where its address belongs; here those above it are taken out and put behind it (hides nothing: who looks
    /// holds mmap_lock).
    /// </remarks>
    [KernelSource("mm/mmap.c")]
    public virtual async KernelTask vma_mas_store(Mm mm, Vma vma)
    {
        var start = await load(vma.vm_start);
        var above = await mas_find(mm, start);
        await list_add_tail(mm.mm_mt, vma, mm.mmap_lock);
        while (above is not null && above != vma)
        {
            await list_del(mm.mm_mt, above, mm.mmap_lock);
            await list_add_tail(mm.mm_mt, above, mm.mmap_lock);
            above = await mas_find(mm, start);
        }
    }

    /// <summary>Takes a vma out of its trees before its range changes. The root's lock is held for writing.</summary>
    [KernelSource("mm/mmap.c")]
    public virtual async KernelTask anon_vma_interval_tree_pre_update_vma(Vma vma)
    {
        for (var i = 0; await list_get(vma.anon_vma_chain, i) is { } avc; i++)
        {
            var anon_vma = await load(avc.anon_vma);
            var root = await load(anon_vma!.root);
            await list_del(anon_vma.rb_root, avc, root!.rwsem);
        }
    }

    /// <summary>Puts it back. The root's lock is held for writing.</summary>
    [KernelSource("mm/mmap.c")]
    public virtual async KernelTask anon_vma_interval_tree_post_update_vma(Vma vma)
    {
        for (var i = 0; await list_get(vma.anon_vma_chain, i) is { } avc; i++)
        {
            var anon_vma = await load(avc.anon_vma);
            var root = await load(anon_vma!.root);
            await list_add_tail(anon_vma.rb_root, avc, root!.rwsem);
        }
    }

    /// <summary>Merges a range that gets new flags with the vma before it, the one after it, or both.</summary>
    /// <param name="mm">The mm, whose mmap_lock is held for writing.</param>
    /// <param name="prev">The vma before the range, or the one that the range ends; or null.</param>
    /// <param name="area">The vma that the range is in: the kernel is given its anon_vma and its file.</param>
    /// <param name="address">The range's first page.</param>
    /// <param name="end">The page after its last.</param>
    /// <param name="vm_flags">The flags it gets.</param>
    /// <param name="pgoff">The offset of its first page.</param>
    /// <returns>The vma that has the range now, or null where nothing fits.</returns>
    /// <remarks>Left out: policies, userfaultfd, names, khugepaged; ranges that are not mapped yet, as from mmap and brk.</remarks>
    [KernelSource("mm/mmap.c")]
    public virtual async KernelTask<Vma?> vma_merge(Mm mm, Vma? prev, Vma area, int address, int end, VmFlags vm_flags, int pgoff)
    {
        var anon_vma = await load(area.anon_vma);
        var file = await load(area.vm_file);
        var prev_start = 0;
        var prev_end = 0;
        var prev_pgoff = 0;
        if (prev is not null)
        {
            prev_start = await load(prev.vm_start);
            prev_end = await load(prev.vm_end);
            prev_pgoff = await load(prev.vm_pgoff);
        }

        var mid = await mas_find(mm, prev_end);
        var next = mid;
        if (mid is not null && await load(mid.vm_end) == end)
        {
            next = await mas_find(mm, end);
        }

        var merge_prev = prev is not null && prev_end == address && prev_pgoff + prev_end - prev_start == pgoff
            && await can_vma_merge(prev, vm_flags, anon_vma, file);
        var merge_next = false;
        var next_end = 0;
        var next_pgoff = 0;
        if (next is not null && await load(next.vm_start) == end)
        {
            next_end = await load(next.vm_end);
            next_pgoff = await load(next.vm_pgoff);
            merge_next = next_pgoff == pgoff + end - address && await can_vma_merge(next, vm_flags, anon_vma, file);
        }

        if (merge_prev && merge_next)
        {
            var prev_anon_vma = await load(prev!.anon_vma);
            var next_anon_vma = await load(next!.anon_vma);
            if (await is_mergeable_anon_vma(prev_anon_vma, next_anon_vma, null))
            {
                await __vma_adjust(prev, prev_start, next_end, prev_pgoff, null, prev); // cases 1 and 6
                return prev;
            }
        }

        if (merge_prev)
        {
            await __vma_adjust(prev!, prev_start, end, prev_pgoff, null, prev); // cases 2, 5 and 7
            return prev;
        }

        if (!merge_next)
        {
            return null;
        }

        await (prev is not null && address < prev_end
            ? __vma_adjust(prev, prev_start, address, prev_pgoff, null, next) // case 4
            : __vma_adjust(mid!, address, next_end, next_pgoff - (end - address), null, next)); // cases 3 and 8
        return next;
    }

    /// <summary>Whether a range of these flags, this anon_vma and this file may become part of a vma. Offsets are the caller's to compare.</summary>
    [KernelSource("mm/mmap.c", Function = "can_vma_merge_before")]
    public virtual async KernelTask<bool> can_vma_merge(Vma vma, VmFlags vm_flags, AnonVma? anon_vma, AddressSpace? file)
    {
        if (await load(vma.vm_flags) != vm_flags || await load(vma.vm_file) != file)
        {
            return false;
        }

        var own = await load(vma.anon_vma);
        return await is_mergeable_anon_vma(anon_vma, own, vma);
    }

    /// <summary>Whether two anon_vmas may become one vma's: they are one, or one is none and the vma's was never cloned by a fork.</summary>
    [KernelSource("mm/mmap.c")]
    public virtual async KernelTask<bool> is_mergeable_anon_vma(AnonVma? anon_vma1, AnonVma? anon_vma2, Vma? vma)
    {
        if ((anon_vma1 is null || anon_vma2 is null) && (vma is null || await list_count(vma.anon_vma_chain) == 1))
        {
            return true;
        }

        return anon_vma1 == anon_vma2;
    }

    /// <summary>The anon_vma of a neighbour with which the vma may one day merge, or null. The caller holds mmap_lock, for reading at least.</summary>
    [KernelSource("mm/mmap.c")]
    public virtual async KernelTask<AnonVma?> find_mergeable_anon_vma(Vma vma)
    {
        var mm = await load(vma.vm_mm);
        var end = await load(vma.vm_end);
        if (await find_vma(mm!, end) is { } next && await reusable_anon_vma(next, vma, next) is { } anon_vma)
        {
            return anon_vma;
        }

        return await mas_prev(mm!, vma) is { } prev ? await reusable_anon_vma(prev, prev, vma) : null;
    }

    /// <summary>The anon_vma of a vma, if a neighbour may have it too: it must be the only one in its chain.</summary>
    /// <remarks>
    /// Another thread of the process may be setting it up, so it is read once. Left out: policies and the flags that must be the same: those
    /// that there are here may differ.
    /// </remarks>
    [KernelSource("mm/mmap.c")]
    public virtual async KernelTask<AnonVma?> reusable_anon_vma(Vma old, Vma a, Vma b)
    {
        var a_start = await load(a.vm_start);
        var a_end = await load(a.vm_end);
        var a_pgoff = await load(a.vm_pgoff);
        var a_file = await load(a.vm_file);
        var b_start = await load(b.vm_start);
        var b_pgoff = await load(b.vm_pgoff);
        var b_file = await load(b.vm_file);
        if (a_end != b_start || a_file != b_file || b_pgoff != a_pgoff + b_start - a_start)
        {
            return null; // anon_vma_compatible
        }

        var anon_vma = await READ_ONCE(old.anon_vma);
        return anon_vma is not null && (await list_count(old.anon_vma_chain) == 1 || !Checks("reuse-only-singular")) ? anon_vma : null;
    }

    /// <summary>The last user of an mm has gone: unmaps and frees everything in it.</summary>
    /// <remarks>
    /// The caller is the mm's last user: a scenario in which another thread still runs in this mm is one that the kernel's
    /// mm_users forbids. Left out: mmu notifiers, the OOM reaper, accounting, lru_add_drain (hides nothing here: nothing is in a pagevec), and the
    /// early return of an mm without vmas, which then does nothing here either.
    /// </remarks>
    [KernelSource("mm/mmap.c")]
    public virtual async KernelTask exit_mmap(Mm mm)
    {
        await down_read(mm.mmap_lock);
        var tlb = await mmu_gather.tlb_gather_mmu_fullmm(mm);
        tlb = await memory.unmap_vmas(tlb, mm);
        await up_read(mm.mmap_lock);

        await down_write(mm.mmap_lock);
        if (Toggle("flush-before-free-pgtables"))
        {
            tlb = await mmu_gather.tlb_flush_mmu(tlb);
        }

        tlb = await memory.free_pgtables(tlb, mm);
        await mmu_gather.tlb_finish_mmu(tlb);
        await remove_vmas(mm);
        await up_write(mm.mmap_lock);
    }

    /// <summary>Unmaps the vma of an address while the mm lives on: munmap of just its range.</summary>
    /// <remarks>
    /// Left out: splitting vmas at the ends of a range. The vma is detached first, and mmap_lock is downgraded before it is
    /// unmapped, as for a munmap that does not border on a growing stack.
    /// </remarks>
    [KernelSource("mm/mmap.c", Function = "do_mas_align_munmap")]
    public virtual async KernelTask munmap(Mm mm, int address)
    {
        await down_write(mm.mmap_lock);
        var vma = await find_vma(mm, address);
        if (vma is null)
        {
            await up_write(mm.mmap_lock);
            return;
        }

        await list_del(mm.mm_mt, vma, mm.mmap_lock); // detached
        await downgrade_write(mm.mmap_lock);
        await unmap_region(mm, vma);
        await kmem_cache_free(vma); // remove_mt
        await up_read(mm.mmap_lock);
    }

    /// <summary>Unmaps a detached vma.</summary>
    /// <remarks>Left out: lru_add_drain. The page table goes when no vma of the mm is left, as it covers the whole mm.</remarks>
    [KernelSource("mm/mmap.c")]
    public virtual async KernelTask unmap_region(Mm mm, Vma vma)
    {
        var tlb = await mmu_gather.tlb_gather_mmu(mm);
        tlb = await memory.unmap_single_vma(tlb, vma, 0, int.MaxValue);
        await rmap.unlink_anon_vmas(vma); // free_pgtables
        await unlink_file_vma(vma);
        if (await list_count(mm.mm_mt) == 0)
        {
            tlb = await memory.free_pgd_range(tlb);
        }

        await mmu_gather.tlb_finish_mmu(tlb);
    }

    /// <summary>Hides a vma from the walks of its file's mappings.</summary>
    [KernelSource("mm/mmap.c")]
    public virtual async KernelTask unlink_file_vma(Vma vma)
    {
        if (await load(vma.vm_file) is { } file)
        {
            await down_write(file.i_mmap_rwsem);
            await list_del(file.i_mmap, vma, file.i_mmap_rwsem);
            await up_write(file.i_mmap_rwsem);
        }
    }

    /// <summary>Frees the vmas of an mm that nobody uses any more.</summary>
    [KernelSource("mm/mmap.c", Function = "remove_vma")]
    public virtual async KernelTask remove_vmas(Mm mm)
    {
        for (var vma = await list_get(mm.mm_mt, 0); vma is not null; vma = await list_get(mm.mm_mt, 0))
        {
            await list_del(mm.mm_mt, vma, mm.mmap_lock);
            await kmem_cache_free(vma);
        }
    }
}
