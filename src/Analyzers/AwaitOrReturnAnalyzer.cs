using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace ThpCheck.Analyzers;

/// <summary>
/// THP001: a KernelTask or Step is the operand of <c>await</c>, or what a function of exactly that type returns.
/// Broken: a path that takes or gives back a lock is called and never runs, and nothing says so.
/// </summary>
/// <remarks>
/// <c>?:</c>, a switch expression's arm and parentheses lead to await or return as well. The compiler's CS4014 misses
/// discards, locals and functions that are not async. The namespace that implements these types is exempt.
/// </remarks>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class AwaitOrReturnAnalyzer : DiagnosticAnalyzer
{
    private const string Title = "A path or step is awaited or returned where it is made";

    private static readonly DiagnosticDescriptor Value = ContractRule.Create("THP001", Title,
        "This {0} is dropped or kept for later; put 'await' before it, or return it from a function whose type is {0}.");

    private static readonly DiagnosticDescriptor Declaration = ContractRule.Create("THP001", Title,
        "'{0}' keeps a {1}, which may then be lost or run late; await it where it is made and keep its result.");

    private static readonly DiagnosticDescriptor Default = ContractRule.Create("THP001", Title,
        "A default {0} stands for nothing that could run; await or return one that a kernel function or a primitive made.");

    private static readonly DiagnosticDescriptor TypeArgument = ContractRule.Create("THP001", Title,
        "'{0}' gets a {1} as a type argument and may drop it unseen; await it here and pass on its result.");

    /// <inheritdoc />
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [Value, Declaration, Default, TypeArgument];

    /// <inheritdoc />
    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.Analyze | GeneratedCodeAnalysisFlags.ReportDiagnostics);
        context.RegisterSymbolAction(CheckMember, SymbolKind.Field, SymbolKind.Property, SymbolKind.Parameter);
        context.RegisterOperationBlockAction(CheckBody);
    }

    private static void CheckMember(SymbolAnalysisContext context)
    {
        var type = context.Symbol switch
        {
            IFieldSymbol field => field.Type,
            IParameterSymbol { IsImplicitlyDeclared: false } parameter => parameter.Type,
            IPropertySymbol property when HasBackingField(property) => property.Type,
            _ => null,
        };
        if (type is not null)
        {
            CheckDeclaration(context.Symbol, type, context.ReportDiagnostic);
        }
    }

    private static bool HasBackingField(IPropertySymbol property) =>
        property.ContainingType.GetMembers().OfType<IFieldSymbol>()
            .Any(field => SymbolEqualityComparer.Default.Equals(field.AssociatedSymbol, property));

    private static void CheckBody(OperationBlockAnalysisContext context)
    {
        if (context.OwningSymbol.IsInStepping())
        {
            return;
        }

        foreach (var operation in context.OperationBlocks.SelectMany(static block => block.DescendantsAndSelf()))
        {
            CheckDeclarations(operation, context.ReportDiagnostic);
            CheckTypeArguments(operation, context.ReportDiagnostic);
            CheckValue(operation, context);
        }
    }

    /// <summary>Locals, and the parameters of lambdas and local functions, for which there are no symbol actions.</summary>
    private static void CheckDeclarations(IOperation operation, Action<Diagnostic> report)
    {
        switch (operation)
        {
            case IVariableDeclaratorOperation variable:
                CheckDeclaration(variable.Symbol, variable.Symbol.Type, report);
                break;
            case IDeclarationPatternOperation { DeclaredSymbol: ILocalSymbol local }:
                CheckDeclaration(local, local.Type, report);
                break;
            case IAnonymousFunctionOperation lambda:
                CheckParameters(lambda.Symbol, report);
                break;
            case ILocalFunctionOperation function:
                CheckParameters(function.Symbol, report);
                break;
            default:
                break;
        }
    }

    private static void CheckParameters(IMethodSymbol function, Action<Diagnostic> report)
    {
        foreach (var parameter in function.Parameters)
        {
            CheckDeclaration(parameter, parameter.Type, report);
        }
    }

    private static void CheckDeclaration(ISymbol symbol, ITypeSymbol type, Action<Diagnostic> report)
    {
        if (type.IsAwaitable() && !symbol.IsInStepping())
        {
            report(Diagnostic.Create(Declaration, symbol.Locations[0], symbol.Name, type.Display()));
        }
    }

    /// <summary>Inside generic code a task is just a T, so no rule can follow it there: it doesn't get in.</summary>
    private static void CheckTypeArguments(IOperation operation, Action<Diagnostic> report)
    {
        var (name, arguments) = operation switch
        {
            // A delegate hands its task to whoever calls it, and it is judged there.
            IInvocationOperation { TargetMethod: { ContainingType.TypeKind: not TypeKind.Delegate } method } =>
                (method.Name, method.TypeArguments.AddRange(method.ContainingType.TypeArguments)),
            IObjectCreationOperation { Type: INamedTypeSymbol created } => (created.Name, created.TypeArguments),
            _ => ("", []),
        };
        if (arguments.FirstOrDefault(Awaitables.IsAwaitable) is { } type)
        {
            report(Diagnostic.Create(TypeArgument, operation.Syntax.GetLocation(), name, type.Display()));
        }
    }

    private static void CheckValue(IOperation operation, OperationBlockAnalysisContext context)
    {
        if (operation.Type is not { } type || !type.IsAwaitable() || IsJudgedElsewhere(operation))
        {
            return;
        }

        if (IsDefault(operation))
        {
            Report(Default);
        }
        else if (!IsAwaitedOrReturned(operation, context.OwningSymbol))
        {
            Report(Value);
        }

        void Report(DiagnosticDescriptor rule) =>
            context.ReportDiagnostic(Diagnostic.Create(rule, operation.Syntax.GetLocation(), type.Display()));
    }

    /// <summary>One mistake, one report.</summary>
    private static bool IsJudgedElsewhere(IOperation operation) => operation.Parent switch
    {
        // The declaration is reported.
        IVariableInitializerOperation or IFieldInitializerOperation => true,
        IPropertyInitializerOperation or IParameterInitializerOperation => true,
        // The assigned value is reported; neither its target nor the assignment, which has a type too, adds anything.
        IAssignmentOperation assignment when assignment.Target == operation => true,
        _ when operation is IAssignmentOperation or IDiscardOperation => true,
        // The whole expression is judged. A default is no better for being an arm of it.
        IConditionalOperation or ISwitchExpressionArmOperation or IDeclarationExpressionOperation => !IsDefault(operation),
        IConversionOperation { Conversion.IsIdentity: true } => !IsDefault(operation),
        _ => false,
    };

    private static bool IsDefault(IOperation operation) =>
        operation is IDefaultValueOperation or IObjectCreationOperation { Arguments.IsEmpty: true };

    private static bool IsAwaitedOrReturned(IOperation operation, ISymbol member) => operation.Parent switch
    {
        IAwaitOperation => true,
        // Exactly: an async KernelTask<Step> would return the step un-awaited, as a result.
        IReturnOperation { Kind: OperationKind.Return } => operation.EnclosingFunction(member) is IMethodSymbol function
            && SymbolEqualityComparer.Default.Equals(function.ReturnType, operation.Type),
        _ => false,
    };
}
