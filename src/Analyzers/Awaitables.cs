using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace ThpCheck.Analyzers;

/// <summary>Recognises what a kernel path may await: <c>KernelTask</c> and <c>Step</c>, with or without a result.</summary>
/// <remarks>By name and namespace, not by assembly: the rules then hold in a patch project as they do in the model.</remarks>
internal static class Awaitables
{
    private const string Stepping = "ThpCheck.Model.Stepping";

    /// <summary>A path, which runs other steps.</summary>
    public static bool IsKernelTask(this ITypeSymbol? type) => IsNamed(type, "KernelTask");

    /// <summary>One atomic operation.</summary>
    public static bool IsStep(this ITypeSymbol? type) => IsNamed(type, "Step");

    /// <summary>A path or one atomic operation.</summary>
    public static bool IsAwaitable(this ITypeSymbol? type) => IsKernelTask(type) || IsStep(type);

    /// <summary>
    /// True in the namespace that implements the awaitable types, which must store and pass them. A namespace below it
    /// only uses them and is not exempt.
    /// </summary>
    public static bool IsInStepping(this ISymbol symbol) => symbol.ContainingNamespace?.ToDisplayString() == Stepping;

    /// <summary>The type as a person writes it, such as <c>Step&lt;int&gt;</c>.</summary>
    public static string Display(this ITypeSymbol type) => type.ToDisplayString(SymbolDisplayFormat.MinimallyQualifiedFormat);

    /// <summary>The lambda, local function or member whose body this operation is in.</summary>
    /// <param name="operation">An operation in that body.</param>
    /// <param name="member">The member the operation belongs to.</param>
    public static ISymbol EnclosingFunction(this IOperation operation, ISymbol member)
    {
        for (var outer = operation.Parent; outer is not null; outer = outer.Parent)
        {
            if (outer is IAnonymousFunctionOperation lambda)
            {
                return lambda.Symbol;
            }

            if (outer is ILocalFunctionOperation local)
            {
                return local.Symbol;
            }
        }

        return member;
    }

    private static bool IsNamed(ITypeSymbol? type, string name) =>
        type is INamedTypeSymbol { Arity: 0 or 1, ContainingType: null } && type.Name == name && type.IsInStepping();
}
