using System.CommandLine;
using System.CommandLine.Parsing;
using ThpCheck.Checker.CommandLine.Syntax;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.CommandLine;

/// <summary>The program: a command line in, an exit code out. It never ends in a stack trace.</summary>
internal static class App
{
    /// <summary>Runs a command line.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="streams">Where it writes.</param>
    /// <param name="stop">Ends what is being searched; what was found is reported.</param>
    /// <param name="hurry">Ends the search for the cheapest interleavings of that, too.</param>
    public static int Run(IReadOnlyList<string> args, Streams streams, CancellationToken stop, CancellationToken hurry = default) =>
        args.Contains("--bisect") ? ExitCodes.ForBisect(RunOnce(args, streams, stop, hurry)) : RunOnce(args, streams, stop, hurry);

    private static int RunOnce(IReadOnlyList<string> args, Streams streams, CancellationToken stop, CancellationToken hurry)
    {
        using var stuck = Guarded.Watch(streams);
        try
        {
            var parsed = CommandTree.Build(streams, stop, hurry).Parse(args, new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null });
            // The only output that is not our own is the help, which takes it from there.
            var configuration = new InvocationConfiguration
            {
                Output = new StringWriter(),
                Error = streams.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            };
            return Mistake(parsed) is { } mistake ? throw new WrongInputException(mistake) : parsed.Invoke(configuration);
        }
        catch (PatchException e)
        {
            foreach (var diagnostic in e.Diagnostics)
            {
                streams.Error.WriteLine(diagnostic.Line == 0 ? $"thpcheck: {diagnostic.Message}" : diagnostic.ToString());
            }

            return ExitCodes.WrongInput;
        }
        catch (WrongInputException e)
        {
            streams.Error.WriteLine($"thpcheck: {e.Message}");
            return ExitCodes.WrongInput;
        }
        catch (Exception e) // whatever it is, it is a defect, and the user is told so in a line
        {
            var where = e.TargetSite is { } method ? $" in {method.DeclaringType?.Name}.{method.Name}" : "";
            streams.Error.WriteLine($"thpcheck: internal error: {e.GetType().Name}{where}: {e.Message.ReplaceLineEndings(" ")}; please report it with the command line and the scenario");
            return ExitCodes.Defect;
        }
    }

    // What is wrong with a command line, in a sentence; null when nothing is.
    private static string? Mistake(ParseResult parsed)
    {
        if (parsed.Action is { ClearsParseErrors: true })
        {
            return null;
        }

        var help = $"'thpcheck {CommandsOf(parsed.CommandResult)}--help' names them";
        var arguments = parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(a => a.Tokens).Select(t => t.Value);
        if (arguments.Concat(parsed.UnmatchedTokens).FirstOrDefault(t => t.Length > 1 && t.StartsWith('-')) is { } option)
        {
            var names = parsed.CommandResult.Command.Options.Select(o => o.Name);
            return $"no option '{option}'.{NearestName.Hint(option, names)} {help}";
        }

        if (parsed.UnmatchedTokens is [var unknown, ..])
        {
            var commands = parsed.CommandResult.Command.Subcommands.Select(c => c.Name).ToArray();
            return commands.Length == 0 ? $"'{unknown}' is one argument too many" : $"no command '{unknown}'.{NearestName.Hint(unknown, commands)} {help}";
        }

        return parsed.Errors is [var error, ..] ? Sentence(error.Message) : null;
    }

    private static string CommandsOf(CommandResult command) =>
        command.Parent is CommandResult parent ? $"{CommandsOf(parent)}{command.Command.Name} " : "";

    private static string Sentence(string message) => char.ToLowerInvariant(message[0]) + message[1..].TrimEnd('.');
}
