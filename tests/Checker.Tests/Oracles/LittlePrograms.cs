using FsCheck;
using FsCheck.Fluent;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Tests.Oracles;

/// <summary>
/// Little programs at random. Each is about a few families of primitives, so that its threads meet; locks and sections are mostly
/// taken and left in pairs, and sometimes anyhow.
/// </summary>
internal static class LittlePrograms
{
    private static readonly Gen<IReadOnlyList<Instruction>>[] Families =
    [
        // Memory.
        Gen.Frequency(
            (4, One(Cell, 3, Do.Load, Do.Store, Do.StoreRelease, Do.StoreResult, Do.Xchg, Do.CmpXchg)),
            (3, One(
                Cell, 3, Do.AtomicRead, Do.AtomicSet, Do.AtomicInc, Do.AtomicDec, Do.IncReturn, Do.DecReturn, Do.IncAndTest, Do.DecAndTest, Do.IncNotZero)),
            (1, One(Cell, 5, Do.AtomicAdd, Do.AddReturn, Do.AddNegative).Select(ops => (IReadOnlyList<Instruction>)[ops[0] with { Value = ops[0].Value - 2 }])),
            (1, Then(One(Cell, 3, Do.Load), One(Cell, 3, Do.StoreResult)))),

        // Bits, bit spinlocks, page locks.
        Gen.Frequency(
            (3, One(Flag, 1, Do.TestBit, Do.SetBit, Do.ClearBit, Do.TestAndSetBit, Do.TestAndClearBit, Do.LoadFlags)),
            (2, Around(Flag, Do.BitSpinLock, Do.BitSpinUnlock)),
            (1, AroundTry(Flag, Do.BitSpinTrylock, Do.BitSpinUnlock)),
            (2, Around(Flag, Do.FolioLock, Do.FolioUnlock)),
            (1, AroundTry(Flag, Do.FolioTrylock, Do.FolioUnlock)),
            (1, One(Flag, 1, Do.BitSpinLock, Do.BitSpinTrylock, Do.BitSpinUnlock, Do.FolioLock, Do.FolioTrylock, Do.FolioUnlock))),

        // Spinlocks.
        Gen.Frequency(
            (4, Around(Lock, Do.SpinLock, Do.SpinUnlock)),
            (2, AroundTry(Lock, Do.SpinTrylock, Do.SpinUnlock)),
            (1, One(Lock, 1, Do.SpinLock, Do.SpinTrylock, Do.SpinUnlock))),

        // rwsems.
        Gen.Frequency(
            (3, Around(Sem, Do.DownRead, Do.UpRead)),
            (3, Around(Sem, Do.DownWrite, Do.UpWrite)),
            (1, AroundTry(Sem, Do.DownReadTrylock, Do.UpRead)),
            (1, AroundTry(Sem, Do.DownWriteTrylock, Do.UpWrite)),
            (2, Sem.SelectMany(sem => Body(1).Select(inner =>
                (IReadOnlyList<Instruction>)[new(Do.DownWrite, sem), .. inner, new(Do.DowngradeWrite, sem), new(Do.UpRead, sem)]))),
            (1, One(Sem, 1, Do.DownRead, Do.DownReadTrylock, Do.UpRead, Do.DownWrite, Do.DownWriteTrylock, Do.UpWrite, Do.DowngradeWrite, Do.RwsemIsLocked))),

        // RCU.
        Gen.Frequency(
            (4, Around(Gen.Constant(0), Do.RcuReadLock, Do.RcuReadUnlock)),
            (3, One(Gen.Constant(0), 1, Do.SynchronizeRcu)),
            (2, Around(Gen.Constant(0), Do.PreemptDisable, Do.PreemptEnable)),
            (1, One(Gen.Constant(0), 1, Do.RcuReadLock, Do.RcuReadUnlock, Do.PreemptDisable, Do.PreemptEnable))),

        // Interrupts.
        Gen.Frequency(
            (4, Around(Gen.Constant(0), Do.IrqDisable, Do.IrqEnable)),
            (3, One(Gen.Constant(0), 1, Do.SmpCallFunction)),
            (1, One(Gen.Constant(0), 1, Do.IrqDisable, Do.IrqEnable, Do.SynchronizeRcu))),

        // Slab: three times, as it is the largest.
        .. Enumerable.Repeat(
            Gen.Frequency(
                (3, Fixed(new(Do.Alloc), new(Do.Publish))),
                (1, Fixed(new(Do.Alloc), new(Do.PublishOnce))),
                (3, Then(Fixed(new Instruction(Do.Fetch)), OnItem())),
                (2, Fixed(new(Do.RcuReadLock), new(Do.Fetch), new(Do.Load, 2), new(Do.RcuReadUnlock))),
                (1, Fixed(new(Do.Fetch), new(Do.Withdraw))),
                (1, Fixed(new(Do.Fetch), new(Do.IncNotZero, 2))),
                (2, Fixed(new(Do.TakeOut), new(Do.Free))),
                (1, Fixed(new(Do.Fetch), new(Do.Free))),
                (2, Fixed(new(Do.TakeOut), new(Do.SynchronizeRcu), new(Do.Free))),
                (2, Fixed(new(Do.TakeOut), new(Do.CallRcu))),
                (1, One(Gen.Choose(0, 1), 1, Do.CallRcu)),
                (2, OnItem()),
                (1, One(
                    Gen.Constant(0), 1, Do.Alloc, Do.Free, Do.Publish, Do.Fetch, Do.TakeOut, Do.PublishOnce, Do.Withdraw, Do.Forget, Do.Follow,
                    Do.UntilPublished, Do.UntilItem))),
            3),

        // Lists.
        Gen.Frequency(
            (2, Fixed(new(Do.Alloc), new(Do.SpinLock), new(Do.ListAdd), new(Do.SpinUnlock))),
            (1, Fixed(new(Do.Fetch), new(Do.DownWrite), new(Do.ListAddTail, 1), new(Do.UpWrite))),
            (2, Fixed(new(Do.SpinLock), new(Do.ListGet), new(Do.ListDel), new(Do.SpinUnlock))),
            (1, One(Gen.Choose(0, 1), 1, Do.ListAdd, Do.ListAddTail, Do.ListDel, Do.ListGet, Do.ListCount)),
            (1, Fixed(new(Do.SpinLock), new(Do.ListAdd), new(Do.ListAddTail), new(Do.SpinUnlock)))),

        // Choices and waits.
        Gen.Frequency(
            (3, One(Gen.Choose(0, 1), 1, Do.Choose)),
            (2, One(Cell, 2, Do.Until, Do.UntilNot)),
            (1, One(Flag, 1, Do.UntilClear, Do.UntilSet)),
            (2, One(Gen.Constant(0), 1, Do.UntilAlike, Do.UntilPublished, Do.UntilItem, Do.Yield))),

        // What is observed and asserted; each after a step that it belongs to.
        Then(
            One(Cell, 2, Do.Load, Do.AtomicInc, Do.Xchg),
            Gen.Frequency(
                (2, One(Gen.Constant(0), 3, Do.GhostSet, Do.GhostAdd)),
                (2, One(Gen.Choose(0, 1), 1, Do.Event)),
                (2, One(Gen.Constant(0), 3, Do.BugOn, Do.WarnOn)),
                (1, Then(One(Gen.Constant(0), 3, Do.WarnOn, Do.GhostAdd), One(Gen.Constant(0), 3, Do.BugOn))),
                (1, Fixed(new(Do.RcuReadLock), new(Do.MightSleep), new(Do.RcuReadUnlock))),
                (1, One(Gen.Constant(0), 1, Do.MightSleep, Do.Barrier)),
                (1, Then(Fixed(new Instruction(Do.Enter)), Then(One(Gen.Constant(0), 2, Do.BugOn, Do.WarnOn), One(Gen.Constant(0), 1, Do.Leave, Do.Yield)))),
                (3, Around(Gen.Constant(0), Do.Enter, Do.Leave)))),

        // What a thread is inside of and its locals do not tell.
        Then(
            Fixed(new(Do.Choose), new(Do.SkipIf)),
            Then(
                One(
                    Gen.Constant(0), 1, Do.SpinLock, Do.BitSpinLock, Do.DownRead, Do.DownWrite, Do.DownReadTrylock, Do.DownWriteTrylock,
                    Do.RcuReadLock, Do.PreemptDisable, Do.IrqDisable, Do.IrqEnable, Do.Alloc),
                One(Cell, 1, Do.Load, Do.LoadFlags))),

        // Branches and loops on what was read.
        Then(
            One(Cell, 2, Do.Load, Do.IncReturn, Do.Xchg),
            One(Gen.Choose(0, 1), 3, Do.SkipIf, Do.SkipIf, Do.Again, Do.RepeatUnless)),
    ];

