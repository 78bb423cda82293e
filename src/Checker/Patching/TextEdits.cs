using System.Text;

namespace ThpCheck.Checker.Patching;

/// <summary>Changes to a text, and where the places of the changed text were in the text as it was written.</summary>
/// <remarks>None adds a line, so that lines are the same in both.</remarks>
internal sealed class TextEdits(string text)
{
    private readonly List<(int At, int Length, string Text)> _edits = []; // in the order they were made
    private (int At, int Length, string Text)[]? _sorted;

    /// <summary>Puts a text in.</summary>
    public void Insert(int at, string what) => _edits.Add((at, 0, what));

    /// <summary>Puts a text in the place of another.</summary>
    public void Replace(int at, int length, string what) => _edits.Add((at, length, what));

    /// <summary>The changed text.</summary>
    public string Apply()
    {
        _sorted = [.. _edits.OrderBy(e => e.At)]; // a stable sort: those at one place stay in their order
        var changed = new StringBuilder(text.Length * 2);
        var from = 0;
        foreach (var (at, length, what) in _sorted)
        {
            changed.Append(text, from, at - from).Append(what);
            from = at + length;
        }

        return changed.Append(text, from, text.Length - from).ToString();
    }

    /// <summary>Where a place of the changed text was; inside what was put in, where that was put.</summary>
    public int Original(int place)
    {
        var moved = 0; // how much further right the changed text is
        foreach (var (at, length, what) in _sorted ?? [])
        {
            if (at + moved + what.Length > place)
            {
                return Math.Min(place - moved, at);
            }

            moved += what.Length - length;
        }

        return Math.Min(place - moved, text.Length);
    }
}
