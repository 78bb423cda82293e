using System.Collections.Immutable;
using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;

namespace ThpCheck.Analyzers.Tests;

/// <summary>Compiles a source in memory and asks all analyzers of the contract about it.</summary>
internal static partial class Contract
{
    private static readonly ImmutableArray<DiagnosticAnalyzer> Analyzers =
    [
        new AwaitOrReturnAnalyzer(), new PathShapeAnalyzer(), new StaticStateAnalyzer(), new OneAwaitOneStepAnalyzer(),
    ];

    private static readonly CSharpParseOptions Language = new(LanguageVersion.CSharp14);

    // Only the framework, so that no test depends on what else is in the folder of the tests.
    private static readonly ImmutableArray<MetadataReference> Framework =
    [
        .. Directory.GetFiles(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "System*.dll")
            .Where(IsManaged)
            .Select(static path => MetadataReference.CreateFromFile(path)),
    ];

    /// <summary>A compilation of the framework, the awaitable types and these sources.</summary>
    public static CSharpCompilation Compile(params string[] sources) => CSharpCompilation.Create(
        "Model",
        sources.Prepend(SteppingStub.Source).Select(static source => CSharpSyntaxTree.ParseText(source, Language)),
        Framework,
        new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable));

    /// <summary>What the analyzers report, in the order of the source.</summary>
    public static async Task<Diagnostic[]> Report(Compilation compilation)
    {
        var reports = await compilation.WithAnalyzers(Analyzers).GetAnalyzerDiagnosticsAsync();
        return [.. reports.OrderBy(static report => report.Location.SourceSpan.Start)];
    }

    /// <summary>
    /// Asserts that the source compiles and that the rules report exactly the lines that end in a comment with their ids,
    /// such as <c>// THP001</c>, each as often as it stands there.
    /// </summary>
    public static async Task ReportsWhatIsMarked(string members)
    {
        var source = InKernelFile(members);
        var compilation = Compile(source);
        Assert.Empty(compilation.GetDiagnostics().Where(static diagnostic => diagnostic.Severity == DiagnosticSeverity.Error));

        var reports = await Report(compilation);

        var lines = source.Split('\n');
        var expected = lines.SelectMany(static (line, index) => Mark().Matches(line).Select(mark => Describe(index, mark.Value, line)));
        var actual = reports.Select(report =>
        {
            var index = report.Location.GetLineSpan().StartLinePosition.Line;
            return Describe(index, report.Id, lines[index]);
        });
        Assert.Equal(string.Join('\n', expected), string.Join('\n', actual));
        Assert.All(reports, static report => Assert.Equal(DiagnosticSeverity.Error, report.Severity));
    }

    /// <summary>The members of a kernel file, with the usings it needs.</summary>
    public static string InKernelFile(string members) => $$"""
        using System;
        using System.Collections.Generic;
        using System.Threading.Tasks;
        using ThpCheck.Model;
        using ThpCheck.Model.Stepping;

        namespace ThpCheck.Model.Kernel;

        public class memory : KernelFile
        {
        {{members}}
        }
        """;

    private static string Describe(int index, string id, string line) => $"{index + 1}: {id}: {line.Trim()}";

    private static bool IsManaged(string path)
    {
        try
        {
            AssemblyName.GetAssemblyName(path);
            return true;
        }
        catch (BadImageFormatException)
        {
            return false;
        }
    }

    [GeneratedRegex(@"THP\d{3}")]
    private static partial Regex Mark();
}
