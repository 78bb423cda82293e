using ThpCheck.Checker.Bounds;
using ThpCheck.Checker.Caching;
using ThpCheck.Checker.Certificates;
using ThpCheck.Checker.Checkpoints;
using ThpCheck.Checker.CrossChecking;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Patching;
using ThpCheck.Checker.Reports;
using ThpCheck.Checker.Sampling;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.CommandLine;

/// <summary>How a report is written.</summary>
internal enum ReportFormat
{
    Text,
    Json,

    /// <summary>Diagrams for changelogs.</summary>
    Commit,

    /// <summary>Where to delay whom on a real kernel.</summary>
    Repro,

    /// <summary>A page for a browser.</summary>
    Html,

    /// <summary>JUnit XML.</summary>
    Junit,

    /// <summary>SARIF 2.1.0.</summary>
    Sarif,

    /// <summary>KTAP version 1.</summary>
    Ktap,
}

/// <summary>What <c>check</c> is asked to do.</summary>
internal sealed record CheckOptions
{
    /// <summary>Files and folders; empty for the default.</summary>
    public IReadOnlyList<string> Paths { get; init; } = [];

    /// <summary>Only these variants; empty for all.</summary>
    public IReadOnlyList<string> Variants { get; init; } = [];

    public ReportFormat Format { get; init; }

    /// <summary>The only property whose failure a format that shows failures alone shows, or null.</summary>
    public string? Property { get; init; }

    /// <summary>The file that takes the report instead of the standard output, or null.</summary>
    public string? Output { get; init; }

    /// <summary>The file that takes the certificate of the one variant that is checked, or null.</summary>
    public string? Certificate { get; init; }

    /// <summary>The file that takes checkpoints of the one variant that is checked, or null.</summary>
    public string? Checkpoint { get; init; }

    /// <summary>The least time between two.</summary>
    public TimeSpan CheckpointEvery { get; init; }

    /// <summary>The checkpoint to go on from, or null.</summary>
    public string? Resume { get; init; }

    public Budget Budget { get; init; } = new();

    /// <summary>The most context switches of the executions to explore, or null for all executions.</summary>
    public int? MaxSwitches { get; init; }

    /// <summary>The sample to look at instead of exploring, or null.</summary>
    public SampleOptions? Sample { get; init; }

    /// <summary>The file that takes Coyote's own trace, or null.</summary>
    public string? CoyoteTrace { get; init; }

    /// <summary>The file with the trace that Coyote executes again, or null.</summary>
    public string? CoyoteReplay { get; init; }

    /// <summary>Whether to search in every other way, too, and compare.</summary>
    public bool CrossCheck { get; init; }

    /// <summary>Only variants that are not as predicted.</summary>
    public bool Disagreements { get; init; }

    /// <summary>Traces of violations that are expected, too.</summary>
    public bool Traces { get; init; }

    /// <summary>Every step of a trace.</summary>
    public bool Verbose { get; init; }

    /// <summary>Which part of how many of the variants to check, or null for all.</summary>
    public (int Part, int Of)? Shard { get; init; }

    /// <summary>Whether what an earlier run of the same code found is not explored again.</summary>
    public bool Cache { get; init; }

    /// <summary>What is put on top of the variants, and what they can name.</summary>
    public UserCode Code { get; init; } = UserCode.None;
}

/// <summary><c>thpcheck check</c>: explores every variant of scenarios and compares what it finds with what they expect.</summary>
internal sealed class CheckCommand
{
    private readonly CheckOptions _options;
    private readonly Streams _streams;
    private readonly CancellationToken _stop;
    private readonly CancellationToken _hurry;
    private readonly HashSet<Diagnostic> _known = []; // several variants have the same errors
    private readonly List<Diagnostic> _errors = [];
    private readonly Library _library;
    private Checkpointing? _checkpoints;
    private VerdictCache? _cache;
    private string? _recorded; // Coyote's trace, which it executes again

    private CheckCommand(CheckOptions options, Streams streams, CancellationToken stop, CancellationToken hurry)
    {
        _options = options;
        _library = options.Code.Library(runs: true);
        _streams = streams;
        _stop = stop;
        _hurry = hurry;
    }

