namespace ThpCheck.Model.Stepping;

/// <summary>
/// The keyed hash behind fingerprints. A state's fingerprint is two sums, modulo 2^64, of independently keyed hashes of
/// each (cell, value) and each (thread, content of its node), so one changed cell costs two subtractions and additions.
/// </summary>
/// <remarks>
/// The mixer is the finaliser of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014),
/// applied twice, the second time after the key. For n states the chance that any two share both sums is at most about
/// n(n-1)/2^129, taking the keyed mixer for a random function.
/// </remarks>
internal static class Fingerprint
{
    /// <summary>The default key. It is fixed so that runs repeat; another key is another independent hash.</summary>
    public const ulong DefaultKey = 0x7468_7063_6865_636b; // "thpcheck"

    public static ulong Mix(ulong x)
    {
        x ^= x >> 30;
        x *= 0xBF58476D1CE4E5B9;
        x ^= x >> 27;
        x *= 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }

    /// <summary>Both hashes of a value in a slot (a cell, or a thread).</summary>
    public static (ulong Low, ulong High) Of(ulong key, int slot, ulong value)
    {
        var x = Mix(value + (0x9E3779B97F4A7C15 * (ulong)(uint)(slot + 1)));
        return (Mix(x ^ key), Mix(x + Mix(key)));
    }

    /// <summary>Adds a word to a hash of a sequence.</summary>
    public static void Fold(ref ulong low, ref ulong high, ulong word)
    {
        low = Mix((low * 0x9E3779B97F4A7C15) + word);
        high = Mix((high ^ word) * 0xD6E8FEB86659FD93) + 0x632BE59BD9B4E019;
    }

    /// <summary>A hash of a text that is the same in every run.</summary>
    public static ulong OfText(string text)
    {
        var (low, high) = (0UL, 0UL);
        foreach (var c in text)
        {
            Fold(ref low, ref high, c);
        }

        return low;
    }
}
