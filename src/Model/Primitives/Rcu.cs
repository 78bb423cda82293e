using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Primitives;

/// <summary>
/// RCU read sections, and waiting for those that are open. A wait records the CPUs now inside a section; it may end at any
/// time after each of them has left, and sections that begin later do not delay it.
/// </summary>
/// <remarks>Left out: expedited grace periods (hides nothing: only their speed differs) and rcu_barrier, which waits for callbacks.</remarks>
public static class Rcu
{
    /// <summary>rcu_read_lock. Sections nest.</summary>
    public static Step rcu_read_lock() => Worker.Running.Declare(new Operation(OperationCode.rcu_read_lock));

    /// <summary>rcu_read_unlock.</summary>
    public static Step rcu_read_unlock() => Worker.Running.Declare(new Operation(OperationCode.rcu_read_unlock));

    /// <summary>synchronize_rcu: waits for the sections that are open when it is called. It sleeps.</summary>
    public static KernelTask synchronize_rcu() => Snapshots.wait_for(SectionKinds.Rcu);

    /// <summary>call_rcu: queues an action on an object; it may run, in the environment, after a grace period, or never.</summary>
    public static Step call_rcu(KernelObject @object, RcuAction action)
    {
        ArgumentNullException.ThrowIfNull(@object);
        ArgumentNullException.ThrowIfNull(action);
        return Worker.Running.Declare(new Operation(OperationCode.call_rcu, Object: @object.Id, A: Word<RcuAction>.Encode(action), B: Word<KernelObject>.Encode(@object)));
    }

    /// <summary>The environment thread that runs callbacks whose grace period is over, one a step.</summary>
    public static async KernelTask rcu_core()
    {
        while (true)
        {
            await RunCallback();
        }
    }

    private static Step RunCallback() => Worker.Running.Declare(new Operation(OperationCode.rcu_callback));
}

/// <summary>What RCU, IPIs and drain-all have in common.</summary>
public static class Snapshots
{
    /// <summary>Waits, in two steps, for every CPU that is inside a section of this kind now to have left it.</summary>
    public static async KernelTask wait_for(SectionKinds kind)
    {
        await Begin(kind);
        await End(kind);
    }

    private static Step Begin(SectionKinds kind) => Worker.Running.Declare(new Operation(OperationCode.snapshot_begin, MemoryOrder.Full, A: (long)kind));

    private static Step End(SectionKinds kind) => Worker.Running.Declare(new Operation(OperationCode.snapshot_wait, MemoryOrder.Full, A: (long)kind));
}

/// <summary>What happens to the callbacks that call_rcu has queued.</summary>
internal static class Callbacks
{
    public static void Queue(State state, int thread, int action, int @object)
    {
        foreach (var callback in state.Machine.Callbacks)
        {
            if (state.Get(callback.Action) == 0)
            {
                state.Set(callback.Action, action);
                state.Set(callback.Object, @object);
                state.Set(callback.Snapshot, state.Inside(SectionKinds.Rcu, except: -1));
                return;
            }
        }

        state.Outgrow("rcu_callbacks");
    }

    /// <summary>How many callbacks may run now.</summary>
    public static int Ready(State state)
    {
        var ready = 0;
        foreach (var callback in state.Machine.Callbacks)
        {
            ready += IsReady(state, callback) ? 1 : 0;
        }

        return ready;
    }

    /// <summary>Runs the callback that a choice picks among those that may.</summary>
    public static void Run(State state, int thread, int choice)
    {
        foreach (var callback in state.Machine.Callbacks)
        {
            if (IsReady(state, callback) && choice-- == 0)
            {
                var on = OperationOf(state.Machine, state.Get(callback.Action), state.Get(callback.Object));
                state.Set(callback.Action, 0);
                state.Set(callback.Object, 0);
                if (Operations.IsAlive(state, on.Object) || state.Meets(KernelBug.UseAfterFree, on.Object, on.Cell))
                {
                    Operations.Execute(state, thread, on, 0);
                }

                return;
            }
        }
    }

    /// <summary>What an action, by its number, does to an object.</summary>
    public static Operation OperationOf(Machine machine, long action, long @object)
    {
        var operation = ((RcuAction)machine.Object((int)action)!).Operation;
        return operation.Code == OperationCode.kmem_cache_free ? operation with { A = @object } : operation with { Object = (int)@object };
    }

    private static bool IsReady(State state, CallbackCells callback) => state.Get(callback.Action) != 0 && state.Get(callback.Snapshot) == 0;
}
