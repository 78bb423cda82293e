using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Replay;

/// <summary>Something else that a step would have returned.</summary>
/// <param name="Value">What it would have returned.</param>
/// <param name="Cells">What it would have found, for each cell that would have held something else.</param>
/// <param name="Moment">After how many steps of the execution it would have; <see cref="OtherTurns.Beyond"/> where the execution ends before.</param>
/// <param name="By">The thread whose write makes the difference.</param>
/// <param name="Overwriter">The first step of another thread that changes later what the step looked at, or -1.</param>
internal sealed record OtherResult(long Value, IReadOnlyDictionary<int, long> Cells, int Moment, int By, int Overwriter);

/// <summary>
/// What steps would have returned, had they come where another thread's turn begins or ends: all that another order of the same turns can show them.
/// What a place is in the middle of a turn, such as a lock that is held there, nobody else saw.
/// </summary>
/// <remarks>
/// A place that the thread itself set since, or sets before, is as it left it wherever others' turns are; what it merely added to a count is added, or taken off.
/// Threads that have not ended when the execution does are let go on to where they wait or end: that is where their turn would have ended.
/// Of an execution of one thread every state is looked at, as there are no turns.
/// </remarks>
internal sealed class OtherTurns
{
    /// <summary>A moment that the execution does not come to.</summary>
    public const int Beyond = int.MaxValue;

    /// <summary>The most steps that a thread goes on alone.</summary>
    public const int MostAlone = 400;

    private readonly Recording _recording;
    private readonly List<(int At, long[] Cells, int By)> _moments = []; // By: the thread that went on alone, or -1
    private readonly IReadOnlyList<OtherResult>?[] _known;
    private readonly bool _isAlone;

    /// <param name="recording">The execution.</param>
    /// <param name="isAlone">Whether all its steps are one thread's.</param>
    public OtherTurns(Recording recording, bool isAlone)
    {
        _recording = recording;
        _isAlone = isAlone;
        _known = new IReadOnlyList<OtherResult>?[Steps.Count];
        for (var at = 0; at <= Steps.Count; at++)
        {
            if (isAlone || at == 0 || at == Steps.Count || Steps[at].Choice.Thread != Steps[at - 1].Choice.Thread)
            {
                recording.Return(at);
                _moments.Add((at, recording.Cells(), -1));
            }
        }

        foreach (var thread in Steps.Select(s => s.Choice.Thread).Where(_ => !isAlone).Distinct().Order())
        {
            GoOn(thread);
        }
    }

    private Machine Machine => _recording.Instance.Machine;

    private IReadOnlyList<RecordedStep> Steps => _recording.Steps;

    /// <summary>What else a step would have returned.</summary>
    public IReadOnlyList<OtherResult> Of(int at) => _known[at] ??= Find(at);

    private void GoOn(int thread)
    {
        var stepper = _recording.Stepper;
        _recording.Return(Steps.Count - 1); // before the step that fails
        try
        {
            for (var i = 0; i < MostAlone && Machine.ThreadKind(thread) != ThreadKind.Environment && !stepper.HasEnded(thread) && stepper.IsEnabled(thread); i++)
            {
                if (stepper.Step(thread).IsFinal)
                {
                    return; // an execution that nobody asked for
                }
            }

            _moments.Add((Beyond, _recording.Cells(), thread));
        }
        catch (ModelFaultException)
        {
            return;
        }
    }

    private List<OtherResult> Find(int at)
    {
        var found = new List<OtherResult>();
        var step = Steps[at];
        if (step.Result.IsFinal || IsGranted(step) || Operations.CanBlock(step.Operation.Code) || (_isAlone && step.Operation.Code == OperationCode.list_get) || Machine.ThreadKind(step.Choice.Thread) == ThreadKind.Environment)
        {
            return found;
        }

        var places = step.Reads.Where(p => !IsLifetime(p)).ToArray();
        _recording.Return(at);
        var now = _recording.Cells();
        foreach (var moment in places.Length == 0 ? [] : _moments)
        {
            if (_isAlone && places.All(p => moment.Cells[p.Cell] == now[p.Cell]))
            {
                continue;
            }

            if (IsOther(at, places, now, moment.At, moment.Cells, moment.By) is { Writer: >= 0 } other && Result(at, other.Cells) is { } value && value != step.Result.Value
                && !found.Any(f => (f.Value, f.By, f.Moment <= at) == (value, other.Writer, moment.At <= at)))
            {
                found.Add(new OtherResult(value, other.Cells, moment.At, other.Writer, moment.At <= at ? -1 : other.Overwriter));
            }
        }

        return found;
    }

