using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Reduction;
using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;
using static ThpCheck.Model.Primitives.Atomics;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;
using static ThpCheck.Model.Primitives.Spinlocks;

namespace ThpCheck.Checker.Tests.Exploration;

/// <summary>What a reduction leaves out changes no verdict, no End state and no deadlock.</summary>
public sealed class ReductionTests
{
    private static readonly Reductions[] Kinds = [Reductions.Unobservable, Reductions.Guarded, Reductions.Futures, Reductions.Guarded | Reductions.Futures];

    public static TheoryData<string> Scenarios => [.. Directory.EnumerateFiles(Repository.File("specs"), "*.yaml", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(Repository.File("specs"), f)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Scenarios))]
    public void Every_variant_has_the_same_verdicts_reduced(string file)
    {
        var scenario = ScenarioReader.Read(Repository.File("specs", file)).Document!;
        foreach (var variant in scenario.Variants)
        {
            Compare(() => ScenarioBinder.Bind(scenario, variant).Variant!.Instance, $"{file}, {variant.Name}", [Reductions.Guarded | Reductions.Futures]);
        }
    }

    [Fact]
    public void Random_programs_have_the_same_verdicts_reduced()
    {
        var (whole, reduced) = (0L, 0L);
        for (var seed = 0; seed < 600; seed++)
        {
            var (all, some) = Compare(() => RandomPrograms.Make(seed, kinds: true), $"seed {seed}", Kinds);
            (whole, reduced) = (whole + all, reduced + some);
        }

        Assert.True(reduced < whole * 0.8, $"{reduced} of {whole} states are left: hardly a reduction");
    }

    [Fact]
    public void Identical_threads_have_the_same_verdicts_as_one_another()
    {
        var (whole, symmetric) = (0L, 0L);
        for (var seed = 0; seed < 300; seed++)
        {
            var all = BreadthFirstExplorer.Run(RandomPrograms.Make(seed, kinds: true, twins: true), new Budget());
            foreach (var reductions in (Reductions[])[Reductions.Symmetry, Reductions.All])
            {
                var one = BreadthFirstExplorer.Run(RandomPrograms.Make(seed, kinds: true, twins: true), new Budget { Reductions = reductions });
                Assert.Equal((seed, reductions, Verdicts(all)), (seed, reductions, Verdicts(one)));
                symmetric += reductions == Reductions.Symmetry ? one.Graph.StateCount : 0;
            }

            whole += all.Graph.StateCount;
        }

        Assert.True(symmetric < whole * 0.7, $"{symmetric} of {whole} states are left: hardly a reduction");
    }

    [Fact]
    public void Six_threads_that_count_to_six_have_as_many_states_as_there_are_multisets()
    {
        var whole = BreadthFirstExplorer.Run(Counting(null), new Budget());
        var symmetric = BreadthFirstExplorer.Run(Counting(null), new Budget { Reductions = Reductions.Symmetry });

        Assert.Equal(117_649, whole.Graph.StateCount); // 7 ^ 6
        Assert.Equal(924, symmetric.Graph.StateCount); // 12 over 6
    }

    [Fact]
    public void A_property_that_names_a_thread_keeps_identical_threads_apart()
    {
        Func<Counter, Property> names = counter => Property.Always("the-first-is-not-alone", view => view.HasEnded(0) && view.Get(counter.Count) == 6 ? "it is" : null);

        var symmetric = BreadthFirstExplorer.Run(Counting(names), new Budget { Reductions = Reductions.Symmetry });

        Assert.Equal(117_649, symmetric.Graph.StateCount);
        Assert.False(symmetric.IsSymmetric);
        Assert.Equal(Verdict.Violated, Judge.Run(Counting(names), new Budget { Reductions = Reductions.All })["the-first-is-not-alone"].Verdict);
    }

    [Fact]
    public void What_fails_in_a_reduced_graph_is_shown_by_the_cheapest_interleaving_of_the_whole_one()
    {
        for (var seed = 0; seed < 60; seed++)
        {
            var whole = Judge.Run(RandomPrograms.Make(seed), new Budget());
            var reduced = Judge.Run(RandomPrograms.Make(seed), new Budget { Reductions = Reductions.All });

            Assert.Equal(
                whole.Properties.Select(p => (p.Property.Name, p.Verdict, p.Counterexample?.Schedule, p.Counterexample?.IsMinimal)),
                reduced.Properties.Select(p => (p.Property.Name, p.Verdict, p.Counterexample?.Schedule, p.Counterexample?.IsMinimal)));
            Assert.Equal((whole.Verdict, whole.Deadlock?.Schedule), (reduced.Verdict, reduced.Deadlock?.Schedule));
        }
    }

    [Fact]
    public void A_thread_that_goes_round_by_itself_does_not_put_off_the_others_for_ever()
    {
        static Instance Make() => Small.Instance(
            b => b.Object("counter", at => new Counter(at)), [new("spin", c => c.Spin()), new("fail", c => c.Fail())], _ => []);

        Assert.Equal(Verdict.Violated, Judge.Run(Make(), new Budget { Reductions = Reductions.All })["no-bug-on"].Verdict);
    }

    [Fact]
    public void A_lock_whose_word_another_thread_overwrites_keeps_nobody_out()
    {
        static Instance Make() => Small.Instance(
            b => b.Object("counter", at => new Counter(at)),
            [new("holder", c => c.Hold()), new("vandal", c => c.Overwrite()), new("other", c => c.Change())],
            _ => [],
            builder: new MachineBuilder { RcuCallbacks = 0 });

        var whole = BreadthFirstExplorer.Run(Make(), new Budget());
        var reduced = BreadthFirstExplorer.Run(Make(), new Budget { Reductions = Reductions.All });
        Assert.Equal((2, 1), (whole.Sinks.Count, whole.Ends.Count));
        Assert.Equal((2, 1), (reduced.Sinks.Count, reduced.Ends.Count));
    }

    /// <remarks>The walks before the search do not meet the one choice in a thousand.</remarks>
    [Fact]
    public void What_a_search_discovers_too_late_makes_it_begin_again()
    {
        static Instance Make() => Small.Instance(
            b => b.Object("counter", at => new Counter(at)), [new("rare", c => c.ChangeRarely()), new("looks", c => c.LookTwice())], _ => []);

        var reduced = BreadthFirstExplorer.Run(Make(), new Budget { Reductions = Reductions.All });

        Assert.True(reduced.Searches > 1);
        Assert.Equal(Verdict.Violated, Judge.Run(Make(), new Budget { Reductions = Reductions.All })["no-bug-on"].Verdict);
    }

    [Fact]
    public void Which_thread_recorded_last_is_not_left_out()
    {
        static Instance Make() => Small.Instance(
            b => b.Object("counter", at => new Counter(at)), [new("one", c => c.Record(1)), new("two", c => c.Record(2))], c => [Property.Outcomes("last", view => [view.Get(c.Last)])]);

        var reduced = BreadthFirstExplorer.Run(Make(), new Budget { Reductions = Reductions.All });

        Assert.Equal(["1", "2"], Enumerable.Range(0, reduced.Monitor.Properties.Count).SelectMany(i => reduced.Monitor.OutcomesOf(i)).Select(o => string.Join(',', o)));
    }

    private static Instance Counting(Func<Counter, Property>? property) => Small.Instance(
        b => b.Object("counter", at => new Counter(at)),
        [.. Enumerable.Range(0, 6).Select(i => new Role<Counter>($"t{i}", c => c.Run()))],
        c => property is null ? [] : [property(c)]);

    private static string Verdicts(ThpCheck.Checker.Exploration.Exploration exploration)
    {
        var progressing = Progressing.Of(exploration, exploration.Graph.Reverse());
        var monitor = exploration.Monitor;
        var broken = Enumerable.Range(0, monitor.Properties.Count).Where(i => monitor.Findings(i).Count > 0).Select(i => monitor.Properties[i].Name);
        var outcomes = Enumerable.Range(0, monitor.Properties.Count).SelectMany(i => monitor.OutcomesOf(i)).Select(o => string.Join(',', o));
        return $"{exploration.Incomplete} {exploration.Ends.Count > 0} {progressing.Deadlocks.Count > 0} {progressing.Livelocks.Count > 0} {string.Join(' ', broken)} {string.Join(' ', outcomes)}";
    }

    private static (long All, long Some) Compare(Func<Instance> make, string what, Reductions[] kinds)
    {
        var whole = BreadthFirstExplorer.Run(make(), new Budget());
        var expected = Answer(whole);
        var some = 0L;
        foreach (var kind in kinds)
        {
            var reduced = BreadthFirstExplorer.Run(make(), new Budget { Reductions = kind, Workers = 1 + (kinds.Length & 1) });
            Assert.Equal((what, kind, expected), (what, kind, Answer(reduced)));
            Assert.True(reduced.Graph.StateCount <= whole.Graph.StateCount);
            some = reduced.Graph.StateCount;
        }

        return (whole.Graph.StateCount, some);
    }

    // As all states of a reduced graph are states of the whole one, as many End states and deadlocks are the same ones.
    private static string Answer(ThpCheck.Checker.Exploration.Exploration exploration)
    {
        var progressing = Progressing.Of(exploration, exploration.Graph.Reverse());
        var result = Judge.Of(exploration, new Budget());
        var properties = result.Properties.Select(p => $"{p.Property.Name} {p.Verdict} {string.Join(' ', (p.Outcomes ?? []).Select(o => string.Join(',', o)))}");
        return $"{result.Verdict} {exploration.Incomplete} {exploration.Ends.Count} ends {progressing.Deadlocks.Count} deadlocks {progressing.Livelocks.Count > 0}\n{string.Join('\n', properties)}";
    }

    private sealed class Counter(Layout at) : KernelObject(at)
    {
        public Shared<int> Count { get; } = at.Cell(0, 36, 0, "count");

        private readonly Shared<Bits> _bits = at.Cell<Bits>(name: "bits");

        [Flags]
        private enum Bits
        {
            None = 0,
            Lock = 1,
        }

        public Ghost<int> Last { get; } = at.Ghost(0, 2, 0, "last");

        public async KernelTask ChangeRarely()
        {
            if (await Choose(1000) == 777)
            {
                await store(Count, 1);
            }
        }

        public async KernelTask LookTwice()
        {
            var before = await load(Count);
            BUG_ON(await load(Count) != before, "changed");
        }

        public async KernelTask Record(int who)
        {
            await Yield();
            Ghost(Last, who);
        }

        public async KernelTask Hold()
        {
            await bit_spin_lock(Bits.Lock, _bits);
            var before = await load(Count);
            BUG_ON(await load(Count) != before, "changed under the lock");
            await bit_spin_unlock(Bits.Lock, _bits);
        }

        public async KernelTask Overwrite() => await WRITE_ONCE(_bits, Bits.None);

        public async KernelTask Change()
        {
            await bit_spin_lock(Bits.Lock, _bits);
            await store(Count, 1);
            await bit_spin_unlock(Bits.Lock, _bits);
        }

        public async KernelTask Run()
        {
            for (var i = 0; i < 6; i++)
            {
                await atomic_inc(Count);
            }
        }

        public async KernelTask Spin()
        {
            while (true)
            {
                await Yield();
            }
        }

        public async KernelTask Fail()
        {
            await Yield();
            BUG_ON(true, "reached");
            await Yield();
        }
    }
}
