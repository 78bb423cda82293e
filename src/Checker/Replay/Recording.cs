using ThpCheck.Checker.Exploration;
using ThpCheck.Model.Objects;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Replay;

/// <summary>A place in memory that steps can depend on: a cell, or for words of flags one bit of it (-1 for a whole cell).</summary>
internal readonly record struct Place(int Cell, int Bit);

/// <summary>A step of a recording.</summary>
/// <param name="Choice">Whose step, and in which way.</param>
/// <param name="Operation">What it did.</param>
/// <param name="Calls">The functions that the thread was inside of.</param>
/// <param name="Node">Where the thread was.</param>
/// <param name="Result">What came of it.</param>
/// <param name="Reads">What it looked at.</param>
/// <param name="Writes">What it changed, with the values of the cells before and after.</param>
internal sealed record RecordedStep(
    Choice Choice, Operation Operation, IReadOnlyList<string> Calls, int Node, StepResult Result,
    IReadOnlySet<Place> Reads, IReadOnlyDictionary<Place, (long Before, long After)> Writes);

/// <summary>An execution with every state on the way, so that it can be gone on with from anywhere in it.</summary>
internal sealed class Recording
{
    private readonly List<(ulong[] Words, ulong Low, ulong High)> _states = [];
    private readonly List<RecordedStep> _steps = [];
    private readonly Dictionary<int, long[]> _memory = []; // after so many steps, once it was asked for

    private Recording(Instance instance)
    {
        Instance = instance;
        Stepper = instance.Begin();
        Keep();
    }

    /// <summary>What it is an execution of.</summary>
    public Instance Instance { get; }

    /// <summary>Goes on from where <see cref="Return"/> put it.</summary>
    public Stepper Stepper { get; }

    public IReadOnlyList<RecordedStep> Steps => _steps;

    private Machine Machine => Instance.Machine;

    /// <summary>Executes a schedule. A step in which the model is at fault ends it, and is not in it.</summary>
    public static Recording Of(Instance instance, IReadOnlyList<Choice> schedule)
    {
        var recording = new Recording(instance);
        foreach (var choice in schedule)
        {
            try
            {
                recording._steps.Add(recording.Take(choice));
            }
            catch (ModelFaultException)
            {
                break;
            }

            recording.Keep();
        }

        return recording;
    }

    /// <summary>Puts the stepper back to the state after so many steps.</summary>
    public void Return(int steps)
    {
        var (words, low, high) = _states[steps];
        Stepper.State.Load(words, low, high);
    }

    /// <summary>What a cell holds after so many steps, wherever the stepper is.</summary>
    public long CellAfter(int steps, int cell)
    {
        if (!_memory.TryGetValue(steps, out var cells))
        {
            var state = new State(Machine);
            state.Load(_states[steps].Words, _states[steps].Low, _states[steps].High);
            _memory[steps] = cells = CellsOf(state);
        }

        return cells[cell];
    }

    /// <summary>Takes a step from where the stepper is, and says what it looked at and changed.</summary>
    /// <exception cref="ModelFaultException">The model is wrong.</exception>
    public RecordedStep Take(Choice choice)
    {
        var (state, thread) = (Stepper.State, choice.Thread);
        var (operation, calls, node) = (Stepper.Pending(thread), Stepper.Calls(thread), state.NodeOf(thread));
        var before = Cells();
        var result = Stepper.Step(thread, choice.Pick);
        var writes = Changes(before, Cells());
        return new(choice, operation, calls, node, result, ReadsOf(operation, thread, writes), writes);
    }

    /// <summary>Whether a property is broken where the stepper is; a tear-down that it needs is run there.</summary>
    /// <param name="property">The property.</param>
    /// <param name="last">The step that led there.</param>
    /// <param name="log">Takes note of what the property reads, or null.</param>
    /// <exception cref="ModelFaultException">The model is wrong.</exception>
    public bool Breaks(Property property, RecordedStep last, ReadLog? log = null) => Sentence(property, last, log) is not null;

    /// <summary>What a property says against where the stepper is, or null; a tear-down that it needs is run there.</summary>
    /// <param name="property">The property.</param>
    /// <param name="last">The step that led there.</param>
    /// <param name="log">Takes note of what the property reads, or null.</param>
    /// <exception cref="ModelFaultException">The model is wrong.</exception>
    public string? Sentence(Property property, RecordedStep last, ReadLog? log = null)
    {
        switch (property.Form)
        {
            case PropertyForm.KernelBug:
                return last.Result.Meets(property.Bug) ? property.Name : null;
            case PropertyForm.AlwaysAt:
                return last.Result.Effects
                    .Where(e => e.Kind is EffectKind.Oracle or EffectKind.Return && PropertyMonitor.EventName(e) == property.At)
                    .Select(e => property.Check(new StateView(Stepper.State)
                    {
                        Log = log,
                        Thread = last.Choice.Thread,
                        Argument = e.Kind == EffectKind.Oracle ? Machine.Object((int)e.Value) : null,
                    }))
                    .FirstOrDefault(s => s is not null);
            case PropertyForm.Finally or PropertyForm.Outcomes when Instance.TearDown is { } tearDown:
                Specs.Instance.RunAlone(Stepper, tearDown.Thread, tearDown.Entry, "tear-down");
                break;
            default:
                break;
        }

        return property.Check(new StateView(Stepper.State) { Log = log });
    }

