using ThpCheck.Model.Stepping;
using ThpCheck.Specs;

namespace ThpCheck.Checker.Reduction;

/// <summary>
/// Threads that begin in one node, with the same frames, operation and context, run the same from there: nothing in the words of
/// a state tells which of them is which. States that differ by an exchange of such threads are one, whichever is met first.
/// </summary>
/// <remarks>
/// <para>
/// An exchange is an automorphism of the graph, so the quotient is bisimilar to it (Emerson, Sistla: Symmetry and Model Checking,
/// 1996), and goes with ample sets, as dependence and visibility do not tell such threads apart either (Emerson, Jha, Peled:
/// Combining Partial Order and Symmetry Reductions, 1997). It is given up, and the search made again without it, as soon
/// as a path asks which thread runs it, a property asks about a thread by number, or the words name threads after all: in
/// what a grace period or an interrupt still waits for.
/// </para>
/// <para>
/// Which object of a slab cache is which is not reduced: an allocation takes the first that was never used, which is the
/// same already, and what was used is told apart by the order of its pool, by numbers in page-table entries and by lists.
/// </para>
/// </remarks>
internal sealed class Symmetry : IDisposable
{
    private readonly Instance _instance;

    private Symmetry(Instance instance, IReadOnlyList<int[]> groups)
    {
        _instance = instance;
        Groups = groups;
        instance.Machine.Share(groups);
        instance.Forget();
    }

    /// <summary>Threads that are the same, two or more each.</summary>
    public IReadOnlyList<int[]> Groups { get; }

    /// <summary>Makes identical threads one, as long as this is not disposed of; null where there are none.</summary>
    /// <exception cref="ModelFaultException">The set-up is wrong.</exception>
    public static Symmetry? Of(Instance instance)
    {
        var machine = instance.Machine;
        var state = instance.Begin().State;
        var groups = Enumerable.Range(0, machine.ThreadCount)
            .Where(t => state.NodeOf(t) >= 0 && (machine.Automaton(t)[state.NodeOf(t)].Flags & NodeFlags.Finished) == 0)
            .GroupBy(t => Key(machine, t, state.NodeOf(t)))
            .Where(g => g.Count() > 1)
            .Select(g => g.ToArray())
            .ToArray();
        return groups.Length == 0 ? null : new Symmetry(instance, groups);
    }

    /// <summary>Whether what was discovered tells the threads apart after all.</summary>
    public bool IsBroken(Discoveries known, ReadLog reads) => known.HasSnapshots || reads.TellsThreadsApart || _instance.Machine.TellsThreadsApart;

    /// <summary>Each thread is itself again.</summary>
    public void Dispose()
    {
        _instance.Machine.Share([]);
        _instance.Forget();
    }

    private static (ThreadKind, int, Operation, ThreadContext) Key(Machine machine, int thread, int node) =>
        (machine.ThreadKind(thread), machine.Automaton(thread).Details(node).Frame, machine.Automaton(thread)[node].Operation, machine.Automaton(thread).Details(node).Context);
}
