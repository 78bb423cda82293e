using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.CommandLine;

/// <summary>Finds and reads scenarios in files and folders.</summary>
internal static class ScenarioFiles
{
    /// <summary>Where scenarios are when nobody says.</summary>
    public const string Default = "specs";

    private const string Pattern = "*.yaml";

    /// <summary>The files, those of a folder in the ordinal order of their paths, each once.</summary>
    /// <param name="paths">Files, and folders to look through; <see cref="Default"/> when there are none.</param>
    /// <param name="errors">Takes what is wrong with a path; the others are still looked at.</param>
    public static IReadOnlyList<string> Find(IReadOnlyList<string> paths, ICollection<Diagnostic> errors)
    {
        var files = new List<string>();
        var known = new HashSet<string>(StringComparer.Ordinal);
        foreach (var path in paths.Count == 0 ? [Default] : paths)
        {
            foreach (var file in In(path, errors))
            {
                if (known.Add(Path.GetFullPath(file)))
                {
                    files.Add(file);
                }
            }
        }

        return files;
    }

    /// <summary>The scenarios in them, in that order, as they are read.</summary>
    /// <param name="paths">Files, and folders to look through; <see cref="Default"/> when there are none.</param>
    /// <param name="report">Is told what is wrong with a path or a file; the others are still read.</param>
    public static IEnumerable<ScenarioFile> Read(IReadOnlyList<string> paths, Action<Diagnostic> report)
    {
        var missing = new List<Diagnostic>();
        var files = Find(paths, missing);
        missing.ForEach(report);
        foreach (var file in files)
        {
            var read = ScenarioReader.Read(file);
            foreach (var diagnostic in read.Diagnostics)
            {
                report(diagnostic);
            }

            if (read.Document is { } scenario)
            {
                yield return scenario;
            }
        }
    }

    private static IEnumerable<string> In(string path, ICollection<Diagnostic> errors)
    {
        if (File.Exists(path))
        {
            return [path];
        }

        if (!Directory.Exists(path))
        {
            errors.Add(Error(path, $"no file or folder '{path}'.{Hint(path)}"));
            return [];
        }

        try
        {
            var found = Directory.GetFiles(path, Pattern, SearchOption.AllDirectories);
            if (found.Length == 0)
            {
                errors.Add(Error(path, $"no scenario in '{path}': it holds no {Pattern}"));
            }

            return found.Order(StringComparer.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            errors.Add(Error(path, $"'{path}' cannot be looked through: {e.Message}"));
            return [];
        }
    }

    // What is wrong with a path is wrong in no line of a file.
    private static Diagnostic Error(string path, string message) => new(path, 0, 0, message);

    // The nearest name beside the first part of the path that does not exist.
    private static string Hint(string path)
    {
        try
        {
            var missing = path;
            var parent = Path.GetDirectoryName(missing);
            while (!string.IsNullOrEmpty(parent) && !Directory.Exists(parent))
            {
                missing = parent;
                parent = Path.GetDirectoryName(missing);
            }

            var folder = string.IsNullOrEmpty(parent) ? "." : parent;
            var names = Directory.EnumerateFileSystemEntries(folder).Select(e => Path.GetFileName(e));
            return NearestName.Suggest(Path.GetFileName(missing), names) is { } nearest
                ? $" Did you mean '{(string.IsNullOrEmpty(parent) ? nearest : Path.Combine(parent, nearest))}'?"
                : "";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return "";
        }
    }
}
