using ThpCheck.Checker.Drift;

namespace ThpCheck.Checker.Gate;

/// <summary>What a change of code means for a model of it.</summary>
internal enum ChangeVerdict
{
    /// <summary>Nothing that a model could have changes.</summary>
    Stands,

    /// <summary>Its synchronisation changes.</summary>
    Changed,

    /// <summary>Its synchronisation is the same, but what is between may matter.</summary>
    CannotTell,
}

/// <summary>What a change comes to.</summary>
/// <param name="Verdict">What it means.</param>
/// <param name="Why">In a part of a sentence.</param>
/// <param name="Gone">The synchronisation that goes, in order.</param>
/// <param name="New">The one that comes.</param>
internal sealed record CodeChange(ChangeVerdict Verdict, string Why, IReadOnlyList<SyncOperation> Gone, IReadOnlyList<SyncOperation> New)
{
    /// <summary>All of the synchronisation in its order, with a sign as in a diff.</summary>
    public IReadOnlyList<(char Sign, SyncOperation Operation)> Sequence { get; init; } = [];

    // What these do is nothing to a model: they print, count, or tell the compiler.
    private static readonly string[] Harmless =
    [
        "likely", "unlikely", "sizeof", "typeof", "VM_WARN_ON", "VM_WARN_ON_ONCE", "pr_debug", "pr_info", "pr_warn", "pr_err", "printk", "count_vm_event", "count_vm_events", "count_vm_tlb_event",
        "lockdep_assert_held", "might_sleep", "might_alloc", "cond_resched", "BUILD_BUG_ON", "EXPORT_SYMBOL", "EXPORT_SYMBOL_GPL", "__acquires", "__releases", "__must_hold",
    ];

    private static readonly string[] Flow = ["if", "else", "for", "while", "do", "switch", "case", "default", "goto", "return", "break", "continue"];

    private static readonly string[] Types = ["int", "long", "short", "char", "unsigned", "signed", "bool", "void", "struct", "const", "pte_t", "pmd_t", "pud_t", "spinlock_t", "u64", "u32"];

    /// <summary>Compares code before and after.</summary>
    /// <param name="before">Before.</param>
    /// <param name="after">After.</param>
    /// <param name="counts">What a call counts as.</param>
    public static CodeChange Of(IReadOnlyList<CToken> before, IReadOnlyList<CToken> after, Func<string, (SyncKind Kind, string Name)?> counts)
    {
        if (before.Select(t => t.Text).SequenceEqual(after.Select(t => t.Text)))
        {
            return new(ChangeVerdict.Stands, "its code is the same but for comments and blanks", [], []);
        }

        var (one, other) = (SyncSequence.Of(before, counts), SyncSequence.Of(after, counts));
        if (Difference.Of([.. one.Select(o => o.Text)], [.. other.Select(o => o.Text)]) is not var (gone, @new))
        {
            return new(ChangeVerdict.CannotTell, "too much of it changes to compare", [], []);
        }

        if (gone.Count + @new.Count > 0)
        {
            return new(ChangeVerdict.Changed, "its synchronisation changes", [.. gone.Select(i => one[i])], [.. @new.Select(i => other[i])]) { Sequence = Merged(one, gone, other, @new) };
        }

        var (statements, others) = (Statements(before), Statements(after));
        if (Difference.Of([.. statements.Select(Text)], [.. others.Select(Text)]) is not var (left, come))
        {
            return new(ChangeVerdict.CannotTell, "too much of it changes to compare", [], []);
        }

        var same = one.Count == 0 ? "it does not synchronise in what is shown" : "it synchronises as before";
        foreach (var statement in left.Select(i => statements[i]).Concat(come.Select(i => others[i])))
        {
            if (Matters(statement) is { } what)
            {
                return new(ChangeVerdict.CannotTell, $"{same}, but {what}: {Shown(statement)}", [], []);
            }
        }

        return left.Count + come.Count == 0
            ? new(ChangeVerdict.CannotTell, $"{same}, but statements change places", [], [])
            : new(ChangeVerdict.Stands, $"{same}, and what changes is declared, printed or counted: {Shown(come.Count > 0 ? others[come[0]] : statements[left[0]])}", [], []);
    }

