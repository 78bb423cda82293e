using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.CommandLine;

/// <summary>The one scenario that a command is about, and the variants in it.</summary>
internal static class OneScenario
{
    /// <summary>The scenario, or null where its errors were written.</summary>
    /// <exception cref="WrongInputException">There is no such file.</exception>
    public static ScenarioFile? Read(string path, Streams streams)
    {
        if (Directory.Exists(path))
        {
            throw new WrongInputException($"'{path}' is a folder; name one scenario");
        }

        var missing = new List<Diagnostic>();
        if (ScenarioFiles.Find([path], missing).Count == 0)
        {
            throw new WrongInputException(missing[0].Message);
        }

        var read = ScenarioReader.Read(path);
        Report(streams, read.Document is null ? read.Diagnostics : []);
        return read.Document;
    }

    /// <summary>Its variants of these names, or all.</summary>
    /// <exception cref="WrongInputException">There is no variant of a name.</exception>
    public static IReadOnlyList<VariantSpec> Variants(ScenarioFile scenario, IReadOnlyList<string> names)
    {
        var known = scenario.Variants.Select(v => v.Name.Value).ToArray();
        return names.FirstOrDefault(n => !known.Contains(n)) is { } unknown
            ? throw new WrongInputException($"no variant '{unknown}' in {scenario.Path}.{NearestName.Hint(unknown, known)}")
            : names.Count == 0 ? scenario.Variants : [.. names.Select(n => scenario.Variants.First(v => v.Name.Value == n))];
    }

    public static void Report(Streams streams, IReadOnlyList<Diagnostic> diagnostics)
    {
        foreach (var diagnostic in diagnostics)
        {
            streams.Error.WriteLine(diagnostic);
        }
    }
}
