using ThpCheck.Checker.Drift;
using ThpCheck.Checker.Gate;
using ThpCheck.Checker.Patching;
using ThpCheck.Checker.Reports;
using ThpCheck.Model.Kernel;
using ThpCheck.Specs.Binding;

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

        if (options.Release is { } release && ReleaseName.Error(release, "release") is { } error)
        {
            throw new WrongInputException(error);
        }

        var since = options.Since is { } older ? new SourceTree(older) : null;
        var tree = new SourceTree(options.Kernel);
        var model = options.Release ?? Nearest(tree.Version);
        var paths = KernelFunctions.Of(model).Select(f => f.Path);
        var findings = new DriftJudge(Modelled.BuiltIn, tree, since).Findings(paths).ToArray();
        if (findings.All(f => f.Status == DriftStatus.Absent))
        {
            throw new WrongInputException($"'{options.Kernel}' has none of the files that are modelled; is it the root of a kernel's source?");
        }

        var paper = new Paper(streams.Out, streams.Width, streams.Colour);
        var version = tree.Version is { } known ? $"the tree is {known}" : "the tree has no Makefile that says its version";
        paper.WriteProse($"Compared with {model} of the model; {version}.{(options.Release is null && $"linux-{tree.Version}" != model ? " --release names another." : "")}", 0);
        foreach (var finding in findings.Where(f => f.Status is not (DriftStatus.Absent or DriftStatus.Later) && (f.Status < DriftStatus.More || options.Verbose || since is not null || !f.IsOfVersion)).OrderBy(f => f.Status))
        {
            Write(paper, finding, options.Verbose);
        }

        Summarise(paper, findings, model, tree.Version);
        return findings.Any(f => f.Status is DriftStatus.Drifted or DriftStatus.Gone) ? ExitCodes.NotAsExpected
            : findings.Any(f => f.Status is DriftStatus.CannotTell or DriftStatus.Absent or DriftStatus.Later || (f.Status == DriftStatus.More && !f.IsOfVersion)) ? ExitCodes.Incomplete
            : ExitCodes.AsExpected;
    }

    // The tree's own release, or the last one before it that there is; the first one for trees that are older than all.
    private static string Nearest(Version? version)
    {
        var releases = Releases.All.Keys.Select(r => (Name: r, Version: Version.Parse(r["linux-".Length..]))).OrderBy(r => r.Version).ToArray();
        return version is null ? KernelFunctions.Usual : (releases.LastOrDefault(r => r.Version <= version).Name ?? releases[0].Name);
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

    private static void Summarise(Paper paper, DriftFinding[] findings, string model, Version? version)
    {
        var absent = findings.Where(f => f.Status == DriftStatus.Absent).ToArray();
        var files = absent.Select(f => f.File).Distinct().ToArray();
        paper.WriteLine();
        paper.WriteProse($"Of {Prose.Count(findings.Length, "function")} of {model}: {Counts(findings)}.", 0);
        if (version is not null && findings.Where(f => f.IsOfVersion && f.Status is not (DriftStatus.Absent or DriftStatus.Later)).ToArray() is { Length: > 0 } own && own.Length + absent.Length < findings.Length)
        {
            paper.WriteProse($"Of the {own.Length} of them whose paths were written from {version}: {Counts(own)}.", 0);
        }

        if (absent.Length > 0)
        {
            const int Most = 8;
            paper.WriteProse($"Not looked at, as the tree has not their {Prose.Count(files.Length, "file")}: {Prose.Count(absent.Length, "function")} of {string.Join(", ", files.Take(Most))}{(files.Length > Most ? " ..." : "")}.", 0);
        }
    }

    private static string Counts(DriftFinding[] findings)
    {
        (DriftStatus Status, string What)[] words =
        [
            (DriftStatus.Same, "as declared"), (DriftStatus.More, "as declared and with more"), (DriftStatus.Drifted, "drifted"), (DriftStatus.Gone, "gone"), (DriftStatus.CannotTell, "cannot be told"), (DriftStatus.Later, "of later kernels, which the tree has not"), (DriftStatus.Absent, "not in the tree"),
        ];
        return string.Join(", ", words.Select(w => (Count: findings.Count(f => f.Status == w.Status), w.What)).Where(c => c.Count > 0).Select(c => $"{c.Count} {c.What}"));
    }
}
