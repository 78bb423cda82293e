using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Objects;

/// <summary>A page's place in a swap file: how many ptes name it, whether the swap cache has a page for it, and what is written there.</summary>
/// <remarks>
/// Each has the lock of a cluster of its own, and a swapper_space of its own (hides nothing: who takes two at a time is left out). Left out: counts that are
/// continued elsewhere, swap files that go.
/// </remarks>
public sealed class SwapSlot(Layout at, int number, int most) : KernelObject(at)
{
    /// <summary>Added to <c>swap_map</c> while the swap cache has a page for it.</summary>
    public const int SWAP_HAS_CACHE = 0x40;

    /// <summary>The lock of its cluster, which <c>swap_map</c> changes under.</summary>
    public readonly spinlock_t ci_lock = new(at);

    /// <summary>How many ptes name it, and <see cref="SWAP_HAS_CACHE"/>; 0 where it is free.</summary>
    public readonly Shared<int> swap_map = at.Cell(0, SWAP_HAS_CACHE + most);

    /// <summary>The lock of the swap cache.</summary>
    public readonly spinlock_t xa_lock = new(at);

    /// <summary>The page that the swap cache has for it, or null.</summary>
    public readonly Shared<Folio?> i_pages = at.Cell<Folio?>();

    /// <summary>What is written there.</summary>
    public readonly Shared<int> disk = at.Cell(0, Folio.Contents);

    /// <summary>Its place among the slots, from 1: swp_offset.</summary>
    public int Number => number;
}
