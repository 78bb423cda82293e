using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace ThpCheck.Model.Stepping;

/// <summary>
/// One thread as the small automaton it is, discovered on the fly: what it does after an operation depends only on its
/// node (frames, pending operation, context) and on what the operation returned, so each (node, result) runs path code
/// once and is a table look-up ever after.
/// </summary>
/// <remarks>
/// One look-up in 1024 runs the path again and compares; a difference is the model fault "hidden state", as path code then
/// depends on something that is not in the state.
/// </remarks>
/// <threadsafety>
/// Any number of workers. A look-up takes no lock: arrays are replaced when they grow and an entry is published after what it
/// names. Path code runs under the automaton's lock.
/// </threadsafety>
internal sealed class ThreadAutomaton(Machine machine, int thread)
{
    private const int Fan = 64; // results 0..63 are looked up in an array, others in a dictionary

    private readonly Lock _lock = new();
    private readonly Worker _worker = new(machine);
    private readonly Dictionary<NodeKey, int> _numbers = [];
    private readonly ConcurrentDictionary<(int Node, long Result), int> _wide = new();
    private Node[] _nodes = new Node[64];
    private NodeDetails[] _details = new NodeDetails[64];
    private int[] _memo = NewMemo(64);
    private Transition[] _transitions = new Transition[64];
    private (int Node, long Result)[] _origins = new (int, long)[64];

    public int NodeCount { get; private set; }

    /// <summary>How many transitions were discovered; they are numbered from 0 in the order of their discovery.</summary>
    public int TransitionCount { get; private set; }

    public long Runs { get; private set; }

    public ref readonly Node this[int node] => ref _nodes[node];

    public NodeDetails Details(int node) => _details[node];

    public ref readonly Transition TransitionAt(int transition) => ref _transitions[transition];

    /// <summary>The node a transition leads out of, and what its operation returned.</summary>
    public (int Node, long Result) OriginOf(int transition) => _origins[transition];

    public int Start(Func<KernelTask> entry, out Effect[] effects)
    {
        lock (_lock)
        {
            var run = _worker.Start(thread, entry);
            if (run.Fault is not null)
            {
                throw run.Fault;
            }

            effects = run.Effects;
            return Intern(run, started: false);
        }
    }

    /// <summary>The node of this content, which may come from outside this run: from a certificate.</summary>
    public int NodeOf(int frame, Operation pending, ThreadContext context, bool started)
    {
        lock (_lock)
        {
            return Intern(new LocalRun(frame, pending, context, [], null), started);
        }
    }

