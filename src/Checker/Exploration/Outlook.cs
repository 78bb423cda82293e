using ThpCheck.Checker.Sampling;
using ThpCheck.Specs;

namespace ThpCheck.Checker.Exploration;

/// <summary>How much of a search may still be to come. Nothing is said where nothing is known.</summary>
/// <remarks>
/// The levels of an interleaving grow, and then shrink ever faster, as the sizes of the levels of independent threads do (they
/// are log-concave): once a level is smaller than the one before, all that follow are at most a geometric series. Before
/// that there is an estimate of all states, by a sample that is drawn once the search has turned out to be long.
/// </remarks>
internal sealed class Outlook(Instance instance)
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan MostTime = TimeSpan.FromSeconds(0.2); // for the sample

    private long _level;            // how many states this level has
    private double _ratio = double.PositiveInfinity; // to those of the level before
    private double _ratioBefore;    // and of that one to the one before it; levels that shrink once may grow again
    private bool _hasEstimate;

    /// <summary>About how many states there are, or null while nobody knows.</summary>
    public SizeEstimate? Estimate { get; private set; }

    /// <summary>A level is begun.</summary>
    /// <param name="states">How many states it has.</param>
    public void BeginLevel(long states) =>
        (_level, _ratio, _ratioBefore) = (states, _level > 0 ? states / (double)_level : double.PositiveInfinity, _ratio);

    /// <summary>The time that may be left, or null.</summary>
    /// <param name="elapsed">The time that went by.</param>
    /// <param name="expanded">How many states were expanded in that time.</param>
    /// <param name="found">How many are known, those that were known before that time included.</param>
    /// <param name="waiting">How many of them wait.</param>
    /// <param name="done">How many of this level's do not.</param>
    public TimeSpan? Left(TimeSpan elapsed, long expanded, long found, long waiting, long done)
    {
        if (elapsed < Long || expanded == 0)
        {
            return null;
        }

        if (!_hasEstimate)
        {
            Estimate = SizeSampler.Of(instance, MostTime);
            _hasEstimate = true;
        }

        var toCome = ToCome(found, waiting, done);
        var seconds = toCome * elapsed.TotalSeconds / expanded;
        return seconds < TimeSpan.MaxValue.TotalSeconds / 2 ? TimeSpan.FromSeconds(seconds.Value) : null;
    }

    private double? ToCome(long found, long waiting, long done)
    {
        var ratio = Math.Max(_ratio, _ratioBefore);
        return ratio < 1 ? (_level / (1 - ratio)) - done
            : Estimate is { IsAtLeast: false } estimate && estimate.States > found ? estimate.States - found + waiting
            : null;
    }
}
