using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Objects;

/// <summary>A list of isolated folios, on its owner's stack. The default is empty.</summary>
/// <param name="Folio0">The first.</param>
/// <param name="Folio1">The second.</param>
/// <param name="Folio2">The third.</param>
/// <param name="Folio3">The fourth.</param>
/// <param name="Count">How many there are.</param>
public readonly record struct FolioList(Folio? Folio0, Folio? Folio1, Folio? Folio2, Folio? Folio3, int Count)
{
    /// <summary>The folio at a place.</summary>
    public Folio this[int i] => (i switch { 0 => Folio0, 1 => Folio1, 2 => Folio2, _ => Folio3 })!;

    /// <summary>Whether a folio is on it.</summary>
    public bool Contains(Folio folio) => Folio0 == folio || Folio1 == folio || Folio2 == folio || Folio3 == folio;

    /// <summary>The list with one folio more.</summary>
    /// <exception cref="ModelFaultException">There is no room.</exception>
    public FolioList With(Folio folio)
    {
        var list = this with { Count = Count + 1 };
        return Count switch
        {
            0 => list with { Folio0 = folio },
            1 => list with { Folio1 = folio },
            2 => list with { Folio2 = folio },
            3 => list with { Folio3 = folio },
            _ => throw new ModelFaultException("a list takes four folios; bind a smaller range"),
        };
    }
}

/// <summary>struct queue_pages: what mbind's walk is to look for, and what it has found. On its caller's stack.</summary>
/// <param name="Node">The node that pages are to be on.</param>
/// <param name="Strict">MPOL_MF_STRICT.</param>
/// <param name="Start">The first page of the range.</param>
/// <param name="End">The page after its last.</param>
/// <param name="List">The folios that it has isolated.</param>
/// <param name="NrFailed">How often it could not isolate one, as far as it counts that.</param>
/// <param name="Error">Whether the walk is to end with an error.</param>
/// <param name="Large">The large folio that it has met last (6.7).</param>
public readonly record struct QueuePages(int Node, bool Strict, int Start, int End, FolioList List = default, int NrFailed = 0, bool Error = false, Folio? Large = null)
{
    /// <summary>Whether a folio whose first page is, or would be, at an address is in the range in part only.</summary>
    public bool Cuts(Folio folio, int first) => folio.Pages > 1 && (first < Start || first + folio.Pages > End);
}

/// <summary>A call of mbind, to observers. The default is none.</summary>
/// <param name="Start">The first page of the range.</param>
/// <param name="End">The page after its last; 0 for no call.</param>
/// <param name="Node">The node that it asks for.</param>
/// <param name="Strict">MPOL_MF_STRICT.</param>
/// <param name="Failed">Whether it has returned an error.</param>
public readonly record struct MbindCall(int Start, int End, int Node, bool Strict, bool Failed) : IWord<MbindCall>
{
    private const int Field = 6;

    /// <inheritdoc/>
    public static int Bits => (3 * Field) + 2;

    /// <inheritdoc/>
    public static MbindCall FromWord(long word) =>
        new((int)(word >> 2) & 63, (int)(word >> (2 + Field)) & 63, (int)(word >> (2 + (2 * Field))) & 63, (word & 1) != 0, (word & 2) != 0);

    /// <inheritdoc/>
    public long ToWord() => (Strict ? 1L : 0) + (Failed ? 2 : 0) + ((long)Start << 2) + ((long)End << (2 + Field)) + ((long)Node << (2 + (2 * Field)));
}