    // The bugs that can be tolerated.
    private static readonly KernelBug[] Tolerable =
    [
        KernelBug.UseAfterFree, KernelBug.DoubleFree, KernelBug.BadUnlock, KernelBug.RecursiveLock, KernelBug.FreeOfHeldLock, KernelBug.SleepInAtomic,
        KernelBug.RefcountUnderflow, KernelBug.UnbalancedSection, KernelBug.ListCorruption, KernelBug.BugOn,
    ];

    /// <summary>
    /// Programs of two to four threads, the first a task, and how to make a failing one smaller. One in forty has some thousand states,
    /// the others some hundred at most.
    /// </summary>
    public static Arbitrary<LittleProgram> All { get; } = Arb.From(
        Gen.Frequency(
            (39, Programs(Gen.Frequency((5, Gen.Constant(2)), (4, Gen.Constant(3)), (1, Gen.Constant(4))), blocks: 2, tolerant: 3).Where(p => Weight(p) <= 700)),
            (1, Programs(Gen.Choose(3, 4), blocks: 3, tolerant: 10).Where(p => Weight(p) is > 700 and <= 5_000))),
        Smaller);

    private static Gen<int> Cell => Gen.Frequency((3, Gen.Constant(0)), (2, Gen.Constant(1)), (1, Gen.Constant(2)));

