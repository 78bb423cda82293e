using ThpCheck.Checker.Drift;

namespace ThpCheck.Checker.Gate;

/// <summary>Code that a diff changes, before and after, all of it in one function or none of it in any.</summary>
/// <param name="File">The file's name after the diff, or before it where it goes.</param>
/// <param name="Function">The function, as far as this can be told; null where it is outside of functions.</param>
/// <param name="Line">The first line that is changed, in the file after.</param>
/// <param name="Before">The code before, as far as it is known.</param>
/// <param name="After">The code after.</param>
internal sealed record TouchedCode(string File, string? Function, int Line, IReadOnlyList<CToken> Before, IReadOnlyList<CToken> After)
{
    /// <summary>Whether that is the whole function.</summary>
    public bool IsWhole { get; init; }

    /// <summary>Of each function of the file, before and after, those in the file that name it; null where only hunks are known.</summary>
    public ILookup<string, string>? Callers { get; init; }

    /// <summary>Why it is not known what is changed, or null.</summary>
    public string? Unknown { get; init; }
}