    // The cells that would have been otherwise for the step, and whose doing that is; the writer is -1 where nobody's.
    private (Dictionary<int, long> Cells, int Writer, int Overwriter) IsOther(int at, Place[] places, long[] now, int moment, long[] then, int by)
    {
        var cells = new Dictionary<int, long>();
        var (writer, overwriter) = (-1, -1);
        if (Steps[at].Operation.Object is not 0 and var concerned && Machine.Lifetimes[concerned] is not 0 and var lifetime && then[lifetime] != Machine.LiveWords[concerned])
        {
            return (cells, -1, -1); // there was no such thing then
        }

        foreach (var place in places)
        {
            var (first, end) = moment <= at ? (moment, at) : (at, Math.Min(moment, Steps.Count));
            var (own, last, firstOther) = (0L, -1, -1);
            var isOwn = false;
            for (var i = first; i < end && !isOwn && !_isAlone; i++)
            {
                if (!Steps[i].Writes.TryGetValue(place, out var change))
                {
                    continue;
                }

                if (Steps[i].Choice.Thread != Steps[at].Choice.Thread)
                {
                    last = i;
                    firstOther = firstOther < 0 ? i : firstOther;
                }
                else if (Adds(Steps[i].Operation.Code))
                {
                    own += change.After - change.Before;
                }
                else
                {
                    isOwn = true;
                }
            }

            var value = then[place.Cell] + (moment <= at ? own : -own);
            value = place.Bit < 0 ? value : (cells.GetValueOrDefault(place.Cell, now[place.Cell]) & ~(1L << place.Bit)) | (then[place.Cell] & (1L << place.Bit));
            if (!isOwn && (_isAlone || last >= 0 || by >= 0 && by != Steps[at].Choice.Thread) && value != cells.GetValueOrDefault(place.Cell, now[place.Cell]))
            {
                cells[place.Cell] = value;
                writer = by >= 0 ? by : Steps[_isAlone ? at : last].Choice.Thread;
                overwriter = overwriter < 0 ? firstOther : overwriter;
            }
        }

        return (cells, writer, overwriter);
    }

    private long? Result(int at, Dictionary<int, long> cells)
    {
        _recording.Return(at);
        var (state, step) = (_recording.Stepper.State, Steps[at]);
        try
        {
            foreach (var (cell, value) in cells)
            {
                state.Set(cell, value);
            }

            state.Commit();
            var result = Operations.Execute(state, step.Choice.Thread, Machine.Automaton(step.Choice.Thread)[step.Node], step.Choice.Pick);
            var isDone = state.Outcome == StepOutcome.Done;
            state.Undo();
            return isDone ? result : null;
        }
        catch (Exception e) when (e is ModelFaultException or ArgumentException or OverflowException or IndexOutOfRangeException)
        {
            return null; // no value that it can have
        }
    }

    // A lock that is got says nothing: had it been held, the thread would have come back for it.
    private static bool IsGranted(RecordedStep step) => step.Result.Value == 1 && step.Operation.Code is OperationCode.spin_trylock or OperationCode.bit_spin_trylock
        or OperationCode.down_read_trylock or OperationCode.down_write_trylock or OperationCode.folio_trylock;

    private static bool Adds(OperationCode code) => code is >= OperationCode.atomic_inc and <= OperationCode.atomic_inc_not_zero;

    private bool IsLifetime(Place place) => Machine.Cells[place.Cell - 1].Role == CellRole.Machine;
}
