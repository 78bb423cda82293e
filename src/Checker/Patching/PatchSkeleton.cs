using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using ThpCheck.Model.Kernel;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Binding;

namespace ThpCheck.Checker.Patching;

/// <summary>A function that a patch is to change.</summary>
/// <param name="Function">The function.</param>
/// <param name="Notes">What to say above it, a line each.</param>
internal sealed record SkeletonFunction(KernelFunction Function, IReadOnlyList<string> Notes);

/// <summary>
/// A patch to begin with, which changes nothing yet: functions of a kernel, each with its code as the model has it. The code is in the
/// model's symbols, so that it is the code that runs, with a checkout or without.
/// </summary>
/// <remarks>
/// Code that calls <c>base</c>, or what only its own class can, cannot be put into another class. Of such a function the patch calls
/// what it overrides, and the code stands beside that as a comment.
/// </remarks>
internal sealed class PatchSkeleton
{
    private const string Indent = "    ";

    private static readonly Lazy<IReadOnlyDictionary<string, CompilationUnitSyntax>> Files = new(static () => SourceLines.Texts(typeof(KernelFile).Assembly)
        .Where(t => t.Key.Contains("/Kernel/", StringComparison.Ordinal) || t.Key.Contains("/Patches/", StringComparison.Ordinal))
        .ToDictionary(t => t.Key, t => CSharpSyntaxTree.ParseText(t.Value.ReplaceLineEndings("\n"), PatchCompiler.Language).GetCompilationUnitRoot(), StringComparer.Ordinal));

    private readonly string _release;
    private readonly IReadOnlyList<SkeletonFunction> _functions;
    private readonly HashSet<KernelFunction> _called = []; // those whose code cannot be copied

    /// <param name="release">The kernel.</param>
    /// <param name="functions">What is to be changed.</param>
    public PatchSkeleton(string release, IReadOnlyList<SkeletonFunction> functions) => (_release, _functions) = (release, functions);

