namespace ThpCheck.Checker.Drift;

/// <summary>Something a function does that has to do with other threads.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Name">The name that all have that do the same.</param>
/// <param name="Text">As it stands in the source: <c>spin_lock(&amp;mm->page_table_lock)</c>, or a path's <c>spin_lock</c>.</param>
/// <param name="Line">Where.</param>
internal readonly record struct SyncOperation(SyncKind Kind, string Name, string Text, int Line);

/// <summary>The synchronisation of C code, in the order of the source; what is inside a call's parentheses comes before the call.</summary>
internal static class SyncSequence
{
    /// <summary>What the code does.</summary>
    /// <param name="code">A function's body, or a part of it.</param>
    /// <param name="counts">What a call of a name counts as, or null.</param>
    public static IReadOnlyList<SyncOperation> Of(IReadOnlyList<CToken> code, Func<string, (SyncKind Kind, string Name)?> counts)
    {
        var found = new List<SyncOperation>();
        var open = new Stack<int>(); // of each parenthesis that is open, its index
        for (var at = 0; at < code.Count; at++)
        {
            if (code[at].Is("("))
            {
                open.Push(at);
            }
            else if (code[at].Is(")") && open.TryPop(out var from) && from > 0 && code[from - 1].Kind == CTokenKind.Name && counts(code[from - 1].Text) is var (kind, name))
            {
                found.Add(new SyncOperation(kind, name, TextOf(code, from - 1, at), code[from - 1].Line));
            }
        }

        // A call whose end is not shown is a call all the same.
        foreach (var at in open.Where(at => at > 0 && code[at - 1].Kind == CTokenKind.Name))
        {
            if (counts(code[at - 1].Text) is var (kind, name))
            {
                found.Add(new SyncOperation(kind, name, TextOf(code, at - 1, Math.Min(code.Count - 1, at + 8)), code[at - 1].Line));
            }
        }

        return found;
    }

    /// <summary>Code in one line, as the kernel writes it, and not too long.</summary>
    public static string TextOf(IReadOnlyList<CToken> code, int from, int to)
    {
        const int Most = 100;
        var text = new System.Text.StringBuilder();
        for (var at = from; at <= to && text.Length < Most; at++)
        {
            var isTight = at == from || code[at - 1] is { Text: "(" or "[" or "->" or "." or "!" or "~" } || code[at].Text is ")" or "]" or "," or ";" or "->" or "." or "["
                || (code[at].Is("(") && code[at - 1].Kind == CTokenKind.Name) || (code[at - 1].Text is "&" or "*" && at >= 2 && code[at - 2].Text is "(" or "," or "=");
            text.Append(isTight ? "" : " ").Append(code[at].Text);
        }

        return text.Length < Most ? text.ToString() : $"{text.ToString()[..(Most - 4)]} ...";
    }
}
