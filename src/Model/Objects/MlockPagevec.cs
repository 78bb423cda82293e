using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Objects;

/// <summary>What is still to be done to a page: the low bits of its entry.</summary>
public enum MlockKind
{
    /// <summary>munlock it.</summary>
    Munlock,

    /// <summary>mlock it; it is on an LRU list, or was (LRU_PAGE).</summary>
    Lru,
}

/// <summary>struct mlock_pvec of a CPU: a few pages, each with what is to be done to it.</summary>
/// <param name="First">The first page's frame, or 0.</param>
/// <param name="FirstKind">What to do to it.</param>
/// <param name="Second">The second page's frame, or 0.</param>
/// <param name="SecondKind">What to do to it.</param>
/// <remarks>
/// One word, though the kernel's is an array: only its own CPU touches it, under a local lock, so nobody can see how many stores a
/// change takes. Left out: new pages; fifteen entries (a third is a model fault).
/// </remarks>
public readonly record struct MlockPagevec(int First, MlockKind FirstKind, int Second, MlockKind SecondKind) : IWord<MlockPagevec>
{
    private const int PfnBits = 6;

    /// <inheritdoc/>
    public static int Bits => 2 * (PfnBits + 1);

    /// <inheritdoc/>
    public static MlockPagevec FromWord(long word) => new(
        (int)(word & 63), (MlockKind)((word >> PfnBits) & 1), (int)((word >> (PfnBits + 1)) & 63), (MlockKind)((word >> ((2 * PfnBits) + 1)) & 1));

    /// <inheritdoc/>
    public long ToWord() => First + ((long)FirstKind << PfnBits) + ((long)Second << (PfnBits + 1)) + ((long)SecondKind << ((2 * PfnBits) + 1));

    /// <summary>The pagevec with one entry more.</summary>
    /// <exception cref="ModelFaultException">It is full.</exception>
    public MlockPagevec With(int pfn, MlockKind kind) => Second != 0
        ? throw new ModelFaultException("an mlock pagevec takes two entries here; drain it earlier")
        : First == 0 ? new(pfn, kind, 0, default) : this with { Second = pfn, SecondKind = kind };

    /// <inheritdoc/>
    public override string ToString() => First == 0 ? "empty" : $"{FirstKind} pfn {First}{(Second == 0 ? "" : $", {SecondKind} pfn {Second}")}";
}
