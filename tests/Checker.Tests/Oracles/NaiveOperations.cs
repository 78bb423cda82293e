using System.Diagnostics;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Tests.Oracles;

/// <summary>What each instruction does to a world, and which are bugs.</summary>
internal sealed partial class NaiveMachine
{
    private void Perform(World world, int thread, Instruction next, int way, Taken taken)
    {
        var own = world.Threads[thread];
        var m = world.Memory;
        var bugs = ContextBugs(own, next).ToArray();
        if (bugs.Any(b => !Tolerates(b)))
        {
            taken.Fatal = bugs.First(b => !Tolerates(b));
            return;
        }

        taken.Tolerated.UnionWith(bugs);
        if (ObjectOf(own, next) is > 0 and var item && !IsAlive(world, item) && Stops(KernelBug.UseAfterFree, taken))
        {
            return;
        }

        var at = own.At;
        switch (next.What)
        {
            case Do.Load or Do.AtomicRead:
                own.Result = m[CellName(own, next)];
                break;
            case Do.Follow:
                own.Result = m[$"item{Slot(own.Item)}.v"];
                break;
            case Do.Store or Do.StoreRelease or Do.AtomicSet:
                SetCell(world, CellName(own, next), next.Value);
                break;
            case Do.StoreResult:
                SetCell(world, CellName(own, next), own.Result);
                break;
            case Do.Xchg:
                own.Result = m[CellName(own, next)];
                SetCell(world, CellName(own, next), next.Value);
                break;
            case Do.CmpXchg:
                own.Result = m[CellName(own, next)];
                if (own.Result == next.Value)
                {
                    SetCell(world, CellName(own, next), next.Value + 1);
                }

                break;
            case Do.AtomicInc:
                Add(world, own, next, 1, taken);
                break;
            case Do.AtomicDec:
                Add(world, own, next, -1, taken);
                break;
            case Do.AtomicAdd:
                Add(world, own, next, next.Value, taken);
                break;
            case Do.AddReturn:
                own.Result = Add(world, own, next, next.Value, taken);
                break;
            case Do.IncReturn:
                own.Result = Add(world, own, next, 1, taken);
                break;
            case Do.DecReturn:
                own.Result = Add(world, own, next, -1, taken);
                break;
            case Do.IncAndTest:
                own.Result = Add(world, own, next, 1, taken) == 0 ? 1 : 0;
                break;
            case Do.DecAndTest:
                own.Result = Add(world, own, next, -1, taken) == 0 ? 1 : 0;
                break;
            case Do.AddNegative:
                own.Result = Add(world, own, next, next.Value, taken) < 0 ? 1 : 0;
                break;
            case Do.IncNotZero:
                own.Result = m[CellName(own, next)] == 0 ? 0 : 1;
                SetCell(world, CellName(own, next), m[CellName(own, next)] + own.Result);
                break;

            case Do.TestBit:
                own.Result = HasBit(m, own, next) ? 1 : 0;
                break;
            case Do.SetBit:
                m[FlagsName(own, next)] |= Bit(next);
                break;
            case Do.ClearBit:
                m[FlagsName(own, next)] &= ~Bit(next);
                break;
            case Do.TestAndSetBit:
                own.Result = HasBit(m, own, next) ? 1 : 0;
                m[FlagsName(own, next)] |= Bit(next);
                break;
            case Do.TestAndClearBit:
                own.Result = HasBit(m, own, next) ? 1 : 0;
                m[FlagsName(own, next)] &= ~Bit(next);
                break;
            case Do.FolioLock:
                m[FlagsName(own, next)] |= Bit(next);
                break;
            case Do.FolioTrylock:
                own.Result = HasBit(m, own, next) ? 0 : 1;
                m[FlagsName(own, next)] |= Bit(next);
                break;
            case Do.FolioUnlock:
                if (!HasBit(m, own, next) && Stops(KernelBug.BadUnlock, taken))
                {
                    return;
                }

                m[FlagsName(own, next)] &= ~Bit(next);
                break;
            case Do.BitSpinLock:
                m[FlagsName(own, next)] |= Bit(next);
                TakeSpinning(own, BitLockName(own, next));
                break;
            case Do.BitSpinTrylock:
                own.Result = HasBit(m, own, next) ? 0 : 1;
                m[FlagsName(own, next)] |= Bit(next);
                if (own.Result == 1)
                {
                    TakeSpinning(own, BitLockName(own, next));
                }

                break;
            case Do.BitSpinUnlock:
                m[FlagsName(own, next)] &= ~Bit(next);
                DropSpinning(own, BitLockName(own, next));
                break;
            case Do.LoadFlags:
                own.Result = m["flags"];
                break;

            case Do.SpinLock:
                m[LockName(own, next)] = 1;
                TakeSpinning(own, LockName(own, next));
                break;
            case Do.SpinTrylock:
                own.Result = m[LockName(own, next)] == 0 ? 1 : 0;
                m[LockName(own, next)] = 1;
                if (own.Result == 1)
                {
                    TakeSpinning(own, LockName(own, next));
                }

                break;
            case Do.SpinUnlock:
                m[LockName(own, next)] = 0;
                DropSpinning(own, LockName(own, next));
                break;

            case >= Do.DownRead and <= Do.RwsemIsLocked:
                if (OnSem(world, own, next.What, SemName(own, next)))
                {
                    return; // it queued, and acquires in a step of its own
                }

                break;

            case Do.RcuReadLock:
                own.Rcu++;
                break;
            case Do.RcuReadUnlock:
                own.Rcu--;
                break;
            case Do.PreemptDisable:
                own.Preempt++;
                break;
            case Do.PreemptEnable:
                own.Preempt--;
                break;
            case Do.IrqDisable:
                own.Irq++;
                break;
            case Do.IrqEnable:
                own.Irq--;
                break;
            case Do.SynchronizeRcu or Do.SmpCallFunction when !own.Second:
                var others = next.What == Do.SynchronizeRcu ? Inside(world, static t => t.IsAtomic) : Inside(world, static t => t.Irq > 0);
                m[$"t{thread}.{(next.What == Do.SynchronizeRcu ? "rcu" : "ipi")}-wait"] = others & ~(1 << thread);
                own.Second = true;
                return;
            case Do.SynchronizeRcu or Do.SmpCallFunction:
                own.Second = false;
                break;
            case Do.CallRcu:
                QueueCallback(world, own.Item, next.Target == 0 ? 1 : 2, taken);
                break;

            case Do.Alloc:
                Allocate(world, own, way, taken);
                break;
            case Do.Free:
                Free(world, own.Item, taken);
                break;
            case Do.Publish:
                m["p"] = own.Item;
                break;
            case Do.Fetch:
                own.Item = m["p"];
                break;
            case Do.TakeOut:
                own.Item = m["p"];
                m["p"] = 0;
                break;
            case Do.PublishOnce:
                own.Result = m["p"] == 0 ? 1 : 0;
                m["p"] = m["p"] == 0 ? own.Item : m["p"];
                break;
            case Do.Withdraw:
                own.Result = IsSameItem(m["p"], own.Item) ? 1 : 0;
                m["p"] = IsSameItem(m["p"], own.Item) ? 0 : m["p"];
                break;

            case Do.ListAdd or Do.ListAddTail:
                AddToList(world, own.Item, next.What == Do.ListAdd, taken);
                break;
            case Do.ListDel:
                RemoveFromList(world, own.Item, taken);
                break;
            case Do.ListGet:
                own.Item = next.Target < m["list"] ? m[$"list{next.Target}"] : 0;
                break;
            case Do.ListCount:
                own.Result = m["list"];
                break;

            case Do.Choose:
                own.Result = way;
                break;
            case Do.Again or Do.RepeatUnless:
                at = Math.Max(0, at - next.Target - 1) - 1;
                break;
            case Do.Until or Do.UntilNot or Do.UntilClear or Do.UntilSet or Do.UntilAlike or Do.UntilPublished or Do.UntilItem or Do.Yield:
                break;
            default:
                throw new UnreachableException($"{next.What} is no step");
        }

        own.At = at + 1;
    }

