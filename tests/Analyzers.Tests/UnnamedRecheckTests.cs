using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;

namespace ThpCheck.Analyzers.Tests;

/// <summary>THP005.</summary>
public sealed class UnnamedRecheckTests
{
    [Fact]
    public Task A_second_read_that_decides_a_branch_is_listed() => Lists("""
        bool Checks(string name) => true;
        async KernelTask<bool> is_mapped(int folio) => await READ_ONCE(x) > 0;
        async KernelTask path(int folio)
        {
            if (await READ_ONCE(x) == 0 || !await is_mapped(folio)) return;
            if (await READ_ONCE(x) == 0) return;          // listed
            if (!await is_mapped(folio)) return;          // listed
            var again = await READ_ONCE(x);               // listed
            if (again == 0) return;
            while (await READ_ONCE(x) > 1 && folio > 0) { } // listed
        }
        """);

    [Fact]
    public Task One_that_has_a_name_or_decides_nothing_is_not_listed() => Lists("""
        bool Checks(string name) => true;
        async KernelTask<int> path()
        {
            var before = await READ_ONCE(x);
            if (Checks("again") && await READ_ONCE(x) != before) return 0;
            await WRITE_ONCE(x, before);
            if (await READ_ONCE(y) > 0) return 1;
            var after = await READ_ONCE(x);
            return after;
        }
        """);

    [Fact]
    public Task Other_operations_than_reads_are_not_listed() => Lists("""
        async KernelTask<bool> spin_trylock_irq() => await READ_ONCE(x) > 0;
        async KernelTask path()
        {
            if (!await spin_trylock_irq()) return;
            if (!await spin_trylock_irq()) return;
        }
        """);

    [Fact]
    public void It_is_information_that_stops_no_build() =>
        Assert.All(new UnnamedRecheckAnalyzer().SupportedDiagnostics, rule => Assert.Equal(DiagnosticSeverity.Info, rule.DefaultSeverity));

    // Asserts that the lines that end in "// listed" are, and no others.
    private static async Task Lists(string members)
    {
        var source = Contract.InKernelFile(members);
        var compilation = Contract.Compile(source);
        Assert.Empty(compilation.GetDiagnostics().Where(static diagnostic => diagnostic.Severity == DiagnosticSeverity.Error));

        var reports = await compilation.WithAnalyzers([new UnnamedRecheckAnalyzer()]).GetAnalyzerDiagnosticsAsync();

        var lines = source.Split('\n');
        Assert.Equal(
            lines.Where(static line => line.TrimEnd().EndsWith("// listed", StringComparison.Ordinal)),
            reports.OrderBy(static r => r.Location.SourceSpan.Start).Select(r => lines[r.Location.GetLineSpan().StartLinePosition.Line]));
    }
}
