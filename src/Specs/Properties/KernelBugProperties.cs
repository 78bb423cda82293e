using ThpCheck.Model.Stepping;

namespace ThpCheck.Specs.Properties;

/// <summary>The faults that the model detects by itself, each a property of every scenario.</summary>
public static class KernelBugProperties
{
    /// <summary>In the order of <see cref="KernelBug"/>.</summary>
    public static IReadOnlyList<Property> All { get; } =
    [
        Property.Of(KernelBug.UseAfterFree, "no-use-after-free", "No object is accessed after it was freed. Broken: KASAN's use-after-free, or a NULL dereference in what the memory has become."),
        Property.Of(KernelBug.DoubleFree, "no-double-free", "No object is freed twice. Broken: SLUB's \"Object already free\", or two owners of one object."),
        Property.Of(KernelBug.BadUnlock, "no-bad-unlock", "A lock is released by its holder, in the mode it was taken in. Broken: lockdep's \"bad unlock balance\", and the lock that was taken stays locked."),
        Property.Of(KernelBug.RecursiveLock, "no-recursive-lock", "No thread takes a lock it holds. Broken: it waits for itself."),
        Property.Of(KernelBug.FreeOfHeldLock, "no-free-of-held-lock", "No object is freed with a held lock inside. Broken: lockdep's \"held lock freed\"."),
        Property.Of(KernelBug.SleepInAtomic, "no-sleep-in-atomic", "Nothing sleeps inside an RCU, preempt-off or irq-off section. Broken: \"BUG: sleeping function called from invalid context\"."),
        Property.Of(KernelBug.RefcountUnderflow, "no-refcount-underflow", "No count falls below zero. Broken: an object is freed while it is in use."),
        Property.Of(KernelBug.UnbalancedSection, "no-unbalanced-section", "Sections and locks are left by the path that entered them. Broken: lockdep's \"lock held when returning to user space\"."),
        Property.Of(KernelBug.ListCorruption, "no-list-corruption", "A list or tree is changed under its lock, and what is removed is in it. Broken: \"list_del corruption\"."),
        Property.Of(KernelBug.NullDereference, "no-null-dereference", "No null pointer is followed. Broken: \"BUG: kernel NULL pointer dereference\"."),
        Property.Of(KernelBug.MisreadPmd, "no-misread-pmd", "A page is taken only out of a PMD that is present, and a table only out of one that points to it. Broken: pmd_page() of a migration entry is some other page, whose counts are changed, or none; a huge page's contents are taken for ptes."),
        Property.Of(KernelBug.BugOn, "no-bug-on", "No BUG_ON, VM_BUG_ON or VM_BUG_ON_FOLIO of the kernel's own triggers."),
        Property.Of(KernelBug.Warning, "no-warning", "No WARN_ON of the kernel's own triggers."),
    ];

    /// <summary>The property that a bug breaks.</summary>
    public static Property For(KernelBug bug) => All.First(p => p.Bug == bug);
}
