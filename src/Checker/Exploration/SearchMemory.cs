using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace ThpCheck.Checker.Exploration;

/// <summary>
/// The memory of a search: it knows what the process may take and takes, and has the file into which goes what does not fit.
/// What goes there keeps its address, as a view of the file, and the system's page cache holds as much of it as there is room
/// for; the pages that come back into the process because they are read are let go of before they are too many.
/// </summary>
/// <remarks>The file has no name any more once it is open, so that it is gone with the process, however that ends. Only on Linux are there views.</remarks>
/// <threadsafety>One thread at a time takes, gives back and moves; reading what is in the file is for any number.</threadsafety>
internal sealed unsafe class SearchMemory : IDisposable
{
    private const long PageCluster = 64 << 10; // so much comes back where a page of a view is read

    private static readonly SafeFileHandle? Statistics = OperatingSystem.IsLinux() ? File.OpenHandle("/proc/self/statm") : null;

    private readonly long _limit;
    private readonly long _kept;
    private readonly Dictionary<nint, (long Bytes, long Place)> _blocks = []; // the place in the file, or -1
    private readonly Dictionary<long, Stack<long>> _freePlaces = []; // in the file, by size
    private SafeFileHandle? _file;
    private long _end; // of the file
    private long _untilLook;

    /// <param name="limit">The most bytes that the process may take.</param>
    /// <param name="kept">The most that stay in memory of what could go to the file.</param>
    public SearchMemory(long limit = long.MaxValue, long kept = long.MaxValue)
    {
        _limit = Math.Min(limit, long.MaxValue / 2);
        _kept = kept;
        IsLimited = limit != long.MaxValue || kept != long.MaxValue;
    }

    ~SearchMemory() => Release();

    public bool IsLimited { get; }

    /// <summary>How many bytes are in memory, or have been there and are to be used again.</summary>
    public long Bytes { get; private set; }

    /// <summary>How many bytes are in the file.</summary>
    public long SpilledBytes { get; private set; }

    /// <summary>The most bytes that were in the file.</summary>
    public long MostSpilledBytes { get; private set; }

    /// <summary>How much memory the process takes.</summary>
    public static long Resident
    {
        get
        {
            Span<byte> text = stackalloc byte[128];
            if (Statistics is null)
            {
                return Environment.WorkingSet;
            }

            // "size resident shared ...", in pages
            var words = text[..RandomAccess.Read(Statistics, text, 0)];
            words = words[(words.IndexOf((byte)' ') + 1)..];
            return long.Parse(words[..words.IndexOf((byte)' ')], CultureInfo.InvariantCulture) * Environment.SystemPageSize;
        }
    }

    /// <summary>Whether what can go to the file should, for there is not much room left.</summary>
    /// <param name="more">How many bytes are about to be taken.</param>
    public bool IsTight(long more = 0) => IsLimited && (Bytes + more > _kept || Resident + more > _limit / 20 * 17);

    /// <summary>Whether the process takes more than it may, after all that can be given back was.</summary>
    public bool IsExceeded() => IsExceeded(_limit);

    /// <summary>Whether the process takes more than so many bytes, even after its garbage was collected.</summary>
    public static bool IsExceeded(long limit)
    {
        const long Hysteresis = 33;
        if (Resident <= limit)
        {
            return false;
        }

        // The runtime keeps what it may need again. A little room is not worth doing this after every batch.
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        return Resident > limit - (limit / Hysteresis);
    }

    /// <summary>Takes zeroed memory, which is in the file from the beginning where memory is tight.</summary>
    /// <param name="bytes">How many.</param>
    /// <param name="big">Whether it is one of many for a large collection.</param>
    /// <param name="mayBeFile">Whether it may be in the file.</param>
    /// <exception cref="SpillException">There is no room for the file.</exception>
    public void* Allocate(long bytes, bool big, bool mayBeFile)
    {
        var tight = mayBeFile && IsTight(bytes);
        var block = Pages.Allocate(bytes, huge: big && !tight);
        _blocks.Add((nint)block, (bytes, -1));
        Bytes += bytes;
        if (tight)
        {
            Move(block);
        }
        else if (big && IsLimited)
        {
            new Span<byte>(block, checked((int)bytes)).Clear(); // so that it counts as taken when the next one asks
        }

        return block;
    }

