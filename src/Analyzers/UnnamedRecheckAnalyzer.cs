using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Diagnostics;

namespace ThpCheck.Analyzers;

/// <summary>
/// THP005: a second look has a name. A path that reads a cell it has read before, and branches on it, re-checks something; with
/// <c>Checks("...")</c> around it, 'thpcheck why' can switch it off and say what it is for.
/// </summary>
/// <remarks>
/// Information, no error: a loop or a second use that is no re-check looks the same. Two reads are of one cell where they are of the same
/// expression, by whichever operation; a function that returns a bool reads what it is given. A branch is a condition, or a
/// condition on the variable that the read was stored in.
/// </remarks>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class UnnamedRecheckAnalyzer : DiagnosticAnalyzer
{
    private static readonly DiagnosticDescriptor Rule = new(
        "THP005", "A second look has a name",
        "'{0}' was looked at before and decides a branch here; if that is a re-check, name it, Checks(\"...\") && ..., so that 'thpcheck why' can say what it is for.",
        "Coroutine contract", DiagnosticSeverity.Info, isEnabledByDefault: true);

    private static readonly ImmutableHashSet<string> Reads = ["load", "READ_ONCE", "smp_load_acquire", "atomic_read", "test_bit", "list_count"];

    private static readonly ImmutableHashSet<string> Names = ["Checks", "Toggle"];

    // A function of one of these does more than look.
    private static readonly string[] Acts = ["lock", "try", "get", "put", "dec", "inc", "clear", "set_", "add", "remove", "free", "alloc"];

    /// <inheritdoc />
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [Rule];

    /// <inheritdoc />
    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.RegisterSyntaxNodeAction(CheckMethod, SyntaxKind.MethodDeclaration);
    }

    private static void CheckMethod(SyntaxNodeAnalysisContext context)
    {
        var method = (MethodDeclarationSyntax)context.Node;
        if (!method.Modifiers.Any(SyntaxKind.AsyncKeyword))
        {
            return;
        }

        var seen = new HashSet<string>();
        foreach (var read in method.DescendantNodes().OfType<AwaitExpressionSyntax>())
        {
            if (read.Expression is InvocationExpressionSyntax call && LookedAt(call, context) is { } what
                && !seen.Add(what) && Condition(read, method) is { } condition && !IsNamed(condition))
            {
                context.ReportDiagnostic(Diagnostic.Create(Rule, read.GetLocation(), call.ToString()));
            }
        }
    }

    // The cell that a read is of, as written; null where the call is no read.
    private static string? LookedAt(InvocationExpressionSyntax call, SyntaxNodeAnalysisContext context)
    {
        var name = call.Expression switch
        {
            MemberAccessExpressionSyntax member => member.Name.Identifier.ValueText,
            SimpleNameSyntax simple => simple.Identifier.ValueText,
            _ => "",
        };
        if (Reads.Contains(name))
        {
            return string.Join(", ", call.ArgumentList.Arguments);
        }

        return context.SemanticModel.GetTypeInfo(call, context.CancellationToken).Type is INamedTypeSymbol { Arity: 1 } type && type.IsAwaitable()
            && type.TypeArguments[0].SpecialType == SpecialType.System_Boolean && !Acts.Any(a => name.Contains(a)) ? call.ToString() : null;
    }

    // The condition that the read decides, or null.
    private static SyntaxNode? Condition(AwaitExpressionSyntax read, MethodDeclarationSyntax method)
    {
        SyntaxNode node = read;
        for (; node.Parent is ExpressionSyntax or PatternSyntax; node = node.Parent)
        {
            if (IsDecided(node, node.Parent))
            {
                return Outermost(node);
            }
        }

        if (node.Parent is StatementSyntax statement && IsDecided(node, statement))
        {
            return node;
        }

        return node.Parent is EqualsValueClauseSyntax { Parent: VariableDeclaratorSyntax { Identifier.ValueText: var variable } }
            ? method.DescendantNodes().OfType<IdentifierNameSyntax>()
                .Where(use => use.Identifier.ValueText == variable && use.SpanStart > read.SpanStart)
                .Select(use => use.AncestorsAndSelf().TakeWhile(n => n is not StatementSyntax).FirstOrDefault(n => n.Parent is { } outer && IsDecided(n, outer)))
                .FirstOrDefault(decided => decided is not null) is { } decision ? Outermost(decision) : null
            : null;
    }

    private static SyntaxNode Outermost(SyntaxNode node)
    {
        while (node.Parent is ExpressionSyntax and not AwaitExpressionSyntax)
        {
            node = node.Parent;
        }

        return node;
    }

    private static bool IsDecided(SyntaxNode node, SyntaxNode parent) => parent switch
    {
        IfStatementSyntax { Condition: var condition } => condition == node,
        WhileStatementSyntax { Condition: var condition } => condition == node,
        ForStatementSyntax { Condition: var condition } => condition == node,
        ConditionalExpressionSyntax { Condition: var condition } => condition == node,
        BinaryExpressionSyntax binary => binary.Kind() is SyntaxKind.LogicalAndExpression or SyntaxKind.LogicalOrExpression,
        _ => false,
    };

    private static bool IsNamed(SyntaxNode condition) => condition.DescendantNodesAndSelf().OfType<InvocationExpressionSyntax>()
        .Any(call => call.Expression is SimpleNameSyntax { Identifier.ValueText: var name } && Names.Contains(name));
}