    /// <summary>The patch's text. It is compiled on the way, with whatever of it cannot be copied taken out.</summary>
    /// <param name="head">Comments that it begins with, a line each.</param>
    /// <exception cref="PatchException">It does not compile all the same.</exception>
    public string Text(IReadOnlyList<string> head)
    {
        var folder = Directory.CreateTempSubdirectory("thpcheck-");
        try
        {
            var path = Path.Combine(folder.FullName, "skeleton.cs");
            while (true)
            {
                var (text, linesOf) = Write(head);
                File.WriteAllText(path, text);
                try
                {
                    PatchCompiler.Build(Releases.Compose(_release, []), [new SourcePatch("skeleton", path)], null);
                    return text;
                }
                catch (PatchException e)
                {
                    // What an error is in is called.
                    var known = _called.Count;
                    _called.UnionWith(e.Diagnostics.Select(d => linesOf.FirstOrDefault(l => d.Line >= l.First && d.Line <= l.Last).Function).OfType<KernelFunction>());
                    if (_called.Count == known)
                    {
                        throw;
                    }
                }
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private (string Text, List<(int First, int Last, KernelFunction Function)> Lines) Write(IReadOnlyList<string> head)
    {
        var text = new StringBuilder();
        var lines = new List<(int, int, KernelFunction)>();
        var line = 1;
        var usings = new SortedSet<string>(_functions.Where(f => SourceOf(f.Function) is not null).SelectMany(f => SourceOf(f.Function)!.SyntaxTree.GetCompilationUnitRoot().Usings)
            .Where(u => u.StaticKeyword.IsKind(SyntaxKind.StaticKeyword) || u.Alias is not null).Select(u => u.WithoutTrivia().NormalizeWhitespace().ToString()), StringComparer.Ordinal);
        Add(head.Select(h => $"// {h}".TrimEnd()));
        Add(usings.Count > 0 ? ["", .. usings] : []);
        foreach (var file in _functions.GroupBy(f => f.Function.File))
        {
            var helpers = new Dictionary<string, (KernelFunction By, string Text)>(StringComparer.Ordinal);
            Add(["", $"/// <summary>{file.First().Function.Source.File} with the patch.</summary>", $"public class {file.Key.Name}(Kernel kernel) : Base(kernel)", "{"]);
            var isFirst = true;
            foreach (var function in file)
            {
                Add(isFirst ? [] : [""]);
                var first = line;
                Add(function.Notes.Select(n => $"{Indent}// {n}".TrimEnd()));
                Add(Override(function.Function, helpers).Split('\n'));
                lines.Add((first, line - 1, function.Function));
                isFirst = false;
            }

            foreach (var (by, helper) in helpers.Values)
            {
                Add([""]);
                var first = line;
                Add(helper.Split('\n'));
                lines.Add((first, line - 1, by));
            }

            Add(["}"]);
        }

        return (text.ToString(), lines);

        void Add(IEnumerable<string> added)
        {
            foreach (var one in added)
            {
                text.Append(one).Append('\n');
                line++;
            }
        }
    }

    private string Override(KernelFunction function, Dictionary<string, (KernelFunction By, string Text)> helpers)
    {
        var attribute = $"[KernelSource(\"{function.Source.File}\"{(function.Source.Function is { } name ? $", Function = \"{name}\"" : "")}{(function.Source.With.Length > 0 ? $", With = \"{function.Source.With}\"" : "")}, At = \"{function.Source.At}, changed\")]";
        if (SourceOf(function) is not { } source)
        {
            throw new InvalidOperationException($"no source of {function.Name} in the model's symbols");
        }

        var declaration = source.ToFullString().Trim('\n');
        var inner = source.FullSpan.Start + (source.ToFullString().Length - source.ToFullString().TrimStart('\n').Length);
        var edits = new TextEdits(declaration);
        foreach (var list in source.AttributeLists.Where(l => l.Attributes.Any(a => a.Name.ToString() == "KernelSource")))
        {
            edits.Replace(list.SpanStart - inner, list.Span.Length, attribute);
        }

        foreach (var modifier in source.Modifiers.Where(m => m.IsKind(SyntaxKind.VirtualKeyword)))
        {
            edits.Replace(modifier.SpanStart - inner, modifier.Span.Length, "override");
        }

        if (!source.AttributeLists.SelectMany(l => l.Attributes).Any(a => a.Name.ToString() == "KernelSource"))
        {
            edits.Insert((source.AttributeLists.Count > 0 ? source.AttributeLists[0].SpanStart : source.Modifiers[0].SpanStart) - inner, $"{attribute}\n{Indent}");
        }

        if (!_called.Contains(function) && !source.DescendantNodes().OfType<BaseExpressionSyntax>().Any())
        {
            Helpers(source, function, helpers);
            return edits.Apply();
        }

        _called.Add(function);
        SyntaxNode body = source.Body is not null ? source.Body : source.ExpressionBody!;
        var arguments = string.Join(", ", source.ParameterList.Parameters.Select(p => p.Identifier.Text));
        var call = $"base.{source.Identifier.Text}({arguments});";
        var comments = string.Join('\n', declaration[(body.SpanStart - inner)..].Split('\n').Select(l => $"{Indent}{Indent}//{(l.StartsWith(Indent, StringComparison.Ordinal) ? l[Indent.Length..] : l)}".TrimEnd()));
        var isAsync = source.Modifiers.Any(SyntaxKind.AsyncKeyword);
        var returns = (isAsync ? source.ReturnType.ToString() == nameof(KernelTask) : source.ReturnType.ToString() == "void") ? "" : "return ";
        edits.Replace(body.SpanStart - inner, declaration.Length - (body.SpanStart - inner),
            $"\n{Indent}{{\n{Indent}{Indent}// This cannot be copied from {SourceLines.Of(function.Method)?.ToString() ?? "its class"}, where it calls what this class cannot:\n{comments}\n{Indent}{Indent}{returns}{(isAsync ? "await " : "")}{call}\n{Indent}}}");
        return string.Join('\n', edits.Apply().Split('\n').Select(l => l.TrimEnd()).Where((l, i) => i == 0 || l.Length > 0));
    }

    // What of the class's own the code uses and another class has no access to: methods, properties and constants. Fields are not: a copy is another object.
    private static void Helpers(MethodDeclarationSyntax source, KernelFunction function, Dictionary<string, (KernelFunction By, string Text)> helpers)
    {
        var own = PartsOf(((TypeDeclarationSyntax)source.Parent!).Identifier.Text).SelectMany(t => t.Members).Where(m => m.Modifiers.Any(SyntaxKind.PrivateKeyword) && !m.Modifiers.Any(SyntaxKind.ProtectedKeyword))
            .Select(m => (Name: NameOf(m), Member: m)).Where(m => m.Name is not null).ToLookup(m => m.Name!, m => m.Member);
        var queue = new Queue<SyntaxNode>([source]);
        while (queue.TryDequeue(out var node))
        {
            foreach (var name in node.DescendantNodes().OfType<IdentifierNameSyntax>().Select(n => n.Identifier.Text).Distinct())
            {
                foreach (var member in own[name].Where(m => m != source && !helpers.ContainsKey($"{m.SyntaxTree.GetLineSpan(m.Span)} {name}")))
                {
                    helpers.Add($"{member.SyntaxTree.GetLineSpan(member.Span)} {name}", (function, member.ToFullString().Trim('\n')));
                    queue.Enqueue(member);
                }
            }
        }
    }

    private static string? NameOf(MemberDeclarationSyntax member) => member switch
    {
        MethodDeclarationSyntax method => method.Identifier.Text,
        PropertyDeclarationSyntax property => property.Identifier.Text,
        FieldDeclarationSyntax field when field.Modifiers.Any(SyntaxKind.ConstKeyword) => field.Declaration.Variables[0].Identifier.Text,
        _ => null,
    };

    private static MethodDeclarationSyntax? SourceOf(KernelFunction function)
    {
        var parameters = function.Method.GetParameters();
        return PartsOf(function.Method.DeclaringType!.Name).SelectMany(t => t.Members).OfType<MethodDeclarationSyntax>()
            .FirstOrDefault(m => m.Identifier.Text == function.Method.Name && m.ParameterList.Parameters.Select(p => p.Identifier.Text).SequenceEqual(parameters.Select(p => p.Name!)));
    }

    private static IEnumerable<TypeDeclarationSyntax> PartsOf(string type) => Files.Value.Values.SelectMany(f => f.DescendantNodes(n => n is not TypeDeclarationSyntax)).OfType<TypeDeclarationSyntax>().Where(t => t.Identifier.Text == type);
}
