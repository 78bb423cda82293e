using ThpCheck.Checker.CommandLine;
using ThpCheck.Model.Kernel;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.Patching;

/// <summary>What a command line adds to what is built in, and to every variant.</summary>
internal sealed record UserCode
{
    /// <summary>The end of the name of a file that is a patch.</summary>
    public const string Extension = ".cs";

    /// <summary>Nothing.</summary>
    public static UserCode None { get; } = new();

    /// <summary>The folder of --models, or null.</summary>
    public string? Models { get; init; }

    /// <summary>Names and files of --patch.</summary>
    public IReadOnlyList<string> Patches { get; init; } = [];

    /// <summary>Toggles of --toggle, as given: NAME=VALUE.</summary>
    public IReadOnlyList<string> Toggles { get; init; } = [];

    /// <summary>The files that verify is given.</summary>
    public IReadOnlyList<string> Series { get; init; } = [];

    /// <summary>Whether variants are put together that nobody wrote down.</summary>
    public bool Combines => Patches.Count + Toggles.Count > 0;

    /// <summary>Whether anything of it is code.</summary>
    public bool IsCode => Series.Count > 0 || Patches.Any(IsFile) || (Models is { } folder && Directory.Exists(folder) && FilesIn(folder).Count > 0);

    /// <summary>Whether an argument is a patch's file rather than its name.</summary>
    public static bool IsFile(string patch) => patch.EndsWith(Extension, StringComparison.Ordinal);

    /// <summary>The options as they were given, for a command that does the same again.</summary>
    public IReadOnlyList<string> Words =>
    [
        .. Models is null ? [] : new[] { "--models", Models },
        .. Patches.Concat(Series).SelectMany(p => new[] { "--patch", p }),
        .. Toggles.SelectMany(t => new[] { "--toggle", t }),
    ];

    /// <summary>The same in a scenario's words, on top of a variant; what the scenario expects of the variant does not apply to it.</summary>
    public VariantSpec On(VariantSpec variant)
    {
        if (!Combines && Series.Count == 0)
        {
            return Models is null ? variant : variant with { Added = Words };
        }

        var nowhere = variant.Position;
        var names = Toggles.Select(t => t.Split('=')[0]).ToHashSet();
        return variant with
        {
            Added = Words,
            Patches = [.. variant.Patches, .. Patches.Select(p => new Located<string>(p, nowhere))],
            Toggles =
            [
                .. variant.Toggles.Where(t => !names.Contains(t.Name.Value)),
                .. Toggles.Select(t => new Setting(new Located<string>(t.Split('=')[0], nowhere), new Located<SettingValue>(new SettingValue.Boolean(ValueOf(t)), nowhere))),
            ],
            Expect = [],
            Outcomes = [],
            States = null,
            Transitions = null,
            Disagrees = null,
        };
    }

    /// <summary>What scenarios can name.</summary>
    /// <param name="runs">Whether code may run here: properties and toggles are made then.</param>
    /// <exception cref="WrongInputException">A name or the folder is wrong.</exception>
    /// <exception cref="PatchException">The folder's code is.</exception>
    public Library Library(bool runs)
    {
        var library = Specs.Binding.Library.BuiltIn;
        var models = default(string);
        if (Models is { } folder)
        {
            (library, models) = InFolder(library, folder, runs);
        }

        foreach (var file in Patches.Where(IsFile).Concat(Series).Where(f => !File.Exists(f)))
        {
            throw new WrongInputException($"no patch file '{file}'");
        }

        library = library with
        {
            Patches = [.. library.Patches, .. Patches.Where(IsFile).Select(f => new SourcePatch(f, f))],
            Series = [.. Series.Select(f => new SourcePatch(Path.GetFileNameWithoutExtension(f), f))],
            Compile = (version, patches) => PatchLoader.Load(PatchCompiler.Build(version, patches, models), version, patches),
        };
        foreach (var name in Patches.Where(p => !library.PatchNames.Contains(p)))
        {
            throw new WrongInputException($"no patch '{name}'.{NearestName.Hint(name, library.PatchNames)} 'thpcheck list patches' names them");
        }

        foreach (var toggle in Toggles)
        {
            var name = toggle.Split('=')[0];
            ValueOf(toggle);
            if (runs && Series.Count == 0 && !Patches.Any(IsFile) && library.Toggles.All(t => t.Name != name))
            {
                throw new WrongInputException($"no toggle '{name}'.{NearestName.Hint(name, library.Toggles.Select(t => t.Name))} 'thpcheck list toggles' names them");
            }
        }

        return library;
    }

