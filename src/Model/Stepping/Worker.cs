using System.Runtime.CompilerServices;

namespace ThpCheck.Model.Stepping;

/// <summary>
/// Runs one thread's local code: from the result of an operation to the next operation. It holds what the empty awaiters
/// and builders must not: the stack of frames, one pending operation, and one result slot.
/// </summary>
/// <remarks>
/// The coroutine contract is enforced here. The slot is full or empty and typed; filling it twice, taking from an empty
/// one, or starting anything while an operation is pending is a model fault that names both sites.
/// </remarks>
internal sealed class Worker(Machine machine)
{
    private const int MaxDepth = 64;

    [ThreadStatic]
    private static Worker? _current;

    private readonly Frame?[] _live = new Frame?[MaxDepth]; // a frame that was not resumed stays a number
    private readonly int[] _numbers = new int[MaxDepth];    // valid below _changed
    private readonly List<Effect> _effects = [];
    private int _depth;
    private int _changed; // frames from here up have run since they were read
    private int _running; // the frame whose code runs; a task that is not awaited where it is called leaves its frame above

    private Operation _pending;
    private string _pendingSite = "";
    private Type? _awaiter; // of the pending operation, until it is awaited

    private Slot _slot;
    private Type? _slotType; // null for an operation's: its type was compared when it was awaited
    private string _slotSite = "";
    private long _stepResult;

    private Exception? _fault;
    private string _faultSite = "";
    private ThreadContext _context = ThreadContext.Initial;
    private int _thread;
    private Func<string>? _where; // made once

    private enum Slot : byte
    {
        Empty,
        Step,
        Path,
    }

    /// <summary>The worker whose thread is running on this OS thread.</summary>
    public static Worker Running => _current
        ?? throw new ModelFaultException("a kernel path was called from outside the checker; only a scenario's threads, set-up and tear-down run paths");

    /// <summary>The same, or null where none runs: a property asks the kernel, too.</summary>
    public static Worker? RunningOrNull => _current;

    /// <summary>The path whose code runs on this OS thread for one of a scenario's threads, by its state machine; null where none does, or set-up's.</summary>
    public static Type? Place =>
        _current is { _running: >= 0 and var running } worker && worker.Machine.ThreadKind(worker._thread) != ThreadKind.Environment
            ? worker._live[running]!.Type.StateMachine
            : null;

    public Machine Machine => machine;

    /// <summary>The thread whose code runs. Code that asks can tell threads apart that are otherwise the same.</summary>
    public int Thread
    {
        get
        {
            machine.TellsThreadsApart = true;
            return _thread;
        }
    }

    public bool HasPending => _pending.Code != OperationCode.none && _fault is null;

    public ThreadContext Context => _context;

    /// <summary>Runs a new thread's entry to its first operation.</summary>
    public LocalRun Start(int thread, Func<KernelTask> entry) => Run(thread, ThreadContext.Initial, () =>
    {
        _depth = _changed = 0;
        _slot = Slot.Empty;
        try
        {
            entry();
        }
        catch (Exception fault)
        {
            Fail(fault, Top);
        }
    });

    /// <summary>Hands a thread the result of its operation and runs it to the next.</summary>
    /// <param name="thread">The thread.</param>
    /// <param name="frame">Its stack.</param>
    /// <param name="operation">The operation that has just happened.</param>
    /// <param name="result">What it returned.</param>
    /// <param name="context">What the thread is inside of after the operation.</param>
    public LocalRun Resume(int thread, int frame, in Operation operation, long result, ThreadContext context)
    {
        _depth = _changed = machine.Frames.Depth(frame);
        for (var i = _depth - 1; i >= 0; i--)
        {
            _numbers[i] = frame;
            _live[i] = null;
            frame = machine.Frames.Parent(frame);
        }

        _slot = Slot.Step;
        _slotType = null;
        _slotSite = operation.Code.ToString();
        _stepResult = result;
        return Run(thread, context, static () => { });
    }

    /// <summary>Makes an operation the thread's pending one; the primitives call it.</summary>
    public Step<T> Declare<T>(in Operation operation)
    {
        MakePending(operation, typeof(StepAwaiter<T>));
        return default;
    }

    /// <summary>Makes an operation that returns nothing the thread's pending one.</summary>
    public Step Declare(in Operation operation)
    {
        MakePending(operation, typeof(StepAwaiter));
        return default;
    }

    /// <summary>Records an observation with the step that has just happened.</summary>
    public void Record(in Effect effect)
    {
        ThrowIfFaulted();
        RequireIdle($"{effect.Kind} {effect.Text}");
        _effects.Add(effect);
    }

    public void EnterRegion(string region)
    {
        ThrowIfFaulted();
        RequireIdle($"the region '{region}'");
        _context = _context.Entering(region);
    }

    public void LeaveRegion(string region)
    {
        ThrowIfFaulted();
        RequireIdle($"the end of the region '{region}'");
        _context = _context.Leaving(region) ?? throw Fault($"{Top} leaves the region '{region}', which it has not entered");
    }

