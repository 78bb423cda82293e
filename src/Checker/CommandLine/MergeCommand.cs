using ThpCheck.Checker.Gate;
using ThpCheck.Checker.Reports;

namespace ThpCheck.Checker.CommandLine;

/// <summary><c>thpcheck merge</c>: what the parts of a run come to, which <c>check --shard</c> wrote.</summary>
internal static class MergeCommand
{
    /// <returns>The exit code of the whole.</returns>
    /// <exception cref="WrongInputException">A file is no report, or a part is missing or there twice.</exception>
    public static int Run(IReadOnlyList<string> paths, Streams streams)
    {
        StoredRun[] runs = [.. paths.Select(StoredRun.Read)];
        RequireAllParts(runs);
        foreach (var twice in runs.SelectMany(r => r.Variants).GroupBy(v => v.Name, StringComparer.Ordinal).Where(g => g.Count() > 1))
        {
            throw new WrongInputException($"{twice.Key} is in several of the reports; are they of one run?");
        }

        var paper = new Paper(streams.Out, streams.Width, streams.Colour);
        var variants = runs.SelectMany(r => r.Variants).OrderBy(v => v.Name, StringComparer.Ordinal).ToArray();
        foreach (var variant in variants.Where(v => !v.IsAsExpected))
        {
            paper.WriteLine($"{variant.Name}: {variant.Verdict}", Tone.Bad);
            foreach (var difference in variant.Differences)
            {
                paper.WriteProse(difference, 2);
            }
        }

        var code = new[] { ExitCodes.Interrupted, ExitCodes.WrongInput, ExitCodes.NotAsExpected, ExitCodes.Incomplete, ExitCodes.Defect }.FirstOrDefault(c => runs.Any(r => r.ExitCode == c));
        var ends = code == ExitCodes.AsExpected ? "" : $" Exit codes: {string.Join(", ", runs.Select(r => $"{r.ExitCode} of {r.Path}"))}.";
        paper.WriteProse($"{Prose.Count(runs.Length, "report")}: {Prose.Number(variants.Count(v => v.IsAsExpected))} of {Prose.Count(variants.Length, "variant")} as expected.{ends}", 0, code == ExitCodes.AsExpected ? Tone.Good : Tone.Bad);
        return code;
    }

    private static void RequireAllParts(StoredRun[] runs)
    {
        var of = runs[0].Shard?.Of ?? 0;
        if (runs.FirstOrDefault(r => (r.Shard?.Of ?? 0) != of) is { } other)
        {
            throw new WrongInputException($"'{other.Path}' and '{runs[0].Path}' are not parts of one run");
        }

        foreach (var part in Enumerable.Range(1, of))
        {
            var count = runs.Count(r => r.Shard!.Value.Part == part);
            if (count != 1)
            {
                throw new WrongInputException($"part {part} of {of} is {(count == 0 ? "missing" : "there several times")}");
            }
        }
    }
}
