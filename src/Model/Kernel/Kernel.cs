using System.Collections.Concurrent;
using System.Reflection;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>How the kernel is configured.</summary>
/// <param name="DEBUG_VM">Whether VM_BUG_ON and VM_WARN_ON are evaluated.</param>
/// <param name="PTRS_PER_PTE">How many entries a page table has; the kernel's is 512.</param>
/// <param name="MMU_GATHER_BUNDLE">How many pages the batch inside a gather takes; the kernel's takes 8.</param>
/// <param name="MAX_GATHER_BATCH">How many pages each further batch takes; the kernel's takes as many as fit a page.</param>
/// <param name="MAX_GATHER_BATCH_COUNT">How many further batches there may be. None is as when there is no memory for one.</param>
/// <param name="HPAGE_PMD_NR">How many pages a THP has, at most as many as a page table has entries; the kernel's is 512.</param>
/// <param name="MEMCG">Whether there are memcgs, which statistics are counted for.</param>
/// <param name="MLOCK">Whether memory may be locked (RLIMIT_MEMLOCK); where it is off, no path looks whether a vma is.</param>
/// <param name="PTRS_PER_PMD">How many PMD entries an mm has.</param>
/// <param name="SWAP_SLOTS">How many pages there is room for in swap; where there is none, no path looks whether a page is in the swap cache.</param>
public sealed record Config(
    bool DEBUG_VM = true, int PTRS_PER_PTE = 2, int MMU_GATHER_BUNDLE = 4, int MAX_GATHER_BATCH = 1, int MAX_GATHER_BATCH_COUNT = 0,
    int HPAGE_PMD_NR = 2, bool MEMCG = false, bool MLOCK = false, int PTRS_PER_PMD = 1, int SWAP_SLOTS = 0)
{
    /// <summary>What it runs on.</summary>
    public Arch Arch { get; init; } = new();

    /// <summary>How many pages an mm has.</summary>
    public int Pages => PTRS_PER_PMD * PTRS_PER_PTE;
}

/// <summary>What an architecture takes the bits of a PMD that is not present for, read as if they were a frame number.</summary>
public enum AbsentPmd
{
    /// <summary>No page: there is no struct page at that frame, so whoever touches it follows a null pointer.</summary>
    no_page,

    /// <summary>The huge zero page.</summary>
    huge_zero_page,

    /// <summary>
    /// Another page that is in use: the THP with the lowest frame, which is the first that set-up allocates. On x86-64 the entry of frame P
    /// reads as frame P >> 3: pmd_pfn() undoes the inversion of the offset that the entry is written with.
    /// </summary>
    other_page,
}

/// <summary>What the hardware does, where architectures differ.</summary>
/// <param name="pmd_pfn_of_absent">What pmd_pfn() and pmd_page() make of a migration entry.</param>
/// <param name="pmd_bad_of_migration">Whether pmd_bad() is true of a migration entry, as it is on x86 and arm64.</param>
/// <param name="tlb_flush_is_ipi">Whether a TLB flush interrupts the other CPUs and waits for them, as on x86 without a hypervisor's help.</param>
public sealed record Arch(AbsentPmd pmd_pfn_of_absent = AbsentPmd.other_page, bool pmd_bad_of_migration = true, bool tlb_flush_is_ipi = false);

/// <summary>
/// A kernel: one class per kernel file, as chosen by a release and replaced by patches, with its toggles, its configuration
/// and the caches its objects come from.
/// </summary>
public sealed class Kernel
{
    private readonly Dictionary<Type, KernelFile> _files = [];
    private readonly IReadOnlyDictionary<string, bool> _toggles;
    private readonly MachineBuilder? _builder; // null once the files are made

    internal Kernel(KernelVersion version, IReadOnlyDictionary<string, bool> toggles, Config config, Caches caches, MachineBuilder builder)
    {
        Version = version;
        Config = config;
        Caches = caches;
        _toggles = toggles;
        _builder = builder;
        foreach (var (file, type) in version.Files)
        {
            _files.Add(file, builder.Register(Make(type), file.Name));
        }

        _builder = null;
    }

