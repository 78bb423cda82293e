namespace ThpCheck.Specs.Format;

/// <summary>Readers of single values.</summary>
internal static class Values
{
    private static readonly string[] True = ["true", "on", "yes"];
    private static readonly string[] False = ["false", "off", "no"];

    /// <summary>Text of any number of lines, its outer blanks removed.</summary>
    internal static Located<string>? Prose(YamlNode node, DiagnosticList report) =>
        TextThat(text => !string.IsNullOrWhiteSpace(text), "text", node, report)?.Map(text => text.Trim());

    /// <summary>Text on one line; folding makes one line of several.</summary>
    internal static Located<string>? OneLine(YamlNode node, DiagnosticList report) =>
        TextThat(text => text.Trim() is { Length: > 0 } line && !line.Contains('\n'), "one line of text", node, report)
            ?.Map(text => text.Trim());

    /// <summary>What a toggle is called: words on one line.</summary>
    internal static Located<string>? Phrase(YamlNode node, DiagnosticList report) =>
        TextThat(text => text.Length > 0 && text == text.Trim() && !text.Contains('\n'), "words on one line", node, report);

    /// <summary>A name as in C.</summary>
    internal static Located<string>? Identifier(YamlNode node, DiagnosticList report) =>
        TextThat(Names.IsIdentifier, "an identifier (letters, digits and '_', no digit first)", node, report);

    /// <summary>An identifier that later calls can use.</summary>
    internal static Located<string>? FreeIdentifier(YamlNode node, DiagnosticList report) =>
        TextThat(Names.IsFree, "an identifier other than true, false and null", node, report);

    /// <summary>A name of something the tool or its user defines, such as <c>anon-vma-valid</c> or <c>linux-6.1</c>.</summary>
    internal static Located<string>? Name(YamlNode node, DiagnosticList report) =>
        TextThat(Names.IsName, "a name (letters, digits and '_.-', a letter first)", node, report);

    /// <summary>
    /// What a variant, or a row of facts, is called: a <see cref="Name"/> that may also start with a digit and hold <c>+</c> or <c>=</c>.
    /// </summary>
    internal static Located<string>? Label(YamlNode node, DiagnosticList report) =>
        TextThat(Names.IsLabel, "a name (letters, digits and '_.-+=', a letter or digit first)", node, report);

    /// <summary><c>file#row</c> or <c>file#row/word</c>; a row of a table is <c>table/row</c>. A row's first part may end in primes: <c>W3'</c>.</summary>
    internal static FactReference? Fact(YamlNode node, DiagnosticList report)
    {
        if (node is YamlScalar scalar)
        {
            var hash = scalar.Text.Split('#');
            var slash = hash[^1].Split('/');
            if (hash.Length == 2 && slash.Length <= 3 && Names.IsLabel(hash[0]) && Names.IsLabel(slash[0].TrimEnd('\'')) && slash.Skip(1).All(Names.IsLabel))
                return slash is [var row] ? new(scalar.Position, hash[0], row, null) : new(scalar.Position, hash[0], string.Join('/', slash[..^1]), slash[^1]);
        }

        return Expected.Other<FactReference>(node, "a fact such as 'rmap-tlb#B1' or 'rmap-tlb#B1/BEFORE'", report);
    }

    internal static Located<bool>? Boolean(YamlNode node, DiagnosticList report) =>
        AsBoolean(node) is { } value ? new(value, node.Position) : Expected.Other<Located<bool>>(node, "true or false", report);

    internal static NodeReader<Located<long>> Integer(long least, long most = long.MaxValue)
    {
        var range = most == long.MaxValue ? $"of {least} or more" : $"from {least} to {most}";
        return (node, report) => AsInteger(node) is { } value && value >= least && value <= most
            ? new(value, node.Position)
            : Expected.Other<Located<long>>(node, $"an integer {range}", report);
    }

    internal static Located<long>? AnyInteger(YamlNode node, DiagnosticList report) =>
        AsInteger(node) is { } value
            ? new(value, node.Position)
            : Expected.Other<Located<long>>(node, "an integer of at most 64 bits", report);

    /// <summary>A boolean or an integer.</summary>
    internal static Located<SettingValue>? BooleanOrInteger(YamlNode node, DiagnosticList report) =>
        AsBooleanOrInteger(node) is { } value
            ? new(value, node.Position)
            : Expected.Other<Located<SettingValue>>(node, "true, false or an integer of at most 64 bits", report);

    /// <summary>A boolean, an integer or a name.</summary>
    internal static Located<SettingValue>? BooleanIntegerOrName(YamlNode node, DiagnosticList report)
    {
        if (AsBooleanOrInteger(node) is { } value)
            return new(value, node.Position);
        return node is YamlScalar scalar && Names.IsName(scalar.Text)
            ? new(new SettingValue.Name(scalar.Text), node.Position)
            : Expected.Other<Located<SettingValue>>(node, "true, false, an integer of at most 64 bits or a name", report);
    }

    /// <summary>One of several words.</summary>
    internal static NodeReader<Located<T>> OneOf<T>(params (string Word, T Value)[] choices) => (node, report) =>
    {
        foreach (var (word, value) in choices)
        {
            if (node is YamlScalar scalar && scalar.Text == word)
                return new(value, node.Position);
        }

        var words = choices.Select(c => c.Word).ToList();
        var expected = words.Count == 1 ? words[0] : $"{string.Join(", ", words[..^1])} or {words[^1]}";
        return Expected.Other<Located<T>>(node, expected, report, node is YamlScalar other ? NearestName.Hint(other.Text, words) : "");
    };

    private static Located<string>? TextThat(Func<string, bool> fits, string expected, YamlNode node, DiagnosticList report) =>
        node is YamlScalar scalar && fits(scalar.Text)
            ? new(scalar.Text, scalar.Position)
            : Expected.Other<Located<string>>(node, expected, report);

    private static SettingValue? AsBooleanOrInteger(YamlNode node)
    {
        if (AsBoolean(node) is { } boolean)
            return new SettingValue.Boolean(boolean);
        return AsInteger(node) is { } integer ? new SettingValue.Number(integer) : null;
    }

    // Quoted, these are text: that is what quotes are for.
    private static bool? AsBoolean(YamlNode node) => node is not YamlScalar { Plain: true } scalar ? null
        : True.Contains(scalar.Text) ? true
        : False.Contains(scalar.Text) ? false
        : null;

    private static long? AsInteger(YamlNode node) =>
        node is YamlScalar { Plain: true } scalar && Names.TryInteger(scalar.Text, out var value) == IntegerText.Fits ? value : null;
}
