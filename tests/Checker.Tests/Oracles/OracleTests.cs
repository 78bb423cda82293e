using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.FSharp.Core;
using ThpCheck.Checker.CrossChecking;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Reduction;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using Xunit.Abstractions;

namespace ThpCheck.Checker.Tests.Oracles;

/// <summary>The engine and a naive enumeration that shares nothing with it say the same of little programs.</summary>
/// <remarks>
/// Compared are the verdict, the numbers of states, transitions and End states, the depth, each property's verdict with its
/// cheapest interleaving, deadlock and livelock with theirs, and what memory holds in the End states; where a search sees another
/// graph, all but the numbers. THPCHECK_ORACLE_PROGRAMS is how many random programs are compared, THPCHECK_ORACLE_SEED which.
/// One that the two disagree about is made as small as can be and printed as C#, to be kept among <see cref="Fixed"/>.
/// </remarks>
public sealed class OracleTests(ITestOutputHelper output)
{
    private const int Programs = 10_000;
    private const int MostStates = 20_000;

    // One worker and fingerprints; where there are more workers, they share whatever there is.
    private static readonly Budget Usual = new() { WorthSharing = 1 };

    /// <summary>Programs that the two once disagreed about, and some whose answer is known without either: what they break.</summary>
    private static readonly (string Name, string Answer, LittleProgram Program)[] Fixed =
    [
        // Either callback may be the second: from two states the same step leads to the same memory.
        ("two callbacks free one item", "Violated: no-double-free no-use-after-free", new LittleProgram(
            [
                new(ThreadKind.Task, [new(Do.RcuReadLock), new(Do.RcuReadUnlock), new(Do.TakeOut), new(Do.CallRcu), new(Do.CallRcu)]),
            ])
        {
            Published = true,
        }),

        ("a warning before a bug in the same step", "Violated: no-bug-on no-warning", new LittleProgram(
            [
                new(ThreadKind.Task, [new(Do.Yield), new(Do.WarnOn), new(Do.BugOn)]),
            ])),

        ("two tolerated bugs in one operation", "Violated: no-recursive-lock no-sleep-in-atomic no-unbalanced-section", new LittleProgram(
            [
                new(ThreadKind.Task, [new(Do.DownRead), new(Do.RcuReadLock), new(Do.DownRead)]),
            ])
        {
            Tolerated = [KernelBug.RecursiveLock, KernelBug.SleepInAtomic],
        }),

        // Each has what it is about: the lock, and nothing.
        ("a tolerated bug before another in the same step", "Violated: no-free-of-held-lock no-unbalanced-section", new LittleProgram(
            [
                new(ThreadKind.Task, [new(Do.Fetch), new(Do.SpinLock, 2), new(Do.Free)]),
            ])
        {
            Published = true,
            Tolerated = [KernelBug.FreeOfHeldLock, KernelBug.UnbalancedSection],
        }),

        ("a bug before a fault in the same step", "Violated: no-bug-on", new LittleProgram(
            [
                new(ThreadKind.Task, [new(Do.Enter), new(Do.Yield), new(Do.BugOn)]),
            ])),

        // It picks the item first, in as many ways as there are.
        ("an allocation that must not sleep", "Violated: no-sleep-in-atomic", new LittleProgram(
            [
                new(ThreadKind.Task, [new(Do.SpinTrylock), new(Do.SkipIf), new(Do.Alloc)]),
                new(ThreadKind.Task, [new(Do.SpinTrylock), new(Do.SkipIf), new(Do.SpinUnlock), new(Do.TakeOut), new(Do.CallRcu)]),
            ])
        {
            Items = new SlabOptions(2, 2, Reuse: true),
            Published = true,
        }),

        // The writer queues between a reader's two looks: its own lock first, then a trylock that fails.
        ("a writer waits and holds off a trylock", "Violated: no-bug-on", new LittleProgram(
            [
                new(ThreadKind.Task, [new(Do.DownRead), new(Do.DownReadTrylock), new(Do.BugOn), new(Do.UpRead), new(Do.UpRead)]),
                new(ThreadKind.Task, [new(Do.DownWrite), new(Do.UpWrite)]),
            ])),

        ("a writer waits and holds off nobody", "Holds: ", new LittleProgram(
            [
                new(ThreadKind.Task, [new(Do.DownRead), new(Do.DownReadTrylock), new(Do.BugOn), new(Do.UpRead), new(Do.UpRead)]),
                new(ThreadKind.Task, [new(Do.DownWrite), new(Do.UpWrite)]),
            ])
        {
            HoldOff = false,
        }),

        // It fails, and what makes it fail is the reader's count, which is not the word that the lock is known by.
        ("a trylock that a reader makes fail", "Violated: no-unbalanced-section", new LittleProgram(
            [
                new(ThreadKind.Task, [new(Do.DownWriteTrylock)]),
                new(ThreadKind.Task, [new(Do.DownRead), new(Do.UpRead), new(Do.Yield)]),
            ])),

        // The lock is type-safe memory, so it may be freed held; its page may not go while a section is open, and then it may.
        ("a lock in a page that is given back", "Violated: no-use-after-free", new LittleProgram(
            [
                new(ThreadKind.Task, [new(Do.Fetch), new(Do.DownWrite, 1), new(Do.UpWrite, 1)]),
                new(ThreadKind.Task, [new(Do.TakeOut), new(Do.Free)]),
            ])
        {
            Items = new SlabOptions(1, 1, TypeSafeByRcu: true, Discard: true),
            Published = true,
        }),

        ("a spinlock in a page that may not be given back", "Holds: ", new LittleProgram(
            [
                new(ThreadKind.Task, [new(Do.RcuReadLock), new(Do.Fetch), new(Do.SpinLock, 2), new(Do.SpinUnlock, 2), new(Do.RcuReadUnlock)]),
                new(ThreadKind.Task, [new(Do.TakeOut), new(Do.Free)]),
            ])
        {
            Items = new SlabOptions(1, 1, TypeSafeByRcu: true, Discard: true),
            Published = true,
        }),

        // The comparison is by address, so the successor is taken for the item that was there.
        ("an old pointer is the same address", "Violated: no-bug-on", new LittleProgram(
            [
                new(ThreadKind.Task, [new(Do.Fetch), new(Do.Withdraw), new(Do.BugOn, 0, 1)]),
                new(ThreadKind.Task, [new(Do.TakeOut), new(Do.Free), new(Do.Alloc), new(Do.Publish)]),
            ])
        {
            Items = new SlabOptions(1, 2, Reuse: true),
            Published = true,
        }),

        ("a grace period", "Holds: ", new LittleProgram(
            [
                new(ThreadKind.Task, [new(Do.RcuReadLock), new(Do.Fetch), new(Do.Load, 2), new(Do.RcuReadUnlock)]),
                new(ThreadKind.Task, [new(Do.TakeOut), new(Do.SynchronizeRcu), new(Do.Free)]),
            ])
        {
            Published = true,
        }),

        ("an interrupt in place of a grace period", "Violated: no-use-after-free", new LittleProgram(
            [
                new(ThreadKind.Task, [new(Do.RcuReadLock), new(Do.Fetch), new(Do.Load, 2), new(Do.RcuReadUnlock)]),
                new(ThreadKind.Task, [new(Do.TakeOut), new(Do.SmpCallFunction), new(Do.Free)]),
            ])
        {
            Published = true,
        }),

        ("a wait for what nobody does", "Livelock: ", new LittleProgram(
            [
                new(ThreadKind.Task, [new(Do.Load), new(Do.RepeatUnless, 0, 1)]),
            ])),

        ("an optional that takes a lock and keeps it", "Deadlock: ", new LittleProgram(
            [
                new(ThreadKind.Task, [new(Do.SpinLock), new(Do.SpinUnlock)]),
                new(ThreadKind.Optional, [new(Do.SpinLock), new(Do.UntilSet), new(Do.SpinUnlock)]),
            ])),
    ];

