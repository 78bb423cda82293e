using System.Net.Mime;
using System.Text;
using System.Text.RegularExpressions;
using ThpCheck.Checker.CommandLine;

namespace ThpCheck.Checker.Gate;

/// <summary>
/// Reads a text line by line, and the mails in it as their readers see them: header fields in one line each, and of the body the text, decoded
/// (RFC 2045, 2046 and 3676). What is no mail is left as it is. A line is in memory at a time.
/// </summary>
/// <remarks>
/// A mail that ends in the middle of a part or has an encoding that is broken is an error here, where libraries for mail read on
/// as well as they can: half a diff would pass as the whole.
/// </remarks>
internal sealed partial class MailLines(TextReader text, string name)
{
    private const int MostNested = 16; // parts in parts

    private readonly BoundedLines _raw = new(text);
    private readonly Queue<string> _ready = []; // what came out of the last line
    private readonly Stack<string> _boundaries = [];
    private readonly StringBuilder _field = new();

    private Place _place = Place.Start;
    private bool _isPart; // whether the header at hand is of a part, and not of a mail
    private bool _isSure; // whether it is one, as a line before it says
    private string _type = "";
    private string _encoding = "";
    private TransferDecoder? _decoder;
    private FlowedLines? _flowed;
    private bool _isAtEnd;

    private enum Place
    {
        /// <summary>Nothing but empty lines so far.</summary>
        Start,
        Header,
        Body,

        /// <summary>Around the parts, or in one that is no text.</summary>
        Skipped,
    }

    /// <summary>The number of the line that was read last, as it stands in the text, from 1.</summary>
    public int Number => _raw.Number;

    /// <summary>Whether a line begins a mail in a mailbox.</summary>
    public static bool IsFrom(string line) => line.StartsWith("From ", StringComparison.Ordinal) && FromLine().IsMatch(line);

    /// <summary>The next line; null at the end.</summary>
    /// <exception cref="WrongInputException">A mail is truncated or wrongly encoded.</exception>
    public string? Next()
    {
        string? ready;
        while (!_ready.TryDequeue(out ready) && !_isAtEnd)
        {
            if (_raw.Next() is { } line)
            {
                Take(line);
            }
            else
            {
                EndMail();
                _isAtEnd = true;
            }
        }

        return ready;
    }

    private void Take(string line)
    {
        if (IsFrom(line))
        {
            EndMail();
            _ready.Enqueue(line);
            BeginHeader(isPart: false);
            _isSure = true;
        }
        else if (!IsBoundary(line))
        {
            TakeAt(line);
        }
    }

    private void TakeAt(string line)
    {
        switch (_place)
        {
            case Place.Start when line.Length > 0:
                BeginHeader(isPart: false);
                TakeAt(line);
                break;
            case Place.Header when line.Length == 0:
                EndHeader();
                break;
            case Place.Header when line[0] is ' ' or '\t' && _field.Length > 0:
                _field.Append(_field.Length < BoundedLines.MostCharacters ? $" {line.Trim()}" : "");
                break;
            case Place.Header when FieldStart().IsMatch(line):
                EndField();
                _field.Append(line);
                break;
            case Place.Header when _isSure || _isPart || _type.Length + _encoding.Length > 0:
                throw Wrong($"'{Shorter(line)}' is no line of a mail's header; is the mail damaged?");
            case Place.Header: // it is no mail
                EndField();
                _place = Place.Body;
                TakeAt(line);
                break;
            case Place.Body when _decoder is not null:
                if (line.Length >= BoundedLines.MostCharacters)
                {
                    throw Wrong("this line is too long for an encoded mail");
                }

                Give(_decoder.Take(line));
                break;
            case Place.Start or Place.Body:
                Give([line]);
                break;
        }
    }

    private bool IsBoundary(string line)
    {
        if (_boundaries.Count == 0 || !line.StartsWith("--", StringComparison.Ordinal))
        {
            return false;
        }

        var end = line.TrimEnd();
        if (_boundaries.FirstOrDefault(b => end.AsSpan(2).StartsWith(b, StringComparison.Ordinal) && end[(2 + b.Length)..] is "" or "--") is not { } boundary)
        {
            return false;
        }

        EndBody();
        while (_boundaries.Peek() != boundary)
        {
            _boundaries.Pop(); // of parts that were not ended by themselves
        }

        if (end.Length == boundary.Length + 2)
        {
            BeginHeader(isPart: true);
        }
        else
        {
            _boundaries.Pop();
            _place = Place.Skipped;
        }

        return true;
    }

