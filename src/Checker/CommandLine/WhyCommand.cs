using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Necessity;
using ThpCheck.Checker.Patching;
using ThpCheck.Checker.Replay;
using ThpCheck.Checker.Reports;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.CommandLine;

/// <summary>What <c>why</c> is asked to do.</summary>
internal sealed record WhyOptions
{
    /// <summary>Files and folders; empty for the default.</summary>
    public IReadOnlyList<string> Paths { get; init; } = [];

    /// <summary>Of each scenario these variants; empty for the first that is expected to hold.</summary>
    public IReadOnlyList<string> Variants { get; init; } = [];

    /// <summary>Only variants on this release, or null.</summary>
    public string? Kernel { get; init; }

    /// <summary>Only these places, by what the command line calls them; empty for all.</summary>
    public IReadOnlyList<string> Sites { get; init; } = [];

    /// <summary>Only places of these kinds, as reports write them; empty for all.</summary>
    public IReadOnlyList<string> Kinds { get; init; } = [];

    /// <summary>An interleaving of the one variant without the one place to execute again, or null.</summary>
    public string? Schedule { get; init; }

    /// <summary>The most states of a search without a place, or null for what is usual.</summary>
    public long? States { get; init; }

    public Budget Budget { get; init; } = new();

    public ReportFormat Format { get; init; }

    /// <summary>The interleavings step by step.</summary>
    public bool Traces { get; init; }

    /// <summary>Every step of them.</summary>
    public bool Verbose { get; init; }

    /// <summary>What is put on top of the variants, and what they can name.</summary>
    public UserCode Code { get; init; } = UserCode.None;
}

/// <summary><c>thpcheck why</c>: takes each lock, flush, reference, check and order away, and says what needs it.</summary>
internal sealed class WhyCommand
{
    private readonly WhyOptions _options;
    private readonly Streams _streams;
    private readonly CancellationToken _stop;
    private readonly NecessitySearch _search;
    private readonly Library _library;
    private readonly List<string> _leftOut = [];
    private bool _isWrong;

    private WhyCommand(WhyOptions options, Streams streams, CancellationToken stop)
    {
        _options = options;
        _library = options.Code.Library(runs: true);
        _streams = streams;
        _stop = stop;
        _search = new NecessitySearch(options.Budget, options.States, stop);
    }

    /// <returns>The exit code.</returns>
    /// <exception cref="WrongInputException">A name or a schedule is wrong.</exception>
    public static int Run(WhyOptions options, Streams streams, CancellationToken stop) => new WhyCommand(options, streams, stop).Run();

    private int Run()
    {
        var scenarios = ScenarioFiles.Read(_options.Paths, d => Report([d])).ToList();
        var chosen = scenarios.SelectMany(s => Choose(s).Select(v => (Scenario: s, Variant: v))).ToArray();
        CheckNames(scenarios, chosen.Length);
        var variants = chosen.Select(c => Ask(c.Scenario, c.Variant)).OfType<AskedVariant>().ToArray();
        if (_options.Schedule is { } schedule)
        {
            return Replay(variants, schedule);
        }

        CheckSites(variants);
        var answers = _search.Answer(variants, IsWanted, Show);
        ClearProgress();
        var result = new WhyResult(variants, answers, _leftOut);
        if (_options.Format == ReportFormat.Json)
        {
            WhyReport.WriteJson(_streams.Out, result);
        }
        else
        {
            WhyReport.WriteText(new Paper(_streams.Out, _streams.Width, _streams.Colour), result, _options.Traces || _options.Verbose || _options.Sites.Count > 0, _options.Verbose);
        }

        return _stop.IsCancellationRequested ? ExitCodes.Interrupted
            : _isWrong ? ExitCodes.WrongInput
            : _leftOut.Count > 0 || result.Count(SiteNeed.NotDecided) > 0 ? ExitCodes.Incomplete
            : ExitCodes.AsExpected;
    }

    // The variants that are named, or the first that is expected to hold: what fails anyway says little about what is there to prevent it.
    private VariantSpec[] Choose(ScenarioFile scenario)
    {
        var on = scenario.Variants.Where(v => _options.Kernel is null || scenario.KernelOf(v).Value == _options.Kernel);
        return _options.Variants.Count > 0
            ? [.. on.Where(v => _options.Variants.Contains(v.Name.Value))]
            : [.. on.Where(v => !v.Expect.Any(Fails)).Take(1)];
    }

    private static bool Fails(Expectation expected) =>
        expected.Verdict.Value == ExpectedVerdict.Found
        || (expected.Verdict.Value == ExpectedVerdict.Violated
            && PropertyCatalog.All.Concat(KernelBugProperties.All).FirstOrDefault(p => p.Name == expected.Name.Value) is { Class: PropertyClass.Safety });

