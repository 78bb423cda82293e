namespace ThpCheck.Model.Stepping;

/// <summary>What a thread owes the execution.</summary>
public enum ThreadKind : byte
{
    /// <summary>It must end.</summary>
    Task,

    /// <summary>It may never start; once started it must end.</summary>
    Optional,

    /// <summary>Hardware, a grace period, an interrupt's delivery: single steps, endless, never a context switch.</summary>
    Environment,
}

/// <summary>Lays out a machine: its objects, slab caches, threads and predicates. Everything is declared before anything runs.</summary>
public sealed class MachineBuilder
{
    private readonly List<Cell?> _cells = [null]; // cell 0 is no cell
    private readonly List<ModelObject?> _objects = [null];
    private readonly List<SlabCache> _caches = [];
    private readonly List<(string Name, ThreadKind Kind)> _threads = [];
    private readonly List<Array> _arrays = [];
    private readonly List<int> _rcuSnapshots = [];
    private readonly List<int> _irqSnapshots = [];
    private bool _threadsFixed;

    /// <summary>How many callbacks call_rcu can have waiting at a time.</summary>
    public int RcuCallbacks { get; init; } = 2;

    /// <summary>Whether a waiting writer of an rwsem holds off readers and read trylocks, as the kernel's does.</summary>
    public bool WaitingWritersHoldOffReaders { get; init; } = true;

    /// <summary>The key of the fingerprints.</summary>
    public ulong Key { get; init; } = Fingerprint.DefaultKey;

    /// <summary>The bugs after which a thread goes on as if nothing had happened.</summary>
    public IReadOnlySet<KernelBug> Tolerated { get; init; } = new HashSet<KernelBug>();

    /// <summary>
    /// Whether a frame keeps what its dead fields hold, where they are otherwise written as zero: more states, which behave as
    /// before. For comparing.
    /// </summary>
    public bool KeepsDeadFields { get; init; }

    /// <summary>Something taken away from the kernel, or null.</summary>
    internal Mutation? Mutation { get; init; }

    internal int ThreadCount
    {
        get
        {
            _threadsFixed = true;
            return _threads.Count;
        }
    }

    /// <summary>Adds a thread; all threads come before the first object, as locks count them.</summary>
    /// <returns>Its number, which is also the number of its CPU.</returns>
    public int Thread(string name, ThreadKind kind = ThreadKind.Task)
    {
        if (_threadsFixed)
        {
            throw new InvalidOperationException("declare the threads before the objects: locks are as wide as there are threads");
        }

        _threads.Add((name, kind));
        return _threads.Count - 1;
    }

    /// <summary>Adds an object that always lives.</summary>
    public T Object<T>(string name, Func<Layout, T> make)
        where T : KernelObject
    {
        var layout = new Layout(this, _objects.Count, name, _cells.Count, null, 0);
        _objects.Add(null);
        return Register(make(layout), _objects.Count - 1, name);
    }

    /// <summary>Adds an object without cells: a kernel file, a descriptor, a predicate.</summary>
    public T Register<T>(T instance, string name)
        where T : ModelObject
    {
        _objects.Add(null);
        return Register(instance, _objects.Count - 1, name);
    }

    /// <summary>Adds an array that frames may hold; its elements do not change after set-up.</summary>
    public T[] Register<T>(T[] array)
    {
        _arrays.Add(array);
        return array;
    }

    /// <summary>Adds a slab cache and its objects, named <c>name0</c>, <c>name1</c>, ...</summary>
    public SlabCache<T> Cache<T>(string name, Func<Layout, T> make, SlabOptions options)
        where T : KernelObject
    {
        var cache = Register(new SlabCache<T>(options), name);
        var slots = new List<SlabSlot>();
        for (var i = 0; i < options.Objects; i++)
        {
            slots.Add(AddSlot(cache, $"{name}{i}", i, make));
        }

        cache.Slots = slots;
        _caches.Add(cache);
        return cache;
    }