    /// <summary>What follows a result: the number of a transition, or -1 with the model's fault.</summary>
    /// <param name="node">Where the thread is.</param>
    /// <param name="result">What its operation returned.</param>
    /// <param name="recheck">Whether to run the path even where the answer is known, and compare.</param>
    /// <param name="fault">The model's fault, or null.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Next(int node, long result, bool recheck, out ModelFaultException? fault)
    {
        fault = null;
        var known = Known(node, result);
        return known >= 0 && !recheck ? known : Discover(node, result, out fault);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Known(int node, long result)
    {
        if ((ulong)result >= Fan)
        {
            return _wide.GetValueOrDefault((node, result), -1);
        }

        // A node that was added since this array was read has nothing in it yet.
        var memo = _memo;
        var at = (node * Fan) + (int)result;
        return at < memo.Length ? Volatile.Read(ref memo[at]) : -1;
    }

    private int Discover(int node, long result, out ModelFaultException? fault)
    {
        lock (_lock)
        {
            var known = Known(node, result);
            Runs++;
            ref readonly var at = ref _nodes[node];
            var details = _details[node];
            var context = Sections.After(at.Operation, result, details.Context);
            var run = context.Delay is { Stage: DelayStage.Due, Then: var then }
                ? new LocalRun(details.Frame, then, context.Delaying(null), [], null)
                : _worker.Resume(thread, details.Frame, at.Operation, result, context);
            fault = run.Fault;
            if (fault is not null)
            {
                return -1;
            }

            if (run.Frame == 0 && !run.Context.IsOutside && (machine.Tolerated & KernelBug.UnbalancedSection.Bit()) != 0)
            {
                run = run with { Effects = [.. run.Effects, new(EffectKind.Bug, 0, (long)KernelBug.UnbalancedSection, "a thread ends inside a section or with a lock held")] };
            }

            var operation = at.Operation;
            var sections = at.Sections;
            var next = Intern(run, started: machine.ThreadKind(thread) == ThreadKind.Optional);
            if (known < 0)
            {
                return Publish(node, result, new Transition(next, sections & ~_nodes[next].Sections, Transition.Changes(run.Effects), IsSeen(node, next), RegionsBetween(node, next), run.Effects));
            }

            ref readonly var before = ref _transitions[known];
            if (before.Next != next || !before.Effects.AsSpan().SequenceEqual(run.Effects))
            {
                fault = new ModelFaultException(
                    $"hidden state in {PathName(node)}: after {operation.Code} returned {result} it did two different things; "
                    + "a path may depend on its parameters, its locals and what its steps return, nothing else");
                return -1;
            }

            return known;
        }
    }

    // Whether a property that looks at a thread's context, or whether it has ended, can tell the two nodes apart.
    private bool IsSeen(int node, int next) =>
        ((_nodes[node].Flags ^ _nodes[next].Flags) & NodeFlags.Finished) != 0 || !_details[node].Context.Equals(_details[next].Context);

    // The regions that one of the nodes is inside of and the other is not.
    private int[] RegionsBetween(int node, int next)
    {
        var between = new HashSet<string>(_details[node].Regions);
        between.SymmetricExceptWith(_details[next].Regions);
        return [.. between.Select(machine.RegionNumber)];
    }

    private int Publish(int node, long result, in Transition transition)
    {
        var number = TransitionCount;
        if (number == _transitions.Length)
        {
            Volatile.Write(ref _transitions, Larger(_transitions));
            Volatile.Write(ref _origins, Larger(_origins));
        }

        _transitions[number] = transition;
        _origins[number] = (node, result);
        TransitionCount++;
        if ((ulong)result < Fan)
        {
            Volatile.Write(ref _memo[(node * Fan) + (int)result], number);
        }
        else
        {
            _wide.TryAdd((node, result), number);
        }

        return number;
    }

    private static T[] Larger<T>(T[] array)
    {
        var larger = new T[array.Length * 2];
        array.CopyTo(larger, 0);
        return larger;
    }

    private int Intern(LocalRun run, bool started)
    {
        if (machine.Mutation is { } mutation && machine.ThreadKind(thread) != ThreadKind.Environment)
        {
            var (pending, context) = Phantoms.Of(machine, mutation, run.Frame, run.Pending, run.Context);
            run = run with { Pending = pending, Context = context };
        }

        var key = new NodeKey(run.Frame, run.Pending, run.Context, started);
        if (_numbers.TryGetValue(key, out var number))
        {
            return number;
        }

        number = NodeCount;
        if (number == _nodes.Length)
        {
            var memo = NewMemo(number * 2);
            _memo.CopyTo(memo, 0);
            Volatile.Write(ref _nodes, Larger(_nodes));
            Volatile.Write(ref _details, Larger(_details));
            Volatile.Write(ref _memo, memo);
        }

        var (low, high) = machine.Frames.HashOf(run.Frame);
        FoldInto(ref low, ref high, run, started);
        var (a, b) = (Fingerprint.Of(machine.Key, -1 - thread, low), Fingerprint.Of(machine.Key, -1 - thread, high));
        var flags = (HasEnded(run) ? NodeFlags.Finished : 0) | (started ? NodeFlags.Started : 0)
            | (Operations.CanBlock(run.Pending.Code) ? NodeFlags.CanBlock : 0) | (Operations.HasChoices(run.Pending.Code) ? NodeFlags.HasChoices : 0);
        flags |= machine.ThreadKind(thread) == ThreadKind.Task || started ? NodeFlags.Owes : 0;
        var bugs = HasEnded(run)
            ? run.Context.IsOutside ? 0 : KernelBug.UnbalancedSection.Bit()
            : Sections.BugsOf(run.Pending, run.Context);
        _nodes[number] = new Node(run.Pending, flags, bugs, run.Context.Sections, a.Low + b.High, a.High + (b.Low * 3));
        _details[number] = new NodeDetails(run.Frame, run.Context, RegionsOf(run));
        _numbers.Add(key, number);
        NodeCount++;
        return number;
    }

    // One that owes a step has not.
    private static bool HasEnded(LocalRun run) => run.Frame == 0 && run.Context.Delay is null;

    private static void FoldInto(ref ulong low, ref ulong high, LocalRun run, bool started)
    {
        FoldInto(ref low, ref high, run.Pending, started);
        var context = run.Context;
        Fingerprint.Fold(ref low, ref high, (ulong)context.RcuNesting); // below zero where an unbalanced section is tolerated
        Fingerprint.Fold(ref low, ref high, (ulong)context.PreemptDepth);
        Fingerprint.Fold(ref low, ref high, (ulong)context.IrqDepth);
        foreach (var held in context.Held)
        {
            Fingerprint.Fold(ref low, ref high, (ulong)(uint)held.Cell | ((ulong)held.Mode << 32));
            Fingerprint.Fold(ref low, ref high, (ulong)held.Bit);
        }

        foreach (var region in context.Regions)
        {
            Fingerprint.Fold(ref low, ref high, Fingerprint.OfText(region));
        }

        foreach (var phantom in context.Phantoms)
        {
            Fingerprint.Fold(ref low, ref high, (ulong)(uint)phantom.Cell | ((ulong)phantom.Code << 32) | ((ulong)phantom.Mode << 40) | ((ulong)phantom.Depth << 48));
            Fingerprint.Fold(ref low, ref high, (ulong)phantom.Operand);
        }

        if (context.Delay is { } delay)
        {
            Fingerprint.Fold(ref low, ref high, (ulong)delay.Stage);
            FoldInto(ref low, ref high, delay.Step, started: false);
            FoldInto(ref low, ref high, delay.Then, started: false);
        }
    }

    private static void FoldInto(ref ulong low, ref ulong high, in Operation operation, bool started)
    {
        Fingerprint.Fold(ref low, ref high, (ulong)operation.Code | ((ulong)operation.Order << 8) | (started ? 1UL << 16 : 0) | ((ulong)(uint)operation.Object << 32));
        Fingerprint.Fold(ref low, ref high, (ulong)operation.Cell);
        Fingerprint.Fold(ref low, ref high, (ulong)operation.A);
        Fingerprint.Fold(ref low, ref high, (ulong)operation.B);
    }

    // Every path on the stack is a region by its own name, and by its file's and its own; every held lock by its name.
    private HashSet<string> RegionsOf(LocalRun run)
    {
        var regions = new HashSet<string>(run.Context.Regions.ToArray());
        foreach (var held in run.Context.Held)
        {
            regions.Add(machine.LockName(held.Cell));
        }

        foreach (var phantom in run.Context.Phantoms)
        {
            if (phantom.Code == OperationCode.spin_lock)
            {
                regions.Add(machine.LockName(phantom.Cell));
            }
        }

        for (var frame = run.Frame; frame != 0; frame = machine.Frames.Parent(frame))
        {
            regions.Add(machine.Frames.Type(frame).Name);
            regions.Add(machine.Frames.Type(frame).Method);
        }

        return regions;
    }

    private string PathName(int node) => _details[node].Frame is var frame and not 0 ? machine.Frames.Type(frame).Method : machine.ThreadName(thread);

    private static int[] NewMemo(int nodes)
    {
        var memo = new int[nodes * Fan];
        Array.Fill(memo, -1);
        return memo;
    }

    private readonly record struct NodeKey(int Frame, Operation Pending, ThreadContext Context, bool Started);
}

[Flags]
internal enum NodeFlags : byte
{
    None = 0,
    Finished = 1,

