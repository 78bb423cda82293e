using System.Text;
using ThpCheck.Checker.Drift;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Gate;
using ThpCheck.Checker.Patching;
using ThpCheck.Checker.Reports;
using ThpCheck.Model.Kernel;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Binding;

namespace ThpCheck.Checker.CommandLine;

/// <summary>What <c>gate</c> is asked to do.</summary>
internal sealed record GateOptions
{
    /// <summary>The diff's file, or <c>-</c> for the standard input.</summary>
    public required string Diff { get; init; }

    /// <summary>A tree of the kernel with or without the diff, or null.</summary>
    public string? Kernel { get; init; }

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
    private static readonly string[] Own = ["src/Model/", "src/Specs/", "specs/"];

    private readonly GateJudge _judge = new(Modelled.BuiltIn);
    private readonly List<GateFinding> _findings = [];
    private readonly List<string> _ofModel = []; // files of the model itself

    /// <returns>The exit code.</returns>
    /// <exception cref="WrongInputException">The diff cannot be read, or is none.</exception>
    public static int Run(GateOptions options, Streams streams, CancellationToken stop) => new GateCommand(options, streams, stop).Run();

    private int Run()
    {
        if (options.Kernel is { } folder && !Directory.Exists(folder))
        {
            throw new WrongInputException($"no folder '{folder}' for --kernel");
        }

        using var text = Open();
        var diff = new UnifiedDiff(text, options.Diff == "-" ? "the standard input" : options.Diff, name => GateJudge.IsCode(name));
        Read(diff);
        if (diff.Missing is { Count: > 0 } missing)
        {
            throw new WrongInputException($"{options.Diff} has not all of its series: {(missing.Count == 1 ? "patch" : "patches")} {Prose.List([.. missing.Take(10).Select(m => $"{m}")])} missing; is it truncated?");
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
                GateReport.WriteSummary(paper, _findings, Slug(diff.Subject ?? Path.GetFileNameWithoutExtension(options.Diff)), $"thpcheck gate --diff {Prose.Quote(options.Diff)}");
            }
        }

        var ofModel = _ofModel.Count > 0 && !options.Checkpatch ? CheckOfModel() : ExitCodes.AsExpected;
        return Worst(code, ofModel, held ? ExitCodes.Incomplete : ExitCodes.AsExpected);
    }

    private void Read(UnifiedDiff diff)
    {
        var tree = options.Kernel is { } folder ? new KernelTree(folder) : null;
        foreach (var file in diff.Files())
        {
            if (stop.IsCancellationRequested)
            {
                break;
            }

            if (Own.Any(o => file.Name.StartsWith(o, StringComparison.Ordinal)))
            {
                if (file.After is not null && !File.Exists(file.Name))
                {
                    throw new WrongInputException($"{file.Name}, which {options.Diff} changes, is not here; the gate checks a diff of the model in the folder that has it, with the diff put on");
                }

                if (file.After is not null && IsOlder(file.Name))
                {
                    throw new WrongInputException($"{file.Name} is not what this program was built from, so that another model would be checked; build it first");
                }

                _ofModel.Add(file.Name);
                continue;
            }

            _findings.AddRange(_judge.OfFile(file));
            if (tree is not null)
            {
                if (file.Hunks.Count > 0)
                {
                    tree.Add(file);
                }
            }
            else
            {
                _findings.AddRange(HunkSplitter.Split(file).Select(_judge.Of).OfType<GateFinding>());
            }
        }

        if (tree is not null)
        {
            _findings.AddRange(tree.Touched().Select(_judge.Of).OfType<GateFinding>());
            foreach (var unfit in tree.Unfit().Where(Modelled.BuiltIn.Files.Contains))
            {
                streams.Error.WriteLine($"thpcheck: {unfit} in {options.Kernel} is neither what the diff is on nor what comes out, so only the hunks are looked at");
            }
        }
    }

    // Whether the program that runs was compiled from another text of a file.
    private static bool IsOlder(string file)
    {
        var text = File.ReadAllBytes(file);
        return new[] { typeof(KernelFile).Assembly, typeof(ScenarioBinder).Assembly }.Any(a => SourceLines.IsCompiledFrom(a, file, text) == false);
    }

    // Compares the kernel with the models and without, and takes back what they take care of.
    private int WithModels()
    {
        var code = new UserCode { Series = options.Models };
        foreach (var other in options.Models.Where(m => !UserCode.IsFile(m)))
        {
            throw new WrongInputException($"--model cannot be '{other}'; it is a file that ends in {UserCode.Extension}");
        }

        var changed = ChangedBy(code);
        for (var i = 0; i < _findings.Count; i++)
        {
            var finding = _findings[i];
            if (finding.Holds && finding.Paths.Count > 0 && finding.Paths.Any(p => changed.ContainsKey(p.Method.Name)))
            {
                _findings[i] = finding with { Model = changed[finding.Paths.First(p => changed.ContainsKey(p.Method.Name)).Method.Name] };
            }
        }

        var report = options.Checkpatch ? new Streams(TextWriter.Null, streams.Error) : streams;
        var result = VerifyCommand.Run(new VerifyOptions { Code = code, Scenarios = options.Scenarios, Budget = options.Budget, InProcess = options.InProcess }, report, stop);
        if (options.Checkpatch && result != ExitCodes.AsExpected)
        {
            streams.Out.WriteLine($"{options.Models[0]}:1: ERROR: 'thpcheck verify' of the model ends with {result}");
        }

        return result;
    }

    // The functions that the models change, by name, with the file that does. A patch fits the releases that have what it changes.
    private static Dictionary<string, string> ChangedBy(UserCode code)
    {
        PatchException? first = null;
        var library = code.Library(runs: false);
        foreach (var release in Releases.All.Keys.OrderByDescending(r => r == "linux-6.1"))
        {
            try
            {
                var changed = new Dictionary<string, string>(StringComparer.Ordinal);
                foreach (var function in code.Build(library, release, []))
                {
                    changed[function.Name[(function.Name.LastIndexOf('.') + 1)..]] = function.File;
                }

                return changed;
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
        var specs = _ofModel.Where(f => f.StartsWith("specs/", StringComparison.Ordinal) && f.EndsWith(".yaml", StringComparison.Ordinal) && File.Exists(f)).ToArray();
        var onlySpecs = _ofModel.All(f => f.StartsWith("specs/", StringComparison.Ordinal));
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
        foreach (var finding in _findings.Where(f => f.Status != GateStatus.NotModelled))
        {
            var type = finding switch
            {
                { Holds: false } => "CHECK",
                { Status: GateStatus.OutOfDate } => "ERROR",
                _ => "WARNING",
            };
            streams.Out.WriteLine($"{finding.File}:{Math.Max(1, finding.Line)}: {type}: {(finding.Model is { } model ? $"{finding.Function}: the model comes along in {model}" : finding.Sentence)}");
        }
    }

    private StreamReader Open()
    {
        if (options.Diff == "-")
        {
            return new StreamReader(Console.OpenStandardInput(), Encoding.UTF8);
        }

        if (Directory.Exists(options.Diff))
        {
            throw new WrongInputException($"--diff '{options.Diff}' is a folder; name a file of it, or - for the standard input");
        }

        try
        {
            return new StreamReader(options.Diff, Encoding.UTF8);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new WrongInputException($"the diff cannot be read from '{options.Diff}': {e.Message}");
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
