namespace ThpCheck.Coyote.Tests;

/// <summary>Chooses every execution once, depth first, each from its beginning, without memory of states.</summary>
internal sealed class Enumeration : IExplorer
{
    private readonly List<(List<(int Thread, int Way)> Ways, int Taken)> _stack = []; // Taken < Ways.Count
    private bool _hasBegun;
    private int _depth;

    public bool Begin()
    {
        _depth = 0;
        if (!_hasBegun)
        {
            return _hasBegun = true;
        }

        // The last step that has another way goes it; what followed is forgotten.
        for (; _stack.Count > 0; _stack.RemoveAt(_stack.Count - 1))
        {
            var (ways, taken) = _stack[^1];
            if (taken + 1 < ways.Count)
            {
                _stack[^1] = (ways, taken + 1);
                return true;
            }
        }

        return false;
    }

    public (int Thread, int Way) Next(IProgram program)
    {
        if (_depth == _stack.Count)
        {
            _stack.Add(([.. Enumerable.Range(0, program.Threads).SelectMany(t => Enumerable.Range(0, program.Ways(t)).Select(w => (t, w)))], 0));
        }

        var (ways, taken) = _stack[_depth++];
        return ways[taken];
    }
}