    /// <returns>The exit code.</returns>
    /// <exception cref="WrongInputException">The report cannot be written, or a checkpoint cannot be used.</exception>
    public static int Run(CheckOptions options, Streams streams, CancellationToken stop, CancellationToken hurry) =>
        new CheckCommand(options, streams, stop, hurry).Run();

    private int Run()
    {
        var scenarios = ScenarioFiles.Read(_options.Paths, d => Report([d])).ToList();
        var number = 0;
        var selected = scenarios.Select(s => (Scenario: s, Variants: Select(s).FindAll(_ => _options.Shard is not var (part, of) || number++ % of == part - 1))).Where(s => s.Variants.Count > 0).ToArray();
        ReportUnknownVariants(scenarios);
        var single = _options.Certificate is not null ? "--certificate" : _options.Resume is not null ? "--resume" : _options.Checkpoint is not null ? "--checkpoint"
            : _options.CoyoteTrace is not null ? "--coyote-trace" : _options.CoyoteReplay is not null ? "--coyote-replay" : null;
        if (single is not null && selected.Sum(s => s.Variants.Count) is > 1 and var several)
        {
            throw new WrongInputException($"{single} is for one variant, and here are {several}; name a scenario and one with --variant");
        }

        _recorded = _options.CoyoteReplay is { } recorded ? ReadTrace(recorded) : null;
        if (Path.GetDirectoryName(_options.CoyoteTrace) is { Length: > 0 } folder && !Directory.Exists(folder))
        {
            throw new WrongInputException($"--coyote-trace '{_options.CoyoteTrace}': there is no folder '{folder}'");
        }

        if (_options.Checkpoint is not null && selected is [var (of, one)])
        {
            _checkpoints = Prepare(of, one[0]);
        }

        using var file = _options.Output is { } path ? Streams.OpenReport(path) : null;
        var output = file ?? _streams.Out;
        var report = ReportTo(output, file is not null, scenarios.Count == 1);
        using var disposable = report as IDisposable;
        var summary = new CheckSummary { Scenarios = selected.Length, Shard = _options.Shard };
        _cache = IsCached(selected.Length) ? new VerdictCache(_streams.Verdicts!, CodeHashes.OfModel, sentence => _streams.Error.WriteLine($"thpcheck: {sentence}")) : null;
        var known = new Dictionary<VariantSpec, KnownVerdict>(ReferenceEqualityComparer.Instance);
        foreach (var (scenario, variant) in selected.SelectMany(s => s.Variants.Select(v => (s.Scenario, v))))
        {
            if (_cache?.Find(scenario, variant) is { } found && (found.Json is not null || _options.Format != ReportFormat.Json))
            {
                known.Add(variant, found);
            }
        }

        using var ahead = CheckAhead([.. selected.SelectMany(s => s.Variants.Where(IsSmall).Where(v => !known.ContainsKey(v)).Select(v => (s.Scenario, v)))]);
        foreach (var (scenario, variants) in selected)
        {
            if (_stop.IsCancellationRequested)
            {
                summary = summary with { NotChecked = summary.NotChecked + variants.Count };
                continue;
            }

            report.Begin(scenario, variants);
            foreach (var variant in variants)
            {
                if (_stop.IsCancellationRequested)
                {
                    summary = summary with { NotChecked = summary.NotChecked + 1 };
                    continue;
                }

                var (isChecked, errors) = known.ContainsKey(variant) ? (null, []) : ahead?.Of(variant) ?? Check(scenario, variant, isAlone: true);
                Report(errors);
                var found = new VariantReport(scenario, variant, isChecked) { Known = known.GetValueOrDefault(variant) };
                Keep(found);
                summary = summary.With(found);
                report.Add(found);
                output.Flush();
            }

            report.End();
        }

        summary = summary with { Errors = _errors, Interrupted = _stop.IsCancellationRequested };
        report.Finish(summary);
        output.Flush();
        _cache?.Clean();
        return summary.ExitCode;
    }