    /// <summary>An optional thread has taken a step, and must now end; others owe it anyway, or never.</summary>
    Started = 2,
    CanBlock = 4,
    HasChoices = 8,

    /// <summary>The thread must end: it is a task, or an optional that has started.</summary>
    Owes = 16,
}

/// <summary>What the explorer's loop needs of a thread's node.</summary>
/// <param name="Operation">What it will do next.</param>
/// <param name="Flags">What it is.</param>
/// <param name="Bugs">
/// The bugs that doing so is in itself, whatever memory holds, as a mask: sleeping while atomic, releasing what is not held.
/// </param>
/// <param name="Sections">What it is inside of.</param>
/// <param name="Low">The lower fingerprint of its content in this thread.</param>
/// <param name="High">The upper one.</param>
internal readonly record struct Node(Operation Operation, NodeFlags Flags, int Bugs, SectionKinds Sections, ulong Low, ulong High);

/// <summary>What only reports and properties need of a node.</summary>
internal sealed record NodeDetails(int Frame, ThreadContext Context, HashSet<string> Regions);

/// <summary>What a thread does after an operation returned a certain result.</summary>
/// <param name="Next">The node it is at then.</param>
/// <param name="Leaves">The sections it is no longer inside of.</param>
/// <param name="HasEffects">Whether an effect changes ghost cells, is a bug, or is an event a property can look at.</param>
/// <param name="IsSeen">Whether properties that look at the thread's context can tell: it enters or leaves a section or a lock, or ends.</param>
/// <param name="Regions">The regions that it enters or leaves, by number.</param>
/// <param name="Effects">What it recorded, the shown calls and returns included.</param>
internal readonly record struct Transition(int Next, SectionKinds Leaves, bool HasEffects, bool IsSeen, int[] Regions, Effect[] Effects)
{
    public static bool Changes(Effect[] effects) =>
        effects.Any(e => e.Kind is EffectKind.GhostSet or EffectKind.GhostAdd or EffectKind.Bug or EffectKind.Oracle or EffectKind.Return);
}
