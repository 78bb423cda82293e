using System.Text;

namespace ThpCheck.Checker.Gate;

/// <summary>From the lines of an encoded body to the lines of its text.</summary>
/// <param name="charset">What the bytes are.</param>
internal abstract class TransferDecoder(Encoding charset)
{
    private readonly Decoder _decoder = charset.GetDecoder();
    private readonly StringBuilder _line = new();
    private char[] _characters = [];

    /// <summary>The lines that end in a line of the body.</summary>
    public abstract IEnumerable<string> Take(string line);

    /// <summary>The last line, where it has no end.</summary>
    public IEnumerable<string> End()
    {
        ThrowIfTruncated();
        var lines = Lines([]);
        return _line.Length == 0 ? lines : [.. lines, Line()];
    }

    /// <summary>Throws where the body cannot end here.</summary>
    protected abstract void ThrowIfTruncated();

    /// <summary>The lines that these bytes end.</summary>
    protected List<string> Lines(ReadOnlySpan<byte> bytes)
    {
        if (_characters.Length < charset.GetMaxCharCount(bytes.Length))
        {
            _characters = new char[charset.GetMaxCharCount(bytes.Length)];
        }

        var found = new List<string>();
        foreach (var c in _characters.AsSpan(0, _decoder.GetChars(bytes, _characters, flush: false)))
        {
            if (c == '\n')
            {
                found.Add(Line());
            }
            else if (_line.Length < BoundedLines.MostCharacters)
            {
                _line.Append(c);
            }
        }

        return found;
    }

    private string Line()
    {
        if (_line.Length > 0 && _line[^1] == '\r')
        {
            _line.Length--;
        }

        var line = _line.ToString();
        _line.Clear();
        return line;
    }
}

/// <summary>
/// Base64 (RFC 2045, 6.8), of which nothing but blanks may be otherwise. A body that does not even begin with it was decoded by somebody who left the header as it was,
/// as 'b4 am --check' does.
/// </summary>
internal sealed class Base64Text(Encoding charset, Func<string, Exception> wrong) : TransferDecoder(charset)
{
    private readonly StringBuilder _group = new(); // characters that are no whole group of four yet
    private bool _isPadded;
    private bool _hasBegun;
    private bool _isPlain;

    public override IEnumerable<string> Take(string line)
    {
        var text = line.Trim();
        _isPlain |= !_hasBegun && !text.All(c => char.IsAsciiLetterOrDigit(c) || c is '+' or '/' or '=');
        if (_isPlain)
        {
            return [line];
        }

        if (text.Length == 0)
        {
            return [];
        }

        _hasBegun = true;

        if (_isPadded)
        {
            throw wrong("something stands behind the end of a mail's base64; was something added to the mail on its way?");
        }

        _group.Append(text);
        var whole = _group.ToString(0, _group.Length / 4 * 4);
        _group.Remove(0, whole.Length);
        var bytes = new byte[whole.Length];
        if (!Convert.TryFromBase64String(whole, bytes, out var count))
        {
            throw wrong("this is no base64, which the mail's header says it is");
        }

        _isPadded = whole.EndsWith('=');
        return Lines(bytes.AsSpan(0, count));
    }

    protected override void ThrowIfTruncated()
    {
        if (_group.Length > 0)
        {
            throw wrong("a mail's base64 ends in the middle; is it truncated?");
        }
    }
}

/// <summary>Quoted-printable (RFC 2045, 6.7). A body of which the first = is none of it was decoded already, as with <see cref="Base64Text"/>.</summary>
internal sealed class QuotedPrintableText(Encoding charset, Func<string, Exception> wrong) : TransferDecoder(charset)
{
    private bool _goesOn; // the last line ended in a soft break
    private bool _hasBegun;
    private bool _isPlain;

    public override IEnumerable<string> Take(string line)
    {
        if (_isPlain)
        {
            return [line];
        }

        var text = line.TrimEnd(' ', '\t'); // blanks at the end were added on the way
        _goesOn = text.EndsWith('=');
        var bytes = new List<byte>(text.Length + 1);
        if (!AddTo(bytes, _goesOn ? text.AsSpan(0, text.Length - 1) : text))
        {
            var first = text.IndexOf('=', StringComparison.Ordinal);
            if (_hasBegun || AddTo([], text.AsSpan(first, Math.Min(3, text.Length - first))))
            {
                throw wrong("this is not quoted-printable, which the mail's header says it is");
            }

            (_isPlain, _goesOn) = (true, false);
            return [line];
        }

        _hasBegun |= text.Contains('=', StringComparison.Ordinal);

        if (!_goesOn)
        {
            bytes.Add((byte)'\n');
        }

        return Lines([.. bytes]);
    }

    /// <summary>Adds what a text stands for.</summary>
    /// <returns>Whether it is quoted-printable.</returns>
    public static bool AddTo(List<byte> bytes, ReadOnlySpan<char> text)
    {
        for (var at = 0; at < text.Length; at++)
        {
            if (text[at] != '=')
            {
                bytes.AddRange(Encoding.UTF8.GetBytes(text[at].ToString()));
            }
            else if (at + 2 < text.Length && byte.TryParse(text.Slice(at + 1, 2), System.Globalization.NumberStyles.AllowHexSpecifier, null, out var value))
            {
                bytes.Add(value);
                at += 2;
            }
            else
            {
                return false;
            }
        }

        return true;
    }

    protected override void ThrowIfTruncated()
    {
        if (_goesOn)
        {
            throw wrong("a mail's quoted-printable text ends in the middle of a line; is it truncated?");
        }
    }
}
