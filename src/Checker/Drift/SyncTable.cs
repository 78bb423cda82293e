namespace ThpCheck.Checker.Drift;

/// <summary>What a call has to do with other threads.</summary>
internal enum SyncKind
{
    Lock,
    Trylock,
    Unlock,

    /// <summary>The begin or end of an RCU, preempt-off or irq-off section, or a wait for all of them.</summary>
    Section,

    /// <summary>TLB entries, or what notifiers stand for, are flushed.</summary>
    Flush,

    /// <summary>A reference is taken or given back.</summary>
    Reference,

    /// <summary>A mapcount is changed or looked at.</summary>
    Mapcount,

    /// <summary>Something is looked at again.</summary>
    Recheck,

    /// <summary>A barrier, or an access that has one.</summary>
    Barrier,

    /// <summary>A count or a word that is changed atomically.</summary>
    Atomic,

    /// <summary>A function that is modelled, which does some of these.</summary>
    Call,
}

/// <summary>Which calls in C, and which in a path, count as which synchronisation, and what they have in common with others of other names.</summary>
internal static class SyncTable
{
    // What it counts as; its name here; what else it is called.
    private static readonly (SyncKind Kind, string Name, string Others)[] Rows =
    [
        (SyncKind.Lock, "spin_lock", "raw_spin_lock spin_lock_irq spin_lock_irqsave spin_lock_bh spin_lock_nested pte_offset_map_lock pmd_lock pud_lock xa_lock xa_lock_irq xa_lock_irqsave xas_lock xas_lock_irq lru_lock"),
        (SyncKind.Trylock, "spin_trylock", "raw_spin_trylock pte_offset_map_trylock"),
        (SyncKind.Unlock, "spin_unlock", "raw_spin_unlock spin_unlock_irq spin_unlock_irqrestore spin_unlock_bh pte_unmap_unlock xa_unlock xa_unlock_irq xa_unlock_irqrestore xas_unlock xas_unlock_irq"),
        (SyncKind.Lock, "bit_spin_lock", ""),
        (SyncKind.Trylock, "bit_spin_trylock", ""),
        (SyncKind.Unlock, "bit_spin_unlock", ""),
        (SyncKind.Lock, "down_read", "mmap_read_lock mmap_read_lock_killable i_mmap_lock_read anon_vma_lock_read page_lock_anon_vma_read inode_lock_shared filemap_invalidate_lock_shared"),
        (SyncKind.Trylock, "down_read_trylock", "mmap_read_trylock anon_vma_trylock_read i_mmap_trylock_read"),
        (SyncKind.Unlock, "up_read", "mmap_read_unlock i_mmap_unlock_read anon_vma_unlock_read filemap_invalidate_unlock_shared"),
        (SyncKind.Lock, "down_write", "mmap_write_lock mmap_write_lock_killable mmap_write_lock_nested i_mmap_lock_write anon_vma_lock_write inode_lock filemap_invalidate_lock"),
        (SyncKind.Trylock, "down_write_trylock", "mmap_write_trylock i_mmap_trylock_write anon_vma_trylock_write"),
        (SyncKind.Unlock, "up_write", "mmap_write_unlock i_mmap_unlock_write anon_vma_unlock_write inode_unlock filemap_invalidate_unlock"),
        (SyncKind.Unlock, "downgrade_write", "mmap_write_downgrade"),
        (SyncKind.Lock, "folio_lock", "lock_page folio_lock_killable lock_page_killable __folio_lock __lock_page"),
        (SyncKind.Trylock, "folio_trylock", "trylock_page"),
        (SyncKind.Unlock, "folio_unlock", "unlock_page"),
        (SyncKind.Lock, "mutex_lock", "mutex_lock_killable mutex_lock_interruptible mutex_lock_nested"),
        (SyncKind.Trylock, "mutex_trylock", ""),
        (SyncKind.Unlock, "mutex_unlock", ""),
        (SyncKind.Section, "rcu_read_lock", ""),
        (SyncKind.Section, "rcu_read_unlock", ""),
        (SyncKind.Section, "synchronize_rcu", "synchronize_srcu synchronize_rcu_expedited"),
        (SyncKind.Section, "call_rcu", "kfree_rcu"),
        (SyncKind.Section, "preempt_disable", ""),
        (SyncKind.Section, "preempt_enable", ""),
        (SyncKind.Section, "local_irq_disable", "local_irq_save"),
        (SyncKind.Section, "local_irq_enable", "local_irq_restore"),
        (SyncKind.Section, "smp_call_function", "on_each_cpu on_each_cpu_mask on_each_cpu_cond_mask smp_call_function_many flush_tlb_multi"),
        (SyncKind.Flush, "flush_tlb_pages", "flush_tlb_range flush_tlb_page flush_tlb_mm flush_tlb_mm_range flush_pmd_tlb_range flush_tlb_kernel_range flush_tlb_func"),
        (SyncKind.Flush, "flush_tlb_all", ""),
        (SyncKind.Flush, "ptep_clear_flush", "ptep_clear_flush_notify"),
        (SyncKind.Flush, "pmdp_huge_clear_flush", "pmdp_huge_clear_flush_notify"),
        (SyncKind.Flush, "pmdp_collapse_flush", ""),
        (SyncKind.Flush, "pmdp_invalidate", ""),
        (SyncKind.Flush, "tlb_flush_mmu", ""),
        (SyncKind.Flush, "tlb_flush_mmu_tlbonly", ""),
        (SyncKind.Flush, "tlb_finish_mmu", ""),
        (SyncKind.Flush, "tlb_gather_mmu", ""),
        (SyncKind.Flush, "flush_tlb_batched_pending", ""),
        (SyncKind.Flush, "set_tlb_ubc_flush_pending", ""),
        (SyncKind.Flush, "try_to_unmap_flush", ""),
        (SyncKind.Flush, "try_to_unmap_flush_dirty", ""),
        (SyncKind.Flush, "mmu_notifier_invalidate_range_start", "mmu_notifier_invalidate_range_start_nonblock"),
        (SyncKind.Flush, "mmu_notifier_invalidate_range_end", "mmu_notifier_invalidate_range_only_end"),
        (SyncKind.Flush, "tlb_remove_table_sync_one", ""),
        (SyncKind.Reference, "folio_get", "get_page page_get folio_ref_inc folio_ref_add page_ref_inc page_ref_add"),
        (SyncKind.Reference, "folio_put", "put_page folio_put_refs folios_put put_pages_list"),
        (SyncKind.Reference, "folio_try_get", "get_page_unless_zero try_get_page folio_try_get_rcu page_ref_add_unless"),
        (SyncKind.Reference, "folio_ref_freeze", "page_ref_freeze"),
        (SyncKind.Reference, "folio_ref_unfreeze", "page_ref_unfreeze"),
        (SyncKind.Reference, "folio_ref_count", "page_ref_count page_count"),
        (SyncKind.Reference, "put_anon_vma", ""),
        (SyncKind.Reference, "get_anon_vma", ""),
        (SyncKind.Reference, "mmget", "mmgrab"),
        (SyncKind.Reference, "mmget_not_zero", ""),
        (SyncKind.Reference, "mmput", "mmdrop mmput_async"),
        (SyncKind.Mapcount, "folio_mapped", "page_mapped"),
        (SyncKind.Mapcount, "folio_mapcount", "page_mapcount total_mapcount"),
        (SyncKind.Mapcount, "page_remove_rmap", "folio_remove_rmap_pte folio_remove_rmap_ptes folio_remove_rmap_pmd"),
        (SyncKind.Mapcount, "page_add_anon_rmap", "folio_add_anon_rmap_pte folio_add_anon_rmap_ptes folio_add_anon_rmap_pmd"),
        (SyncKind.Mapcount, "page_add_new_anon_rmap", "folio_add_new_anon_rmap"),
        (SyncKind.Mapcount, "page_add_file_rmap", "folio_add_file_rmap_pte folio_add_file_rmap_ptes folio_add_file_rmap_pmd"),
        (SyncKind.Mapcount, "page_dup_rmap", "page_dup_file_rmap page_try_dup_anon_rmap folio_try_dup_anon_rmap_pte folio_dup_file_rmap_pte"),
        (SyncKind.Recheck, "pte_same", ""),
        (SyncKind.Recheck, "pmd_same", "pud_same"),
        (SyncKind.Barrier, "smp_mb", "smp_mb__after_atomic smp_mb__before_atomic smp_mb__after_spinlock mb"),
        (SyncKind.Barrier, "smp_rmb", "rmb"),
        (SyncKind.Barrier, "smp_wmb", "wmb"),
        (SyncKind.Barrier, "barrier", ""),
        (SyncKind.Barrier, "smp_load_acquire", ""),
        (SyncKind.Barrier, "smp_store_release", ""),
        (SyncKind.Atomic, "cmpxchg", "try_cmpxchg atomic_cmpxchg atomic_try_cmpxchg cmpxchg64"),
        (SyncKind.Atomic, "xchg", "atomic_xchg"),
        (SyncKind.Atomic, "atomic_inc", "atomic_long_inc refcount_inc"),
        (SyncKind.Atomic, "atomic_dec", "atomic_long_dec refcount_dec"),
        (SyncKind.Atomic, "atomic_add", "atomic_sub atomic_long_add atomic_long_sub refcount_add"),
        (SyncKind.Atomic, "atomic_inc_and_test", ""),
        (SyncKind.Atomic, "atomic_dec_and_test", "refcount_dec_and_test"),
        (SyncKind.Atomic, "atomic_add_negative", "atomic_sub_and_test"),
        (SyncKind.Atomic, "atomic_inc_not_zero", "atomic_add_unless atomic_long_add_unless refcount_inc_not_zero"),
        (SyncKind.Atomic, "atomic_add_return", "atomic_sub_return atomic_long_add_return"),
        (SyncKind.Atomic, "atomic_inc_return", ""),
        (SyncKind.Atomic, "atomic_dec_return", ""),
        (SyncKind.Atomic, "test_and_set_bit", ""),
        (SyncKind.Atomic, "test_and_clear_bit", ""),
    ];

