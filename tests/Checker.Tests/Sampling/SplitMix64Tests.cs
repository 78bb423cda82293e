using ThpCheck.Checker.Sampling;

namespace ThpCheck.Checker.Tests.Sampling;

public sealed class SplitMix64Tests
{
    /// <remarks>The first numbers of seed 1234567, as published with the generator.</remarks>
    [Fact]
    public void The_numbers_of_a_seed_are_those_of_the_generator()
    {
        var random = new SplitMix64(1234567);

        Assert.Equal([6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821],
            Enumerable.Range(0, 5).Select(_ => random.Next()));
    }

    [Fact]
    public void Numbers_below_a_count_are_even()
    {
        var random = new SplitMix64(1);

        var counts = Enumerable.Range(0, 30_000).GroupBy(_ => random.Below(3)).OrderBy(g => g.Key).Select(g => (g.Key, Count: g.Count())).ToArray();

        Assert.Equal([0, 1, 2], counts.Select(c => c.Key));
        Assert.All(counts, c => Assert.InRange(c.Count, 9_700, 10_300));
    }
}
