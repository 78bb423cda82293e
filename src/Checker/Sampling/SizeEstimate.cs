using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;

namespace ThpCheck.Checker.Sampling;

/// <summary>About how many states there are; the order of magnitude is what it is good for.</summary>
/// <param name="States">How many, to one digit.</param>
/// <param name="IsAtLeast">Whether the sample was too small to say more than that there are at least about so many.</param>
internal sealed record SizeEstimate(long States, bool IsAtLeast)
{
    /// <summary>As reports write it: <c>about 10^7</c>, <c>more than 10^8</c>.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{(IsAtLeast ? "more than" : "about")} 10^{(IsAtLeast ? Math.Floor(Math.Log10(States)) : Math.Round(Math.Log10(States)))}");
}

/// <summary>
/// Estimates how many states there are from how often random walks meet in one: the number of species from a sample of
/// animals (Chao: Nonparametric estimation of the number of classes in a population, Scandinavian Journal of Statistics 11,
/// 1984), for each depth by itself. For state spaces, Pelánek and Šimeček (Estimating State Space Parameters, PDMC 2008)
/// found such samples good for the order of magnitude.
/// </summary>
/// <remarks>
/// Chao's estimate is a lower bound where some states are likelier than others, and the bound is the better the less they
/// differ. A walk that takes each possible step as likely is nearly always in the middle, where all threads have come equally
/// far. So each walk draws a speed for each thread first, all proportions of speeds being as likely: threads that
/// do not disturb each other are then in each state of a depth with the same chance (Pólya's urn).
/// </remarks>
internal sealed class SizeSampler
{
    private const int MostLooks = 400_000;
    private const int LongestWalk = 5_000;
    private const int LookEvery = 256;
    private const int EnoughMeetings = 3; // at a depth, to say more than "at least"

    private readonly Instance _instance;
    private readonly SplitMix64 _random = new(1);
    private readonly Stepper _stepper;
    private readonly int[] _ways;
    private readonly double[] _speeds;
    private readonly Dictionary<UInt128, Sighting> _seen = [];
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly TimeSpan _mostTime;
    private int _looks;
    private int _walks;

    private SizeSampler(Instance instance, TimeSpan mostTime)
    {
        _mostTime = mostTime;
        _instance = instance;
        _stepper = new Stepper(instance.Machine);
        _ways = new int[instance.Machine.ThreadCount];
        _speeds = new double[_ways.Length];
    }

    /// <summary>Estimates the number of states, or returns null where no walk gets anywhere.</summary>
    /// <param name="instance">What they are the states of.</param>
    /// <param name="mostTime">It takes no longer; on a usual machine some hundredths of a second are enough for all its walks.</param>
    public static SizeEstimate? Of(Instance instance, TimeSpan mostTime)
    {
        var sampler = new SizeSampler(instance, mostTime);
        try
        {
            while (sampler.MayGoOn)
            {
                sampler.Walk();
            }
        }
        catch (ModelFaultException)
        {
            return null; // the search comes upon it too, and has the way to it
        }

        return sampler.Estimate();
    }

    private bool MayGoOn => _looks < MostLooks && _clock.Elapsed < _mostTime;

    private void Walk()
    {
        _walks++;
        var initial = _instance.Begin().State;
        _stepper.State.Load(initial.Words, initial.Fingerprint.Low, initial.Fingerprint.High);
        foreach (ref var speed in _speeds.AsSpan())
        {
            speed = -Math.Log(1 - (_random.Next() * Math.Pow(2, -64))); // proportions of exponential variables are uniform
        }

        for (var depth = 0; depth < LongestWalk && See(depth) && (depth % LookEvery != 0 || MayGoOn); depth++)
        {
            var (thread, pick) = Draw();
            _stepper.Fire(thread, pick, out _);
            var goesOn = _stepper.State.Outcome == StepOutcome.Done;
            _stepper.State.Commit();
            if (!goesOn)
            {
                return;
            }
        }
    }

    // Takes note of the state; says whether anything follows it that this walk has not seen.
    private bool See(int depth)
    {
        _looks++; // the first look is one, so that walks without any come to an end
        var (low, high) = _stepper.State.Fingerprint;
        ref var sighting = ref CollectionsMarshal.GetValueRefOrAddDefault(_seen, new UInt128(high, low), out var isKnown);
        var again = isKnown && sighting.Walk == _walks;
        sighting = isKnown ? sighting with { Walks = sighting.Walks + (again ? 0 : 1), Walk = _walks } : new Sighting(depth, 1, _walks);
        var (isEnd, goesOn) = (true, false);
        for (var thread = 0; thread < _ways.Length; thread++)
        {
            _ways[thread] = _stepper.Ways(thread, ref isEnd);
            goesOn |= _ways[thread] > 0;
        }

        return goesOn && !(isEnd && again);
    }

    private (int Thread, int Pick) Draw()
    {
        var total = 0.0;
        var last = 0;
        for (var thread = 0; thread < _ways.Length; thread++)
        {
            total += _ways[thread] > 0 ? _speeds[thread] : 0;
            last = _ways[thread] > 0 ? thread : last;
        }

        var at = _random.Next() * Math.Pow(2, -64) * total;
        for (var thread = 0; thread < last; thread++)
        {
            at -= _ways[thread] > 0 ? _speeds[thread] : 0;
            if (_ways[thread] > 0 && at < 0)
            {
                return (thread, _random.Below(_ways[thread]));
            }
        }

        return (last, _random.Below(_ways[last]));
    }

    private SizeEstimate? Estimate()
    {
        var (all, unsure) = (0.0, 0.0);
        foreach (var depth in _seen.Values.GroupBy(s => s.Depth))
        {
            double known = depth.Count();
            double once = depth.Count(s => s.Walks == 1);
            double twice = depth.Count(s => s.Walks == 2);
            var states = known + (once * (once - 1) / (2 * (twice + 1)));
            all += states;
            unsure += twice < EnoughMeetings && once > known / 2 ? states : 0;
        }

        if (all <= 1)
        {
            return null;
        }

        var unit = Math.Pow(10, Math.Floor(Math.Log10(all)));
        return new SizeEstimate((long)(Math.Round(all / unit) * unit), unsure > all / 2);
    }

    // In what depth a state was seen first, in how many walks, and in which last.
    private readonly record struct Sighting(int Depth, int Walks, int Walk);
}
