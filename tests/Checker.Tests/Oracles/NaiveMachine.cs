using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Tests.Oracles;

/// <summary>What a step came to.</summary>
internal sealed class Taken
{
    /// <summary>The bug that ends the execution, or none.</summary>
    public KernelBug Fatal { get; set; }

    /// <summary>Whether a pool was used up, which ends the execution.</summary>
    public bool TooSmall { get; set; }

    /// <summary>The bugs that were met and went by.</summary>
    public HashSet<KernelBug> Tolerated { get; } = [];

    /// <summary>The events, each with the item it is about.</summary>
    public List<(string Name, int Item)> Events { get; } = [];

    public bool IsFinal => TooSmall || Fatal != KernelBug.None;
}

/// <summary>The program does what the model does not allow: it leaves a range or a region. Nothing more is said about it.</summary>
internal sealed class NaiveFaultException(string message) : Exception(message);

/// <summary>
/// The oracle's interpreter: what each instruction means, written from the primitives' documentation over words by name. It
/// shares no code with the engine, remembers nothing and undoes nothing.
/// </summary>
internal sealed partial class NaiveMachine(LittleProgram program)
{
    private const int Gone = -1;

    private readonly int _count = program.ThreadCount;
    private readonly int _rcuThread = program.HasCallbacks ? program.Threads.Count : -1;
    private readonly int _slabThread = program.HasDiscards ? program.ThreadCount - 1 : -1;

    public ThreadKind KindOf(int thread) => thread < program.Threads.Count ? program.Threads[thread].Kind : ThreadKind.Environment;

    /// <exception cref="NaiveFaultException">A thread meets a bug before its first step.</exception>
    public World Initial()
    {
        var world = new World([], [.. Enumerable.Range(0, _count).Select(_ => new WorldThread())]);
        foreach (var name in (string[])["x", "y", "flags", "a", "b", .. SemWords("sem"), "p", "list", "list0", "list1", "ghost"])
        {
            world.Memory.Add(name, 0);
        }

        for (var item = 0; item < program.Items.Objects; item++)
        {
            foreach (var name in (string[])["life", "gone-wait", .. ItemWords])
            {
                world.Memory.Add($"item{item}.{name}", 0);
            }
        }

        for (var i = 0; i < LittleMachine.Callbacks; i++)
        {
            foreach (var name in (string[])["action", "item", "wait"])
            {
                world.Memory.Add($"callback{i}.{name}", 0);
            }
        }

        for (var thread = 0; thread < _count; thread++)
        {
            world.Memory.Add($"t{thread}.rcu-wait", 0);
            world.Memory.Add($"t{thread}.ipi-wait", 0);
        }

        if (program.Published)
        {
            world.Memory["item0.life"] = 1;
            world.Memory["p"] = Pointer(0, 0);
        }

        for (var thread = 0; thread < program.Threads.Count; thread++)
        {
            var taken = new Taken();
            GoOn(world, thread, taken);
            if (taken.IsFinal || taken.Tolerated.Count > 0)
            {
                throw new NaiveFaultException("a bug before the first step");
            }
        }

        return world;
    }

    /// <summary>Whether all tasks and all started optionals have ended.</summary>
    public bool IsEnd(World world) => Enumerable.Range(0, _count).All(t => !Owes(world, t));

    /// <summary>Whether a thread must still end.</summary>
    public bool Owes(World world, int thread) => !HasEnded(world.Threads[thread])
        && (KindOf(thread) == ThreadKind.Task || (KindOf(thread) == ThreadKind.Optional && world.Threads[thread].Started));

    /// <summary>In how many ways a thread can step now.</summary>
    public int Ways(World world, int thread)
    {
        if (thread == _rcuThread)
        {
            return Ready(world).Count();
        }

        if (thread == _slabThread)
        {
            return Discardable(world).Count();
        }

        var own = world.Threads[thread];
        if (own.Ended)
        {
            return HasEnded(own) ? 0 : 1; // the report that it ended inside a section is a step
        }

        var next = program.Threads[thread].Body[own.At];
        if (next.What == Do.Alloc)
        {
            return Math.Max(1, Allocatable(world).Count()); // where there is none or it must not sleep, the step says so
        }

        if (ContextBugs(own, next).Any(b => !Tolerates(b))
            || (ObjectOf(own, next) is > 0 and var item && !IsAlive(world, item) && !Tolerates(KernelBug.UseAfterFree)))
        {
            return 1;
        }

        var m = world.Memory;
        return next.What switch
        {
            Do.SpinLock => m[LockName(own, next)] == 0 ? 1 : 0,
            Do.BitSpinLock or Do.FolioLock => (m[FlagsName(own, next)] & Bit(next)) == 0 ? 1 : 0,
            Do.DownRead => MayRead(world, SemName(own, next), waits: true) ? 1 : 0,
            Do.DownWrite when own.Second => IsFree(world, SemName(own, next)) ? 1 : 0,
            Do.SynchronizeRcu when own.Second => m[$"t{thread}.rcu-wait"] == 0 ? 1 : 0,
            Do.SmpCallFunction when own.Second => m[$"t{thread}.ipi-wait"] == 0 ? 1 : 0,
            Do.Until => m[CellName(own, next)] == next.Value ? 1 : 0,
            Do.UntilNot => m[CellName(own, next)] != next.Value ? 1 : 0,
            Do.UntilClear => (m[FlagsName(own, next)] & Bit(next)) == 0 ? 1 : 0,
            Do.UntilSet => (m[FlagsName(own, next)] & Bit(next)) != 0 ? 1 : 0,
            Do.UntilAlike => m["x"] == m["y"] ? 1 : 0,
            Do.UntilPublished => m["p"] != 0 ? 1 : 0,
            Do.UntilItem => IsSameItem(m["p"], own.Item) ? 1 : 0,
            Do.Choose => next.Target + 2,
            _ => 1,
        };
    }