    /// <summary>Fixes everything.</summary>
    public Machine Build()
    {
        var threads = ThreadCount;
        var snapshots = new int[threads, 2];
        for (var t = 0; t < threads; t++)
        {
            snapshots[t, 0] = AddSnapshot($"{_threads[t].Name}.rcu_wait", SectionKinds.Rcu);
            snapshots[t, 1] = AddSnapshot($"{_threads[t].Name}.ipi_wait", SectionKinds.IrqOff);
        }

        var callbacks = new CallbackCells[RcuCallbacks];
        for (var i = 0; i < RcuCallbacks; i++)
        {
            var cell = _cells.Count;
            AddCell(cell, new Cell($"rcu_callback{i}.action", typeof(RcuAction), 0, 0, 0, CellRole.Machine));
            AddCell(cell + 1, new Cell($"rcu_callback{i}.object", typeof(ModelObject), 0, 0, 0, CellRole.Machine));
            callbacks[i] = new(cell, cell + 1, AddSnapshot($"rcu_callback{i}.wait", SectionKinds.Rcu));
        }

        return new Machine(
            new MachineParts(
                [.. _cells.Skip(1).Select(c => c!)], [.. _objects], [.. _caches], [.. _threads], [.. _arrays], snapshots, callbacks,
                [.. _rcuSnapshots], [.. _irqSnapshots]),
            this);
    }

    internal void AddCell(int index, Cell cell)
    {
        if (index != _cells.Count)
        {
            throw new InvalidOperationException($"cell {cell.Name} is laid out out of order; an object's fields are laid out by its own initialisers only");
        }

        _cells.Add(cell);
    }

    private SlabSlot AddSlot<T>(SlabCache cache, string name, int index, Func<Layout, T> make)
        where T : KernelObject
    {
        var lifetime = _cells.Count;
        AddCell(lifetime, new Cell($"{name}.lifetime", typeof(int), 0, (2L * cache.Options.Generations) + 1, SlabSlot.NeverAllocated, CellRole.Machine));
        var snapshot = cache.Options.Discard ? AddSnapshot($"{name}.discard_wait", SectionKinds.Rcu) : 0;
        var slot = new SlabSlot(cache, index, lifetime, snapshot) { FirstCell = _cells.Count };
        var generations = new List<KernelObject>();
        for (var g = 0; g < cache.Options.Generations; g++)
        {
            var layout = new Layout(this, _objects.Count, name, slot.FirstCell, slot, g);
            _objects.Add(null);
            generations.Add(Register(make(layout), _objects.Count - 1, name + new string('\'', g)));
            slot.CellCount = layout.CellCount;
        }

        slot.Generations = generations;
        return slot;
    }

    private int AddSnapshot(string name, SectionKinds kind)
    {
        var cell = _cells.Count;
        AddCell(cell, new Cell(name, typeof(int), 0, (1L << _threads.Count) - 1, 0, CellRole.Machine));
        (kind == SectionKinds.Rcu ? _rcuSnapshots : _irqSnapshots).Add(cell);
        return cell;
    }

    private T Register<T>(T instance, int id, string name)
        where T : ModelObject
    {
        instance.Id = id;
        instance.Name = name;
        _objects[id] = instance;
        return instance;
    }
}

/// <summary>What a builder hands its machine.</summary>
internal sealed record MachineParts(
    Cell[] Cells,
    ModelObject?[] Objects,
    SlabCache[] Caches,
    (string Name, ThreadKind Kind)[] Threads,
    Array[] Arrays,
    int[,] WaitCells,
    CallbackCells[] Callbacks,
    int[] RcuSnapshots,
    int[] IrqSnapshots);

/// <summary>The cells of one callback that call_rcu can have waiting.</summary>
internal readonly record struct CallbackCells(int Action, int Object, int Snapshot);
