using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Objects;

/// <summary>What a batch keeps in the low bits of a page's pointer.</summary>
[Flags]
public enum EncodedPage
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Its rmap is still to be removed.</summary>
    DelayRmap = 1,

    /// <summary>It is still to be made dirty.</summary>
    Dirty = 2,
}

/// <summary>
/// struct mmu_gather: what one unmapping has collected and not yet freed. It lives on its thread's kernel stack, so it is a
/// value in the thread's frame, and changing it is no step.
/// </summary>
/// <param name="Mm">The mm.</param>
/// <param name="FullMm">Whether the whole mm goes.</param>
/// <param name="Page0">The first page; a batch owns the reference that the page's pte held.</param>
/// <param name="Page1">The second.</param>
/// <param name="Page2">The third.</param>
/// <param name="Page3">The fourth.</param>
/// <param name="Flags">The flags of each, two bits a page.</param>
/// <param name="Nr">How many pages there are, in all batches: one is full before the next begins.</param>
/// <param name="Active">The batch that the next page goes to, 0 for the local one.</param>
/// <param name="BatchCount">How many batches there are besides the local one.</param>
/// <param name="DelayedRmap">delayed_rmap: some page's rmap is still to be removed.</param>
/// <param name="Start">The first page that is to be flushed.</param>
/// <param name="End">The page after the last; 0 when there is nothing to flush.</param>
/// <param name="Table">A page-table page to free, or null.</param>
public readonly record struct MmuGather(
    Mm Mm, bool FullMm, Folio? Page0, Folio? Page1, Folio? Page2, Folio? Page3, int Flags, int Nr, int Active, int BatchCount, bool DelayedRmap, int Start, int End, PageTable? Table)
{
    /// <summary>How many pages there is room for; what the configured batches take together must not exceed it.</summary>
    public const int Capacity = 4;

    /// <summary>A gather with nothing in it.</summary>
    public MmuGather(Mm mm, bool fullMm)
        : this(mm, fullMm, null, null, null, null, 0, 0, 0, 0, false, 0, 0, null)
    {
    }

    /// <summary>The page at a place.</summary>
    public Folio? this[int i] => i switch { 0 => Page0, 1 => Page1, 2 => Page2, _ => Page3 };

    /// <summary>The flags of the page at a place.</summary>
    public EncodedPage FlagsOf(int i) => (EncodedPage)((Flags >> (2 * i)) & 3);

    /// <summary>The gather with one page more.</summary>
    /// <exception cref="ModelFaultException">There is no room, which the batches' capacities exclude.</exception>
    public MmuGather With(Folio page, EncodedPage flags)
    {
        var tlb = this with { Nr = Nr + 1, Flags = Flags | ((int)flags << (2 * Nr)) };
        return Nr switch
        {
            0 => tlb with { Page0 = page },
            1 => tlb with { Page1 = page },
            2 => tlb with { Page2 = page },
            3 => tlb with { Page3 = page },
            _ => throw new ModelFaultException($"a gather takes {Capacity} pages; it was to be flushed when its batches were full"),
        };
    }

    /// <summary>The gather without pages; its batches stay.</summary>
    public MmuGather Emptied() => this with { Page0 = null, Page1 = null, Page2 = null, Page3 = null, Flags = 0, Nr = 0, Active = 0 };
}
