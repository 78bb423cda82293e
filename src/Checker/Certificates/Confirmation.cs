using ThpCheck.Checker.Replay;
using ThpCheck.Checker.Reports;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;

namespace ThpCheck.Checker.Certificates;

/// <summary>
/// Checks a certificate against a fresh machine: that the initial state is listed, that every step from a listed state leads to
/// a listed one, that every listed state is reached, and that the properties come to what is claimed of them.
/// </summary>
/// <remarks>
/// Each state is loaded from what the certificate lists, each step runs its path, and what follows is compared by content. The
/// memo is off; fingerprints, undo, the graph and the bookkeeping of the search have no part in it. A state is loaded only
/// after a step, or the set-up, has led to exactly its content: what nothing leads to is never run.
/// </remarks>
internal sealed class Confirmation
{
    private const int CheckEvery = 1024;

    private readonly Instance _instance;
    private readonly Machine _machine;
    private readonly Listing _listing;
    private readonly Claims _claims;
    private readonly Tally _tally;
    private readonly Stepper _stepper;
    private readonly StateView _view;
    private readonly Queue<int> _queue = new();
    private readonly List<Edge> _edges = [];
    private readonly List<int> _ends = [];
    private readonly bool[] _reached;
    private readonly ulong[] _words;     // of the state whose steps are taken
    private readonly ulong[] _row;       // of the state that a step leads to
    private readonly int[] _nodes;
    private Stepper? _tearDown;

    private Confirmation(Instance instance, Listing listing, Claims claims)
    {
        _instance = instance;
        _machine = instance.Machine;
        _machine.Memo = false;
        _listing = listing;
        _claims = claims;
        _tally = new Tally(instance.Properties);
        _stepper = new Stepper(_machine);
        _view = new StateView(_stepper.State);
        _reached = new bool[listing.Rows.Count];
        _words = new ulong[_machine.WordCount];
        _row = new ulong[StateRows.WidthOf(_machine)];
        _nodes = new int[_machine.ThreadCount];
    }

    /// <summary>Checks a certificate.</summary>
    /// <param name="instance">What it is about, on a machine that has not been explored.</param>
    /// <param name="listing">The states it lists.</param>
    /// <param name="claims">What it claims.</param>
    /// <param name="stop">Ends it early.</param>
    /// <exception cref="RefutedCertificateException">Something is not as claimed.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static void Run(Instance instance, Listing listing, Claims claims, CancellationToken stop) => new Confirmation(instance, listing, claims).Run(stop);

    private void Run(CancellationToken stop)
    {
        Reach(_instance.Begin().State, default, () => "the initial state");
        for (var expanded = 0; _queue.TryDequeue(out var index); expanded++)
        {
            if (expanded % CheckEvery == 0)
            {
                stop.ThrowIfCancellationRequested();
            }

            try
            {
                Expand(index);
            }
            catch (ModelFaultException e)
            {
                throw new RefutedCertificateException($"state {_listing.NumberOf(index)}: the model is at fault: {e.Message}");
            }
        }

        if (Array.IndexOf(_reached, false) is >= 0 and var never)
        {
            throw new RefutedCertificateException($"state {_listing.NumberOf(never)} is not reachable: no step from a listed state leads to it");
        }

        CompareClaims();
    }

    private void Expand(int index)
    {
        var number = _listing.NumberOf(index);
        Load(index);
        _tally.OnState(_view, number);
        if (_stepper.IsEnd)
        {
            AtEnd(index, number);
        }

        for (var thread = 0; thread < _machine.ThreadCount; thread++)
        {
            Restore();
            var choices = _stepper.IsEnabled(thread) ? _stepper.Choices(thread) : 0;
            for (var pick = 0; pick < choices; pick++)
            {
                Restore();
                Take(index, number, thread, pick);
            }
        }
    }

    private void Take(int index, int number, int thread, int pick)
    {
        var operation = _stepper.Pending(thread);
        var result = _stepper.Step(thread, pick);
        if (result.ScopeTooSmall)
        {
            throw new RefutedCertificateException(
                $"state {number}: {Step(thread, operation, pick)} needs more of the pool {result.Reason} than there is, so not everything was explored");
        }

        var ending = result.Bug == KernelBug.None ? default : new Ending(result.Bug, thread, pick);
        var target = Reach(_stepper.State, ending, () => $"from state {number}, {Step(thread, operation, pick)} leads to a state that");
        _edges.Add(new Edge(index, target, thread));
        _tally.OnStep(_stepper.State, thread, result, number);
    }