    /// <summary>Gives memory back.</summary>
    public void Free(void* block)
    {
        _blocks.Remove((nint)block, out var known);
        Pages.Free(block, known.Bytes);
        if (known.Place >= 0)
        {
            Forget(known.Place, known.Bytes);
        }
        else
        {
            Bytes -= known.Bytes;
        }
    }

    /// <summary>Moves a block of memory to the file. It stays readable and writable where it is.</summary>
    /// <exception cref="SpillException">There is no room for the file.</exception>
    public void Move(void* block)
    {
        if (!OperatingSystem.IsLinux() || _blocks[(nint)block] is not (var bytes, < 0))
        {
            return;
        }

        var place = Write(block, bytes);
        Pages.Replace(block, bytes, _file!, place);
        _blocks[(nint)block] = (bytes, place);
        Bytes -= bytes;
    }

    /// <summary>Writes memory to the file.</summary>
    /// <returns>Where it is there.</returns>
    /// <exception cref="SpillException">There is no room for the file.</exception>
    public long Write(void* memory, long bytes)
    {
        var place = _freePlaces.TryGetValue(bytes, out var places) && places.TryPop(out var free) ? free : _end;
        try
        {
            _file ??= Open();
            for (var done = 0L; done < bytes; done += PageCluster)
            {
                // The page cache keeps together what is written together, and would bring it back together.
                var piece = new ReadOnlySpan<byte>((byte*)memory + done, (int)Math.Min(PageCluster, bytes - done));
                RandomAccess.Write(_file, piece, place + done);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SpillException($"what does not fit into the memory cannot be put into {Folder}: {e.Message}", e);
        }

        _end = Math.Max(_end, place + Rounded(bytes));
        Spilled(bytes);
        return place;
    }

    /// <summary>Reads what was written, which stays there.</summary>
    public void Read(long place, void* memory, long bytes)
    {
        for (var done = 0L; done < bytes;)
        {
            var read = RandomAccess.Read(_file!, new Span<byte>((byte*)memory + done, checked((int)(bytes - done))), place + done);
            done += read > 0 ? read : throw new EndOfStreamException();
        }
    }

    /// <summary>What was written is not needed any more.</summary>
    public void Forget(long place, long bytes)
    {
        if (!_freePlaces.TryGetValue(bytes, out var places))
        {
            _freePlaces.Add(bytes, places = []);
        }

        places.Push(place);
        Spilled(-bytes);
    }

    /// <summary>So many places of what may be in the file are about to be read or written; where much came back, it is let go of.</summary>
    public void Touch(int places)
    {
        if (SpilledBytes > 0 && (_untilLook -= places) < 0)
        {
            Look();
        }
    }

    /// <summary>Lets go of the pages of the file that came back.</summary>
    public void LetGo()
    {
        foreach (var (block, (bytes, place)) in _blocks)
        {
            if (place >= 0)
            {
                Pages.LetGo((void*)block, bytes);
            }
        }
    }

    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    private void Look()
    {
        const long Least = 64;
        var resident = Resident;
        if (resident > _limit / 20 * 19)
        {
            LetGo();
            resident = Resident;
        }

        _untilLook = Math.Max(Least, (_limit - resident) / PageCluster);
    }

    private void Spilled(long bytes)
    {
        SpilledBytes += bytes;
        MostSpilledBytes = Math.Max(MostSpilledBytes, SpilledBytes);
    }

    private static long Rounded(long bytes) => (bytes + PageCluster - 1) & ~(PageCluster - 1);

    // Not where temporary files are in memory themselves, as /tmp is on many systems.
    private static string Folder => Environment.GetEnvironmentVariable("TMPDIR") is null && Directory.Exists("/var/tmp") ? "/var/tmp" : Path.GetTempPath();

    private static SafeFileHandle Open()
    {
        var path = Path.Combine(Folder, $"thpcheck-{Guid.NewGuid():N}.spill");
        var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Delete, FileOptions.DeleteOnClose);
        if (!OperatingSystem.IsWindows())
        {
            File.Delete(path);
        }

        return file;
    }

    private void Release()
    {
        foreach (var (block, (bytes, _)) in _blocks)
        {
            Pages.Free((void*)block, bytes);
        }

        _blocks.Clear();
        _file?.Dispose();
        (_file, Bytes, SpilledBytes) = (null, 0, 0);
    }
}

/// <summary>What does not fit into memory could not be put elsewhere.</summary>
internal sealed class SpillException(string message, Exception inner) : Exception(message, inner);
