namespace ThpCheck.Model.Stepping;

/// <summary>
/// Something a frame may hold by reference: it is registered with the machine before anything runs, never changes
/// afterwards, and is written to a word as its number.
/// </summary>
/// <remarks>Equality is identity. What changes during an execution lives in cells, which the object only names.</remarks>
public abstract class ModelObject
{
    /// <summary>The object's number in its machine, from 1; 0 until it is registered. Null is written as 0.</summary>
    public int Id { get; internal set; }

    /// <summary>The name reports use, such as <c>folio0</c>; a scenario's <c>as:</c> replaces it.</summary>
    public string Name { get; internal set; } = "";

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>
/// An object in the modelled machine's memory: a few cells and, when it comes from a slab cache, a lifetime. One slab
/// object has one <see cref="KernelObject"/> for each of its generations; they share their cells, and a reference to an
/// earlier generation is what the kernel calls a stale pointer.
/// </summary>
public abstract class KernelObject : ModelObject
{
    /// <summary>Reserves the object's cells.</summary>
    /// <param name="at">Where its cells go; each field initialiser takes the next.</param>
    protected KernelObject(Layout at)
    {
        ArgumentNullException.ThrowIfNull(at);
        Slot = at.Slot;
        Generation = at.Generation;
    }

    /// <summary>The slab object this is a generation of, or null for an object that always lives.</summary>
    public SlabSlot? Slot { get; }

    /// <summary>How often the slab object had been allocated before, from 0.</summary>
    public int Generation { get; }

    /// <summary>The kernel's comparison of pointers: two generations of one slab object are the same address.</summary>
    public static bool operator ==(KernelObject? one, KernelObject? other) =>
        ReferenceEquals(one, other) || (one?.Slot is { } slot && slot == other?.Slot);

    /// <summary>The kernel's comparison of pointers.</summary>
    public static bool operator !=(KernelObject? one, KernelObject? other) => !(one == other);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is KernelObject other && this == other;

    /// <inheritdoc/>
    public override int GetHashCode() => Slot?.GetHashCode() ?? Id;
}
