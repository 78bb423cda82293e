namespace ThpCheck.Model.Kernel;

/// <summary>A difference of a line between kernels: a check that can be left out, or a mutant that can be put in.</summary>
/// <param name="Name">Its name in scenarios.</param>
/// <param name="Function">The function it is in.</param>
/// <param name="Default">Its value in the kernel as released.</param>
/// <param name="Meaning">What the other value does, in a sentence.</param>
public sealed record Toggle(string Name, string Function, bool Default, string Meaning);

/// <summary>Every toggle there is.</summary>
public static class Toggles
{
    /// <summary>In the order of their functions.</summary>
    public static IReadOnlyList<Toggle> All { get; } =
    [
        new("mapped-before-walk", "folio_referenced", true, "off: walks without looking whether the folio is mapped at all."),
        new("mapped-before-lock", "folio_lock_anon_vma_read", true, "off: takes the stale mapping of an unmapped folio for its anon_vma."),
        new("mapped-under-lock", "folio_lock_anon_vma_read", true, "off: does not look again once it has the lock."),
        new("mapped-with-reference", "folio_lock_anon_vma_read", true, "off: does not look again before it sleeps on the lock with a reference."),
        new("unlock-cached-root", "folio_lock_anon_vma_read", true, "off: reads anon_vma->root again to unlock the root it locked."),
        new("get-mapped-again", "folio_get_anon_vma", true, "off: does not look again once it has a reference."),
        new("reuse-only-singular", "reusable_anon_vma", true, "off: a vma takes a neighbour's anon_vma though that neighbour has others besides, from a fork."),
        new("adjust-imports-anon-vma", "__vma_adjust", true, "off: a vma that expands over another does not take over its anon_vma."),
        new("adjust-locks-anon-vma", "__vma_adjust", true, "off: a vma's range changes without the anon_vma's lock, and its trees are not sorted anew."),
        new("free-waits-for-readers", "anon_vma_free", true, "off: frees without waiting for a reader that holds the root's lock."),
        new("typesafe-by-rcu", "anon_vma_init", true, "off: anon_vmas come from an ordinary slab cache."),
        new("defer-flush", "try_to_unmap_one", true, "off: reclaim flushes each pte that it clears at once."),
        new("flush-before-folio-unlock", "shrink_folio_list", false, "on: what was dirty when it was unmapped is flushed before the folio is unlocked, also where it is not written."),
        new("mkclean-sync", "page_mkclean_one", true, "off: PVMW_SYNC is not asked for, so a pte that is gone is passed by without waiting for who cleared it."),
        new("flush-before-unlock", "zap_pte_range", true, "off: delayed rmaps wait for the flush that comes after the page-table lock was dropped."),
        new("flush-before-rmaps", "zap_pte_range", true, "off: delayed rmaps are removed before the flush."),
        new("delay-forces-flush", "zap_pte_range", true, "off: a page's rmap is delayed without force_flush, so that nothing removes it before the lock is dropped."),
        new("free-batch-after-flush", "zap_pte_range", true, "off: what was flushed is left in its batch, flags and all."),
        new("dirty-before-flush", "zap_pte_range", true, "off: a page is made dirty only when its rmap is removed, after the flush."),
        new("dirty-before-rmap", "tlb_flush_rmaps", true, "off: and after its rmap is removed."),
        new("reset-delayed-rmap", "tlb_flush_rmaps", true, "off: delayed_rmap stays set."),
        new("scan-local-batch", "tlb_flush_rmaps", true, "off: only the active batch is looked at, as when no second one was allowed."),
        new("anon-exclusive", "page_try_dup_anon_rmap", true, "off: before 6c287605fd56 (5.19), no page knows that it is its process's alone."),
        new("large-mapcount", "folio_add_large_mapcount", false, "on: since 6.15, a large folio counts its mappings, and notes whether more than one process may have it."),
        new("fork-copies-pinned", "copy_present_pte", true, "off: before 70e806e4e645 (5.9), fork shares a page that may be pinned."),
        new("gup-fast-checks-seq", "get_user_pages_fast", true, "off: before 57efa1fe5957 (5.11), GUP-fast does not see that fork write-protects."),
        new("gup-fast-rereads", "gup_pte_range", true, "off: GUP-fast does not look again whether the page is still mapped."),
        new("gup-unshares", "follow_page_pte", true, "off: a read-only pin of a page that is not exclusive is given."),
        new("gup-read-breaks-cow", "follow_page_pte", false, "on: 17839856fd58 (5.8), a read asks for the page as a write does."),
        new("wp-drains-lru", "do_wp_page", true, "off: before d4c470970d45 (5.18), a page on its way to the LRU of this CPU counts as another's."),
        new("copy-flushes", "wp_page_copy", true, "off: the pte is switched to the copy without a flush."),
        new("mapcount-before-switch", "wp_page_copy", false, "on: the old page's mapcount falls before the pte is switched to the copy."),
        new("reuse-rechecks-mapcount", "wp_can_reuse_anon_folio", true, "off: since 6.15, mapcount and references of a large folio are compared without the lock only."),
        new("reuse-asserts-inverted", "wp_can_reuse_anon_folio", false, "on: as first merged in 6.15, asserts that there are not more references than mappings, rather than not fewer."),
        new("scan-compares-references", "wp_can_reuse_anon_folio", true, "off: where the page table is scanned, its ptes are compared with the mapcounts rather than the references."),
        new("reuse-moves-rmap", "wp_can_reuse_anon_folio", false, "on: a large folio that is reused is moved to the anon_vma of the vma that faulted."),
        new("collapse-locks-i-mmap", "collapse_pte_mapped_thp", true, "off: does not lock the file's i_mmap_rwsem."),
        new("collapse-locks-i-mmap-for-reading", "collapse_pte_mapped_thp", false, "on: locks it for reading only."),
        new("collapse-locks-anon-vma", "collapse_pte_mapped_thp", true, "off: does not lock the vma's anon_vma."),
        new("collapse-locks-anon-vma-for-reading", "collapse_pte_mapped_thp", false, "on: locks it for reading only."),
        new("collapse-locks-anon-vma-early", "collapse_pte_mapped_thp", false, "on: locks it before the ptes are looked at, not only around the end of the table."),
        new("collapse-frees-unlocked", "collapse_pte_mapped_thp", false, "on: frees the table after the anon_vma is unlocked."),
        new("collapse-refuses-anon-vma", "collapse_pte_mapped_thp", true, "off: with 8d3c106e19e8, takes the table of a vma that has an anon_vma too, without its lock."),
        new("collapse-holds-mmap-lock-for-reading", "madvise_collapse", false, "on: holds mmap_lock for reading only around collapse_pte_mapped_thp."),
        new("collapse-syncs-with-gup-fast", "collapse_and_free_pmd", true, "off: frees the table without interrupting the CPUs that may walk it with interrupts off (before 2ba99c5e0881)."),
        new("collapse-notifies", "collapse_and_free_pmd", true, "off: secondary MMUs are not told (before f268f6cf875f)."),
        new("pte-free-by-rcu", "collapse_and_free_pmd", false, "on: the table is freed a grace period later."),
        new("collapse-clears-ptes", "collapse_pte_mapped_thp", true, "off: leaves the ptes as they are though it does not lock out those who may see them (6.6 only)."),
        new("collapse-keeps-ptl", "collapse_pte_mapped_thp", true, "off: drops the table's lock before it takes the PMD's, though userfaultfd may fill the table meanwhile (6.6 before a98460494b16)."),
        new("collapse-defers-pte-free", "collapse_pte_mapped_thp", true, "off: frees the table at once, not a grace period later (6.6 only)."),
        new("retract-rechecks-under-ptl", "retract_page_tables", true, "off: does not look at the anon_vma again under the table's lock (6.6 only)."),
        new("walkers-recheck-pmd", "pte_offset_map_lock", true, "off: does not look whether the PMD still leads to the table once it is locked (6.6 only)."),
        new("mfill-asserts-table", "__mcopy_atomic", true, "off: no BUG_ON where the table that UFFDIO_COPY is about to fill in has gone (4828d207dc51, v6.11)."),
        new("retract-checks-anon-vma", "retract_page_tables", true, "off: takes the tables of vmas that have an anon_vma too."),
        new("set-huge-pmd-writes", "set_huge_pmd", false, "on: builds the huge PMD as for a store, with FAULT_FLAG_WRITE."),
        new("get-page-before-unlock", "collapse_pte_mapped_thp", true, "off: the mapping's reference is taken only after the caller has dropped the page's lock and its own."),
        new("madvise-installs-pmd", "madvise_collapse", true, "off: leaves the PMD none for a fault to map the huge page, as khugepaged does."),
        new("gup-rereads-pmd", "gup_pte_range", true, "off: looks at the pte again, not at the PMD (before 70cbc3cc78a9)."),
        new("unmap-mapping-locks-for-writing", "unmap_mapping_range", false, "on: holds the file's i_mmap_rwsem for writing (before 2c8659951654)."),
        new("flush-before-free-pgtables", "exit_mmap", false, "on: tlb_finish_mmu before free_pgtables, so that what it delays is done before the vmas are unlinked."),
        new("folio-mapped-reads-subpages-first", "folio_mapped", false, "on: where the sum of both words is asked for, reads the subpages mapcount before the compound one."),
        new("folio-mapped-reads-compound-first", "folio_mapped", false, "on: where one word after the other is asked for, reads the compound mapcount before the subpages one."),
        new("mapped-pages-clamped-to-zero", "page_remove_rmap", true, "off: counts less than nothing where more pages are mapped for a moment than the THP has."),
        new("page-zap-locks-compound-mapcounts", "page_zap_pte_rmap", false, "on: lowers the mapcount of a THP's page under the bit spinlock of lock_compound_mapcounts."),
        new("memcg-lock-before-mapcount", "page_remove_rmap", true, "off: locks a file page's memcg only around the statistics, not around the mapcount that they follow."),
        new("move-charge-waits-for-rcu", "mem_cgroup_move_charge", true, "off: moves pages while others may still be inside lock_page_memcg without the lock."),
        new("zap-munlocks", "munlock_vma_page", true, "off: forgets the munlock when a page leaves a locked vma."),
        new("mlock-sets-vm-io", "mlock_vma_pages_range", true, "off: reclaim may mark the pages of the vma that mlock is walking."),
        new("mlock-drains-before-clearing-vm-io", "mlock_vma_pages_range", true, "off: lets reclaim mark pages again before its own marks are counted."),
        new("file-pages-become-none", "set_pmd_migration_entry", false, "on: migration unmaps file pages without migration entries; they are faulted in again."),
        new("finish-fault-drops-page", "finish_fault", false, "on: a fault that finds the PMD taken gives its page back (3fe2895cfecd, v5.19)."),
        new("huge-zero-asserts-present", "is_huge_zero_pmd", false, "on: VM_BUG_ON(!pmd_present(pmd)) in it, its callers as they were."),
        new("split-compares-folios", "__split_huge_pmd", false, "on: compares the folio of pmd_page() with the one it was given, as from 5.18 on."),
        new("split-compares-migration-entry", "__split_huge_pmd", true, "off: be6e843fc51a, a migration entry is not compared with the page it was given."),
        new("split-pmd-locks-first", "__split_huge_pmd", true, "off: looks whether the PMD is none before it takes the lock, and if it is leaves it at that."),
        new("split-counts-migration-entry", "__split_huge_pmd_locked", true, "off: with 99fa8a48203d, leaves RSS as it is for a migration entry."),
        new("split-puts-page-last", "__split_huge_pmd_locked", false, "on: a file's page is looked at for the RSS counter that it is in before the reference to it is dropped, not after."),
        new("split-removes-rmap-of-migration-entry", "__split_huge_pmd_locked", false, "on: with 99fa8a48203d, takes a mapping and a reference from a page that migration has unmapped."),
        new("truncate-waits-for-rcu", "truncate_cleanup_page", false, "on: waits an RCU grace period where the page is still mapped after it was unmapped."),
        new("unmap-mapping-shares-i-mmap", "unmap_mapping_pages", false, "on: takes i_mmap_rwsem for reading (2c8659951654, v5.18)."),
        new("zap-leaves-pmd-invalidated", "zap_huge_pmd", false, "on: the PMD is invalidated first and cleared once the mapping is no longer counted."),
        new("zap-looks-present-first", "zap_huge_pmd", false, "on: asks is_huge_zero_pmd() only of a PMD that is present."),
    ];

    /// <summary>A toggle by its name.</summary>
    /// <exception cref="KeyNotFoundException">There is none.</exception>
    public static Toggle Find(string name) => All.FirstOrDefault(t => t.Name == name) ?? throw new KeyNotFoundException($"no toggle '{name}'");
}
