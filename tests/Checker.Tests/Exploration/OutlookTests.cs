using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Tests.Litmus;

namespace ThpCheck.Checker.Tests.Exploration;

/// <summary>What is left of a search is said where something is known of it.</summary>
public sealed class OutlookTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromSeconds(60);

    [Fact]
    public void Nothing_is_said_of_a_search_that_has_only_begun()
    {
        var outlook = Of(3, 3, [10, 20, 10, 5]);

        Assert.Null(outlook.Left(TimeSpan.FromSeconds(1), 40, 45, 5, 0));
        Assert.Null(outlook.Estimate);
    }

    /// <remarks>Levels of 400, 200 and 100 states go on as 50, 25, ...: 200 are to come, of which 20 are done. 600 take a minute.</remarks>
    [Fact]
    public void Levels_that_shrink_go_on_shrinking_so() => Assert.Equal(
        TimeSpan.FromSeconds(18), Of(3, 3, [300, 400, 200, 100]).Left(Minute, 600, 1000, 90, 20));

    /// <remarks>Of the 21^3 = 9261 states about 9000 are expected.</remarks>
    [Theory]
    [InlineData(100, 300)]
    [InlineData(400, 300)] // smaller than one level before it, which may have been chance
    public void Levels_that_grow_leave_what_was_estimated(int before, int level)
    {
        var outlook = Of(3, 20, [50, before, level]);

        var left = outlook.Left(Minute, 600, 900, 300, 0);

        Assert.InRange(left!.Value.TotalSeconds, (outlook.Estimate!.States - 600) / 10.0, (outlook.Estimate.States - 600) / 10.0);
        Assert.InRange(outlook.Estimate.States, 926, 92_610);
    }

    [Fact]
    public void An_estimate_that_was_exceeded_says_nothing() => Assert.Null(Of(3, 3, [10, 20, 30]).Left(Minute, 600, 1_000_000, 30, 0));

    [Fact]
    public void A_search_is_asked_for_its_estimate_only_where_it_is_wanted()
    {
        Assert.Null(BreadthFirstExplorer.Run(InterleavingTests.Steps(3, 3), new Budget()).Estimate);
        Assert.Null(BreadthFirstExplorer.Run(InterleavingTests.Steps(3, 3), new Budget { Estimate = true }).Estimate); // too short
    }

    private static Outlook Of(int threads, int steps, int[] levels)
    {
        var outlook = new Outlook(InterleavingTests.Steps([.. Enumerable.Repeat(steps, threads)]));
        Array.ForEach(levels, l => outlook.BeginLevel(l));
        return outlook;
    }
}