    private static List<(char Sign, SyncOperation Operation)> Merged(IReadOnlyList<SyncOperation> one, IReadOnlyList<int> gone, IReadOnlyList<SyncOperation> other, IReadOnlyList<int> @new)
    {
        var (left, come) = (gone.ToHashSet(), @new.ToHashSet());
        var merged = new List<(char, SyncOperation)>();
        for (var (i, j) = (0, 0); i < one.Count || j < other.Count;)
        {
            if (left.Contains(i))
            {
                merged.Add(('-', one[i++]));
            }
            else if (come.Contains(j))
            {
                merged.Add(('+', other[j++]));
            }
            else
            {
                merged.Add((' ', other[j++]));
                i++;
            }
        }

        return merged;
    }

    // Null where it does not.
    private static string? Matters(IReadOnlyList<CToken> statement)
    {
        if (statement.Any(t => t.Kind == CTokenKind.Directive))
        {
            return statement[0].Text.StartsWith("#include", StringComparison.Ordinal) ? null : "a line of the preprocessor changes";
        }

        if (statement.Any(t => t.Kind == CTokenKind.Name && Flow.Contains(t.Text)) || statement is [{ Kind: CTokenKind.Name }, { Text: ":" }, ..])
        {
            return "where it goes on changes";
        }

        for (var i = 0; i + 1 < statement.Count; i++)
        {
            if (statement[i].Kind == CTokenKind.Name && statement[i + 1].Is("(") && !Harmless.Contains(statement[i].Text) && !statement[i].Text.StartsWith("trace_", StringComparison.Ordinal))
            {
                return $"{statement[i].Text}() is called, of which nothing is known";
            }
        }

        if (statement.Any(t => t.Text is "->" or "[" or "."))
        {
            return "memory is used otherwise";
        }

        if (statement.Any(t => t.Is("static") || t.Is("volatile")))
        {
            return "what is declared outlives the call or is seen by others";
        }

        // Which statements are in a block is not seen in the statements, so that a brace is not harmless where it is another's end.
        if (statement is [{ Text: "{" or "}" }])
        {
            return "a block begins or ends elsewhere";
        }

        // A declaration, or nothing.
        return statement is [{ Text: ";" }]
            || (Types.Contains(statement[0].Text) && statement.All(t => t.Kind == CTokenKind.Name || t.Text is "*" or "," or ";"))
            || IsHarmlessCall(statement)
            ? null
            : "a value changes";
    }

    private static bool IsHarmlessCall(IReadOnlyList<CToken> statement) => statement.Count > 1 && statement[0].Kind == CTokenKind.Name && statement[1].Is("(")
        && !statement.Any(t => t.Text is "=" or "++" or "--" || (t.Text.Length > 1 && t.Kind == CTokenKind.Punctuation && t.Text.EndsWith('=') && t.Text is not ("==" or "!=" or "<=" or ">=")));

    private static List<IReadOnlyList<CToken>> Statements(IReadOnlyList<CToken> code)
    {
        var found = new List<IReadOnlyList<CToken>>();
        var statement = new List<CToken>();
        var depth = 0;
        foreach (var token in code)
        {
            if (token.Kind == CTokenKind.Directive)
            {
                End();
                found.Add([token]);
                continue;
            }

            statement.Add(token);
            depth = Math.Max(0, depth + (token.Is("(") ? 1 : token.Is(")") ? -1 : 0));
            if ((token.Is(";") && depth == 0) || token.Is("{") || token.Is("}"))
            {
                End();
            }
        }

        End();
        return found;

        void End()
        {
            if (statement.Count > 0)
            {
                found.Add(statement);
                (statement, depth) = ([], 0);
            }
        }
    }

    private static string Text(IReadOnlyList<CToken> statement) => string.Join(' ', statement.Select(t => t.Text));

    private static string Shown(IReadOnlyList<CToken> statement) => SyncSequence.TextOf(statement, 0, statement.Count - 1);
}