    private void Keep() => _states.Add((Stepper.State.Words.ToArray(), Stepper.State.Fingerprint.Low, Stepper.State.Fingerprint.High));

    /// <summary>What every cell holds where the stepper is; [0] is unused.</summary>
    public long[] Cells() => CellsOf(Stepper.State);

    private long[] CellsOf(State state)
    {
        var cells = new long[Machine.Cells.Count + 1];
        for (var cell = 1; cell < cells.Length; cell++)
        {
            cells[cell] = state.Get(cell);
        }

        return cells;
    }

    private Dictionary<Place, (long, long)> Changes(long[] before, long[] after)
    {
        var changes = new Dictionary<Place, (long, long)>();
        for (var cell = 1; cell < before.Length; cell++)
        {
            foreach (var place in before[cell] == after[cell] ? [] : PlacesOf(cell, before[cell] ^ after[cell]))
            {
                changes.Add(place, (before[cell], after[cell]));
            }
        }

        return changes;
    }

    private HashSet<Place> ReadsOf(in Operation operation, int thread, Dictionary<Place, (long Before, long After)> writes)
    {
        var reads = new HashSet<Place>();
        if (operation.Object != 0 && Machine.Lifetimes[operation.Object] is var lifetime and not 0)
        {
            reads.Add(new(lifetime, -1));
        }

        switch (operation.Code)
        {
            case OperationCode.store or OperationCode.WRITE_ONCE or OperationCode.smp_store_release or OperationCode.atomic_set
                or OperationCode.set_bit or OperationCode.clear_bit or OperationCode.Choose or OperationCode.Yield or OperationCode.none:
                break;
            case OperationCode.test_bit or OperationCode.test_and_set_bit or OperationCode.test_and_clear_bit or OperationCode.bit_spin_lock
                or OperationCode.bit_spin_trylock or OperationCode.bit_spin_unlock or OperationCode.folio_lock or OperationCode.folio_trylock
                or OperationCode.folio_unlock:
                reads.UnionWith(PlacesOf(operation.Cell, operation.A));
                break;
            case >= OperationCode.down_read and <= OperationCode.rwsem_is_locked:
                reads.UnionWith(Enumerable.Range(operation.Cell, RwSemaphore.Waiting + 1).Select(c => new Place(c, -1)));
                break;
            case >= OperationCode.list_add and <= OperationCode.list_count:
                reads.UnionWith(Enumerable.Range(operation.Cell, 1 + (int)Machine.Places[operation.Cell].Span).Select(c => new Place(c, -1)));
                break;
            case OperationCode.snapshot_wait:
                reads.Add(new(Machine.WaitCell(thread, (SectionKinds)operation.A), -1));
                break;
            case OperationCode.Until when operation.B == 0:
                reads.UnionWith(((Predicate)Machine.Object((int)operation.A)!).Reads.SelectMany(r => PlacesOf(r.Cell, -1)));
                break;
            case OperationCode.mmu_store or OperationCode.mmu_load:
                reads.UnionWith(InFootprint(operation, thread));
                break;
            default:
                reads.UnionWith(operation.Cell == 0 ? [] : PlacesOf(operation.Cell, -1));
                reads.UnionWith(operation.Cell == 0 ? writes.Keys : []); // what frees, allocates or calls back looks at what it changes
                break;
        }

        return reads;
    }

    // A word of flags is as many places as it has bits.
    private IEnumerable<Place> PlacesOf(int cell, long bits)
    {
        var declared = Machine.Cells[cell - 1];
        if (!declared.Type.IsEnum || !declared.Type.IsDefined(typeof(FlagsAttribute), false))
        {
            yield return new(cell, -1);
            yield break;
        }

        for (var bit = 0; bit < sizeof(long) * 8 && 1L << bit <= declared.Max && bit < 63; bit++)
        {
            if ((bits >> bit & 1) != 0)
            {
                yield return new(cell, bit);
            }
        }
    }

    // What user code's access may look at, without the page tables of other processes and the lifetimes of what it does not come to.
    private IEnumerable<Place> InFootprint(Operation operation, int thread)
    {
        var mm = $"{Machine.Object((int)operation.B)}.";
        var footprints = new Footprints(Machine);
        var reads = new ulong[footprints.Words];
        footprints.Add(operation, thread, new FootprintBuilder(reads, new ulong[footprints.Words]));
        return Enumerable.Range(1, Machine.Cells.Count)
            .Where(c => (reads[c >> 6] >> c & 1) != 0)
            .Where(c => Machine.Cells[c - 1] is var cell && cell.Role != CellRole.Machine && (cell.Type != typeof(Pmd) || cell.Name.StartsWith(mm, StringComparison.Ordinal)))
            .SelectMany(c => PlacesOf(c, -1));
    }
}
