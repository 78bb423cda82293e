using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace ThpCheck.Checker.Patching;

/// <summary>What code of the model, and a patch is that, may not use; the lists are part of the program.</summary>
internal sealed class BannedSymbols
{
    private readonly Dictionary<ISymbol, string> _symbols = new(SymbolEqualityComparer.Default);
    private readonly List<(string Namespace, string Sentence)> _namespaces = [];
    private readonly HashSet<string> _allowed = ["System.Threading.Tasks"]; // its own bans say more

    /// <summary>The lists, resolved in a compilation.</summary>
    public BannedSymbols(Compilation compilation)
    {
        foreach (var line in Lines("Model.BannedSymbols.txt").Concat(Lines("Patching.BannedSymbols.txt")))
        {
            var end = line.IndexOf(';', StringComparison.Ordinal);
            var (id, sentence) = (line[..end], line[(end + 1)..]);
            if (id.StartsWith("N:", StringComparison.Ordinal))
            {
                _namespaces.Add((id[2..], sentence));
            }
            else if (DocumentationCommentId.GetFirstSymbolForDeclarationId(id, compilation) is { } symbol)
            {
                _symbols.TryAdd(symbol, sentence);
            }
        }
    }

    /// <summary>What a tree uses all the same, each with its sentence.</summary>
    public IEnumerable<(Location Where, string Id, string Sentence)> In(SemanticModel model, SyntaxNode root)
    {
        foreach (var node in root.DescendantNodes())
        {
            if (node is LockStatementSyntax statement)
            {
                yield return (statement.LockKeyword.GetLocation(), "THP005", "A path waits in the model's primitives only; await a lock of the model.");
            }
            else if (node is SimpleNameSyntax name && model.GetSymbolInfo(name).Symbol is { } symbol && Banned(symbol) is { } sentence)
            {
                yield return (name.GetLocation(), "THP005", $"'{name.Identifier.ValueText}' is not for paths. {sentence}");
            }
            else if (node is FieldDeclarationSyntax field && MutableField(model, field) is { } variable)
            {
                yield return (variable.Identifier.GetLocation(), "THP003",
                    $"'{variable.Identifier.ValueText}' can change and is no part of the state; keep what changes in cells, and make the rest readonly, collections immutable.");
            }
        }
    }

    private string? Banned(ISymbol symbol)
    {
        symbol = symbol.OriginalDefinition;
        if (symbol is INamespaceSymbol)
        {
            return null;
        }

        var type = symbol as ITypeSymbol ?? symbol.ContainingType;
        if (_symbols.TryGetValue(symbol, out var sentence) || (type is not null && _symbols.TryGetValue(type.OriginalDefinition, out sentence)))
        {
            return sentence;
        }

        var space = type?.ContainingNamespace?.ToDisplayString() ?? "";
        return _allowed.Contains(space) ? null
            : _namespaces.FirstOrDefault(n => space == n.Namespace || space.StartsWith($"{n.Namespace}.", StringComparison.Ordinal)).Sentence;
    }

    // An object of the model is the same in every state: what it holds may not change.
    private static VariableDeclaratorSyntax? MutableField(SemanticModel model, FieldDeclarationSyntax field)
    {
        var variable = field.Declaration.Variables[0];
        return model.GetDeclaredSymbol(variable) switch
        {
            IFieldSymbol { IsReadOnly: false, IsConst: false, IsStatic: false, ContainingType: var type } when IsModelObject(type) => variable,
            IFieldSymbol { IsReadOnly: true, IsStatic: true, Type: var type } when IsMutableCollection(type) => variable,
            _ => null,
        };
    }

    // StaticStateAnalyzer looks at these in classes with paths only.
    private static bool IsMutableCollection(ITypeSymbol type) => type is IArrayTypeSymbol
        || (type.ContainingNamespace?.ToDisplayString() is "System.Collections" or "System.Collections.Generic" or "System.Collections.Concurrent"
            && !type.Name.StartsWith("IReadOnly", StringComparison.Ordinal) && !type.Name.StartsWith("IEnumerable", StringComparison.Ordinal));

    private static bool IsModelObject(INamedTypeSymbol? type)
    {
        for (; type is not null; type = type.BaseType)
        {
            if (type.ToDisplayString() == "ThpCheck.Model.Stepping.ModelObject")
            {
                return true;
            }
        }

        return false;
    }

    private static IEnumerable<string> Lines(string resource) =>
        EmbeddedText.Read(resource).Split('\n').Where(line => line.Length > 0 && !line.StartsWith("//", StringComparison.Ordinal));
}
