using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/mmap.c and kernel/fork.c: making and unmaking address spaces.</summary>
public class mmap(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>A new, empty mm.</summary>
    [KernelSource("kernel/fork.c")]
    public virtual async KernelTask<Mm> mm_alloc() => await kmem_cache_alloc(Caches.Mm);

    /// <summary>Maps anonymous memory at some pages of an mm.</summary>
    [KernelSource("mm/mmap.c")]
    public virtual KernelTask<Vma> mmap_region(Mm mm, int start, int end) => mmap_region(mm, start, end, null);

    /// <summary>Maps a file, shared, or anonymous memory where there is none.</summary>
    /// <remarks>Left out: merging with neighbours; vma_link's i_mmap tree (hides walks of file mappings).</remarks>
    [KernelSource("mm/mmap.c")]
    public virtual async KernelTask<Vma> mmap_region(Mm mm, int start, int end, AddressSpace? file)
    {
        await down_write(mm.mmap_lock);
        var vma = await kmem_cache_alloc(Caches.Vma);
        await store(vma.vm_mm, mm);
        await store(vma.vm_start, start);
        await store(vma.vm_end, end);
        await store(vma.vm_pgoff, start);
        await store(vma.vm_file, file);
        await list_add_tail(mm.mm_mt, vma, mm.mmap_lock);
        await up_write(mm.mmap_lock);
        return vma;
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

    /// <summary>A new file without cached pages.</summary>
    [KernelSource("fs/inode.c", Function = "alloc_inode")]
    public virtual async KernelTask<AddressSpace> alloc_inode() => await kmem_cache_alloc(Caches.AddressSpace);

    /// <summary>Copies an address space at fork.</summary>
    /// <remarks>Left out: VM_DONTCOPY and its like, file mappings, vm_ops.</remarks>
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
            await list_add_tail(mm.mm_mt, tmp, mm.mmap_lock);
            await memory.copy_page_range(tmp, mpnt!);
        }

        await up_write(mm.mmap_lock);
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
        await store(vma.vm_mm, mm);
        await store(vma.vm_start, start);
        await store(vma.vm_end, end);
        await store(vma.vm_pgoff, pgoff);
        await store(vma.vm_file, file);
        return vma;
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
        var tlb = mmu_gather.tlb_gather_mmu_fullmm(mm);
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
        var tlb = mmu_gather.tlb_gather_mmu(mm);
        tlb = await memory.unmap_single_vma(tlb, vma);
        await rmap.unlink_anon_vmas(vma); // free_pgtables
        if (await list_count(mm.mm_mt) == 0)
        {
            tlb = await memory.free_pgd_range(tlb);
        }

        await mmu_gather.tlb_finish_mmu(tlb);
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
