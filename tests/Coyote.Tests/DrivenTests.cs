using ThpCheck.Checker.Sampling;
using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Specs;

namespace ThpCheck.Coyote.Tests;

/// <summary>An explorer outside Coyote chooses what Coyote schedules.</summary>
public sealed class DrivenTests
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
        ("steps 3 + 2 + 2", () => InterleavingTests.Steps(3, 2, 2)),
        .. Enum.GetValues<RcuTests.Section>().SelectMany(section => Enum.GetValues<RcuTests.Wait>().Select(wait =>
            ($"section {section}, wait {wait}", (Func<Instance>)(() => RcuTests.Guarantee(section, wait))))),
        ("wait beside section", RcuTests.WaitBesideSection),
        ("callback", RcuTests.Callback),
        ("recursive read", () => RwSemaphoreTests.Recursion(tolerated: false, holdsOff: true)),
        ("recursive read, tolerated", () => RwSemaphoreTests.Recursion(tolerated: true, holdsOff: true)),
        ("unpublish, no wait", () => SlabTests.Unpublish(SlabTests.Grace.None)),
        ("unpublish, wait", () => SlabTests.Unpublish(SlabTests.Grace.Wait)),
        ("type-safe re-use", () => SlabTests.Reuse(typeSafe: true, reuse: true)),
        ("ordinary re-use", () => SlabTests.Reuse(typeSafe: false, reuse: true)),
        ("pool used up", () => SlabTests.Reuse(typeSafe: true, reuse: false)),
        ("free of a held lock", () => SlabTests.HeldLock(tolerated: false)),
        ("optional that blocks", ThreadKindTests.OptionalBeside),
        ("environment that answers", () => ThreadKindTests.Answer(answers: true)),
        ("environment that does not", () => ThreadKindTests.Answer(answers: false)),
    ];

    public static TheoryData<string> Names => [.. All.Select(p => p.Name)];

    [CoyoteTheory]
    [MemberData(nameof(Names))]
    public void Driven_by_an_enumeration_Coyote_runs_as_many_executions_as_the_naive_engine(string program)
    {
        var make = All.Single(p => p.Name == program).Make;
        var naive = new ReexecutingEngine(make()) { Watch = (_, _, _) => { } };
        naive.Run();

        var (executions, found) = SampleExplorer.Driven(make(), new Enumeration());

        Assert.Equal(naive.Executions, executions);
        Assert.Equal(executions, found.Sample.Executions);
    }

    /// <remarks>7! / (3! 2! 2!), each of 7 steps.</remarks>
    [CoyoteFact]
    public void Each_execution_is_run_from_its_beginning_to_its_end()
    {
        var (executions, found) = SampleExplorer.Driven(InterleavingTests.Steps(3, 2, 2), new Enumeration());

        Assert.Equal((210, 210 * 7, 210), (executions, found.Transitions, found.Ends));
    }
}
