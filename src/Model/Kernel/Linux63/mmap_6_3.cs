using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/mmap.c in 6.3, after 0503ea8f5ba7 ("mm/mmap: remove __vma_adjust()"): merging and splitting vmas.</summary>
/// <remarks>
/// As mainline has it since 7e7757876f25, v6.4. What the rewrite got wrong on its way is in the toggles: the offset of the next vma, when that grows down. Up to 6.3 huge PMDs
/// are split before the anon_vma is locked, and not under its lock (hides what a walk meets in between). Left out: the locks of vmas (hides faults that wait for no mmap_lock).
/// </remarks>
public class mmap_6_3(Kernel kernel) : mmap(kernel)
{
    private huge_memory_6_3 huge_memory => File<huge_memory_6_3>();

    /// <inheritdoc/>
    [KernelSource("mm/mmap.c", At = "v6.4")]
    public override async KernelTask<Vma?> vma_merge(Mm mm, Vma? prev, Vma area, int address, int end, VmFlags vm_flags, int pgoff)
    {
        var anon_vma = await load(area.anon_vma);
        var policy = await load(area.vm_policy);
        return await vma_merge(mm, prev, address, end, vm_flags, anon_vma, pgoff, policy);
    }

    /// <summary>Merges a range that gets new flags, or a policy, with the vma before it, the one after it, or both.</summary>
    /// <param name="mm">The mm, whose mmap_lock is held for writing.</param>
    /// <param name="prev">The vma before the range, or the one that the range ends; or null.</param>
    /// <param name="addr">The range's first page.</param>
    /// <param name="end">The page after its last.</param>
    /// <param name="vm_flags">The flags it gets.</param>
    /// <param name="anon_vma">The anon_vma it has.</param>
    /// <param name="pgoff">The offset of its first page.</param>
    /// <param name="policy">The policy it gets.</param>
    /// <returns>The vma that has the range now, or null where nothing fits.</returns>
    /// <remarks>Left out: files, userfaultfd, names; failing allocations; VM_WARN_ON of two vmas of different anon_vmas whose border moves (hides it).</remarks>
    [KernelSource("mm/mmap.c", At = "v6.4")]
    public virtual async KernelTask<Vma?> vma_merge(Mm mm, Vma? prev, int addr, int end, VmFlags vm_flags, AnonVma? anon_vma, int pgoff, int policy)
    {
        var prev_end = prev is null ? 0 : await load(prev.vm_end);
        var curr = await mas_find(mm, prev_end); // find_vma_intersection
        if (curr is not null && await load(curr.vm_start) >= end)
        {
            curr = null;
        }

        Vma? next;
        if (curr is null || await load(curr.vm_end) == end)
        {
            next = await find_vma(mm, end); // vma_lookup
        }
        else
        {
            next = curr;
        }

        var merge_prev = prev is not null && prev_end == addr && await can_vma_merge_after(prev, vm_flags, anon_vma, pgoff, policy);
        var merge_next = next is not null && await load(next.vm_start) == end && await can_vma_merge_before(next, vm_flags, anon_vma, pgoff + end - addr, policy);
        if (merge_prev && merge_next)
        {
            var prev_anon_vma = await load(prev!.anon_vma);
            var next_anon_vma = await load(next!.anon_vma);
            if (await is_mergeable_anon_vma(prev_anon_vma, next_anon_vma, null))
            {
                var start = await load(prev.vm_start);
                var next_end = await load(next.vm_end);
                var vm_pgoff = await load(prev.vm_pgoff);
                await dup_anon_vma(prev, next);
                if (curr is not null && await load(next.anon_vma) is null)
                {
                    await dup_anon_vma(prev, curr);
                }

                await vma_expand(mm, prev, start, next_end, vm_pgoff, null, 0, curr ?? next, curr is null ? null : next); // cases 1 and 6
                return prev;
            }
        }

        if (merge_prev)
        {
            var start = await load(prev!.vm_start);
            var vm_pgoff = await load(prev.vm_pgoff);
            if (curr is not null)
            {
                await dup_anon_vma(prev, curr);
            }

            var covers = curr is not null && await load(curr.vm_end) == end;
            var cut = curr is null || covers ? 0 : end - await load(curr.vm_start);
            await vma_expand(mm, prev, start, end, vm_pgoff, cut == 0 ? null : curr, cut, covers ? curr : null, null); // cases 2, 7 and 5
            return prev;
        }

        if (!merge_next)
        {
            return null;
        }

        if (prev is not null && addr < prev_end)
        {
            var start = await load(prev.vm_start);
            var vm_pgoff = await load(prev.vm_pgoff);
            await dup_anon_vma(next!, prev);
            await vma_expand(mm, prev, start, addr, vm_pgoff, next, addr - prev_end, null, null); // case 4
            return next;
        }

        var grown_end = await load(next!.vm_end);
        var grown_pgoff = await load(next.vm_pgoff) - (end - addr);
        if (Toggle("next-keeps-pgoff"))
        {
            grown_pgoff = await load(next.vm_pgoff);
        }

        if (curr is not null && curr != next) // case 8
        {
            if (!Toggle("next-keeps-pgoff"))
            {
                grown_pgoff = await load(curr.vm_pgoff);
            }

            await dup_anon_vma(next, curr);
            await vma_expand(mm, next, addr, grown_end, grown_pgoff, null, 0, curr, null);
            return next;
        }

        if (Toggle("case-3-takes-mid-pgoff"))
        {
            grown_pgoff = await load(next.vm_pgoff); // curr is next, or nothing: the folded fix took the offset of what it found there
        }

        await vma_expand(mm, next, addr, grown_end, grown_pgoff, null, 0, null, null); // case 3
        return next;
    }

