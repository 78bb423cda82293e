using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace ThpCheck.Specs.Format;

/// <summary>
/// Builds the tree of a file's one document from the parser's events, which expand nothing. Aliases, anchors, tags and merge keys
/// are refused: a scenario is read by people, who should find everything where it stands, and without aliases a document
/// cannot be larger than its file.
/// </summary>
internal sealed class YamlTree
{
    /// <summary>A scenario needs 6 levels.</summary>
    internal const int Deepest = 16;

    private readonly string _text;
    private readonly DiagnosticList _report;
    private readonly Parser _parser;

    private YamlTree(string text, DiagnosticList report)
    {
        _text = text;
        _report = report;
        _parser = new Parser(new StringReader(text));
    }

    /// <summary>The document's root, or null when it could not be read to its end, which has then been reported.</summary>
    internal static YamlNode? Read(string text, DiagnosticList report) => new YamlTree(text, report).Document();

    private YamlNode? Document()
    {
        try
        {
            Move();
            if (Move() && _parser.Current is StreamEnd)
            {
                _report.Add(SourcePosition.Start, $"the file is empty; {SourceText.HowToStart}");
                return null;
            }

            Move();
            var root = Node(depth: 1);
            Move();
            if (Move() && _parser.Current is DocumentStart second)
            {
                _report.Add(
                    Place(second.Start),
                    "a second document starts here; a scenario is one document, so put this one into a file of its own.");
            }

            return root;
        }
        catch (TooDeepException deep)
        {
            _report.Add(deep.Position, $"lists and mappings are nested deeper than {Deepest} levels here; a scenario needs 6.");
        }
        catch (YamlException broken)
        {
            _report.Add(Place(broken.Start), $"this is not YAML. {Characters.OneLine(broken.Message.TrimEnd('.'))}.");
        }

        return null;
    }

    /// <summary>Reads the node that starts at the current event, and leaves its last event the current one.</summary>
    private YamlNode Node(int depth)
    {
        var at = Place(_parser.Current!.Start);
        if (_parser.Current is AnchorAlias alias)
        {
            _report.Add(at, $"the alias {Characters.Quote($"*{alias.Value}")} is not allowed; write what it stands for.");
            return new YamlRefused(at);
        }

        // The parser ends some broken mappings, such as ': >', between a key and its value.
        if (_parser.Current is not NodeEvent node)
            throw new SyntaxErrorException(_parser.Current.Start, _parser.Current.End, "A value is missing here.");
        if (depth > Deepest && node is not Scalar)
            throw new TooDeepException(at);
        if (!node.Anchor.IsEmpty)
            _report.Add(at, $"the anchor {Characters.Quote($"&{node.Anchor}")} is not allowed; a scenario has no aliases.");
        if (!node.Tag.IsEmpty)
            _report.Add(at, $"the tag {Characters.Quote($"{node.Tag}")} is not allowed; a scenario's keys say what their values are.");

        return node switch
        {
            Scalar scalar => Text(at, scalar),
            SequenceStart list => List(at, list.Style == SequenceStyle.Flow, depth),
            _ => Mapping(at, depth),
        };
    }

    private YamlNode Text(SourcePosition at, Scalar scalar)
    {
        // Escapes can spell what may not stand in the file itself.
        if (Characters.FirstRefused(scalar.Value) is >= 0 and var bad)
        {
            _report.Add(at, $"this text holds {Characters.WhyRefused(scalar.Value, bad)}");
            return new YamlRefused(at);
        }

        var plain = scalar.Style == ScalarStyle.Plain;
        var quote = scalar.Style is ScalarStyle.SingleQuoted or ScalarStyle.DoubleQuoted ? 1 : 0;
        var verbatim = !scalar.Value.Contains('\n')
            && scalar.Start.Index + quote <= _text.Length
            && _text.AsSpan((int)scalar.Start.Index + quote).StartsWith(scalar.Value, StringComparison.Ordinal);
        return new YamlScalar(at, scalar.Value, plain) { Verbatim = verbatim ? at.Right(quote) : null };
    }

    private YamlList List(SourcePosition at, bool flow, int depth)
    {
        var items = new List<YamlNode>();
        while (Move() && _parser.Current is not SequenceEnd)
            items.Add(Node(depth + 1));
        return new(at, flow, items);
    }

    private YamlMapping Mapping(SourcePosition at, int depth)
    {
        var entries = new List<YamlEntry>();
        var places = new Dictionary<string, SourcePosition>();
        while (Move() && _parser.Current is not MappingEnd)
        {
            var key = Node(depth + 1);
            Move();
            if (key is YamlScalar { Text: "<<", Plain: true })
            {
                _report.Add(key.Position, "the merge key '<<' is not allowed; write the keys out.");
                Skip();
                continue;
            }

            var value = Node(depth + 1);
            if (key is not YamlScalar { Text.Length: > 0 } name)
            {
                // The parser places an empty key at the end of what comes before.
                if (key is not YamlRefused)
                    _report.Add(key is YamlScalar ? value.Position : key.Position, $"expected a key, found {key.Found}.");
            }
            else if (!places.TryAdd(name.Text, name.Position))
            {
                _report.Add(name.Position, $"the key {Characters.Quote(name.Text)} is here twice; the first is at {places[name.Text]}.");
            }
            else
            {
                entries.Add(new(name, value));
            }
        }

        return new(at, entries);
    }

    /// <summary>Passes over the node that starts at the current event.</summary>
    private void Skip()
    {
        var open = _parser.Current!.NestingIncrease;
        while (open > 0 && Move())
            open += _parser.Current!.NestingIncrease;
    }

    private bool Move()
    {
        try
        {
            return _parser.MoveNext();
        }
        catch (Exception fault) when (fault is not (YamlException or OutOfMemoryException))
        {
            // The parser fails its own checks on some texts, such as a line in brackets that is not indented, with neither a place
            // nor a reason.
            var behind = _parser.Current?.End ?? Mark.Empty;
            throw new SyntaxErrorException(
                behind, behind, "The parser gives up behind this place; see whether what follows is indented far enough.");
        }
    }

    // The parser reads on behind the end, as if blank lines followed.
    private SourcePosition Place(Mark mark) =>
        mark.Index < _text.Length ? new((int)mark.Line, (int)mark.Column) : SourcePosition.Behind(_text);

    private sealed class TooDeepException(SourcePosition position) : Exception
    {
        internal SourcePosition Position => position;
    }
}
