namespace ThpCheck.Specs.Format;

/// <summary>How many objects of a cache there are, and what happens to those that are freed. What the file leaves open is null.</summary>
public sealed record PoolSpec
{
    /// <summary>A pool has at most so many objects, and an object at most so many generations.</summary>
    public const int Largest = 65_535;

    /// <summary>The cache.</summary>
    public Located<string> Name { get; init; } = Located.Unread;

    /// <summary>How many objects, 1 to <see cref="Largest"/>.</summary>
    public Located<int> Objects { get; init; } = new(0, default);

    /// <summary>How often an object can be allocated, 1 to <see cref="Largest"/>.</summary>
    public Located<int>? Generations { get; init; }

    /// <summary>Whether a freed object may be allocated again.</summary>
    public Located<bool>? Reuse { get; init; }

    /// <summary>Whether the slab page of a freed object may be given back, which runs the constructor anew.</summary>
    public Located<bool>? Discard { get; init; }

    /// <summary>Whether the memory of a freed object may still be looked at, as a struct page may.</summary>
    public Located<bool>? Typesafe { get; init; }
}
