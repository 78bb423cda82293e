namespace ThpCheck.Checker.Drift;

/// <summary>What a piece of C is.</summary>
internal enum CTokenKind
{
    /// <summary>An identifier or a keyword.</summary>
    Name,

    Number,

    /// <summary>A string or a character.</summary>
    Text,

    Punctuation,

    /// <summary>A line of the preprocessor with the lines that continue it, blanks as one.</summary>
    Directive,
}

/// <summary>A piece of C. Comments and blanks are none.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">As written.</param>
/// <param name="Line">Its line, from 1.</param>
/// <param name="Column">Its place in the line, from 0.</param>
internal readonly record struct CToken(CTokenKind Kind, string Text, int Line, int Column)
{
    public bool Is(string text) => Kind != CTokenKind.Text && Text == text;
}

/// <summary>
/// Takes C apart. It knows nothing of types and expands nothing, so that it gets through macros, both sides of an <c>#ifdef</c> and what it
/// has never seen: anything it does not know is punctuation. It never fails, and takes time and memory in proportion to the text.
/// </summary>
internal static class CTokens
{
    private static readonly string[] Long = ["<<=", ">>=", "...", "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "+=", "-=", "*=", "/=", "%=", "&=", "^=", "|=", "##"];

    /// <summary>The pieces of a text.</summary>
    /// <param name="text">A file, or some lines of one.</param>
    /// <param name="firstLine">The number of its first line.</param>
    public static IReadOnlyList<CToken> In(string text, int firstLine = 1)
    {
        var tokens = new List<CToken>();
        var (at, line, lineStart, isLineStart) = (0, firstLine, 0, true);
        while (at < text.Length)
        {
            var c = text[at];
            if (c == '\n')
            {
                (line, lineStart, isLineStart) = (line + 1, at + 1, true);
                at++;
            }
            else if (char.IsWhiteSpace(c) || (c == '\\' && Next(text, at + 1) is '\n' or '\r'))
            {
                at++;
            }
            else if (c == '/' && Next(text, at + 1) is '/' or '*')
            {
                var end = text[at + 1] == '/' ? EndOfLine(text, at) : text.IndexOf("*/", at + 2, StringComparison.Ordinal) is >= 0 and var close ? close + 2 : text.Length;
                Count(text, at, end, ref line, ref lineStart);
                at = end;
            }
            else
            {
                var end = End(text, at, isLineStart, out var kind);
                var piece = text[at..end];
                tokens.Add(new CToken(kind, kind == CTokenKind.Directive ? Squeezed(piece) : piece, line, at - lineStart));
                Count(text, at, end, ref line, ref lineStart);
                (at, isLineStart) = (end, false);
            }
        }

        return tokens;
    }

    private static int End(string text, int at, bool isLineStart, out CTokenKind kind)
    {
        var c = text[at];
        if (c == '#' && isLineStart)
        {
            kind = CTokenKind.Directive;
            return EndOfDirective(text, at);
        }

        if (IsNameStart(c))
        {
            kind = CTokenKind.Name;
            return EndWhile(text, at, static d => IsNameStart(d) || char.IsAsciiDigit(d));
        }

        if (char.IsAsciiDigit(c))
        {
            kind = CTokenKind.Number;
            return EndWhile(text, at, static d => char.IsAsciiLetterOrDigit(d) || d is '.' or '_');
        }

        if (c is '"' or '\'')
        {
            kind = CTokenKind.Text;
            return EndOfText(text, at);
        }

        kind = CTokenKind.Punctuation;
        foreach (var many in Long)
        {
            if (string.CompareOrdinal(text, at, many, 0, many.Length) == 0)
            {
                return at + many.Length;
            }
        }

        return at + 1;
    }

    // A quote that is not closed ends with its line: in the text of an #error, say.
    private static int EndOfText(string text, int at)
    {
        for (var i = at + 1; i < text.Length && text[i] != '\n'; i++)
        {
            if (text[i] == '\\' && Next(text, i + 1) is not '\0')
            {
                i++;
            }
            else if (text[i] == text[at])
            {
                return i + 1;
            }
        }

        return EndOfLine(text, at);
    }

    // A comment that begins in its last line is not part of it, as that may go on below.
    private static int EndOfDirective(string text, int at)
    {
        for (var i = at; i < text.Length; i++)
        {
            if (text[i] == '/' && Next(text, i + 1) is '/' or '*')
            {
                return i;
            }

            if (text[i] == '\n' && text[i - 1] != '\\' && !(text[i - 1] == '\r' && text[i - 2] == '\\'))
            {
                return i;
            }
        }

        return text.Length;
    }

    private static void Count(string text, int from, int to, ref int line, ref int lineStart)
    {
        for (var i = text.IndexOf('\n', from, to - from); i >= 0; i = text.IndexOf('\n', i + 1, to - i - 1))
        {
            (line, lineStart) = (line + 1, i + 1);
        }
    }

    private static string Squeezed(string text) => string.Join(' ', text.Split([' ', '\t', '\r', '\n', '\\'], StringSplitOptions.RemoveEmptyEntries));

    private static int EndWhile(string text, int at, Func<char, bool> goesOn)
    {
        while (at < text.Length && goesOn(text[at]))
        {
            at++;
        }

        return at;
    }

    private static int EndOfLine(string text, int at) => text.IndexOf('\n', at) is >= 0 and var end ? end : text.Length;

    private static char Next(string text, int at) => at < text.Length ? text[at] : '\0';

    private static bool IsNameStart(char c) => char.IsAsciiLetter(c) || c == '_';
}
