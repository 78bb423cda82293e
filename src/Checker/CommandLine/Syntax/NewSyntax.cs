using System.CommandLine;

namespace ThpCheck.Checker.CommandLine.Syntax;

/// <summary>The command line of <c>new</c>.</summary>
internal static class NewSyntax
{
    public static DocumentedCommand Command(Streams streams)
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
}
