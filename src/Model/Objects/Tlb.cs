using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Objects;

/// <summary>What a CPU remembers of a pte. The default is no entry.</summary>
/// <param name="Valid">Whether there is an entry.</param>
/// <param name="Write">Whether it lets a store through.</param>
/// <param name="Dirty">Whether the CPU knows the pte to be dirty already: only then a store does not look at the pte again.</param>
/// <param name="Pfn">The frame's number; 0 where there is no entry.</param>
public readonly record struct TlbEntry(bool Valid, bool Write, bool Dirty, int Pfn) : IWord<TlbEntry>
{
    private const int PfnBits = 6;

    /// <inheritdoc/>
    public static int Bits => 3 + PfnBits;

    /// <inheritdoc/>
    public static TlbEntry FromWord(long word) => new((word & 1) != 0, (word & 2) != 0, (word & 4) != 0, (int)(word >> 3));

    /// <inheritdoc/>
    public long ToWord() => (Valid ? 1L : 0) + (Write ? 2 : 0) + (Dirty ? 4 : 0) + ((long)Pfn << 3);

    /// <inheritdoc/>
    public override string ToString() => Valid ? $"pfn {Pfn}{(Write ? " write" : "")}{(Dirty ? " dirty" : "")}" : "none";
}

/// <summary>A CPU's translations of the user's addresses, for the mm whose page table it has loaded.</summary>
/// <remarks>Each thread has a CPU of its own, so this is the thread's.</remarks>
public sealed class Tlb(Layout at, int pages) : KernelObject(at)
{
    /// <summary>cpu_tlbstate.loaded_mm: whose page table CR3 points to, from the first access of user code on.</summary>
    public readonly Shared<Mm?> loaded_mm = at.Cell<Mm?>();

    /// <summary>For each page its translation, or none.</summary>
    public readonly SharedArray<TlbEntry> entry = at.Array<TlbEntry>(pages);
}