    private void CheckNames(List<ScenarioFile> scenarios, int chosen)
    {
        var variants = scenarios.SelectMany(s => s.Variants).Select(v => v.Name.Value).Distinct().ToArray();
        foreach (var unknown in scenarios.Count == 0 ? [] : _options.Variants.Where(v => !variants.Contains(v)))
        {
            throw new WrongInputException($"no variant '{unknown}' in {(scenarios is [var only] ? only.Path : $"any of the {scenarios.Count} scenarios")}.{NearestName.Hint(unknown, variants)}");
        }

        if (chosen == 0 && scenarios.Count > 0)
        {
            var kernels = scenarios.SelectMany(s => s.Variants.Select(v => s.KernelOf(v).Value)).Distinct().ToArray();
            throw new WrongInputException(_options.Kernel is { } kernel && !kernels.Contains(kernel)
                ? $"no variant here is on '{kernel}'.{NearestName.Hint(kernel, kernels)}"
                : "no variant here is expected to hold, so there is nothing to protect; name one with --variant");
        }

        var known = Enum.GetValues<SiteKind>().Select(k => new KernelSite(k, "", null, "").KindWord).ToArray();
        foreach (var unknown in _options.Kinds.Where(k => !known.Contains(k)))
        {
            throw new WrongInputException($"--only cannot be '{unknown}'.{NearestName.Hint(unknown, known)} There are {Prose.List(known)}");
        }
    }

    private void CheckSites(IReadOnlyList<AskedVariant> variants)
    {
        var known = variants.SelectMany(v => v.Sites).Select(s => s.Id).Distinct().ToArray();
        foreach (var unknown in variants.Count == 0 ? [] : _options.Sites.Where(s => !known.Contains(s)))
        {
            throw new WrongInputException($"no place '{unknown}' in what runs here.{NearestName.Hint(unknown, known)} Without --site, 'thpcheck why' lists them");
        }
    }

    private bool IsWanted(KernelSite site) =>
        (_options.Sites.Count == 0 || _options.Sites.Contains(site.Id)) && (_options.Kinds.Count == 0 || _options.Kinds.Contains(site.KindWord));

    private AskedVariant? Ask(ScenarioFile scenario, VariantSpec variant)
    {
        var name = $"{scenario.Path}, {variant.Name}";
        var (bound, diagnostics) = ScenarioBinder.Bind(scenario, _options.Code.On(variant), library: _library);
        Report(diagnostics);
        if (bound is null || _stop.IsCancellationRequested)
        {
            return null;
        }

        try
        {
            var asked = _search.Ask(bound);
            if (asked.Result.IsComplete)
            {
                return asked;
            }

            _leftOut.Add($"{name} was not explored to the end as it is, so nothing is known of its places: {asked.Result.Incomplete}");
        }
        catch (ModelFaultException e)
        {
            _leftOut.Add($"{name}: the model is at fault: {e.Message}");
        }

        return null;
    }

    private int Replay(IReadOnlyList<AskedVariant> variants, string schedule)
    {
        CheckSites(variants);
        if (variants is not [var variant] || _options.Sites is not [var id])
        {
            throw new WrongInputException("--schedule is for one variant without one place; name both, with --variant and --site");
        }

        try
        {
            var site = variant.Sites.First(s => s.Id == id);
            var replayed = Replayed.Run(NecessitySearch.Without(variant.Bound, site), schedule);
            var paper = new Paper(_streams.Out, _streams.Width, _streams.Colour);
            paper.WriteLine($"{site.Function} ({site.Place}) {site.Without}:", Tone.Heading);
            ReplayReport.WriteText(paper, replayed, _options.Verbose, WhyReport.Command(variant.Bound, site, schedule));
            return replayed.IsFault ? ExitCodes.NotAsExpected : ExitCodes.AsExpected;
        }
        catch (ScheduleException e)
        {
            throw new WrongInputException(e.Message);
        }
    }

    private void Show(int done, int all)
    {
        if (_streams.Progress)
        {
            _streams.Error.Write($"\r{done} of {all} places");
        }
    }

    private void ClearProgress()
    {
        if (_streams.Progress)
        {
            _streams.Error.Write($"\r{new string(' ', "1000000 of 1000000 places".Length)}\r");
        }
    }

    private void Report(IReadOnlyList<Diagnostic> diagnostics)
    {
        foreach (var diagnostic in diagnostics)
        {
            _isWrong = true;
            _streams.Write(diagnostic);
        }
    }
}