    /// <summary>Which release and patches.</summary>
    public KernelVersion Version { get; }

    /// <summary>How it is configured.</summary>
    public Config Config { get; }

    /// <summary>Where its objects come from.</summary>
    public Caches Caches { get; }

    /// <summary>Its files, in the order of their names.</summary>
    public IEnumerable<KernelFile> Files => _files.Values.OrderBy(f => f.Name, StringComparer.Ordinal);

    /// <summary>One of its files, by its own class or by the one that a release has of it.</summary>
    public T File<T>()
        where T : KernelFile => (T)_files[Releases.FileOf(typeof(T))];

    /// <summary>An object of a patch's own, which always lives; to be made where the patch's class is: <c>private readonly T x = kernel.Object("x", at => new T(at));</c></summary>
    /// <param name="name">The name reports use.</param>
    /// <param name="make">Makes it; its field initialisers take their cells from the layout.</param>
    /// <exception cref="ModelFaultException">The kernel is made already.</exception>
    public T Object<T>(string name, Func<Layout, T> make)
        where T : KernelObject => Builder(name).Object(name, make);

    /// <summary>A slab cache of a patch's own; to be made where the patch's class is.</summary>
    /// <param name="name">The name that reports give its objects, with their numbers.</param>
    /// <param name="make">Makes an object.</param>
    /// <param name="options">How many there are, and what becomes of those that are freed.</param>
    /// <exception cref="ModelFaultException">The kernel is made already.</exception>
    public SlabCache<T> Cache<T>(string name, Func<Layout, T> make, SlabOptions options)
        where T : KernelObject => Builder(name).Cache(name, make, options);

    /// <summary>Fields of a patch's own for the objects of a cache; to be made where the patch's class is.</summary>
    /// <remarks>They are not zeroed when the object is freed (invents values in a new generation that does not set them).</remarks>
    /// <param name="name">The name reports use, after the object's.</param>
    /// <param name="of">The cache whose objects have them.</param>
    /// <param name="make">Makes the fields of one.</param>
    /// <exception cref="ModelFaultException">The kernel is made already.</exception>
    public Fields<T> Fields<T>(string name, SlabCache of, Func<Layout, T> make)
        where T : KernelObject
    {
        ArgumentNullException.ThrowIfNull(of);
        var builder = Builder(name);
        return new Fields<T>([.. of.Slots.Select(slot => builder.Object($"{slot.Generations[0].Name}.{name}", make))]);
    }

    // A patch's constructor is somebody's code.
    private KernelFile Make(Type type)
    {
        try
        {
            var constructor = type.GetConstructor([typeof(Kernel)]) ?? throw new ModelFaultException($"the class {type.Name} has no public constructor that takes the Kernel alone");
            return Countdown.Watched(() => $"making the class {type.Name}", () => (KernelFile)constructor.Invoke(BindingFlags.DoNotWrapExceptions, null, [this], null));
        }
        catch (Exception e) when (e is not (ModelFaultException or OutOfMemoryException))
        {
            throw new ModelFaultException($"making the class {type.Name} threw {e.GetType().Name}: {e.Message}");
        }
    }

    private MachineBuilder Builder(string name) => _builder
        ?? throw new ModelFaultException($"'{name}' is made while paths run; make it in a field's initialiser of the class that uses it");

    /// <summary>The checks that the threads' paths have come to so far, each with the path that it is in.</summary>
    internal ConcurrentDictionary<string, Type> Met { get; } = [];

    /// <summary>Whether a check is made; it is remembered that a path came to it.</summary>
    internal bool Check(string name)
    {
        if (Worker.Place is { } place)
        {
            Met.TryAdd(name, place);
        }

        return Toggle(name);
    }

    /// <summary>The value of a toggle; where the scenario does not say, the release's.</summary>
    public bool Toggle(string name) =>
        _toggles.TryGetValue(name, out var value) ? value : Releases.TogglesOf(Version.Release).TryGetValue(name, out value) ? value : Toggles.Find(name).Default;
}

