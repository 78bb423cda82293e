namespace ThpCheck.Checker.Gate;

/// <summary>Puts lines of format=flowed together again (RFC 3676): one that ends in a blank goes on in the next, and a blank stands before those that begin with one.</summary>
/// <param name="deletesBlank">Whether the blank at the end was added (DelSp).</param>
internal sealed class FlowedLines(bool deletesBlank)
{
    private string? _begun;

    /// <summary>The line that ends here, or null.</summary>
    public string? Take(string line)
    {
        var text = line.StartsWith(' ') ? line[1..] : line;

        // A line of blanks only is an empty one of a hunk, which flows nowhere, as the separator of a signature does not.
        if (text.EndsWith(' ') && text != "-- " && text.Trim().Length > 0)
        {
            if ((_begun?.Length ?? 0) < BoundedLines.MostCharacters)
            {
                _begun += deletesBlank ? text[..^1] : text;
            }

            return null;
        }

        var whole = _begun + text;
        _begun = null;
        return whole;
    }

    /// <summary>What was begun and did not go on, or null.</summary>
    public string? End() => _begun;
}
