using System.Text;
using ThpCheck.Checker.Drift;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Gate;
using ThpCheck.Checker.Patching;
using ThpCheck.Checker.Reports;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.CommandLine;

/// <summary>What <c>gate</c> is asked to do.</summary>
internal sealed record GateOptions
{
    /// <summary>The diff's file, or <c>-</c> for the standard input.</summary>
    public required string Diff { get; init; }

    /// <summary>A tree of the kernel with or without the diff, or null.</summary>
    public string? Kernel { get; init; }

    /// <summary>The release whose model is meant, or null.</summary>
    public string? Release { get; init; }

    /// <summary>Models of the diff.</summary>
    public IReadOnlyList<string> Models { get; init; } = [];

    /// <summary>Scenarios and folders; empty for the default.</summary>
    public IReadOnlyList<string> Scenarios { get; init; } = [];

    /// <summary>Whether to write what a patch checker writes, a line for each finding.</summary>
    public bool Checkpatch { get; init; }

    public Budget Budget { get; init; } = new();

    /// <summary>Whether models run in this process.</summary>
    public bool InProcess { get; init; }

    /// <summary>The JSON report of an earlier check: only what is otherwise fails; or null.</summary>
    public string? Baseline { get; init; }

    /// <summary>What checks scenarios where the diff is of the model itself: for people, or with a JSON report to the file that is named.</summary>
    public required Func<IReadOnlyList<string>, string?, int> Check { get; init; }
}

/// <summary><c>thpcheck gate</c>: what a diff means for the verdicts.</summary>
internal sealed class GateCommand(GateOptions options, Streams streams, CancellationToken stop)
{
    private readonly List<GateFinding> _findings = [];
    private IReadOnlyList<DiffFile> _ofModel = []; // diffs of the model's own files

    /// <returns>The exit code.</returns>
    /// <exception cref="WrongInputException">The diff cannot be read, or is none.</exception>
    public static int Run(GateOptions options, Streams streams, CancellationToken stop) => new GateCommand(options, streams, stop).Run();

    private Version? VersionOfTree => options.Kernel is { } tree ? new SourceTree(tree).Version : null;

    private int Run()
    {
        if (options.Release is { } release && ReleaseName.Error(release, "release") is { } error)
        {
            throw new WrongInputException(error);
        }

        var reading = GateReading.Of(options.Diff, options.Kernel, stop);
        _findings.AddRange(reading.Findings);
        _ofModel = reading.OfModel;
        foreach (var unfit in options.Checkpatch ? [] : reading.Unfit) // a patch of a series whose others are on the tree, too, is no complaint
        {
            streams.Error.WriteLine($"thpcheck: {unfit} in {options.Kernel} is neither what the diff is on nor what comes out, so only the hunks are looked at");
        }

        var code = options.Models.Count == 0 ? ExitCodes.AsExpected : WithModels();
        var held = _findings.Any(f => f.Holds);
        if (options.Checkpatch)
        {
            WriteCheckpatch();
        }
        else
        {
            var paper = new Paper(streams.Out, streams.Width, streams.Colour);
            GateReport.Write(paper, _findings);
            if (_findings.Count > 0 || _ofModel.Count == 0)
            {
                GateReport.WriteSummary(paper, _findings, ToWrite(Slug(reading.Subject ?? Path.GetFileNameWithoutExtension(options.Diff))));
            }
        }

        var ofModel = _ofModel.Count > 0 ? CheckOfModel() : ExitCodes.AsExpected;
        return Worst(code, ofModel, held ? ExitCodes.Incomplete : ExitCodes.AsExpected);
    }

    // The commands that write the model of what holds the diff, and come back with it.
    private string[] ToWrite(string name)
    {
        var model = ModelToWrite.Of(_findings, options.Release, VersionOfTree);
        var kernel = options.Kernel is null ? "" : $" --kernel {Prose.Quote(options.Kernel)}";
        var release = (options.Release ?? model?.Release) is { } of && of != KernelFunctions.Usual ? $" --release {of}" : "";
        return
        [
            model?.Command(name, options.Diff, options.Kernel) ?? $"thpcheck new patch {name}",
            $"thpcheck gate --diff {Prose.Quote(options.Diff)}{kernel}{release} --model {name}.cs",
        ];
    }

    // Compares the kernel with the models and without, and takes back what they take care of.
    private int WithModels()
    {
        var code = new UserCode { Series = options.Models };
        foreach (var other in options.Models.Where(m => !UserCode.IsFile(m)))
        {
            throw new WrongInputException($"--model cannot be '{other}'; it is a file that ends in {UserCode.Extension}");
        }

        var (release, changed) = ChangedBy(code);
        var paths = KernelFunctions.ByFunction(release);
        for (var i = 0; i < _findings.Count; i++)
        {
            // One function may have several paths, in classes for one thing and another. Each that is not changed is as out of date as before.
            var finding = _findings[i];
            string[] needed = finding.Holds ? [.. finding.Paths.SelectMany(p => paths[(p.File, p.Function)]).Select(f => f.Name).Distinct()] : [];
            string[] missing = [.. needed.Where(n => !changed.ContainsKey(n))];
            _findings[i] = needed.Length == missing.Length ? finding
                : missing.Length == 0 ? finding with { Model = changed[needed[0]] }
                : finding with { Why = $"{finding.Why}; the model that comes along changes {Prose.List([.. needed.Except(missing)])}, but not {Prose.List(missing)}" };
        }

        var report = options.Checkpatch ? new Streams(TextWriter.Null, streams.Error) : streams;
        var result = VerifyCommand.Run(new VerifyOptions { Code = code, Kernel = release, Scenarios = options.Scenarios, Budget = options.Budget, InProcess = options.InProcess }, report, stop);
        if (options.Checkpatch && result != ExitCodes.AsExpected)
        {
            streams.Out.WriteLine($"{options.Models[0]}:1: ERROR: 'thpcheck verify' of the model ends with {result}");
        }

        return result;
    }

