using System.Globalization;
using System.Text;

namespace ThpCheck.Checker.Certificates;

/// <summary>Reads a certificate line by line, and knows where it is.</summary>
internal sealed class LineReader(TextReader reader)
{
    private const int Longest = 1 << 20;

    private readonly StringBuilder _text = new();
    private bool _isPutBack;

    /// <summary>The number of the line that was read last, from 1.</summary>
    public long Number { get; private set; }

    /// <summary>The line that was read last; after the last one, null.</summary>
    public string? Line { get; private set; }

    /// <summary>Reads the next line, or the last one again when it was put back.</summary>
    /// <returns>Whether there is one.</returns>
    /// <exception cref="DamagedCertificateException">It is no line of a certificate.</exception>
    public bool Read()
    {
        if (_isPutBack)
        {
            _isPutBack = false;
            return Line is not null;
        }

        Number++;
        try
        {
            Line = Next();
        }
        catch (Exception e) when (e is InvalidDataException or DecoderFallbackException or EndOfStreamException)
        {
            throw Damaged($"the file is damaged: {(e is DecoderFallbackException ? "it is not UTF-8 text" : "it does not decompress")}");
        }

        return Line is not null;
    }

    /// <summary>The next <see cref="Read"/> gives this line again.</summary>
    public void PutBack() => _isPutBack = true;

    /// <summary>What is wrong with this line.</summary>
    public DamagedCertificateException Damaged(string message) => new(Number, message);

    // Without the limit a file that has no lines would be read into memory whole.
    private string? Next()
    {
        _text.Clear();
        for (var c = reader.Read(); c != '\n'; c = reader.Read())
        {
            if (c < 0)
            {
                return _text.Length == 0 ? null : throw Damaged("the file ends in the middle of a line; it was cut short");
            }

            if (_text.Length == Longest)
            {
                throw Damaged("the line is too long for a certificate's");
            }

            _text.Append((char)c);
        }

        return _text.ToString();
    }
}

/// <summary>The fields of a line, one after the other.</summary>
internal ref struct Fields(LineReader lines)
{
    private ReadOnlySpan<char> _rest = lines.Line; // what follows the last field, its blank included

    private bool _isFirst = true;

    /// <summary>Whether there is another field.</summary>
    public readonly bool Any => _rest.Length > 0;

    /// <summary>The next field.</summary>
    /// <exception cref="DamagedCertificateException">There is none.</exception>
    public ReadOnlySpan<char> Next(string what)
    {
        var text = _isFirst ? _rest : _rest.Length > 0 ? _rest[1..] : throw lines.Damaged($"the line ends where {what} should be");
        _isFirst = false;
        var end = text.IndexOf(' ');
        var field = end < 0 ? text : text[..end];
        _rest = end < 0 ? [] : text[end..];
        return field.Length > 0 ? field : throw lines.Damaged($"there is nothing where {what} should be");
    }

    /// <summary>The next field, which must be a certain word.</summary>
    public void Expect(string word)
    {
        var found = Next($"'{word}'");
        if (!found.SequenceEqual(word))
        {
            throw lines.Damaged($"'{Short(found)}' stands where '{word}' should be");
        }
    }

    /// <summary>The next field as a text.</summary>
    public string Text(string what) => CertificateFormat.Unescape(Next(what).ToString());

    /// <summary>The next field as a number.</summary>
    public long Number(string what, long min = long.MinValue, long max = long.MaxValue)
    {
        var field = Next(what);
        return long.TryParse(field, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number >= min && number <= max
            ? number
            : throw lines.Damaged($"{what} cannot be '{Short(field)}'");
    }

    /// <summary>The next field as a number.</summary>
    public int Int(string what, int min = int.MinValue, int max = int.MaxValue) => (int)Number(what, min, max);

    /// <summary>The next field as a member of an enum, by its name.</summary>
    public T Name<T>(string what)
        where T : struct, Enum
    {
        var field = Next(what).ToString();
        return Enum.TryParse<T>(field, out var value) && value.ToString() == field ? value : throw lines.Damaged($"{what} cannot be '{Short(field)}'");
    }

    /// <exception cref="DamagedCertificateException">The line goes on.</exception>
    public readonly void End()
    {
        if (Any)
        {
            throw lines.Damaged($"'{Short(_rest.TrimStart(' '))}' is one field too many");
        }
    }

    private static string Short(ReadOnlySpan<char> field)
    {
        const int Most = 40;
        var text = field.Length <= Most ? field.ToString() : $"{field[..Most]}...";
        return string.Concat(text.Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '?' : c));
    }
}