    // A search that is limited in what it looks at is not what was kept, and a report that shows interleavings of what is expected needs the search that
    // finds them, unless they were kept as they are written.
    private bool IsCached(int scenarios) =>
        _options is { Cache: true, Disagreements: false, MaxSwitches: null, Sample: null, CrossCheck: false, Certificate: null, Resume: null, Checkpoint: null }
        && _streams.Verdicts is not null && !_options.Code.Combines && _options.Code.Models is null
        && _options.Budget is { Exact: false, First: false, Reductions: Reduction.Reductions.None }
        && _options.Format switch
        {
            ReportFormat.Text => _options is { Traces: false, Verbose: false, Variants.Count: 0 } && scenarios > 1,
            ReportFormat.Sarif => _options is { Traces: false, Variants.Count: 0 },
            ReportFormat.Json or ReportFormat.Junit or ReportFormat.Ktap => true,
            _ => false,
        };

    private void Keep(VariantReport found)
    {
        if (_cache is not null && found is { Known: null, Standing: Standing.AsExpected, Checked: { Result: { IsComplete: true, CountsReduced: false } } isChecked })
        {
            var known = Reports.TextReport.KnownOf(found) with { Json = _options.Format == ReportFormat.Json ? VariantJson.ToKeep(found) : null };
            _cache.Add(found.Scenario, found.Variant, known, isChecked.Bound.Instance.Machine);
        }
    }

    private List<VariantSpec> Select(ScenarioFile scenario) =>
    [
        .. scenario.Variants
            .Where(v => _options.Variants.Count == 0 || _options.Variants.Contains(v.Name.Value))
            .Where(v => !_options.Disagreements || v.Disagrees is not null)
            .Where(v => !_options.Code.Combines || _options.Variants.Count > 0 || (v.Patches.Count == 0 && v.Toggles.Count == 0))
            .Select(_options.Code.On),
    ];

    private void ReportUnknownVariants(List<ScenarioFile> scenarios)
    {
        var names = scenarios.SelectMany(s => s.Variants).Select(v => v.Name.Value).Distinct().ToArray();
        foreach (var unknown in scenarios.Count == 0 ? [] : _options.Variants.Where(v => !names.Contains(v)))
        {
            var where = scenarios is [var only] ? only.Path : $"any of the {scenarios.Count} scenarios";
            Report([new Diagnostic(scenarios[0].Path, 0, 0, $"no variant '{unknown}' in {where}.{NearestName.Hint(unknown, names)}")]);
        }
    }

    // Small variants are searched beside one another, by a worker each, as their levels are too small to be shared.
    private ChecksAhead? CheckAhead(IReadOnlyList<(ScenarioFile Scenario, VariantSpec Variant)> small) =>
        _options.Budget.Workers > 1 && small.Count > 1 && _options.Certificate is null && _options.Checkpoint is null && _options.Resume is null
        && _options.Budget.Bytes == new Budget().Bytes // which is for one search at a time
        && _options.Sample?.Coyote is null // which counts its engines in statics
        && !Guarded.IsChild // what ends the process ends what was begun ahead
            ? new ChecksAhead(small, _options.Budget.Workers, (scenario, variant) => Check(scenario, variant, isAlone: false), _stop)
            : null;

    private static bool IsSmall(VariantSpec variant)
    {
        const int MostStates = 1_000_000;
        return variant.States is { Value: < MostStates };
    }

    private (CheckedVariant? Checked, IReadOnlyList<Diagnostic> Errors) Check(ScenarioFile scenario, VariantSpec variant, bool isAlone)
    {
        var (bound, diagnostics) = ScenarioBinder.Bind(scenario, variant, library: _library);
        return (bound is null ? null : Check(scenario, bound, isAlone), diagnostics);
    }

    private CheckedVariant Check(ScenarioFile scenario, BoundVariant bound, bool isAlone)
    {
        var progress = isAlone && _streams.Progress ? new ProgressLine(_streams.Error, _streams.Width, bound.Variant.Name.Value) : null;
        var budget = BudgetOf(scenario);
        try
        {
            return new CheckedVariant(bound, Judged(bound, isAlone ? budget : budget with { Workers = 1 }, progress));
        }
        catch (ModelFaultException e)
        {
            return new CheckedVariant(bound, NothingFound(bound) with { Verdict = VariantVerdict.ModelFault, Fault = (e.Message, null), Incomplete = "model fault" });
        }
        catch (UnusableCheckpointException e)
        {
            throw new WrongInputException(e.Message.ReplaceLineEndings(" ")); // it was good when it was looked at
        }
        catch (SpillException e)
        {
            return new CheckedVariant(bound, NothingFound(bound) with { Incomplete = e.Message });
        }
        catch (OutOfMemoryException)
        {
            return new CheckedVariant(bound, NothingFound(bound) with { Incomplete = "memory ran out; --max-memory stops a search before that" });
        }
        finally
        {
            progress?.Clear();
        }
    }

