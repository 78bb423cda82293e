using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Patching;
using ThpCheck.Checker.Reports;
using ThpCheck.Checker.Verification;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.CommandLine;

/// <summary>What <c>verify</c> is asked to do.</summary>
internal sealed record VerifyOptions
{
    /// <summary>All releases.</summary>
    public const string AllKernels = "all";

    /// <summary>The patches, and what they are put on.</summary>
    public UserCode Code { get; init; } = UserCode.None;

    /// <summary>Scenarios and folders; empty for the default.</summary>
    public IReadOnlyList<string> Scenarios { get; init; } = [];

    /// <summary>Only these variants; empty for those without patches and toggles.</summary>
    public IReadOnlyList<string> Variants { get; init; } = [];

    /// <summary>The release, <see cref="AllKernels"/>, or null for the one that most of the scenarios are about.</summary>
    public string? Kernel { get; init; }

    public ReportFormat Format { get; init; }

    /// <summary>The file that takes the report instead of the standard output, or null.</summary>
    public string? Output { get; init; }

    public Budget Budget { get; init; } = new();

    /// <summary>Every interleaving, not only the cheapest of each property.</summary>
    public bool Traces { get; init; }

    /// <summary>Whether the patch's code runs in this process.</summary>
    public bool InProcess { get; init; }

    /// <summary>Whether this process is the child of another, which tells it what to compare.</summary>
    public bool IsChild { get; init; }
}

/// <summary><c>thpcheck verify</c>: what a patch does to the scenarios that come to what it changes.</summary>
internal sealed class VerifyCommand(VerifyOptions options, Streams streams, CancellationToken stop)
{
    private readonly List<string> _errors = [];

    /// <returns>The exit code.</returns>
    /// <exception cref="WrongInputException">The command line is wrong, or the report cannot be written.</exception>
    public static int Run(VerifyOptions options, Streams streams, CancellationToken stop) => new VerifyCommand(options, streams, stop).Run();

    private int Run()
    {
        if (options.IsChild)
        {
            ComparingLoop.Run(() => new Comparer(options.Code, options.Code.Library(runs: true), options.Budget), stop);
            return ExitCodes.AsExpected;
        }

        if (options.Code.Series.Count == 0)
        {
            throw new WrongInputException($"name the patch: a file that ends in {UserCode.Extension}; 'thpcheck new patch NAME' writes one to begin with");
        }

        var plan = Prepare(options.Code.Library(runs: false));
        if (plan.Jobs.Count == 0)
        {
            if (_errors.Count > 0)
            {
                return ExitCodes.WrongInput;
            }

            throw new WrongInputException("there is nothing to compare: no variant of the scenarios is without patches and toggles; name one with --variant");
        }

        using var file = options.Output is { } path ? Streams.OpenReport(path) : null;
        var output = file ?? streams.Out;
        var paper = file is not null ? new Paper(output, Streams.UsualWidth, colour: false) : new Paper(output, streams.Width, streams.Colour);
        IVerifyReport report = options.Format == ReportFormat.Json ? new VerifyJson(output) : new VerifyText(paper, options.Traces);
        var summary = new VerifySummary(plan);
        report.Begin(plan);
        foreach (var compared in Compare(plan.Jobs))
        {
            foreach (var error in compared.Errors)
            {
                Report(error);
            }

            summary.Add(compared);
            report.Add(compared);
            output.Flush();
        }

        summary.Errors = _errors;
        summary.Interrupted = stop.IsCancellationRequested;
        report.Finish(summary);
        output.Flush();
        return summary.ExitCode;
    }

