using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Objects;

/// <summary>pte_t: one word, read and written as one.</summary>
/// <param name="Present">Whether it maps a page.</param>
/// <param name="Write">Whether the page may be written through it.</param>
/// <param name="Dirty">Whether it was written through.</param>
/// <param name="Young">Whether it was used.</param>
/// <param name="Pfn">The frame's number, or the swap slot's; 0 in a pte that is none.</param>
/// <param name="Exclusive">Of a migration entry that is not writable, or a swap entry: whether the page was exclusive.</param>
/// <param name="Swap">Whether it is a swap entry.</param>
/// <remarks>The default is pte_none.</remarks>
public readonly record struct Pte(bool Present, bool Write, bool Dirty, bool Young, int Pfn, bool Exclusive = false, bool Swap = false) : IWord<Pte>
{
    private const int PfnBits = 6;

    /// <inheritdoc/>
    public static int Bits => 6 + PfnBits;

    /// <inheritdoc/>
    public static Pte FromWord(long word) =>
        new((word & 1) != 0, (word & 2) != 0, (word & 4) != 0, (word & 8) != 0, (int)(word >> 4) & ((1 << PfnBits) - 1), (word >> (4 + PfnBits) & 1) != 0, word >> (5 + PfnBits) != 0);

    /// <inheritdoc/>
    public long ToWord() => (Present ? 1L : 0) + (Write ? 2 : 0) + (Dirty ? 4 : 0) + (Young ? 8 : 0) + ((long)Pfn << 4) + (Exclusive ? 16L << PfnBits : 0) + (Swap ? 32L << PfnBits : 0);

    /// <summary>A swap entry.</summary>
    public static Pte OfSwap(SwapSlot slot, bool exclusive)
    {
        ArgumentNullException.ThrowIfNull(slot);
        return new(false, false, false, false, slot.Number, exclusive, Swap: true);
    }

    /// <inheritdoc/>
    public override string ToString() =>
        this == default ? "none"
        : Swap ? $"swap {Pfn}{(Exclusive ? " exclusive" : "")}"
        : $"pfn {Pfn} {(Present ? "present" : "absent")}{(Write ? " write" : "")}{(Dirty ? " dirty" : "")}{(Young ? " young" : "")}{(Exclusive ? " exclusive" : "")}";
}

/// <summary>A page of ptes, with its lock inside (split page-table locks).</summary>
public sealed class PageTable(Layout at, int ptrs) : KernelObject(at)
{
    /// <summary>The page-table lock.</summary>
    public readonly spinlock_t ptl = new(at);

    /// <summary>The list it is on as a deposited table. No path looks further than whether it can be read.</summary>
    public readonly Shared<bool> lru = at.Cell<bool>();

    /// <summary>Its entries.</summary>
    public readonly SharedArray<Pte> pte = at.Array<Pte>(ptrs);
}
