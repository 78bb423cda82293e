using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Objects;

/// <summary>pmd_t that maps a huge page, or says which one migration has unmapped: one word, read and written as one.</summary>
/// <param name="Present">Whether the hardware may use it; a split clears this while it builds the page table (pmdp_invalidate).</param>
/// <param name="Huge">Whether it maps a huge page, invalidated or not (pmd_trans_huge). Not huge and not none is a migration entry.</param>
/// <param name="Pfn">The number of the folio's first frame; 0 in a pmd that is none.</param>
/// <remarks>The default is pmd_none. Left out: write, dirty, young (hides what splits and zaps do with them; no path here asks).</remarks>
public readonly record struct Pmd(bool Present, bool Huge, int Pfn) : IWord<Pmd>
{
    private const int PfnBits = 6;

    /// <inheritdoc/>
    public static int Bits => 2 + PfnBits;

    /// <summary>Whether it is a migration entry.</summary>
    public bool IsMigration => !Huge && Pfn != 0;

    /// <inheritdoc/>
    public static Pmd FromWord(long word) => new((word & 1) != 0, (word & 2) != 0, (int)(word >> 2));

    /// <inheritdoc/>
    public long ToWord() => (Present ? 1L : 0) + (Huge ? 2 : 0) + ((long)Pfn << 2);

    /// <inheritdoc/>
    public override string ToString() =>
        this == default ? "none" : $"pfn {Pfn} {(Present ? "present" : "absent")}{(Huge ? " huge" : " migration")}";
}
