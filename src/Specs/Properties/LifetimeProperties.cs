using ThpCheck.Model.Stepping;

namespace ThpCheck.Specs.Properties;

/// <summary>What is left behind.</summary>
public static class LifetimeProperties
{
    /// <summary>
    /// In the end no lock is held or waited for. Broken: the next thread that wants it waits for ever, as in
    /// "mm: fix hang on anon_vma->root->lock".
    /// </summary>
    public static readonly Property NoLockLeaked = Property.Finally("no-lock-leaked", static view =>
    {
        for (var i = 0; i < view.Machine.Cells.Count; i++)
        {
            var cell = view.Machine.Cells[i];
            if (cell.Role == CellRole.Lock && view.Word(i + 1) != 0)
            {
                return $"{cell.Name} is still {view.Word(i + 1)} in the end";
            }
        }

        return null;
    }) with
    {
        Promise = "In the end no lock is held. Broken: the next thread that wants it waits for ever.",
    };

    /// <summary>
    /// In the end nothing is allocated but what was there before any thread began and mm_structs. Broken: memory that
    /// nobody can free any more.
    /// </summary>
    public static readonly Property NothingLeaked = Property.Finally("nothing-leaked", static view =>
    {
        foreach (var cache in view.Machine.Caches)
        {
            foreach (var slot in cache.Slots)
            {
                foreach (var generation in slot.Generations)
                {
                    if (cache.Name != "mm" && view.IsLive(generation))
                    {
                        return $"{generation} is still allocated in the end";
                    }
                }
            }
        }

        return null;
    }) with
    {
        Promise = "In the end, all mms having exited, nothing is allocated but the mm_structs. Broken: memory that nobody can free any more.",
    };
}
