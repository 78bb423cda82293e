using ThpCheck.Checker.Tests.HardCases;
using ThpCheck.Specs;

namespace ThpCheck.Checker.Tests.Litmus;

/// <summary>The small programs that every engine has to agree about. Every execution of each of them ends.</summary>
internal static class LitmusPrograms
{
    private static readonly (string Name, Func<Instance> Make)[] All =
    [
        ("store buffering", () => MessageTests.StoreBuffering()),
        ("store buffering, barriers", () => MessageTests.StoreBuffering(barriers: true)),
        ("message passing", () => MessageTests.MessagePassing()),
        ("message passing, flag first", () => MessageTests.MessagePassing(flagFirst: true)),
        ("lost update", () => LostUpdateTests.Increments(LostUpdateTests.Way.LoadStore)),
        ("atomic increment", () => LostUpdateTests.Increments(LostUpdateTests.Way.Atomic)),
        ("locked increment", () => LostUpdateTests.Increments(LostUpdateTests.Way.Locked)),
        ("ABBA", () => AbbaTests.Locks(abba: true)),
        ("ABAB", () => AbbaTests.Locks(abba: false)),
        ("steps 4 + 2", () => InterleavingTests.Steps(4, 2)),
        ("steps 2 + 2 + 2", () => InterleavingTests.Steps(2, 2, 2)),
        .. Enum.GetValues<RcuTests.Section>().SelectMany(section => Enum.GetValues<RcuTests.Wait>().Select(wait =>
            ($"section {section}, wait {wait}", (Func<Instance>)(() => RcuTests.Guarantee(section, wait))))),
        ("wait beside section", RcuTests.WaitBesideSection),
        ("callback", RcuTests.Callback),
        ("rwsem", () => RwSemaphoreTests.Crowd(holdsOff: true)),
        ("rwsem, unfair", () => RwSemaphoreTests.Crowd(holdsOff: false)),
        ("recursive read", () => RwSemaphoreTests.Recursion(tolerated: false, holdsOff: true)),
        ("recursive read, tolerated", () => RwSemaphoreTests.Recursion(tolerated: true, holdsOff: true)),
        ("unpublish, no wait", () => SlabTests.Unpublish(SlabTests.Grace.None)),
        ("unpublish, wait", () => SlabTests.Unpublish(SlabTests.Grace.Wait)),
        ("unpublish, callback", () => SlabTests.Unpublish(SlabTests.Grace.Callback)),
        ("type-safe re-use", () => SlabTests.Reuse(typeSafe: true, reuse: true)),
        ("ordinary re-use", () => SlabTests.Reuse(typeSafe: false, reuse: true)),
        ("pool used up", () => SlabTests.Reuse(typeSafe: true, reuse: false)),
        ("pool used up beside a bug", () => SlabTests.Reuse(typeSafe: false, reuse: false)),
        ("free of a held lock", () => SlabTests.HeldLock(tolerated: false)),
        ("free of a held lock, tolerated", () => SlabTests.HeldLock(tolerated: true)),
        ("optional that blocks", ThreadKindTests.OptionalBeside),
        ("environment that answers", () => ThreadKindTests.Answer(answers: true)),
        ("environment that does not", () => ThreadKindTests.Answer(answers: false)),
        ("stale dirty TLB, BASE", () => StaleDirtyTlbTests.Race("LCDRFUG", 1)),
        ("stale dirty TLB, V0", () => StaleDirtyTlbTests.Race("LCRUFDG", 1)),
        ("compound mapcount, unlocked", () => CompoundMapcountReadTests.Split(locked: false)),
        ("compound mapcount, locked", () => CompoundMapcountReadTests.Split(locked: true)),
        .. Enum.GetValues<TableFreeTests.Free>().SelectMany(free => new[] { true, false }.Select(irqOff =>
            ($"table free {free}, irq off {irqOff}", (Func<Instance>)(() => TableFreeTests.Collapse(irqOff, free))))),
        ("long handle, mapcount", () => LongHandleTests.Handle(byReferences: false)),
        ("long handle, references", () => LongHandleTests.Handle(byReferences: true)),
    ];

    public static TheoryData<string> Names => [.. All.Select(p => p.Name)];

    /// <summary>A fresh instance of the program of this name.</summary>
    public static Instance Make(string name) => All.Single(p => p.Name == name).Make();
}
