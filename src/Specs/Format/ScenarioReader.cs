using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace ThpCheck.Specs.Format;

/// <summary>What reading a file came to: the document, or else at least one diagnostic, sorted by place.</summary>
public sealed record ScenarioResult(ScenarioFile? Document, IReadOnlyList<Diagnostic> Diagnostics)
{
    /// <summary>Whether there is a document.</summary>
    [MemberNotNullWhen(true, nameof(Document))]
    public bool IsDocument => Document is not null;
}

/// <summary>
/// Reads scenarios. Whatever is wrong with a file becomes diagnostics, never an exception; the work is bounded by
/// <see cref="LongestFile"/>.
/// </summary>
public static class ScenarioReader
{
    /// <summary>In bytes of a file, or characters of a text: 1 MB.</summary>
    public const int LongestFile = 1 << 20;

    /// <summary>Reads a file. Diagnostics name it as <paramref name="path"/> does.</summary>
    public static ScenarioResult Read(string path)
    {
        var report = new DiagnosticList(path);
        return SourceText.Load(path, report) is { } text ? Parse(path, text) : new(null, report.Sorted());
    }

    /// <summary>Reads a text as if it were the file's.</summary>
    public static ScenarioResult Parse(string path, string text)
    {
        var report = new DiagnosticList(path);
        var scenario = SourceText.IsFit(text, report) && YamlTree.Read(text, report) is { } root
            ? ScenarioFormat.Scenario.Read(root, report)
            : null;

        if (scenario is not null)
        {
            var bound = scenario.Calls.Select(c => c.Result).OfType<Located<string>>();
            Lists.ReportTwins(bound, name => $"the name {Characters.Quote(name)} is bound twice", report);
        }

        return report.Any || scenario is null ? new(null, report.Sorted()) : new(scenario with { Path = path, TextHash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))) }, []);
    }
}