    // The functions that the models change, by name, with the file that does; and the first release that they fit.
    private (string Release, Dictionary<string, string> Changed) ChangedBy(UserCode code)
    {
        PatchException? first = null;
        var library = code.Library(runs: false);
        foreach (var release in ModelToWrite.Candidates(options.Release, VersionOfTree))
        {
            try
            {
                var changed = new Dictionary<string, string>(StringComparer.Ordinal);
                foreach (var function in code.Build(library, release, []))
                {
                    changed[function.Name] = function.File;
                }

                return (release, changed);
            }
            catch (PatchException e)
            {
                first ??= e;
            }
        }

        throw first!;
    }

    // The program that runs is what the diff's C# was compiled to. What a run was not entered by is answered from the cache.
    private int CheckOfModel()
    {
        var otherwise = BuiltModel.Otherwise(_ofModel).ToArray();
        foreach (var (file, how) in otherwise)
        {
            streams.Out.WriteLine(options.Checkpatch ? $"{file}:1: WARNING: cannot tell: {how}" : $"{file}: cannot tell: {how}");
        }

        if (otherwise.Length > 0 || options.Checkpatch)
        {
            foreach (var file in options.Checkpatch ? _ofModel.Select(f => f.Name).Distinct().Except(otherwise.Select(o => o.File)) : [])
            {
                streams.Out.WriteLine($"{file}:1: CHECK: this is of the model itself; the gate without --checkpatch checks what it reaches");
            }

            return otherwise.Length > 0 ? ExitCodes.Incomplete : ExitCodes.AsExpected;
        }

        string[] files = [.. _ofModel.Select(f => f.Name)];
        var specs = files.Where(f => f.StartsWith("specs/", StringComparison.Ordinal) && f.EndsWith(".yaml", StringComparison.Ordinal) && File.Exists(f)).ToArray();
        var onlySpecs = files.All(f => f.StartsWith("specs/", StringComparison.Ordinal));
        streams.Error.WriteLine(onlySpecs
            ? $"thpcheck: the diff changes {Prose.Count(specs.Length, "scenario")}; checking them"
            : "thpcheck: the diff changes the model itself; checking what it reaches, as it is in this build");
        string[] paths = onlySpecs ? specs : [.. options.Scenarios];
        return onlySpecs && specs.Length == 0 ? ExitCodes.AsExpected : options.Baseline is { } baseline ? CheckAgainst(StoredRun.Read(baseline), paths) : options.Check(paths, null);
    }

    private int CheckAgainst(StoredRun baseline, string[] paths)
    {
        var report = Path.GetTempFileName();
        try
        {
            var code = options.Check(paths, report);
            var run = StoredRun.Read(report);
            var found = NewFailures.Of(run, baseline);
            NewFailures.Write(new Paper(streams.Out, streams.Width, streams.Colour), run, baseline, found);
            return found.Count > 0 || code != ExitCodes.NotAsExpected ? code : ExitCodes.AsExpected;
        }
        finally
        {
            File.Delete(report);
        }
    }

    private void WriteCheckpatch()
    {
        // Whoever reads this takes each line for a complaint: of what passes there is none.
        foreach (var finding in _findings.Where(f => f.Holds))
        {
            streams.Out.WriteLine($"{finding.File}:{Math.Max(1, finding.Line)}: {(finding.Status == GateStatus.OutOfDate ? "ERROR" : "WARNING")}: {finding.Sentence}");
        }
    }

    private static int Worst(params IReadOnlyList<int> codes) =>
        new[] { ExitCodes.Interrupted, ExitCodes.WrongInput, ExitCodes.NotAsExpected, ExitCodes.Incomplete }.FirstOrDefault(codes.Contains);

    // A name for a file, of a mail's subject: "mm/rmap: fix a race" is rmap-fix-a-race.
    private static string Slug(string subject)
    {
        const int Most = 40;
        var words = new string([.. subject.ToLowerInvariant().Select(c => char.IsAsciiLetterOrDigit(c) ? c : ' ')]).Split(' ', StringSplitOptions.RemoveEmptyEntries).SkipWhile(w => w == "mm" || char.IsAsciiDigit(w[0]));
        var slug = new StringBuilder();
        foreach (var word in words.TakeWhile(w => slug.Length + w.Length < Most))
        {
            slug.Append(slug.Length == 0 ? "" : "-").Append(word);
        }

        return slug.Length == 0 ? "my-patch" : slug.ToString();
    }
}
