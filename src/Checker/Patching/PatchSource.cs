using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Patching;

/// <summary>A class of a patch that writes <c>: Base</c>.</summary>
/// <param name="Declaration">The class.</param>
/// <param name="Base">The word Base.</param>
/// <param name="Overrides">The functions it overrides.</param>
internal sealed record PatchClass(ClassDeclarationSyntax Declaration, IdentifierNameSyntax Base, IReadOnlyList<MethodDeclarationSyntax> Overrides);

/// <summary>
/// A user's file of C#, as it was written and as it is compiled: bound to its kernel, with a call of <see cref="Countdown"/> on entry to
/// every function and at every turn of a loop.
/// </summary>
/// <remarks>A lambda that is an expression, and a field's initialiser, do not count down.</remarks>
internal sealed class PatchSource
{
    private const string Counter = "global::ThpCheck.Model.Stepping.Countdown.";

    private readonly string _text;
    private readonly CompilationUnitSyntax _root;
    private readonly TextEdits _edits;
    private int _written; // where what was appended begins in the text that is compiled

    /// <summary>Reads a file's text.</summary>
    /// <param name="path">The file, as it was named.</param>
    /// <param name="text">Its text.</param>
    public PatchSource(string path, string text)
    {
        (Path, _text) = (path, text);
        Tree = CSharpSyntaxTree.ParseText(text, PatchCompiler.Language, path, Encoding.UTF8);
        _root = (CompilationUnitSyntax)Tree.GetRoot();
        _edits = new TextEdits(text);
        Classes =
        [
            .. _root.DescendantNodes().OfType<ClassDeclarationSyntax>()
                .Select(c => (Class: c, Base: c.BaseList?.Types.FirstOrDefault()?.Type as IdentifierNameSyntax))
                .Where(c => c.Base?.Identifier.ValueText == "Base")
                .Select(c => new PatchClass(
                    c.Class, c.Base!, [.. c.Class.Members.OfType<MethodDeclarationSyntax>().Where(m => m.Modifiers.Any(SyntaxKind.OverrideKeyword))])),
        ];
    }

    public string Path { get; }

    /// <summary>As it was written.</summary>
    public SyntaxTree Tree { get; }

    /// <summary>The classes that change a kernel file.</summary>
    public IReadOnlyList<PatchClass> Classes { get; }

    /// <summary>Whether it has a namespace of its own, and where.</summary>
    public BaseNamespaceDeclarationSyntax? Namespace => _root.Members.OfType<BaseNamespaceDeclarationSyntax>().FirstOrDefault();

    /// <summary>Puts everything of the file into a namespace.</summary>
    public void PutInto(string name)
    {
        // On the line of the first type, but behind its comments: no line is added, and a directive stays alone on its line.
        if (_root.Members.FirstOrDefault() is { } first)
        {
            _edits.Insert(first.SpanStart, $"namespace {name}; ");
        }
    }

    /// <summary>Puts a class in the place of a word Base.</summary>
    public void Bind(PatchClass patched, string to) => _edits.Replace(patched.Base.SpanStart, patched.Base.Span.Length, to);

