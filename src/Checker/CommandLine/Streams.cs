using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.CommandLine;

/// <summary>Where a command writes, and what looks at it.</summary>
/// <param name="Out">The report.</param>
/// <param name="Error">Errors, and how far a search is.</param>
internal sealed record Streams(TextWriter Out, TextWriter Error)
{
    /// <summary>The width of a report in characters, where no terminal has another.</summary>
    public const int UsualWidth = 140;

    public int Width { get; init; } = UsualWidth;

    /// <summary>What the user says, where a command asks.</summary>
    public TextReader In { get; init; } = TextReader.Null;

    /// <summary>Whether the report is in colour.</summary>
    public bool Colour { get; init; }

    /// <summary>Whether a search says how far it is.</summary>
    public bool Progress { get; init; }

    /// <summary>Where verdicts of earlier runs are kept, or null where they are not.</summary>
    public string? Verdicts { get; init; }

    /// <summary>The process's own: colour and progress on a terminal only, and no colour where NO_COLOR is set (no-color.org).</summary>
    public static Streams OfConsole()
    {
        const int Narrowest = 80;
        var noColour = !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
        return new(Console.Out, Console.Error)
        {
            In = Console.In,
            Width = Console.IsOutputRedirected ? UsualWidth : Math.Clamp(Console.WindowWidth, Narrowest, UsualWidth),
            Colour = !Console.IsOutputRedirected && !noColour,
            Verdicts = Caching.VerdictCache.UsualFolder,
            Progress = !Console.IsErrorRedirected && !Console.IsOutputRedirected,
        };
    }

    /// <summary>What is wrong, with its place where it has one.</summary>
    public static string Sentence(Diagnostic diagnostic) => diagnostic.Line == 0 ? $"thpcheck: {diagnostic.Message}" : diagnostic.ToString();

    /// <summary>Writes what is wrong.</summary>
    public void Write(Diagnostic diagnostic) => Error.WriteLine(Sentence(diagnostic));

    /// <summary>A file that takes a report.</summary>
    /// <exception cref="WrongInputException">It cannot be written.</exception>
    public static StreamWriter OpenReport(string path)
    {
        try
        {
            return new StreamWriter(path, append: false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new WrongInputException($"the report cannot be written to '{path}': {e.Message}");
        }
    }
}
