using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace ThpCheck.Analyzers;

/// <summary>
/// THP002: a path is an async method that awaits paths and steps, and only a path awaits them.
/// Broken: a frame holds a closure and can't be written to words, or the thread waits for something that no schedule resumes.
/// </summary>
/// <remarks>The compiler itself refuses ref, in and out parameters of an async method (CS1988).</remarks>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class PathShapeAnalyzer : DiagnosticAnalyzer
{
    private const string Title = "A path is a method that awaits paths and steps";

    private static readonly DiagnosticDescriptor Closure = ContractRule.Create("THP002", Title,
        "An async {0} returning {1} captures its surroundings in its frame; make it a method and pass it what it needs.");

    private static readonly DiagnosticDescriptor Foreign = ContractRule.Create("THP002", Title,
        "No schedule resumes a path that awaits {0}; await a KernelTask or a Step instead.");

    private static readonly DiagnosticDescriptor Outside = ContractRule.Create("THP002", Title,
        "Only a path may await a {0}; make '{1}' a method that returns KernelTask or KernelTask<T>.");

    private static readonly DiagnosticDescriptor Void = ContractRule.Create("THP002", Title,
        "Nothing can await an async void function; make it return KernelTask.");

    /// <inheritdoc />
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [Closure, Foreign, Outside, Void];

    /// <inheritdoc />
    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.Analyze | GeneratedCodeAnalysisFlags.ReportDiagnostics);
        context.RegisterSymbolAction(CheckMethod, SymbolKind.Method);
        context.RegisterOperationAction(CheckInnerFunction, OperationKind.AnonymousFunction, OperationKind.LocalFunction);
        context.RegisterOperationAction(
            CheckAwait, OperationKind.Await, OperationKind.Loop, OperationKind.Using, OperationKind.UsingDeclaration);
    }

    private static void CheckMethod(SymbolAnalysisContext context)
    {
        var method = (IMethodSymbol)context.Symbol;
        if (method is { IsAsync: true, ReturnsVoid: true })
        {
            context.ReportDiagnostic(Diagnostic.Create(Void, method.Locations[0]));
        }
    }

    private static void CheckInnerFunction(OperationAnalysisContext context)
    {
        var (function, kind) = context.Operation switch
        {
            IAnonymousFunctionOperation lambda => (lambda.Symbol, "lambda"),
            ILocalFunctionOperation local => (local.Symbol, "local function"),
            _ => throw new InvalidOperationException($"Registered for no {context.Operation.Kind}."),
        };
        if (!function.IsAsync)
        {
            return;
        }

        if (function.ReturnsVoid)
        {
            context.ReportDiagnostic(Diagnostic.Create(Void, function.Locations[0]));
        }
        else if (function.ReturnType.IsKernelTask())
        {
            context.ReportDiagnostic(Diagnostic.Create(Closure, function.Locations[0], kind, function.ReturnType.Display()));
        }
    }

    private static void CheckAwait(OperationAnalysisContext context)
    {
        var function = context.Operation.EnclosingFunction(context.ContainingSymbol);
        var inPath = function is IMethodSymbol method && method.ReturnType.IsKernelTask();
        var awaited = (context.Operation as IAwaitOperation)?.Operation.Type;
        if (awaited.IsAwaitable() && !inPath)
        {
            Report(Outside, awaited!.Display(), function.Name.Length > 0 ? function.Name : "this lambda");
        }
        else if (!awaited.IsAwaitable() && inPath && ForeignAwaitIn(context.Operation) is { } what)
        {
            Report(Foreign, what);
        }

        void Report(DiagnosticDescriptor rule, params object[] arguments) =>
            context.ReportDiagnostic(Diagnostic.Create(rule, context.Operation.Syntax.GetLocation(), arguments));
    }

    /// <summary>What else than a path or step this awaits: the operand of await, or the enumerator or resource of a statement.</summary>
    private static string? ForeignAwaitIn(IOperation operation) => operation switch
    {
        IAwaitOperation wait => wait.Operation.Type is { TypeKind: not TypeKind.Error } type ? type.Display() : null,
        IForEachLoopOperation { IsAsynchronous: true } => "an asynchronous enumerator",
        IUsingOperation { IsAsynchronous: true } or IUsingDeclarationOperation { IsAsynchronous: true } => "an asynchronous disposal",
        _ => null,
    };
}
