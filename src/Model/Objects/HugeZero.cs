using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Objects;

/// <summary>The variables of mm/huge_memory.c that say which page is the huge zero page.</summary>
/// <remarks>Left out: huge_zero_refcount and the shrinker, so there is one from set-up on or never.</remarks>
public sealed class HugeZero(Layout at) : KernelObject(at)
{
    /// <summary>huge_zero_page; null where there is none.</summary>
    public readonly Shared<Folio?> huge_zero_page = at.Cell<Folio?>();

    /// <summary>huge_zero_pfn (3b77e8c8cde5); 0 stands for ~0, the number that no page has.</summary>
    public readonly Shared<int> huge_zero_pfn = at.Cell(0, 63);
}