    /// <summary>A barrier is awaited like a step and, under sequential consistency, is none.</summary>
    public Step Pass(string name)
    {
        ThrowIfFaulted();
        RequireIdle(name);
        _effects.Add(new Effect(EffectKind.Barrier, 0, 0, name));
        (_slot, _slotType, _slotSite) = (Slot.Step, typeof(void), name);
        return default;
    }

    public void Enter<TStateMachine>(ref TStateMachine stateMachine)
        where TStateMachine : IAsyncStateMachine
    {
        if (_fault is not null)
        {
            return;
        }

        var caller = _running;
        try
        {
            var type = (FrameType<TStateMachine>)FrameType.Of<TStateMachine>();
            RequireIdle(type.Method);
            if (_depth == MaxDepth)
            {
                throw Fault($"{type.Method} is called {MaxDepth} frames deep; does {Top} recurse without end?");
            }

            machine.Enter(type.StateMachine);
            var frame = type.Enter(ref stateMachine);
            _live[_depth] = frame;
            _running = _depth;
            _changed = Math.Min(_changed, _depth);
            _depth++;
            _effects.Add(new Effect(EffectKind.Call, 0, 0, type.Method));
            frame.MoveNext();
        }
        catch (Exception fault)
        {
            // What a state machine itself throws reaches Throw; this is a fault of the entry.
            Fail(Unwrap(fault), Top);
        }
        finally
        {
            _running = caller;
        }
    }

    public void Suspend<TAwaiter>()
    {
        if (!typeof(IKernelAwaiter).IsAssignableFrom(typeof(TAwaiter)))
        {
            _fault ??= Fault($"{Top} awaits a {typeof(TAwaiter).Name}; a path awaits kernel tasks and steps only");
        }
        else if (_awaiter is not null && _awaiter != typeof(TAwaiter))
        {
            _fault ??= Fault($"{Top} awaits something else while {_pendingSite} is pending; await it where it is called");
        }

        _awaiter = null;
    }

    public void Return()
    {
        var site = Leave("");
        (_slot, _slotType, _slotSite) = (Slot.Path, typeof(void), site);
    }

    public void Return<T>(T result)
    {
        var site = Leave(result?.ToString() ?? "null");
        PathResult<T>.Value = result;
        (_slot, _slotType, _slotSite) = (Slot.Path, typeof(T), site);
    }

    public void Throw(Exception exception)
    {
        Fail(exception, FrameFields.Describe(_live[_running]!.Type.StateMachine));
        if (_depth > 0)
        {
            _live[--_depth] = null;
            _changed = Math.Min(_changed, _depth);
        }
    }

    public void TakeStep() => Take(Slot.Step, typeof(void));

    public T TakeStep<T>()
    {
        Take(Slot.Step, typeof(T));
        return Word<T>.Decode(_stepResult, machine);
    }

    public void TakePath() => Take(Slot.Path, typeof(void));

    public T TakePath<T>()
    {
        Take(Slot.Path, typeof(T));
        return PathResult<T>.Value!;
    }

    private string Top => _running < 0 ? machine.ThreadName(_thread) : _live[_running]!.Type.Method;

    // Asked by another OS thread, of code that does not come to an end.
    private string Where() =>
        _running >= 0 && _live[_running] is { } frame ? FrameFields.Describe(frame.Type.StateMachine) : $"the thread {machine.ThreadName(_thread)}";

    private LocalRun Run(int thread, ThreadContext context, Action first)
    {
        var outer = _current;
        _current = this;
        var before = Countdown.Begin(_where ??= Where);
        try
        {
            _thread = thread;
            _context = context;
            _effects.Clear();
            _fault = null;
            _pending = default;
            _awaiter = null;
            _running = -1;
            first();
            while (_fault is null && _pending.Code == OperationCode.none && _depth > 0)
            {
                var top = _depth - 1;
                var frame = _live[top] ??= machine.Frames.Type(_numbers[top]).FromWords(machine.Frames.Words(_numbers[top]));
                _changed = Math.Min(_changed, top);
                _running = top;
                frame.MoveNext();
            }

            if (_fault is null && _depth == 0)
            {
                _slot = Slot.Empty;
            }

            return Finish();
        }
        finally
        {
            Countdown.End(before);
            _current = outer;
        }
    }