    /// <summary>Makes a thread's step in this world.</summary>
    public Taken Step(World world, int thread, int way)
    {
        var taken = new Taken();
        var own = world.Threads[thread];
        if (thread == _rcuThread)
        {
            RunCallback(world, Ready(world).ElementAt(way), taken);
            return taken;
        }

        if (thread == _slabThread)
        {
            world.Memory[$"item{Discardable(world).ElementAt(way)}.life"] = Gone;
            return taken;
        }

        if (own.Ended)
        {
            taken.Fatal = KernelBug.UnbalancedSection;
            return taken;
        }

        var (wasAtomic, wasIrqOff) = (own.IsAtomic, own.Irq > 0);
        Perform(world, thread, program.Threads[thread].Body[own.At], way, taken);
        if (taken.IsFinal)
        {
            return taken;
        }

        own.Started = KindOf(thread) == ThreadKind.Optional;
        if (wasAtomic && !own.IsAtomic)
        {
            Leave(world, thread, static name => name is "rcu-wait" or "wait" or "gone-wait");
        }

        if (wasIrqOff && own.Irq <= 0)
        {
            Leave(world, thread, static name => name is "ipi-wait");
        }

        if (!own.Second)
        {
            GoOn(world, thread, taken);
        }

        return taken;
    }

    // From where its instruction ended to its next step, by what is no step.
    private void GoOn(World world, int thread, Taken taken)
    {
        var own = world.Threads[thread];
        var body = program.Threads[thread].Body;
        while (own.At < body.Count)
        {
            var next = body[own.At];
            if (next.NeedsItem && own.Item == 0)
            {
                own.At++;
                continue;
            }

            switch (next.What)
            {
                case Do.Forget:
                    own.Item = 0;
                    break;
                case Do.GhostSet:
                    Set(world, "ghost", next.Value, 0, 3);
                    break;
                case Do.GhostAdd:
                    Set(world, "ghost", world.Memory["ghost"] + next.Value, 0, 3);
                    break;
                case Do.Event:
                    taken.Events.Add(("event", next.Target == 0 ? 0 : own.Item));
                    break;
                case Do.Enter:
                    own.Region++;
                    break;
                case Do.Leave:
                    own.Region = own.Region > 0 ? own.Region - 1 : throw new NaiveFaultException("leaves a region it is not in");
                    break;
                case Do.WarnOn when own.Result == next.Value:
                    taken.Tolerated.Add(KernelBug.Warning);
                    break;
                case Do.BugOn when own.Result == next.Value && Stops(KernelBug.BugOn, taken):
                    return;
                case Do.MightSleep when own.IsAtomic && Stops(KernelBug.SleepInAtomic, taken):
                    return;
                case Do.SkipIf:
                    own.At += own.Result == next.Value ? next.Target + 1 : 0;
                    break;
                case Do.Again when own.Rounds < next.Value:
                    own.Rounds++;
                    return;
                case Do.RepeatUnless when own.Result != next.Value:
                    return;
                case Do.Follow when own.Item == 0:
                    taken.Fatal = KernelBug.NullDereference;
                    return;
                case Do.Barrier or Do.BugOn or Do.WarnOn or Do.MightSleep or Do.Again or Do.RepeatUnless:
                    break;
                default:
                    ForgetWhatIsOverwritten(own, next);
                    return;
            }

            own.At++;
        }

        if (own.Region > 0)
        {
            throw new NaiveFaultException("ends inside a region");
        }

        (own.At, own.Result, own.Item, own.Rounds, own.Ended) = (0, 0, 0, 0, true);
        taken.Events.Add(("end", 0));
        if (own.IsInside && Tolerates(KernelBug.UnbalancedSection))
        {
            taken.Tolerated.Add(KernelBug.UnbalancedSection);
        }
    }

