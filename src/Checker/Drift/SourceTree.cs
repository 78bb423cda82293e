namespace ThpCheck.Checker.Drift;

/// <summary>A tree of the kernel's source as far as it is needed.</summary>
internal sealed class SourceTree(string folder)
{
    private const int MostBytes = 16 << 20;

    // Where what the memory management calls is defined.
    private static readonly string[] Parts = ["mm", "include/linux", "include/asm-generic", "arch/x86/include/asm", "kernel/locking"];

    private static readonly EnumerationOptions Plain = new() { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint };

    private readonly Dictionary<string, ILookup<string, CFunction>?> _files = new(StringComparer.Ordinal);
    private Dictionary<string, CFunction>? _all;

    /// <summary>The functions of a file by name; null where it is not there or cannot be read.</summary>
    public ILookup<string, CFunction>? In(string file)
    {
        if (!_files.TryGetValue(file, out var functions))
        {
            _files.Add(file, functions = Read(file) is { } text ? CFunctions.In(CTokens.In(text)).ToLookup(f => f.Name, StringComparer.Ordinal) : null);
        }

        return functions;
    }

    /// <summary>The version that its Makefile says, or null.</summary>
    public Version? Version { get; } = VersionOf(folder);

    /// <summary>A function of this name wherever the memory management could have it from, its own file first; null where it is not found.</summary>
    public CFunction? Find(string name, string file) => In(file)?[name].FirstOrDefault() ?? (_all ??= All()).GetValueOrDefault(name);

    private Dictionary<string, CFunction> All()
    {
        var all = new Dictionary<string, CFunction>(StringComparer.Ordinal);
        foreach (var part in Parts.Select(p => Path.Combine(folder, p)).Where(Directory.Exists))
        {
            foreach (var path in Directory.EnumerateFiles(part, "*.c", Plain).Concat(Directory.EnumerateFiles(part, "*.h", Plain)).Order(StringComparer.Ordinal))
            {
                foreach (var function in In(Path.GetRelativePath(folder, path).Replace('\\', '/'))?.SelectMany(f => f) ?? [])
                {
                    all.TryAdd(function.Name, function);
                }
            }
        }

        return all;
    }

    private static Version? VersionOf(string folder)
    {
        try
        {
            var lines = File.ReadLines(Path.Combine(folder, "Makefile")).Take(20).Select(l => l.Split('=', StringSplitOptions.TrimEntries)).Where(l => l.Length == 2).ToLookup(l => l[0], l => l[1]);
            return Version.TryParse($"{lines["VERSION"].FirstOrDefault()}.{lines["PATCHLEVEL"].FirstOrDefault()}", out var version) ? version : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private string? Read(string file)
    {
        try
        {
            var path = Path.Combine(folder, file);
            return File.Exists(path) && new FileInfo(path).Length <= MostBytes ? File.ReadAllText(path) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