    private static Gen<int> Flag => Gen.Frequency((3, Gen.Constant(0)), (2, Gen.Constant(1)), (1, Gen.Constant(2)), (1, Gen.Constant(3)));

    private static Gen<int> Lock => Gen.Frequency((3, Gen.Constant(0)), (2, Gen.Constant(1)), (1, Gen.Constant(2)));

    private static Gen<int> Sem => Gen.Frequency((4, Gen.Constant(0)), (1, Gen.Constant(1)));

    private static Gen<ThreadKind> Kind => Gen.Frequency(
        (8, Gen.Constant(ThreadKind.Task)), (2, Gen.Constant(ThreadKind.Optional)), (1, Gen.Constant(ThreadKind.Environment)));

    // With at most so many blocks a thread where there are more than two, and a tolerant share of those whose bugs end nothing.
    private static Gen<LittleProgram> Programs(Gen<int> threadCount, int blocks, int tolerant) =>
        from families in Gen.ArrayOf(Gen.Elements(Families), 3)
        from threads in threadCount
        from bodies in Gen.ArrayOf(BodyOf(families, threads == 2 ? 3 : blocks), threads)
        from kinds in Gen.ArrayOf(Kind, threads)
        from items in Items()
        from published in Gen.Choose(0, 2)
        from holdOff in Gen.Choose(0, 9)
        from twins in Gen.Choose(0, 4)
        from tolerated in Gen.Frequency(
            (4, Gen.Constant(Array.Empty<KernelBug>())),
            (1, Gen.ArrayOf(Gen.Elements(Tolerable), 1)),
            (1, Gen.ArrayOf(Gen.Elements(Tolerable), 3)),
            (tolerant - 2, Gen.Constant(Tolerable)))
        select new LittleProgram([.. bodies.Select((b, i) => i == 0 || (i == 1 && twins == 0) ? new LittleThread(ThreadKind.Task, bodies[0]) : new LittleThread(kinds[i], b))])
        {
            Items = items,
            Published = published > 0,
            HoldOff = holdOff > 0,
            Tolerated = [.. tolerated.Distinct()],
        };

    private static Gen<SlabOptions> Items() =>
        from objects in Gen.Choose(1, 2)
        from generations in Gen.Choose(1, 2)
        from typeSafe in Gen.Choose(0, 1)
        from discard in Gen.Choose(0, 2)
        select new SlabOptions(objects, generations, generations > 1, typeSafe == 1, discard == 2);

    private static Gen<IReadOnlyList<Instruction>> BodyOf(Gen<IReadOnlyList<Instruction>>[] families, int most) =>
        from blocks in Gen.Choose(1, most)
        from parts in Gen.ArrayOf(Gen.OneOf(families), blocks)
        select (IReadOnlyList<Instruction>)[.. parts.SelectMany(p => p)];

    // More or less how many states it can have: each thread's places, and what choices and loops make of them.
    private static double Weight(LittleProgram program) => program.Threads
        .Select(t => 1.0 + t.Body.Sum(i => i.What switch
        {
            Do.Choose => i.Target + 2,
            Do.DownWrite or Do.SynchronizeRcu or Do.SmpCallFunction => 2,
            Do.Again => 3,
            _ => i.IsStep ? 1 : 0,
        }))
        .Aggregate(1.0, (all, own) => all * own);

    private static Gen<IReadOnlyList<Instruction>> One(Gen<int> target, int values, params Do[] of) =>
        from what in Gen.Elements(of)
        from t in target
        from value in Gen.Choose(0, values - 1)
        select (IReadOnlyList<Instruction>)[new(what, t, value)];

    private static Gen<IReadOnlyList<Instruction>> Fixed(params Instruction[] instructions) => Gen.Constant((IReadOnlyList<Instruction>)instructions);

    private static Gen<IReadOnlyList<Instruction>> Then(Gen<IReadOnlyList<Instruction>> first, Gen<IReadOnlyList<Instruction>> second) =>
        from one in first
        from other in second
        select (IReadOnlyList<Instruction>)[.. one, .. other];

