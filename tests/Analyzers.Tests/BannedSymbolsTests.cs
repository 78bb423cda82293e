using Microsoft.CodeAnalysis;

namespace ThpCheck.Analyzers.Tests;

/// <summary>The list of what the model may not call: its analyzer skips a line it does not understand without a word.</summary>
public sealed class BannedSymbolsTests
{
    private static readonly (string Id, string Sentence)[] Banned = [.. ReadList()];

    [Fact]
    public void Every_banned_id_names_a_symbol_of_the_framework()
    {
        var framework = Contract.Compile();

        Assert.All(Banned, banned => Assert.NotNull(DocumentationCommentId.GetFirstSymbolForDeclarationId(banned.Id, framework)));
    }

    [Fact]
    public void Every_ban_says_why_in_a_sentence() =>
        Assert.All(Banned, static banned => Assert.Matches("^[A-Z][^.]+\\.$", banned.Sentence));

    [Theory]
    [InlineData("System.Threading.Tasks.Task", "Run")]
    [InlineData("System.Threading.Tasks.Task", "Yield")]
    [InlineData("System.Threading.Tasks.Task", "Delay")]
    [InlineData("System.Threading.Tasks.TaskFactory", "StartNew")]
    [InlineData("System.Threading.Tasks.TaskFactory`1", "StartNew")]
    [InlineData("System.Threading.ThreadPool", "QueueUserWorkItem")]
    [InlineData("System.Threading.Thread", ".ctor")]
    [InlineData("System.Threading.Thread", "Sleep")]
    [InlineData("System.DateTime", "Now")]
    [InlineData("System.DateTime", "UtcNow")]
    [InlineData("System.DateTimeOffset", "Now")]
    [InlineData("System.DateTimeOffset", "UtcNow")]
    [InlineData("System.Diagnostics.Stopwatch", "StartNew")]
    [InlineData("System.Random", "Shared")]
    [InlineData("System.Guid", "NewGuid")]
    [InlineData("System.Environment", "TickCount")]
    [InlineData("System.Environment", "TickCount64")]
    [InlineData("System.Console", "WriteLine")]
    public void Every_overload_is_banned(string typeName, string memberName)
    {
        var framework = Contract.Compile();
        var banned = Banned.Select(banned => DocumentationCommentId.GetFirstSymbolForDeclarationId(banned.Id, framework))
            .ToHashSet(SymbolEqualityComparer.Default);

        var type = framework.GetTypeByMetadataName(typeName);
        var overloads = type!.GetMembers(memberName);

        Assert.NotEmpty(overloads);
        Assert.All(overloads, overload => Assert.True(
            banned.Contains(overload) || banned.Contains(type) || overload.DeclaredAccessibility != Accessibility.Public,
            $"{overload.ToDisplayString()} is not banned"));
    }

    private static IEnumerable<(string Id, string Sentence)> ReadList()
    {
        using var reader = new StreamReader(typeof(BannedSymbolsTests).Assembly.GetManifestResourceStream("BannedSymbols.txt")!);
        while (reader.ReadLine() is { } line)
        {
            if (line.Length > 0 && !line.StartsWith("//", StringComparison.Ordinal))
            {
                var end = line.IndexOf(';', StringComparison.Ordinal);
                yield return (line[..end], line[(end + 1)..]);
            }
        }
    }
}
