using System.CommandLine;
using static ThpCheck.Checker.CommandLine.Syntax.Forms;

namespace ThpCheck.Checker.CommandLine.Syntax;

/// <summary>The command line of <c>can</c>.</summary>
internal static class CanSyntax
{
    public static DocumentedCommand Command(Streams streams, CancellationToken stop)
    {
        var scenario = new Argument<string>("SCENARIO") { Description = "The scenario's file." };
        var claim = new Argument<string>("CLAIM") { Description = "Events in the order that is claimed: 'thread: event; thread: event'." };
        var variants = Repeated("--variant", "NAME", "Only this variant, with the interleaving step by step; may be given several times.");
        var budget = new BudgetSyntax(workers: null);
        var verbose = Flag("--verbose", "Show every step of the interleaving.");
        var code = new UserCodeSyntax();
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
        command.AddAll([variants, .. budget.All, verbose, .. code.All]);
        command.SetAction(parsed => code.Run(parsed, streams, given => CanCommand.Run(
            new CanOptions(
                parsed.GetRequiredValue(scenario),
                parsed.GetRequiredValue(claim),
                parsed.GetValue(variants) ?? [],
                budget.Of(parsed),
                parsed.GetValue(verbose))
            {
                Code = given,
            },
            streams,
            stop)));
        return command;
    }
}
