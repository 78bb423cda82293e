using ThpCheck.Model.Kernel;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Objects;

/// <summary>What a PMD entry is.</summary>
public enum PmdKind
{
    /// <summary>pmd_none.</summary>
    None,

    /// <summary>Points to a page of ptes.</summary>
    Table,

    /// <summary>Maps a huge page.</summary>
    Huge,

    /// <summary>
    /// Maps a huge page, but the hardware may not use it (pmdp_invalidate). To the kernel it is present and huge as before: by the
    /// PSE bit on x86, PMD_PRESENT_INVALID on arm64, the leaf bits on riscv.
    /// </summary>
    Invalidated,

    /// <summary>A migration entry: it names a huge page that migration has unmapped, and is not present.</summary>
    Migration,
}

/// <summary>pmd_t: one word, read and written as one.</summary>
/// <remarks>
/// The default is pmd_none. What the entry leads to cannot be had from it but by <see cref="Leads"/>, <see cref="Names"/> and
/// <see cref="IsAt"/>, which look whether it leads there: so no path takes a page out of an entry that is not present, or a table
/// out of one that has none, without its being seen. Left out: soft dirty, uffd-wp, protnone and devmap entries.
/// </remarks>
public readonly record struct Pmd : IWord<Pmd>
{
    /// <summary>The event of a page's being asked for, in whatever way, of an entry that is not present: it names the page that an honest look would find.</summary>
    public const string DecodedAbsent = "pmd_pfn of an absent pmd";

    private const int KindBits = 3;
    private const int FlagBits = 4;
    private const int FrameBits = 10;

    private readonly int _frame; // the page's first frame, or the table's object number; 0 where there is neither

    private Pmd(PmdKind kind, bool write, bool dirty, bool young, int frame)
    {
        Kind = kind;
        Write = write;
        Dirty = dirty;
        Young = young;
        _frame = frame;
    }

    /// <summary>What it is.</summary>
    public PmdKind Kind { get; private init; }

    /// <summary>Whether the huge page may be written through it; of a migration entry, whether it may be once it is mapped again.</summary>
    public bool Write { get; init; }

    /// <summary>Whether the huge page was written through it.</summary>
    public bool Dirty { get; init; }

    /// <summary>Whether it was used.</summary>
    public bool Young { get; init; }

    /// <summary>Of a migration entry that is not writable: whether the page was exclusive (readable-exclusive).</summary>
    public bool Exclusive { get; init; }

    /// <inheritdoc/>
    public static int Bits => KindBits + FlagBits + FrameBits;

    /// <summary>An entry that points to a page table.</summary>
    public static Pmd OfTable(PageTable table)
    {
        ArgumentNullException.ThrowIfNull(table);
        return new(PmdKind.Table, false, false, false, table.Id);
    }

    /// <summary>The first frame that it maps, to the CPU that walks it; 0 where it maps no huge page.</summary>
    internal int HugeFrame => Kind == PmdKind.Huge ? _frame : 0;

    /// <summary>An entry that maps a huge page.</summary>
    public static Pmd OfPage(Caches caches, Folio page, bool write, bool dirty) => new(PmdKind.Huge, write, dirty, true, caches.page_to_pfn(page));

    /// <summary>A migration entry.</summary>
    public static Pmd OfMigration(Caches caches, Folio page, bool write) => new(PmdKind.Migration, write, false, false, caches.page_to_pfn(page));

    /// <summary>The same entry, invalidated (pmd_mkinvalid). What is no huge page stays as it is.</summary>
    public Pmd Invalidated() => Kind == PmdKind.Huge ? this with { Kind = PmdKind.Invalidated } : this;

    /// <summary>
    /// The page that it maps. Of an entry that maps none it is the kernel bug <see cref="KernelBug.MisreadPmd"/>, and what the
    /// architecture makes of the bits: some other page, or null for none at all.
    /// </summary>
    public Folio? Leads(Caches caches)
    {
        ArgumentNullException.ThrowIfNull(caches);
        if (Kind is PmdKind.Huge or PmdKind.Invalidated)
        {
            return caches.pfn_to_page(_frame);
        }

        var named = Kind == PmdKind.Migration ? caches.pfn_to_page(_frame) : null;
        Worker.Running.Record(new(EffectKind.Oracle, 0, named?.Id ?? 0, DecodedAbsent));
        Worker.Running.Record(new(EffectKind.Bug, 0, (long)KernelBug.MisreadPmd, $"pmd_page() of a pmd that is {this}"));
        return named is null ? null : caches.page_of_absent_pmd(named);
    }

    /// <summary>The table that it points to. Of an entry that points to none it is the kernel bug <see cref="KernelBug.MisreadPmd"/>, and null.</summary>
    public PageTable? Table()
    {
        if (Kind == PmdKind.Table)
        {
            return (PageTable)Worker.Running.Machine.Object(_frame)!;
        }

        Worker.Running.Record(new(EffectKind.Bug, 0, (long)KernelBug.MisreadPmd, $"pte_offset_map() of a pmd that is {this}"));
        return null;
    }

    /// <summary>The page that a migration entry names. Of any other entry it is the kernel bug <see cref="KernelBug.MisreadPmd"/>, and null.</summary>
    public Folio? Names(Caches caches)
    {
        ArgumentNullException.ThrowIfNull(caches);
        if (Kind == PmdKind.Migration)
        {
            return caches.pfn_to_page(_frame);
        }

        Worker.Running.Record(new(EffectKind.Bug, 0, (long)KernelBug.MisreadPmd, $"pmd_to_swp_entry() of a pmd that is {this}"));
        return null;
    }

    /// <summary>
    /// Whether the page that it maps, or that the architecture makes of its bits, is this one: a comparison that touches no page. Of
    /// an entry that is not present it is the event <see cref="DecodedAbsent"/>.
    /// </summary>
    public bool IsAt(Caches caches, Folio? page)
    {
        ArgumentNullException.ThrowIfNull(caches);
        switch (Kind)
        {
            case PmdKind.Huge or PmdKind.Invalidated:
                return page is not null && caches.pfn_to_page(_frame) == page;
            case PmdKind.Migration:
                var named = caches.pfn_to_page(_frame);
                Worker.Running.Record(new(EffectKind.Oracle, 0, named.Id, DecodedAbsent));
                return page is not null && caches.page_of_absent_pmd(named) == page;
            case PmdKind.None:
                Worker.Running.Record(new(EffectKind.Oracle, 0, 0, DecodedAbsent));
                return false;
            default:
                return false;
        }
    }

    /// <summary>What a huge or a migration entry is about, to observers; a path has no view.</summary>
    public Folio? Page(StateView view, Caches caches)
    {
        ArgumentNullException.ThrowIfNull(view);
        ArgumentNullException.ThrowIfNull(caches);
        return Kind >= PmdKind.Huge ? caches.pfn_to_page(_frame) : null;
    }

    /// <summary>The table that it points to, or null, to the hardware and to observers; a path has no machine.</summary>
    internal PageTable? Table(Machine machine) => Kind == PmdKind.Table ? (PageTable)machine.Object(_frame)! : null;

    /// <inheritdoc/>
    public static Pmd FromWord(long word) =>
        new((PmdKind)(word & 7), (word & 8) != 0, (word & 16) != 0, (word & 32) != 0, (int)(word >> (KindBits + FlagBits))) { Exclusive = (word & 64) != 0 };

    /// <inheritdoc/>
    public long ToWord() => (long)Kind + (Write ? 8 : 0) + (Dirty ? 16 : 0) + (Young ? 32 : 0) + (Exclusive ? 64 : 0) + ((long)_frame << (KindBits + FlagBits));

    /// <inheritdoc/>
    public override string ToString() => Kind switch
    {
        PmdKind.None => "none",
        PmdKind.Table => $"table {_frame}",
        PmdKind.Huge => $"huge pfn {_frame}{Flags}",
        PmdKind.Invalidated => $"invalidated pfn {_frame}{Flags}",
        _ => $"migration pfn {_frame}{(Write ? " write" : "")}{(Exclusive ? " exclusive" : "")}",
    };

    private string Flags => $"{(Write ? " write" : "")}{(Dirty ? " dirty" : "")}{(Young ? " young" : "")}";
}
