using ThpCheck.Model.Patches;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>A patch or a series: classes that replace those they derive from.</summary>
/// <param name="Name">Its name in scenarios.</param>
/// <param name="Title">What it is, with its commits where it has any.</param>
/// <param name="Classes">The classes, each derived, at some remove, from a kernel file's.</param>
public sealed record Patch(string Name, string Title, IReadOnlyList<Type> Classes);

/// <summary>The kernels and patches that there are.</summary>
public static class Releases
{
    private static readonly Type[] Linux61 =
    [
        typeof(mm), typeof(pgtable), typeof(fault), typeof(swap), typeof(rmap), typeof(rmap_walks), typeof(page_vma_mapped), typeof(memory), typeof(mmu_gather), typeof(mmap), typeof(mprotect),
        typeof(vmscan), typeof(page_idle), typeof(migrate), typeof(filemap), typeof(page_writeback), typeof(truncate), typeof(madvise), typeof(tlbflush), typeof(user),
        typeof(rmap_mapcounts), typeof(memory_mapcounts), typeof(huge_memory), typeof(page_alloc), typeof(memcontrol), typeof(mlock),
        typeof(shmem), typeof(memory_thp), typeof(rmap_thp), typeof(khugepaged), typeof(gup_fast), typeof(userfaultfd), typeof(mmu_notifier), typeof(kvm_main), typeof(migrate_thp),
    ];

    // Those files of 6.1 are here whose functions, as far as the paths of this release use them, are the same in both.
    private static readonly Type[] Linux513 =
    [
        typeof(mm_5_13), typeof(pgtable), typeof(fault_5_13), typeof(swap_5_13), typeof(rmap_5_13), typeof(rmap_walks), typeof(page_vma_mapped_5_13), typeof(memory_5_13), typeof(mmu_gather),
        typeof(tlbflush), typeof(page_alloc), typeof(mmap), typeof(vmscan_5_13), typeof(migrate_5_13),
        typeof(huge_memory_5_13), typeof(huge_mm_5_13), typeof(pgtable_generic_5_13), typeof(swapops_5_13), typeof(mlock_5_13), typeof(filemap_5_13), typeof(truncate_5_13), typeof(shmem_5_13),
    ];

    // 6.1 with private anonymous memory in full: what the questions about copy-on-write are asked of.
    private static readonly Type[] Linux519 =
    [
        .. Linux61.Except([typeof(mm), typeof(memory), typeof(rmap), typeof(vmscan), typeof(mmu_gather), typeof(huge_memory)]),
        typeof(anon_mm), typeof(anon_memory), typeof(anon_rmap), typeof(anon_vmscan), typeof(anon_mmu_gather), typeof(anon_huge_memory), typeof(large_rmap), typeof(wp_page), typeof(huge_wp_page), typeof(gup),
        typeof(program), typeof(swapfile), typeof(swap_state), typeof(swap_page),
    ];

    private static readonly Type[] Linux517 = [.. Linux519.Except([typeof(wp_page), typeof(swap_page), typeof(huge_wp_page)]), typeof(swap_page_5_17), typeof(huge_wp_page_5_17)];
    private static readonly Type[] Linux516 = [.. Linux517.Except([typeof(anon_rmap), typeof(swap_page_5_17)]), typeof(batched_flush_flag_rmap), typeof(swap_page_5_16)];

    private static readonly Dictionary<string, bool> Before519 = new() { ["anon-exclusive"] = false };
    private static readonly Dictionary<string, bool> Before511 = new(Before519) { ["gup-fast-checks-seq"] = false, ["reclaim-keeps-pinned"] = false, ["copy-frees-swap-cache"] = false };
    private static readonly Dictionary<string, bool> Before59 = new(Before511) { ["fork-copies-pinned"] = false };

    private static readonly SortedDictionary<string, Dictionary<string, bool>> ReleaseToggles = new(StringComparer.Ordinal)
    {
        ["linux-5.7"] = Before59,
        ["linux-5.8"] = new(Before59) { ["gup-read-breaks-cow"] = true, ["split-locks-folio"] = true },
        ["linux-5.9"] = new(Before511) { ["split-locks-folio"] = true },
        ["linux-5.17"] = new(Before519) { ["split-locks-folio"] = true },
        ["linux-5.18"] = Before519,
        ["linux-6.7"] = new() { ["mbind-remembers-large"] = true },
        ["linux-6.15"] = new() { ["large-mapcount"] = true },
    };

    private static readonly Type[] Linux62 =
    [
        .. Linux61.Except([typeof(memory), typeof(mmu_gather), typeof(khugepaged)]),
        typeof(delay_rmap_final_memory), typeof(delay_rmap_two_batches_mmu_gather), typeof(absent_pmd_khugepaged),
    ];

