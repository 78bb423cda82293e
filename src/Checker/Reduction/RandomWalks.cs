using ThpCheck.Model.Stepping;
using ThpCheck.Specs;

namespace ThpCheck.Checker.Reduction;

/// <summary>
/// Walks through a machine at random, so that most of what its threads do is discovered before a search that depends on
/// it begins. What the walks miss costs that search a repetition, nothing else.
/// </summary>
internal static class RandomWalks
{
    private const int Walks = 256;
    private const int MostSteps = 4096;

    public static void Discover(Instance instance)
    {
        var machine = instance.Machine;
        var stepper = instance.Begin();
        var (words, initial) = (stepper.State.Words.ToArray(), stepper.State.Fingerprint);
        var ways = new int[machine.ThreadCount];
        var random = new Random(1);
        for (var walk = 0; walk < Walks; walk++)
        {
            stepper.State.Load(words, initial.Low, initial.High);
            for (var step = 0; step < MostSteps && Count(stepper, ways) is var count and > 0; step++)
            {
                var (thread, pick) = (0, random.Next(count));
                for (; pick >= ways[thread]; thread++)
                {
                    pick -= ways[thread];
                }

                if (!TryStep(stepper, thread, pick))
                {
                    break;
                }
            }
        }
    }

    private static int Count(Stepper stepper, int[] ways)
    {
        var (isEnd, count) = (true, 0);
        for (var thread = 0; thread < ways.Length; thread++)
        {
            ways[thread] = stepper.Ways(thread, ref isEnd);
            count += ways[thread];
        }

        return count;
    }

    // A bug ends the walk, and so does a fault of the model, which the search will find.
    private static bool TryStep(Stepper stepper, int thread, int pick)
    {
        try
        {
            return !stepper.Step(thread, pick).IsFinal;
        }
        catch (ModelFaultException)
        {
            return false;
        }
    }
}
