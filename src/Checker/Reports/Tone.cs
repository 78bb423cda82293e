using Spectre.Console;

namespace ThpCheck.Checker.Reports;

/// <summary>What a piece of a report is, for a terminal that has colours.</summary>
internal enum Tone
{
    Plain,
    Heading,
    Good,
    Bad,
    Warning,
    Faint,
}

/// <summary>Where a text report goes: lines of text, in colour only where a person looks at them.</summary>
/// <remarks>Lines end in \n on every system, so that reports can be compared.</remarks>
internal sealed class Paper
{
    private readonly TextWriter _writer;
    private readonly IAnsiConsole? _colours; // null: text alone

    public Paper(TextWriter writer, int width, bool colour)
    {
        const int Endless = 10_000; // lines are broken here, not by the console
        _writer = writer;
        Width = width;
        if (colour)
        {
            _colours = AnsiConsole.Create(new AnsiConsoleSettings
            {
                Ansi = AnsiSupport.Yes,
                ColorSystem = ColorSystemSupport.Standard,
                Interactive = InteractionSupport.No,
                Out = new AnsiConsoleOutput(writer),
            });
            _colours.Profile.Width = Endless;
        }
    }

    /// <summary>The widest a line should be, in characters.</summary>
    public int Width { get; }

    public void Write(string text, Tone tone = Tone.Plain)
    {
        if (_colours is null || tone == Tone.Plain || text.Length == 0)
        {
            _writer.Write(text);
        }
        else
        {
            _colours.Write(text, StyleOf(tone));
        }
    }

    public void WriteLine(string text = "", Tone tone = Tone.Plain)
    {
        Write(text, tone);
        _writer.Write('\n');
    }

    /// <summary>Writes prose, broken at blanks, each line behind the indent.</summary>
    public void WriteProse(string text, int indent, Tone tone = Tone.Plain)
    {
        foreach (var line in Prose.Wrap(text, Width - indent))
        {
            WriteLine(new string(' ', indent) + line, tone);
        }
    }

    private static Style StyleOf(Tone tone) => tone switch
    {
        Tone.Heading => new Style(decoration: Decoration.Bold),
        Tone.Good => new Style(Color.Green),
        Tone.Bad => new Style(Color.Red, decoration: Decoration.Bold),
        Tone.Warning => new Style(Color.Olive),
        _ => new Style(Color.Grey),
    };
}