    private void BeginHeader(bool isPart) => (_place, _isPart, _type, _encoding) = (Place.Header, isPart, "", "");

    private void EndField()
    {
        if (_field.Length == 0)
        {
            return;
        }

        var field = _field.ToString();
        var colon = field.IndexOf(':', StringComparison.Ordinal);
        switch (field[..Math.Max(colon, 0)].ToLowerInvariant())
        {
            case "content-type":
                _type = field[(colon + 1)..].Trim();
                break;
            case "content-transfer-encoding":
                _encoding = field[(colon + 1)..].Trim().ToLowerInvariant();
                break;
        }

        if (!_isPart)
        {
            _ready.Enqueue(EncodedWords.Decode(field));
        }

        _field.Clear();
    }

    private void EndHeader()
    {
        EndField();
        if (!_isPart)
        {
            _ready.Enqueue("");
        }

        var type = TypeOf(_type);
        var kind = type.MediaType.ToLowerInvariant();
        if (kind.StartsWith("multipart/", StringComparison.Ordinal))
        {
            _boundaries.Push(type.Boundary is { Length: > 0 } boundary ? boundary : throw Wrong("this mail has parts, and no boundary between them"));
            _place = _boundaries.Count <= MostNested ? Place.Skipped : throw Wrong("this mail has too many parts in parts");
        }
        else if (kind == "message/rfc822")
        {
            BeginHeader(isPart: true);
        }
        else if (kind == "text/html" || kind.Split('/')[0] is "image" or "audio" or "video")
        {
            _place = Place.Skipped;
        }
        else
        {
            _place = Place.Body;
            _decoder = _encoding switch
            {
                "base64" => new Base64Text(EncodingOf(type.CharSet), Wrong),
                "quoted-printable" => new QuotedPrintableText(EncodingOf(type.CharSet), Wrong),
                "" or "7bit" or "8bit" or "binary" => null,
                _ => throw Wrong($"this mail is encoded as '{Shorter(_encoding)}', of which nothing is known here; 'b4 am' or 'git mailinfo' may decode it"),
            };
            _flowed = string.Equals(type.Parameters["format"], "flowed", StringComparison.OrdinalIgnoreCase)
                ? new FlowedLines(string.Equals(type.Parameters["delsp"], "yes", StringComparison.OrdinalIgnoreCase)) : null;
        }
    }

    private void EndBody()
    {
        if (_place == Place.Body)
        {
            Give(_decoder?.End() ?? []);
            if (_flowed?.End() is { } last)
            {
                _ready.Enqueue(last);
            }
        }

        EndField();
        (_decoder, _flowed) = (null, null);
    }

    private void EndMail()
    {
        EndBody();
        if (_boundaries.Count > 0)
        {
            throw Wrong("a mail ends before its last part does; is it truncated?");
        }
    }

    private void Give(IEnumerable<string> lines)
    {
        foreach (var line in _flowed is null ? lines : lines.Select(_flowed.Take).OfType<string>())
        {
            _ready.Enqueue(line);
        }
    }

    private ContentType TypeOf(string field)
    {
        try
        {
            return field.Length == 0 ? new ContentType() { MediaType = "text/plain" } : new ContentType(field.TrimEnd(';', ' '));
        }
        catch (FormatException)
        {
            // What cannot be read is plain text (RFC 2045, 5.2), but parts are not to be lost.
            return field.StartsWith("multipart", StringComparison.OrdinalIgnoreCase) ? throw Wrong($"'{Shorter(field)}' is no Content-Type") : new ContentType("text/plain");
        }
    }

    // The code in a diff is ASCII; of the rest it is enough that it does not get in the way.
    private static Encoding EncodingOf(string? charset)
    {
        try
        {
            return charset is null ? Encoding.UTF8 : Encoding.GetEncoding(charset);
        }
        catch (ArgumentException)
        {
            return Encoding.Latin1;
        }
    }

    private WrongInputException Wrong(string what) => new($"{name}:{Number}: {what}");

    private static string Shorter(string text) => new([.. text.Take(60).Select(c => char.IsControl(c) ? '?' : c)]);

    [GeneratedRegex("^From .*[0-9]:[0-9]{2}.* [0-9]{4}( [+-][0-9]{4})?$")]
    private static partial Regex FromLine();

    [GeneratedRegex("^>?[A-Za-z][A-Za-z0-9-]*:|^>From ")]
    private static partial Regex FieldStart();
}
