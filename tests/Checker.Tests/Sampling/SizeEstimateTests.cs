using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Sampling;
using ThpCheck.Checker.Tests.Checkpoints;
using ThpCheck.Checker.Tests.Litmus;

namespace ThpCheck.Checker.Tests.Sampling;

/// <summary>The order of magnitude is what an estimate is good for, and all that is asserted of it.</summary>
public sealed class SizeEstimateTests
{
    private static SizeEstimate? Estimate(Specs.Instance instance) => SizeSampler.Of(instance, TimeSpan.MaxValue);

    [Theory]
    [InlineData(2, 100)]
    [InlineData(6, 5)]
    [InlineData(4, 40)]
    [InlineData(6, 12)]
    [InlineData(6, 20)]
    public void Threads_that_share_nothing_are_estimated_within_a_factor_of_ten(int threads, int steps)
    {
        var states = Math.Pow(steps + 1, threads);

        var estimate = Estimate(InterleavingTests.Steps([.. Enumerable.Repeat(steps, threads)]))!;

        Assert.InRange(estimate.States, states / 10, states * 10);
        Assert.False(estimate.IsAtLeast);
    }

    [Theory]
    [InlineData("exit-against-kswapd", "v1")]
    [InlineData("exit-against-kswapd-reuse", "v1")]
    [InlineData("exit-of-parent-and-child", "v1")]
    public void Kernel_paths_with_locks_retries_and_an_environment_are_too(string scenario, string variant)
    {
        var states = BreadthFirstExplorer.Run(SameResult.Bind(scenario, variant).Instance, new Budget()).Graph.StateCount;

        Assert.InRange(Estimate(SameResult.Bind(scenario, variant).Instance)!.States, states / 10, states * 10L);
    }

    [Fact]
    public void Of_what_is_too_big_to_meet_twice_it_is_said_that_there_are_more()
    {
        var estimate = Estimate(InterleavingTests.Steps([.. Enumerable.Repeat(10, 10)]))!;

        Assert.True(estimate.IsAtLeast);
        Assert.InRange(estimate.States, 1_000_000, (long)Math.Pow(11, 10));
        Assert.StartsWith("more than 10^", estimate.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_instance_is_estimated_the_same() => Assert.Equal(
        Estimate(InterleavingTests.Steps(9, 9, 9)), Estimate(InterleavingTests.Steps(9, 9, 9)));

    [Fact]
    public void What_takes_no_step_has_no_estimate() => Assert.Null(Estimate(InterleavingTests.Steps(0)));

    [Theory]
    [InlineData(40_000, false, "about 10^5")]
    [InlineData(2_000_000, false, "about 10^6")]
    [InlineData(900_000_000, true, "more than 10^8")]
    public void An_estimate_is_written_as_a_power_of_ten(long states, bool isAtLeast, string text) => Assert.Equal(text, new SizeEstimate(states, isAtLeast).ToString());
}
