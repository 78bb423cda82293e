using System.Collections.Immutable;
using System.Globalization;
using System.Reflection;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Emit;
using ThpCheck.Analyzers;
using ThpCheck.Model.Kernel;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;
using Diagnostic = ThpCheck.Specs.Format.Diagnostic;

namespace ThpCheck.Checker.Patching;

/// <summary>
/// From files of C# to an assembly on the disk: a series of patches is bound to a kernel, each to the one before, and all of it is compiled
/// as the model is: optimised, unchecked, under the same analyzers. Nothing of it is run here.
/// </summary>
internal static class PatchCompiler
{
    /// <summary>The language that patches are written in.</summary>
    public static readonly CSharpParseOptions Language = new(LanguageVersion.CSharp14, DocumentationMode.None);

    // What the model's own files begin with, and what a file beside the model cannot do without.
    private static readonly Lazy<string> Prelude = new(static () => $"""
        {EmbeddedText.Read("Model.GlobalUsings.cs")}
        global using System;
        global using System.Collections.Generic;
        global using System.Linq;
        global using ThpCheck.Model.Kernel;
        global using ThpCheck.Model.Patches;
        global using ThpCheck.Model.Stepping;
        global using ThpCheck.Specs.Properties;

        """);

    /// <summary>Compiles patches on top of a kernel.</summary>
    /// <param name="version">The kernel.</param>
    /// <param name="patches">The patches, in order.</param>
    /// <param name="models">The assembly of the --models folder, or null.</param>
    /// <returns>The assembly's file.</returns>
    /// <exception cref="PatchException">They are wrong, or do not fit.</exception>
    public static string Build(KernelVersion version, IReadOnlyList<SourcePatch> patches, string? models)
    {
        var texts = patches.Select(p => Read(p.Path)).ToArray();
        var key = CompileCache.Key(
            [.. version.Files.Select(f => $"{f.Key.FullName}={f.Value.FullName}").Order(StringComparer.Ordinal), models ?? "", .. patches.SelectMany((p, i) => new[] { p.Name, p.Path, texts[i] })]);
        return CompileCache.Find(key) ?? CompileCache.Add(key, name => Compile(name, version, patches, texts, models));
    }

    /// <summary>Compiles the files of a --models folder that are no patches.</summary>
    /// <returns>The assembly's file.</returns>
    /// <exception cref="PatchException">They are wrong.</exception>
    public static string BuildModels(IReadOnlyList<(string Path, string Text)> files)
    {
        var key = CompileCache.Key([.. files.SelectMany(f => new[] { f.Path, f.Text })]);
        return CompileCache.Find(key) ?? CompileCache.Add(key, name =>
        {
            var sources = files.Select(f => new PatchSource(f.Path, f.Text)).ToArray();
            foreach (var source in sources)
            {
                source.CountDown(static _ => null);
            }

            return Emit(name, sources, [.. sources.Select(s => s.Written(""))], [], null);
        });
    }