    // Returns whether the thread only queued.
    private bool OnSem(World world, WorldThread own, Do what, string sem)
    {
        var m = world.Memory;
        switch (what)
        {
            case Do.DownRead:
                SetSem(world, $"{sem}.readers", m[$"{sem}.readers"] + 1);
                own.Held.Add((sem, Shared: true));
                return false;
            case Do.DownReadTrylock:
                own.Result = MayRead(world, sem, waits: false) ? 1 : 0;
                if (own.Result == 1)
                {
                    SetSem(world, $"{sem}.readers", m[$"{sem}.readers"] + 1);
                    own.Held.Add((sem, Shared: true));
                }

                return false;
            case Do.UpRead:
                SetSem(world, $"{sem}.readers", m[$"{sem}.readers"] - 1);
                Drop(own, sem);
                return false;
            case Do.DownWrite when own.Second:
                SetSem(world, $"{sem}.waiting", m[$"{sem}.waiting"] - 1);
                m[$"{sem}.writer"] = 1;
                own.Held.Add((sem, Shared: false));
                own.Second = false;
                return false;
            case Do.DownWrite when IsFree(world, sem) && m[$"{sem}.waiting"] == 0:
                m[$"{sem}.writer"] = 1;
                own.Held.Add((sem, Shared: false));
                return false;
            case Do.DownWrite:
                SetSem(world, $"{sem}.waiting", m[$"{sem}.waiting"] + 1);
                own.Second = true;
                return true;
            case Do.DownWriteTrylock:
                own.Result = IsFree(world, sem) && m[$"{sem}.waiting"] == 0 ? 1 : 0;
                if (own.Result == 1)
                {
                    m[$"{sem}.writer"] = 1;
                    own.Held.Add((sem, Shared: false));
                }

                return false;
            case Do.UpWrite:
                m[$"{sem}.writer"] = 0;
                Drop(own, sem);
                return false;
            case Do.DowngradeWrite:
                m[$"{sem}.writer"] = 0;
                SetSem(world, $"{sem}.readers", m[$"{sem}.readers"] + 1);
                Drop(own, sem);
                own.Held.Add((sem, Shared: true));
                return false;
            default:
                own.Result = IsFree(world, sem) && m[$"{sem}.waiting"] == 0 ? 0 : 1;
                return false;
        }
    }

