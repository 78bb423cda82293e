using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace ThpCheck.Checker.Exploration;

/// <summary>
/// From the 128-bit fingerprint of a state to its number: open addressing with linear probing, at most six tenths full,
/// in native memory that asks for huge pages, as nearly every look-up misses the caches.
/// </summary>
/// <remarks>The fingerprint (0, 0) marks an empty slot; a state that has it is stored as (0, 1).</remarks>
/// <threadsafety>One writer at a time; numbers of different slots may be set at the same time.</threadsafety>
internal sealed unsafe class FingerprintTable : IDisposable
{
    private Slot* _slots;
    private int* _numbers;
    private long _mask;
    private long _room; // how many more fit before it grows

    public FingerprintTable() => Allocate(1 << 16);

    ~FingerprintTable() => Release();

    public long Count { get; private set; }

    public long Bytes => (_mask + 1) * (sizeof(Slot) + sizeof(int));

    /// <summary>Asks for the memory that looking this fingerprint up will touch.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(ulong low)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(_slots + ((long)low & _mask));
            Sse.Prefetch0(_numbers + ((long)low & _mask));
        }
    }

    /// <summary>Makes room for so many new fingerprints, so that none of them moves another.</summary>
    public void Reserve(long more)
    {
        while (_room < more)
        {
            Grow();
        }
    }

    /// <summary>The number of the state with this fingerprint; a new one is given the number <paramref name="next"/>.</summary>
    /// <returns>Whether it is new.</returns>
    public bool Add(ulong low, ulong high, int next, out int number)
    {
        Reserve(1);
        return Add(low, high, next, out number, out _);
    }

    /// <summary>The same, where room has been made.</summary>
    /// <param name="low">The fingerprint's lower half.</param>
    /// <param name="high">Its upper half.</param>
    /// <param name="next">The number a new one is given.</param>
    /// <param name="number">The number it has now.</param>
    /// <param name="slot">Where it is, until the next <see cref="Reserve"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Add(ulong low, ulong high, int next, out int number, out long slot)
    {
        high |= low == 0 && high == 0 ? 1UL : 0;
        for (var i = (long)low & _mask; ; i = (i + 1) & _mask)
        {
            ref var entry = ref _slots[i];
            if (entry.Low == low && entry.High == high)
            {
                number = _numbers[i];
                slot = i;
                return false;
            }

            if (entry.Low == 0 && entry.High == 0)
            {
                entry = new Slot(low, high);
                _numbers[i] = next;
                number = next;
                slot = i;
                Count++;
                _room--;
                return true;
            }
        }
    }

    /// <summary>The number of the state with this fingerprint, or -1.</summary>
    public int Find(ulong low, ulong high)
    {
        high |= low == 0 && high == 0 ? 1UL : 0;
        for (var i = (long)low & _mask; ; i = (i + 1) & _mask)
        {
            ref var entry = ref _slots[i];
            if (entry.Low == low && entry.High == high)
            {
                return _numbers[i];
            }

            if (entry.Low == 0 && entry.High == 0)
            {
                return -1;
            }
        }
    }

    /// <summary>Gives a fingerprint another number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetNumber(long slot, int number) => _numbers[slot] = number;

    /// <summary>Hands out every fingerprint with its number, in no particular order.</summary>
    public void ForEach(Action<ulong, ulong, int> take)
    {
        for (var i = 0L; i <= _mask; i++)
        {
            if (_slots[i].Low != 0 || _slots[i].High != 0)
            {
                take(_slots[i].Low, _slots[i].High, _numbers[i]);
            }
        }
    }

    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    private void Allocate(long capacity)
    {
        _mask = capacity - 1;
        _room = capacity * 6 / 10;
        _slots = (Slot*)HugePages.Allocate((nuint)(capacity * sizeof(Slot)));
        _numbers = (int*)HugePages.Allocate((nuint)(capacity * sizeof(int)));
    }

    private void Grow()
    {
        var slots = _slots;
        var numbers = _numbers;
        var capacity = _mask + 1;
        Allocate(capacity * 2);
        _room -= Count;
        for (var k = 0L; k < capacity; k++)
        {
            if (slots[k].Low != 0 || slots[k].High != 0)
            {
                var i = (long)slots[k].Low & _mask;
                while (_slots[i].Low != 0 || _slots[i].High != 0)
                {
                    i = (i + 1) & _mask;
                }

                _slots[i] = slots[k];
                _numbers[i] = numbers[k];
            }
        }

        HugePages.Free(slots);
        HugePages.Free(numbers);
    }

    private void Release()
    {
        HugePages.Free(_slots);
        HugePages.Free(_numbers);
        _slots = null;
        _numbers = null;
    }

    private readonly struct Slot(ulong low, ulong high)
    {
        public readonly ulong Low = low;
        public readonly ulong High = high;
    }
}

/// <summary>Zeroed native memory that asks the system for huge pages where there are any.</summary>
internal static unsafe partial class HugePages
{
    private const nuint PageSize = 2 << 20;
    private const int MadvHugepage = 14;

    public static void* Allocate(nuint bytes)
    {
        var memory = NativeMemory.AlignedAlloc(bytes, bytes >= PageSize ? PageSize : 64);
        if (bytes >= PageSize && OperatingSystem.IsLinux())
        {
            _ = Advise(memory, bytes, MadvHugepage); // advice: where it is refused, only speed is lost
        }

        NativeMemory.Clear(memory, bytes);
        return memory;
    }

    public static void Free(void* memory) => NativeMemory.AlignedFree(memory);

    [LibraryImport("libc", EntryPoint = "madvise")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int Advise(void* memory, nuint bytes, int advice);
}
