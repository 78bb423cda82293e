using static ThpCheck.Checker.CommandLine.Syntax.Forms;

namespace ThpCheck.Checker.CommandLine.Syntax;

/// <summary>The command line of <c>why</c>.</summary>
internal static class WhySyntax
{
    public static DocumentedCommand Command(Streams streams, CancellationToken stop)
    {
        var paths = ScenarioPaths();
        var variants = Repeated("--variant", "NAME", "Ask of the variants of this name; otherwise of the first of each scenario that is expected to hold.");
        var kernel = Text("--kernel", "NAME", "Ask only of variants on this release.");
        var only = Repeated("--only", "KIND", "Only these: lock, trylock, section, flush, wait, reference, deferral, check, order, barrier; may be given several times.");
        var sites = Repeated("--site", "PLACE", "Only this place, as the list calls it, with its interleaving step by step; may be given several times.");
        var schedule = Text("--schedule", "SCHEDULE", "Execute this schedule again, of one variant without one place.");
        var states = Text("--max-states", "N", "Leave a place undecided after this many states without it; 20 times as many as with it, and at least 200000, unless given.");
        var budget = new BudgetSyntax(
            states: null,
            time: "Leave a place undecided after this time, such as 90 or 90s, 5m, 1h.",
            workers: "Try so many places at a time, as many as there are cores unless given; the answer does not depend on it.");
        var format = Text("--format", "text|json", "Write the report for people or for programs; text unless given.");
        var traces = Flag("--traces", "Show every interleaving step by step.");
        var verbose = Flag("--verbose", "Show every step of them.");
        var code = new UserCodeSyntax();
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
        command.AddAll([variants, kernel, only, sites, schedule, states, .. budget.All, format, traces, verbose, .. code.All]);
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
                Budget = budget.Of(parsed),
                Format = FormatOf(parsed.GetValue(format), "text", "json"),
                Traces = parsed.GetValue(traces),
                Verbose = parsed.GetValue(verbose),
                Code = given,
            },
            streams,
            stop)));
        return command;
    }
}
