using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/mremap.c in 6.3: moving a whole vma of anonymous memory.</summary>
/// <remarks>
/// Left out: parts of vmas, growing and shrinking, huge PMDs and moving whole page tables; what is mapped at the new place already; failing allocations. That a vma which
/// nobody has touched is merged with where it goes, and a part of it is unmapped then, is a fault of the model.
/// </remarks>
public class mremap_6_3(Kernel kernel) : KernelFile(kernel)
{
    private mmap_6_3 mmap_6_3 => (mmap_6_3)mmap;

    /// <summary>Moves the vma that begins at an address to another.</summary>
    [KernelSource("mm/mremap.c", At = "v6.3", Function = "mremap_to")]
    public virtual async KernelTask mremap(Mm mm, int addr, int new_addr)
    {
        await down_write(mm.mmap_lock);
        var vma = await mmap.find_vma(mm, addr);
        if (vma is not null)
        {
            await move_vma(mm, vma, new_addr);
        }

        await up_write(mm.mmap_lock);
    }

    /// <summary>Makes a vma at the new place, moves the ptes there, and unmaps the old one.</summary>
    [KernelSource("mm/mremap.c", At = "v6.3")]
    public virtual async KernelTask move_vma(Mm mm, Vma vma, int new_addr)
    {
        var (new_vma, need_rmap_locks) = await copy_vma(mm, vma, new_addr);
        var start = await load(vma.vm_start);
        var end = await load(vma.vm_end);
        for (int old_addr = start, next; old_addr < end; old_addr = next) // move_page_tables
        {
            var to = new_addr + old_addr - start;
            next = Math.Min(pgtable.pmd_addr_end(old_addr, end), old_addr + pgtable.pmd_addr_end(to, new_addr + end - start) - to);
            var old_pmd = await load(pgtable.pmd_offset(mm, old_addr));
            if (!pgtable.pmd_none(old_pmd))
            {
                var new_table = await memory.pte_alloc(mm, to);
                await move_ptes(vma, pgtable.pmd_pgtable(old_pmd), old_addr, next, new_table, to, need_rmap_locks);
            }
        }

        await list_del(mm.mm_mt, vma, mm.mmap_lock); // do_munmap
        await mmap.unmap_region(mm, vma);
        await kmem_cache_free(vma);
    }

    /// <summary>A vma at the new place, of the same offsets and anon_vmas: an old one that grows, or a new one.</summary>
    /// <returns>The vma, and whether a walk would come to it before the old one, so that it may miss what is moved: then the walk is to be locked out.</returns>
    [KernelSource("mm/mmap.c", At = "v6.3")]
    public virtual async KernelTask<(Vma Vma, bool NeedRmapLocks)> copy_vma(Mm mm, Vma vma, int addr)
    {
        var start = await load(vma.vm_start);
        var len = await load(vma.vm_end) - start;
        var vm_pgoff = await load(vma.vm_pgoff);
        var pgoff = vm_pgoff;
        var flags = await load(vma.vm_flags);
        var policy = await load(vma.vm_policy);
        var anon_vma = await load(vma.anon_vma);
        if (anon_vma is null)
        {
            pgoff = addr;
        }

        Vma? prev = null; // find_vma_prev
        for (var i = 0; await list_get(mm.mm_mt, i) is { } at && await load(at.vm_start) < addr; i++)
        {
            prev = at;
        }

        if (await mmap_6_3.vma_merge(mm, prev, addr, addr + len, flags, anon_vma, pgoff, policy) is { } merged)
        {
            if (start >= await load(merged.vm_start) && start < await load(merged.vm_end))
            {
                throw new ModelFaultException($"{vma} is merged with where it is to go, of which mremap then unmaps a part; unmap whole vmas");
            }

            var merged_pgoff = await load(merged.vm_pgoff);
            return (merged, merged_pgoff <= vm_pgoff && Checks("need-rmap-locks"));
        }

        var added = await mmap.vm_area_dup(mm, vma);
        await store(added.anon_vma, anon_vma); // part of the copy
        await store(added.vm_policy, policy);
        await store(added.vm_start, addr);
        await store(added.vm_end, addr + len);
        await store(added.vm_pgoff, pgoff);
        if (anon_vma is not null)
        {
            await rmap.anon_vma_clone(added, vma, anon_vma);
        }

        await mmap.vma_mas_store(mm, added); // vma_link
        return (added, false);
    }

    /// <summary>Moves the ptes of one table to another, migration entries too, under both tables' locks.</summary>
    [KernelSource("mm/mremap.c", At = "v6.3")]
    public virtual async KernelTask move_ptes(Vma vma, PageTable old_table, int old_addr, int old_end, PageTable new_table, int new_addr, bool need_rmap_locks)
    {
        var mm = await load(vma.vm_mm);
        var anon_vma = await load(vma.anon_vma);
        if (need_rmap_locks && anon_vma is not null)
        {
            await rmap.anon_vma_lock_write(anon_vma); // take_rmap_locks
        }

        var (flush_start, flush_end) = (old_addr, old_end);
        var force_flush = false;
        await spin_lock(old_table.ptl);
        if (new_table != old_table)
        {
            await spin_lock(new_table.ptl);
        }

        await rmap.flush_tlb_batched_pending(mm!);
        for (; old_addr < old_end; old_addr++, new_addr++)
        {
            var old_pte = old_table.pte[pgtable.pte_index(old_addr)];
            if (await load(old_pte) == default)
            {
                continue;
            }

            var pte = await pgtable.ptep_get_and_clear_full(old_pte);
            force_flush |= pte.Present;
            await store(new_table.pte[pgtable.pte_index(new_addr)], pte);
        }

        if (force_flush)
        {
            await tlbflush.flush_tlb_mm_range(mm!, flush_start, flush_end);
        }

        if (new_table != old_table)
        {
            await spin_unlock(new_table.ptl);
        }

        await spin_unlock(old_table.ptl);
        if (need_rmap_locks && anon_vma is not null)
        {
            await rmap.anon_vma_unlock_write(anon_vma); // drop_rmap_locks
        }
    }
}