    /// <summary>Whether a range may become the end of a vma.</summary>
    [KernelSource("mm/mmap.c", At = "v6.3")]
    public virtual async KernelTask<bool> can_vma_merge_after(Vma vma, VmFlags vm_flags, AnonVma? anon_vma, int pgoff, int policy)
    {
        var vm_pgoff = await load(vma.vm_pgoff);
        var vm_start = await load(vma.vm_start);
        var vm_end = await load(vma.vm_end);
        return vm_pgoff + vm_end - vm_start == pgoff && await load(vma.vm_policy) == policy && await can_vma_merge(vma, vm_flags, anon_vma, null);
    }

    /// <summary>Whether a range whose end has this offset may become the beginning of a vma.</summary>
    [KernelSource("mm/mmap.c", At = "v6.3")]
    public virtual async KernelTask<bool> can_vma_merge_before(Vma vma, VmFlags vm_flags, AnonVma? anon_vma, int pgoff, int policy) =>
        await load(vma.vm_pgoff) == pgoff && await load(vma.vm_policy) == policy && await can_vma_merge(vma, vm_flags, anon_vma, null);

    /// <summary>A vma that expands over another takes over its anon_vma.</summary>
    [KernelSource("mm/mmap.c", At = "v6.3")]
    public virtual async KernelTask dup_anon_vma(Vma dst, Vma src)
    {
        if (await load(src.anon_vma) is { } anon_vma && await load(dst.anon_vma) is null)
        {
            await store(dst.anon_vma, anon_vma);
            await rmap.anon_vma_clone(dst, src, anon_vma);
        }
    }

    /// <summary>Gives a vma its new range, and the neighbour that it takes a part of, under the anon_vma's lock; then drops those that it covers.</summary>
    /// <param name="mm">The mm.</param>
    /// <param name="vma">The vma.</param>
    /// <param name="start">Its first page from now on.</param>
    /// <param name="end">The page after its last.</param>
    /// <param name="pgoff">Its offset.</param>
    /// <param name="adjust">The neighbour that begins elsewhere, or null.</param>
    /// <param name="adj_next">By how much.</param>
    /// <param name="remove">A vma that goes, or null.</param>
    /// <param name="remove2">Another.</param>
    [KernelSource("mm/mmap.c", At = "v6.4", Function = "vma_complete")]
    public virtual async KernelTask vma_expand(Mm mm, Vma vma, int start, int end, int pgoff, Vma? adjust, int adj_next, Vma? remove, Vma? remove2)
    {
        var anon_vma = await load(vma.anon_vma);
        if (anon_vma is null && adjust is not null)
        {
            anon_vma = await load(adjust.anon_vma);
        }

        await vma_prepare(anon_vma, vma, adjust);
        await huge_memory.vma_adjust_trans_huge(mm, vma, start, end, adj_next);
        await store(vma.vm_start, start);
        await store(vma.vm_end, end);
        await store(vma.vm_pgoff, pgoff);
        if (adjust is not null)
        {
            var adjust_start = await load(adjust.vm_start);
            await store(adjust.vm_start, adjust_start + adj_next);
            var adjust_pgoff = await load(adjust.vm_pgoff);
            await store(adjust.vm_pgoff, adjust_pgoff + adj_next);
        }

        if (remove is not null)
        {
            await list_del(mm.mm_mt, remove, mm.mmap_lock); // vma_iter_store
        }

        if (remove2 is not null)
        {
            await list_del(mm.mm_mt, remove2, mm.mmap_lock);
        }

        await vma_complete(anon_vma, vma, adjust);
        for (var gone = remove; gone is not null; gone = gone == remove2 ? null : remove2)
        {
            if (await load(gone.anon_vma) is not null)
            {
                await rmap.anon_vma_merge(vma, gone);
            }

            await kmem_cache_free(gone);
        }
    }

    /// <summary>Locks the anon_vma and takes out of its trees what is about to change.</summary>
    [KernelSource("mm/mmap.c", At = "v6.3")]
    public virtual async KernelTask vma_prepare(AnonVma? anon_vma, Vma vma, Vma? adjust)
    {
        if (anon_vma is not null)
        {
            await rmap.anon_vma_lock_write(anon_vma);
            await anon_vma_interval_tree_pre_update_vma(vma);
            if (adjust is not null)
            {
                await anon_vma_interval_tree_pre_update_vma(adjust);
            }
        }
    }

