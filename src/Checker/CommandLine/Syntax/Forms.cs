using System.CommandLine;

namespace ThpCheck.Checker.CommandLine.Syntax;

/// <summary>The forms that options and arguments have.</summary>
internal static class Forms
{
    /// <summary>An option with a value.</summary>
    public static Option<string?> Text(string name, string value, string description) => new(name) { HelpName = value, Description = description };

    /// <summary>An option with a value that may be given several times.</summary>
    public static Option<string[]> Repeated(string name, string value, string description) =>
        new(name) { HelpName = value, Description = description, Arity = ArgumentArity.OneOrMore, AllowMultipleArgumentsPerToken = false };

    /// <summary>An option without a value.</summary>
    public static Option<bool> Flag(string name, string description) => new(name) { Description = description };

    /// <summary>Scenarios and folders of them.</summary>
    public static Argument<string[]> ScenarioPaths(string description = "Scenarios, or folders to look through for *.yaml; 'specs' when none is given.") =>
        new("PATH") { Description = description, Arity = ArgumentArity.ZeroOrMore };

    /// <summary>Gives a command options, in the order of its help.</summary>
    public static void AddAll(this Command command, params IEnumerable<Option> options)
    {
        foreach (var option in options)
        {
            command.Add(option);
        }
    }

    /// <summary>A report's format by its name.</summary>
    /// <exception cref="WrongInputException">It is none of the names.</exception>
    public static ReportFormat FormatOf(string? text, params IReadOnlyList<string> names)
    {
        var name = text ?? "text";
        return names.Contains(name) && Enum.TryParse<ReportFormat>(name, ignoreCase: true, out var format)
            ? format
            : throw new WrongInputException($"--format cannot be '{text}'; write {string.Join(", ", names.SkipLast(1))} or {names[^1]}");
    }
}
