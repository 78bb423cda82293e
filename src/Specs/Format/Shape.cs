using System.Collections;

namespace ThpCheck.Specs.Format;

/// <summary>Whether a mapping can do without a key.</summary>
internal enum Need
{
    Optional,
    Required,
}

/// <summary>The keys of a kind of mapping, as editors and the schema see them.</summary>
internal interface IShape
{
    /// <summary>The kind, with its article, as messages say it.</summary>
    string What { get; }

    /// <summary>The keys, in the order people write them.</summary>
    IEnumerable<(string Name, Need Need)> Keys { get; }
}

/// <summary>
/// A table of the keys of a kind of mapping: each key, whether it is needed, how its value is read, where the value goes.
/// </summary>
/// <param name="what">The kind, with its article: <c>a thread</c>.</param>
/// <param name="blank">The record that the values are put into, for a mapping that starts there.</param>
internal sealed class Shape<T>(string what, Func<SourcePosition, T> blank) : IShape, IEnumerable
    where T : class
{
    private readonly List<Key> _keys = [];

    public string What => what;

    public IEnumerable<(string Name, Need Need)> Keys => _keys.Select(k => (k.Name, k.Need));

    /// <summary>A row of the table.</summary>
    public void Add<TValue>(string name, Need need, NodeReader<TValue> read, Func<T, TValue, T> put) where TValue : class =>
        _keys.Add(new(name, need, (record, node, report) => read(node, report) is { } value ? put(record, value) : null));

    /// <summary>
    /// The record with the values of a mapping; null when a needed one is missing or could not be read, which is then reported.
    /// </summary>
    internal T? Read(YamlNode node, DiagnosticList report)
    {
        if (node is not YamlMapping mapping)
            return Expected.Other<T>(node, $"{What} (a mapping)", report);

        var record = blank(mapping.Position);
        var complete = true;
        var missing = _keys.Where(k => k.Need == Need.Required).ToList();
        foreach (var (name, value) in mapping.Entries)
        {
            var key = _keys.Find(k => k.Name == name.Text);
            if (key is null)
            {
                var free = _keys.Select(k => k.Name).Where(k => !mapping.Entries.Any(e => e.Key.Text == k));
                var nearest = NearestName.Suggest(name.Text, free);
                var hint = nearest is null ? "" : $" Did you mean '{nearest}'?";
                report.Add(name.Position, $"no key {Characters.Quote(name.Text)} here.{hint}");
                complete &= missing.RemoveAll(k => k.Name == nearest) == 0;     // one mistake, one message
                continue;
            }

            missing.Remove(key);
            if (key.Read(record, value, report) is { } read)
                record = read;
            else
                complete &= key.Need == Need.Optional;
        }

        foreach (var key in missing)
            report.Add(mapping.Position, $"{What} needs the key '{key.Name}'.");
        return complete && missing.Count == 0 ? record : null;
    }

    IEnumerator IEnumerable.GetEnumerator() => _keys.GetEnumerator();

    private sealed record Key(string Name, Need Need, Func<T, YamlNode, DiagnosticList, T?> Read);
}
