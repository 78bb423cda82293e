using ThpCheck.Checker.CommandLine;
using ThpCheck.Checker.Drift;
using ThpCheck.Checker.Reports;

namespace ThpCheck.Checker.Gate;

/// <summary>What a diff means for the model, and what of the model itself it changes.</summary>
/// <param name="Findings">Of the kernel's functions.</param>
/// <param name="OfModel">The diffs of the model's own files.</param>
/// <param name="Unfit">The modelled files that the tree has otherwise than the diff.</param>
/// <param name="Subject">What the diff's first mail is about, or null.</param>
internal sealed record GateReading(IReadOnlyList<GateFinding> Findings, IReadOnlyList<DiffFile> OfModel, IReadOnlyList<string> Unfit, string? Subject)
{
    private static readonly string[] Own = ["src/Model/", "src/Specs/", "specs/"];

    /// <summary>Reads a diff.</summary>
    /// <param name="diff">Its file, or <c>-</c> for the standard input.</param>
    /// <param name="kernel">A tree of the kernel, or null.</param>
    /// <param name="stop">What ends it early.</param>
    /// <exception cref="WrongInputException">The diff cannot be read or is none, or the tree is not there.</exception>
    public static GateReading Of(string diff, string? kernel, CancellationToken stop)
    {
        if (kernel is not null && !Directory.Exists(kernel))
        {
            throw new WrongInputException($"no folder '{kernel}' for the kernel's tree");
        }

        using var text = Open(diff);
        var unified = new UnifiedDiff(text, diff == "-" ? "the standard input" : diff, name => GateJudge.IsCode(name) || IsOwn(name));
        var (judge, findings, own) = (new GateJudge(Modelled.BuiltIn), new List<GateFinding>(), new List<DiffFile>());
        var tree = kernel is not null ? new KernelTree(kernel) : null;
        foreach (var file in unified.Files().TakeWhile(_ => !stop.IsCancellationRequested))
        {
            if (IsOwn(file.Name))
            {
                own.Add(file);
                continue;
            }

            findings.AddRange(judge.OfFile(file));
            if (tree is null)
            {
                findings.AddRange(HunkSplitter.Split(file).Select(judge.Of).OfType<GateFinding>());
            }
            else if (file.Hunks.Count > 0)
            {
                tree.Add(file);
            }
        }

        if (unified.Missing is { Count: > 0 } missing && !stop.IsCancellationRequested)
        {
            throw new WrongInputException($"{diff} has not all of its series: {(missing.Count == 1 ? "patch" : "patches")} {Prose.List([.. missing.Take(10).Select(m => $"{m}")])} missing; is it truncated?");
        }

        findings.AddRange(tree?.Touched().Select(judge.Of).OfType<GateFinding>() ?? []);
        return new(findings, own, [.. tree?.Unfit().Where(Modelled.BuiltIn.Files.Contains) ?? []], unified.Subject);
    }

    private static bool IsOwn(string name) => Own.Any(o => name.StartsWith(o, StringComparison.Ordinal));

    private static StreamReader Open(string diff)
    {
        if (diff == "-")
        {
            return new StreamReader(Console.OpenStandardInput());
        }

        if (Directory.Exists(diff))
        {
            throw new WrongInputException($"--diff '{diff}' is a folder; name a file of it, or - for the standard input");
        }

        try
        {
            return new StreamReader(diff);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new WrongInputException($"the diff cannot be read from '{diff}': {e.Message}");
        }
    }
}
