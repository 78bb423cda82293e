using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Diagnostics;

namespace ThpCheck.Analyzers;

/// <summary>
/// THP004: one await, one step. Broken: <c>await READ_ONCE(a) + await READ_ONCE(b)</c> reads as one atomic expression,
/// and hides that another thread may run between its two reads.
/// </summary>
/// <remarks>
/// <c>&amp;&amp;</c>, <c>||</c>, <c>??</c>, <c>?:</c> and a switch expression show their order, so there may be one on each side.
/// Awaiting a path is no step and is not counted.
/// </remarks>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class OneAwaitOneStepAnalyzer : DiagnosticAnalyzer
{
    private static readonly DiagnosticDescriptor Rule = ContractRule.Create("THP004", "One await, one step",
        "This is the second step in one expression and another thread may run between the two; await the first in a statement of its own.");

    /// <inheritdoc />
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [Rule];

    /// <inheritdoc />
    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.Analyze | GeneratedCodeAnalysisFlags.ReportDiagnostics);
        context.RegisterSyntaxNodeAction(CheckAwait, SyntaxKind.AwaitExpression);
    }

    private static void CheckAwait(SyntaxNodeAnalysisContext context)
    {
        var second = (AwaitExpressionSyntax)context.Node;
        var hasFirst = FullExpressionOf(second)
            .DescendantNodesAndSelf(static node => node is not AnonymousFunctionExpressionSyntax)
            .OfType<AwaitExpressionSyntax>()
            .TakeWhile(first => first != second)
            .Any(first => IsStep(first) && !ShowsOrder(CommonAncestor(first, second)));
        if (hasFirst && IsStep(second))
        {
            context.ReportDiagnostic(Diagnostic.Create(Rule, second.GetLocation()));
        }

        bool IsStep(AwaitExpressionSyntax node) =>
            context.SemanticModel.GetTypeInfo(node.Expression, context.CancellationToken).Type.IsStep();
    }

    /// <summary>The largest expression around this one: what stands alone in a statement, an initializer or a function's body.</summary>
    private static SyntaxNode FullExpressionOf(SyntaxNode node)
    {
        while (node.Parent is not (null or StatementSyntax or EqualsValueClauseSyntax or ArrowExpressionClauseSyntax
            or AnonymousFunctionExpressionSyntax))
        {
            node = node.Parent;
        }

        return node;
    }

    private static SyntaxNode CommonAncestor(SyntaxNode first, SyntaxNode second) =>
        first.AncestorsAndSelf().First(node => node.Span.Contains(second.Span));

    private static bool ShowsOrder(SyntaxNode node) =>
        node is ConditionalExpressionSyntax or SwitchExpressionSyntax or SwitchExpressionArmSyntax
        || node.Kind() is SyntaxKind.LogicalAndExpression or SyntaxKind.LogicalOrExpression or SyntaxKind.CoalesceExpression;
}
