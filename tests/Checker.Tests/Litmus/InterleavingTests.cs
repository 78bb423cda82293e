using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using static ThpCheck.Model.Primitives.Control;

namespace ThpCheck.Checker.Tests.Litmus;

/// <summary>Threads that share nothing, so that the numbers of states, steps and interleavings are known by formula.</summary>
public sealed class InterleavingTests
{
    /// <summary>
    /// Four steps a b c d of the first thread and two, A B, of the second: each interleaving chooses which 2 of 6 places are
    /// the second's, so there are 15. In the order of threads:
    /// <code>
    /// abcdAB  abcAdB  abcABd  abAcdB  abAcBd
    /// abABcd  aAbcdB  aAbcBd  aAbBcd  aABbcd
    /// AabcdB  AabcBd  AabBcd  AaBbcd  ABabcd
    /// </code>
    /// The states are the pairs of (0 to 4, 0 to 2), by chance 15 as well; the steps 4 x 3 + 5 x 2 = 22.
    /// </summary>
    [Fact]
    public void Four_steps_beside_two_interleave_in_15_ways()
    {
        var found = Small.Explored(Steps(4, 2));
        var seen = new List<string>();
        var engine = new ReexecutingEngine(Steps(4, 2))
        {
            Watch = (_, schedule, _) =>
            {
                if (schedule.Count == 6)
                {
                    var next = new[] { 'a', 'A' };
                    seen.Add(string.Concat(schedule.Select(c => next[c.Thread]++)));
                }
            },
        };

        engine.Run();

        Assert.Equal((15, 22), (found.Graph.StateCount, found.Graph.EdgeCount));
        Assert.Equal(15, PathCounter.Paths(found.Graph));
        Assert.Equal(
            [
                "abcdAB", "abcAdB", "abcABd", "abAcdB", "abAcBd",
                "abABcd", "aAbcdB", "aAbcBd", "aAbBcd", "aABbcd",
                "AabcdB", "AabcBd", "AabBcd", "AaBbcd", "ABabcd",
            ],
            seen);
    }

    /// <remarks>
    /// A state is how far each of K threads has come, 0 to N: (N+1)^K. A step moves one of K threads from one of N places, with the
    /// others anywhere: KN(N+1)^(K-1). An interleaving is a word of KN letters, N of each: (KN)!/(N!)^K.
    /// </remarks>
    [Theory]
    [InlineData(1, 5, 6, 5, 1)]
    [InlineData(2, 3, 16, 24, 20)]
    [InlineData(3, 2, 27, 54, 90)]
    [InlineData(3, 3, 64, 144, 1680)]
    [InlineData(4, 2, 81, 216, 2520)]
    [InlineData(4, 4, 625, 2000, 63063000)]
    [InlineData(6, 3, 4096, 18432, 137225088000)]
    public void Threads_that_share_nothing_have_as_many_states_steps_and_interleavings_as_the_formula_says(
        int threads, int steps, long states, long transitions, long interleavings)
    {
        var found = Small.Explored(Steps([.. Enumerable.Repeat(steps, threads)]));

        Assert.Equal((states, transitions), (found.Graph.StateCount, found.Graph.EdgeCount));
        Assert.Equal(interleavings, PathCounter.Paths(found.Graph));
        Assert.Equal(threads * steps, found.Depth);
        Assert.Equal([found.Graph.StateCount - 1], found.Ends);
    }

    /// <remarks>Choices multiply like threads: the states are the root, 3 after the first and 9 after the second.</remarks>
    [Fact]
    public void Every_choice_is_explored()
    {
        var instance = Small.Instance(at => new Chooser(at), [new("a", m => m.Digits())], m => [m.Number]);

        var result = Small.Expect(instance, VariantVerdict.Holds, states: 13, transitions: 12);

        Assert.Equal("0 1 2 3 4 5 6 7 8", result.Outcomes("number"));
    }

    internal static Instance Steps(params int[] steps) => Small.Instance(
        at => new Walker(at),
        [.. steps.Select((n, i) => new Role<Walker>($"t{i}", m => m.Walk(n)))],
        _ => []);

    private sealed class Walker(Layout at) : KernelObject(at)
    {
        public async KernelTask Walk(int steps)
        {
            for (var i = 0; i < steps; i++)
            {
                await Yield();
            }
        }
    }

    private sealed class Chooser(Layout at) : KernelObject(at)
    {
        private readonly Ghost<int> _number = at.Ghost(0, 8, 0, "number");

        public Specs.Properties.Property Number => Specs.Properties.Property.Outcomes("number", view => [view.Get(_number)]);

        public async KernelTask Digits()
        {
            var first = await Choose(3);
            var second = await Choose(3);
            Ghost(_number, (first * 3) + second);
        }
    }
}
