using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Checker.Verdicts;

namespace ThpCheck.Checker.Tests.Exploration;

/// <summary>A search that did not look at everything never says that something holds.</summary>
public sealed class BudgetTests
{
    // 6^5 = 7776 states: more than are expanded between two looks at the clock.
    private static InstanceResult Run(Budget budget, CancellationToken stop = default) =>
        Judge.Run(InterleavingTests.Steps(5, 5, 5, 5, 5), budget, null, stop);

    private static void AssertIncomplete(InstanceResult result, string reason)
    {
        Assert.Equal((VariantVerdict.Incomplete, reason), (result.Verdict, result.Incomplete));
        Assert.All(result.Properties, p => Assert.Equal(Verdict.Incomplete, p.Verdict));
        Assert.InRange(result.States, 1, 7775);
    }

    [Fact]
    public void Without_a_limit_all_of_it_is_explored()
    {
        var result = Run(new Budget());

        Assert.Equal((VariantVerdict.Holds, 7776L), (result.Verdict, result.States));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(5000)]
    public void A_limit_on_states_gives_incomplete_and_is_kept_to_within_one_states_ways_out(int limit)
    {
        var result = Run(new Budget { States = limit });

        AssertIncomplete(result, $"the limit of {limit} states was reached");
        Assert.InRange(result.States, limit, limit + 5);
    }

    [Fact]
    public void A_limit_on_memory_gives_incomplete() => AssertIncomplete(Run(new Budget { Bytes = 1 << 20 }), "the limit of 1 MiB was reached");

    [Fact]
    public void A_limit_on_time_gives_incomplete() => AssertIncomplete(Run(new Budget { Time = TimeSpan.Zero }), "the limit of 0 s was reached");

    [Fact]
    public void An_interrupted_search_is_incomplete() => AssertIncomplete(Run(new Budget(), new CancellationToken(canceled: true)), "interrupted");

    [Fact]
    public void A_search_that_is_interrupted_on_the_way_is_incomplete()
    {
        using var stop = new CancellationTokenSource();
        var levels = new List<int>();

        var result = Judge.Run(InterleavingTests.Steps(5, 5, 5, 5, 5), new Budget(), Watch, stop.Token);

        AssertIncomplete(result, "interrupted");
        Assert.Equal(2, levels.Count);
        void Watch(Progress progress)
        {
            levels.Add(progress.Level);
            if (progress.Level > 0)
            {
                stop.Cancel();
            }
        }
    }

    [Fact]
    public void What_was_found_before_the_limit_is_violated_and_not_called_minimal()
    {
        var result = Judge.Run(LostUpdateTests.Increments(LostUpdateTests.Way.LoadStore), new Budget { States = 11 });

        Assert.Equal("the limit of 11 states was reached", result.Incomplete);
        Assert.NotEqual(VariantVerdict.Holds, result.Verdict);
        Assert.All(result.Properties, p => Assert.False(p.Counterexample?.IsMinimal ?? false));
    }

    [Fact]
    public void A_property_that_was_not_reached_within_the_limit_is_incomplete_and_not_violated()
    {
        var result = Judge.Run(RcuTests.WaitBesideSection(), new Budget { States = 2 });

        var property = result["wait-ends-inside-a-younger-section"];
        Assert.Equal((Verdict.Incomplete, "not reached in what was explored"), (property.Verdict, property.Message));
        Assert.Null(result.Deadlock);
    }

    /// <remarks>The reader's use after free is three steps away, the pool is used up after two: the search goes on beside it.</remarks>
    [Fact]
    public void A_pool_that_is_used_up_does_not_hide_the_violations_beside_it()
    {
        var result = Small.Judged(SlabTests.Reuse(typeSafe: false, reuse: false));

        Assert.Equal(VariantVerdict.Violated, result.Verdict);
        Assert.Equal("scope too small: the pool node is used up", result.Incomplete);
        Assert.Equal(("owner,reader*2", false), (result["no-use-after-free"].Counterexample!.Schedule, result["no-use-after-free"].Counterexample!.IsMinimal));
        Assert.Equal(Verdict.Incomplete, result["no-double-free"].Verdict);
    }
}
