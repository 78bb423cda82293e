using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Certificates;

/// <summary>A suspended path by content. Equal when all three are.</summary>
/// <param name="Parent">The frame below it by its number in the certificate; 0 for none.</param>
/// <param name="Type">The full name of its state machine.</param>
/// <param name="Words">Its fields as words: the point it waits at, and what it still needs of its locals.</param>
internal readonly record struct FrameContent(int Parent, string Type, long[] Words)
{
    public bool Equals(FrameContent other) => Parent == other.Parent && Type == other.Type && Words.AsSpan().SequenceEqual(other.Words);

    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.Add(Parent);
        hash.Add(Type);
        foreach (var word in Words)
        {
            hash.Add(word);
        }

        return hash.ToHashCode();
    }
}

/// <summary>All that a thread's future depends on, by content.</summary>
/// <param name="Thread">Whose it is.</param>
/// <param name="Frame">Its innermost frame by its number in the certificate; 0 once it has ended.</param>
/// <param name="Operation">What it will do next.</param>
/// <param name="Context">What it is inside of, and the locks it holds.</param>
/// <param name="Started">Whether it is an optional thread that has started.</param>
internal readonly record struct NodeContent(int Thread, int Frame, Operation Operation, ThreadContext Context, bool Started);
