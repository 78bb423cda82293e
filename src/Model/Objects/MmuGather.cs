using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Objects;

/// <summary>
/// struct mmu_gather: what one unmapping has collected and not yet freed. It lives on its thread's kernel stack, so it is a
/// value in the thread's frame, and changing it is no step.
/// </summary>
/// <param name="Mm">The mm.</param>
/// <param name="FullMm">Whether the whole mm goes.</param>
/// <param name="Page0">The first page of the batch; the batch owns the reference that its pte held.</param>
/// <param name="Page1">The second.</param>
/// <param name="Page2">The third.</param>
/// <param name="Page3">The fourth.</param>
/// <param name="Nr">How many pages it has.</param>
/// <param name="Delayed">For each page, as a bit, whether its rmap is still to be removed.</param>
/// <param name="Table">A page-table page to free, or null.</param>
/// <remarks>Left out: batches that fill and chained batches (more pages than one batch takes are a model fault).</remarks>
public readonly record struct MmuGather(
    Mm Mm, bool FullMm, Folio? Page0, Folio? Page1, Folio? Page2, Folio? Page3, int Nr, int Delayed, PageTable? Table)
{
    /// <summary>How many pages a batch takes.</summary>
    public const int Capacity = 4;

    /// <summary>The page at a place.</summary>
    public Folio? this[int i] => i switch { 0 => Page0, 1 => Page1, 2 => Page2, _ => Page3 };

    /// <summary>The gather with one page more.</summary>
    /// <exception cref="ModelFaultException">It is full.</exception>
    public MmuGather With(Folio page, bool delayed)
    {
        if (Nr == Capacity)
        {
            throw new ModelFaultException($"a batch takes {Capacity} pages and chained batches are not modelled; unmap fewer pages at a time");
        }

        var tlb = this with { Nr = Nr + 1, Delayed = Delayed | (delayed ? 1 << Nr : 0) };
        return Nr switch
        {
            0 => tlb with { Page0 = page },
            1 => tlb with { Page1 = page },
            2 => tlb with { Page2 = page },
            _ => tlb with { Page3 = page },
        };
    }

    /// <summary>Whether the rmap of the page at a place is still to be removed.</summary>
    public bool IsDelayed(int i) => (Delayed & (1 << i)) != 0;

    /// <summary>The gather without pages.</summary>
    public MmuGather Emptied() => this with { Page0 = null, Page1 = null, Page2 = null, Page3 = null, Nr = 0, Delayed = 0 };
}
