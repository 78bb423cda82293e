using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Tests.Stepping;

/// <summary>A machine with a few threads, one page and one notebook, for tests that take their steps one by one.</summary>
internal sealed class TestMachine
{
    private readonly MachineBuilder _builder;
    private readonly Dictionary<Type, ModelObject> _witnesses = [];
    private Stepper? _stepper;

    /// <summary>Threads named <c>cpu0</c>, <c>cpu1</c>, ..., then one of the environment.</summary>
    public TestMachine(int threads = 1, MachineBuilder? options = null)
    {
        _builder = options ?? new MachineBuilder();
        for (var thread = 0; thread < threads; thread++)
        {
            _builder.Thread($"cpu{thread}");
        }

        Environment = _builder.Thread("environment", ThreadKind.Environment);
        Page = Add("page", static at => new Page(at));
        Notes = Add("notes", static at => new Notebook(at));
    }

    public Page Page { get; }

    public Notebook Notes { get; }

    /// <summary>The thread for what hardware and grace periods do.</summary>
    public int Environment { get; }

    /// <summary>The steps of the machine, which is fixed from the first use on.</summary>
    public Stepper Stepper => _stepper ??= new Stepper(_builder.Build());

    public Machine Machine => Stepper.State.Machine;

    public StateView View => new(Stepper.State);

    public T Add<T>(string name, Func<Layout, T> make)
        where T : KernelObject => _builder.Object(name, make);

    public T Register<T>(string name, T instance)
        where T : ModelObject => _builder.Register(instance, name);

    public T[] Register<T>(T[] array) => _builder.Register(array);

    public SlabCache<Page> Pages(SlabOptions options) => Cache("slab", static at => new Page(at), options);

    public SlabCache<T> Cache<T>(string name, Func<Layout, T> make, SlabOptions options)
        where T : KernelObject => _builder.Cache(name, make, options);

    /// <summary>The object through which a path shows the test a value, outside of the modelled memory.</summary>
    public Witness<T> Witness<T>()
    {
        if (!_witnesses.TryGetValue(typeof(T), out var witness))
        {
            _witnesses.Add(typeof(T), witness = _builder.Register(new Witness<T>(), "witness"));
        }

        return (Witness<T>)witness;
    }

    /// <summary>Begins the first threads, in their order.</summary>
    public TestMachine Begin(params ReadOnlySpan<Func<KernelTask>> entries)
    {
        for (var thread = 0; thread < entries.Length; thread++)
        {
            Stepper.Begin(thread, entries[thread]);
        }

        return this;
    }

    public StepResult Step(int thread = 0, int choice = 0)
    {
        Assert.True(Stepper.IsEnabled(thread), $"{Machine.ThreadName(thread)} is blocked in {Stepper.Pending(thread)}");
        return Stepper.Step(thread, choice);
    }

    /// <summary>Takes so many steps, none of which may be the last of the execution.</summary>
    public void Steps(int thread, int count)
    {
        for (var i = 0; i < count; i++)
        {
            Assert.False(Step(thread).IsFinal);
        }
    }

    public bool CanStep(int thread = 0) => Stepper.IsEnabled(thread);

    /// <summary>Lets one thread run until it ends, is blocked, or the execution is over, and gives its last step.</summary>
    public StepResult Finish(int thread = 0)
    {
        var last = default(StepResult);
        while (!last.IsFinal && Stepper.IsEnabled(thread))
        {
            last = Stepper.Step(thread);
        }

        return last;
    }

    /// <summary>The operations of the first thread and their orderings, as it runs to its end.</summary>
    public IEnumerable<(OperationCode Code, MemoryOrder Order)> Pendings()
    {
        for (; !Stepper.HasEnded(0); Steps(0, 1))
        {
            yield return (Stepper.Pending(0).Code, Stepper.Pending(0).Order);
        }
    }

    /// <summary>Begins the first thread and lets it run.</summary>
    public StepResult Run(Func<KernelTask> entry) => Begin(entry).Finish();

    /// <summary>The sentence of the model fault that a path meets, alone or before its first step.</summary>
    public string FaultOf(Func<KernelTask> entry) => Assert.Throws<ModelFaultException>(() => Run(entry)).Message;

