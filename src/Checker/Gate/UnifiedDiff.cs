using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using ThpCheck.Checker.CommandLine;

namespace ThpCheck.Checker.Gate;

/// <summary>A line of a hunk.</summary>
/// <param name="Sign">A blank: it stays; <c>-</c>: it goes; <c>+</c>: it comes.</param>
/// <param name="Text">The line.</param>
internal readonly record struct DiffLine(char Sign, string Text);

/// <summary>A hunk of a diff.</summary>
/// <param name="OldStart">Its first line in the file before, from 1.</param>
/// <param name="NewStart">Its first line in the file after.</param>
/// <param name="Section">What stands behind the second <c>@@</c>: the head of the function that it begins in.</param>
/// <param name="Lines">Its lines.</param>
/// <param name="Number">Where it is in the diff.</param>
internal sealed record DiffHunk(int OldStart, int NewStart, string Section, IReadOnlyList<DiffLine> Lines, int Number);

/// <summary>What a diff does to a file.</summary>
/// <param name="Before">Its name before, from the root of the tree; null for a file that is new.</param>
/// <param name="After">Its name after; null for one that goes.</param>
/// <param name="Number">Where it is in the diff.</param>
internal sealed record DiffFile(string? Before, string? After, int Number)
{
    /// <summary>Its name.</summary>
    public string Name => After ?? Before!;

    public bool IsBinary { get; set; }

    /// <summary>Whether there is more of it than is kept. What it does cannot be told then.</summary>
    public bool IsTooLarge { get; set; }

    /// <summary>Whether there is more than its header.</summary>
    public bool HasHunks { get; set; }

    /// <summary>How many lines of it were wanted.</summary>
    public int KeptLines { get; set; }

    /// <summary>What is kept of it.</summary>
    public List<DiffHunk> Hunks { get; } = [];
}

/// <summary>
/// Reads a unified diff, what <c>git format-patch</c> writes, or a mailbox of it. Around the diffs there may be anything; how long a hunk
/// is, its header says, so that no line of it is taken for something else. One file of the diff is in memory at a time.
/// </summary>
internal sealed partial class UnifiedDiff
{
    private const int MostLines = 200_000; // of a file; the largest of the kernel's that somebody wrote has a tenth

    private readonly MailLines _lines;
    private readonly string _name;
    private readonly Func<string, bool> _isKept;
    private readonly HashSet<int> _patches = []; // of a series, those that are here
    private int _series; // how many there are

    /// <param name="text">The diff.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="isKept">Which files' hunks are wanted, by name.</param>
    public UnifiedDiff(TextReader text, string name, Func<string, bool> isKept)
    {
        _lines = new MailLines(text, name);
        _name = name;
        _isKept = isKept;
    }

    /// <summary>How many mails have been read.</summary>
    public int Mails { get; private set; }

    /// <summary>The subject of the first mail that has one, without what is in brackets; or null.</summary>
    public string? Subject { get; private set; }

    /// <summary>Once all is read: the patches of a series that are missing in a mailbox of several, by number.</summary>
    public IReadOnlyList<int> Missing => Mails < 2 ? [] : [.. Enumerable.Range(1, _series).Where(i => !_patches.Contains(i))];

