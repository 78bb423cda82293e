using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;

namespace ThpCheck.Analyzers;

/// <summary>
/// THP003: the model has no mutable static state. Broken: a path depends on what ran before it, so equal states behave
/// differently, and neither counts nor schedules can be repeated.
/// </summary>
/// <remarks>
/// A thread-static field is allowed in the namespace that implements stepping, which must find the worker it runs on. Of a
/// static readonly field only collections are looked into, and only in a class with paths.
/// </remarks>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class StaticStateAnalyzer : DiagnosticAnalyzer
{
    private const string Title = "The model has no mutable static state";

    private static readonly DiagnosticDescriptor Mutable = ContractRule.Create("THP003", Title,
        "'{0}' is static and can change, so a path is no function of the state; keep it in a cell, or make it const or readonly.");

    private static readonly DiagnosticDescriptor Collection = ContractRule.Create("THP003", Title,
        "'{0}' is a static {1} that a path can change; make it an immutable collection, or keep its elements in cells.");

    private static readonly string[] CollectionNamespaces =
        ["System.Collections", "System.Collections.Generic", "System.Collections.Concurrent", "System.Collections.ObjectModel"];

    private static readonly string[] MutableInterfaces = ["ICollection", "IList", "IDictionary", "ISet"];

    /// <inheritdoc />
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [Mutable, Collection];

    /// <inheritdoc />
    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.Analyze | GeneratedCodeAnalysisFlags.ReportDiagnostics);
        context.RegisterSymbolAction(CheckType, SymbolKind.NamedType);
        context.RegisterSymbolAction(CheckEvent, SymbolKind.Event);
    }

    private static void CheckType(SymbolAnalysisContext context)
    {
        var type = (INamedTypeSymbol)context.Symbol;
        var hasPaths = type.GetMembers().OfType<IMethodSymbol>().Any(static method => method.ReturnType.IsKernelTask());
        foreach (var field in type.GetMembers().OfType<IFieldSymbol>().Where(static field => field is { IsStatic: true, IsConst: false }))
        {
            // An auto-property is its backing field: that one is readonly unless there is a setter or a getter that assigns it.
            var declared = field.AssociatedSymbol ?? field;
            if (!field.IsReadOnly && !IsWorkerOfThisThread(field))
            {
                context.ReportDiagnostic(Diagnostic.Create(Mutable, declared.Locations[0], declared.Name));
            }
            else if (field.IsReadOnly && hasPaths && IsMutableCollection(field.Type))
            {
                context.ReportDiagnostic(Diagnostic.Create(Collection, declared.Locations[0], declared.Name, field.Type.Display()));
            }
        }
    }

    /// <summary>An event without accessors keeps its subscribers in a field of its own, which is no member of the type.</summary>
    private static void CheckEvent(SymbolAnalysisContext context)
    {
        if (context.Symbol is IEventSymbol { IsStatic: true, IsAbstract: false, AddMethod.IsImplicitlyDeclared: true } declared)
        {
            context.ReportDiagnostic(Diagnostic.Create(Mutable, declared.Locations[0], declared.Name));
        }
    }

    private static bool IsWorkerOfThisThread(IFieldSymbol field) =>
        field.IsInStepping()
        && field.GetAttributes().Any(static attribute => attribute.AttributeClass?.ToDisplayString() == "System.ThreadStaticAttribute");

    private static bool IsMutableCollection(ITypeSymbol type) =>
        type is IArrayTypeSymbol
        || (type.TypeKind == TypeKind.Interface && IsFromCollections(type) && MutableInterfaces.Contains(type.Name))
        || BasesOf(type).Any(static type => IsFromCollections(type)
            && !type.Name.StartsWith("ReadOnly", StringComparison.Ordinal)
            && !type.Name.EndsWith("Comparer", StringComparison.Ordinal));

    private static bool IsFromCollections(ITypeSymbol type) =>
        CollectionNamespaces.Contains(type.ContainingNamespace?.ToDisplayString());

    /// <summary>The class and those it derives from; none for an interface or a struct.</summary>
    private static IEnumerable<ITypeSymbol> BasesOf(ITypeSymbol type)
    {
        for (var at = type.TypeKind == TypeKind.Class ? type : null; at is not null; at = at.BaseType)
        {
            yield return at;
        }
    }
}