    private LocalRun Finish()
    {
        if (_fault is null)
        {
            var parent = _changed == 0 ? 0 : _numbers[_changed - 1];
            var frame = _changed;
            try
            {
                for (; frame < _depth; frame++)
                {
                    parent = machine.Frames.Intern(parent, _live[frame]!.Type, _live[frame]!.ToWords(machine.KeepsDeadFields));
                }

                return _depth == 0 && _context.Regions.Length > 0 && !HasDied
                    ? new LocalRun(0, default, _context, [.. _effects], new($"{machine.ThreadName(_thread)} ends inside the region '{_context.Regions[^1]}', which it has not left"))
                    : new LocalRun(parent, _pending, _context, [.. _effects], null);
            }
            catch (Exception fault)
            {
                // An exception that waits for a finally to end, or what a frame may not hold.
                Fail(fault, FrameFields.Describe(_live[frame]!.Type.StateMachine));
            }
        }

        if (_fault is NullReferenceException)
        {
            _effects.Add(new Effect(EffectKind.Bug, 0, (long)KernelBug.NullDereference, "BUG: kernel NULL pointer dereference"));
            return new LocalRun(0, default, _context, [.. _effects], null);
        }

        return new LocalRun(0, default, _context, [.. _effects], HasDied ? null : _fault as ModelFaultException ?? Unhandled(_fault!));
    }

    // What follows a BUG_ON never runs in the kernel: a fault there is none.
    private bool HasDied => _effects.Exists(e => e.Kind == EffectKind.Bug && ((1 << (int)e.Value) & ~machine.Tolerated) != 0);

    private void MakePending(in Operation operation, Type awaiter)
    {
        ThrowIfFaulted();
        RequireIdle(operation.Code.ToString());
        if (_depth == 0)
        {
            throw Fault($"{operation.Code} is declared outside any path");
        }

        if (operation.Cell == 0 && Operations.NeedsCell(operation))
        {
            throw Fault($"{operation.Code} in {Top} names no cell; is it given a field that was never laid out?");
        }

        _pending = operation;
        _pendingSite = $"{operation.Code} in {Top}";
        _awaiter = awaiter;
    }

    private void Take(Slot slot, Type type)
    {
        ThrowIfFaulted();
        if (_pending.Code != OperationCode.none)
        {
            throw Fault($"{Top} goes on while {_pendingSite} is pending; await it where it is called");
        }

        if (_slot == Slot.Empty)
        {
            throw Fault($"{Top} awaits a task that was not started just before, or awaits one twice; await each call where it is made");
        }

        if (_slot != slot || (_slotType is not null && _slotType != type))
        {
            throw Fault($"{Top} awaits a {Awaitable(slot, type)} and is given what {_slotSite} returned, a {Awaitable(_slot, _slotType)}; await each call where it is made");
        }

        _slot = Slot.Empty;
    }

    private string Leave(string result)
    {
        var site = Top;
        if (_pending.Code != OperationCode.none && _fault is null)
        {
            _fault = Fault($"{site} returns while {_pendingSite} is pending; await it where it is called");
        }
        else if (_slot != Slot.Empty && _fault is null)
        {
            _fault = Fault($"{site} returns while the result of {_slotSite} was never awaited");
        }

        if (_depth > 0)
        {
            _live[--_depth] = null;
            _changed = Math.Min(_changed, _depth);
        }

        _effects.Add(new Effect(EffectKind.Return, 0, 0, result.Length == 0 ? site : $"{site} = {result}"));
        return site;
    }

    private void RequireIdle(string what)
    {
        if (_pending.Code != OperationCode.none)
        {
            throw Fault($"{what} begins in {Top} while {_pendingSite} is pending; await it where it is called");
        }

        if (_slot != Slot.Empty)
        {
            throw Fault($"{what} begins in {Top} while the result of {_slotSite} was never awaited; await it where it is called");
        }
    }

    private void ThrowIfFaulted()
    {
        if (_fault is not null)
        {
            throw new ModelFaultException("a fault is pending");
        }
    }

    // The first fault is the one to report, even where a path catches what it throws.
    private ModelFaultException Fault(string message)
    {
        var fault = new ModelFaultException(message);
        _fault ??= fault;
        return fault;
    }

    private void Fail(Exception fault, string site)
    {
        if (_fault is null)
        {
            (_fault, _faultSite) = (fault, site);
        }
    }

    private ModelFaultException Unhandled(Exception exception) =>
        new($"{_faultSite} threw {exception.GetType().Name}: {exception.Message}");

    private static string Awaitable(Slot slot, Type? type) =>
        (slot == Slot.Step ? nameof(Step) : nameof(KernelTask)) + (type is null || type == typeof(void) ? "" : $"<{type.Name}>");

    private static Exception Unwrap(Exception exception) =>
        exception is TypeInitializationException or System.Reflection.TargetInvocationException && exception.InnerException is { } inner ? Unwrap(inner) : exception;

    private static class PathResult<T>
    {
        [ThreadStatic]
        public static T? Value;
    }
}

/// <summary>What a run of local code came to.</summary>
/// <param name="Frame">The thread's stack now; 0 when it has ended.</param>
/// <param name="Pending">Its next operation.</param>
/// <param name="Context">What it is inside of.</param>
/// <param name="Effects">What it recorded on the way.</param>
/// <param name="Fault">The model's fault, or null.</param>
internal sealed record LocalRun(int Frame, Operation Pending, ThreadContext Context, Effect[] Effects, ModelFaultException? Fault);
