namespace ThpCheck.Checker.Drift;

/// <summary>A function, or a macro with parameters, as it stands in a file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Body">What is between its braces, in order; of a macro, what it stands for.</param>
/// <param name="FirstLine">The line of its name.</param>
/// <param name="LastLine">The line it ends in.</param>
internal sealed record CFunction(string Name, IReadOnlyList<CToken> Body, int FirstLine, int LastLine)
{
    /// <summary>What its parameters are, with the parentheses; empty for a macro.</summary>
    public IReadOnlyList<CToken> Parameters { get; init; } = [];

    /// <summary>What stands before its name in that line: what it returns, and who sees it.</summary>
    public IReadOnlyList<CToken> Result { get; init; } = [];

    /// <summary>Whether its end was seen. Otherwise what it does cannot be told.</summary>
    public bool IsWhole { get; init; } = true;

    /// <summary>Whether only a part of it may be compiled.</summary>
    public bool HasConditions => Body.Any(t => t.Kind == CTokenKind.Directive);
}

/// <summary>
/// Finds the functions of a file. The kernel's style is relied upon where braces cannot be: with an <c>#ifdef</c> around them they need not
/// match, but the brace that ends a function stands in the first column, and no other in it does.
/// </summary>
internal static class CFunctions
{
    private static readonly string[] NoFunctions = ["if", "for", "while", "switch", "return", "sizeof", "do", "else"];

    private const int MostTokens = 4096; // in the head of a function, or in braces in the middle of lines

    /// <summary>The functions and macros of a file, in its order. One name may be there several times, for several configurations.</summary>
    public static IReadOnlyList<CFunction> In(IReadOnlyList<CToken> tokens)
    {
        var found = new List<CFunction>();
        for (var at = 0; at < tokens.Count; at++)
        {
            if (Macro(tokens[at]) is { } macro)
            {
                found.Add(macro);
            }
            else if (tokens[at].Is("{") && Head(tokens, at) is { } head)
            {
                var end = EndOf(tokens, at);
                var line = head;
                while (line > 0 && tokens[line - 1].Line == tokens[head].Line)
                {
                    line--;
                }

                found.Add(new CFunction(tokens[head].Text, new Slice(tokens, at + 1, Math.Max(at + 1, end)), tokens[head].Line, tokens[Math.Min(end, tokens.Count - 1)].Line)
                {
                    IsWhole = end < tokens.Count && tokens[end].Is("}"),
                    Parameters = new Slice(tokens, head + 1, at),
                    Result = new Slice(tokens, line, head),
                });
                at = end < tokens.Count && tokens[end].Is("}") ? end : end - 1;
            }
            else if (tokens[at].Is("{"))
            {
                // A struct, an initialiser: nothing inside is a function.
                var end = EndOf(tokens, at);
                if (end == tokens.Count)
                {
                    break;
                }

                at = tokens[end].Is("}") ? end : end - 1;
            }
        }

        return found;
    }

    /// <summary>The name of the function whose head this is; null where it is no head of one.</summary>
    /// <param name="tokens">Its first lines: as much as there is of its parameters.</param>
    public static string? NameIn(IReadOnlyList<CToken> tokens)
    {
        if (tokens is [{ Kind: CTokenKind.Directive } directive, ..])
        {
            return Macro(directive)?.Name;
        }

        for (var i = 1; i < tokens.Count && (tokens[i - 1].Kind == CTokenKind.Name || tokens[i - 1].Is("*") || tokens[i - 1].Is(")")); i++)
        {
            if (tokens[i].Is("(") && tokens[i - 1].Kind == CTokenKind.Name && !NoFunctions.Contains(tokens[i - 1].Text))
            {
                return IsSystemCall(tokens[i - 1].Text) && i + 1 < tokens.Count ? tokens[i + 1].Text : tokens[i - 1].Text;
            }
        }

        return null;
    }

    // The index of the name, with parameters between it and the brace; null where the brace begins no function.
    private static int? Head(IReadOnlyList<CToken> tokens, int brace)
    {
        for (var at = brace - 1; at > 0 && tokens[at].Is(")");)
        {
            var depth = 0;
            var open = at;
            for (; open >= 0 && at - open < MostTokens; open--)
            {
                depth += tokens[open].Is(")") ? 1 : tokens[open].Is("(") ? -1 : 0;
                if (depth == 0)
                {
                    break;
                }
            }

            if (depth != 0 || open < 1 || tokens[open - 1].Kind != CTokenKind.Name || NoFunctions.Contains(tokens[open - 1].Text))
            {
                return null;
            }

            if (IsSystemCall(tokens[open - 1].Text))
            {
                return open + 1;
            }

            if (open < 2 || !tokens[open - 2].Is(")"))
            {
                return open - 1;
            }

            at = open - 2; // what was looked at is an attribute, such as __must_hold(ptl)
        }

        return null;
    }

    // The index of the brace that ends what begins here, or of what cannot be in it any more.
    private static int EndOf(IReadOnlyList<CToken> tokens, int brace)
    {
        // One that begins and ends in the middle of lines is a line or two, and has no conditions in it.
        if (tokens[brace].Column > 0)
        {
            var depth = 0;
            for (var at = brace; at < tokens.Count && at - brace < MostTokens && tokens[at].Kind != CTokenKind.Directive; at++)
            {
                depth += tokens[at].Is("{") ? 1 : tokens[at].Is("}") ? -1 : 0;
                if (depth == 0)
                {
                    return at;
                }
            }
        }

        for (var at = brace + 1; at < tokens.Count; at++)
        {
            if (tokens[at].Column == 0 && (tokens[at].Is("}") || tokens[at].Is("{")))
            {
                return at;
            }
        }

        return tokens.Count;
    }

    private static CFunction? Macro(CToken token)
    {
        const string Define = "#define ";
        var text = token.Kind == CTokenKind.Directive ? token.Text.Replace("# define", "#define", StringComparison.Ordinal) : "";
        if (!text.StartsWith(Define, StringComparison.Ordinal))
        {
            return null;
        }

        var tokens = CTokens.In(text[Define.Length..], token.Line);
        if (tokens is not [{ Kind: CTokenKind.Name } name, { Text: "(", Column: var column }, ..] || column != name.Text.Length)
        {
            return null;
        }

        var close = 1;
        while (close < tokens.Count && !tokens[close].Is(")"))
        {
            close++;
        }

        return new CFunction(name.Text, new Slice(tokens, Math.Min(close + 1, tokens.Count), tokens.Count), token.Line, token.Line);
    }

    private static bool IsSystemCall(string name) => name.StartsWith("SYSCALL_DEFINE", StringComparison.Ordinal) || name.StartsWith("COMPAT_SYSCALL_DEFINE", StringComparison.Ordinal);

    /// <summary>A part of a list without a copy.</summary>
    private sealed class Slice(IReadOnlyList<CToken> of, int from, int to) : IReadOnlyList<CToken>
    {
        public int Count => to - from;

        public CToken this[int index] => of[from + index];

        public IEnumerator<CToken> GetEnumerator()
        {
            for (var i = from; i < to; i++)
            {
                yield return of[i];
            }
        }

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
