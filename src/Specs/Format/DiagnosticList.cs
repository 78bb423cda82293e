namespace ThpCheck.Specs.Format;

/// <summary>The errors found so far in one file.</summary>
internal sealed class DiagnosticList(string file)
{
    /// <summary>More than these are not kept: the rest of a file with so many errors is noise.</summary>
    internal const int Limit = 50;

    private readonly List<Diagnostic> _found = [];     // in the order found; at most Limit
    private bool _more;

    internal bool Any => _found.Count > 0;

    internal void Add(SourcePosition at, string message)
    {
        if (_found.Count == Limit)
        {
            _more = true;
            return;
        }

        _found.Add(new(file, at.Line, at.Column, message));
    }

    /// <summary>Sorted by place; errors in one place stay in the order found.</summary>
    internal IReadOnlyList<Diagnostic> Sorted()
    {
        List<Diagnostic> sorted = [.. _found.OrderBy(d => d.Line).ThenBy(d => d.Column)];
        if (_more)
            sorted.Add(sorted[^1] with { Message = $"there are more errors than the {Limit} shown." });
        return sorted;
    }
}
