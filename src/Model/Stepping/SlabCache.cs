namespace ThpCheck.Model.Stepping;

/// <summary>What a slab cache does with its objects.</summary>
/// <param name="Objects">How many objects it has; one more allocation makes the run incomplete, it never fails.</param>
/// <param name="Generations">How often one object can be allocated in an execution.</param>
/// <param name="Reuse">Whether a freed object may be allocated again.</param>
/// <param name="TypeSafeByRcu">SLAB_TYPESAFE_BY_RCU: a freed object stays an object of its type until its slab page goes.</param>
/// <param name="Discard">Whether the slab page of a freed object may go, a grace period after the free.</param>
public sealed record SlabOptions(int Objects, int Generations = 1, bool Reuse = false, bool TypeSafeByRcu = false, bool Discard = false);

/// <summary>A slab cache: the objects it can hand out.</summary>
public abstract class SlabCache : ModelObject
{
    internal SlabCache(SlabOptions options) => Options = options;

    /// <summary>How it treats its objects.</summary>
    public SlabOptions Options { get; }

    /// <summary>Its objects, in the order of their addresses.</summary>
    public IReadOnlyList<SlabSlot> Slots { get; internal set; } = [];
}

/// <summary>A slab cache of one type.</summary>
/// <typeparam name="T">The type of its objects.</typeparam>
public sealed class SlabCache<T> : SlabCache
    where T : KernelObject
{
    internal SlabCache(SlabOptions options)
        : base(options)
    {
    }
}

/// <summary>One slab object: the address that its generations share.</summary>
public sealed class SlabSlot
{
    internal SlabSlot(SlabCache cache, int index, int lifetime, int snapshot)
    {
        Cache = cache;
        Index = index;
        Lifetime = lifetime;
        Snapshot = snapshot;
    }

    /// <summary>The cache it belongs to.</summary>
    public SlabCache Cache { get; }

    /// <summary>Its place in the cache, from 0.</summary>
    public int Index { get; }

    /// <summary>The object itself, one handle for each generation.</summary>
    public IReadOnlyList<KernelObject> Generations { get; internal set; } = [];

    // The cell of its lifetime: 0 never allocated, 2g+1 live in generation g, 2g+2 freed after it, and GoneWord.
    internal int Lifetime { get; }

    // The cell that holds the CPUs whose RCU sections the going of its slab page still waits for; 0 when it never goes.
    internal int Snapshot { get; }

    // Its own cells, which all generations share.
    internal int FirstCell { get; set; }

    internal int CellCount { get; set; }

    internal const long NeverAllocated = 0;

    internal long GoneWord => (2L * Cache.Options.Generations) + 1;

    internal static long LiveWord(int generation) => (2L * generation) + 1;

    internal static long FreeWord(int generation) => (2L * generation) + 2;
}
