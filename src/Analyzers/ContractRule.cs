using Microsoft.CodeAnalysis;

namespace ThpCheck.Analyzers;

/// <summary>What all rules of the contract share: their category, and that breaking one is an error.</summary>
internal static class ContractRule
{
    /// <summary>A rule of the contract.</summary>
    /// <param name="id">THP and three digits; forms of one rule share it.</param>
    /// <param name="title">The rule as a promise.</param>
    /// <param name="message">One sentence with what would fix it.</param>
    public static DiagnosticDescriptor Create(string id, string title, string message) =>
        new(id, title, message, "Coroutine contract", DiagnosticSeverity.Error, isEnabledByDefault: true);
}
