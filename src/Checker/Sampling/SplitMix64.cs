using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Sampling;

/// <summary>
/// Random numbers that are the same for the same seed, on every system (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
/// Generators, OOPSLA 2014).
/// </summary>
internal sealed class SplitMix64(ulong seed)
{
    private ulong _state = seed;

    /// <summary>Any of the 2^64 numbers.</summary>
    public ulong Next() => Fingerprint.Mix(_state += 0x9E3779B97F4A7C15);

    /// <summary>A number from 0 to one less than the count, each as likely.</summary>
    public int Below(int count)
    {
        // The numbers from the last whole multiple of the count on would favour the small ones.
        var multiple = ulong.MaxValue - (ulong.MaxValue % (ulong)count);
        ulong next;
        do
        {
            next = Next();
        }
        while (next >= multiple);
        return (int)(next % (ulong)count);
    }
}
