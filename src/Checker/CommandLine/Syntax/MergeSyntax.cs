using System.CommandLine;

namespace ThpCheck.Checker.CommandLine.Syntax;

/// <summary>The command line of <c>merge</c>.</summary>
internal static class MergeSyntax
{
    public static DocumentedCommand Command(Streams streams)
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
}