    private InstanceResult Judged(BoundVariant bound, Budget budget, ProgressLine? progress)
    {
        Action<Progress>? show = progress is null ? null : progress.Show;
        Action<SampleProgress>? showSample = progress is null ? null : progress.Show;
        if (_options.Sample is { } sample)
        {
            return sample.Coyote is { } coyote ? SampledByCoyote(bound, sample, coyote, budget, progress)
                : SampleJudge.Run(bound.Instance, sample, budget, showSample, _stop);
        }

        if (_options.MaxSwitches is { } switches)
        {
            return BoundedJudge.Run(bound.Instance, switches, budget, show, _stop, _hurry);
        }

        if (_options.CrossCheck)
        {
            return CrossCheck.Run(bound.Instance, keepsDeadFields => Again(bound, keepsDeadFields), budget, show, _stop);
        }

        if (_options.Certificate is null && _checkpoints is null)
        {
            return Judge.Run(bound.Instance, budget, show, _stop, _hurry);
        }

        using var exploration = BreadthFirstExplorer.Run(bound.Instance, budget, show, _checkpoints, _stop);
        progress?.Clear();
        var result = Judge.Of(exploration, budget, _hurry);
        if (_options.Certificate is { } certificate)
        {
            Certify(certificate, bound, exploration, result);
        }

        if (result.Incomplete is null)
        {
            _checkpoints?.Remove();
        }
        else if (_checkpoints?.Written > 0)
        {
            _streams.Error.WriteLine($"thpcheck: --resume {Prose.Quote(_options.Checkpoint!)} goes on from here");
        }

        return result;
    }

    // Looks at the checkpoints' files before anything else happens; null where the scenario is wrong, which is said later.
    private Checkpointing? Prepare(ScenarioFile scenario, VariantSpec variant)
    {
        if (ScenarioBinder.Bind(scenario, variant, library: _library).Variant is not { } bound)
        {
            return null;
        }

        var checkpoints = new Checkpointing(SearchIdentity.Of(bound, BudgetOf(scenario)))
        {
            From = _options.Resume,
            To = _options.Checkpoint,
            Pause = _options.CheckpointEvery,
            OnFailure = sentence => _streams.Error.WriteLine($"thpcheck: {sentence}"),
        };
        try
        {
            checkpoints.Verify();
            return checkpoints;
        }
        catch (UnusableCheckpointException e)
        {
            throw new WrongInputException(e.Message.ReplaceLineEndings(" "));
        }
    }

    private InstanceResult SampledByCoyote(BoundVariant bound, SampleOptions sample, CoyoteSample coyote, Budget budget, ProgressLine? progress)
    {
        string? trace = null;
        var traced = sample with { Coyote = coyote with { Replay = _recorded, OnTrace = t => trace = t } };
        try
        {
            var result = SampleJudge.Run(bound.Instance, traced, budget, progress is null ? null : progress.Show, _stop);
            progress?.Clear();
            if (_options.CoyoteTrace is { } path)
            {
                WriteTrace(path, trace);
            }

            return result;
        }
        catch (InvalidDataException e) when (_recorded is not null)
        {
            throw new WrongInputException($"'{_options.CoyoteReplay}' is no trace of Coyote's, as {e.Message}; --coyote-trace writes one");
        }
    }

