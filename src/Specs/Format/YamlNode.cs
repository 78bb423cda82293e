namespace ThpCheck.Specs.Format;

/// <summary>A YAML value as it stands in the file: no tags, no aliases, nothing expanded or converted.</summary>
internal abstract record YamlNode(SourcePosition Position)
{
    /// <summary>What a message says was found.</summary>
    internal abstract string Found { get; }
}

/// <summary>Text. <c>Plain</c>: without quotes or a block indicator.</summary>
internal sealed record YamlScalar(SourcePosition Position, string Text, bool Plain) : YamlNode(Position)
{
    /// <summary>The place of the text's first character if the file has the text letter by letter on one line, or null.</summary>
    internal SourcePosition? Verbatim { get; init; }

    internal override string Found => (Text, Plain) switch
    {
        ("", _) => "nothing",
        (_, true) => Characters.Quote(Text),
        _ => $"the text {Characters.Quote(Text)}",
    };

    /// <summary>The place of a character of the text; where that cannot be told, the place of the whole.</summary>
    internal SourcePosition PlaceOf(int index) => Verbatim?.Right(index) ?? Position;
}

/// <summary>A list. <c>Flow</c>: written in brackets.</summary>
internal sealed record YamlList(SourcePosition Position, bool Flow, IReadOnlyList<YamlNode> Items) : YamlNode(Position)
{
    internal override string Found => Items.Count == 0 ? "an empty list" : "a list";
}

/// <summary>A mapping, with its keys in the file's order, no two the same.</summary>
internal sealed record YamlMapping(SourcePosition Position, IReadOnlyList<YamlEntry> Entries) : YamlNode(Position)
{
    internal override string Found => Entries.Count == 0 ? "an empty mapping" : "a mapping";
}

/// <summary>A key of a mapping and its value.</summary>
internal sealed record YamlEntry(YamlScalar Key, YamlNode Value);

/// <summary>Stands where something was refused that has been reported already: whoever reads it keeps quiet.</summary>
internal sealed record YamlRefused(SourcePosition Position) : YamlNode(Position)
{
    internal override string Found => "something refused";
}
