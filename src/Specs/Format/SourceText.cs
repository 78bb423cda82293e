using System.Buffers;
using System.Text.Unicode;

namespace ThpCheck.Specs.Format;

/// <summary>Gets a file's text, if it is one: short enough, UTF-8, without invisible characters.</summary>
internal static class SourceText
{
    internal const string HowToStart = "a scenario starts with its title, as in 'title: Exit against kswapd'.";

    /// <summary>The text of a file, or null after reporting why there is none. What cannot be a scenario is not opened.</summary>
    internal static string? Load(string path, DiagnosticList report)
    {
        try
        {
            return LoadRegular(path, report);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return Refuse(report, $"the file cannot be read. {Characters.OneLine(unreadable.Message)}");
        }
    }

    /// <summary>Whether a text is short enough and free of characters that no scenario needs; reports the first that is not.</summary>
    internal static bool IsFit(string text, DiagnosticList report)
    {
        if (text.Length > ScenarioReader.LongestFile)
            return Refuse(report, TooLong(text.Length)) is not null;
        if (Characters.FirstRefused(text) is not (>= 0 and var bad))
            return true;
        report.Add(SourcePosition.Behind(text.AsSpan(0, bad)), Characters.WhyRefused(text, bad));
        return false;
    }

    private static string? LoadRegular(string path, DiagnosticList report)
    {
        if (Directory.Exists(path))
            return Refuse(report, "this is a directory; name one of the files in it.");
        if (!File.Exists(path))
            return Refuse(report, "there is no such file.");

        // A link's own length is that of its text.
        var target = File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
        var length = new FileInfo(target).Length;
        if (length > ScenarioReader.LongestFile)
            return Refuse(report, TooLong(length));

        // Pipes and devices have length 0 too; opening one could wait for ever, and reading one never end.
        if (length == 0)
            return Refuse(report, $"the file is empty or no regular file; {HowToStart}");

        using var file = new FileStream(target, FileMode.Open, FileAccess.Read, FileShare.Read);
        var bytes = new byte[ScenarioReader.LongestFile + 1];
        var count = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        return count > ScenarioReader.LongestFile ? Refuse(report, TooLong(file.Length)) : Decode(bytes.AsSpan(0, count), report);
    }

    private static string? Decode(ReadOnlySpan<byte> bytes, DiagnosticList report)
    {
        bytes = bytes.StartsWith("\uFEFF"u8) ? bytes[3..] : bytes;
        var text = new char[bytes.Length];
        var status = Utf8.ToUtf16(bytes, text, out var read, out var written, replaceInvalidSequences: false);
        if (status == OperationStatus.Done)
            return new(text, 0, written);

        var encoding = bytes.Contains((byte)0) ? "a binary file or UTF-16" : "another encoding";
        report.Add(
            SourcePosition.Behind(text.AsSpan(0, written)),
            $"the byte 0x{bytes[read]:x2} is not UTF-8; this is {encoding}, a scenario is UTF-8 text.");
        return null;
    }

    private static string TooLong(long length)
    {
        var tenths = Math.Ceiling(length * 10m / ScenarioReader.LongestFile);
        return FormattableString.Invariant($"the file is {tenths / 10:0.#} MB; a scenario is a page of text, 1 MB at most.");
    }

    private static string? Refuse(DiagnosticList report, string message)
    {
        report.Add(SourcePosition.Start, message);
        return null;
    }
}