    /// <summary>Makes every function and loop count down; an override says that it was entered.</summary>
    /// <param name="functionOf">The name that reports use for an override, or null for any other method.</param>
    public void CountDown(Func<MethodDeclarationSyntax, string?> functionOf)
    {
        foreach (var node in _root.DescendantNodes())
        {
            switch (node)
            {
                case MethodDeclarationSyntax method:
                    OnEntry(method.Body, method.ExpressionBody, method.SemicolonToken, ReturnsNothing(method.ReturnType, method.Modifiers),
                        functionOf(method) is { } function ? $"{Counter}Enter(\"{function}\");" : $"{Counter}Call();");
                    break;
                case BaseMethodDeclarationSyntax other and not DestructorDeclarationSyntax:
                    OnEntry(other.Body, other.ExpressionBody, other.SemicolonToken, other is ConstructorDeclarationSyntax, $"{Counter}Call();");
                    break;
                case LocalFunctionStatementSyntax local:
                    OnEntry(local.Body, local.ExpressionBody, local.SemicolonToken, ReturnsNothing(local.ReturnType, local.Modifiers), $"{Counter}Call();");
                    break;
                case AccessorDeclarationSyntax accessor:
                    OnEntry(accessor.Body, accessor.ExpressionBody, accessor.SemicolonToken, !accessor.IsKind(SyntaxKind.GetAccessorDeclaration), $"{Counter}Call();");
                    break;
                case PropertyDeclarationSyntax { ExpressionBody: { } arrow } property:
                    InGetter(arrow, property.SemicolonToken);
                    break;
                case IndexerDeclarationSyntax { ExpressionBody: { } arrow } indexer:
                    InGetter(arrow, indexer.SemicolonToken);
                    break;
                case AnonymousFunctionExpressionSyntax { Block: { } block }:
                    _edits.Insert(block.OpenBraceToken.Span.End, $" {Counter}Call();");
                    break;
                case WhileStatementSyntax { Statement: var body }:
                    AtTurn(body);
                    break;
                case DoStatementSyntax { Statement: var body }:
                    AtTurn(body);
                    break;
                case ForStatementSyntax { Statement: var body }:
                    AtTurn(body);
                    break;
                case CommonForEachStatementSyntax { Statement: var body }:
                    AtTurn(body);
                    break;
                case LabeledStatementSyntax label: // that a goto may lead back to
                    _edits.Insert(label.ColonToken.Span.End, $" {Counter}Turn();");
                    break;
            }
        }
    }

    /// <summary>Adds code behind the file's own.</summary>
    /// <returns>The tree that is compiled.</returns>
    public SyntaxTree Written(string behind)
    {
        var text = _edits.Apply();
        _written = text.Length;
        return CSharpSyntaxTree.ParseText($"{text}\n{behind}", PatchCompiler.Language, Path, Encoding.UTF8);
    }

    /// <summary>Whether a place of the tree that is compiled is in what the user wrote.</summary>
    public bool IsUsers(Location location) => location.SourceSpan.Start <= _written;

    /// <summary>The line and column, from 1, of a place of the tree that is compiled.</summary>
    public (int Line, int Column) PlaceOf(Location location) => PlaceOf(_edits.Original(Math.Min(location.SourceSpan.Start, _written)));

    /// <summary>The line and column, from 1, of a place in the file as written.</summary>
    public (int Line, int Column) PlaceOf(int position)
    {
        var at = Tree.GetText().Lines.GetLinePosition(Math.Min(position, _text.Length));
        return (at.Line + 1, at.Character + 1);
    }

    private void OnEntry(BlockSyntax? block, ArrowExpressionClauseSyntax? arrow, SyntaxToken end, bool returnsNothing, string call)
    {
        if (block is not null)
        {
            _edits.Insert(block.OpenBraceToken.Span.End, $" {call}");
        }
        else if (arrow is not null)
        {
            _edits.Replace(arrow.ArrowToken.SpanStart, arrow.ArrowToken.Span.Length, $"{{ {call} {(returnsNothing || arrow.Expression is ThrowExpressionSyntax ? "" : "return ")}");
            _edits.Insert(end.Span.End, " }");
        }
    }

    private void InGetter(ArrowExpressionClauseSyntax arrow, SyntaxToken end)
    {
        _edits.Replace(arrow.ArrowToken.SpanStart, arrow.ArrowToken.Span.Length, $"{{ get {{ {Counter}Call(); {(arrow.Expression is ThrowExpressionSyntax ? "" : "return ")}");
        _edits.Insert(end.Span.End, " } }");
    }

    private void AtTurn(StatementSyntax body)
    {
        if (body is BlockSyntax block)
        {
            _edits.Insert(block.OpenBraceToken.Span.End, $" {Counter}Turn();");
        }
        else
        {
            _edits.Insert(body.SpanStart, $"{{ {Counter}Turn(); ");
            _edits.Insert(body.Span.End, " }");
        }
    }

    private static bool ReturnsNothing(TypeSyntax type, SyntaxTokenList modifiers) =>
        type is PredefinedTypeSyntax { Keyword.RawKind: (int)SyntaxKind.VoidKeyword }
        || (modifiers.Any(SyntaxKind.AsyncKeyword) && (type is IdentifierNameSyntax or QualifiedNameSyntax { Right: IdentifierNameSyntax }));
}