    private void AtEnd(int index, int number)
    {
        _ends.Add(index);
        if (_instance.TearDown is not { } tearDown)
        {
            _tally.OnEnd(_view, number);
            return;
        }

        _tearDown ??= new Stepper(_machine);
        _tearDown.State.Load(_words, 0, 0);
        Instance.RunAlone(_tearDown, tearDown.Thread, tearDown.Entry, "tear-down");
        _tally.OnEnd(new StateView(_tearDown.State), number);
    }

    // The index of a state that was derived; it must be listed.
    private int Reach(State state, Ending ending, Func<string> what)
    {
        for (var thread = 0; thread < _nodes.Length; thread++)
        {
            _nodes[thread] = _listing.Numbering.NumberOf(state, thread);
        }

        StateRows.Write(_machine, _row, state, _nodes, ending);
        var index = _listing.Rows.Find(_row);
        if (index < 0)
        {
            throw new RefutedCertificateException($"{what()} is not listed{new Nearest(_listing, _reached).To(state, _nodes, ending)}");
        }

        if (!_reached[index])
        {
            _reached[index] = true;
            if (ending == default)
            {
                _queue.Enqueue(index);
            }
        }

        return index;
    }

    // Makes the state of a row from what the certificate lists.
    private void Load(int index)
    {
        var row = _listing.Rows[index];
        row[.._machine.NodeWord].CopyTo(_words);
        _words.AsSpan(_machine.NodeWord).Clear();
        for (var thread = 0; thread < _machine.ThreadCount; thread++)
        {
            var node = _listing.Numbering.MachineNode(StateRows.NodeOf(_machine, row, thread));
            _words[_machine.NodeWord + (thread / 2)] |= (ulong)(uint)node << (thread % 2 * 32);
        }

        Restore();
    }

    // Steps are not taken back: the state they were taken from is loaded again. Nobody looks at its fingerprint.
    private void Restore() => _stepper.State.Load(_words, 0, 0);

    private void CompareClaims()
    {
        Compare("states", _claims.States, _listing.Rows.Count);
        Compare("transitions", _claims.Transitions, _edges.Count);
        Compare("ends", _claims.Ends, _ends.Count);
        for (var i = 0; i < _claims.Properties.Count; i++)
        {
            var (claimed, found) = (_claims.Properties[i], _tally.ClaimOf(i));
            if (claimed.Verdict != found.Verdict)
            {
                var where = _tally.Where(i) ?? "no listed state and no step from one does it";
                throw new RefutedCertificateException(
                    $"{claimed.Name}: claimed {CheckedVariant.Word(claimed.Verdict)}, found {CheckedVariant.Word(found.Verdict)}: {where}");
            }

            if (!claimed.Outcomes.Order(StringComparer.Ordinal).SequenceEqual(found.Outcomes.Order(StringComparer.Ordinal)))
            {
                throw new RefutedCertificateException(
                    $"{claimed.Name}: claimed {string.Join(' ', claimed.Outcomes)}, found {string.Join(' ', found.Outcomes)}");
            }
        }

        var bugs = Enumerable.Range(0, _listing.Rows.Count).Where(i => StateRows.EndingOf(_listing.Rows[i]) != default);
        var (deadlock, livelock) = Stuck.In(_listing.Rows.Count, _edges, [.. _ends, .. bugs], Owes);
        Compare("deadlock", _claims.Deadlock, deadlock);
        Compare("livelock", _claims.Livelock, livelock);
    }

    private bool Owes(int index, int thread) => _machine.ThreadKind(thread) switch
    {
        ThreadKind.Task => true,
        ThreadKind.Optional => _listing.Numbering.Nodes[StateRows.NodeOf(_machine, _listing.Rows[index], thread)].Started,
        _ => false,
    };

    private static void Compare(string what, long claimed, long found)
    {
        if (claimed != found)
        {
            throw new RefutedCertificateException($"the certificate claims {Prose.Number(claimed)} {what}; there are {Prose.Number(found)}");
        }
    }

    private static void Compare(string what, bool claimed, bool found)
    {
        if (claimed != found)
        {
            throw new RefutedCertificateException(claimed ? $"the certificate claims a {what}; there is none" : $"the certificate claims no {what}; there is one");
        }
    }

    private string Step(int thread, in Operation operation, int pick) =>
        $"{_machine.ThreadName(thread)}'s {OperationText.Of(_machine, operation)}{(pick == 0 ? "" : $" (choice {pick})")}";
}
