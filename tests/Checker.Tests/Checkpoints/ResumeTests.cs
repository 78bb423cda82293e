using ThpCheck.Checker.Checkpoints;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Sampling;
using ThpCheck.Checker.Tests.Certificates;
using ThpCheck.Checker.Tests.Exploration;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Specs;
using Found = ThpCheck.Checker.Exploration.Exploration;

namespace ThpCheck.Checker.Tests.Checkpoints;

/// <summary>A search that was cut short and gone on with comes to exactly what one without a break comes to.</summary>
public sealed class ResumeTests
{
    [Theory]
    [InlineData("exit-against-kswapd", "v1", 1, 1)]
    [InlineData("exit-against-kswapd", "v1", 1, 3)]
    [InlineData("exit-against-kswapd", "final", 3, 2)]
    [InlineData("munmap-against-kswapd", null, 2, 1)]
    [InlineData("exit-with-dirty-file-page-above", null, 1, 1)]
    public void A_search_that_was_cut_short_anywhere_comes_to_the_same(string scenario, string? variant, int workers, int workersAfter)
    {
        variant ??= FirstVariant(scenario);
        Instance Fresh() => SameResult.Bind(scenario, variant).Instance;
        var whole = BreadthFirstExplorer.Run(Fresh(), new Budget());
        var said = SameResult.Said(Judge.Of(whole, new Budget()));
        var states = whole.Graph.StateCount;
        foreach (var at in (int[])[1, 2, states / 7, states / 2, states - 1])
        {
            var found = CutShort(Fresh, new Budget { Workers = workers }, new Budget { Workers = workersAfter }, at);

            SameResult.Assert(whole, found);
            Assert.Equal(said, SameResult.Said(Judge.Of(found, new Budget())));
        }
    }

    [Fact]
    public void A_large_search_that_was_cut_short_comes_to_the_same_with_another_number_of_workers()
    {
        static Instance Fresh() => SameResult.Bind("exit-against-kswapd-reuse", "v1").Instance;
        var whole = BreadthFirstExplorer.Run(Fresh(), new Budget { Workers = 2 });

        SameResult.Assert(whole, CutShort(Fresh, new Budget { Workers = 2 }, new Budget { Workers = 3 }, whole.Graph.StateCount / 3));
    }

    [Theory]
    [InlineData(ulong.MaxValue, 1, 1)]
    [InlineData(ulong.MaxValue, 2, 1)]
    [InlineData(0x3FUL, 1, 3)]
    [InlineData(0x8000_0000_0000_003FUL, 1, 2)]
    [InlineData(0x8000_0000_0000_003FUL, 2, 3)]
    public void An_exact_search_goes_on_as_exactly(ulong mask, int workers, int workersAfter)
    {
        static Instance Fresh() => SameResult.Bind("exit-against-kswapd", "v1").Instance;
        var whole = BreadthFirstExplorer.Run(Fresh(), new Budget());
        var exact = new Budget { Exact = true, FingerprintMask = mask };

        SameResult.Assert(whole, CutShort(Fresh, exact with { Workers = workers }, exact with { Workers = workersAfter }, whole.Graph.StateCount / 2));
    }

    [Fact]
    public void Random_programs_that_are_cut_short_after_any_state_come_to_the_same()
    {
        for (var seed = 0; seed < 12; seed++)
        {
            Instance Fresh() => RandomPrograms.Make(seed, kinds: true);
            var whole = BreadthFirstExplorer.Run(Fresh(), new Budget());
            for (var at = 1; at < whole.Graph.StateCount; at += 5)
            {
                SameResult.Assert(whole, CutShort(Fresh, new Budget(), new Budget(), at));
            }
        }
    }

    [Fact]
    public void A_search_that_is_cut_short_again_and_again_comes_to_the_same()
    {
        static Instance Fresh() => SameResult.Bind("exit-against-kswapd", "v1").Instance;
        var whole = BreadthFirstExplorer.Run(Fresh(), new Budget());
        var found = Certified.InFile(".checkpoint", file =>
        {
            var last = Explore(Fresh(), new Budget { States = 1 }, null, file);
            for (var limit = 200L; last.Incomplete is not null; limit += 200)
            {
                last = Explore(Fresh(), new Budget { States = limit, Workers = 1 + ((int)limit / 200 % 3) }, file, file);
            }

            return last;
        });

        SameResult.Assert(whole, found);
    }

    [Fact]
    public void A_violation_that_ended_a_search_is_known_when_it_goes_on()
    {
        static Instance Fresh() => SameResult.Bind("exit-against-kswapd", "v1").Instance;
        var whole = BreadthFirstExplorer.Run(Fresh(), new Budget());

        Certified.InFile(".checkpoint", file =>
        {
            Assert.Equal("stopped at the first violation", Explore(Fresh(), new Budget { First = true }, null, file).Incomplete);
            var again = Explore(Fresh(), new Budget { First = true }, file, null);
            Assert.Equal("stopped at the first violation", again.Incomplete);
            Assert.True(again.Graph.StateCount < whole.Graph.StateCount);
            SameResult.Assert(whole, Explore(Fresh(), new Budget(), file, null));
            return 0;
        });
    }

    [Fact]
    public void The_time_before_counts_in_what_is_reported()
    {
        static Instance Fresh() => SameResult.Bind("exit-against-kswapd", "v1").Instance;
        var slept = TimeSpan.FromSeconds(0.3);

        Certified.InFile(".checkpoint", file =>
        {
            var budget = new Budget { States = 2 };
            var checkpoints = new Checkpointing(SearchIdentity.Of(Fresh().Machine, budget)) { To = file };
            BreadthFirstExplorer.Run(Fresh(), budget, _ => Thread.Sleep(slept), checkpoints, CancellationToken.None);

            Assert.True(Explore(Fresh(), new Budget(), file, null).Time >= slept);
            return 0;
        });
    }

    /// <summary>Explores up to so many states into a checkpoint, and the rest from there.</summary>
    private static Found CutShort(Func<Instance> fresh, Budget budget, Budget after, int states) => Certified.InFile(".checkpoint", file =>
    {
        Assert.NotNull(Explore(fresh(), budget with { States = states }, null, file).Incomplete);
        var instance = fresh();
        // So that threads' nodes have other numbers than they had.
        SampleExplorer.Run(instance, new SampleOptions(SampleMethod.Random, 20, states), new Budget());
        return Explore(instance, after, file, null);
    });

    private static Found Explore(Instance instance, Budget budget, string? from, string? to)
    {
        var checkpoints = new Checkpointing(SearchIdentity.Of(instance.Machine, budget)) { From = from, To = to };
        checkpoints.Verify();
        return BreadthFirstExplorer.Run(instance, budget, null, checkpoints, CancellationToken.None);
    }

    private static string FirstVariant(string scenario) =>
        Specs.Format.ScenarioReader.Read(Reports.Repository.File("specs", "rmap", $"{scenario}.yaml")).Document!.Variants[0].Name.Value;
}
