using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ThpCheck.Checker.Exploration;

/// <summary>Zeroed memory straight from the system, which takes room only where it is touched and goes back at once when it is freed.</summary>
/// <remarks>On Linux these are mappings, in huge pages where they are big enough; elsewhere the runtime's native memory.</remarks>
internal static unsafe partial class Pages
{
    private const nuint HugePage = 2 << 20;
    private const int ReadWrite = 1 | 2;
    private const int Private = 2;
    private const int Anonymous = 0x20;
    private const int NoReserve = 0x4000;
    private const int Shared = 1;
    private const int Fixed = 0x10;
    private const int AdviseHugePages = 14;
    private const int AdviseNotNeeded = 4;
    private static readonly nint Failed = -1;

    /// <summary>Takes memory.</summary>
    /// <param name="bytes">How many; rounded up to whole pages.</param>
    /// <param name="huge">Whether to ask for huge pages, which take their room as a whole.</param>
    /// <exception cref="InsufficientMemoryException">There is no more.</exception>
    public static void* Allocate(long bytes, bool huge)
    {
        if (!OperatingSystem.IsLinux())
        {
            return NativeMemory.AllocZeroed((nuint)bytes);
        }

        // More than is asked for, so that a huge page's border is in it; what is beside the memory is given back.
        var wanted = Whole(bytes);
        var spare = huge ? HugePage : 0;
        var start = Map(0, wanted + spare, ReadWrite, Private | Anonymous | NoReserve, -1, 0);
        if (start == Failed)
        {
            throw new InsufficientMemoryException();
        }

        if (spare == 0)
        {
            return (void*)start;
        }

        var before = (nuint)(-start) & (HugePage - 1);
        Unmap(start, before);
        Unmap(start + (nint)before + (nint)wanted, spare - before);
        _ = Advise(start + (nint)before, wanted, AdviseHugePages); // advice: where it is refused, only speed is lost
        return (void*)(start + (nint)before);
    }

    /// <summary>Gives memory back.</summary>
    /// <param name="memory">What <see cref="Allocate"/> returned, or null.</param>
    /// <param name="bytes">How many were asked for.</param>
    public static void Free(void* memory, long bytes)
    {
        if (!OperatingSystem.IsLinux())
        {
            NativeMemory.Free(memory);
        }
        else if (memory is not null)
        {
            Unmap((nint)memory, Whole(bytes));
        }
    }

    /// <summary>Makes memory a view of a part of a file, which has to have the same content; what is written to it, is written to the file.</summary>
    /// <param name="memory">Whole pages.</param>
    /// <param name="bytes">How many.</param>
    /// <param name="file">The file.</param>
    /// <param name="offset">Where in the file; whole pages.</param>
    /// <exception cref="InsufficientMemoryException">The system has no room to remember it.</exception>
    public static void Replace(void* memory, long bytes, SafeFileHandle file, long offset)
    {
        var added = false;
        try
        {
            file.DangerousAddRef(ref added);
            if (Map((nint)memory, Whole(bytes), ReadWrite, Shared | Fixed, (int)file.DangerousGetHandle(), offset) == Failed)
            {
                throw new InsufficientMemoryException();
            }
        }
        finally
        {
            if (added)
            {
                file.DangerousRelease();
            }
        }
    }

    /// <summary>Lets go of the pages of a file's view, which come back when they are touched.</summary>
    public static void LetGo(void* memory, long bytes) => _ = Advise((nint)memory, Whole(bytes), AdviseNotNeeded);

    private static nuint Whole(long bytes) => ((nuint)bytes + (nuint)Environment.SystemPageSize - 1) & ~((nuint)Environment.SystemPageSize - 1);

    private static void Unmap(nint start, nuint bytes) => _ = bytes == 0 ? 0 : MemoryUnmap(start, bytes);

    [LibraryImport("libc", EntryPoint = "mmap")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial nint Map(nint start, nuint bytes, int access, int flags, int file, long offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int MemoryUnmap(nint start, nuint bytes);

    [LibraryImport("libc", EntryPoint = "madvise")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int Advise(nint start, nuint bytes, int advice);
}