    // What a local held no longer matters once the operation that overwrites it is all that can follow.
    private static void ForgetWhatIsOverwritten(WorldThread own, Instruction next)
    {
        switch (next.What)
        {
            case Do.Load or Do.Xchg or Do.CmpXchg or Do.AtomicRead or (>= Do.AddReturn and <= Do.IncNotZero)
                or Do.TestBit or Do.TestAndSetBit or Do.TestAndClearBit or Do.BitSpinTrylock or Do.FolioTrylock or Do.LoadFlags or Do.SpinTrylock or Do.DownReadTrylock or Do.DownWriteTrylock or Do.RwsemIsLocked
                or Do.PublishOnce or Do.Withdraw or Do.Follow or Do.ListCount or Do.Choose:
                own.Result = 0;
                break;
            case Do.Alloc or Do.Fetch or Do.TakeOut or Do.ListGet:
                own.Item = 0;
                break;
            default:
                break;
        }
    }

    // Says whether the execution ends here.
    private bool Stops(KernelBug bug, Taken taken)
    {
        if (Tolerates(bug))
        {
            taken.Tolerated.Add(bug);
            return false;
        }

        taken.Fatal = bug;
        return true;
    }

    private bool Tolerates(KernelBug bug) => program.Tolerated.Contains(bug);

    private bool HasEnded(WorldThread own) => own.Ended && (!own.IsInside || Tolerates(KernelBug.UnbalancedSection));

    private static bool IsFree(World world, string sem) => world.Memory[$"{sem}.writer"] == 0 && world.Memory[$"{sem}.readers"] == 0;

    // A waiting writer holds off readers; one that waits passes it where nobody holds the lock.
    private bool MayRead(World world, string sem, bool waits) => world.Memory[$"{sem}.writer"] == 0
        && (world.Memory[$"{sem}.waiting"] == 0 || !program.HoldOff || (waits && IsFree(world, sem)));

    private static void TakeSpinning(WorldThread own, string name)
    {
        own.Preempt++;
        own.Held.Add((name, Shared: false));
    }

    private static void DropSpinning(WorldThread own, string name)
    {
        own.Preempt--;
        Drop(own, name);
    }

    private static void Drop(WorldThread own, string name)
    {
        if (own.Held.FindLastIndex(h => h.Lock == name) is >= 0 and var last)
        {
            own.Held.RemoveAt(last);
        }
    }

    private static char? Mode(WorldThread own, string name) =>
        own.Held.FindIndex(h => h.Lock == name) is >= 0 and var first ? own.Held[first].Shared ? 'r' : 'w' : null;

    private bool HasBit(Dictionary<string, int> memory, WorldThread own, Instruction next) => (memory[FlagsName(own, next)] & Bit(next)) != 0;

    private static int Bit(Instruction next) => 1 << (next.Target % 3);

    private string CellName(WorldThread own, Instruction next) => next.Target switch { 0 => "x", 1 => "y", _ => $"item{Slot(own.Item)}.v" };

    private string FlagsName(WorldThread own, Instruction next) => next.Target < 3 ? "flags" : $"item{Slot(own.Item)}.flags";

    private string BitLockName(WorldThread own, Instruction next) => $"{FlagsName(own, next)}:{Bit(next)}";

    private string LockName(WorldThread own, Instruction next) => next.Target switch { 0 => "a", 1 => "b", _ => $"item{Slot(own.Item)}.lock" };

    private string SemName(WorldThread own, Instruction next) => next.Target == 0 ? "sem" : $"item{Slot(own.Item)}.sem";

    private static string[] SemWords(string sem) => [$"{sem}.writer", $"{sem}.readers", $"{sem}.waiting"];

    private static readonly string[] ItemWords = ["v", "flags", "lock", .. SemWords("sem")];

    private void SetSem(World world, string name, int value) =>
        Set(world, name, value, 0, name.EndsWith("readers", StringComparison.Ordinal) ? 2 * _count : _count);

    private static void SetCell(World world, string name, int value) => Set(world, name, value, SmallestOf(name), name is "x" or "y" ? 6 : 3);

    private static int SmallestOf(string name) => name == "y" ? -3 : 0;

    private static void Set(World world, string name, int value, int min, int max) =>
        world.Memory[name] = value >= min && value <= max ? value : throw new NaiveFaultException($"{name} leaves its range");

    // Items are numbered by slot and generation; two generations of a slot are one address.
    private int Pointer(int slot, int generation) => 1 + (slot * program.Items.Generations) + generation;

    private int Slot(int item) => (item - 1) / program.Items.Generations;

    private int LifeOf(int item) => (2 * ((item - 1) % program.Items.Generations)) + 1;

    private bool IsSameItem(int one, int other) => one == other || (one != 0 && other != 0 && Slot(one) == Slot(other));
}