    /// <summary>A file's text.</summary>
    /// <exception cref="PatchException">It cannot be read.</exception>
    public static string Read(string path)
    {
        const int Longest = 1 << 20;
        try
        {
            return new FileInfo(path).Length <= Longest ? File.ReadAllText(path)
                : throw new PatchException([new Diagnostic(path, 1, 1, "error: the file is larger than a megabyte; is it a patch?")]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new PatchException([new Diagnostic(path, 0, 0, $"the patch '{path}' cannot be read: {e.Message}")]);
        }
    }

    private static byte[] Compile(string name, KernelVersion version, IReadOnlyList<SourcePatch> patches, string[] texts, string? models)
    {
        var sources = patches.Select((p, i) => new PatchSource(p.Path, texts[i])).ToArray();
        ThrowIfAny([.. sources.SelectMany(s => s.Tree.GetDiagnostics().Where(IsError).Select(d => Of(d, s, s.Tree.GetText().Lines.GetLinePosition(d.Location.SourceSpan.Start))))]);
        var errors = new List<Diagnostic>();
        var facts = new List<string>();
        var trees = new List<SyntaxTree>();
        var bound = version.Files.ToDictionary(f => f.Key, f => Global(f.Value.FullName!));
        var probes = version.Files.ToDictionary(f => f.Key, f => Global(f.Value.FullName!));
        var space = "";
        for (var i = 0; i < patches.Count; i++)
        {
            var source = sources[i];
            space = $"{space}{(space.Length == 0 ? "" : ".")}{Identifier(patches[i].Name)}";
            errors.AddRange(ShapeOf(source));
            source.PutInto(space);
            var functions = new Dictionary<MethodDeclarationSyntax, string>();
            var behind = new StringBuilder();
            var classes = new List<(Type File, string Name)>();
            foreach (var patched in source.Classes)
            {
                var own = patched.Declaration.Identifier.ValueText;
                if (FileOf(own, version) is not { } file)
                {
                    errors.Add(At(source, patched.Declaration.Identifier.SpanStart,
                        $"{version.Release} has no kernel file '{own}'.{NearestName.Hint(own, version.Files.Keys.Select(f => f.Name))} A class that derives from Base is named after the file that it changes"));
                    continue;
                }

                if (classes.Exists(c => c.File == file))
                {
                    errors.Add(At(source, patched.Declaration.Identifier.SpanStart, $"a second class changes {file.Name} in one patch; make it one class, or two patches"));
                    continue;
                }

                source.Bind(patched, bound[file]);
                classes.Add((file, own));
                foreach (var method in patched.Overrides)
                {
                    functions.Add(method, $"{file.Name}.{method.Identifier.ValueText}");
                }

                var changed = patched.Overrides.Where(m => MayOverride(version.Files[file], m)).ToArray();
                behind.Append(Probe(own, probes[file], changed, file.Name));
                facts.Add($"class|{i}|{file.FullName}|{space}.{own}");
                facts.Add($"probe|{i}|{file.FullName}|{space}.{own}__probe");
                facts.AddRange(changed.Select(m =>
                    $"changed|{i}|{functions[m]}|{source.PlaceOf(m.Identifier.SpanStart).Line}|{m.ParameterList.Parameters.Any(p => p.Type?.ToString() == nameof(StateView))}"));
            }

            foreach (var (file, own) in classes)
            {
                bound[file] = Global($"{space}.{own}");
                probes[file] = Global($"{space}.{own}__probe");
            }

            source.CountDown(m => functions.GetValueOrDefault(m));
            trees.Add(source.Written(behind.ToString()));
        }

        ThrowIfAny(errors);
        return Emit(name, sources, trees, facts, models);
    }

    private static IEnumerable<Diagnostic> ShapeOf(PatchSource source)
    {
        if (source.Namespace is { } space)
        {
            yield return At(source, space.SpanStart, "a patch has no namespace of its own: it is compiled into one that depends on what it is on top of; leave the namespace out");
        }

        if (source.Classes.Count == 0)
        {
            yield return At(source, 0, "no class here derives from Base, so this patch changes nothing; write 'public class memory(Kernel kernel) : Base(kernel)' to change mm/memory.c");
        }

        foreach (var patched in source.Classes.Where(c => c.Overrides.Count == 0 && c.Declaration.Members.All(m => m is not MethodDeclarationSyntax)))
        {
            yield return At(source, patched.Declaration.Identifier.SpanStart, $"'{patched.Declaration.Identifier.ValueText}' overrides nothing; write a 'public override' of the function that it changes");
        }

        if (source.Classes.Count > 0 && source.Classes.All(c => c.Overrides.Count == 0))
        {
            yield return At(source, source.Classes[0].Declaration.Identifier.SpanStart, "the patch overrides nothing, so nothing calls what it adds; write a 'public override' of the function that it changes");
        }
    }

    // The kernel file that a class is named after, as memory or delay_rmap_memory are after mm/memory.c.
    private static Type? FileOf(string name, KernelVersion version) => version.Files.Keys
        .Where(f => name == f.Name || name.EndsWith($"_{f.Name}", StringComparison.Ordinal))
        .MaxBy(f => f.Name.Length);

    // A function that an earlier patch of the series brought is none that the kernel has.
    private static bool MayOverride(Type type, MethodDeclarationSyntax method) => type
        .GetMethods(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
        .Any(m => m.IsVirtual && m.Name == method.Identifier.ValueText && m.GetParameters().Length == method.ParameterList.Parameters.Count);

    // The signatures are the user's own, so that their types are found in the same way.
    private static string Probe(string name, string derivesFrom, IReadOnlyList<MethodDeclarationSyntax> changed, string file)
    {
        var text = new StringBuilder($"public class {name}__probe(global::ThpCheck.Model.Kernel.Kernel kernel) : {derivesFrom}(kernel)\n{{\n");
        foreach (var method in changed)
        {
            var modifiers = string.Concat(method.Modifiers.Where(m => !m.IsKind(SyntaxKind.AsyncKeyword) && !m.IsKind(SyntaxKind.SealedKeyword)).Select(m => $"{m.ValueText} "));
            var arguments = method.ParameterList.Parameters.Select(p => $"{string.Concat(p.Modifiers.Where(m => !m.IsKind(SyntaxKind.ParamsKeyword)).Select(m => $"{m.ValueText} "))}{p.Identifier.Text}");
            var call = $"base.{method.Identifier.Text}{method.TypeParameterList}({string.Join(", ", arguments)});";
            text.Append(CultureInfo.InvariantCulture, $"    {modifiers}{method.ReturnType} {method.Identifier.Text}{method.TypeParameterList}{method.ParameterList.ToString().ReplaceLineEndings(" ")}\n    {{\n");
            text.Append(CultureInfo.InvariantCulture, $"        global::ThpCheck.Model.Stepping.Countdown.Enter(\"{file}.{method.Identifier.ValueText}\");\n");
            text.Append(CultureInfo.InvariantCulture, $"        {(method.ReturnType.ToString() == "void" ? "" : "return ")}{call}\n    }}\n");
        }

        return text.Append("}\n").ToString();
    }

    private static byte[] Emit(string name, IReadOnlyList<PatchSource> sources, IReadOnlyList<SyntaxTree> trees, IReadOnlyList<string> facts, string? models)
    {
        var attributes = string.Concat(facts.Select(f => $"[assembly: global::System.Reflection.AssemblyMetadata(\"thpcheck\", {SymbolDisplay.FormatLiteral(f, quote: true)})]\n"));
        var prelude = CSharpSyntaxTree.ParseText(Prelude.Value + attributes, Language, "thpcheck.cs", Encoding.UTF8);
        var compilation = CSharpCompilation.Create(
            name,
            [prelude, .. trees],
            References(models),
            new CSharpCompilationOptions(
                OutputKind.DynamicallyLinkedLibrary, optimizationLevel: OptimizationLevel.Release, checkOverflow: false, deterministic: true, concurrentBuild: true,
                nullableContextOptions: NullableContextOptions.Enable));
        using var image = new MemoryStream();
        var emitted = compilation.Emit(image, options: new EmitOptions(debugInformationFormat: DebugInformationFormat.Embedded));
        var sourceOf = trees.Zip(sources).ToDictionary(p => p.First, p => p.Second);
        ThrowIfAny(Errors(emitted.Diagnostics, sourceOf));

        var analyzers = ImmutableArray.Create<DiagnosticAnalyzer>(new AwaitOrReturnAnalyzer(), new PathShapeAnalyzer(), new StaticStateAnalyzer(), new OneAwaitOneStepAnalyzer());
        var broken = compilation.WithAnalyzers(analyzers).GetAnalyzerDiagnosticsAsync().GetAwaiter().GetResult();
        var banned = new BannedSymbols(compilation);
        var used = trees.SelectMany(tree => banned.In(compilation.GetSemanticModel(tree), tree.GetRoot())
            .Where(b => sourceOf[tree].IsUsers(b.Where))
            .Select(b => Place(sourceOf[tree], b.Where, $"error {b.Id}: {b.Sentence}")));
        ThrowIfAny([.. Errors(broken, sourceOf).Concat(used).Distinct().OrderBy(d => d.File, StringComparer.Ordinal).ThenBy(d => d.Line).ThenBy(d => d.Column)]);
        return image.ToArray();
    }

    private static IEnumerable<MetadataReference> References(string? models)
    {
        var framework = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        string[] parts = ["System.Private.CoreLib", "System.Runtime", "System.Collections", "System.Linq", "System.Console", "System.Threading", "System.Diagnostics.Process", "System.Threading.Thread"];
        return parts.Select(p => Path.Combine(framework, $"{p}.dll"))
            .Append(typeof(KernelFile).Assembly.Location)
            .Append(typeof(Property).Assembly.Location)
            .Concat(models is null ? [] : [models])
            .Select(p => MetadataReference.CreateFromFile(p));
    }

    private static IReadOnlyList<Diagnostic> Errors(ImmutableArray<Microsoft.CodeAnalysis.Diagnostic> found, Dictionary<SyntaxTree, PatchSource> sourceOf)
    {
        var errors = found.Where(IsError).ToArray();
        var users = errors.Where(d => d.Location.SourceTree is { } tree && sourceOf.TryGetValue(tree, out var source) && source.IsUsers(d.Location)).ToArray();

        // What is wrong in a probe is wrong in what it was made from; where nothing is, it is our mistake, and is shown.
        return [.. (users.Length > 0 ? users : errors)
            .Select(d => d.Location.SourceTree is { } tree && sourceOf.TryGetValue(tree, out var source)
                ? Place(source, d.Location, Sentence(d))
                : new Diagnostic("thpcheck", 0, 0, Sentence(d)))
            .Distinct()
            .OrderBy(d => d.File, StringComparer.Ordinal).ThenBy(d => d.Line).ThenBy(d => d.Column)];
    }

    private static bool IsError(Microsoft.CodeAnalysis.Diagnostic diagnostic) => diagnostic.Severity == DiagnosticSeverity.Error;

    private static string Sentence(Microsoft.CodeAnalysis.Diagnostic diagnostic) => $"error {diagnostic.Id}: {diagnostic.GetMessage(CultureInfo.InvariantCulture)}";

    private static Diagnostic Of(Microsoft.CodeAnalysis.Diagnostic diagnostic, PatchSource source, Microsoft.CodeAnalysis.Text.LinePosition at) =>
        new(source.Path, at.Line + 1, at.Character + 1, Sentence(diagnostic));

    private static Diagnostic Place(PatchSource source, Location location, string message)
    {
        var (line, column) = source.PlaceOf(location);
        return new(source.Path, line, column, message);
    }

    private static Diagnostic At(PatchSource source, int position, string sentence)
    {
        var (line, column) = source.PlaceOf(position);
        return new(source.Path, line, column, $"error: {sentence}");
    }

    private static void ThrowIfAny(IReadOnlyList<Diagnostic> errors)
    {
        if (errors.Count > 0)
        {
            throw new PatchException(errors);
        }
    }

    private static string Global(string type) => $"global::{type.Replace('+', '.')}";

    private static string Identifier(string name) => $"patch_{string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_'))}";
}