    /// <summary>Compiles the series on top of a release, and runs nothing of it.</summary>
    /// <returns>What it changes there.</returns>
    /// <exception cref="PatchException">It is wrong, or does not fit.</exception>
    public IReadOnlyList<ChangedFunction> Build(Library library, string release, IReadOnlyList<string> patches)
    {
        var names = patches.Concat(Patches).ToArray();
        var version = Releases.Compose(release, [.. names.Select(n => Releases.Patches.FirstOrDefault(p => p.Name == n)).OfType<Patch>()]);
        version = version with { Files = version.Files.Concat(library.Files.Select(f => KeyValuePair.Create(f, f))).ToDictionary() };
        var models = Models is { } folder && Others(folder) is { Count: > 0 } others ? PatchCompiler.BuildModels(others) : null;
        SourcePatch[] sources = [.. names.Select(n => library.Patches.FirstOrDefault(p => p.Name == n)).OfType<SourcePatch>(), .. library.Series];
        return [.. PatchLoader.ChangedIn(PatchCompiler.Build(version, sources, models), sources).Where(c => library.Series.Any(p => p.Path == c.File))];
    }

    /// <summary>The files of C# in a folder, in the ordinal order of their paths.</summary>
    /// <exception cref="WrongInputException">It cannot be looked through.</exception>
    public static IReadOnlyList<string> FilesIn(string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new WrongInputException($"no folder '{folder}' for --models");
        }

        try
        {
            return [.. Directory.GetFiles(folder, $"*{Extension}", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WrongInputException($"'{folder}' cannot be looked through: {e.Message}");
        }
    }

    private static (Library Library, string? Assembly) InFolder(Library library, string folder, bool runs)
    {
        var patches = FilesIn(folder).Where(IsPatch).Select(f => new SourcePatch(Path.GetFileNameWithoutExtension(f), f)).ToArray();
        foreach (var patch in patches)
        {
            if (Releases.Patches.Any(p => p.Name == patch.Name) || patches.Any(p => p != patch && p.Name == patch.Name))
            {
                throw new PatchException([new Diagnostic(patch.Path, 1, 1, $"error: there is another patch '{patch.Name}'; give the file another name")]);
            }
        }

        library = library with { Patches = patches };
        if (Others(folder) is not { Count: > 0 } others)
        {
            return (library, null);
        }

        var assembly = PatchCompiler.BuildModels(others);
        if (!runs)
        {
            return (library with { Files = PatchLoader.FilesOf(assembly) }, assembly);
        }

        var (files, properties, toggles) = PatchLoader.LoadModels(assembly, folder);
        return (library.With(new CompiledSeries([], properties, toggles)) with { Files = files }, assembly);
    }

    private static List<(string Path, string Text)> Others(string folder) => [.. FilesIn(folder).Where(f => !IsPatch(f)).Select(f => (f, PatchCompiler.Read(f)))];

    private static bool IsPatch(string file) => new PatchSource(file, PatchCompiler.Read(file)).Classes.Count > 0;

    private static bool ValueOf(string toggle) => toggle.Split('=') is [{ Length: > 0 }, var value]
        ? value switch
        {
            "on" or "true" or "yes" => true,
            "off" or "false" or "no" => false,
            _ => throw new WrongInputException($"--toggle cannot be '{toggle}'; a toggle is on or off"),
        }
        : throw new WrongInputException($"--toggle cannot be '{toggle}'; write NAME=on or NAME=off");
}
