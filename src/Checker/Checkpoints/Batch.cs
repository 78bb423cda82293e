using System.Runtime.InteropServices;

namespace ThpCheck.Checker.Checkpoints;

/// <summary>Writes many values of one type, some thousands at a time.</summary>
/// <param name="stream">Takes their bytes.</param>
internal sealed class Batch<T>(Stream stream) : IDisposable
    where T : unmanaged
{
    private readonly T[] _values = new T[Batch.Size];
    private int _count;

    public void Add(T value)
    {
        _values[_count++] = value;
        if (_count == _values.Length)
        {
            Flush();
        }
    }

    public void Dispose() => Flush();

    private void Flush()
    {
        stream.Write(MemoryMarshal.AsBytes(_values.AsSpan(0, _count)));
        _count = 0;
    }
}

/// <summary>The other direction.</summary>
internal static class Batch
{
    public const int Size = 8192;

    /// <summary>Reads so many values, in the order they were written.</summary>
    public static void Read<T>(Stream stream, long count, Action<T> take)
        where T : unmanaged
    {
        var values = new T[Math.Min(Size, count)];
        for (var left = count; left > 0;)
        {
            var some = values.AsSpan(0, (int)Math.Min(left, values.Length));
            stream.ReadExactly(MemoryMarshal.AsBytes(some));
            left -= some.Length;
            foreach (var value in some)
            {
                take(value);
            }
        }
    }
}
