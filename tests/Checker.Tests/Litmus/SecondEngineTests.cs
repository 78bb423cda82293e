using ThpCheck.Checker.Tests.HardCases;
using ThpCheck.Specs;

namespace ThpCheck.Checker.Tests.Litmus;

/// <summary>The seam for another engine: one that shares nothing with the explorer but the Stepper gives the same answers.</summary>
public sealed class SecondEngineTests
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

    /// <remarks>Outcomes, broken properties, verdict; and the counts, which here no fingerprint has a part in.</remarks>
    [Theory]
    [MemberData(nameof(Names))]
    public void An_engine_that_runs_every_execution_from_its_start_agrees_with_the_explorer(string program)
    {
        var make = All.Single(p => p.Name == program).Make;

        var explored = SecondOpinion.Of(Small.Judged(make()));
        var executed = SecondOpinion.Of(make());

        Assert.Equal(executed, explored);
    }

    [Fact]
    public void An_engine_that_runs_every_execution_runs_as_many_as_the_graph_has_paths()
    {
        var executed = new ReexecutingEngine(InterleavingTests.Steps(3, 2, 2)) { Watch = (_, _, _) => { } };

        executed.Run();

        Assert.Equal(210, executed.Executions); // 7! / (3! 2! 2!)
        Assert.Equal(210, PathCounter.Paths(Small.Explored(InterleavingTests.Steps(3, 2, 2)).Graph));
    }
}
