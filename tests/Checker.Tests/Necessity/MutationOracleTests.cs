using System.Globalization;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Necessity;
using ThpCheck.Checker.Tests.Oracles;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Tests.Necessity;

/// <summary>
/// Random programs without one of their operations, beside the same programs with steps that do nothing written in its place: all that
/// is said of them is the same, interleavings and numbers of states included.
/// </summary>
public sealed class MutationOracleTests
{
    private const int Programs = 60; // of each kind

    // What is taken away, by what it is in a program, with its release; and how many steps it takes.
    private static readonly (Do Acquire, Do? Release, int Target, string Operation, int Steps)[] Kinds =
    [
        (Do.SpinLock, Do.SpinUnlock, 1, "spin_lock", 1),
        (Do.BitSpinLock, Do.BitSpinUnlock, 2, "bit_spin_lock", 1),
        (Do.DownWrite, Do.UpWrite, 0, "down_write", 1),
        (Do.DownRead, Do.UpRead, 0, "down_read", 1),
        (Do.FolioLock, Do.FolioUnlock, 1, "folio_lock", 1),
        (Do.RcuReadLock, Do.RcuReadUnlock, 0, "rcu_read_lock", 1),
        (Do.PreemptDisable, Do.PreemptEnable, 0, "preempt_disable", 1),
        (Do.IrqDisable, Do.IrqEnable, 0, "local_irq_disable", 1),
        (Do.SynchronizeRcu, null, 0, "synchronize_rcu", 2),
        (Do.SmpCallFunction, null, 0, "smp_call_function", 2),
    ];

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(9)]
    public void What_is_taken_away_might_as_well_not_be_written(int kind)
    {
        var random = new Random(kind + 1);
        var (differing, differences) = (0, new List<string>());
        for (var i = 0; i < Programs; i++)
        {
            var program = Program(random, kind);
            var whole = LittleMachine.Make(program);
            var before = Said(Judge.Run(whole, new Budget()));
            if (SiteFinder.Sites(whole.Machine, new HashSet<Type>()).FirstOrDefault(s => s.What.StartsWith($"{Kinds[kind].Operation}(", StringComparison.Ordinal)) is not { } site)
            {
                continue; // a bug came before it
            }

            var mutated = Said(Judge.Run(LittleMachine.Make(program, mutation: site.Mutation), new Budget()));
            var written = Said(Judge.Run(LittleMachine.Make(Without(program, kind)), new Budget()));

            differing += mutated == before ? 0 : 1;
            if (mutated != written)
            {
                differences.Add($"{program}\nmutated: {mutated}\nwritten: {written}");
            }
        }

        Assert.True(differences.Count == 0, string.Join("\n\n", differences.Take(2)));
        Assert.True(differing > 0, "no program does otherwise without it: nothing is shown");
    }

    // Two threads of a few accesses; some are in sections and under locks, of which one kind may nest in another.
    private static LittleProgram Program(Random random, int kind) =>
        new([new(ThreadKind.Task, [.. Body(random, kind, 2)]), new(ThreadKind.Task, [.. Body(random, kind, 2)])]);

    private static IEnumerable<Instruction> Body(Random random, int kind, int parts)
    {
        for (var i = 0; i < parts; i++)
        {
            var (acquire, release, target, _, _) = Kinds[random.Next(3) > 0 ? kind : random.Next(Kinds.Length)];
            yield return new(acquire, target);
            yield return Access(random);
            if (release is { } leave)
            {
                yield return random.Next(2) == 0 ? new(Do.StoreResult, random.Next(2)) : Access(random);
                yield return new(leave, target);
            }
        }
    }

    private static Instruction Access(Random random) => random.Next(4) switch
    {
        0 => new(Do.Load, random.Next(2)),
        1 => new(Do.Store, random.Next(2), random.Next(3)),
        2 => new(Do.StoreResult, random.Next(2)),
        _ => new(Do.AtomicInc, random.Next(2)),
    };

    private static LittleProgram Without(LittleProgram program, int kind)
    {
        var (acquire, release, _, _, steps) = Kinds[kind];
        return program with
        {
            Threads =
            [
                .. program.Threads.Select(t => t with
                {
                    Body = [.. t.Body.SelectMany(i => i.What == acquire ? Enumerable.Repeat(new Instruction(Do.Yield), steps) : i.What == release ? [new Instruction(Do.Yield)] : [i])],
                }),
            ],
        };
    }

    private static string Said(InstanceResult result) => string.Create(
        CultureInfo.InvariantCulture,
        $"{result.Verdict} {result.States} {result.Transitions} {result.Depth} {result.Ends} {result.Fault?.Message} deadlock {result.Deadlock?.Schedule} "
        + $"{string.Join(", ", result.Properties.Select(p => $"{p.Property.Name} {p.Verdict} {p.Counterexample?.Schedule} {p.Counterexample?.NoReturn?.Step}"))} "
        + $"{string.Join(' ', result.Properties.Where(p => p.Outcomes is not null).SelectMany(p => p.Outcomes!).Select(o => string.Join(',', o)))}");
}