    private static string ReadTrace(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new WrongInputException($"Coyote's trace cannot be read: '{path}': {e.Message}");
        }
    }

    // What was found is reported also where this cannot be written.
    private void WriteTrace(string path, string? trace)
    {
        if (trace is null)
        {
            _streams.Error.WriteLine($"thpcheck: no trace is written to '{path}': Coyote saw nothing break");
            return;
        }

        try
        {
            File.WriteAllText(path, trace);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            Report([new Diagnostic(path, 0, 0, $"Coyote's trace cannot be written to '{path}': {e.Message}")]);
        }
    }

    private Instance Again(BoundVariant bound, bool keepsDeadFields) =>
        ScenarioBinder.Bind(bound.Scenario, bound.Variant, keepsDeadFields, _library).Variant!.Instance; // it was bound before

    private void Certify(string path, BoundVariant bound, Exploration.Exploration exploration, InstanceResult result)
    {
        if (result.Incomplete is { } reason)
        {
            // The exit code says already that this is no answer.
            _streams.Error.WriteLine($"thpcheck: no certificate is written: not everything was explored: {reason}");
            return;
        }

        try
        {
            CertificateWriter.Write(path, Identity.Of(bound), Claims.Of(result), exploration);
        }
        catch (CertificateTooLargeException e)
        {
            Report([new Diagnostic(path, 0, 0, e.Message)]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            Report([new Diagnostic(path, 0, 0, $"the certificate cannot be written to '{path}': {e.Message}")]);
        }
    }

    // The smaller of what the command line and the file allow.
    private Budget BudgetOf(ScenarioFile scenario)
    {
        var budget = _options.Budget;
        var bounds = scenario.Bounds;
        var seconds = bounds.Seconds is { } s ? TimeSpan.FromSeconds(s.Value) : Timeout.InfiniteTimeSpan;
        return budget with
        {
            Estimate = true,
            States = Math.Min(budget.States, bounds.States?.Value ?? long.MaxValue),
            Bytes = bounds.Memory is { } memory && memory.Value < budget.Bytes >> 20 ? memory.Value << 20 : budget.Bytes,
            Time = budget.Time == Timeout.InfiniteTimeSpan || (seconds != Timeout.InfiniteTimeSpan && seconds < budget.Time) ? seconds : budget.Time,
        };
    }

    // What is known of a variant whose search ended without an answer.
    private static InstanceResult NothingFound(BoundVariant bound) => new()
    {
        Verdict = VariantVerdict.Incomplete,
        Properties = [.. bound.Instance.Properties.Select(p => new PropertyResult(p, Verdict.Incomplete, null, null))],
        States = 0,
        Transitions = 0,
        Depth = 0,
        Ends = 0,
        Time = TimeSpan.Zero,
        Functions = [],
        Key = bound.Instance.Machine.Key,
    };

    private ICheckReport ReportTo(TextWriter output, bool isFile, bool isSingle) => _options.Format switch
    {
        ReportFormat.Json => new JsonReport(output),
        ReportFormat.Commit => new FailureReport(output, _options.Property, CommitDiagram.Of),
        ReportFormat.Repro => new FailureReport(output, _options.Property, ReproText.Of),
        ReportFormat.Html => new HtmlReport(output),
        ReportFormat.Junit => new JUnitReport(output, TimeProvider.System),
        ReportFormat.Sarif => new SarifReport(output, _options.Traces || _options.Variants.Count > 0),
        ReportFormat.Ktap => new KtapReport(output),
        _ => TextReport(output, isFile, isSingle),
    };

    private TextReport TextReport(TextWriter output, bool isFile, bool isSingle)
    {
        var paper = isFile ? new Paper(output, Streams.UsualWidth, colour: false) : new Paper(output, _streams.Width, _streams.Colour);
        var expected = _options.Traces || _options.Verbose || isSingle || _options.Variants.Count > 0;
        return new TextReport(paper, new TextReportOptions(expected, _options.Verbose, _options.Disagreements)
        {
            Question = isSingle,
            VerdictWidth = _options.MaxSwitches is { } switches ? Reports.TextReport.HoldsWithin(switches).Length : TextReportOptions.UsualVerdictWidth,
        });
    }

    private void Report(IReadOnlyList<Diagnostic> diagnostics)
    {
        foreach (var diagnostic in diagnostics)
        {
            if (_known.Add(diagnostic))
            {
                _errors.Add(diagnostic);
                _streams.Write(diagnostic);
            }
        }
    }
}
