using System.Text;
using ThpCheck.Checker.Drift;

namespace ThpCheck.Checker.Gate;

/// <summary>
/// Takes the hunks of a file apart by function, as far as a diff alone shows: before and after each for itself, as a line that stays may
/// come to be in another function. A hunk begins in the function that its header names; in the kernel's style whatever begins in the
/// first column ends it, but for labels, braces and lines of the preprocessor.
/// </summary>
internal static class HunkSplitter
{
    /// <summary>What the hunks change.</summary>
    public static IReadOnlyList<TouchedCode> Split(DiffFile file)
    {
        var found = new Dictionary<string, Touched>(StringComparer.Ordinal);
        var (before, after) = (new Side(), new Side());
        foreach (var hunk in file.Hunks)
        {
            // git takes the name from the file before. Where it is still the last one that was seen, nothing began in between.
            // A prototype, or EXPORT_SYMBOL(), is no function, and what is whole in its line has ended.
            var section = hunk.Section.EndsWith(';') || hunk.Section.EndsWith('}') ? null : CFunctions.NameIn(CTokens.In(hunk.Section));
            if (section is null || section != before.LastHead)
            {
                (before.Function, before.LastHead, after.Function, after.LastHead) = (section, section, section, section);
            }

            var lines = hunk.Lines;
            var (in1, in2) = (before.FunctionsOf(lines, '+'), after.FunctionsOf(lines, '-'));
            var ends = new Dictionary<string, (StringBuilder Before, StringBuilder After)>(StringComparer.Ordinal);
            var number = hunk.NewStart;
            for (var i = 0; i < lines.Count; i++)
            {
                var (sign, text) = lines[i];
                foreach (var function in new[] { sign == '+' ? null : in1[i], sign == '-' ? null : in2[i] }.OfType<string>().Distinct())
                {
                    if (!found.TryGetValue(function, out var touched))
                    {
                        found.Add(function, touched = new Touched());
                    }

                    if (!ends.TryGetValue(function, out var texts))
                    {
                        ends.Add(function, texts = (new StringBuilder(), new StringBuilder()));
                    }

                    if ((sign != ' ' || in1[i] != in2[i]) && touched.Line == 0)
                    {
                        touched.Line = Math.Max(1, number);
                    }

                    Append(texts.Before, sign != '+' && in1[i] == function, text);
                    Append(texts.After, sign != '-' && in2[i] == function, text);
                }

                number += sign == '-' ? 0 : 1;
            }

            foreach (var (function, texts) in ends)
            {
                found[function].Before.AddRange(CTokens.In(WithoutTail(texts.Before.ToString()), hunk.OldStart));
                found[function].After.AddRange(CTokens.In(WithoutTail(texts.After.ToString()), hunk.NewStart));
            }
        }

        return
        [
            .. found.Where(f => f.Value.Line > 0)
                .Select(f => new TouchedCode(file.Name, f.Key.Length == 0 ? null : f.Key, f.Value.Line, f.Value.Before, f.Value.After))
                .OrderBy(t => t.Line),
        ];
    }

    private static void Append(StringBuilder to, bool isThere, string text)
    {
        if (isThere)
        {
            to.Append(text).Append('\n');
        }
    }

    // A hunk may begin inside of a comment, whose begin it does not show.
    private static string WithoutTail(string text)
    {
        var close = text.IndexOf("*/", StringComparison.Ordinal);
        var open = text.IndexOf("/*", StringComparison.Ordinal);
        if (close < 0 || (open >= 0 && open < close))
        {
            return text;
        }

        var tail = text[..(close + 2)];
        return tail.Split('\n').All(l => l.TrimStart().StartsWith('*')) ? new string([.. tail.Select(c => c == '\n' ? '\n' : ' ')]) + text[(close + 2)..] : text;
    }

    private sealed class Touched
    {
        public int Line { get; set; }

        public List<CToken> Before { get; } = [];

        public List<CToken> After { get; } = [];
    }

    /// <summary>The file before, or after, as far as its hunks were read.</summary>
    private sealed class Side
    {
        /// <summary>The function that the last line was in; null outside of functions.</summary>
        public string? Function { get; set; }

        /// <summary>The function that began last.</summary>
        public string? LastHead { get; set; }

        /// <summary>The function of each line, empty outside of functions; of lines that are not on this side, null.</summary>
        public string?[] FunctionsOf(IReadOnlyList<DiffLine> lines, char others)
        {
            var functions = new string?[lines.Count];
            var isFirst = true; // nothing in the first column yet
            string? macro = null; // whose definition goes on in the next line
            for (var i = 0; i < lines.Count; i++)
            {
                var (sign, text) = lines[i];
                if (sign == others)
                {
                    continue;
                }

                if (macro is not null || text.StartsWith('#'))
                {
                    // A macro with parameters is as good as a function, and may lie inside of one.
                    functions[i] = macro ?? CFunctions.NameIn(CTokens.In(text)) ?? Function ?? "";
                    macro = text.EndsWith('\\') ? functions[i] : null;
                    continue;
                }

                // A macro whose name the hunk does not show.
                if (text.EndsWith('\\'))
                {
                    functions[i] = macro = "";
                    continue;
                }

                var what = Meaning(text);
                if (what is { Head: not null } or { IsOutside: true })
                {
                    // The function that the header names had ended before the hunk began.
                    for (var j = 0; isFirst && j < i; j++)
                    {
                        functions[j] = functions[j] == Function ? "" : functions[j];
                    }

                    (Function, LastHead) = (what.Head, what.Head ?? LastHead);
                }

                functions[i] = Function ?? "";
                isFirst &= what is { Head: null, IsOutside: false, IsEnd: false };
                Function = what.IsEnd ? null : Function;
            }

            return functions;
        }

        private static (string? Head, bool IsOutside, bool IsEnd) Meaning(string text)
        {
            if (text.Length == 0 || char.IsWhiteSpace(text[0]) || text[0] is '{' or '/' or '*')
            {
                return default;
            }

            if (text[0] == '}')
            {
                return (null, false, true);
            }

            var tokens = CTokens.In(text);
            var isLabel = tokens is [{ Kind: CTokenKind.Name }, { Text: ":" }, ..];
            var isPrototype = tokens.Count > 0 && tokens[^1].Is(";");
            return isLabel || tokens.Count == 0 ? default : CFunctions.NameIn(tokens) is { } name && !isPrototype ? (name, false, false) : (null, true, false);
        }
    }
}