    // The bugs that an instruction is by itself in its thread's context; where several are fatal the first is the report.
    private IEnumerable<KernelBug> ContextBugs(WorldThread own, Instruction next)
    {
        switch (next.What)
        {
            case Do.RcuReadUnlock when own.Rcu == 0:
            case Do.PreemptEnable when own.Preempt == 0:
            case Do.IrqEnable when own.Irq == 0:
                yield return KernelBug.UnbalancedSection;
                break;
            case Do.SpinLock when Mode(own, LockName(own, next)) is not null:
            case Do.BitSpinLock when Mode(own, BitLockName(own, next)) is not null:
            case Do.DownRead when Mode(own, SemName(own, next)) is not null:
            case Do.DownWrite when !own.Second && Mode(own, SemName(own, next)) is not null:
                yield return KernelBug.RecursiveLock;
                break;
            case Do.SpinUnlock when Mode(own, LockName(own, next)) is not 'w':
            case Do.BitSpinUnlock when Mode(own, BitLockName(own, next)) is not 'w':
            case Do.UpWrite or Do.DowngradeWrite when Mode(own, SemName(own, next)) is not 'w':
            case Do.UpRead when Mode(own, SemName(own, next)) is not 'r':
                yield return KernelBug.BadUnlock;
                break;
            case Do.ListAdd or Do.ListAddTail or Do.ListDel when Mode(own, next.Target == 0 ? "a" : "sem") is not 'w':
                yield return KernelBug.ListCorruption;
                break;
            default:
                break;
        }

        var sleeps = next.What is Do.Alloc or Do.DownRead or Do.FolioLock || (next.What is Do.DownWrite or Do.SynchronizeRcu && !own.Second);
        if ((sleeps && own.IsAtomic) || (next.What == Do.SmpCallFunction && !own.Second && own.Irq > 0))
        {
            yield return KernelBug.SleepInAtomic;
        }
    }

    // The item whose lifetime an instruction looks at, or 0.
    private static int ObjectOf(WorldThread own, Instruction next) => next.What switch
    {
        Do.Follow or Do.CallRcu => own.Item,
        Do.Free or Do.ListAdd or Do.ListAddTail or Do.ListDel => 0,
        _ => next.NeedsItem ? own.Item : 0,
    };

    private bool IsAlive(World world, int item)
    {
        var life = world.Memory[$"item{Slot(item)}.life"];
        return life == LifeOf(item) || (program.Items.TypeSafeByRcu && life != Gone);
    }

    private void Allocate(World world, WorldThread own, int way, Taken taken)
    {
        if (!Allocatable(world).Any())
        {
            taken.TooSmall = true;
            return;
        }

        var slot = Allocatable(world).ElementAt(way);
        var life = world.Memory[$"item{slot}.life"];
        world.Memory[$"item{slot}.life"] = life + 1;
        world.Memory[$"item{slot}.gone-wait"] = 0;
        own.Item = Pointer(slot, life / 2);
    }

    // One that was never used, and each that was freed and may be used again.
    private IEnumerable<int> Allocatable(World world)
    {
        var slots = Enumerable.Range(0, program.Items.Objects).ToArray();
        var reusable = slots.Where(s =>
            program.Items.Reuse && world.Memory[$"item{s}.life"] is > 0 and var life && life % 2 == 0 && life / 2 < program.Items.Generations);
        return slots.Where(s => world.Memory[$"item{s}.life"] == 0).Take(1).Concat(reusable);
    }

