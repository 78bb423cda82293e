using ThpCheck.Checker.Exploration;
using static ThpCheck.Checker.CommandLine.Syntax.Forms;

namespace ThpCheck.Checker.CommandLine.Syntax;

/// <summary>The command line of <c>gate</c>.</summary>
internal static class GateSyntax
{
    public static DocumentedCommand Command(Streams streams, CancellationToken stop, CancellationToken hurry)
    {
        var paths = ScenarioPaths();
        var diff = Text("--diff", "FILE|-", "A unified diff, what 'git format-patch' writes, or a mailbox of a series; - for the standard input.");
        var kernel = Text("--kernel", "DIR", "A tree of the kernel with the diff or without: whole functions are compared, not only what the hunks show.");
        var release = Text("--release", "NAME", "The release whose model is meant; otherwise that of the tree or linux-6.1, where it has what changes.");
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
        command.AddAll([diff, kernel, release, models, checkpatch, newOnly, baseline, bisect, noCache, inProcess]);
        command.SetAction(parsed =>
        {
            var budget = new Budget { Workers = Quantity.UsualWorkers };
            return GateCommand.Run(
                new GateOptions
                {
                    Diff = parsed.GetValue(diff)!,
                    Kernel = parsed.GetValue(kernel),
                    Release = parsed.GetValue(release),
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
}
