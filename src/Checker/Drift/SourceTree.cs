namespace ThpCheck.Checker.Drift;

/// <summary>A tree of the kernel's source as far as it is needed.</summary>
internal sealed class SourceTree(string folder)
{
    private const int MostBytes = 16 << 20;

    // Where what the memory management calls is defined.
    private static readonly string[] Parts = ["mm", "include/linux", "include/asm-generic", "arch/x86/include/asm", "arch/x86/mm", "kernel/locking", "virt/kvm"];

    private static readonly EnumerationOptions Plain = new() { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint };

    private readonly Dictionary<string, ILookup<string, CFunction>?> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, HashSet<string>> _pointers = new(StringComparer.Ordinal); // of each member, what initialisers set it to
    private ILookup<string, (string File, CFunction Function)>? _all;

    /// <summary>The functions of a file by name; null where it is not there or cannot be read.</summary>
    public ILookup<string, CFunction>? In(string file)
    {
        if (!_files.TryGetValue(file, out var functions))
        {
            _files.Add(file, functions = Functions(file));
        }

        return functions;
    }

    /// <summary>The version that its Makefile says, or null.</summary>
    public Version? Version { get; } = VersionOf(folder);

    /// <summary>The functions of this name wherever the memory management could have it from, its own file first: one for each configuration or architecture.</summary>
    public IEnumerable<CFunction> Find(string name, string file) => In(file)?[name].ToArray() is { Length: > 0 } own ? own : (_all ??= All())[name].Select(f => f.Function);

    /// <summary>The file where memory management could have a function of this name from, or null.</summary>
    public string? FileOf(string name) => (_all ??= All())[name].Select(f => f.File).FirstOrDefault();

    /// <summary>What a call through a member of this name may come to, as far as initialisers say: <c>.fault = filemap_fault</c>.</summary>
    public IEnumerable<string> Behind(string member)
    {
        _all ??= All();
        return _pointers.GetValueOrDefault(member) ?? [];
    }

    /// <summary>Whether a macro of the file puts names like this one together, as <c>folio_test_##lname</c> does.</summary>
    public bool IsPutTogether(string name, string file) => In(file)?.SelectMany(f => f).Any(f => f.Body.Zip(f.Body.Skip(1)).Any(p =>
        p is { First: { Kind: CTokenKind.Name, Text: var part }, Second.Text: "##" } && part.EndsWith('_') && name.StartsWith(part, StringComparison.Ordinal))) == true;

    private ILookup<string, (string File, CFunction Function)> All()
    {
        var all = new List<(string File, CFunction Function)>();
        foreach (var part in Parts.Select(p => Path.Combine(folder, p)).Where(Directory.Exists))
        {
            foreach (var path in Directory.EnumerateFiles(part, "*.c", Plain).Concat(Directory.EnumerateFiles(part, "*.h", Plain)).Order(StringComparer.Ordinal))
            {
                var file = Path.GetRelativePath(folder, path).Replace('\\', '/');
                all.AddRange(In(file)?.SelectMany(f => f).Select(f => (file, f)) ?? []);
            }
        }

        return all.ToLookup(f => f.Function.Name, StringComparer.Ordinal);
    }

    private ILookup<string, CFunction>? Functions(string file)
    {
        if (Read(file) is not { } text)
        {
            return null;
        }

        var tokens = CTokens.In(text);
        for (var i = 0; i + 3 < tokens.Count; i++)
        {
            if (tokens[i].Is(".") && tokens[i + 1].Kind == CTokenKind.Name && tokens[i + 2].Is("=") && tokens[i + 3].Kind == CTokenKind.Name)
            {
                if (!_pointers.TryGetValue(tokens[i + 1].Text, out var behind))
                {
                    _pointers.Add(tokens[i + 1].Text, behind = []);
                }

                behind.Add(tokens[i + 3].Text);
            }
        }

        return CFunctions.In(tokens).ToLookup(f => f.Name, StringComparer.Ordinal);
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
