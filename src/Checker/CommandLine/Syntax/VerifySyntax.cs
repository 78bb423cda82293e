using static ThpCheck.Checker.CommandLine.Syntax.Forms;

namespace ThpCheck.Checker.CommandLine.Syntax;

/// <summary>The command line of <c>verify</c>.</summary>
internal static class VerifySyntax
{
    public static DocumentedCommand Command(Streams streams, CancellationToken stop)
    {
        var paths = ScenarioPaths("The patch, one or more files of C#, each on top of the one before; scenarios and folders of them, 'specs' when none is given.");
        var code = new UserCodeSyntax();
        var variants = Repeated("--variant", "NAME", "Compare the variants of this name, with their patches and toggles below the patch; those without any unless given.");
        var kernel = Text("--kernel", "NAME|all", "Compare variants of this release; of the one that most of the scenarios are about unless given.");
        var format = Text("--format", "text|json", "Write the report for people or for programs; text unless given.");
        var output = Text("--output", "FILE", "Write the report to this file instead of the standard output.");
        var budget = new BudgetSyntax(
            memory: "The most memory that the patch's code and the search may take, such as 512M or 2G; a quarter of the machine's unless given.",
            workers: "Make this many comparisons at a time, as many as there are cores unless given.");
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
        command.AddAll([variants, kernel, .. code.All, format, output, .. budget.All, traces, child]);
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
                    Budget = parsed.GetValue(child) ? budget.Of(parsed) with { Workers = 1 } : budget.Of(parsed),
                    Traces = parsed.GetValue(traces),
                    InProcess = code.InProcess(parsed),
                    IsChild = parsed.GetValue(child),
                },
                streams,
                stop);
        });
        return command;
    }
}
