using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Replay;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Differences;

/// <summary>
/// What memory can hold once all threads have ended: the values of the cells that two variants both have, in the order of their names.
/// Lifetimes are among them; locks, ghosts and what only the machine knows are not.
/// </summary>
internal sealed class EndStates
{
    private readonly BoundVariant _bound;
    private readonly int[] _cells;

    private EndStates(BoundVariant bound, IReadOnlyList<string> names)
    {
        _bound = bound;
        Names = names;
        var numbers = NumbersOf(bound.Instance.Machine);
        _cells = [.. names.Select(n => numbers[n])];
    }

    /// <summary>The cells' names.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The End states, each as the cells' values; several that differ in other cells only are one.</summary>
    public IReadOnlyCollection<string> All { get; private set; } = [];

    /// <summary>What was found of the variant on the way.</summary>
    public required InstanceResult Result { get; init; }

    /// <summary>The cheapest execution from beginning to end; null where none ends.</summary>
    public Trace? Cheapest { get; private set; }

    /// <summary>Explores a variant.</summary>
    /// <param name="bound">The variant.</param>
    /// <param name="other">The one that it is compared with, for the cells that both have.</param>
    /// <param name="budget">What the search may use.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="ModelFaultException">The set-up is wrong.</exception>
    public static EndStates Of(BoundVariant bound, BoundVariant other, Budget budget, CancellationToken stop)
    {
        const string Any = "any-end";
        var common = NumbersOf(bound.Instance.Machine).Keys.Intersect(NumbersOf(other.Instance.Machine).Keys).Order(StringComparer.Ordinal).ToArray();
        var found = new HashSet<string>();
        var probe = new EndStates(bound, common) { Result = null! };
        var states = new EndStates(bound, common)
        {
            Result = Judge.Run(bound.Instance.Promising(Property.Finally(Any, view =>
            {
                lock (found)
                {
                    found.Add(probe.Text(view));
                }

                return Any;
            })), budget, stop: stop),
        };
        states.All = found;
        states.Cheapest = states.Result[Any].Counterexample?.Trace;
        return states;
    }

    /// <summary>The cheapest way to an End state.</summary>
    public Counterexample? WayTo(string state, Budget budget, CancellationToken stop)
    {
        const string Here = "end-state";
        var result = Judge.Run(_bound.Instance.Promising(Property.Finally(Here, view => Text(view) == state ? Here : null)), budget, stop: stop);
        return result[Here].Counterexample;
    }

    /// <summary>In which cells a state differs from another, with both values.</summary>
    public IReadOnlyList<(string Cell, string Here, string There)> Compare(string here, string there)
    {
        var (one, two) = (here.Split('\n'), there.Split('\n'));
        return [.. Names.Select((n, i) => (n, one[i], two[i])).Where(c => c.Item2 != c.Item3)];
    }

    /// <summary>Whether the variant holds: what it does otherwise is not to be compared.</summary>
    public IReadOnlyList<string> Failing =>
    [
        .. Result.Properties.Where(p => p.Verdict == Verdict.Violated && p.Property.Class == PropertyClass.Safety && p.Property.Form is not (PropertyForm.Sometimes or PropertyForm.Finally))
            .Select(p => p.Property.Name),
    ];

    private string Text(StateView view)
    {
        var machine = view.Machine;
        return string.Join('\n', _cells.Select(c => machine.Cells[c - 1].Role == CellRole.Machine
            ? Lifetime(view.Word(c))
            : OperationText.Value(machine, c, view.Word(c))));
    }

    private static string Lifetime(long word) => word == SlabSlot.NeverAllocated ? "never allocated" : word % 2 == 1 ? "allocated" : "freed";

    private static Dictionary<string, int> NumbersOf(Machine machine) => machine.Cells
        .Select((c, i) => (c.Name, c.Role, Number: i + 1))
        .Where(c => c.Role == CellRole.Shared || (c.Role == CellRole.Machine && c.Name.EndsWith(".lifetime", StringComparison.Ordinal)))
        .ToDictionary(c => c.Name, c => c.Number);
}
