using System.Reflection;
using ThpCheck.Model.Kernel;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Binding;

namespace ThpCheck.Checker.Gate;

/// <summary>
/// Whether what a check of a diff of the model would check is the model with the diff: its code as this program was built from it, which is in its
/// symbols, and its scenarios as they are in this folder.
/// </summary>
internal static class BuiltModel
{
    private static readonly Assembly[] Assemblies = [typeof(KernelFile).Assembly, typeof(Library).Assembly];

    private static readonly Lazy<Dictionary<string, string>> Built = new(static () => Assemblies.SelectMany(SourceLines.Texts).ToDictionary());

    /// <summary>The files that are otherwise, each with how, in a part of a sentence.</summary>
    /// <param name="diffs">The diffs of the model's files, in order.</param>
    public static IEnumerable<(string File, string How)> Otherwise(IEnumerable<DiffFile> diffs) =>
        diffs.GroupBy(d => d.Name).Select(g => (g.Key, How: How(g.Key, [.. g]))).Where(f => f.How is not null).Select(f => (f.Key, f.How!));

    // Null where it is as the diff has it, or where nothing of it is built.
    private static string? How(string name, DiffFile[] diffs)
    {
        var isScenario = name.StartsWith("specs/", StringComparison.Ordinal);
        if (!isScenario && !name.EndsWith(".cs", StringComparison.Ordinal))
        {
            return null;
        }

        var (what, then) = isScenario ? ("this folder has it", "apply the diff") : ("this program is built", "apply the diff, build it, and run the gate of that build");
        var text = isScenario ? File.Exists(name) ? File.ReadAllText(name) : null : Built.Value.GetValueOrDefault(name);
        if (diffs[^1].After is null)
        {
            return text is null ? null : $"{what} with the file, which the diff deletes; {then}";
        }

        if (text is null)
        {
            return $"{what} without the file; {then}";
        }

        if (diffs.Any(d => d.IsBinary || d.IsTooLarge))
        {
            return "its diff is too large to compare";
        }

        var lines = text.ReplaceLineEndings("\n").Split('\n');
        if (!isScenario && File.Exists(name) && File.ReadAllText(name) != text)
        {
            return "this folder has another text of it than this program was built from; build it, and run the gate of that build";
        }

        return DiffApplication.TakeOff(lines, diffs) is not null ? null
            : DiffApplication.Apply(lines, diffs) is not null ? $"{what} without the diff; {then}"
            : $"{what} neither with the diff nor without; {then}";
    }
}
