using ThpCheck.Checker.Drift;
using ThpCheck.Checker.Gate;
using ThpCheck.Checker.Reports;
using ThpCheck.Model.Kernel;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.CommandLine;

/// <summary>What <c>drift</c> is asked to do.</summary>
/// <param name="Kernel">The tree.</param>
/// <param name="Since">An older one, which the paths were written from, or null.</param>
/// <param name="Release">The release whose paths are asked of, or null for all.</param>
/// <param name="Verbose">Everything that is new or left out, too.</param>
internal sealed record DriftOptions(string Kernel, string? Since, string? Release, bool Verbose);

/// <summary><c>thpcheck drift</c>: whether the paths' functions in a tree still synchronise as the paths do.</summary>
internal static class DriftCommand
{
    private const int MostShown = 6;

    /// <returns>The exit code.</returns>
    /// <exception cref="WrongInputException">A folder or the release is not there.</exception>
    public static int Run(DriftOptions options, Streams streams)
    {
        foreach (var (option, folder) in new[] { ("--kernel", options.Kernel), ("--since", options.Since) })
        {
            if (folder is not null && !Directory.Exists(folder))
            {
                throw new WrongInputException($"no folder '{folder}' for {option}");
            }
        }

        if (options.Release is { } release && !Releases.All.ContainsKey(release))
        {
            throw new WrongInputException($"no release '{release}'.{NearestName.Hint(release, Releases.All.Keys)} 'thpcheck list kernels' names them");
        }

        var since = options.Since is { } older ? new SourceTree(older) : null;
        var findings = new DriftJudge(Modelled.BuiltIn, new SourceTree(options.Kernel), since).Findings(Meant(options.Release)).ToArray();
        if (findings.All(f => f.Line == 0 && f.Status == DriftStatus.CannotTell))
        {
            throw new WrongInputException($"'{options.Kernel}' has none of the files that are modelled; is it the root of a kernel's source?");
        }

        var paper = new Paper(streams.Out, streams.Width, streams.Colour);
        foreach (var finding in findings.Where(f => f.Line > 0 || f.Status == DriftStatus.Gone).OrderBy(f => f.Status))
        {
            Write(paper, finding, options.Verbose);
        }

        Summarise(paper, findings);
        return findings.Any(f => f.Status is DriftStatus.Drifted or DriftStatus.Gone) ? ExitCodes.NotAsExpected
            : findings.Any(f => f.Status is DriftStatus.More or DriftStatus.CannotTell) ? ExitCodes.Incomplete
            : ExitCodes.AsExpected;
    }

    // The paths of a release are those of its classes and what they derive from.
    private static Func<ModelledFunction, bool> Meant(string? release)
    {
        if (release is null)
        {
            return static _ => true;
        }

        var classes = new HashSet<Type>();
        foreach (var file in Releases.All[release])
        {
            for (var type = file; type != typeof(KernelFile) && type is not null; type = type.BaseType)
            {
                classes.Add(type);
            }
        }

        return f => classes.Contains(f.Method.DeclaringType!);
    }

    private static void Write(Paper paper, DriftFinding finding, bool verbose)
    {
        paper.Write($"{finding.File}{(finding.Line > 0 ? $":{finding.Line}" : "")}", Tone.Heading);
        paper.Write($"  {finding.Function}()  ");
        paper.WriteLine(finding.Status switch
        {
            DriftStatus.Drifted => $"drifted: {finding.Why}",
            DriftStatus.Gone => $"gone: {finding.Why}",
            DriftStatus.More => $"more: {finding.Why}",
            DriftStatus.CannotTell => $"cannot tell: {finding.Why}",
            _ => finding.Why,
        }, finding.Status switch
        {
            DriftStatus.Drifted or DriftStatus.Gone => Tone.Bad,
            DriftStatus.Same => Tone.Good,
            _ => Tone.Warning,
        });
        if (finding.Gone.Count + finding.New.Count == 0)
        {
            return;
        }

        paper.WriteProse($"compared with {GateReport.PlaceOf(finding.Path)}", 4, Tone.Faint);
        Operations(paper, "gone", finding.Gone, verbose);
        Operations(paper, finding.Status == DriftStatus.More ? "more" : "new", finding.New, verbose);
    }

    private static void Operations(Paper paper, string what, IReadOnlyList<SyncOperation> operations, bool verbose)
    {
        if (operations.Count > 0)
        {
            var shown = operations.Take(verbose ? operations.Count : MostShown).Select(o => $"{o.Text} ({o.Line})");
            paper.WriteProse($"{what}: {string.Join(", ", shown)}{(verbose || operations.Count <= MostShown ? "" : $" and {operations.Count - MostShown} more, with --verbose")}", 4);
        }
    }

    private static void Summarise(Paper paper, DriftFinding[] findings)
    {
        var absent = findings.Where(f => f.Line == 0 && f.Status == DriftStatus.CannotTell).Select(f => f.File).Distinct().ToArray();
        paper.WriteLine();
        (int Count, string What)[] counts =
        [
            (findings.Count(f => f.Status == DriftStatus.Same), "as declared"),
            (findings.Count(f => f.Status == DriftStatus.More), "with more"),
            (findings.Count(f => f.Status == DriftStatus.Drifted), "drifted"),
            (findings.Count(f => f.Status == DriftStatus.Gone), "gone"),
            (findings.Count(f => f.Status == DriftStatus.CannotTell), "cannot be told"),
        ];
        paper.WriteProse($"Of {Prose.Count(findings.Length, "modelled function")}: {string.Join(", ", counts.Where(c => c.Count > 0).Select(c => $"{c.Count} {c.What}"))}.", 0);
        if (absent.Length > 0)
        {
            const int Most = 8;
            paper.WriteProse($"Not found in {Prose.Count(absent.Length, "file")} that the tree lacks, or that it is not in any more: {string.Join(", ", absent.Take(Most))}{(absent.Length > Most ? " ..." : "")}.", 0);
        }
    }
}
