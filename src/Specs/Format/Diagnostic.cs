using ThpCheck.Model.Stepping;

namespace ThpCheck.Specs.Format;

/// <summary>What is wrong in a file: one sentence, where, and, where it can be told, what would fix it.</summary>
public sealed record Diagnostic(string File, int Line, int Column, string Message)
{
    /// <summary>The kernel bug that the set-up meets; none where something else is wrong.</summary>
    public KernelBug Bug { get; init; }

    /// <summary><c>file:line:column: message</c>, which editors and terminals turn into a link.</summary>
    public override string ToString() => $"{File}:{Line}:{Column}: {Message}";
}