    // Anonymous memory, in pages of any size, and its migration. Nothing here maps a file.
    private static readonly Type[] Linux63 =
    [
        typeof(mm_6_3), typeof(pgtable), typeof(fault), typeof(swap), typeof(rmap_6_3), typeof(rmap_walks), typeof(page_vma_mapped_6_3), typeof(memory_6_3), typeof(large_rmap), typeof(wp_page),
        typeof(mmu_gather), typeof(mmap_6_3), typeof(mprotect_6_3), typeof(vmscan), typeof(page_idle), typeof(migrate_6_3), typeof(tlbflush), typeof(user), typeof(program), typeof(gup_6_3), typeof(page_alloc),
        typeof(huge_memory_6_3), typeof(mlock_6_3), typeof(mempolicy_6_3), typeof(mremap_6_3),
    ];

    /// <summary>Releases by name. Each is 6.1 but for the files it names: what else changed in between touches nothing modelled here.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<Type>> All { get; } = new SortedDictionary<string, IReadOnlyList<Type>>(StringComparer.Ordinal)
    {
        ["linux-5.13"] = Linux513,
        ["linux-5.7"] = [.. Linux516, typeof(wp_page_5_7)],
        ["linux-5.8"] = [.. Linux516, typeof(wp_page_5_7)],
        ["linux-5.9"] = [.. Linux516, typeof(wp_page_5_9)],
        ["linux-5.17"] = [.. Linux517, typeof(wp_page_5_9)],
        ["linux-5.18"] = Linux519,
        ["linux-5.19"] = Linux519,
        ["linux-6.8"] = [.. Linux519.Except([typeof(wp_page), typeof(huge_wp_page)]), typeof(wp_page_6_8), typeof(huge_wp_page_6_8)],
        ["linux-6.9"] = [.. Linux519.Except([typeof(wp_page), typeof(huge_wp_page)]), typeof(wp_page_6_9), typeof(huge_wp_page_6_8)],
        ["linux-6.15"] = [.. Linux519.Except([typeof(wp_page), typeof(huge_wp_page)]), typeof(wp_page_6_15), typeof(huge_wp_page_6_8)],
        ["linux-6.1"] = Linux61,
        ["linux-6.2"] = Linux62,
        ["linux-6.3"] = Linux63,
        ["linux-6.7"] = [.. Linux63.Except([typeof(mempolicy_6_3)]), typeof(mempolicy_6_7)],
        ["linux-6.6"] =
        [
            .. Linux62.Except([typeof(absent_pmd_khugepaged), typeof(pgtable), typeof(page_vma_mapped), typeof(memory_thp)]),
            typeof(collapse_mmap_read_khugepaged), typeof(pte_offset_map_may_fail_pgtable), typeof(pte_offset_map_may_fail_page_vma_mapped), typeof(pte_offset_map_may_fail_memory_thp), // for what khugepaged meets
        ],
    };

