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
        new("child-linked-first", "anon_vma_interval_tree_insert", false, "on: a vma goes before those of the same offset, so that a walk meets a child before its parent."),
        new("split-clones-anon-vma", "__split_vma", true, "off: the part that is split off is in no anon_vma's tree."),
        new("mbind-remembers-large", "queue_pages_range", false, "on: a THP that is isolated already is not tried again at its next pte, as from 6.7 on."),
        new("next-keeps-pgoff", "vma_merge", false, "on: where the next vma grows down it keeps its offset, as in next-20230124 (cases 3 and 8)."),
        new("case-3-takes-mid-pgoff", "vma_merge", false, "on: it takes the offset of what is found in the range, which in case 3 is itself, as in 6.3."),
        new("split-references-migration-entry", "__split_huge_pmd_locked", false, "on: takes references for the ptes of a migration entry, as before 9d84604b845c."),
        new("need-rmap-locks", "copy_vma", true, "off: mremap moves ptes without the anon_vma's lock, whatever the order of the two vmas (before 108d6642ad81)."),
        new("migration-keeps-exclusive", "try_to_migrate_one", true, "off: every migration entry is readable, whatever the page was."),
        new("index-from-entry", "remove_migration_pte", false, "on: an entry gets the page at the place of the one that it names, not the one that the vma's offset says."),
        new("remove-looks-without-lock", "remove_migration_pte", false, "on: a pte that is seen without its lock to be no entry is passed by, as up to 3.1 (before 486cf46f3f9b)."),
        new("migration-defers-flush", "migrate_pages_batch", false, "on: TTU_BATCH_FLUSH, as for asynchronous migration: flushes wait until all folios of the list are unmapped."),
        new("flush-before-move", "migrate_pages_batch", true, "off: they wait until all are moved."),
        new("migration-holds-anon-vma", "migrate_folio_unmap", true, "off: takes no reference to the anon_vma, as before 2.6.35."),
        new("migration-counts-references", "folio_migrate_mapping", true, "off: moves a folio to which others have references."),
        new("migration-restores", "migrate_folio_undo", true, "off: a folio that could not be moved is not mapped again."),
        new("wait-takes-reference", "migration_entry_wait", false, "on: a fault that waits holds a reference, as up to 5.16."),
        new("fork-downgrades-migration-entry", "copy_nonpresent_pte", true, "off: the parent's migration entry stays writable or exclusive."),
        new("flush-before-free-pgtables", "exit_mmap", false, "on: tlb_finish_mmu before free_pgtables, so that what it delays is done before the vmas are unlinked."),
        new("file-pages-become-none", "set_pmd_migration_entry", false, "on: migration unmaps file pages without migration entries; they are faulted in again."),
        new("finish-fault-drops-page", "finish_fault", false, "on: a fault that finds the PMD taken gives its page back (3fe2895cfecd, v5.19)."),
        new("huge-zero-asserts-present", "is_huge_zero_pmd", false, "on: VM_BUG_ON(!pmd_present(pmd)) in it, its callers as they were."),
        new("split-compares-folios", "__split_huge_pmd", false, "on: compares the folio of pmd_page() with the one it was given, as from 5.18 on."),
        new("split-compares-migration-entry", "__split_huge_pmd", true, "off: be6e843fc51a, a migration entry is not compared with the page it was given."),
        new("split-pmd-locks-first", "__split_huge_pmd", true, "off: looks whether the PMD is none before it takes the lock, and if it is leaves it at that."),
        new("split-counts-migration-entry", "__split_huge_pmd_locked", true, "off: with 99fa8a48203d, leaves RSS as it is for a migration entry."),
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
