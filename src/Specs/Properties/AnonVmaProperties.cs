using ThpCheck.Model.Kernel;
using ThpCheck.Model.Objects;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Specs.Properties;

/// <summary>What anon_vmas promise while vmas are forked, split, merged and unmapped.</summary>
public static class AnonVmaProperties
{
    /// <summary>
    /// Every pte of an anonymous folio is found by a walk of the folio's anon_vma: that is allocated, and its tree has the vma. Looked at
    /// where a walker can have the lock, that is, while nobody holds the root's for writing. Broken: the anon_vma is freed while
    /// the folio is mapped, or reclaim and migration leave a mapping behind.
    /// </summary>
    public static readonly Property RmapFindsPtes = Property.Always("rmap-finds-ptes", static view =>
    {
        var kernel = view.Machine.ObjectsOf<mm>()[0];
        var pgtable = view.Machine.ObjectsOf<pgtable>()[0];
        foreach (var mm in view.Machine.ObjectsOf<Mm>())
        {
            if (!view.IsLive(mm))
            {
                continue;
            }

            for (var address = 0; address < mm.PTRS_PER_PMD * pgtable.PTRS_PER_PTE; address++)
            {
                if (pgtable.TableOf(view, view.Get(pgtable.pmd_offset(mm, address))) is not { } table)
                {
                    continue;
                }

                var pte = view.Get(table.pte[pgtable.pte_index(address)]);
                if (pte.Present && kernel.Page(pte.Pfn) is var folio && view.Get(folio.mapping) is AnonVma anon_vma && Lost(view, mm, address, view.Get(folio.index) + kernel.Index(pte.Pfn), anon_vma) is { } how)
                {
                    return $"{mm} maps {folio} at page {address}, but {how}";
                }
            }
        }

        return null;
    }) with
    {
        Promise = "A walk of a folio's anon_vma finds every pte of the folio. Broken: the anon_vma goes while the folio is mapped, or a mapping is left behind.",
    };

    /// <summary>
    /// Two vmas of an mm that have the same anon_vma are in the same anon_vmas, whenever somebody may merge them, that is, while
    /// nobody holds mmap_lock. is_mergeable_anon_vma relies on it. Broken: a merge keeps one chain for the pages of both.
    /// </summary>
    public static readonly Property OneAnonVmaOneChain = Property.Always("one-anon-vma-one-chain", static view =>
    {
        foreach (var mm in view.Machine.ObjectsOf<Mm>())
        {
            if (!view.IsLive(mm) || view.Word(mm.mmap_lock.Writer.Cell) != 0 || view.Word(mm.mmap_lock.Writer.Cell + 1) != 0)
            {
                continue;
            }

            var count = Count(view, mm.mm_mt);
            for (var i = 0; i < count; i++)
            {
                for (var j = 0; j < i; j++)
                {
                    var (a, b) = (At(view, mm.mm_mt, j)!, At(view, mm.mm_mt, i)!);
                    if (view.Get(a.anon_vma) is { } anon_vma && view.Get(b.anon_vma) == anon_vma && !IsSameChain(view, a, b))
                    {
                        return $"{a} and {b} of {mm} both have {anon_vma}, but their chains differ";
                    }
                }
            }
        }

        return null;
    }) with
    {
        Promise = "Two vmas of an mm with the same anon_vma are in the same anon_vmas. Broken: a merge keeps one chain for the pages of both.",
    };

    /// <summary>
    /// A walker is in no tree but the one it asked for: what it got is not another's by now. Broken: nothing crashes; the folio's own
    /// mappings are missed, and strangers' page tables are looked at.
    /// </summary>
    public static readonly Property WalkerWalksNoStranger = Property.Always("walker-walks-no-stranger", static view =>
    {
        foreach (var thread in view.Machine.ObjectsOf<KernelThread>())
        {
            if (view.Get(thread.rmap_anon_vma) is not { } anon_vma || view.IsLive(anon_vma))
            {
                continue;
            }

            foreach (var generation in anon_vma.Slot?.Generations ?? [])
            {
                if (view.IsLive(generation))
                {
                    return $"{view.Machine.ThreadName(thread.Number)} walks {anon_vma}, which is freed and allocated again as {generation}";
                }
            }
        }

        return null;
    }) with
    {
        Promise = "A walker is not in another's tree. Broken: the folio's own mappings are missed, and strangers' page tables are looked at.",
    };

    /// <summary>A vma took another's place: where none does, merging was not looked at.</summary>
    public static readonly Property VmasMerge = Property.Sometimes("vmas-merge", static view => view.In("anon_vma_merge")) with
    {
        Promise = "A vma is merged with another that has an anon_vma.",
    };

    /// <summary>An anon_vma that no vma has as its own is still in use: a fork may adopt it.</summary>
    public static readonly Property AnonVmaIsLeftOver = Property.Sometimes("anon-vma-is-left-over", static view =>
    {
        foreach (var anon_vma in view.Machine.ObjectsOf<AnonVma>())
        {
            if (view.IsLive(anon_vma) && Count(view, anon_vma.rb_root) > 0 && !HasVma(view, anon_vma))
            {
                return true;
            }
        }

        return false;
    }) with
    {
        Promise = "An anon_vma has vmas in its tree, none of which has it as its own: a fork may adopt it.",
    };

    // How a walk of the anon_vma would miss the pte, or null.
    private static string? Lost(StateView view, Mm mm, int address, int index, AnonVma anon_vma)
    {
        if (!view.IsLive(anon_vma))
        {
            return $"{anon_vma}, its anon_vma, is freed";
        }

        if (view.Get(anon_vma.root) is not { } root || view.Word(root.rwsem.Writer.Cell) != 0)
        {
            return null; // no walker can have the lock
        }

        var count = Count(view, anon_vma.rb_root);
        for (var i = 0; i < count; i++)
        {
            var vma = view.Get(At(view, anon_vma.rb_root, i)!.vma)!;
            if (view.Get(vma.vm_mm) == mm && view.Get(vma.vm_start) + index - view.Get(vma.vm_pgoff) == address
                && address >= view.Get(vma.vm_start) && address < view.Get(vma.vm_end))
            {
                return null;
            }
        }

        return $"the tree of {anon_vma}, its anon_vma, has no vma there";
    }

    private static bool HasVma(StateView view, AnonVma anon_vma)
    {
        foreach (var vma in view.Machine.ObjectsOf<Vma>())
        {
            if (view.IsLive(vma) && view.Get(vma.anon_vma) == anon_vma)
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsSameChain(StateView view, Vma a, Vma b)
    {
        var count = Count(view, a.anon_vma_chain);
        var same = Count(view, b.anon_vma_chain) == count;
        for (var i = 0; same && i < count; i++)
        {
            same = view.Get(At(view, a.anon_vma_chain, i)!.anon_vma) == view.Get(At(view, b.anon_vma_chain, i)!.anon_vma);
        }

        return same;
    }

    private static int Count<T>(StateView view, guarded_list<T> list)
        where T : ModelObject => (int)view.Word(list.Count.Cell);

    private static T? At<T>(StateView view, guarded_list<T> list, int index)
        where T : ModelObject => Word<T?>.Decode(view.Word(list.Count.Cell + 1 + index), view.Machine);
}
