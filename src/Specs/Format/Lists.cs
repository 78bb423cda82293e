namespace ThpCheck.Specs.Format;

/// <summary>Readers of lists and of mappings with free names.</summary>
internal static class Lists
{
    /// <summary>A list; the items that cannot be read are reported and left out.</summary>
    /// <param name="what">The items in the plural.</param>
    /// <param name="item">Reads an item.</param>
    internal static NodeReader<IReadOnlyList<T>> ListOf<T>(string what, NodeReader<T> item) where T : class => (node, report) =>
        node is YamlList list
            ? [.. list.Items.Select(i => item(i, report)).OfType<T>()]
            : Expected.Other<IReadOnlyList<T>>(node, $"a list of {what}", report);

    /// <summary>A list, or a single item without its brackets.</summary>
    internal static NodeReader<IReadOnlyList<T>> OneOrMore<T>(string what, NodeReader<T> item) where T : class => (node, report) =>
        node is YamlScalar ? (item(node, report) is { } only ? [only] : null) : ListOf(what, item)(node, report);

    /// <summary>A mapping from names, each spelled as <paramref name="key"/> has it, to values.</summary>
    internal static NodeReader<IReadOnlyList<T>> MapOf<TValue, T>(
        string what, NodeReader<Located<string>> key, Func<string, NodeReader<TValue>> valueOf, Func<Located<string>, TValue, T> entry)
        where TValue : class where T : class => (node, report) =>
    {
        if (node is not YamlMapping mapping)
            return Expected.Other<IReadOnlyList<T>>(node, $"a mapping of {what}", report);

        var entries = new List<T>();
        foreach (var (name, value) in mapping.Entries)
        {
            if (key(name, report) is { } known && valueOf(known.Value)(value, report) is { } read)
                entries.Add(entry(known, read));
        }

        return entries;
    };

    /// <summary>The same list, which may not be empty.</summary>
    internal static NodeReader<IReadOnlyList<T>> AtLeastOne<T>(this NodeReader<IReadOnlyList<T>> list, string what) => (node, report) =>
        node is YamlList { Items.Count: 0 } ? Expected.Other<IReadOnlyList<T>>(node, $"at least one {what}", report) : list(node, report);

    /// <summary>The same list, in which no two items may have one name; the second and later ones are reported.</summary>
    internal static NodeReader<IReadOnlyList<T>> Distinct<T>(
        this NodeReader<IReadOnlyList<T>> list, string what, Func<T, Located<string>> nameOf) => (node, report) =>
    {
        var items = list(node, report);
        if (items is not null)
            ReportTwins(items.Select(nameOf), twin => $"the {what} {Characters.Quote(twin)} is here twice", report);
        return items;
    };

    /// <summary>Reports each name that an earlier one equals.</summary>
    internal static void ReportTwins(IEnumerable<Located<string>> names, Func<string, string> saying, DiagnosticList report)
    {
        var places = new Dictionary<string, SourcePosition>();
        foreach (var name in names)
        {
            if (!places.TryAdd(name.Value, name.Position))
                report.Add(name.Position, $"{saying(name.Value)}; the first is at {places[name.Value]}.");
        }
    }
}
