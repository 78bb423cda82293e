using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using ThpCheck.Checker.Checkpoints;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Reduction;
using ThpCheck.Checker.Sampling;
using ThpCheck.Coyote;

namespace ThpCheck.Checker.CommandLine;

/// <summary>A command whose help ends with examples and the like.</summary>
internal sealed class DocumentedCommand(string name, string description) : Command(name, description)
{
    /// <summary>What its help ends with.</summary>
    public string Epilogue { get; init; } = "";
}

/// <summary>The commands and options of <c>thpcheck</c> with their help.</summary>
internal static class CommandTree
{
    private const int MostSwitches = 1_000_000;
    private const int MostDepth = 100;

    /// <summary>The whole tree; its actions write to the streams and return exit codes.</summary>
    public static RootCommand Build(Streams streams, CancellationToken stop, CancellationToken hurry)
    {
        var root = new RootCommand("Explores every interleaving of Linux memory management code around huge pages, as scenarios set it up, and says whether a property can break.")
        {
            Check(streams, stop, hurry),
            Verify(streams, stop),
            Gate(streams, stop, hurry),
            Drift(streams),
            Merge(streams),
            Why(streams, stop),
            Can(streams, stop),
            Diff(streams, stop),
            Replay(streams),
            Confirm(streams, stop),
            List(streams),
            New(streams),
        };
        var help = root.Options.OfType<HelpOption>().Single();
        help.Description = "Show this help.";
        help.Action = new HelpWithEpilogue((HelpAction)help.Action!, streams);
        var version = root.Options.OfType<VersionOption>().Single();
        version.Description = "Show the version.";
        version.Action = new VersionAction(streams);
        root.SetAction(parsed => new HelpWithEpilogue(new HelpAction(), streams).Invoke(parsed));
        return root;
    }

