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
    ];

    // Those files of 6.1 are here whose functions, as far as the paths of this release use them, are the same in both.
    private static readonly Type[] Linux513 =
    [
        typeof(mm_5_13), typeof(pgtable), typeof(fault_5_13), typeof(swap_5_13), typeof(rmap_5_13), typeof(rmap_walks), typeof(page_vma_mapped_5_13), typeof(memory_5_13), typeof(mmu_gather),
        typeof(tlbflush), typeof(mmap), typeof(vmscan_5_13), typeof(migrate_5_13),
        typeof(huge_memory_5_13), typeof(huge_mm_5_13), typeof(pgtable_generic_5_13), typeof(swapops_5_13), typeof(mlock_5_13), typeof(filemap_5_13), typeof(truncate_5_13), typeof(shmem_5_13),
    ];

    // Anonymous memory, of pages of any size, and its migration. Files are 6.1's, and nothing here maps any.
    private static readonly Type[] Linux63 =
    [
        .. Linux61.Except([typeof(mm), typeof(rmap), typeof(page_vma_mapped), typeof(memory), typeof(mmap), typeof(mprotect), typeof(migrate), typeof(user)]),
        typeof(mm_6_3), typeof(rmap_6_3), typeof(page_vma_mapped_6_3), typeof(memory_6_3), typeof(mmap_6_3), typeof(mprotect_6_3), typeof(migrate_6_3), typeof(user_6_3),
        typeof(huge_memory_6_3), typeof(mlock_6_3), typeof(mempolicy_6_3), typeof(mremap_6_3), typeof(gup_6_3),
    ];

    /// <summary>Releases by name. Each is 6.1 but for the files it names: what else changed in between touches nothing modelled here.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<Type>> All { get; } = new SortedDictionary<string, IReadOnlyList<Type>>(StringComparer.Ordinal)
    {
        ["linux-5.13"] = Linux513,
        ["linux-6.1"] = Linux61,
        ["linux-6.2"] = [.. Linux61.Except([typeof(memory), typeof(mmu_gather)]), typeof(delay_rmap_final_memory), typeof(delay_rmap_two_batches_mmu_gather)],
        ["linux-6.3"] = Linux63,
    };

    /// <summary>Patches, in the order of their names.</summary>
    public static IReadOnlyList<Patch> Patches { get; } =
    [
        new("anon-vma-degree", "before 2555283eb40d (\"mm/rmap: Fix anon_vma->degree ambiguity leading to double-reuse\"), v6.0", [typeof(anon_vma_degree_rmap)]),
        new("delay-dirty-v0", "Linus Torvalds, 29 October 2022: the dirty bit goes into the batch, and set_page_dirty comes after the flush", [typeof(delay_dirty_v0_memory), typeof(delay_dirty_v0_mmu_gather)]),
        new("delay-dirty-v0b", "Linus Torvalds, 31 October 2022, as a thought: that, and the rmap removed after it", [typeof(delay_dirty_v0b_memory), typeof(delay_dirty_v0b_mmu_gather)]),
        new("delay-rmap-final", "5df397dec7c4 (\"mm: delay page_remove_rmap() until after the TLB has been flushed\"), v6.2", [typeof(delay_rmap_final_memory), typeof(delay_rmap_final_mmu_gather)]),
        new("delay-rmap-two-batches", "c47454823bd4 (\"mm: mmu_gather: allow more than one batch of delayed rmaps\"), v6.2, on top of delay-rmap-final", [typeof(delay_rmap_two_batches_mmu_gather)]),
        new("delay-rmap-v1", "mm: delay rmap removal until after TLB flush, mm-unstable, November 2022", [typeof(delay_rmap_v1_memory), typeof(delay_rmap_v1_mmu_gather), typeof(delay_rmap_v1_rmap)]),
        new("delay-rmap-v1-anon-immediate", "Hugh Dickins's local change to delay-rmap-v1", [typeof(delay_rmap_v1_anon_immediate_memory), typeof(delay_rmap_v1_mmu_gather), typeof(delay_rmap_v1_rmap)]),
        new("flush-after-unlock", "zap_pte_range as it was up to v3.14, before 1cf35d47712d (\"mm: split 'tlb_flush_mmu()' into tlb flushing and memory freeing parts\")", [typeof(flush_after_unlock_memory)]),
        new("huge-zero-pfn", "3b77e8c8cde5 (\"mm/thp: make is_huge_zero_pmd() safe and quicker\"), v5.13", [typeof(huge_zero_pfn_huge_mm)]),
        new("huge-zero-pfn-present-first", "3b77e8c8cde5 in the order that 6.1 has it: pmd_present(), then the comparison", [typeof(huge_zero_pfn_present_first_huge_mm)]),
        new("split-migration-entry", "99fa8a48203d (\"mm/thp: fix __split_huge_pmd_locked() on shmem migration entry\"), v5.13", [typeof(split_migration_entry_huge_memory), typeof(split_migration_entry_pgtable_generic)]),
        new("split-migration-entry-assertion", "99fa8a48203d's change of an assertion in mm/pgtable-generic.c alone", [typeof(split_migration_entry_pgtable_generic)]),
        new("split-migration-entry-branch", "99fa8a48203d's branch in mm/huge_memory.c alone", [typeof(split_migration_entry_huge_memory)]),
        new("ttu-sync", "732ed55823fc (\"mm/thp: try_to_unmap() use TTU_SYNC for safe splitting\"), v5.13; brings split-migration-entry-branch with it, which it is on top of", [typeof(ttu_sync_huge_memory), typeof(ttu_sync_page_vma_mapped)]),
        new("unmap-mapping-page", "22061a1ffabd (\"mm/thp: unmap_mapping_page() to fix THP truncate_cleanup_page()\"), v5.13", [typeof(unmap_mapping_page_truncate)]),
    ];

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
