using System.CommandLine;
using static ThpCheck.Checker.CommandLine.Syntax.Forms;

namespace ThpCheck.Checker.CommandLine.Syntax;

/// <summary>The command line of <c>new</c>.</summary>
internal static class NewSyntax
{
    public static DocumentedCommand Command(Streams streams, CancellationToken stop)
    {
        var command = new DocumentedCommand("new", "Write a file to begin with, which runs as it is.")
        {
            Epilogue = """
                Examples:
                  thpcheck new patch my-fix
                  thpcheck new patch my-fix --function rmap.folio_lock_anon_vma_read
                  thpcheck new patch my-fix --kernel linux-6.2 --diff 0001-mm-fix.patch
                  thpcheck new scenario my-race

                """,
        };
        (string Name, string Description, Func<string, Streams, int> Write)[] kinds =
        [
            ("scenario", "A question about an interleaving.", NewCommand.Scenario),
            ("property", "A promise about states, for a folder of --models.", NewCommand.Property),
            ("path", "A kernel file with a function, for a folder of --models.", NewCommand.Path),
        ];
        command.Add(Patch(streams, stop));
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

    private static Command Patch(Streams streams, CancellationToken stop)
    {
        var name = new Argument<string>("NAME") { Description = "Its name; the file in this folder is named after it." };
        var release = Text("--kernel", "NAME", "The kernel that it is for; linux-6.1 when none is given.");
        var functions = Repeated("--function", "FILE.FUNCTION", "A function to change, with its code as the model has it; may be given several times.");
        var diff = Text("--diff", "FILE|-", "Those that this diff of the kernel changes, with what it does to their synchronisation.");
        var tree = Text("--tree", "DIR", "A tree of the kernel with the diff or without, as 'gate --kernel' has it.");
        var command = new Command("patch", "A file of C# that changes functions of the kernel.") { name };
        command.AddAll([release, functions, diff, tree]);
        command.SetAction(parsed => NewPatchCommand.Run(
            new NewPatchOptions(parsed.GetRequiredValue(name), parsed.GetValue(release), parsed.GetValue(functions) ?? [], parsed.GetValue(diff), parsed.GetValue(tree)), streams, stop));
        return command;
    }
}