    private static DocumentedCommand Check(Streams streams, CancellationToken stop, CancellationToken hurry)
    {
        var paths = new Argument<string[]>("PATH")
        {
            Description = "Scenarios, or folders to look through for *.yaml; 'specs' when none is given.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var variants = Repeated("--variant", "NAME", "Check only the variants of this name; may be given several times.");
        var format = Text("--format", "FORMAT", "How the report is written: 'text', unless given; 'html', a page for a browser; 'commit', a diagram for a changelog; 'repro', where to delay whom on a real kernel; for programs 'json', 'junit', 'sarif' or 'ktap'.");
        var property = Text("--property", "NAME", "With --format commit or repro, the one property whose failure to show.");
        var output = Text("--output", "FILE", "Write the report to this file instead of the standard output.");
        var certificate = Text("--certificate", "FILE", "Write every state of the one variant to this file, compressed when it ends in .gz, for 'thpcheck confirm'.");
        var states = Text("--max-states", "N", "Give up on a variant after this many states.");
        var memory = Text("--max-memory", "SIZE", "Take no more memory than this in all, such as 512M or 2G: a search first puts on disk what can wait, then gives up on the variant.");
        var time = Text("--timeout", "TIME", "Give up on a variant after this time, such as 90 or 90s, 5m, 1h.");
        var first = Flag("--first", "Stop a variant soon after its first violation; what was not explored by then makes it incomplete.");
        var workers = Text("--workers", "N", "Share the search among this many threads, as many as there are cores unless given; the answer does not depend on it.");
        var checkpoint = Text("--checkpoint", "FILE", "Keep the search of the one variant in this file, time and again and where it ends early; removed when it is complete.");
        var every = Text("--checkpoint-every", "TIME", "The least time between two checkpoints; 60s unless given. Writing them never takes more than a tenth of the time.");
        var resume = Text("--resume", "FILE", "Go on with the search that was kept in this file, and keep it there unless --checkpoint names another; limits count anew.");
        var exact = Flag("--exact", "Keep every state whole and compare states, not only their fingerprints; takes more memory.");
        var reduction = Text("--reduction", "none|all|KINDS", "Leave out interleavings that no verdict depends on: 'unobservable', 'guarded', 'futures', 'symmetry' or several with commas; none unless given.");
        var switches = Text("--max-switches", "N", "Explore only the executions with at most this many context switches; what is not found there 'holds within' the bound.");
        var sample = Text("--sample", "random|pct|pos", "Look at executions drawn at random only, for what is too big to explore: a random walk, PCT or POS.");
        var executions = Text("--executions", "N", $"Of a sample, how many executions; {SampleOptions.UsualExecutions} unless given.");
        var seed = Text("--seed", "S", $"Of a sample, the seed; {SampleOptions.UsualSeed} unless given. The same seed gives the same sample.");
        var depth = Text("--depth", "D", $"Of a PCT sample, the depth of the bugs it is for; {SampleOptions.UsualDepth} unless given.");
        var engine = Text("--engine", "coyote", "Let Microsoft Coyote run the executions of a sample, where this build has it (-p:WithCoyote=true).");
        var strategy = Text("--strategy", "STRATEGY", "Of Coyote, how it chooses: 'random', unless given, 'prioritization', 'fair-prioritization', 'pos', 'q-learning' or 'dfs'.");
        var changes = Text("--priority-changes", "N", $"Of Coyote's strategies with priorities, how often these change in an execution at most; {CoyoteOptions.UsualPriorityChanges} unless given.");
        var iterations = Text("--iterations", "N", $"Of Coyote, how many executions; {SampleOptions.UsualExecutions} unless given.");
        var coyoteTrace = Text("--coyote-trace", "FILE", "Write Coyote's own trace of the first execution of the one variant that breaks something to this file.");
        var coyoteReplay = Text("--coyote-replay", "FILE", "Let Coyote execute the trace in this file again.");
        var cross = Flag("--cross-check", "Search each variant in other ways, too: dead fields kept, exact states, another number of workers, all reductions; where one says otherwise, the variant is not as expected.");
        var shard = Text("--shard", "I/N", "Check only the I-th of N parts of the variants; 'thpcheck merge' puts their JSON reports together.");
        var bisect = Flag("--bisect", "End with what 'git bisect run' understands: 125 where the scenario does not apply or not everything was explored.");
        var noCache = Flag("--no-cache", "Explore everything again, also what an earlier run of the same code found to be as expected.");
        var disagreements = Flag("--disagreements", "Check only variants that are not as was predicted, and say why.");
        var traces = Flag("--traces", "Show the interleavings of violations that are expected, too, also when several scenarios are checked.");
        var verbose = Flag("--verbose", "Show every step of the interleavings.");
        var code = new UserCodeOptions();
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
        foreach (var option in (Option[])[variants, format, property, output, certificate, states, memory, time, first, workers, checkpoint, every, resume, exact, reduction, cross, switches, sample, executions, seed, depth, engine, strategy, changes, iterations, coyoteTrace, coyoteReplay, shard, bisect, noCache, disagreements, traces, verbose, .. code.All])
        {
            command.Add(option);
        }

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
                Budget = new Budget
                {
                    States = parsed.GetValue(states) is { } s ? Math.Min(Quantity.Count("--max-states", s), new Budget().States) : new Budget().States,
                    Bytes = parsed.GetValue(memory) is { } m ? Quantity.Bytes("--max-memory", m) : new Budget().Bytes,
                    Time = parsed.GetValue(time) is { } t ? Quantity.Time("--timeout", t) : new Budget().Time,
                    First = parsed.GetValue(first),
                    Exact = parsed.GetValue(exact),
                    Reductions = ReductionsOf(parsed.GetValue(reduction)),
                    Workers = parsed.GetValue(workers) is { } w ? Quantity.Workers("--workers", w) : Math.Min(Environment.ProcessorCount, Quantity.MostWorkers),
                },
                MaxSwitches = parsed.GetValue(switches) is { } n ? Quantity.Number("--max-switches", n, 0, MostSwitches) : null,
                Sample = CoyoteSampleOf(parsed.GetValue(engine), parsed.GetValue(strategy), parsed.GetValue(changes), parsed.GetValue(iterations), parsed.GetValue(seed), new[] { sample, executions, depth }.FirstOrDefault(o => parsed.GetValue(o) is not null)?.Name)
                    ?? SampleOf(parsed.GetValue(sample), parsed.GetValue(executions), parsed.GetValue(seed), parsed.GetValue(depth)),
                CoyoteTrace = parsed.GetValue(coyoteTrace),
                CoyoteReplay = parsed.GetValue(coyoteReplay),
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
        if (options is { Sample: not null, MaxSwitches: not null })
        {
            throw new WrongInputException("--sample and --max-switches exclude each other: the one draws executions, the other explores all within its bound");
        }

        if (options is { CrossCheck: true, Certificate: not null })
        {
            throw new WrongInputException("--cross-check and --certificate exclude each other: the one makes several searches, the other writes one down");
        }

        if (options.CrossCheck && (options.Checkpoint ?? options.Resume) is not null)
        {
            throw new WrongInputException("--cross-check makes several searches, so it does not go with --checkpoint or --resume");
        }

        var traced = options.CoyoteTrace is not null ? "--coyote-trace" : options.CoyoteReplay is not null ? "--coyote-replay" : null;
        if (traced is not null && options.Sample?.Coyote is null)
        {
            throw new WrongInputException($"{traced} is about Coyote's traces, so it goes with --engine coyote");
        }

        var part = options.Sample?.Coyote is not null ? "--engine" : options.Sample is not null ? "--sample" : options.MaxSwitches is not null ? "--max-switches" : null;
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

    // Null where Coyote is not asked for.
    private static SampleOptions? CoyoteSampleOf(string? engine, string? strategy, string? changes, string? iterations, string? seed, string? own)
    {
        if (engine is null)
        {
            var alone = strategy is not null ? "--strategy" : changes is not null ? "--priority-changes" : iterations is not null ? "--iterations" : null;
            return alone is null ? null : throw new WrongInputException($"{alone} is about Coyote, so it goes with --engine coyote");
        }

        if (engine != "coyote")
        {
            throw new WrongInputException($"--engine cannot be '{engine}'; write coyote, or leave it out for ThpCheck's own");
        }

        if (own is not null)
        {
            throw new WrongInputException($"--engine coyote draws --iterations as --strategy says, so it does not go with {own}");
        }

        if (CoyoteEngine.Missing is { } missing)
        {
            throw new WrongInputException($"--engine coyote: {missing}");
        }

        var chosen = strategy switch
        {
            null or "random" => CoyoteStrategy.Random,
            "prioritization" => CoyoteStrategy.Prioritization,
            "fair-prioritization" => CoyoteStrategy.FairPrioritization,
            "pos" => CoyoteStrategy.Pos,
            "q-learning" => CoyoteStrategy.QLearning,
            "dfs" => CoyoteStrategy.Dfs,
            _ => throw new WrongInputException($"--strategy cannot be '{strategy}'; write random, prioritization, fair-prioritization, pos, q-learning or dfs"),
        };
        if (changes is not null && chosen is not (CoyoteStrategy.Prioritization or CoyoteStrategy.FairPrioritization))
        {
            throw new WrongInputException("--priority-changes is about priorities, so it goes with --strategy prioritization or fair-prioritization");
        }

        var most = changes is null ? CoyoteOptions.UsualPriorityChanges : Quantity.Number("--priority-changes", changes, 1, MostDepth);
        return new SampleOptions(
            SampleMethod.Random,
            iterations is null ? SampleOptions.UsualExecutions : Quantity.Count("--iterations", iterations),
            seed is null ? SampleOptions.UsualSeed : Quantity.Number("--seed", seed, 0, int.MaxValue))
        {
            Coyote = new CoyoteSample(changes is null ? strategy ?? "random" : $"{strategy}, {most} changes", chosen) { PriorityChanges = most },
        };
    }

    private static SampleOptions? SampleOf(string? method, string? executions, string? seed, string? depth)
    {
        if (method is null)
        {
            var alone = executions is not null ? "--executions" : seed is not null ? "--seed" : depth is not null ? "--depth" : null;
            return alone is null ? null : throw new WrongInputException($"{alone} says how to sample, so it goes with --sample");
        }

        var drawn = method switch
        {
            "random" => SampleMethod.Random,
            "pct" => SampleMethod.Pct,
            "pos" => SampleMethod.Pos,
            _ => throw new WrongInputException($"--sample cannot be '{method}'; write random, pct or pos"),
        };
        if (depth is not null && drawn != SampleMethod.Pct)
        {
            throw new WrongInputException($"--depth is about PCT only, so it goes with --sample pct, not with --sample {method}");
        }

        return new SampleOptions(
            drawn,
            executions is null ? SampleOptions.UsualExecutions : Quantity.Count("--executions", executions),
            seed is null ? SampleOptions.UsualSeed : Quantity.Number("--seed", seed, 0, int.MaxValue))
        {
            Depth = depth is null ? SampleOptions.UsualDepth : Quantity.Number("--depth", depth, 1, MostDepth),
        };
    }

    private static DocumentedCommand Verify(Streams streams, CancellationToken stop)
    {
        var paths = new Argument<string[]>("PATH")
        {
            Description = "The patch, one or more files of C#, each on top of the one before; scenarios and folders of them, 'specs' when none is given.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var code = new UserCodeOptions();
        var variants = Repeated("--variant", "NAME", "Compare the variants of this name, with their patches and toggles below the patch; those without any unless given.");
        var kernel = Text("--kernel", "NAME|all", "Compare variants of this release; of the one that most of the scenarios are about unless given.");
        var format = Text("--format", "text|json", "Write the report for people or for programs; text unless given.");
        var output = Text("--output", "FILE", "Write the report to this file instead of the standard output.");
        var states = Text("--max-states", "N", "Give up on a variant after this many states.");
        var memory = Text("--max-memory", "SIZE", "The most memory that the patch's code and the search may take, such as 512M or 2G; a quarter of the machine's unless given.");
        var time = Text("--timeout", "TIME", "Give up on a variant after this time, such as 90 or 90s, 5m, 1h.");
        var workers = Text("--workers", "N", "Make this many comparisons at a time, as many as there are cores unless given.");
        var traces = Flag("--traces", "Show every interleaving that breaks something, not only the cheapest for each property.");
        var child = Flag("--child", "Take comparisons from the standard input; what this command does by itself.");
        child.Hidden = true;
        var command = new DocumentedCommand("verify", "Compare the kernel with a patch and without, in every scenario that comes to what it changes.")
        {
            Epilogue = """
                Examples:
                  thpcheck new patch my-fix
                  thpcheck verify my-fix.cs
                  thpcheck verify 0001-zap.cs 0002-rmap.cs specs/rmap
                  thpcheck verify my-fix.cs specs/rmap --patch delay-rmap-v1

                A scenario NAME.yaml beside NAME.cs is compared, too. Code that is not part of the tool runs in child
                processes with limits on memory and on the time between two steps. That is for mistakes: a patch from
                somebody's mail is code that runs with your rights.

                Exit codes (of several that apply, the first of 130, 2, 1, 3):
                  0    it breaks nothing in what was explored, which is all
                  1    it breaks what held without it
                  2    the command line, the patch or a scenario is wrong
                  3    not everything was explored, or something that is changed is in no scenario
                  130  interrupted; what was found is reported

                """,
        };
        command.Add(paths);
        foreach (var option in (Option[])[variants, kernel, .. code.All, format, output, states, memory, time, workers, traces, child])
        {
            command.Add(option);
        }

        command.SetAction(parsed =>
        {
            var given = parsed.GetValue(paths) ?? [];
            return VerifyCommand.Run(
                new VerifyOptions
                {
                    Code = code.Of(parsed) with { Series = [.. given.Where(Patching.UserCode.IsFile)] },
                    Scenarios = [.. given.Where(p => !Patching.UserCode.IsFile(p))],
                    Variants = parsed.GetValue(variants) ?? [],
                    Kernel = parsed.GetValue(kernel),
                    Format = FormatOf(parsed.GetValue(format), "text", "json"),
                    Output = parsed.GetValue(output),
                    Budget = new Budget
                    {
                        States = parsed.GetValue(states) is { } s ? Math.Min(Quantity.Count("--max-states", s), new Budget().States) : new Budget().States,
                        Bytes = parsed.GetValue(memory) is { } m ? Quantity.Bytes("--max-memory", m) : new Budget().Bytes,
                        Time = parsed.GetValue(time) is { } t ? Quantity.Time("--timeout", t) : new Budget().Time,
                        Workers = parsed.GetValue(child) ? 1 : parsed.GetValue(workers) is { } w ? Quantity.Workers("--workers", w) : Math.Min(Environment.ProcessorCount, Quantity.MostWorkers),
                    },
                    Traces = parsed.GetValue(traces),
                    InProcess = code.InProcess(parsed),
                    IsChild = parsed.GetValue(child),
                },
                streams,
                stop);
        });
        return command;
    }

    private static DocumentedCommand Gate(Streams streams, CancellationToken stop, CancellationToken hurry)
    {
        var paths = new Argument<string[]>("PATH") { Description = "Scenarios, or folders to look through for *.yaml; 'specs' when none is given.", Arity = ArgumentArity.ZeroOrMore };
        var diff = Text("--diff", "FILE|-", "A unified diff, what 'git format-patch' writes, or a mailbox of a series; - for the standard input.");
        var kernel = Text("--kernel", "DIR", "A tree of the kernel with the diff or without: whole functions are compared, not only what the hunks show.");
        var models = Repeated("--model", "PATCH.cs", "The model of the diff; may be given several times, each on top of the one before. It is verified.");
        var checkpatch = Flag("--checkpatch", "Write 'path:line: ERROR: ...' lines, as checkpatch.pl does.");
        var newOnly = Flag("--new-only", "Of a diff of the model, fail only on what is otherwise than in --baseline.");
        var baseline = Text("--baseline", "FILE", "What 'check --format json' wrote before.");
        var bisect = Flag("--bisect", "End with what 'git bisect run' understands: 125 where nothing can be told.");
        var noCache = Flag("--no-cache", "Of a diff of the model, explore everything again, not only what it reaches.");
        var inProcess = Flag("--in-process", "Run code that is not part of the tool in this process, without limits on it.");
        diff.Required = true;
        var command = new DocumentedCommand("gate", "Say what a diff means for the verdicts; a model that is out of date never passes.")
        {
            Epilogue = """
                Examples:
                  thpcheck gate --diff 0001-mm-rmap.patch
                  git format-patch --stdout origin.. | thpcheck gate --diff - --kernel .
                  thpcheck gate --diff series.mbox --model my-series.cs

                A diff of the kernel does not change the model. Each function that it touches and that is modelled is compared
                before and after: its locks, flushes, references, mapcounts, barriers and looks again, in order. A diff of the
                model or of scenarios checks what it reaches. docs/CI.md says more.

                Exit codes (of several that apply, the first of 130, 2, 1, 3):
                  0    the verdicts stand, or nothing that changes is modelled
                  1    the model that comes along breaks what held, or a scenario is not as expected
                  2    the command line or the diff is wrong
                  3    the model is out of date, or that cannot be told
                  130  interrupted

                """,
        };
        command.Add(paths);
        foreach (var option in (Option[])[diff, kernel, models, checkpatch, newOnly, baseline, bisect, noCache, inProcess])
        {
            command.Add(option);
        }

        command.SetAction(parsed =>
        {
            var budget = new Budget { Workers = Math.Min(Environment.ProcessorCount, Quantity.MostWorkers) };
            return GateCommand.Run(
                new GateOptions
                {
                    Diff = parsed.GetValue(diff)!,
                    Kernel = parsed.GetValue(kernel),
                    Models = parsed.GetValue(models) ?? [],
                    Scenarios = parsed.GetValue(paths) ?? [],
                    Checkpatch = parsed.GetValue(checkpatch),
                    InProcess = parsed.GetValue(inProcess),
                    Budget = budget,
                    Baseline = parsed.GetValue(newOnly) == (parsed.GetValue(baseline) is not null) ? parsed.GetValue(baseline)
                        : throw new WrongInputException("--new-only and --baseline go together: the one says what fails, the other what is new"),
                    Check = (scenarios, report) => CheckCommand.Run(
                        new CheckOptions { Paths = scenarios, Budget = budget, Cache = !parsed.GetValue(noCache), Format = report is null ? ReportFormat.Text : ReportFormat.Json, Output = report }, streams, stop, hurry),
                },
                streams,
                stop);
        });
        return command;
    }

    private static DocumentedCommand Merge(Streams streams)
    {
        var files = new Argument<string[]>("FILE") { Description = "Reports of 'check --format json', of all parts of one run.", Arity = ArgumentArity.OneOrMore };
        var command = new DocumentedCommand("merge", "Put the reports of a run's parts together.")
        {
            Epilogue = """
                Example:
                  thpcheck check --shard 1/2 --format json --output 1.json
                  thpcheck check --shard 2/2 --format json --output 2.json
                  thpcheck merge 1.json 2.json

                Exit codes: as of a run of 'thpcheck check' over everything; 2 also where a part is missing.

                """,
        };
        command.Add(files);
        command.SetAction(parsed => MergeCommand.Run(parsed.GetRequiredValue(files), streams));
        return command;
    }

    private static DocumentedCommand Drift(Streams streams)
    {
        var kernel = Text("--kernel", "DIR", "A tree of the kernel's source.");
        var since = Text("--since", "DIR", "An older tree, which the paths were written from: then its functions are compared with its own, not with the paths.");
        var release = Text("--release", "NAME", "Ask only of the paths of this release.");
        var verbose = Flag("--verbose", "Show everything that differs.");
        kernel.Required = true;
        var command = new DocumentedCommand("drift", "Say whether a kernel's functions still synchronise as their paths do.")
        {
            Epilogue = """
                Examples:
                  thpcheck drift --kernel ~/linux
                  thpcheck drift --kernel ~/linux-6.2 --since ~/linux-6.1 --release linux-6.1

                Compared are the locks, flushes, references, mapcounts, barriers and looks again of each modelled function, and its calls
                of others that are modelled, in the order of the source. A path leaves things out, so that a function may do
                more than its path; with --since it is told whether that is new.

                Exit codes: 0 all as declared, 1 some have drifted or are gone, 3 some do more or cannot be told, 2 the command line is wrong.

                """,
        };
        foreach (var option in (Option[])[kernel, since, release, verbose])
        {
            command.Add(option);
        }

        command.SetAction(parsed => DriftCommand.Run(new DriftOptions(parsed.GetValue(kernel)!, parsed.GetValue(since), parsed.GetValue(release), parsed.GetValue(verbose)), streams));
        return command;
    }

    private static DocumentedCommand Why(Streams streams, CancellationToken stop)
    {
        var paths = new Argument<string[]>("PATH") { Description = "Scenarios, or folders to look through for *.yaml; 'specs' when none is given.", Arity = ArgumentArity.ZeroOrMore };
        var variants = Repeated("--variant", "NAME", "Ask of the variants of this name; otherwise of the first of each scenario that is expected to hold.");
        var kernel = Text("--kernel", "NAME", "Ask only of variants on this release.");
        var only = Repeated("--only", "KIND", "Only these: lock, trylock, section, flush, wait, reference, deferral, check, order, barrier; may be given several times.");
        var sites = Repeated("--site", "PLACE", "Only this place, as the list calls it, with its interleaving step by step; may be given several times.");
        var schedule = Text("--schedule", "SCHEDULE", "Execute this schedule again, of one variant without one place.");
        var states = Text("--max-states", "N", "Leave a place undecided after this many states without it; 20 times as many as with it, and at least 200000, unless given.");
        var time = Text("--timeout", "TIME", "Leave a place undecided after this time, such as 90s or 5m.");
        var workers = Text("--workers", "N", "Try so many places at a time, as many as there are cores unless given; the answer does not depend on it.");
        var format = Text("--format", "text|json", "Write the report for people or for programs; text unless given.");
        var traces = Flag("--traces", "Show every interleaving step by step.");
        var verbose = Flag("--verbose", "Show every step of them.");
        var code = new UserCodeOptions();
        var command = new DocumentedCommand("why", "Say why each lock, flush, reference, check and order is there: what fails without it.")
        {
            Epilogue = $"""
                Examples:
                  thpcheck why specs/rmap/exit-against-kswapd.yaml
                  thpcheck why specs/rmap --only check --traces
                  thpcheck why specs/rmap/exit-against-kswapd.yaml --site mapped-under-lock

                Each place is taken away by itself and the scenarios in which it runs are explored again, the smallest first,
                until one fails that holds otherwise. A lock that is taken away is still believed to be held: trylocks succeed and
                the unlock does nothing. An order is tried by doing the step after the thread's next. docs/WHY.md says what
                that means for each kind.

                Exit codes: 0 every place was decided, 3 some were not, 2 the command line or a scenario is wrong, 130 interrupted.

                """,
        };
        command.Add(paths);
        foreach (var option in (Option[])[variants, kernel, only, sites, schedule, states, time, workers, format, traces, verbose, .. code.All])
        {
            command.Add(option);
        }

        command.SetAction(parsed => code.Run(parsed, streams, given => WhyCommand.Run(
            new WhyOptions
            {
                Paths = parsed.GetValue(paths) ?? [],
                Variants = parsed.GetValue(variants) ?? [],
                Kernel = parsed.GetValue(kernel),
                Kinds = parsed.GetValue(only) ?? [],
                Sites = parsed.GetValue(sites) ?? [],
                Schedule = parsed.GetValue(schedule),
                States = parsed.GetValue(states) is { } s ? Quantity.Count("--max-states", s) : null,
                Budget = new Budget
                {
                    Time = parsed.GetValue(time) is { } t ? Quantity.Time("--timeout", t) : new Budget().Time,
                    Workers = parsed.GetValue(workers) is { } w ? Quantity.Workers("--workers", w) : Math.Min(Environment.ProcessorCount, Quantity.MostWorkers),
                },
                Format = FormatOf(parsed.GetValue(format), "text", "json"),
                Traces = parsed.GetValue(traces),
                Verbose = parsed.GetValue(verbose),
                Code = given,
            },
            streams,
            stop)));
        return command;
    }

    private static DocumentedCommand Can(Streams streams, CancellationToken stop)
    {
        var scenario = new Argument<string>("SCENARIO") { Description = "The scenario's file." };
        var claim = new Argument<string>("CLAIM") { Description = "Events in the order that is claimed: 'thread: event; thread: event'." };
        var variants = Repeated("--variant", "NAME", "Only this variant, with the interleaving step by step; may be given several times.");
        var states = Text("--max-states", "N", "Give up on a variant after this many states.");
        var time = Text("--timeout", "TIME", "Give up on a variant after this time, such as 90s or 5m.");
        var verbose = Flag("--verbose", "Show every step of the interleaving.");
        var code = new UserCodeOptions();
        var command = new DocumentedCommand("can", "Say whether steps can happen in a certain order, and how.")
        {
            Epilogue = """
                Example:
                  thpcheck can specs/rmap/exit-against-kswapd.yaml \
                    'kswapd: folio_mapped = true; exit: anon_vma_free; kswapd: down_read_trylock'

                An event is an operation, such as down_read_trylock or READ_ONCE(folio.mapping), or a function, which happens
                when it returns; '= value' asks for what it returns. Other steps may come between the events.

                Exit codes: 0 possible in one of the variants at least, 1 impossible in all, 3 not decided, 2 wrong input, 130 interrupted.

                """,
        };
        command.Add(scenario);
        command.Add(claim);
        foreach (var option in (Option[])[variants, states, time, verbose, .. code.All])
        {
            command.Add(option);
        }

        command.SetAction(parsed => code.Run(parsed, streams, given => CanCommand.Run(
            new CanOptions(
                parsed.GetRequiredValue(scenario),
                parsed.GetRequiredValue(claim),
                parsed.GetValue(variants) ?? [],
                new Budget
                {
                    States = parsed.GetValue(states) is { } s ? Quantity.Count("--max-states", s) : new Budget().States,
                    Time = parsed.GetValue(time) is { } t ? Quantity.Time("--timeout", t) : new Budget().Time,
                },
                parsed.GetValue(verbose))
            {
                Code = given,
            },
            streams,
            stop)));
        return command;
    }

    private static DocumentedCommand Diff(Streams streams, CancellationToken stop)
    {
        var scenario = new Argument<string>("SCENARIO") { Description = "The scenario's file." };
        var one = new Argument<string>("VARIANT") { Description = "A variant in it." };
        var two = new Argument<string>("OTHER") { Description = "The variant that it is compared with." };
        var states = Text("--max-states", "N", "Give up on a variant after this many states.");
        var time = Text("--timeout", "TIME", "Give up on a variant after this time, such as 90s or 5m.");
        var workers = Text("--workers", "N", "Share the search among this many threads, as many as there are cores unless given; the answer does not depend on it.");
        var code = new UserCodeOptions();
        var command = new DocumentedCommand("diff", "Say how two variants behave differently though both hold.")
        {
            Epilogue = """
                Example:
                  thpcheck diff specs/rmap/exit-against-kswapd.yaml before final

                Compared are what memory can hold once all threads have ended, in the cells that both have, the steps and locks of
                each thread where nobody is in its way, and what each kernel function does. --patch and --toggle are for the second:
                'thpcheck diff FILE before before --patch mine.cs'.

                Exit codes: 0 no difference, 1 they differ, 3 not everything was explored, 2 wrong input, 130 interrupted.

                """,
        };
        foreach (var argument in (Argument[])[scenario, one, two])
        {
            command.Add(argument);
        }

        foreach (var option in (Option[])[states, time, workers, .. code.All])
        {
            command.Add(option);
        }

        command.SetAction(parsed => code.Run(parsed, streams, given => DiffCommand.Run(
            new DiffOptions(
                parsed.GetRequiredValue(scenario),
                parsed.GetRequiredValue(one),
                parsed.GetRequiredValue(two),
                new Budget
                {
                    States = parsed.GetValue(states) is { } s ? Quantity.Count("--max-states", s) : new Budget().States,
                    Time = parsed.GetValue(time) is { } t ? Quantity.Time("--timeout", t) : new Budget().Time,
                    Workers = parsed.GetValue(workers) is { } w ? Quantity.Workers("--workers", w) : Math.Min(Environment.ProcessorCount, Quantity.MostWorkers),
                })
            {
                Code = given,
            },
            streams,
            stop)));
        return command;
    }

    private static DocumentedCommand Replay(Streams streams)
    {
        var scenario = new Argument<string>("SCENARIO") { Description = "The scenario's file." };
        var variant = Text("--variant", "NAME", "The variant in it.");
        var schedule = Text("--schedule", "SCHEDULE", "The schedule as 'check' prints it: threads in the order of their steps, *n for n steps, #k for the k-th other choice; or the token, which names the steps, and fits a model that has changed elsewhere.");
        var format = Text("--format", "text|json", "Write the trace for people or for programs; text unless given.");
        var verbose = Flag("--verbose", "Show every step, and the state after each; what the step changed is starred.");
        var step = Flag("--step", "Walk through it in the terminal: forward, back, to the next switch, print an object; h lists what can be said.");
        var code = new UserCodeOptions();
        (variant.Required, schedule.Required) = (true, true);
        var command = new DocumentedCommand("replay", "Execute one schedule again and show what happens.")
        {
            Epilogue = """
                Example:
                  thpcheck replay specs/rmap/exit-against-kswapd.yaml --variant v1 --schedule 'exit*12,kswapd*5'

                Exit codes: 0 the schedule was replayed, 1 the model is at fault, 2 the scenario or the schedule is wrong.

                """,
        };
        command.Add(scenario);
        foreach (var option in (Option[])[variant, schedule, format, verbose, step, .. code.All])
        {
            command.Add(option);
        }

        command.SetAction(parsed => parsed.GetValue(step) && Guarded.Applies(code.Of(parsed), code.InProcess(parsed))
            ? throw new WrongInputException("--step asks what to do, which code in a process of its own cannot; with --in-process it runs in this one, without limits on it")
            : code.Run(parsed, streams, given => ReplayCommand.Run(
                new ReplayOptions(
                    parsed.GetRequiredValue(scenario), parsed.GetValue(variant)!, parsed.GetValue(schedule)!, parsed.GetValue(verbose), FormatOf(parsed.GetValue(format), "text", "json"), parsed.GetValue(step))
                {
                    Code = given,
                },
                streams)));
        return command;
    }

    private static DocumentedCommand Confirm(Streams streams, CancellationToken stop)
    {
        var file = new Argument<string>("FILE") { Description = "A certificate that 'check --certificate' wrote." };
        var scenario = Text("--scenario", "PATH", "Where its scenario is, when it is not where it was; the file must be the same.");
        var command = new DocumentedCommand("confirm", "Check a certificate without the search that led to it.")
        {
            Epilogue = """
                Example:
                  thpcheck check specs/rmap/exit-against-kswapd.yaml --variant v1 --certificate v1.txt
                  thpcheck confirm v1.txt

                Exit codes: 0 confirmed, 1 not confirmed, 2 the file is no certificate, is damaged, or is of another scenario, 130 interrupted.

                """,
        };
        command.Add(file);
        command.Add(scenario);
        command.SetAction(parsed => ConfirmCommand.Run(parsed.GetRequiredValue(file), parsed.GetValue(scenario), streams, stop));
        return command;
    }

    private static DocumentedCommand List(Streams streams)
    {
        var command = new DocumentedCommand("list", "List the names that scenarios and this command line use.")
        {
            Epilogue = """
                Examples:
                  thpcheck list scenarios specs/rmap
                  thpcheck list paths --kernel linux-6.1 --patch delay-rmap-v1

                """,
        };
        var folders = new Argument<string[]>("PATH") { Description = "Scenarios, or folders to look through; 'specs' when none is given.", Arity = ArgumentArity.ZeroOrMore };
        var scenarios = new Command("scenarios", "Scenarios with their variants.") { folders };
        scenarios.SetAction(parsed => ListCommand.Scenarios(parsed.GetValue(folders) ?? [], streams));
        var kernels = new Command("kernels", "Releases with the files that are modelled of them.");
        kernels.SetAction(_ => ListCommand.Kernels(streams));
        var patches = new Command("patches", "Patches and series that can be put on a release.");
        WithModels(patches, code => ListCommand.Patches(code.Library(runs: true), streams));
        var toggles = new Command("toggles", "Differences of a line that can be switched.");
        WithModels(toggles, code => ListCommand.AllToggles(code.Library(runs: true), streams));
        var kernel = Text("--kernel", "NAME", "The release; the latest unless given.");
        var patch = Repeated("--patch", "NAME", "A patch on top of it; may be given several times, in order.");
        var paths = new Command("paths", "Kernel functions that are modelled, with their source.") { kernel, patch };
        var release = default(string);
        WithModels(paths, code => ListCommand.Paths(release, code, streams), (parsed, code) =>
        {
            release = parsed.GetValue(kernel);
            return code with { Patches = parsed.GetValue(patch) ?? [] };
        });
        var properties = new Command("properties", "Properties with what they promise and what breaking them means.");
        WithModels(properties, code => ListCommand.Properties(code.Library(runs: true), streams));
        foreach (var what in (Command[])[scenarios, kernels, patches, toggles, paths, properties])
        {
            command.Add(what);
        }

        command.SetAction(new Func<ParseResult, int>(_ => throw new WrongInputException($"say what to list: {Reports.Prose.List([.. command.Subcommands.Select(c => c.Name)])}")));
        return command;

        void WithModels(Command what, Func<Patching.UserCode, int> list, Func<ParseResult, Patching.UserCode, Patching.UserCode>? more = null)
        {
            var models = new UserCodeOptions();
            foreach (var option in models.WithoutPatches)
            {
                what.Add(option);
            }

            what.SetAction(parsed =>
            {
                var code = more is null ? models.Of(parsed) : more(parsed, models.Of(parsed));
                return Guarded.Applies(code, models.InProcess(parsed)) ? Guarded.Run([.. parsed.Tokens.Select(t => t.Value)], VerifyCommand.MemoryOf(new Budget()), streams) : list(code);
            });
        }
    }

    private static DocumentedCommand New(Streams streams)
    {
        var command = new DocumentedCommand("new", "Write a file to begin with, which runs as it is.")
        {
            Epilogue = """
                Examples:
                  thpcheck new patch my-fix
                  thpcheck new scenario my-race

                """,
        };
        (string Name, string Description, Func<string, Streams, int> Write)[] kinds =
        [
            ("patch", "A file of C# that changes a function of the kernel.", NewCommand.Patch),
            ("scenario", "A question about an interleaving.", NewCommand.Scenario),
            ("property", "A promise about states, for a folder of --models.", NewCommand.Property),
            ("path", "A kernel file with a function, for a folder of --models.", NewCommand.Path),
        ];
        foreach (var (kind, description, write) in kinds)
        {
            var name = new Argument<string>("NAME") { Description = "Its name; the file in this folder is named after it." };
            var what = new Command(kind, description) { name };
            what.SetAction(parsed => write(parsed.GetRequiredValue(name), streams));
            command.Add(what);
        }

        command.SetAction(new Func<ParseResult, int>(_ => throw new WrongInputException($"say what to begin: {Reports.Prose.List([.. command.Subcommands.Select(c => c.Name)])}")));
        return command;
    }

    private static Option<string?> Text(string name, string value, string description) => new(name) { HelpName = value, Description = description };

    private static Option<string[]> Repeated(string name, string value, string description) =>
        new(name) { HelpName = value, Description = description, Arity = ArgumentArity.OneOrMore, AllowMultipleArgumentsPerToken = false };

    private static Option<bool> Flag(string name, string description) => new(name) { Description = description };

    private static ReportFormat FormatOf(string? text, params IReadOnlyList<string> names)
    {
        var name = text ?? "text";
        return names.Contains(name) && Enum.TryParse<ReportFormat>(name, ignoreCase: true, out var format)
            ? format
            : throw new WrongInputException($"--format cannot be '{text}'; write {string.Join(", ", names.SkipLast(1))} or {names[^1]}");
    }

    /// <summary>The usual help, then the command's examples.</summary>
    private sealed class HelpWithEpilogue(HelpAction usual, Streams streams) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            const int Width = 100;
            usual.MaxWidth = Width;
            usual.Invoke(parseResult);
            var lines = parseResult.InvocationConfiguration.Output.ToString()!.ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');
            foreach (var line in lines)
            {
                // The program goes by its own name, whatever process it runs in.
                streams.Out.WriteLine(line.TrimEnd().Replace($"  {RootCommand.ExecutableName} ", "  thpcheck ", StringComparison.Ordinal));
            }

            streams.Out.WriteLine();
            streams.Out.Write(parseResult.CommandResult.Command switch
            {
                DocumentedCommand command => command.Epilogue,
                RootCommand => ExitCodes.Help,
                _ => "",
            });
            return ExitCodes.AsExpected;
        }
    }

    private sealed class VersionAction(Streams streams) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            streams.Out.WriteLine($"thpcheck {typeof(CommandTree).Assembly.GetName().Version!.ToString(3)}");
            return ExitCodes.AsExpected;
        }
    }
}
