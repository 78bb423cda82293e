using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Certificates;

/// <summary>
/// Of a state that a certificate should list and does not: the listed one that differs least, and in what. Only states that
/// nothing has led to yet are looked at: the others are what they should be.
/// </summary>
internal sealed class Nearest(Listing listing, IReadOnlyList<bool> reached)
{
    private readonly Machine _machine = listing.Machine;
    private readonly State _listed = new(listing.Machine);
    private readonly ulong[] _words = new ulong[listing.Machine.WordCount];

    /// <summary>The rest of a sentence; empty when there is nothing to compare with.</summary>
    public string To(State state, ReadOnlySpan<int> nodes, Ending ending)
    {
        var (nearest, least) = (-1, int.MaxValue);
        for (var index = 0; index < listing.Rows.Count; index++)
        {
            var distance = reached[index] ? int.MaxValue : Distance(index, state, nodes, ending);
            (nearest, least) = distance < least ? (index, distance) : (nearest, least);
        }

        if (nearest < 0)
        {
            return "";
        }

        var differences = Differences(nearest, state, nodes, ending);
        var others = differences.Count > 1 ? ", and differs otherwise too" : "";
        return FormattableString.Invariant($"; the nearest that is, state {listing.NumberOf(nearest)}, {differences[0]}{others}");
    }

    // A thread at another operation counts twice: that is where it should be in another state.
    private int Distance(int index, State state, ReadOnlySpan<int> nodes, Ending ending)
    {
        var row = Load(index);
        var distance = StateRows.EndingOf(row) == ending ? 0 : 2;
        for (var thread = 0; thread < nodes.Length; thread++)
        {
            var node = StateRows.NodeOf(_machine, row, thread);
            distance += node == nodes[thread] ? 0 : IsAtSameOperation(thread, node, state.NodeOf(thread)) ? 1 : 2;
        }

        for (var cell = 1; cell <= _machine.Cells.Count; cell++)
        {
            distance += _listed.Get(cell) == state.Get(cell) ? 0 : 1;
        }

        return distance;
    }

    private bool IsAtSameOperation(int thread, int number, int node) =>
        number != 0 && node >= 0 && listing.Numbering.Nodes[number].Operation == _machine.Automaton(thread)[node].Operation;

    private List<string> Differences(int index, State state, ReadOnlySpan<int> nodes, Ending ending)
    {
        var row = Load(index);
        var differences = new List<string>();
        for (var cell = 1; cell <= _machine.Cells.Count; cell++)
        {
            if (_listed.Get(cell) != state.Get(cell))
            {
                differences.Add(FormattableString.Invariant($"has {_machine.Cells[cell - 1].Name} = {_listed.Get(cell)}, not {state.Get(cell)}"));
            }
        }

        for (var thread = 0; thread < nodes.Length; thread++)
        {
            var node = StateRows.NodeOf(_machine, row, thread);
            if (node != nodes[thread])
            {
                differences.Add(Difference(thread, node, state.NodeOf(thread)));
            }
        }

        var listed = StateRows.EndingOf(row);
        if (listed != ending)
        {
            differences.Add(
                listed == default ? "is not ended by a kernel bug"
                : ending == default ? "is ended by a kernel bug"
                : "is ended by another kernel bug, or by another step");
        }

        return differences;
    }

    private string Difference(int thread, int number, int node)
    {
        var name = _machine.ThreadName(thread);
        if (number == 0 || node < 0)
        {
            return number == 0 ? $"has {name} not begun" : $"has {name} begun";
        }

        var listed = listing.Numbering.Nodes[number];
        var found = listing.Numbering.ContentOf(thread, node);
        if (listed.Operation != found.Operation)
        {
            return listed.Operation.Code == found.Operation.Code
                ? $"has {name} at {listed.Operation.Code} with other operands"
                : $"has {name} at {listed.Operation.Code}, not {found.Operation.Code}";
        }

        if (listed.Started != found.Started || !listed.Context.Equals(found.Context))
        {
            return $"has {name} inside other sections, locks or regions";
        }

        var words = ListedWords(listed.Frame).Zip(FoundWords(thread, node))
            .FirstOrDefault(w => w.First.Word != w.Second.Word || w.First.Path != w.Second.Path);
        return words.First.Path is null || words.First.Path != words.Second.Path
            ? $"has {name} inside other paths"
            : FormattableString.Invariant($"has {words.First.Word} as word {words.First.Index} of {name}'s frame of {words.Second.Method}, not {words.Second.Word}");
    }

    // The words of all frames of a node, the innermost first.
    private IEnumerable<(string Path, int Index, long Word)> ListedWords(int frame)
    {
        for (; frame != 0; frame = listing.Numbering.Frames[frame].Parent)
        {
            var content = listing.Numbering.Frames[frame];
            for (var i = 0; i < content.Words.Length; i++)
            {
                yield return (content.Type, i + 1, content.Words[i]);
            }
        }
    }

    private IEnumerable<(string Path, string Method, long Word)> FoundWords(int thread, int node)
    {
        var frames = _machine.Frames;
        for (var frame = _machine.Automaton(thread).Details(node).Frame; frame != 0; frame = frames.Parent(frame))
        {
            foreach (var word in frames.Words(frame))
            {
                yield return (frames.Type(frame).StateMachine.ToString(), frames.Type(frame).Method, word);
            }
        }
    }

    private ReadOnlySpan<ulong> Load(int index)
    {
        var row = listing.Rows[index];
        row[.._machine.NodeWord].CopyTo(_words);
        _listed.Load(_words, 0, 0);
        return row;
    }
}
