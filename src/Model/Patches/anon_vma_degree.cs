using ThpCheck.Model.Kernel;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Patches;

/// <summary>
/// 2555283eb40d ("mm/rmap: Fix anon_vma->degree ambiguity leading to double-reuse", v6.0, CVE-2022-42703) taken back: one counter for
/// an anon_vma's children and for the vmas that name it as theirs. A leaf that a fork has passed over has neither, and whoever
/// adopts it makes its degree 1, which the next fork takes for a child and no vma.
/// </summary>
public class anon_vma_degree_rmap(Kernel.Kernel kernel) : rmap(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "v5.19")]
    public override async KernelTask<AnonVma> anon_vma_alloc()
    {
        var anon_vma = await kmem_cache_alloc(Caches.AnonVma);
        await atomic_set(anon_vma.refcount, 1);
        await store(anon_vma.degree, 1); // the first vma's
        await store(anon_vma.parent, anon_vma);
        await store(anon_vma.root, anon_vma);
        return anon_vma;
    }

    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "v5.19")]
    public override async KernelTask __anon_vma_prepare(Vma vma)
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
        }

        await anon_vma_lock_write(anon_vma);
        await spin_lock(vm_mm!.page_table_lock);
        var published = await load(vma.anon_vma) is null;
        if (published)
        {
            await store(vma.anon_vma, anon_vma);
            await anon_vma_chain_link(vma, avc, anon_vma, vm_mm.page_table_lock);
            var degree = await load(anon_vma.degree);
            await store(anon_vma.degree, degree + 1); // the vma's, or a new root's own as its parent
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

    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "v5.19")]
    public override async KernelTask anon_vma_clone(Vma dst, Vma src, AnonVma? dst_anon_vma)
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
            if (own is null && await load(src.anon_vma) != anon_vma && await load(anon_vma!.degree) < 2)
            {
                await store(dst.anon_vma, anon_vma);
                own = anon_vma;
            }
        }

        if (own is not null)
        {
            var degree = await load(own.degree);
            await store(own.degree, degree + 1);
        }

        await unlock_anon_vma_root(root);
    }

    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "v5.19")]
    public override async KernelTask anon_vma_fork(Vma vma, Vma pvma)
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
            return;
        }

        var vm_mm = await load(vma.vm_mm);
        var anon_vma = await anon_vma_alloc();
        var avc = await kmem_cache_alloc(Caches.AnonVmaChain);
        var root = await load(parent.root);
        await store(anon_vma.root, root);
        await store(anon_vma.parent, parent);
        await atomic_inc(root!.refcount);
        await store(vma.anon_vma, anon_vma);
        await anon_vma_lock_write(anon_vma);
        await anon_vma_chain_link(vma, avc, anon_vma, vm_mm!.mmap_lock);
        var degree = await load(parent.degree);
        await store(parent.degree, degree + 1);
        await anon_vma_unlock_write(anon_vma);
    }

    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "v5.19")]
    public override async KernelTask unlink_anon_vmas(Vma vma)
    {
        AnonVma? root = null;
        var kept = 0;
        for (var avc = await list_get(vma.anon_vma_chain, 0); avc is not null; avc = await list_get(vma.anon_vma_chain, kept))
        {
            var anon_vma = await load(avc.anon_vma);
            root = await lock_anon_vma_root(root, anon_vma!);
            await list_del(anon_vma!.rb_root, avc, root!.rwsem);
            if (await list_count(anon_vma.rb_root) == 0)
            {
                var parent = await load(anon_vma.parent);
                var degree = await load(parent!.degree);
                await store(parent.degree, degree - 1);
                kept++;
                continue;
            }

            await list_del(vma.anon_vma_chain, avc, root.rwsem);
            await kmem_cache_free(avc);
        }

        if (await load(vma.anon_vma) is { } own)
        {
            var degree = await load(own.degree);
            await store(own.degree, degree - 1);
            await store(vma.anon_vma, null);
        }

        await unlock_anon_vma_root(root);

        for (var i = 0; i < kept; i++)
        {
            var avc = await list_get(vma.anon_vma_chain, i);
            var anon_vma = await load(avc!.anon_vma);
            if (Config.DEBUG_VM)
            {
                WARN_ON(await load(anon_vma!.degree) != 0, "VM_WARN_ON(anon_vma->degree)");
            }

            await put_anon_vma(anon_vma!);
            await kmem_cache_free(avc);
        }
    }
}