    private void Free(World world, int item, Taken taken)
    {
        var slot = Slot(item);
        var life = world.Memory[$"item{slot}.life"];
        if (program.Items.TypeSafeByRcu ? life % 2 != 1 : life != LifeOf(item))
        {
            Stops(KernelBug.DoubleFree, taken);
            return;
        }

        if (!program.Items.TypeSafeByRcu && IsLockHeldIn(world, slot) && Stops(KernelBug.FreeOfHeldLock, taken))
        {
            return;
        }

        world.Memory[$"item{slot}.life"] = life + 1;
        world.Memory[$"item{slot}.gone-wait"] = program.Items.Discard ? Inside(world, static t => t.IsAtomic) : 0;
        foreach (var word in program.Items.TypeSafeByRcu ? [] : ItemWords)
        {
            world.Memory[$"item{slot}.{word}"] = 0;
        }
    }

    private static bool IsLockHeldIn(World world, int slot) =>
        ItemWords.Where(w => w is not ("v" or "flags")).Any(w => world.Memory[$"item{slot}.{w}"] != 0)
        || world.Threads.Any(t => t.Held.Any(h => h.Lock.StartsWith($"item{slot}.", StringComparison.Ordinal)));

    private IEnumerable<int> Discardable(World world) => Enumerable.Range(0, program.Items.Objects)
        .Where(s => world.Memory[$"item{s}.life"] is > 0 and var life && life % 2 == 0 && world.Memory[$"item{s}.gone-wait"] == 0);

    private static void QueueCallback(World world, int item, int action, Taken taken)
    {
        for (var i = 0; i < LittleMachine.Callbacks; i++)
        {
            if (world.Memory[$"callback{i}.action"] == 0)
            {
                world.Memory[$"callback{i}.action"] = action;
                world.Memory[$"callback{i}.item"] = item;
                world.Memory[$"callback{i}.wait"] = Inside(world, static t => t.IsAtomic);
                return;
            }
        }

        taken.TooSmall = true;
    }

    private static IEnumerable<int> Ready(World world) => Enumerable.Range(0, LittleMachine.Callbacks)
        .Where(i => world.Memory[$"callback{i}.action"] != 0 && world.Memory[$"callback{i}.wait"] == 0);

    private void RunCallback(World world, int callback, Taken taken)
    {
        var (action, item) = (world.Memory[$"callback{callback}.action"], world.Memory[$"callback{callback}.item"]);
        world.Memory[$"callback{callback}.action"] = 0;
        world.Memory[$"callback{callback}.item"] = 0;
        if (action == 1)
        {
            Free(world, item, taken);
        }
        else if (IsAlive(world, item) || !Stops(KernelBug.UseAfterFree, taken))
        {
            SetCell(world, "y", world.Memory["y"] + 1);
        }
    }

    private static void AddToList(World world, int item, bool first, Taken taken)
    {
        var m = world.Memory;
        switch (m["list"])
        {
            case 0:
                m["list0"] = item;
                break;
            case 1 when first:
                (m["list0"], m["list1"]) = (item, m["list0"]);
                break;
            case 1:
                m["list1"] = item;
                break;
            default:
                taken.TooSmall = true;
                return;
        }

        m["list"]++;
    }

    private void RemoveFromList(World world, int item, Taken taken)
    {
        var m = world.Memory;
        if (m["list"] > 0 && IsSameItem(m["list0"], item))
        {
            (m["list0"], m["list1"]) = (m["list1"], 0);
            m["list"]--;
        }
        else if (m["list"] > 1 && IsSameItem(m["list1"], item))
        {
            m["list1"] = 0;
            m["list"]--;
        }
        else
        {
            Stops(KernelBug.ListCorruption, taken);
        }
    }

    // A count below its smallest value is an underflow, and stays as it was.
    private int Add(World world, WorldThread own, Instruction next, int value, Taken taken)
    {
        var name = CellName(own, next);
        var sum = world.Memory[name] + value;
        if (sum >= SmallestOf(name))
        {
            SetCell(world, name, sum);
        }
        else
        {
            Stops(KernelBug.RefcountUnderflow, taken);
        }

        return sum;
    }

    // A thread has left its section: no wait that began before waits for it any more.
    private static void Leave(World world, int thread, Func<string, bool> isWait)
    {
        foreach (var name in world.Memory.Keys.Where(n => isWait(n[(n.LastIndexOf('.') + 1)..])).ToArray())
        {
            world.Memory[name] &= ~(1 << thread);
        }
    }

    private static int Inside(World world, Func<WorldThread, bool> isInside) =>
        Enumerable.Range(0, world.Threads.Length).Where(t => isInside(world.Threads[t])).Sum(t => 1 << t);
}
