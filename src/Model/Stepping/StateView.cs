namespace ThpCheck.Model.Stepping;

/// <summary>
/// A state as properties see it: cells, ghost cells, lifetimes, what each thread is inside of; never a thread's locals.
/// </summary>
/// <remarks>It shows the state it was made for as that changes; nothing here changes it.</remarks>
public sealed class StateView(State state)
{
    /// <summary>The machine it is a state of.</summary>
    public Machine Machine => state.Machine;

    /// <summary>The object that the event being checked is about, or null.</summary>
    public ModelObject? Argument { get; internal set; }

    /// <summary>The thread whose step caused the event being checked, or -1.</summary>
    public int Thread
    {
        get
        {
            Log?.AskWhichThread();
            return field;
        }

        internal set;
    } = -1;

    /// <summary>Takes note of what is read, or null.</summary>
    internal ReadLog? Log { get; init; }

    /// <summary>What a field holds.</summary>
    public T Get<T>(Shared<T> field) => Word<T>.Decode(Word(field.Cell), state.Machine);

    /// <summary>What was recorded last.</summary>
    public T Get<T>(Ghost<T> cell) => Word<T>.Decode(Word(cell.Cell), state.Machine);

    /// <summary>The word in a cell, by the cell's number: its index in <see cref="Machine.Cells"/> plus one.</summary>
    public long Word(int cell)
    {
        Log?.ReadCell(cell);
        return state.Get(cell);
    }

    /// <summary>Whether this generation of the object is allocated; an object that is from no slab cache always is.</summary>
    public bool IsLive(KernelObject @object)
    {
        ArgumentNullException.ThrowIfNull(@object);
        return @object.Slot is null || Word(@object.Slot.Lifetime) == SlabSlot.LiveWord(@object.Generation);
    }

    /// <summary>The objects of a type that live now.</summary>
    public IEnumerable<T> Live<T>()
        where T : KernelObject => state.Machine.ObjectsOf<T>().Where(IsLive);

    /// <summary>What a thread is inside of.</summary>
    public ThreadContext Context(int thread) =>
        NodeOf(thread) is >= 0 and var node ? state.Machine.Automaton(thread).Details(node).Context : ThreadContext.Initial;

    /// <summary>Whether a thread has ended.</summary>
    public bool HasEnded(int thread) =>
        NodeOf(thread) is >= 0 and var node && state.Machine.Automaton(thread)[node] is var at
        && (at.Flags & NodeFlags.Finished) != 0 && (at.Bugs & ~state.Machine.Tolerated) == 0;

    /// <summary>Whether a thread is inside a path of this name, or a region it entered.</summary>
    public bool In(string region, int thread)
    {
        ArgumentNullException.ThrowIfNull(region);
        Log?.AskWhichThread();
        Log?.ReadRegion(state.Machine.RegionNumber(region));
        return IsIn(region, thread);
    }

    /// <summary>Whether any thread is inside a path of this name, or a region it entered.</summary>
    public bool In(string region)
    {
        ArgumentNullException.ThrowIfNull(region);
        Log?.ReadRegion(state.Machine.RegionNumber(region));
        for (var thread = 0; thread < state.Machine.ThreadCount; thread++)
        {
            if (IsIn(region, thread))
            {
                return true;
            }
        }

        return false;
    }

    private bool IsIn(string region, int thread) =>
        state.NodeOf(thread) is >= 0 and var node && state.Machine.Automaton(thread).Details(node).Regions.Contains(region);

    private int NodeOf(int thread)
    {
        Log?.ReadThread(thread);
        return state.NodeOf(thread);
    }
}
