using ThpCheck.Checker.Checkpoints;
using ThpCheck.Checker.Reduction;
using static ThpCheck.Checker.CommandLine.Syntax.Forms;

namespace ThpCheck.Checker.CommandLine.Syntax;

/// <summary>The command line of <c>check</c>.</summary>
internal static class CheckSyntax
{
    private const int MostSwitches = 1_000_000;

    public static DocumentedCommand Command(Streams streams, CancellationToken stop, CancellationToken hurry)
    {
        var paths = ScenarioPaths();
        var variants = Repeated("--variant", "NAME", "Check only the variants of this name; may be given several times.");
        var format = Text("--format", "FORMAT", "How the report is written: 'text', unless given; 'html', a page for a browser; 'commit', a diagram for a changelog; 'repro', where to delay whom on a real kernel; for programs 'json', 'junit', 'sarif' or 'ktap'.");
        var property = Text("--property", "NAME", "With --format commit or repro, the one property whose failure to show.");
        var output = Text("--output", "FILE", "Write the report to this file instead of the standard output.");
        var certificate = Text("--certificate", "FILE", "Write every state of the one variant to this file, compressed when it ends in .gz, for 'thpcheck confirm'.");
        var budget = new BudgetSyntax(memory: "Take no more memory than this in all, such as 512M or 2G: a search first puts on disk what can wait, then gives up on the variant.");
        var first = Flag("--first", "Stop a variant soon after its first violation; what was not explored by then makes it incomplete.");
        var checkpoint = Text("--checkpoint", "FILE", "Keep the search of the one variant in this file, time and again and where it ends early; removed when it is complete.");
        var every = Text("--checkpoint-every", "TIME", "The least time between two checkpoints; 60s unless given. Writing them never takes more than a tenth of the time.");
        var resume = Text("--resume", "FILE", "Go on with the search that was kept in this file, and keep it there unless --checkpoint names another; limits count anew.");
        var exact = Flag("--exact", "Keep every state whole and compare states, not only their fingerprints; takes more memory.");
        var reduction = Text("--reduction", "none|all|KINDS", "Leave out interleavings that no verdict depends on: 'unobservable', 'guarded', 'futures', 'symmetry' or several with commas; none unless given.");
        var switches = Text("--max-switches", "N", "Explore only the executions with at most this many context switches; what is not found there 'holds within' the bound.");
        var sample = new SampleSyntax();
        var cross = Flag("--cross-check", "Search each variant in other ways, too: dead fields kept, exact states, another number of workers, all reductions; where one says otherwise, the variant is not as expected.");
        var shard = Text("--shard", "I/N", "Check only the I-th of N parts of the variants; 'thpcheck merge' puts their JSON reports together.");
        var bisect = Flag("--bisect", "End with what 'git bisect run' understands: 125 where the scenario does not apply or not everything was explored.");
        var noCache = Flag("--no-cache", "Explore everything again, also what an earlier run of the same code found to be as expected.");
        var disagreements = Flag("--disagreements", "Check only variants that are not as was predicted, and say why.");
        var traces = Flag("--traces", "Show the interleavings of violations that are expected, too, also when several scenarios are checked.");
        var verbose = Flag("--verbose", "Show every step of the interleavings.");
        var code = new UserCodeSyntax();
        var command = new DocumentedCommand("check", "Check every variant of scenarios against what they expect.")
        {
            Epilogue = $"""
                Examples:
                  thpcheck check
                  thpcheck check specs/rmap --timeout 5m --max-memory 2G
                  thpcheck check specs/rmap/exit-against-kswapd.yaml --variant v1
                  thpcheck check --format json --output report.json

                A reduced search has every verdict. For the interleavings of what fails, the whole graph is searched as
                well, within the limits; pinned counts are compared where the whole graph was.
                What a bounded search or a sample does not find broken was not shown to hold: the exit code is 3.
                Ctrl-C ends the search and reports what was found with its cheapest interleavings; a second one reports
                it as it was found, a third ends the process. A checkpoint survives all that, and a kill at any moment.
                A limit in a scenario's 'bounds' applies too; the smaller of both counts.
                With --patch or --toggle variants are put together that nobody wrote down, of those named or of those
                without patches and toggles; every property must hold of them.
                Interleavings of what is not expected are always shown; of what is expected, when one scenario
                or a variant is asked for, or with --traces.

                {ExitCodes.Help}
                """,
        };
        command.Add(paths);
        command.AddAll([variants, format, property, output, certificate, .. budget.All, first, checkpoint, every, resume, exact, reduction, cross, switches, .. sample.All, shard, bisect, noCache, disagreements, traces, verbose, .. code.All]);
        command.SetAction(parsed =>
        {
            var options = Consistent(new CheckOptions
            {
                Paths = parsed.GetValue(paths) ?? [],
                Variants = parsed.GetValue(variants) ?? [],
                Format = FormatOf(parsed.GetValue(format), "text", "html", "commit", "repro", "json", "junit", "sarif", "ktap"),
                Property = parsed.GetValue(property),
                Output = parsed.GetValue(output),
                Certificate = parsed.GetValue(certificate),
                Checkpoint = parsed.GetValue(checkpoint) ?? parsed.GetValue(resume),
                CheckpointEvery = CheckpointEvery(parsed.GetValue(every), parsed.GetValue(checkpoint) ?? parsed.GetValue(resume)),
                Resume = parsed.GetValue(resume),
                Budget = budget.Of(parsed) with
                {
                    First = parsed.GetValue(first),
                    Exact = parsed.GetValue(exact),
                    Reductions = ReductionsOf(parsed.GetValue(reduction)),
                },
                MaxSwitches = parsed.GetValue(switches) is { } n ? Quantity.Number("--max-switches", n, 0, MostSwitches) : null,
                Sample = sample.Of(parsed),
                CoyoteTrace = sample.TraceOf(parsed),
                CoyoteReplay = sample.ReplayOf(parsed),
                CrossCheck = parsed.GetValue(cross),
                Shard = parsed.GetValue(shard) is { } part ? ShardOf(part) : null,
                Cache = !parsed.GetValue(noCache),
                Disagreements = parsed.GetValue(disagreements),
                Traces = parsed.GetValue(traces),
                Verbose = parsed.GetValue(verbose),
                Code = code.Of(parsed),
            });
            return Guarded.Applies(options.Code, code.InProcess(parsed))
                ? Guarded.RunEach([.. parsed.Tokens.Select(t => t.Value)], options.Paths, options.Format == ReportFormat.Text, VerifyCommand.MemoryOf(options.Budget), streams)
                : CheckCommand.Run(options, streams, stop, hurry);
        });
        return command;
    }