    // Which variants are compared; the patch is compiled for each of their kernels, so that what is wrong with it is said before anything runs.
    private Plan Prepare(Library library)
    {
        var beside = options.Code.Series.Select(f => Path.ChangeExtension(f, ".yaml")).Where(File.Exists);
        string[] named = [.. options.Scenarios.Count == 0 ? [ScenarioFiles.Default] : options.Scenarios, .. beside];
        var all = ScenarioFiles.Read(named, d => Report(Streams.Sentence(d))).SelectMany(s => s.Variants.Where(IsMeant).Select(v => (Scenario: s, Variant: v))).ToList();
        foreach (var unknown in all.Count == 0 ? options.Variants : options.Variants.Where(v => all.All(a => a.Variant.Name.Value != v)))
        {
            throw new WrongInputException($"no variant '{unknown}' in the scenarios");
        }

        var kernels = all.GroupBy(a => a.Scenario.KernelOf(a.Variant).Value).OrderByDescending(g => g.Count()).ThenByDescending(g => g.Key, StringComparer.Ordinal).Select(g => g.Key).ToArray();
        string[] chosen = options.Kernel switch
        {
            null => [.. kernels.Take(1)],
            VerifyOptions.AllKernels => kernels,
            var name when kernels.Contains(name) => [name],
            var name => throw new WrongInputException($"no scenario is about the kernel '{name}'.{NearestName.Hint(name, kernels)} They are about {Prose.List(kernels)}"),
        };
        var meant = all.Where(a => chosen.Contains(a.Scenario.KernelOf(a.Variant).Value)).ToArray();
        var unfit = new List<(string Kernel, string Why)>();
        var changed = new List<ChangedFunction>();
        PatchException? first = null;
        foreach (var group in meant.GroupBy(a => (Kernel: a.Scenario.KernelOf(a.Variant).Value, Patches: string.Join(",", a.Variant.Patches))))
        {
            try
            {
                changed.AddRange(options.Code.Build(library, group.Key.Kernel, [.. group.First().Variant.Patches.Select(p => p.Value)]));
            }
            catch (PatchException e)
            {
                first ??= e;
                var on = group.Key.Patches.Length == 0 ? group.Key.Kernel : $"{group.Key.Kernel} with {group.Key.Patches}";
                unfit.Add((on, $"{e.Diagnostics[0]}"));
                meant = [.. meant.Except(group)];
            }
            catch (Model.Stepping.ModelFaultException)
            {
                // The scenario's own patches do not fit together, which its comparison says at its place.
            }
        }

        return first is not null && meant.Length == 0 ? throw first : new Plan(
            [.. options.Code.Series],
            [.. meant.Select(m => new Job(m.Scenario.Path, m.Variant.Name.Value))],
            chosen,
            all.Count(a => !chosen.Contains(a.Scenario.KernelOf(a.Variant).Value)),
            unfit,
            [.. changed.DistinctBy(c => c.Name)]);
    }

    private bool IsMeant(VariantSpec variant) =>
        options.Variants.Count > 0 ? options.Variants.Contains(variant.Name.Value) : variant.Patches.Count == 0 && variant.Toggles.Count == 0;

    // In the order of the plan, as they are done.
    private IEnumerable<Compared> Compare(IReadOnlyList<Job> jobs)
    {
        if (options.InProcess)
        {
            var comparer = new Comparer(options.Code, options.Code.Library(runs: true), options.Budget);
            foreach (var job in jobs)
            {
                if (stop.IsCancellationRequested)
                {
                    yield break;
                }

                yield return comparer.Compare(job, stop);
            }

            yield break;
        }

        var bytes = MemoryOf(options.Budget);
        using var team = new ComparingTeam(jobs, Math.Min(options.Budget.Workers, jobs.Count), () => new ComparingProcess(ChildArguments(bytes), bytes), stop);
        foreach (var compared in team.Results())
        {
            yield return compared;
        }
    }

    /// <summary>The memory of a child: a quarter of the machine's, or of what this process may have of it, unless the command line says.</summary>
    public static long MemoryOf(Budget budget) =>
        budget.Bytes == new Budget().Bytes ? Math.Max(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4, 1L << 30) : budget.Bytes;

    // The search gives up by itself, and says so, before the process is ended.
    private string[] ChildArguments(long bytes)
    {
        var budget = options.Budget;
        return
        [
            "verify", "--child", .. options.Code.Series, .. (options.Code with { Series = [] }).Words,
            "--max-memory", $"{Math.Max(bytes >> 20, 2) * 3 / 4}M",
            .. budget.States == new Budget().States ? [] : new[] { "--max-states", $"{budget.States}" },
            .. budget.Time == Timeout.InfiniteTimeSpan ? [] : new[] { "--timeout", $"{Math.Max(1, (long)budget.Time.TotalSeconds)}s" },
        ];
    }

    private void Report(string error)
    {
        if (!_errors.Contains(error))
        {
            _errors.Add(error);
            streams.Error.WriteLine(error);
        }
    }
}