    private static readonly Dictionary<string, (SyncKind Kind, string Name)> Known = Rows
        .SelectMany(r => r.Others.Split(' ', StringSplitOptions.RemoveEmptyEntries).Append(r.Name), (r, name) => (name, r))
        .ToDictionary(p => p.name, p => (p.r.Kind, p.r.Name), StringComparer.Ordinal);

    // Of names that are in no row: parts that tell that they have to do with other threads.
    private static readonly (SyncKind Kind, string[] Parts)[] Signs =
    [
        (SyncKind.Trylock, ["trylock"]),
        (SyncKind.Unlock, ["unlock"]),
        (SyncKind.Lock, ["lock", "locked"]),
        (SyncKind.Section, ["rcu", "srcu", "preempt", "irq", "synchronize", "seqcount", "seqbegin", "seqretry", "wait", "wake", "complete"]),
        (SyncKind.Flush, ["flush", "tlb", "notifier", "invalidate"]),
        (SyncKind.Reference, ["get", "put", "ref", "refcount", "pin", "unpin", "grab", "freeze", "unfreeze", "isolate", "putback", "free"]),
        (SyncKind.Mapcount, ["mapcount", "rmap", "mapped"]),
        (SyncKind.Recheck, ["recheck", "same", "revalidate"]),
        (SyncKind.Barrier, ["mb", "barrier", "acquire", "release"]),
        (SyncKind.Atomic, ["atomic", "xchg", "cmpxchg", "bit"]),
    ];

