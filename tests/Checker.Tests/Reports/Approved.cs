using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace ThpCheck.Checker.Tests.Reports;

/// <summary>
/// Compares a text with the one in Approved/ that somebody has read. On a difference the text is left beside it as
/// .received.txt: read it, and rename it when it is right.
/// </summary>
internal static partial class Approved
{
    /// <param name="text">The text; times, the functions that ran and the place of the repository do not count.</param>
    /// <param name="name">The test's name, which is the file's.</param>
    public static void Match(string text, [CallerMemberName] string name = "")
    {
        var approved = Repository.File("tests", "Checker.Tests", "Approved", $"{name}.txt");
        var received = Path.ChangeExtension(approved, ".received.txt");
        var expected = File.Exists(approved) ? File.ReadAllText(approved) : "";
        var found = Normal(text);
        if (found == expected)
        {
            File.Delete(received);
            return;
        }

        File.WriteAllText(received, found);
        Assert.Fail($"{Path.GetFileName(received)} is not {Path.GetFileName(approved)}.\n{Difference(expected, found)}");
    }

    /// <summary>The text without what differs from run to run.</summary>
    public static string Normal(string text)
    {
        text = text.Replace(Repository.Root + "/", "", StringComparison.Ordinal);
        text = Seconds().Replace(text, "0.00 s");
        text = BytesPerState().Replace(text, "\"bytesPerState\": 0"); // a table for each worker
        text = Estimate().Replace(text, "\"estimate\": null"); // only a search of some seconds has one
        text = Functions().Replace(text, "\"functions\": []");
        return Milliseconds().Replace(text, "\"milliseconds\": 0");
    }

    // The first lines that differ.
    private static string Difference(string expected, string found)
    {
        const int Most = 10;
        var (before, after) = (expected.Split('\n'), found.Split('\n'));
        var lines = Enumerable.Range(0, Math.Max(before.Length, after.Length))
            .Where(i => before.ElementAtOrDefault(i) != after.ElementAtOrDefault(i))
            .Take(Most)
            .Select(i => $"line {i + 1}:\n  approved: {before.ElementAtOrDefault(i)}\n  received: {after.ElementAtOrDefault(i)}");
        return string.Join('\n', lines);
    }

    [GeneratedRegex(@"\d\.\d\d s\b")]
    private static partial Regex Seconds();

    [GeneratedRegex("\"estimate\": \\{[^}]*\\}")]
    private static partial Regex Estimate();

    // Which functions set-up runs through is the model's business.
    [GeneratedRegex("\"functions\": \\[[^]]*\\]")]
    private static partial Regex Functions();

    [GeneratedRegex("\"milliseconds\": [0-9.]+")]
    private static partial Regex Milliseconds();

    [GeneratedRegex("\"bytesPerState\": [0-9.E+-]+")]
    private static partial Regex BytesPerState();
}
