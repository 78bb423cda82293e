using ThpCheck.Specs.Format;
using Xunit;

namespace ThpCheck.Specs.Tests.Format;

/// <summary>Whatever happens to a good file, the reader answers with the document or with diagnostics that point into the text.</summary>
public sealed class Mutations
{
    private static readonly string[] Pieces =
    [
        ":", ": ", "- ", "-", "[", "]", "{", "}", ",", "#", " #", "&a ", "*a", "!", "!!int ", "|", ">", ">-", "'", "\"", "%", "@", "`", "?", "? ",
        "<<: ", "---\n", "...\n", "\n", "\r\n", "  ", "\\", "\\x0", "\"\\ud800\"", "😀", "(", ")", "=",
        ".", "0x", "-1", "99999999999999999999", "true", "null", "~", "name", "name: ", "\n  - ", "%YAML 9.9\n---\n", "%TAG ! x\n",
    ];

    // Refused before the YAML is looked at: kept apart, or few texts would come further.
    private static readonly string[] Invisible = ["\t", "\0", "\u001b", "\r", "\ud83d", "\u2028", "\ufeff"];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void A_mutated_file_gives_a_document_or_diagnostics(int seed)
    {
        var random = new Random(seed);
        var documents = 0;
        for (var run = 0; run < 2000; run++)
        {
            var text = Example.Full;
            for (var left = random.Next(1, 6); left > 0; left--)
                text = Mutate(text, random);
            documents += Answer(text) ? 1 : 0;
        }

        // Both answers occur, or the mutations are too mild or too wild to say anything.
        Assert.InRange(documents, 20, 1980);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_heap_of_pieces_gives_diagnostics(int seed)
    {
        var random = new Random(seed);
        for (var run = 0; run < 2000; run++)
            Assert.False(Answer(string.Concat(random.GetItems(Pieces, random.Next(1, 40)))));
    }

    [Fact]
    public void Every_beginning_of_a_file_gives_a_document_or_diagnostics()
    {
        for (var length = 0; length <= Example.Full.Length; length++)
            Answer(Example.Full[..length]);
    }

    public static TheoryData<string> Repeated =>
    [
        "[", "{", "- ", "? ", "\n", "a: b\n", "a,", "!", "&a", "*", "'", "\"", "a: |\n", "b\n ", "---\n", " ", "#", "x", "(", "%TAG ! x\n", "[]: ",
        "a: [", "{a: b, ",
    ];

    [Theory]
    [MemberData(nameof(Repeated))]
    public void A_megabyte_of_one_piece_gives_diagnostics(string piece)
    {
        var times = ScenarioReader.LongestFile / piece.Length - 1000;
        var pieces = string.Concat(Enumerable.Repeat(piece, times));

        Assert.False(Answer(pieces));
        Assert.False(Answer("title: " + pieces));
        Assert.False(Answer("setup: [f(" + pieces));
        Assert.False(Answer("setup: ['f(" + pieces));
    }

    /// <summary>Reads the text, checks that the answer is in order, and says whether it is a document.</summary>
    private static bool Answer(string text)
    {
        var result = ScenarioReader.Parse(Example.Path, text);

        Assert.Equal(result.IsDocument, result.Diagnostics.Count == 0);
        Assert.InRange(result.Diagnostics.Count, 0, DiagnosticList.Limit + 1);
        var lines = text.Split('\n');
        var previous = new SourcePosition(1, 1);
        foreach (var diagnostic in result.Diagnostics)
        {
            Assert.InRange(diagnostic.Line, previous.Line, lines.Length);
            Assert.InRange(
                diagnostic.Column,
                diagnostic.Line == previous.Line ? previous.Column : 1,
                lines[diagnostic.Line - 1].Length + 1);
            Assert.EndsWith(diagnostic.Message[^1] == '?' ? "?" : ".", diagnostic.Message, StringComparison.Ordinal);
            Assert.InRange(diagnostic.Message.Length, 10, 400);
            Assert.DoesNotContain(diagnostic.Message, char.IsControl);
            previous = new(diagnostic.Line, diagnostic.Column);
        }

        return result.IsDocument;
    }

    private static string Mutate(string text, Random random)
    {
        var at = random.Next(text.Length + 1);
        var length = Math.Min(random.Next(1, 8), text.Length - at);
        var lines = text.Split('\n');
        var (one, other) = (random.Next(lines.Length), random.Next(lines.Length));
        switch (random.Next(32))
        {
            case 31:
                return text.Insert(at, Invisible[random.Next(Invisible.Length)]);
            case < 4:
                return text.Remove(at, length);
            case < 8:
                return text.Insert(at, text[at..(at + length)]);
            case < 16:
                return text.Insert(at, Pieces[random.Next(Pieces.Length)]);
            case < 20:
                (lines[one], lines[other]) = (lines[other], lines[one]);
                break;
            case < 24:
                lines[one] = lines[other];
                break;
            case < 28:
                lines[one] = lines[one].StartsWith("  ", StringComparison.Ordinal) ? lines[one][2..] : "  " + lines[one];
                break;
            default:
                lines = [.. lines.Where((_, line) => line != one)];
                break;
        }

        return string.Join('\n', lines);
    }
}
