using System.Text.RegularExpressions;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Reports;

/// <summary>Objects without their number, where a diagram has one of their kind, and their fields as C reaches them.</summary>
internal sealed partial class ShortNames
{
    private readonly Dictionary<string, string> _short = [];

    /// <param name="machine">Whose objects are named.</param>
    /// <param name="texts">All the texts that have to name them alike.</param>
    public ShortNames(Machine machine, IReadOnlyList<string> texts)
    {
        var all = machine.Objects.OfType<KernelObject>().Select(o => o.Name).ToHashSet();
        var words = texts.SelectMany(t => Word().Matches(t)).Select(m => m.Value).ToHashSet();
        var used = words.Where(all.Contains).ToHashSet();
        foreach (var group in used.GroupBy(n => n.TrimEnd('\'').TrimEnd("0123456789".ToCharArray())))
        {
            var isOne = group.Select(n => n.TrimEnd('\'')).Distinct().Count() == 1 && !words.Contains(group.Key);
            foreach (var name in group)
            {
                _short.Add(name, isOne && group.Key.Length > 0 ? group.Key + name[name.TrimEnd('\'').Length..] : name);
            }
        }
    }

    /// <summary>A text by itself.</summary>
    public static string Apply(Machine machine, string text) => new ShortNames(machine, [text]).In(text);

    /// <summary>One of the texts.</summary>
    public string In(string text) => Reference().Replace(text, m =>
        _short.TryGetValue(m.Groups[1].Value, out var name) ? $"{name}{(m.Groups[2].Length == 0 ? "" : "->")}" : m.Value);

    // Neither fields nor the names of files.
    [GeneratedRegex(@"(?<![\w>./])[A-Za-z_]\w*'*")]
    private static partial Regex Word();

    // A name, and the dot behind it where a field follows.
    [GeneratedRegex(@"(?<![\w>./])([A-Za-z_]\w*'*)(\.(?=\w))?")]
    private static partial Regex Reference();
}
