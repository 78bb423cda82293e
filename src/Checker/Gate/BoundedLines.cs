using System.Text;

namespace ThpCheck.Checker.Gate;

/// <summary>Reads a text line by line, whatever it is: of a line that has no end in sight only the begin is kept.</summary>
internal sealed class BoundedLines(TextReader reader)
{
    /// <summary>The most characters of a line that are kept. No line of the kernel comes near.</summary>
    public const int MostCharacters = 16384;

    private readonly char[] _buffer = new char[65536];
    private readonly StringBuilder _line = new();
    private int _at;
    private int _end;

    /// <summary>The number of the line that was read last, from 1.</summary>
    public int Number { get; private set; }

    /// <summary>The next line without its end, which may be that of Windows; null at the end of the text.</summary>
    public string? Next()
    {
        _line.Clear();
        var isSomething = false;
        while (_at < _end || Fill())
        {
            isSomething = true;
            var rest = _buffer.AsSpan(_at, _end - _at);
            var length = rest.IndexOf('\n');
            var piece = length < 0 ? rest : rest[..length];
            _line.Append(piece[..Math.Min(piece.Length, MostCharacters - _line.Length)]);
            _at += length < 0 ? rest.Length : length + 1;
            if (length >= 0)
            {
                break;
            }
        }

        if (!isSomething)
        {
            return null;
        }

        Number++;
        if (_line.Length > 0 && _line[^1] == '\r')
        {
            _line.Length--;
        }

        return _line.ToString();
    }

    private bool Fill()
    {
        (_at, _end) = (0, reader.Read(_buffer, 0, _buffer.Length));
        return _end > 0;
    }
}
