using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>
/// struct rmap_walk_control: what a walk does at each vma. The kernel makes one on the stack for each walk; here each kind
/// of walk has one, made once.
/// </summary>
public abstract class RmapWalkControl : ModelObject
{
    /// <summary>Whether the walk gives up where it would have to sleep for the anon_vma's lock.</summary>
    public abstract bool try_lock { get; }

    /// <summary>Visits one vma.</summary>
    /// <returns>Whether the walk goes on, and what has become of its argument.</returns>
    public abstract KernelTask<(bool GoesOn, int Arg)> rmap_one(Folio folio, Vma vma, int address, int arg);
}

/// <summary>The walks there are, with the functions that begin them where these are no part of rmap.c.</summary>
public class rmap_walks : KernelFile
{
    /// <summary>Makes the walks' controls.</summary>
    public rmap_walks(Kernel kernel)
        : base(kernel)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        folio_referenced_rwc = new FolioReferenced(kernel);
        page_idle_rwc = new PageIdle(kernel);
        count_references_rwc = new CountReferences(kernel);
        page_mkclean_rwc = new PageMkclean(kernel);
        try_to_unmap_rwc = new TryToUnmap(kernel);
    }

    /// <summary>folio_referenced: only tries the lock.</summary>
    public RmapWalkControl folio_referenced_rwc { get; }

    /// <summary>page_idle_clear_pte_refs: sleeps for the lock.</summary>
    public RmapWalkControl page_idle_rwc { get; }

    /// <summary>folio_referenced of a locked file page.</summary>
    public RmapWalkControl count_references_rwc { get; }

    /// <summary>folio_mkclean.</summary>
    public RmapWalkControl page_mkclean_rwc { get; }

    /// <summary>try_to_unmap.</summary>
    public RmapWalkControl try_to_unmap_rwc { get; }

    /// <summary>All of them, to be registered.</summary>
    public IReadOnlyList<RmapWalkControl> All => [folio_referenced_rwc, page_idle_rwc, count_references_rwc, page_mkclean_rwc, try_to_unmap_rwc];

    private sealed class FolioReferenced(Kernel kernel) : RmapWalkControl
    {
        public override bool try_lock => true;

        public override KernelTask<(bool GoesOn, int Arg)> rmap_one(Folio folio, Vma vma, int address, int arg) =>
            kernel.File<rmap>().folio_referenced_one(folio, vma, address, arg);
    }

    private sealed class CountReferences(Kernel kernel) : RmapWalkControl
    {
        public override bool try_lock => true; // of i_mmap_rwsem

        public override KernelTask<(bool GoesOn, int Arg)> rmap_one(Folio folio, Vma vma, int address, int arg) =>
            kernel.File<rmap>().count_references_one(folio, vma, address, arg);
    }

    private sealed class PageMkclean(Kernel kernel) : RmapWalkControl
    {
        public override bool try_lock => false;

        public override KernelTask<(bool GoesOn, int Arg)> rmap_one(Folio folio, Vma vma, int address, int arg) =>
            kernel.File<rmap>().page_mkclean_one(folio, vma, address, arg);
    }

    private sealed class TryToUnmap(Kernel kernel) : RmapWalkControl
    {
        public override bool try_lock => false;

        public override KernelTask<(bool GoesOn, int Arg)> rmap_one(Folio folio, Vma vma, int address, int arg) =>
            kernel.File<rmap>().try_to_unmap_one(folio, vma, address, arg);
    }

    private sealed class PageIdle(Kernel kernel) : RmapWalkControl
    {
        public override bool try_lock => false;

        public override KernelTask<(bool GoesOn, int Arg)> rmap_one(Folio folio, Vma vma, int address, int arg) =>
            kernel.File<page_idle>().page_idle_clear_pte_refs_one(folio, vma, address);
    }
}