    public static TheoryData<string> Names => [.. Fixed.Select(f => f.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_naive_enumeration_agrees_with_the_explorer_about(string program)
    {
        var (_, answer, fixedProgram) = Fixed.Single(f => f.Name == program);
        var expected = NaiveSearch.Of(fixedProgram, MostStates)!;

        Assert.Equal(answer, $"{expected.Verdict}: {string.Join(' ', BugsOf(expected))}");
        Assert.Null(Difference(fixedProgram, expected, Usual));
        Assert.All(Alternative.All, a => Assert.Null(Difference(fixedProgram, expected, a)));
    }

    /// <remarks>Each program is searched as usual, and in one of the other ways in turn.</remarks>
    [Fact]
    public void A_naive_enumeration_agrees_with_the_explorer_about_random_programs()
    {
        var count = (int)Setting("THPCHECK_ORACLE_PROGRAMS", Programs);
        var seed = Setting("THPCHECK_ORACLE_SEED", 20_221_104);
        var seen = new SortedDictionary<string, int>(StringComparer.Ordinal);

        var disagreement = FindDisagreement(count, seed, (program, isSmaller) => CompareAndNote(program, isSmaller, seen));

        foreach (var (what, times) in seen)
        {
            output.WriteLine($"{times,8} {what}");
        }

        Assert.True(disagreement is null, $"seed {seed}: the engine and the oracle disagree about\n{disagreement}");
        AssertWorthComparing(seen, count);
    }

    /// <remarks>Were the oracle blind, it would agree with this, too: one bit of a fingerprint tells few states apart.</remarks>
    [Fact]
    public void A_search_that_misses_states_is_found_out_by_a_small_program()
    {
        var blind = new Budget { FingerprintMask = 1 };

        var disagreement = FindDisagreement(100, 1, (program, _) =>
            NaiveSearch.Of(program, MostStates) is { } expected ? Difference(program, expected, blind) : null);

        Assert.NotNull(disagreement);
        Assert.InRange(disagreement.Split('\n').Count(l => l.Contains("new(ThreadKind.", StringComparison.Ordinal)), 1, 2);
    }

    // The smallest program that was found for which there is a difference, with it, or null.
    private static string? FindDisagreement(int count, long seed, Func<LittleProgram, bool, string?> difference)
    {
        string? last = null; // each one that fails after the first is smaller
        var replay = FSharpOption<FsCheck.Replay>.Some(new(new Rnd((ulong)seed, 1), FSharpOption<int>.None));
        var config = Config.QuickThrowOnFailure.WithMaxTest(count).WithQuietOnSuccess(true).WithReplay(replay);
        try
        {
            Check.One(config, Prop.ForAll(LittlePrograms.All, program =>
            {
                var found = difference(program, last is not null);
                last = found is null ? last : $"{program}\n{found}";
                return found is null;
            }));
        }
        catch (Exception) when (last is not null)
        {
            return last;
        }

        return null;
    }

    // Where the programs are many: each verdict, each bug and each instruction occurs, and few programs are too large.
    private static void AssertWorthComparing(SortedDictionary<string, int> seen, int count)
    {
        if (count < Programs)
        {
            return;
        }

        Assert.InRange(seen.GetValueOrDefault("has identical threads"), count / 10, count);
        Assert.InRange(seen.GetValueOrDefault("too many states"), 0, count / 100);
        var all = Enum.GetNames<Do>().Select(d => $"does {d}")
            .Concat(Enum.GetValues<VariantVerdict>().Where(v => v <= VariantVerdict.ModelFault).Select(v => $"is {v}"))
            .Concat(Enum.GetNames<KernelBug>().Where(b => b is not nameof(KernelBug.None) and not nameof(KernelBug.MisreadPmd)) // of kernel paths, not of primitives
                .Select(b => $"meets {b}"));
        Assert.Equal([], all.Where(what => !seen.ContainsKey(what)).ToArray());
    }

    private static string? CompareAndNote(LittleProgram program, bool isSmaller, SortedDictionary<string, int> seen)
    {
        if (NaiveSearch.Of(program, MostStates) is not { } expected)
        {
            Note("too many states");
            return null;
        }

        Note($"is {expected.Verdict}");
        foreach (var what in program.Threads.SelectMany(t => t.Body).Select(i => i.What).Distinct())
        {
            Note($"does {what}");
        }

        foreach (var bug in BugsOf(expected))
        {
            Note($"meets {Specs.Properties.KernelBugProperties.All.Single(p => p.Name == bug).Bug}");
        }

        if (program.Threads.Distinct().Count() < program.Threads.Count)
        {
            Note("has identical threads");
        }

        Note("states", (int)expected.States);
        Note("programs");
        var others = isSmaller ? Alternative.All : [Alternative.All[seen["programs"] % Alternative.All.Count]];
        return Difference(program, expected, Usual) ?? others.Select(a => Difference(program, expected, a)).FirstOrDefault(d => d is not null);

        void Note(string what, int times = 1) => seen[what] = seen.GetValueOrDefault(what) + times;
    }

    private static string? Difference(LittleProgram program, Answer expected, Alternative alternative)
    {
        var difference = Difference(program, expected, alternative.Of(Usual), alternative.KeepsDeadFields);
        return difference is null ? null : $"  with {alternative.Name}\n{difference}";
    }

    private static string? Difference(LittleProgram program, Answer expected, Budget budget, bool keepsDeadFields = false)
    {
        try
        {
            var found = Answer.OfEngine(program, budget, keepsDeadFields);
            return budget.Reductions != Reductions.None ? Difference(expected.WithoutWays(), found.WithoutWays())
                : keepsDeadFields ? Difference(expected.WithoutGraph(), found.WithoutGraph())
                : Difference(expected, found);
        }
        catch (Exception defect) when (defect is not ModelFaultException)
        {
            return $"  the engine broke: {defect}";
        }
    }

    // How the oracle's answer and the engine's differ, or null.
    private static string? Difference(Answer expected, Answer actual)
    {
        if (actual.CutShort > 0 && actual.CutShort < expected.CutShort && actual.Depth <= expected.Depth)
        {
            // Executions that the same step cuts short at the same memory are one to the engine, wherever they came from.
            actual = actual with { CutShort = expected.CutShort, Depth = expected.Depth };
        }

        var (oracle, engine) = ($"{expected}".Split('\n'), $"{actual}".Split('\n'));
        return oracle.SequenceEqual(engine) ? null
            : string.Join('\n', oracle.Except(engine).Select(l => $"  oracle: {l}").Concat(engine.Except(oracle).Select(l => $"  engine: {l}")));
    }

    private static IEnumerable<string> BugsOf(Answer answer) =>
        answer.Properties.Where(p => p.Key.StartsWith("no-", StringComparison.Ordinal) && p.Value.Verdict == Verdict.Violated).Select(p => p.Key);

    private static long Setting(string name, long otherwise) =>
        long.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : otherwise;
}