    /// <summary>Patches, in the order of their names.</summary>
    public static IReadOnlyList<Patch> Patches { get; } =
    [
        new("absent-pmd", "edb5d0cf5525 (\"mm/MADV_COLLAPSE: catch !none !huge !bad pmd lookups\"), v6.2; brings anon-vma-recheck with it, which it is on top of", [typeof(absent_pmd_khugepaged)]),
        new("anon-vma-degree", "before 2555283eb40d (\"mm/rmap: Fix anon_vma->degree ambiguity leading to double-reuse\"), v6.0", [typeof(anon_vma_degree_rmap)]),
        new("anon-vma-recheck", "023f47a8250c (\"mm/khugepaged: fix ->anon_vma race\"), v6.2", [typeof(anon_vma_recheck_khugepaged)]),
        new("batched-flush-flag", "before 5ee2fa2f0636 (\"mm/rmap: fix potential batched TLB flush race\"), v5.17", [typeof(batched_flush_flag_rmap)]),
        new("before-right-locks", "v6.1-rc7: before 8d3c106e19e8 (\"mm/khugepaged: take the right locks for page table retraction\"), 2ba99c5e0881 and f268f6cf875f", [typeof(before_right_locks_khugepaged)]),
        new("collapse-mmap-read", "1043173eb5eb and 1d65b771bc08 (\"mm/khugepaged: collapse_pte_mapped_thp() with mmap_read_lock()\"), v6.6, without what makes walkers bear it", [typeof(collapse_mmap_read_khugepaged)]),
        new("compound-mapped", "4b51634cd16a (\"mm,thp,rmap: subpages_mapcount COMPOUND_MAPPED if PMD-mapped\"), with what it builds on", [typeof(compound_mapped_rmap), typeof(compound_mapped_mm), typeof(subpages_mapcount_sum_page_alloc)]),
        new("compound-mapped-compare", "6287b7dae809 (\"mm,thp,rmap: fix races between updates of subpages_mapcount\"), v6.2, with what it builds on", [typeof(compound_mapped_compare_rmap), typeof(compound_mapped_mm), typeof(subpages_mapcount_sum_page_alloc)]),
        new("cow-pmd-wp-5.17", "do_huge_pmd_wp_page up to 5.17, before 3bff7e3f1f16: mapcount", [typeof(huge_wp_page_5_17)]),
        new("cow-reuse-swapcache", "Liang Zhang, 13 January 2022 (\"mm: reuse the unshared swapcache page in do_wp_page\"), on top of cow-wp-5.9", [typeof(wp_page_zhang)]),
        new("cow-reuse-with-swapcache-reference", "Matthew Wilcox's alternative of the same day, on top of cow-wp-5.9", [typeof(wp_page_wilcox)]),
        new("cow-scan-page-table", "David Hildenbrand, 20 January 2022, as a thought: as many references as ptes of this table", [typeof(wp_page_scan)]),
        new("cow-swapin-5.17", "do_swap_page up to 5.17, before c145e0b47c77: mapcount and swap count", [typeof(swap_page_5_17)]),
        new("cow-wip-inverted", "David Hildenbrand's work in progress of 14 January 2022, with its first test the wrong way round", [typeof(wp_page_wip)]),
        new("cow-wp-5.7", "do_wp_page up to 5.8, before 09854ba94c6a: mapcount and swap count", [typeof(wp_page_5_7)]),
        new("cow-wp-5.9", "do_wp_page from 09854ba94c6a (5.9) to 5.17: one reference", [typeof(wp_page_5_9)]),
        new("delay-dirty-v0", "Linus Torvalds, 29 October 2022: the dirty bit goes into the batch, and set_page_dirty comes after the flush", [typeof(delay_dirty_v0_memory), typeof(delay_dirty_v0_mmu_gather)]),
        new("delay-dirty-v0b", "Linus Torvalds, 31 October 2022, as a thought: that, and the rmap removed after it", [typeof(delay_dirty_v0b_memory), typeof(delay_dirty_v0b_mmu_gather)]),
        new("delay-rmap-final", "5df397dec7c4 (\"mm: delay page_remove_rmap() until after the TLB has been flushed\"), v6.2", [typeof(delay_rmap_final_memory), typeof(delay_rmap_final_mmu_gather)]),
        new("delay-rmap-two-batches", "c47454823bd4 (\"mm: mmu_gather: allow more than one batch of delayed rmaps\"), v6.2, on top of delay-rmap-final", [typeof(delay_rmap_two_batches_mmu_gather)]),
        new("delay-rmap-v1", "mm: delay rmap removal until after TLB flush, mm-unstable, November 2022", [typeof(delay_rmap_v1_memory), typeof(delay_rmap_v1_mmu_gather), typeof(delay_rmap_v1_rmap), typeof(delay_rmap_v1_memory_mapcounts)]),
        new("delay-rmap-v1-anon-immediate", "Hugh Dickins's local change to delay-rmap-v1", [typeof(delay_rmap_v1_anon_immediate_memory), typeof(delay_rmap_v1_mmu_gather), typeof(delay_rmap_v1_rmap), typeof(delay_rmap_v1_anon_immediate_memory_mapcounts)]),
        new("flush-after-unlock", "zap_pte_range as it was up to v3.14, before 1cf35d47712d (\"mm: split 'tlb_flush_mmu()' into tlb flushing and memory freeing parts\")", [typeof(flush_after_unlock_memory)]),
        new("huge-zero-pfn", "3b77e8c8cde5 (\"mm/thp: make is_huge_zero_pmd() safe and quicker\"), v5.13", [typeof(huge_zero_pfn_huge_mm)]),
        new("huge-zero-pfn-present-first", "3b77e8c8cde5 in the order that 6.1 has it: pmd_present(), then the comparison", [typeof(huge_zero_pfn_present_first_huge_mm)]),
        new("lock-compound-mapcounts", "9bd3155ed83b (\"mm,thp,rmap: lock_compound_mapcounts() on THP mapcounts\"), with what it builds on", [typeof(lock_compound_mapcounts_rmap), typeof(subpages_mapcount_sum_mm), typeof(subpages_mapcount_sum_page_alloc)]),
        new("mbind-copies", "as a thought, Hugh Dickins, 28 January 2023: mbind of a part of a THP copies that part out of it", [typeof(mbind_copies_mempolicy)]),
        new("mbind-splits", "as a thought, Matthew Wilcox, 30 January 2023: mbind of a part of a THP splits it first", [typeof(mbind_splits_mempolicy)]),
        new("mbind-splits-near", "the same with a split that is not uniform, as folio_split() is (58729c04cf10, v6.15)", [typeof(mbind_splits_near_mempolicy)]),
        new("mbind-widens", "as a thought, Hugh Dickins, 28 January 2023: mbind of a part of a THP binds all of it", [typeof(mbind_widens_mempolicy)]),
        new("memcg-move-guard", "4e0cf05f6059 (\"mm: memcontrol: skip moving non-present pages that are mapped elsewhere\"), v6.3", [typeof(memcg_move_guard_memcontrol)]),
        new("memcg-no-move", "charge moving removed, v6.13, on top of memcg-move-guard and memcg-unlocked-rmap", [typeof(memcg_no_move_memcontrol), typeof(memcg_unlocked_rmap_mapcounts)]),
        new("memcg-unlocked-rmap", "c7c3dec1c9db (\"mm: rmap: remove lock_page_memcg()\"), v6.3", [typeof(memcg_unlocked_rmap_mapcounts)]),
        new("refuse-anon-vma", "v6.1: 8d3c106e19e8 before ab0c3f1251b4 (\"mm/khugepaged: fix collapse_pte_mapped_thp() to allow anon_vma\")", [typeof(refuse_anon_vma_khugepaged)]),
        new("split-migration-entry", "99fa8a48203d (\"mm/thp: fix __split_huge_pmd_locked() on shmem migration entry\"), v5.13", [typeof(split_migration_entry_huge_memory), typeof(split_migration_entry_pgtable_generic)]),
        new("split-migration-entry-assertion", "99fa8a48203d's change of an assertion in mm/pgtable-generic.c alone", [typeof(split_migration_entry_pgtable_generic)]),
        new("split-migration-entry-branch", "99fa8a48203d's branch in mm/huge_memory.c alone", [typeof(split_migration_entry_huge_memory)]),
        new("subpages-mapcount-count", "be5ef2d9b006 (\"mm,thp,rmap: subpages_mapcount of PTE-mapped subpages\"), with what it builds on", [typeof(subpages_mapcount_count_rmap), typeof(subpages_mapcount_count_mm), typeof(subpages_mapcount_sum_page_alloc)]),
        new("subpages-mapcount-sum", "cb67f4282bf9 (\"mm,thp,rmap: simplify compound page mapcount handling\")", [typeof(subpages_mapcount_sum_rmap), typeof(subpages_mapcount_sum_mm), typeof(subpages_mapcount_sum_page_alloc)]),
        new("ttu-sync", "732ed55823fc (\"mm/thp: try_to_unmap() use TTU_SYNC for safe splitting\"), v5.13; brings split-migration-entry-branch with it, which it is on top of", [typeof(ttu_sync_huge_memory), typeof(ttu_sync_page_vma_mapped)]),
        new("unmap-mapping-page", "22061a1ffabd (\"mm/thp: unmap_mapping_page() to fix THP truncate_cleanup_page()\"), v5.13", [typeof(unmap_mapping_page_truncate)]),
    ];

