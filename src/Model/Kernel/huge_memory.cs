using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/huge_memory.c: PMDs that map THPs of anonymous memory.</summary>
/// <remarks>
/// The PMD's lock is the mm's page_table_lock, as without split PMD locks. Left out: the huge zero page, DAX, userfaultfd, soft dirty,
/// write protection and the TLB (hides what goes wrong there; counts do not depend on it), RSS, and batches: what a zap has
/// gathered is put as soon as it has dropped its lock.
/// </remarks>
public class huge_memory(Kernel kernel) : KernelFile(kernel)
{
    private rmap_mapcounts Mapcounts => File<rmap_mapcounts>();

    /// <summary>The first touch of a PMD's reach of anonymous memory: allocates a THP and maps it.</summary>
    /// <remarks>For set-up. Left out: mmap_lock, memcg charging, what happens if the PMD is not none any more.</remarks>
    [KernelSource("mm/huge_memory.c")]
    public virtual async KernelTask<Folio> do_huge_pmd_anonymous_page(Vma vma)
    {
        await rmap.anon_vma_prepare(vma);
        var vm_mm = await load(vma.vm_mm);
        var page = await kmem_cache_alloc(Caches.Thp);
        await atomic_set(page._refcount, 1);
        var table = await kmem_cache_alloc(Caches.PageTable);
        await spin_lock(vm_mm!.page_table_lock);
        await Mapcounts.page_add_new_anon_rmap(page, vma, 0);
        await set_bit(PageFlags.PG_lru, page.flags); // lru_cache_add_inactive_or_unevictable
        await store(vm_mm.pmd_huge_pte, table);
        await store(vm_mm.pmd, Pmd.OfPage(Caches, page, write: false, dirty: false));
        await spin_unlock(vm_mm.page_table_lock);
        return page;
    }

    /// <summary>Copies a PMD that maps a THP at fork.</summary>
    /// <remarks>For set-up, after <c>dup_mmap</c>, which copies ptes only.</remarks>
    [KernelSource("mm/huge_memory.c")]
    public virtual async KernelTask copy_huge_pmd(Mm dst_mm, Mm src_mm)
    {
        var table = await kmem_cache_alloc(Caches.PageTable);
        await spin_lock(dst_mm.page_table_lock);
        await spin_lock(src_mm.page_table_lock);
        var pmd = await load(src_mm.pmd);
        var src_page = pgtable.pmd_page(pmd);
        await mm.folio_get(src_page);
        await Mapcounts.page_try_dup_anon_rmap(new(src_page, 0), compound: true);
        await store(dst_mm.pmd_huge_pte, table);
        await store(dst_mm.pmd, pmd);
        await spin_unlock(src_mm.page_table_lock);
        await spin_unlock(dst_mm.page_table_lock);
    }

    /// <summary>Splits the PMD that maps a THP into ptes, under the PMD's lock and without the folio's.</summary>
    [KernelSource("mm/huge_memory.c")]
    public virtual async KernelTask __split_huge_pmd(Vma vma)
    {
        var vm_mm = await load(vma.vm_mm);
        await spin_lock(vm_mm!.page_table_lock);
        if (pgtable.pmd_trans_huge(await load(vm_mm.pmd)))
        {
            await __split_huge_pmd_locked(vm_mm, vma);
        }

        await spin_unlock(vm_mm.page_table_lock);
    }

    /// <summary>The split itself: an invalid PMD, a page table in which every pte is counted, the end of the PMD's mapping, the table published.</summary>
    /// <remarks>
    /// Left out: freeze, migration entries, files; the PMD's dirty and young bits and its right to be written; VM_BUG_ON of a page without references (hides that assertion: the PMD has
    /// one). 6.2 counts a mapping before it writes the pte, earlier kernels after: nobody can see the table yet.
    /// </remarks>
    [KernelSource("mm/huge_memory.c")]
    public virtual async KernelTask __split_huge_pmd_locked(Mm vm_mm, Vma vma)
    {
        var old_pmd = await load(vm_mm.pmd);
        old_pmd = await xchg(vm_mm.pmd, old_pmd.Invalidated()); // pmdp_invalidate
        var page = pgtable.pmd_page(old_pmd);
        await Mapcounts.split_begins(page);
        var table = await pgtable_trans_huge_withdraw(vm_mm);
        if (!Checks("split-maps-ptes-first"))
        {
            await Mapcounts.split_ends(page, vma);
        }

        for (var i = 0; i < page.Pages; i++)
        {
            await store(table.pte[i], new Pte(Present: true, Write: false, Dirty: false, Young: false, Caches.page_to_pfn(new Page(page, i))));
            await Mapcounts.split_adds(new(page, i), vma);
        }

        if (Checks("split-maps-ptes-first"))
        {
            await Mapcounts.split_ends(page, vma);
        }

        await smp_wmb(); // make ptes visible before the PMD
        await store(vm_mm.pmd, Pmd.OfTable(table)); // pmd_populate
    }

    /// <summary>Takes the deposited page table back.</summary>
    [KernelSource("mm/pgtable-generic.c")]
    public virtual async KernelTask<PageTable> pgtable_trans_huge_withdraw(Mm vm_mm)
    {
        var table = await load(vm_mm.pmd_huge_pte);
        await store(vm_mm.pmd_huge_pte, null);
        return table!;
    }