    public T Get<T>(Shared<T> field) => View.Get(field);

    public T Get<T>(Ghost<T> field) => View.Get(field);

    /// <summary>Puts a value into a field before any thread begins.</summary>
    public TestMachine Set<T>(Shared<T> field, T value)
    {
        Stepper.State.Set(field.Cell, value is ModelObject known ? Machine.NumberOf(known) : Word<T>.Encode(value));
        Stepper.State.Commit();
        return this;
    }

    /// <summary>The frame a thread is suspended in; 0 once it has ended.</summary>
    public int Frame(int thread = 0) => Machine.Automaton(thread).Details(Stepper.State.NodeOf(thread)).Frame;

    /// <summary>Every state that can be reached from here.</summary>
    /// <param name="describe">What is to be known of an End state.</param>
    public Exploration Explore(Func<StateView, string>? describe = null)
    {
        var found = new Exploration([], [], [], []);
        var unvisited = new Queue<(ulong[] Words, (ulong Low, ulong High) Fingerprint)>();
        Find();
        while (unvisited.TryDequeue(out var from))
        {
            for (var thread = 0; thread < Machine.ThreadCount; thread++)
            {
                Return(from);
                var choices = Stepper.IsEnabled(thread) ? Stepper.Choices(thread) : 0;
                for (var choice = 0; choice < choices; choice++)
                {
                    Return(from);
                    var step = Stepper.Step(thread, choice);
                    found.Transitions.Add((thread, choice));
                    if (!step.IsFinal)
                    {
                        Find();
                    }
                    else
                    {
                        found.Bugs.Add(step.Bug);
                    }
                }
            }
        }

        return found;

        void Return((ulong[] Words, (ulong Low, ulong High) Fingerprint) to) => Stepper.State.Load(to.Words, to.Fingerprint.Low, to.Fingerprint.High);

        void Find()
        {
            var state = Stepper.State;
            if (found.States.Add(state.Fingerprint))
            {
                unvisited.Enqueue((state.Words.ToArray(), state.Fingerprint));
                if (describe is not null && Stepper.IsEnd)
                {
                    found.Outcomes.Add(describe(View));
                }
            }
        }
    }
}

/// <summary>What <see cref="TestMachine.Explore"/> found.</summary>
internal sealed record Exploration(
    HashSet<(ulong Low, ulong High)> States, List<(int Thread, int Choice)> Transitions, HashSet<KernelBug> Bugs, SortedSet<string> Outcomes);

[Flags]
public enum PageFlags
{
    None = 0,
    Locked = 1,
    Dirty = 2,
    Busy = 4,
}

/// <summary>Some memory of each kind.</summary>
internal sealed class Page(Layout at) : KernelObject(at)
{
    public readonly Shared<int> count = at.Cell(0, 1000);
    public readonly Shared<int> mapcount = at.Cell(-1, 10, -1);
    public readonly Shared<bool> dirty = at.Cell<bool>();
    public readonly Shared<PageFlags> flags = at.Cell<PageFlags>();
    public readonly Shared<Page?> next = at.Cell<Page?>();
    public readonly ThpCheck.Model.Primitives.spinlock_t ptl = new(at);
    public readonly ThpCheck.Model.Primitives.rw_semaphore rwsem = new(at);
    public readonly ThpCheck.Model.Primitives.guarded_list<Page> list = new(at, 3);
}

/// <summary>Ghost cells for what a path was told.</summary>
internal sealed class Notebook(Layout at) : KernelObject(at)
{
    public readonly Ghost<int> first = at.Ghost(-10_000, 10_000, 0);
    public readonly Ghost<int> second = at.Ghost(-10_000, 10_000, 0);
    public readonly Ghost<Page?> page = at.Ghost<Page?>();
}

/// <summary>
/// Shows a test what a path holds, past the modelled memory. Reading it in a path is the hidden state that the contract
/// forbids.
/// </summary>
internal sealed class Witness<T> : ModelObject
{
    public List<T> Seen { get; } = [];

    public void See(T value) => Seen.Add(value);
}
