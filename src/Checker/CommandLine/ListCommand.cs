using ThpCheck.Checker.Patching;
using ThpCheck.Checker.Reports;
using ThpCheck.Model.Kernel;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.CommandLine;

/// <summary><c>thpcheck list</c>: the names that scenarios and the command line use.</summary>
internal static class ListCommand
{
    /// <summary>Scenarios with their variants.</summary>
    /// <returns>The exit code.</returns>
    public static int Scenarios(IReadOnlyList<string> paths, Streams streams)
    {
        var errors = new List<Diagnostic>();
        var paper = PaperFor(streams);
        foreach (var scenario in ScenarioFiles.Read(paths, errors.Add))
        {
            paper.Write(scenario.Path, Tone.Heading);
            paper.WriteLine($"  {scenario.Title}");
            paper.WriteProse(string.Join(", ", scenario.Variants.Select(v => v.Name.Value)), 4);
        }

        errors.ForEach(streams.Write);
        return errors.Count == 0 ? ExitCodes.AsExpected : ExitCodes.WrongInput;
    }

    /// <summary>Releases with the files that are modelled of them.</summary>
    public static int Kernels(Streams streams) => Table(
        streams, Releases.All.Select(r => (r.Key, "", string.Join(", ", r.Value.Select(f => f.Name).Order(StringComparer.Ordinal)))));

    /// <summary>Patches with their titles.</summary>
    public static int Patches(Library library, Streams streams) =>
        Table(streams, Releases.Patches.Select(p => (p.Name, "", p.Title)).Concat(library.Patches.Select(p => (p.Name, "", p.Path))));

    /// <summary>Toggles with the function they are in and what they do.</summary>
    public static int AllToggles(Library library, Streams streams) => Table(
        streams, library.Toggles.OrderBy(t => t.Name, StringComparer.Ordinal).Select(t => (t.Name, $"in {t.Function}, {(t.Default ? "on" : "off")} unless set", Capital(t.Meaning))));

    /// <summary>Properties with their form and promise.</summary>
    public static int Properties(Library library, Streams streams) => Table(
        streams,
        library.Properties.Concat(KernelBugProperties.All).Select(p => (p.Name, Describe(p), p.Promise)));

    /// <summary>The paths of a kernel with what they stand for.</summary>
    /// <exception cref="WrongInputException">There is no such kernel or patch, or the patches do not fit together.</exception>
    public static int Paths(string? release, UserCode code, Streams streams)
    {
        var kernel = KernelOf(release ?? Releases.All.Keys.OrderBy(VersionOf).Last(), code);
        var summaries = new PathSummaries();
        var paper = PaperFor(streams);
        foreach (var file in new PathCatalog(kernel).Paths.GroupBy(p => p.File))
        {
            paper.WriteLine(file.Key, Tone.Heading);
            foreach (var path in file)
            {
                paper.WriteLine($"  {path.Signature}");
                if (path.Source is { } source)
                {
                    var function = source.Function is null || source.Function == path.Name ? "" : $", {source.Function}";
                    paper.WriteLine($"      {source.File}{function}, {source.At}{(ArgumentBinder.MayBind(path) ? "" : "; other paths call it, a scenario cannot")}", Tone.Faint);
                }

                if (summaries.Of(path.Method) is { } summary)
                {
                    paper.WriteProse(summary, 6);
                }
            }
        }

        return ExitCodes.AsExpected;
    }

    private static Kernel KernelOf(string release, UserCode code)
    {
        if (ReleaseName.Error(release) is { } error)
        {
            throw new WrongInputException(error);
        }

        var library = code.Library(runs: true);
        var (builtIn, files) = (code.Patches.Select(n => Releases.Patches.FirstOrDefault(p => p.Name == n)).OfType<Patch>().ToArray(), library.Patches.Where(p => code.Patches.Contains(p.Name)).ToArray());
        try
        {
            var builder = new MachineBuilder { RcuCallbacks = 0 };
            var config = new Config();
            var version = Releases.Compose(release, builtIn);
            var all = version.Files.Concat(library.Files.Select(f => KeyValuePair.Create(f, f))).ToDictionary();
            foreach (var (file, type) in files.Length == 0 ? [] : library.Compile(version with { Files = all.ToDictionary() }, files).Patches.SelectMany(p => p.Files))
            {
                all[file] = type;
            }

            return new Kernel(version with { Files = all }, new Dictionary<string, bool>(), config, new Caches(builder, config, Caches.Defaults), builder);
        }
        catch (ModelFaultException e)
        {
            throw new WrongInputException(e.Message);
        }
    }

    // linux-6.10 is later than linux-6.9.
    private static Version VersionOf(string release) => Version.TryParse(release.Split('-')[^1], out var version) ? version : new Version();

    private static string Describe(Property property)
    {
        var form = property.Form switch
        {
            PropertyForm.AlwaysAt => $"always at {property.At}",
            PropertyForm.AlwaysOutside => $"always outside {property.At}",
            PropertyForm.KernelBug => "in every scenario",
            _ => VariantJson.Kind(property.Form),
        };
        return property.Class == PropertyClass.Safety ? form : $"{form}, {VariantJson.Class(property.Class)}";
    }

    private static string Capital(string text) => text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..];

    private static int Table(Streams streams, IEnumerable<(string Name, string Note, string Text)> rows)
    {
        var paper = PaperFor(streams);
        foreach (var (name, note, text) in rows)
        {
            paper.Write(name, Tone.Heading);
            paper.WriteLine(note.Length == 0 ? "" : $"  ({note})", Tone.Faint);
            paper.WriteProse(text, 4);
        }

        return ExitCodes.AsExpected;
    }

    private static Paper PaperFor(Streams streams) => new(streams.Out, streams.Width, streams.Colour);
}