    /// <summary>Puts back what has changed, and unlocks the anon_vma.</summary>
    [KernelSource("mm/mmap.c", At = "v6.3")]
    public virtual async KernelTask vma_complete(AnonVma? anon_vma, Vma vma, Vma? adjust)
    {
        if (anon_vma is not null)
        {
            await anon_vma_interval_tree_post_update_vma(vma);
            if (adjust is not null)
            {
                await anon_vma_interval_tree_post_update_vma(adjust);
            }

            await rmap.anon_vma_unlock_write(anon_vma);
        }
    }

    /// <inheritdoc/>
    [KernelSource("mm/mmap.c", At = "v6.3")]
    public override async KernelTask anon_vma_interval_tree_post_update_vma(Vma vma)
    {
        for (var i = 0; await list_get(vma.anon_vma_chain, i) is { } avc; i++)
        {
            var anon_vma = await load(avc.anon_vma);
            await ((rmap_6_3)rmap).anon_vma_interval_tree_insert(avc, anon_vma!);
        }
    }

    /// <inheritdoc/>
    [KernelSource("mm/mmap.c", At = "v6.4")]
    public override async KernelTask __split_vma(Mm mm, Vma vma, int address, bool new_below)
    {
        var added = await vm_area_dup(mm, vma);
        var policy = await load(vma.vm_policy);
        await store(added.vm_policy, policy);
        var anon_vma = await load(vma.anon_vma);
        await store(added.anon_vma, anon_vma); // part of the copy
        var start = await load(vma.vm_start);
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

        if (Checks("split-clones-anon-vma"))
        {
            await rmap.anon_vma_clone(added, vma, anon_vma);
        }

        await vma_prepare(anon_vma, vma, null);
        await huge_memory.vma_adjust_trans_huge(mm, vma, start, address, 0);
        if (new_below)
        {
            await store(vma.vm_start, address);
            await store(vma.vm_pgoff, pgoff + address - start);
        }
        else
        {
            await store(vma.vm_end, address);
        }

        await vma_mas_store(mm, added);
        await vma_complete(anon_vma, vma, null);
    }

    /// <summary>
    /// Gives each vma of a range new flags or a policy: merges it with its neighbours where they fit, else splits it off. The caller holds mmap_lock for writing. This is
    /// what apply_vma_lock_flags() and mbind_range() do.
    /// </summary>
    /// <param name="mm">The mm.</param>
    /// <param name="start">The first page.</param>
    /// <param name="end">The page after the last.</param>
    /// <param name="newflags">The flags that the vmas get besides those they have.</param>
    /// <param name="newpolicy">The policy that they get; null for the one they have.</param>
    /// <remarks>Left out: gaps in the range beyond ending at the first; accounting.</remarks>
    [KernelSource("mm/mlock.c", At = "v6.3", Function = "apply_vma_lock_flags")]
    public virtual async KernelTask change_vmas(Mm mm, int start, int end, VmFlags newflags, int? newpolicy)
    {
        var vma = await find_vma(mm, start);
        var prev = vma;
        if (vma is not null && await load(vma.vm_start) == start)
        {
            prev = await mas_prev(mm, vma);
        }

        while (vma is not null)
        {
            var vma_end = await load(vma.vm_end);
            prev = await change_vma(mm, vma, prev, start, Math.Min(vma_end, end), newflags, newpolicy);
            start = await load(prev.vm_end);
            vma = start < end ? await find_vma(mm, start) : null;
        }
    }

    /// <summary>change_vmas in one vma.</summary>
    /// <returns>The vma that has the range now.</returns>
    [KernelSource("mm/mlock.c", At = "v6.3", Function = "mlock_fixup")]
    public virtual async KernelTask<Vma> change_vma(Mm mm, Vma vma, Vma? prev, int start, int end, VmFlags newflags, int? newpolicy)
    {
        var oldflags = await load(vma.vm_flags);
        var oldpolicy = await load(vma.vm_policy);
        var flags = oldflags | newflags;
        var policy = newpolicy ?? oldpolicy;
        if (flags == oldflags && policy == oldpolicy)
        {
            return vma;
        }

        var vm_pgoff = await load(vma.vm_pgoff);
        var vm_start = await load(vma.vm_start);
        var anon_vma = await load(vma.anon_vma);
        if (await vma_merge(mm, prev, start, end, flags, anon_vma, vm_pgoff + start - vm_start, policy) is { } merged)
        {
            vma = merged;
        }
        else
        {
            if (start != vm_start)
            {
                await __split_vma(mm, vma, start, true);
            }

            if (end != await load(vma.vm_end))
            {
                await __split_vma(mm, vma, end, false);
            }
        }

        await store(vma.vm_flags, flags);
        await store(vma.vm_policy, policy);
        return vma;
    }
}
