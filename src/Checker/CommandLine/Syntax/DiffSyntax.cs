using System.CommandLine;

namespace ThpCheck.Checker.CommandLine.Syntax;

/// <summary>The command line of <c>diff</c>.</summary>
internal static class DiffSyntax
{
    public static DocumentedCommand Command(Streams streams, CancellationToken stop)
    {
        var scenario = new Argument<string>("SCENARIO") { Description = "The scenario's file." };
        var one = new Argument<string>("VARIANT") { Description = "A variant in it." };
        var two = new Argument<string>("OTHER") { Description = "The variant that it is compared with." };
        var budget = new BudgetSyntax();
        var code = new UserCodeSyntax();
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

        command.AddAll([.. budget.All, .. code.All]);
        command.SetAction(parsed => code.Run(parsed, streams, given => DiffCommand.Run(
            new DiffOptions(
                parsed.GetRequiredValue(scenario),
                parsed.GetRequiredValue(one),
                parsed.GetRequiredValue(two),
                budget.Of(parsed))
            {
                Code = given,
            },
            streams,
            stop)));
        return command;
    }
}