    /// <summary>What it does, file by file.</summary>
    /// <exception cref="WrongInputException">It is no diff, ends in the middle, or names what is outside of the tree.</exception>
    public IEnumerable<DiffFile> Files()
    {
        DiffFile? file = null;
        string? before = null;
        var (any, inHeader, wasHunk) = (false, false, false);
        for (var line = _lines.Next(); line is not null; line = _lines.Next())
        {
            // A header that was not kept in step with its hunk would hide the rest of it.
            if (wasHunk && line is [' ' or '+' or '-', ..] && line is not ("--" or "-- " or "---") && !line.StartsWith("--- ", StringComparison.Ordinal))
            {
                throw Wrong($"'{Short(line)}' is more than the header of the hunk above says, of {file!.Name}; is the diff damaged?");
            }

            wasHunk &= line.StartsWith('\\');
            if (line.StartsWith("diff --git ", StringComparison.Ordinal))
            {
                if (file is not null)
                {
                    yield return file;
                }

                any = true;
                file = OfGit(line);
                before = null;
            }
            else if (line.StartsWith("--- ", StringComparison.Ordinal) && !inHeader)
            {
                before = line;
            }
            else if (line.StartsWith("+++ ", StringComparison.Ordinal) && before is not null)
            {
                var named = new DiffFile(NameIn(before[4..], 'a'), NameIn(line[4..], 'b'), _lines.Number);
                if (named is { Before: null, After: null })
                {
                    throw Wrong("the diff names no file");
                }

                if (file is { HasHunks: true } || (file is not null && file.Name != named.Name))
                {
                    yield return file;
                }

                (file, any, before) = (named, true, null);
            }
            else if (line.StartsWith("@@ ", StringComparison.Ordinal) && file is not null)
            {
                Hunk(line, file);
                wasHunk = true;
            }
            else if (line.StartsWith("@@@ ", StringComparison.Ordinal) || line.StartsWith("diff --cc ", StringComparison.Ordinal))
            {
                throw Wrong("this is the diff of a merge against several parents; 'git show --first-parent' writes one against one");
            }
            else if (file is not null && (line.StartsWith("Binary files ", StringComparison.Ordinal) || line == "GIT binary patch"))
            {
                file.IsBinary = true;
            }
            else if (file is not null && Renamed().Match(line) is { Success: true } rename)
            {
                var name = Checked(Unquoted(rename.Groups[2].Value));
                file = rename.Groups[1].Value == "from" ? file with { Before = name } : file with { After = name };
            }
            else if (file is { HasHunks: false } && line.StartsWith("new file mode", StringComparison.Ordinal))
            {
                file = file with { Before = null };
            }
            else if (file is { HasHunks: false } && line.StartsWith("deleted file mode", StringComparison.Ordinal))
            {
                file = file with { After = null };
            }
            else if (MailLines.IsFrom(line))
            {
                if (file is not null)
                {
                    yield return file;
                }

                (file, before, inHeader) = (null, null, true);
                Mails++;
            }
            else if (inHeader || (!any && file is null))
            {
                inHeader &= line.Length > 0;
                Header(line);
            }
        }

        if (file is not null)
        {
            yield return file;
        }

        if (!any)
        {
            throw new WrongInputException($"{_name} has no diff in it; 'git format-patch' and 'git diff' write one");
        }
    }

    private void Header(string line)
    {
        if (line.StartsWith("Subject:", StringComparison.OrdinalIgnoreCase))
        {
            if (PatchOf().Match(line) is { Success: true } number && int.TryParse(number.Groups[2].Value, NumberStyles.None, null, out var of) && of is > 0 and < 10_000)
            {
                _series = Math.Max(_series, of);
                _patches.Add(int.Parse(number.Groups[1].Value, NumberStyles.None, null));
            }

            Subject ??= Brackets().Replace(line["Subject:".Length..], "").Trim();
        }
    }

    // diff --git a/mm/rmap.c b/mm/rmap.c; what follows says it again, unless the file is binary, empty or only renamed.
    private DiffFile OfGit(string line)
    {
        var names = line["diff --git ".Length..];
        var half = names.Length / 2;
        var (before, after) = names.Length % 2 == 1 && names[half] == ' ' && names[..half].Length > 2 && names[2..half] == names[(half + 3)..]
            ? (names[..half], names[(half + 1)..])
            : names.Split(" b/") is [var first, .. var rest] && rest.Length > 0 ? (first, $"b/{string.Join(" b/", rest)}") : (names, names);
        return new DiffFile(NameIn(before, 'a'), NameIn(after, 'b'), _lines.Number);
    }

    private void Hunk(string header, DiffFile file)
    {
        var number = _lines.Number;
        var match = HunkHeader().Match(header);
        if (!match.Success || !Count(match.Groups[1], 1, out var oldStart) || !Count(match.Groups[2], 1, out var before) || !Count(match.Groups[3], 1, out var newStart) || !Count(match.Groups[4], 1, out var after))
        {
            throw Wrong($"'{Short(header)}' is no header of a hunk");
        }

        var isKept = !file.IsTooLarge && (_isKept(file.Name) || (file.Before is { } old && _isKept(old)));
        var lines = new List<DiffLine>();
        while (before > 0 || after > 0)
        {
            if (_lines.Next() is not { } line)
            {
                throw new WrongInputException($"{_name} ends in the middle of a hunk of {file.Name}, which begins in line {number}; is it truncated?");
            }

            var sign = line.Length == 0 ? ' ' : line[0]; // some mail programs cut the blank off an empty line
            if (sign == '\\')
            {
                continue; // no newline at end of file
            }

            (before, after) = sign switch
            {
                ' ' or '\t' => (before - 1, after - 1),
                '-' => (before - 1, after),
                '+' => (before, after - 1),
                _ => throw Wrong($"'{Short(line)}' is no line of the hunk of {file.Name} that begins in line {number}; is the diff damaged?"),
            };
            if (before < 0 || after < 0)
            {
                throw Wrong($"the hunk of {file.Name} that begins in line {number} has other lines than its header says; is the diff damaged?");
            }

            if (isKept)
            {
                file.IsTooLarge |= ++file.KeptLines > MostLines || line.Length >= BoundedLines.MostCharacters;
                if (!file.IsTooLarge)
                {
                    lines.Add(new DiffLine(sign == '\t' ? ' ' : sign, sign == '\t' || line.Length == 0 ? line : line[1..]));
                }
            }
        }

        file.HasHunks = true;
        if (isKept && !file.IsTooLarge)
        {
            file.Hunks.Add(new DiffHunk(oldStart, newStart, match.Groups[5].Value.Trim(), lines, number));
        }
    }