    /// <summary>What a call of this name counts as, and the name that all have that do the same; null where the table has no such name.</summary>
    public static (SyncKind Kind, string Name)? Of(string name) => Known.TryGetValue(name, out var known) ? known
        : name.StartsWith("folio_test_set_", StringComparison.Ordinal) || name.StartsWith("TestSetPage", StringComparison.Ordinal) ? (SyncKind.Atomic, "test_and_set_bit") // macros make these
        : name.StartsWith("folio_test_clear_", StringComparison.Ordinal) || name.StartsWith("TestClearPage", StringComparison.Ordinal) ? (SyncKind.Atomic, "test_and_clear_bit")
        : null;

    /// <summary>The same for any name, as far as the name itself tells; null where it tells nothing.</summary>
    public static (SyncKind Kind, string Name)? Guess(string name)
    {
        if (Of(name) is { } known)
        {
            return known;
        }

        if (name is "READ_ONCE" or "WRITE_ONCE")
        {
            return (SyncKind.Atomic, name); // a path has them where it has other loads and stores
        }

        var parts = name.Split('_', StringSplitOptions.RemoveEmptyEntries).Select(p => p.ToLowerInvariant()).ToArray();
        foreach (var (kind, signs) in Signs)
        {
            if (parts.Any(signs.Contains))
            {
                return (kind, name);
            }
        }

        return null;
    }
}
