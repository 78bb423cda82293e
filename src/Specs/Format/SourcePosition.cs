namespace ThpCheck.Specs.Format;

/// <summary>A place in a file as editors count it. Line 1, column 1 is the first character; a column is one UTF-16 unit.</summary>
/// <remarks>The default, 0:0, is no place: nothing that was read from a file has it.</remarks>
public readonly record struct SourcePosition(int Line, int Column)
{
    /// <summary>The first character of a file, also used for what is wrong with a file as a whole.</summary>
    public static SourcePosition Start { get; } = new(1, 1);

    /// <summary><c>line:column</c></summary>
    public override string ToString() => $"{Line}:{Column}";

    /// <summary>The place that many characters further on the same line.</summary>
    internal SourcePosition Right(int characters) => this with { Column = Column + characters };

    /// <summary>The place right behind a text that starts a file.</summary>
    internal static SourcePosition Behind(ReadOnlySpan<char> text)
    {
        var line = text.Count('\n') + 1;
        return new(line, text.Length - (text.LastIndexOf('\n') + 1) + 1);
    }
}