    private static bool Count(Group digits, int otherwise, out int count)
    {
        count = otherwise;
        return !digits.Success || int.TryParse(digits.Value, NumberStyles.None, CultureInfo.InvariantCulture, out count);
    }

    // The kernel's folders.
    private static readonly HashSet<string> Folders =
    [
        "arch", "block", "certs", "crypto", "Documentation", "drivers", "fs", "include", "init", "io_uring", "ipc", "kernel", "lib", "mm", "net", "rust", "samples", "scripts", "security", "sound", "tools", "usr",
        "virt",
    ];

    // The name in a line that begins with --- or +++; null for /dev/null.
    private string? NameIn(string text, char prefix)
    {
        var name = Unquoted(text.Split('\t')[0].TrimEnd());
        if (name == "/dev/null")
        {
            return null;
        }

        return Checked(name.Length > 2 && name[0] == prefix && name[1] == '/' ? name[2..] : InTree(name));
    }

    // Without what 'patch -p1' takes away: quilt writes linux-6.1.orig/mm/rmap.c, and git i/mm/rmap.c and w/mm/rmap.c if it is told to.
    private static string InTree(string name) =>
        name.Split('/', 3) is [var first, var second, _] && !Folders.Contains(first) && Folders.Contains(second) ? name[(first.Length + 1)..] : name;

    private string Checked(string name) =>
        name.Length == 0 || name.StartsWith('/') || name.Contains('\0', StringComparison.Ordinal) || name.Contains('\\', StringComparison.Ordinal) || (name.Length > 1 && name[1] == ':')
        || name.Split('/').Any(part => part is ".." or "." or "")
            ? throw Wrong($"the name '{Short(name)}' is none of a file in the tree")
            : name;

    // git quotes names that have other characters than the usual, as C does.
    private static string Unquoted(string name)
    {
        if (name.Length < 2 || name[0] != '"' || name[^1] != '"')
        {
            return name;
        }

        var bytes = new List<byte>();
        for (var at = 1; at < name.Length - 1; at++)
        {
            if (name[at] == '\\' && at + 3 < name.Length - 1 && name[at + 1] is >= '0' and <= '3')
            {
                bytes.Add((byte)(((name[at + 1] - '0') << 6) | ((name[at + 2] - '0') << 3) | (name[at + 3] - '0')));
                at += 3;
            }
            else
            {
                bytes.AddRange(Encoding.UTF8.GetBytes(name[at] == '\\' ? name[++at].ToString() : name[at].ToString()));
            }
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }

    private WrongInputException Wrong(string what) => new($"{_name}:{_lines.Number}: {what}");

    private static string Short(string text)
    {
        const int Most = 80;
        var clean = new string([.. text.Take(Most).Select(c => c == '\t' ? ' ' : char.IsControl(c) ? '?' : c)]);
        return text.Length > Most ? $"{clean}..." : clean;
    }

    [GeneratedRegex(@"^@@ -([0-9]+)(?:,([0-9]+))? \+([0-9]+)(?:,([0-9]+))? @@(.*)$")]
    private static partial Regex HunkHeader();

    [GeneratedRegex("^rename (from|to) (.+)$")]
    private static partial Regex Renamed();

    [GeneratedRegex(@"\[[^\]]*\b([0-9]{1,4})/([0-9]{1,4})\]")]
    private static partial Regex PatchOf();

    [GeneratedRegex(@"\[[^\]]*\]")]
    private static partial Regex Brackets();
}
