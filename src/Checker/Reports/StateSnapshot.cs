using ThpCheck.Checker.Replay;
using ThpCheck.Model.Objects;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Reports;

/// <summary>A cell and its value.</summary>
internal sealed record CellValue(string Cell, string Value, bool IsGhost)
{
    /// <summary>Its number in the machine.</summary>
    public int Number { get; init; }

    /// <summary>What kind of thing it is, for whoever looks for one.</summary>
    public CellKind Kind { get; init; }
}

/// <summary>Kinds of cells, as a reader of a state looks for them.</summary>
internal enum CellKind
{
    Other,
    PageTable,
    Count,
    Lock,
}

/// <summary>A state of a replay, written down: what differs between two of them can be told.</summary>
internal sealed class StateSnapshot
{
    private readonly Machine _machine;
    private readonly long[] _words;   // of each cell, by its index
    private readonly string[] _names; // likewise

    private StateSnapshot(Stepper stepper)
    {
        _machine = stepper.State.Machine;
        var view = new StateView(stepper.State);
        _words = [.. Enumerable.Range(1, _machine.Cells.Count).Select(view.Word)];
        _names = [.. Enumerable.Range(1, _machine.Cells.Count).Select(c => CellName.Of(view, c))];
        Threads = [.. Enumerable.Range(0, _machine.ThreadCount)
            .Where(t => _machine.ThreadKind(t) != ThreadKind.Environment)
            .Select(t => (_machine.ThreadName(t), Describe(stepper, view, t)))];
        Objects = [.. _machine.Caches.SelectMany(c => c.Slots).SelectMany(s => s.Generations).Where(view.IsLive).Select(o => o.Name)];
    }

    /// <summary>Each thread with where it is and what it is inside of.</summary>
    public IReadOnlyList<(string Thread, string Text)> Threads { get; }

    /// <summary>The objects that are allocated.</summary>
    public IReadOnlyList<string> Objects { get; }

    public static StateSnapshot Of(Stepper stepper) => new(stepper);

    /// <summary>The cells that are not as in another state, the machine's own aside.</summary>
    public IEnumerable<CellValue> ChangedSince(StateSnapshot other) =>
        Cells().Where(i => _words[i] != other._words[i]).Select(At);

    /// <summary>The cells that are not as they were laid out.</summary>
    public IEnumerable<CellValue> NotInitial() => Cells().Where(i => _words[i] != _machine.Cells[i].Initial).Select(At);

    /// <summary>All cells, the machine's own aside.</summary>
    public IEnumerable<CellValue> All() => Cells().Select(At);

    private IEnumerable<int> Cells() => Enumerable.Range(0, _words.Length).Where(i => _machine.Cells[i].Role != CellRole.Machine);

    private CellValue At(int index)
    {
        var cell = _machine.Cells[index];
        return new(_names[index], OperationText.Value(_machine, index + 1, _words[index]), cell.Role == CellRole.Ghost) { Number = index + 1, Kind = KindOf(cell) };
    }

    private static CellKind KindOf(Cell cell) =>
        cell.Type == typeof(Pte) || cell.Type == typeof(Pmd) ? CellKind.PageTable
        : cell.Role == CellRole.Lock ? CellKind.Lock
        : cell.Name.Contains("count", StringComparison.Ordinal) || cell.Name.Contains("nr_", StringComparison.OrdinalIgnoreCase) ? CellKind.Count
        : CellKind.Other;

    private static string Describe(Stepper stepper, StateView view, int thread)
    {
        if (stepper.HasEnded(thread))
        {
            return "has ended";
        }

        var context = view.Context(thread);
        var (calls, locks) = (stepper.Calls(thread), Ending.Locks(view, thread));
        string?[] parts =
        [
            stepper.HasStarted(thread) || view.Machine.ThreadKind(thread) != ThreadKind.Optional ? null : "has not started",
            calls.Count == 0 ? null : $"in {string.Join(" > ", calls)}",
            $"{(stepper.IsEnabled(thread) ? "next" : "waits in")} {OperationText.Of(view.Machine, stepper.Pending(thread))}",
            locks.Count == 0 ? null : $"holds {Prose.List(locks)}",
            context.RcuNesting == 0 ? null : Depth("RCU", context.RcuNesting),
            context.PreemptDepth == 0 ? null : Depth("preempt off", context.PreemptDepth),
            context.IrqDepth == 0 ? null : Depth("irq off", context.IrqDepth),
        ];
        return string.Join("; ", parts.OfType<string>());
    }

    private static string Depth(string section, int depth) => depth == 1 ? section : $"{section} x{Prose.Number(depth)}";
}
