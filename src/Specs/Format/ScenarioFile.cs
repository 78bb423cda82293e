namespace ThpCheck.Specs.Format;

/// <summary>
/// One scenario as its file spells it: one question, asked of one or more variants. Names are not yet bound to kernel functions,
/// objects or properties; each carries its place so that binding can point at it.
/// </summary>
/// <remarks>Lists are in the file's order and empty where the file has no such key. Equality is by reference for lists.</remarks>
public sealed record ScenarioFile
{
    /// <summary>The file, as its reader was given it.</summary>
    public required string Path { get; init; }

    /// <summary>The SHA-256 of the text that was read, which the file need not have any more.</summary>
    public string TextHash { get; init; } = "";

    /// <summary>Where the document starts.</summary>
    public required SourcePosition Position { get; init; }

    /// <summary>One line.</summary>
    public Located<string> Title { get; init; } = Located.Unread;

    /// <summary>The question in prose.</summary>
    public Located<string> Question { get; init; } = Located.Unread;

    /// <summary>Mails and commits that the question comes from.</summary>
    public IReadOnlyList<Located<string>> Origin { get; init; } = [];

    /// <summary>The release whose kernel the variants start from.</summary>
    public Located<string> Kernel { get; init; } = Located.Unread;

    /// <summary>Kernel configuration: booleans and integers.</summary>
    public IReadOnlyList<Setting> Config { get; init; } = [];

    /// <summary>What the hardware does: booleans, integers and names.</summary>
    public IReadOnlyList<Setting> Arch { get; init; } = [];

    /// <summary>How many objects each cache has.</summary>
    public IReadOnlyList<PoolSpec> Pools { get; init; } = [];

    /// <summary>Calls made alone, in order, before the exploration.</summary>
    public IReadOnlyList<CallSpec> Setup { get; init; } = [];

    /// <summary>The threads; at least one, with different names.</summary>
    public IReadOnlyList<ThreadSpec> Threads { get; init; } = [];

    /// <summary>Calls made alone, in order, in each End state.</summary>
    public IReadOnlyList<CallSpec> Teardown { get; init; } = [];

    /// <summary>The properties to check, each named once.</summary>
    public IReadOnlyList<Located<string>> Properties { get; init; } = [];

    /// <summary>The budget of an exploration.</summary>
    public BoundsSpec Bounds { get; init; } = new();

    /// <summary>The variants; at least one, with different names.</summary>
    public IReadOnlyList<VariantSpec> Variants { get; init; } = [];

    /// <summary>All calls: set-up, threads in order, teardown.</summary>
    public IEnumerable<CallSpec> Calls => [.. Setup, .. Threads.SelectMany(t => t.Calls), .. Teardown];

    /// <summary>The release a variant starts from: its own, or else the file's.</summary>
    public Located<string> KernelOf(VariantSpec variant) => variant.Kernel ?? Kernel;

    /// <summary>The file's configuration with the variant's values in place of the file's.</summary>
    public IReadOnlyList<Setting> ConfigOf(VariantSpec variant) => Merge(Config, variant.Config, s => s.Name.Value);

    /// <summary>The file's hardware with the variant's values in place of the file's.</summary>
    public IReadOnlyList<Setting> ArchOf(VariantSpec variant) => Merge(Arch, variant.Arch, s => s.Name.Value);

    /// <summary>The file's pools with the variant's in place of the file's; a pool is replaced as a whole, with its options.</summary>
    public IReadOnlyList<PoolSpec> PoolsOf(VariantSpec variant) => Merge(Pools, variant.Pools, p => p.Name.Value);

    private static List<T> Merge<T>(IReadOnlyList<T> file, IReadOnlyList<T> variant, Func<T, string> name)
    {
        var own = variant.ToDictionary(name);
        return [.. file.Select(f => own.Remove(name(f), out var v) ? v : f), .. variant.Where(v => own.ContainsKey(name(v)))];
    }
}
