using System.Diagnostics;
using System.Text.RegularExpressions;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Checker.Verification;

namespace ThpCheck.Checker.Tests.Verification;

/// <summary>Does what docs/TUTORIAL.md says, in a folder of its own, in its order.</summary>
public sealed partial class TutorialTests
{
    private const string Prompt = "$ ";
    private const string LeftOut = "...";

    [Fact]
    public void The_tutorials_files_and_commands_come_to_what_it_prints()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateSymbolicLink(folder.File("specs"), Repository.File("specs"));
        var commands = 0;
        foreach (var (file, text) in Blocks(File.ReadAllText(Repository.File("docs", "TUTORIAL.md"))))
        {
            if (file is not null)
            {
                File.WriteAllText(folder.File(file), text);
                continue;
            }

            foreach (var (command, expected) in Commands(text))
            {
                commands++;
                AssertPrints(command, expected, Run(command, folder.Path));
            }
        }

        Assert.True(commands > 5, $"the tutorial has only {commands} commands");
    }

    // The blocks of files, each under a comment that names it, and of commands.
    private static IEnumerable<(string? File, string Text)> Blocks(string markdown) =>
        Block().Matches(markdown).Select(m => (m.Groups["file"].Success ? m.Groups["file"].Value : null, m.Groups["text"].Value));

    private static IEnumerable<(string Command, string[] Expected)> Commands(string text)
    {
        var lines = text.TrimEnd('\n').Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            if (lines[i].StartsWith(Prompt, StringComparison.Ordinal))
            {
                yield return (lines[i][Prompt.Length..], [.. lines.Skip(i + 1).TakeWhile(l => !l.StartsWith(Prompt, StringComparison.Ordinal))]);
            }
        }
    }

    // Each run of lines between those left out stands, in its order, in what was printed; the first at its beginning, the last at its end.
    private static void AssertPrints(string command, string[] expected, string[] printed)
    {
        var at = 0;
        var mayStep = false;
        foreach (var line in expected)
        {
            if (line == LeftOut)
            {
                mayStep = true;
                continue;
            }

            var found = Array.IndexOf(printed, line, at);
            Assert.True(found >= 0, $"'{command}' does not print\n{line}\nhere; it prints\n{string.Join('\n', printed)}");
            Assert.True(mayStep || found == at, $"'{command}' prints\n{printed[at]}\nbefore\n{line}");
            (at, mayStep) = (found + 1, false);
        }

        Assert.True(mayStep || at == printed.Length, $"'{command}' goes on to print\n{string.Join('\n', printed.Skip(at))}");
    }

    private static string[] Run(string command, string folder)
    {
        var words = Word().Matches(command).Select(m => m.Value.Trim('\'')).ToArray();
        Assert.Equal("thpcheck", words[0]);
        var (program, before) = ComparingProcess.Self();
        var start = new ProcessStartInfo(program, [.. before, .. words.Skip(1)]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        var text = (errors.Result + output).TrimEnd('\n');
        return [.. text.Split('\n').Select(l => l.TrimEnd())];
    }

    [GeneratedRegex(@"(?:<!-- file: (?<file>\S+) -->\n```csharp|```console)\n(?<text>.*?)^```$", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Block();

    [GeneratedRegex(@"'[^']*'|\S+")]
    private static partial Regex Word();
}
