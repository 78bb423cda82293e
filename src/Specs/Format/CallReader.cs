namespace ThpCheck.Specs.Format;

/// <summary>
/// Reads calls:
/// <code>
/// call     = [ name '=' ] path [ '(' [ argument { ',' argument } ] ')' ]
/// path     = name [ '.' name ]
/// argument = path | integer | 'true' | 'false' | 'null' | '"' text '"'
/// </code>
/// with blanks between the pieces where one likes.
/// </summary>
internal sealed class CallReader
{
    private readonly YamlScalar _scalar;
    private readonly string _text;
    private readonly DiagnosticList _report;
    private int _at;                // the next character
    private int _open = -1;         // the '(' that is still to be closed, or -1

    private CallReader(YamlScalar scalar, DiagnosticList report)
    {
        _scalar = scalar;
        _text = scalar.Text;
        _report = report;
    }

    private bool AtEnd => _at == _text.Length;

    /// <summary>A call in its short form; null after reporting the one place where it goes wrong.</summary>
    internal static CallSpec? Read(YamlNode node, DiagnosticList report) =>
        node is YamlScalar { Text.Length: > 0 } scalar
            ? new CallReader(scalar, report).Call()
            : Expected.Other<CallSpec>(node, "a call such as 'folio = do_anonymous_page(vma, 0)'", report);

    /// <summary>
    /// The list without the second halves of calls that YAML cut in two at a comma, as it does within brackets: <c>[f(a, b)]</c> is
    /// the list of <c>f(a</c> and <c>b)</c>. The first half alone then makes for one clear message.
    /// </summary>
    internal static YamlList WithoutRests(YamlList list)
    {
        var whole = new List<YamlNode>();
        var cut = false;
        foreach (var item in list.Items)
        {
            if (!cut)
                whole.Add(item);
            cut = cut ? item is not YamlScalar rest || !rest.Text.Contains(')') : IsCut(item);
        }

        return list with { Items = whole };
    }

    /// <summary>The same for a mapping, where <c>{call: f(a, b)}</c> has the keys <c>call</c> and, without a value, <c>b)</c>.</summary>
    internal static YamlMapping WithoutRests(YamlMapping mapping) => mapping.Entries.Any(e => IsCut(e.Value))
        ? mapping with { Entries = [.. mapping.Entries.Where(e => e.Value is not YamlScalar { Text: "" })] }
        : mapping;

    private static bool IsCut(YamlNode node) =>
        node is YamlScalar { Text: var text } && text.LastIndexOf('(') > text.LastIndexOf(')');

    private CallSpec? Call()
    {
        SkipBlanks();
        var start = Here;
        if (Path("a function's name") is not { } path)
            return null;

        Located<string>? result = null;
        if (Take('='))
        {
            if (path.Qualifier is not null)
                return Fail<CallSpec>(path.Position, $"expected a name in front of '=', found '{path}'.");
            result = path.Name;
            if (Path("a function's name") is not { } called)
                return null;
            path = called;
        }

        if (Arguments() is not { } arguments)
            return null;
        return AtEnd
            ? new() { Position = start, Result = result, Path = path, Arguments = arguments }
            : Fail<CallSpec>(Here, $"expected the end of the call, found {Found}.");
    }

    private List<ArgumentSpec>? Arguments()
    {
        var arguments = new List<ArgumentSpec>();
        if (AtEnd || _text[_at] != '(')
            return arguments;

        _open = _at;
        if (Take('(') && Take(')'))
            return arguments;
        do
        {
            if (Argument() is not { } argument)
                return null;
            arguments.Add(argument);
        }
        while (Take(','));

        if (Take(')'))
            return arguments;
        return AtEnd ? Unclosed<List<ArgumentSpec>>() : Fail<List<ArgumentSpec>>(Here, $"expected ',' or ')', found {Found}.");
    }

    private ArgumentSpec? Argument()
    {
        const string Expected = "an argument (a name, an integer, true, false, null or \"text\")";
        if (AtEnd)
            return Unclosed<ArgumentSpec>();

        var start = Here;
        switch (_text[_at])
        {
            case '"':
                return Text();
            case '-' or (>= '0' and <= '9'):
                return Number();
        }

        var word = Word();
        switch (word)
        {
            case "true" or "false":
                Pass(word);
                return new ArgumentSpec.Boolean(start, word == "true");
            case "null":
                Pass(word);
                return new ArgumentSpec.Null(start);
            default:
                return Path(Expected) is { } name ? new ArgumentSpec.Reference(name) : null;
        }
    }

    private ArgumentSpec.Text? Text()
    {
        var start = Here;
        var end = _text.IndexOf('"', _at + 1);
        if (end < 0)
            return Fail<ArgumentSpec.Text>(start, "this text has no closing '\"'.");
        var text = _text[(_at + 1)..end];
        Pass(_text[_at..(end + 1)]);
        return new(start, text);
    }

    private ArgumentSpec.Number? Number()
    {
        var start = Here;
        var end = _at + 1;
        while (end < _text.Length && Names.IsIdentifierPart(_text[end]))
            end++;
        var digits = _text[_at..end];
        switch (Names.TryInteger(digits, out var value))
        {
            case IntegerText.TooLarge:
                return Fail<ArgumentSpec.Number>(start, $"{Characters.Quote(digits)} does not fit in a signed integer of 64 bits.");
            case IntegerText.NoInteger:
                return Fail<ArgumentSpec.Number>(start, $"{Characters.Quote(digits)} is no integer; write it as 10, -10 or 0x10.");
        }

        Pass(digits);
        return new(start, value);
    }

    private DottedName? Path(string expected)
    {
        if (Name(expected) is not { } first)
            return null;
        if (!Take('.'))
            return new(null, first);
        if (Name($"a name after '{first}.'") is not { } second)
            return null;
        return !AtEnd && _text[_at] == '.' ? Fail<DottedName>(Here, "expected at most one '.' in a name.") : new(first, second);
    }

    private Located<string>? Name(string expected)
    {
        var start = Here;
        var word = Word();
        if (!Names.IsFree(word))
            return AtEnd && _open >= 0 ? Unclosed<Located<string>>() : Fail<Located<string>>(start, $"expected {expected}, found {Found}.");
        Pass(word);
        return new(word, start);
    }

    private SourcePosition Here => _scalar.PlaceOf(_at);

    private string Found => AtEnd ? "the end of the call"
        : Word() is { Length: > 0 } word ? Characters.Quote(word)
        : Characters.Quote(_text[_at..(_at + (char.IsHighSurrogate(_text[_at]) ? 2 : 1))]);

    /// <summary>The letters, digits and underscores from here on.</summary>
    private string Word()
    {
        var end = _at;
        while (end < _text.Length && Names.IsIdentifierPart(_text[end]))
            end++;
        return _text[_at..end];
    }

    private bool Take(char c)
    {
        if (AtEnd || _text[_at] != c)
            return false;
        _at++;
        SkipBlanks();
        return true;
    }

    private void Pass(string piece)
    {
        _at += piece.Length;
        SkipBlanks();
    }

    private void SkipBlanks()
    {
        while (!AtEnd && _text[_at] is ' ' or '\n')
            _at++;
    }

    private T? Unclosed<T>() where T : class => Fail<T>(
        _scalar.PlaceOf(_open),
        "this '(' has no ')'. Within [] and {} YAML ends a value at a comma, so a call there needs quotes around it.");

    private T? Fail<T>(SourcePosition at, string message) where T : class
    {
        _report.Add(at, message);
        return null;
    }
}