    // A bounded search and a sample are no proofs, and do not take what belongs to one.
    private static CheckOptions Consistent(CheckOptions options)
    {
        var sample = options.Sample is null ? null : options.Sample.Coyote is null ? "--sample" : "--engine coyote";
        if (sample is not null && options.MaxSwitches is not null)
        {
            throw new WrongInputException($"{sample} and --max-switches exclude each other: the one draws executions, the other explores all within its bound");
        }

        if (options is { CrossCheck: true, Certificate: not null })
        {
            throw new WrongInputException("--cross-check and --certificate exclude each other: the one makes several searches, the other writes one down");
        }

        if (options.CrossCheck && (options.Checkpoint ?? options.Resume) is not null)
        {
            throw new WrongInputException("--cross-check makes several searches, so it does not go with --checkpoint or --resume");
        }

        var part = sample ?? (options.MaxSwitches is not null ? "--max-switches" : null);
        var whole = options.Certificate is not null ? "--certificate"
            : options.Budget.Exact ? "--exact"
            : options.Resume is not null ? "--resume"
            : options.Checkpoint is not null ? "--checkpoint"
            : options.Budget.Reductions != Reductions.None ? "--reduction"
            : options.CrossCheck ? "--cross-check"
            : null;
        if ((options.Certificate ?? options.Checkpoint ?? options.Resume) is not null && (options.Code.Combines || options.Code.Models is not null))
        {
            throw new WrongInputException("--certificate, --checkpoint and --resume name a variant that stands in a scenario, so they do not go with --models, --patch or --toggle");
        }

        if (options.Certificate is not null && options.Budget.Reductions != Reductions.None)
        {
            throw new WrongInputException("--certificate lists every state, so it does not go with --reduction");
        }

        if (options.Budget is { Exact: true } budget && budget.Reductions.HasFlag(Reductions.Symmetry))
        {
            throw new WrongInputException("--exact compares states whole, and symmetric ones differ; write --reduction unobservable,guarded,futures");
        }

        if (options.Checkpoint is not null && options.Budget.Reductions != Reductions.None)
        {
            throw new WrongInputException("--checkpoint and --resume are for one search, and --reduction may make several, so they do not go together");
        }

        return part is null || whole is null ? options
            : throw new WrongInputException($"{whole} is for a search of everything, so it does not go with {part}");
    }

    private static (int Part, int Of) ShardOf(string text)
    {
        const int Most = 10_000;
        return text.Split('/') is [var part, var of] && int.TryParse(of, out var n) && n is > 0 and <= Most && int.TryParse(part, out var i) && i > 0 && i <= n
            ? (i, n)
            : throw new WrongInputException($"--shard cannot be '{text}'; write I/N with I from 1 to N, such as 2/4");
    }

    private static Reductions ReductionsOf(string? text)
    {
        var reductions = Reductions.None;
        foreach (var kind in text is null or "none" ? [] : text.Split(','))
        {
            reductions |= kind switch
            {
                "unobservable" => Reductions.Unobservable,
                "guarded" => Reductions.Guarded,
                "futures" => Reductions.Futures,
                "symmetry" => Reductions.Symmetry,
                "all" => Reductions.All,
                _ => throw new WrongInputException($"--reduction cannot be '{text}'; write none, all, or several of unobservable, guarded, futures and symmetry with commas"),
            };
        }

        return reductions;
    }

    // Zero is as often as a tenth of the time allows.
    private static TimeSpan CheckpointEvery(string? every, string? checkpoint) => (every, checkpoint) switch
    {
        (null, _) => Checkpointing.UsualPause,
        (_, null) => throw new WrongInputException("--checkpoint-every says how often to write a checkpoint, so it goes with --checkpoint or --resume"),
        ("0", _) => TimeSpan.Zero,
        _ => Quantity.Time("--checkpoint-every", every),
    };
}
