using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Objects;

/// <summary>enum node_stat_item and zone_stat_item, as far as the reverse map and mlock count.</summary>
public enum StatItem
{
    /// <summary>Anonymous pages that are mapped.</summary>
    NR_ANON_MAPPED,

    /// <summary>Page-cache pages that are mapped.</summary>
    NR_FILE_MAPPED,

    /// <summary>Pages of the THPs that PMDs map.</summary>
    NR_ANON_THPS,

    /// <summary>Pages that are mlocked.</summary>
    NR_MLOCK,
}

/// <summary>Counters, of a node or of a memcg.</summary>
/// <remarks>
/// The kernel's are per CPU and are summed by who reads them: here they are the sum, to which a thread adds in one step (hides
/// nothing at rest; while threads run, a reader in the kernel can see less).
/// </remarks>
public sealed class Counters(Layout at, int most)
{
    private readonly Shared<int>[] _items = [.. Enum.GetNames<StatItem>().Select(name => at.Cell(-most, 2 * most, 0, name))];

    /// <summary>One of them.</summary>
    public Shared<int> this[StatItem item] => _items[(int)item];
}

/// <summary>struct pglist_data, with its one lruvec.</summary>
public sealed class Pgdat(Layout at, int most) : KernelObject(at)
{
    /// <summary>Its counters.</summary>
    public readonly Counters vm_stat = new(at, most);

    /// <summary>The lock of its LRU lists.</summary>
    public readonly spinlock_t lru_lock = new(at);
}

/// <summary>struct mem_cgroup.</summary>
public sealed class Memcg(Layout at, int most, int threads) : KernelObject(at)
{
    /// <summary>Its counters.</summary>
    public readonly Counters vmstats = new(at, most);

    /// <summary>How many are moving pages away from it.</summary>
    public readonly Shared<int> moving_account = at.Cell(0, threads);

    /// <summary>Taken around statistics and their cause, while somebody is.</summary>
    public readonly spinlock_t move_lock = new(at);

    /// <summary>Who has taken it: others who are inside got there without.</summary>
    public readonly Shared<KernelThread?> move_lock_task = at.Cell<KernelThread?>();
}