/// <summary>Fields that a patch adds to the objects of a slab cache.</summary>
/// <typeparam name="T">What they are, for one object.</typeparam>
public sealed class Fields<T>
    where T : KernelObject
{
    private readonly T[] _of; // by the object's place in its cache

    internal Fields(T[] of) => _of = of;

    /// <summary>Those of an object.</summary>
    public T this[KernelObject of]
    {
        get
        {
            ArgumentNullException.ThrowIfNull(of);
            return _of[of.Slot!.Index];
        }
    }
}

/// <summary>One file of the kernel's source: a class with a virtual method for each of its functions.</summary>
/// <param name="kernel">The kernel it is part of.</param>
public abstract class KernelFile(Kernel kernel) : ModelObject
{
    /// <summary>How the kernel is configured.</summary>
    protected Config Config => kernel.Config;

    /// <summary>Where objects come from.</summary>
    protected Caches Caches => kernel.Caches;

    /// <summary>include/linux/mm.h.</summary>
    protected mm mm => kernel.File<mm>();

    /// <summary>arch/x86/include/asm/pgtable.h.</summary>
    protected pgtable pgtable => kernel.File<pgtable>();

    /// <summary>mm/rmap.c.</summary>
    protected rmap rmap => kernel.File<rmap>();

    /// <summary>mm/page_vma_mapped.c.</summary>
    protected page_vma_mapped page_vma_mapped => kernel.File<page_vma_mapped>();

    /// <summary>mm/memory.c.</summary>
    protected memory memory => kernel.File<memory>();

    /// <summary>mm/mmu_gather.c.</summary>
    protected mmu_gather mmu_gather => kernel.File<mmu_gather>();

    /// <summary>mm/mmap.c.</summary>
    protected mmap mmap => kernel.File<mmap>();

    /// <summary>mm/filemap.c.</summary>
    protected filemap filemap => kernel.File<filemap>();

    /// <summary>mm/page-writeback.c.</summary>
    protected page_writeback page_writeback => kernel.File<page_writeback>();

    /// <summary>arch/x86/mm/tlb.c.</summary>
    protected tlbflush tlbflush => kernel.File<tlbflush>();

    /// <summary>mm/swap.c.</summary>
    protected swap swap => kernel.File<swap>();

    /// <summary>The task_struct of the running thread, for observers.</summary>
    protected KernelThread current => Caches.Threads[Worker.Running.Thread];

    /// <summary>Another file by its class; for a patch that adds one.</summary>
    protected T File<T>()
        where T : KernelFile => kernel.File<T>();

    /// <summary>
    /// A check that a scenario, or the question why it is there, can switch off: on unless the toggle of this name says
    /// otherwise.
    /// </summary>
    protected bool Checks(string name) => kernel.Check(name);

    /// <summary>A difference of a line between kernels, or a mutant.</summary>
    protected bool Toggle(string name) => kernel.Toggle(name);
}

/// <summary>Which release a kernel is, with which patches on top: for each kernel file the class that stands for it.</summary>
/// <param name="Release">The release's name, such as <c>linux-6.1</c>.</param>
/// <param name="Patches">The patches' names, in the order they are applied.</param>
/// <param name="Files">For each file's own class the class in use: itself or one derived from it.</param>
public sealed record KernelVersion(string Release, IReadOnlyList<string> Patches, IReadOnlyDictionary<Type, Type> Files);

/// <summary>The function in the kernel's source that a path stands for.</summary>
/// <param name="file">The file, from the root of the tree.</param>
[AttributeUsage(AttributeTargets.Method)]
public sealed class KernelSourceAttribute(string file) : Attribute
{
    /// <summary>The file, from the root of the tree.</summary>
    public string File => file;

    /// <summary>The version it was written from.</summary>
    public string At { get; init; } = "v6.1";

    /// <summary>The function's name there, where the method has another.</summary>
    public string? Function { get; init; }

    /// <summary>Functions of the same file around it whose steps the path has, too; with commas between them.</summary>
    public string With { get; init; } = "";
}