    /// <summary>Unmaps a THP that a PMD maps.</summary>
    /// <remarks>
    /// Left out: migration entries, which stay (hides zaps of a THP that migrates); VM_BUG_ON_PAGE of a negative mapcount, which reads words that others write (hides that assertion); the look whether
    /// the page is anonymous (hides nothing: all are).
    /// </remarks>
    [KernelSource("mm/huge_memory.c")]
    public virtual async KernelTask zap_huge_pmd(Vma vma)
    {
        var vm_mm = await load(vma.vm_mm);
        await spin_lock(vm_mm!.page_table_lock);
        if (!pgtable.pmd_trans_huge(await load(vm_mm.pmd)))
        {
            await spin_unlock(vm_mm.page_table_lock); // __pmd_trans_huge_lock
            return;
        }

        var orig_pmd = await xchg(vm_mm.pmd, default); // pmdp_huge_get_and_clear_full
        var page = pgtable.pmd_page(orig_pmd);
        await Mapcounts.page_remove_rmap(new(page, 0), vma, compound: true);
        var table = await pgtable_trans_huge_withdraw(vm_mm); // zap_deposited_table
        await kmem_cache_free(table);
        await spin_unlock(vm_mm.page_table_lock);
        await mm.folio_put(page); // tlb_remove_page_size, and the batch's end
    }

    /// <summary>Replaces the PMD's mapping of a THP by a migration entry. The folio is locked.</summary>
    /// <remarks>For set-up: try_to_migrate in one vma. Left out: the walk that leads here.</remarks>
    [KernelSource("mm/huge_memory.c")]
    public virtual async KernelTask set_pmd_migration_entry(Vma vma)
    {
        var vm_mm = await load(vma.vm_mm);
        await spin_lock(vm_mm!.page_table_lock);
        var pmd = await load(vm_mm.pmd);
        pmd = await xchg(vm_mm.pmd, pmd.Invalidated()); // pmdp_invalidate
        var page = pgtable.pmd_page(pmd);
        await store(vm_mm.pmd, Pmd.OfMigration(Caches, page, pmd.Write));
        await Mapcounts.page_remove_rmap(new(page, 0), vma, compound: true);
        await mm.folio_put(page);
        await spin_unlock(vm_mm.page_table_lock);
    }

    /// <summary>Maps a THP again where migration had left an entry. The folio is locked.</summary>
    /// <remarks>Where migration has failed the folio is the old one, and here it always is. Left out: the walk that leads here.</remarks>
    [KernelSource("mm/huge_memory.c")]
    public virtual async KernelTask remove_migration_pmd(Vma vma)
    {
        var vm_mm = await load(vma.vm_mm);
        await spin_lock(vm_mm!.page_table_lock); // page_vma_mapped_walk
        var entry = await load(vm_mm.pmd);
        if (pgtable.is_pmd_migration_entry(entry))
        {
            var page = pgtable.pmd_to_swp_page(entry);
            await mm.folio_get(page);
            await Mapcounts.page_add_anon_rmap(new(page, 0), vma, compound: true);
            await store(vm_mm.pmd, Pmd.OfPage(Caches, page, entry.Write, dirty: false));
        }

        await spin_unlock(vm_mm.page_table_lock);
    }

    /// <summary>Replaces a pte's mapping of a page by a migration entry. The folio is locked.</summary>
    /// <remarks>For set-up: try_to_migrate_one at one address. Left out: the walk that leads here.</remarks>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask try_to_migrate_one(Vma vma, int address)
    {
        var vm_mm = await load(vma.vm_mm);
        var pmd = await load(vm_mm!.pmd);
        var table = pgtable.pmd_pgtable(pmd);
        await spin_lock(table.ptl);
        var pte = await pgtable.ptep_get_and_clear_full(table.pte[address]); // ptep_clear_flush
        await store(table.pte[address], new Pte(Present: false, Write: false, Dirty: false, Young: false, pte.Pfn));
        var page = Caches.pfn_to_subpage(pte.Pfn);
        await Mapcounts.page_remove_rmap(page, vma, compound: false);
        await mm.folio_put(page.Folio);
        await spin_unlock(table.ptl);
    }

    /// <summary>Maps a page again where migration had left an entry. The folio is locked.</summary>
    /// <remarks>As <see cref="remove_migration_pmd"/>. Left out: draining this CPU's mlock pagevec where the vma is locked, and the entry's rights and bits.</remarks>
    [KernelSource("mm/migrate.c")]
    public virtual async KernelTask remove_migration_pte(Vma vma, int address)
    {
        var vm_mm = await load(vma.vm_mm);
        var pmd = await load(vm_mm!.pmd);
        var table = pgtable.pmd_pgtable(pmd);
        await spin_lock(table.ptl);
        var entry = await load(table.pte[address]);
        if (!entry.Present && entry.Pfn != 0)
        {
            var page = Caches.pfn_to_subpage(entry.Pfn);
            await mm.folio_get(page.Folio);
            await Mapcounts.page_add_anon_rmap(page, vma, compound: false);
            await store(table.pte[address], entry with { Present = true });
        }

        await spin_unlock(table.ptl);
    }
}
