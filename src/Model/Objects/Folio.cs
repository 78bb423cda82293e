using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Objects;

/// <summary>page flags: bits of one word that is also read whole.</summary>
[Flags]
public enum PageFlags
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>The folio lock.</summary>
    PG_locked = 1,

    /// <summary>On an LRU list; isolating clears it.</summary>
    PG_lru = 2,

    /// <summary>Its contents are newer than what is on disk.</summary>
    PG_dirty = 4,
}

/// <summary>
/// struct folio, of one page. From a cache that stands for the page allocator; freeing one gives it back to the buddy lists.
/// </summary>
/// <remarks>
/// Mapcounts are stored minus one, as in the kernel. The type bit of <c>mapping</c> (PAGE_MAPPING_ANON) is the type of the
/// object it points to: both are one word there, and one store here.
/// </remarks>
public sealed class Folio(Layout at, int most) : KernelObject(at)
{
    /// <summary>Page flags.</summary>
    public readonly Shared<PageFlags> flags = at.Cell<PageFlags>();

    /// <summary>How many ptes map it, minus one.</summary>
    public readonly Shared<int> _mapcount = at.Cell(-1, most, -1);

    /// <summary>How many references there are.</summary>
    public readonly Shared<int> _refcount = at.Cell(0, (2 * most) + 2);

    /// <summary>The anon_vma of an anonymous folio, stale once it is unmapped, until it is freed; or the file of a page-cache folio.</summary>
    public readonly Shared<KernelObject?> mapping = at.Cell<KernelObject?>();

    /// <summary>Its offset in what it belongs to, in pages.</summary>
    public readonly Shared<int> index = at.Cell(0, most + 1);
}

/// <summary>struct address_space: a file's pages. Here it stands for the file alone.</summary>
public sealed class AddressSpace(Layout at) : KernelObject(at)
{
    /// <summary>How many pages of it are cached.</summary>
    public readonly Shared<int> nrpages = at.Cell(0, 15);
}
