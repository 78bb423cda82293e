using System.Text;
using ThpCheck.Checker.CommandLine;
using ThpCheck.Checker.Gate;
using ThpCheck.Checker.Tests.Verification;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.Gate;

/// <summary>Patches in mails, encoded in the ways that mail programs encode them.</summary>
public sealed class MailTests : IDisposable
{
    // With what encodings have to bear: a name that is no ASCII, =, tabs, a line of one blank, a line that ends in blanks.
    private const string Body = """
        Für wen auch immer: a = b.

        ---
        diff --git a/mm/rmap.c b/mm/rmap.c
        --- a/mm/rmap.c
        +++ b/mm/rmap.c
        @@ -10,6 +10,7 @@ void page_remove_rmap(struct page *page)
         	int a = 1;
        +	smp_mb();
         
         	/* a comment that is rather long, so that a mail program which breaks lines breaks this one, if any */
         	int b;
         	int c;  
         	int d;
        -- 
        2.40.1

        """;

    private const string Found = "mm/rmap.c:11: ERROR: model out of date: page_remove_rmap, its synchronisation changes: +smp_mb()\n";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("base64", "UTF-8")]
    [InlineData("Base64", "iso-8859-1")]
    [InlineData("quoted-printable", "utf-8")]
    [InlineData("quoted-printable", "x-nobody-knows")]
    [InlineData("8bit", "UTF-8")]
    public void An_encoded_body_is_decoded(string encoding, string charset)
    {
        var mail = Header("x", $"text/plain; charset=\"{charset}\"", encoding) + Encoded(Body, encoding, charset);

        foreach (var text in new[] { mail, mail.ReplaceLineEndings("\r\n"), WithoutFrom(mail) })
        {
            Assert.Equal((Found, ExitCodes.Incomplete), Gate(text));
        }
    }

    [Theory]
    [InlineData("base64")]
    [InlineData("quoted-printable")]
    public void Parts_in_parts_are_decoded_each_for_itself_and_those_that_are_no_text_are_passed_over(string encoding)
    {
        var mail = $"""
            {Header("x", "multipart/mixed;\n boundary=\"out er\"", "7bit")}Not shown.
            --out er
            Content-Type: multipart/alternative; boundary=inner

            --inner
            Content-Type: text/html

            --- a/mm/rmap.c
            +++ b/mm/rmap.c
            @@ nonsense &amp; more @@
            --inner
            Content-Transfer-Encoding: {encoding}
            Content-Type: text/plain; charset=UTF-8

            {Encoded(Body, encoding, "UTF-8")}
            --inner--
            --out er
            Content-Type: image/png
            Content-Transfer-Encoding: base64

            no base64 at all
            --out er
            Content-Type: message/rfc822

            Subject: inside
            Content-Transfer-Encoding: {encoding}

            {Encoded("--- a/mm/swap.c\n+++ b/mm/swap.c\n@@ -1 +1,2 @@ void release_pages(void)\n \tint a;\n+\tsmp_wmb();\n", encoding, "UTF-8")}
            --out er--
            Not shown, either.
            """;

        var (text, _) = Gate(mail);

        Assert.Equal(Found + "mm/swap.c:2: ERROR: model out of date: release_pages, its synchronisation changes: +smp_wmb()\n", text);
    }

    [Theory]
    [InlineData("8bit", "")]
    [InlineData("quoted-printable", "; delsp=yes")]
    public void Lines_that_flow_are_put_together(string encoding, string more)
    {
        var added = more.Length > 0 ? " " : "";
        var body = string.Join('\n', Body.Replace("c;  ", "c;", StringComparison.Ordinal).Split('\n')
            .Select(l => l.StartsWith(' ') ? $" {l}" : l)
            .Select(l => l.Replace("so that ", $"so that {added}\n", StringComparison.Ordinal)));

        var run = Gate(Header("x", $"text/plain; charset=UTF-8; format=flowed{more}", encoding) + Encoded(body, encoding, "UTF-8"));

        Assert.Equal((Found, ExitCodes.Incomplete), run);
    }

    [Theory]
    [InlineData("base64")]
    [InlineData("quoted-printable")]
    public void A_body_that_was_decoded_already_is_taken_as_it_is(string encoding) =>
        Assert.Equal((Found, ExitCodes.Incomplete), Gate(Header("x", "text/plain; charset=UTF-8", encoding) + Body));

    [Fact]
    public void A_series_is_counted_whatever_its_subjects_are_encoded_as()
    {
        var second = Header("=?UTF-8?q?=5BPATCH_2/3=5D_mm:?=\n =?UTF-8?B?IGbDvHI=?= all", "text/plain", "base64") + Encoded(Body, "base64", "UTF-8");

        var (_, code, error) = GateAll(Header("[PATCH 1/3] a", "text/plain", "base64") + Encoded(Body, "base64", "UTF-8") + "\n" + second);

        Assert.Equal(ExitCodes.WrongInput, code);
        Assert.Contains("patch 3 missing", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("base64", "LS0tIGEvbW0vcm1hcC5jCg==\nnot to be here", "something stands behind the end of a mail's base64")]
    [InlineData("base64", "LS0tIGEvbW0v\nLS0*LS0t", "this is no base64")]
    [InlineData("base64", "LS0tIGEvbW0vcm1hcC5jC", "base64 ends in the middle; is it truncated?")]
    [InlineData("quoted-printable", "=41 = b", "this is not quoted-printable")]
    [InlineData("quoted-printable", "=41\na =3", "this is not quoted-printable")]
    [InlineData("quoted-printable", "a =3D=", "ends in the middle of a line; is it truncated?")]
    [InlineData("x-uuencode", "begin 644 a", "encoded as 'x-uuencode', of which nothing is known here")]
    public void What_is_truncated_or_wrongly_encoded_is_an_error(string encoding, string body, string error)
    {
        var run = GateAll(Header("x", "text/plain", encoding) + body);

        Assert.Equal(ExitCodes.WrongInput, run.Code);
        Assert.Contains(error, run.Error, StringComparison.Ordinal);
        Assert.Single(run.Error.TrimEnd().Split('\n'));
    }

    [Theory]
    [InlineData("multipart/mixed", "", "no boundary between them")]
    [InlineData("multipart/mixed; boundary=b", "--b\n\na\n", "a mail ends before its last part does; is it truncated?")]
    [InlineData("multipart/mixed; boundary=b", "--b\n\nFrom a@b Mon Sep 17 00:00:00 2001\nSubject: next\n\n", "a mail ends before its last part does")]
    [InlineData("multipart/mixed; boundary=b", "--b\nno field\n\n--b--", "'no field' is no line of a mail's header")]
    [InlineData("multipart mixed boundary", "", "is no Content-Type")]
    public void Parts_that_cannot_be_told_apart_are_an_error(string type, string body, string error)
    {
        var run = GateAll(Header("x", type, "7bit") + body);

        Assert.Equal(ExitCodes.WrongInput, run.Code);
        Assert.Contains(error, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Parts_in_parts_without_end_are_an_error()
    {
        var mail = new StringBuilder(Header("x", "multipart/mixed; boundary=b", "7bit"));
        for (var i = 0; i < 100; i++)
        {
            mail.Append(System.Globalization.CultureInfo.InvariantCulture, $"--b{(i == 0 ? "" : i)}\nContent-Type: multipart/mixed; boundary=b{i + 1}\n\n");
        }

        Assert.Contains("too many parts in parts", GateAll(mail.ToString()).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_large_mail_is_decoded_a_line_at_a_time()
    {
        const int Megabytes = 20;
        var line = Convert.ToBase64String(Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("text\n", 12)) + "nn\n")[..57]); // 76 characters, as mails have
        using var text = new Repeated(Header("x", "text/plain", "base64"), line + "\n", Megabytes << 20);
        var lines = new MailLines(text, "mail");
        var (count, ahead) = (0, 0L);

        while (lines.Next() is not null)
        {
            ahead = Math.Max(ahead, text.Given - ((long)lines.Number * (line.Length + 1)));
            count++;
        }

        Assert.InRange(count, 2_900_000, 3_100_000);
        Assert.InRange(ahead, 1, 1 << 17);
    }

    private static string Header(string subject, string type, string encoding) =>
        $"From a@b Mon Sep 17 00:00:00 2001\nFrom: A <a@b>\nSubject: {subject}\nMIME-Version: 1.0\nContent-Type: {type}\nContent-Transfer-Encoding: {encoding}\n\n";

    private static string WithoutFrom(string mail) => mail[(mail.IndexOf('\n', StringComparison.Ordinal) + 1)..];

    private static string Encoded(string text, string encoding, string charset)
    {
        var bytes = (charset.StartsWith("iso", StringComparison.Ordinal) ? Encoding.Latin1 : Encoding.UTF8).GetBytes(text.ReplaceLineEndings("\n"));
        return encoding.ToLowerInvariant() switch
        {
            "base64" => Convert.ToBase64String(bytes, Base64FormattingOptions.InsertLineBreaks).ReplaceLineEndings("\n"),
            "quoted-printable" => QuotedPrintable(bytes),
            _ => text,
        };
    }

    // Every tenth character is encoded though it need not be, as is a blank at the end of a line; lines are broken after 70 characters.
    private static string QuotedPrintable(byte[] bytes)
    {
        var text = new StringBuilder();
        var column = 0;
        for (var i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] == '\n')
            {
                text.Append('\n');
                column = 0;
                continue;
            }

            var isPlain = bytes[i] is > 32 and < 127 and not (byte)'=' || (bytes[i] is (byte)' ' or (byte)'\t' && i + 1 < bytes.Length && bytes[i + 1] != '\n');
            var written = isPlain && i % 10 != 0 ? ((char)bytes[i]).ToString() : $"={bytes[i]:X2}";
            if (column + written.Length > 70)
            {
                text.Append("=\n");
                column = 0;
            }

            text.Append(written);
            column += written.Length;
        }

        return text.ToString();
    }

    private (string Out, int Code) Gate(string mail)
    {
        var run = GateAll(mail);
        Assert.Equal("", run.Error);
        return (run.Out, run.Code);
    }

    private (string Out, int Code, string Error) GateAll(string mail)
    {
        var run = Of("gate", "--diff", _folder.Write("a.mbox", mail), "--checkpatch");
        return (run.Out, run.ExitCode, run.Error);
    }

    /// <summary>A text that repeats a line up to a size.</summary>
    private sealed class Repeated(string head, string line, int size) : TextReader
    {
        private int _at;

        public int Given => _at;

        public override int Read(char[] buffer, int index, int count)
        {
            for (var i = 0; i < count; i++, _at++)
            {
                if (_at >= size && (_at - head.Length) % line.Length == 0)
                {
                    return i;
                }

                buffer[index + i] = _at < head.Length ? head[_at] : line[(_at - head.Length) % line.Length];
            }

            return count;
        }
    }
}
