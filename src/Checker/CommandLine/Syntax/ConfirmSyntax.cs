using System.CommandLine;
using static ThpCheck.Checker.CommandLine.Syntax.Forms;

namespace ThpCheck.Checker.CommandLine.Syntax;

/// <summary>The command line of <c>confirm</c>.</summary>
internal static class ConfirmSyntax
{
    public static DocumentedCommand Command(Streams streams, CancellationToken stop)
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
}