    private static Gen<IReadOnlyList<Instruction>> OnItem() => Gen.Frequency(
        (3, One(Gen.Constant(2), 2, Do.Load, Do.Store, Do.AtomicInc, Do.DecAndTest, Do.IncNotZero, Do.Until)),
        (2, Fixed(new(Do.SpinLock, 2), new(Do.SpinUnlock, 2))),
        (1, Fixed(new(Do.DownRead, 1), new(Do.UpRead, 1))),
        (1, Fixed(new(Do.DownWrite, 1), new(Do.UpWrite, 1))),
        (1, Fixed(new(Do.BitSpinLock, 3), new(Do.BitSpinUnlock, 3))),
        (1, Fixed(new(Do.FolioLock, 3), new(Do.FolioUnlock, 3))));

    private static Gen<IReadOnlyList<Instruction>> Body(int most) =>
        from length in Gen.Choose(0, most)
        from parts in Gen.ArrayOf(One(Cell, 3, Do.Load, Do.Store, Do.AtomicInc, Do.Xchg), length)
        select (IReadOnlyList<Instruction>)[.. parts.SelectMany(p => p)];

    // Inside may be something short, another lock and its release, or one that is not released.
    private static Gen<IReadOnlyList<Instruction>> Around(Gen<int> target, Do enter, Do leave) =>
        from t in target
        from inner in Gen.Frequency(
            (6, Body(2)), (2, Nested()), (1, One(Gen.Constant(0), 1, Do.SpinLock, Do.BitSpinLock, Do.DownRead, Do.DownWrite, Do.Alloc)))
        select (IReadOnlyList<Instruction>)[new(enter, t), .. inner, new(leave, t)];

    private static Gen<IReadOnlyList<Instruction>> Nested() =>
        from pair in Gen.Elements(
            (Do.SpinLock, Do.SpinUnlock), (Do.BitSpinLock, Do.BitSpinUnlock), (Do.FolioLock, Do.FolioUnlock), (Do.DownRead, Do.UpRead), (Do.DownWrite, Do.UpWrite))
        from t in Gen.Choose(0, 1)
        from inner in Body(1)
        select (IReadOnlyList<Instruction>)[new(pair.Item1, t), .. inner, new(pair.Item2, t)];

    private static Gen<IReadOnlyList<Instruction>> AroundTry(Gen<int> target, Do enter, Do leave) =>
        from t in target
        from inner in Body(1)
        select (IReadOnlyList<Instruction>)[new(enter, t), new(Do.SkipIf, inner.Count), .. inner, new(leave, t)];

    // One thing less, or one thing simpler.
    private static IEnumerable<LittleProgram> Smaller(LittleProgram program)
    {
        foreach (var without in Without(program.Threads).Where(t => t.Count > 0))
        {
            yield return program with { Threads = without };
        }

        for (var i = 0; i < program.Threads.Count; i++)
        {
            foreach (var thread in Smaller(program.Threads[i]))
            {
                yield return program with { Threads = [.. program.Threads.Take(i), thread, .. program.Threads.Skip(i + 1)] };
            }
        }

        foreach (var tolerated in Without(program.Tolerated))
        {
            yield return program with { Tolerated = tolerated };
        }

        var items = program.Items;
        foreach (var simpler in (SlabOptions[])
            [new(1), items with { Objects = 1 }, items with { Discard = false }, items with { TypeSafeByRcu = false }, items with { Generations = 1, Reuse = false }])
        {
            if (simpler != items && (program.Published || simpler.Objects <= items.Objects))
            {
                yield return program with { Items = simpler };
            }
        }

        if (program.Published)
        {
            yield return program with { Published = false };
        }

        if (!program.HoldOff)
        {
            yield return program with { HoldOff = true };
        }
    }

    private static IEnumerable<LittleThread> Smaller(LittleThread thread)
    {
        foreach (var body in Without(thread.Body))
        {
            yield return thread with { Body = body };
        }

        if (thread.Kind != ThreadKind.Task)
        {
            yield return thread with { Kind = ThreadKind.Task };
        }

        for (var i = 0; i < thread.Body.Count; i++)
        {
            var instruction = thread.Body[i];
            foreach (var simpler in (Instruction[])
                [instruction with { Target = 0, Value = 0 }, instruction with { Target = 0 }, instruction with { Value = 0 }, new(Do.Yield)])
            {
                if (simpler != instruction && (simpler.What != Do.Yield || instruction.IsStep))
                {
                    yield return thread with { Body = [.. thread.Body.Take(i), simpler, .. thread.Body.Skip(i + 1)] };
                }
            }
        }
    }

    private static IEnumerable<IReadOnlyList<T>> Without<T>(IReadOnlyList<T> list) =>
        Enumerable.Range(0, list.Count).Select(i => (IReadOnlyList<T>)[.. list.Take(i), .. list.Skip(i + 1)]);
}
