using System.CommandLine;
using static ThpCheck.Checker.CommandLine.Syntax.Forms;

namespace ThpCheck.Checker.CommandLine.Syntax;

/// <summary>The command line of <c>replay</c>.</summary>
internal static class ReplaySyntax
{
    public static DocumentedCommand Command(Streams streams)
    {
        var scenario = new Argument<string>("SCENARIO") { Description = "The scenario's file." };
        var variant = Text("--variant", "NAME", "The variant in it.");
        var schedule = Text("--schedule", "SCHEDULE", "The schedule as 'check' prints it: threads in the order of their steps, *n for n steps, #k for the k-th other choice; or the token, which names the steps, and fits a model that has changed elsewhere.");
        var format = Text("--format", "text|json", "Write the trace for people or for programs; text unless given.");
        var verbose = Flag("--verbose", "Show every step, and the state after each; what the step changed is starred.");
        var step = Flag("--step", "Walk through it in the terminal: forward, back, to the next switch, print an object; h lists what can be said.");
        var code = new UserCodeSyntax();
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
        command.AddAll([variant, schedule, format, verbose, step, .. code.All]);
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
}
