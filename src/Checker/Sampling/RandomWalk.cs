using ThpCheck.Checker.Exploration;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Sampling;

/// <summary>
/// A random walk: of all steps that are possible now, each thread in each of its ways, any is as likely. An execution of many
/// steps with several possible at each is very unlikely; nothing is promised.
/// </summary>
internal sealed class RandomWalk(SplitMix64 random) : ISampler
{
    public string Name => "random";

    public void Begin()
    {
    }

    public Choice Next(Stepper stepper, ReadOnlySpan<int> ways)
    {
        var total = 0;
        foreach (var count in ways)
        {
            total += count;
        }

        var (thread, pick) = (0, random.Below(total));
        for (; pick >= ways[thread]; thread++)
        {
            pick -= ways[thread];
        }

        return new Choice(thread, pick);
    }
}