    /// <summary>The toggles that are otherwise in a release than in 6.1. Those before 5.19 and after 6.2 are about copy-on-write, and 6.1 in all else.</summary>
    public static IReadOnlyDictionary<string, bool> TogglesOf(string release) => ReleaseToggles.TryGetValue(release, out var toggles) ? toggles : new Dictionary<string, bool>();

    /// <summary>A release with patches applied in order.</summary>
    /// <param name="release">A name in <see cref="All"/>.</param>
    /// <param name="patches">Patches, each of which may build on those before it.</param>
    /// <exception cref="ModelFaultException">Two patches replace one file's class without one deriving from the other.</exception>
    public static KernelVersion Compose(string release, IReadOnlyList<Patch> patches)
    {
        ArgumentNullException.ThrowIfNull(patches);
        var files = All[release].ToDictionary(FileOf, f => f);
        var by = new Dictionary<Type, string>();
        foreach (var patch in patches)
        {
            foreach (var replacement in patch.Classes)
            {
                var file = FileOf(replacement);
                if (!files.TryGetValue(file, out var before))
                {
                    throw new ModelFaultException($"the patch {patch.Name} changes {file.Name}, which {release} does not have");
                }

                if (!replacement.IsAssignableTo(before))
                {
                    throw new ModelFaultException(!by.TryGetValue(file, out var earlier)
                        ? $"the patch {patch.Name} replaces {file.Name} by {replacement.Name}, which does not derive from {release}'s {before.Name}; apply it to an earlier kernel"
                        : $"the patches {earlier} and {patch.Name} both replace {file.Name}, and {replacement.Name} does not derive from {before.Name}; apply one, or derive one from the other");
                }

                files[file] = replacement;
                by[file] = patch.Name;
            }
        }

        return new KernelVersion(release, [.. patches.Select(p => p.Name)], files);
    }

    // The class that stands for the file itself: the one that derives from KernelFile directly.
    internal static Type FileOf(Type type) => type.BaseType == typeof(KernelFile) ? type : FileOf(type.BaseType!);
}
