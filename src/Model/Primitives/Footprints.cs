using System.Diagnostics;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Primitives;

/// <summary>
/// What each operation can read and write, whatever state it happens in. The things it is told in are the cells, for words
/// of flags each bit by itself, and for each thread what it is inside of together with its bits in all snapshots.
/// </summary>
/// <remarks>
/// A footprint may be too large, which costs reduction; it must never be too small. The lifetime of the operation's object
/// belongs to it, as freeing the object conflicts with every access. Allocating it does, too, but only where it does not live:
/// before one that lives can be allocated it must be freed, which conflicts already. So what allocations may give is a
/// matter of its own: <see cref="MeetInPool"/>.
/// </remarks>
internal sealed class Footprints
{
    private readonly Machine _machine;
    private readonly int[] _firstBit; // for each cell that is a word of flags the thing of its lowest bit, else 0
    private readonly int[] _bitCount;
    private readonly int _firstThread;
    private readonly SlabSlot[] _slots;
    private readonly int[] _slotOf;     // for each lifetime's cell the slab object's number
    private readonly int _objectWords;  // where the things "has to do with this slab object" begin; only ever read
    private readonly int _poolWords;    // and "changes what an allocation can give", only ever written

    public Footprints(Machine machine)
    {
        _machine = machine;
        _firstBit = new int[machine.Cells.Count + 1];
        _bitCount = new int[machine.Cells.Count + 1];
        var things = machine.Cells.Count + 1;
        for (var cell = 1; cell <= machine.Cells.Count; cell++)
        {
            var declared = machine.Cells[cell - 1];
            if (declared.Type.IsEnum && declared.Type.IsDefined(typeof(FlagsAttribute), false))
            {
                _firstBit[cell] = things;
                _bitCount[cell] = 64 - System.Numerics.BitOperations.LeadingZeroCount((ulong)declared.Max);
                things += _bitCount[cell];
            }
        }

        _firstThread = things;
        _slots = [.. machine.Caches.SelectMany(c => c.Slots)];
        _slotOf = new int[machine.Cells.Count + 1];
        for (var slot = 0; slot < _slots.Length; slot++)
        {
            _slotOf[_slots[slot].Lifetime] = slot;
        }

        SlotWords = (_slots.Length + 63) / 64;
        _objectWords = (things + machine.ThreadCount + 63) / 64;
        _poolWords = _objectWords + SlotWords;
        Words = _poolWords + SlotWords;
        var (reads, writes) = (new ulong[Words], new ulong[Words]);
        AddWatched(new FootprintBuilder(reads, writes));
        Watched = Footprint.Of(reads, writes);
    }

    /// <summary>How many 64-bit words a set of things takes.</summary>
    public int Words { get; }

    /// <summary>How many 64-bit words a set of slab objects takes.</summary>
    public int SlotWords { get; }

    /// <summary>The slab objects that do not live in a state, as bits.</summary>
    public void NotLive(State state, Span<ulong> slots)
    {
        slots.Clear();
        for (var slot = 0; slot < _slots.Length; slot++)
        {
            var lifetime = state.Get(_slots[slot].Lifetime);
            slots[slot >> 6] |= lifetime % 2 == 0 || lifetime == _slots[slot].GoneWord ? 1UL << slot : 0;
        }
    }

    /// <summary>Whether one can allocate what the other has to do with, given which slab objects do not live now.</summary>
    public bool MeetInPool(Footprint one, Footprint other, ReadOnlySpan<ulong> notLive)
    {
        for (var i = 0; i < notLive.Length; i++)
        {
            if ((((one.Reads[_objectWords + i] & other.Writes[_poolWords + i]) | (one.Writes[_poolWords + i] & other.Reads[_objectWords + i])) & notLive[i]) != 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>What decides whether there is a callback to run, or a slab page to give back.</summary>
    public Footprint Watched { get; }

    /// <summary>Adds what an operation can read and write in any state.</summary>
    /// <remarks>
    /// Without what <see cref="OperationCode.rcu_callback"/> and <see cref="OperationCode.discard_slab"/> do, which is in the
    /// state: <see cref="AddWaiting"/>. What call_rcu queues is part of call_rcu.
    /// </remarks>
    public void Add(in Operation operation, int thread, FootprintBuilder to)
    {
        AddLifetime(operation.Object, to);
        var cell = operation.Cell;
        switch (operation.Code)
        {
            case OperationCode.none or OperationCode.Yield or OperationCode.Choose or OperationCode.rcu_callback or OperationCode.discard_slab
                or OperationCode.rcu_read_lock or OperationCode.rcu_read_unlock or OperationCode.preempt_disable or OperationCode.preempt_enable
                or OperationCode.local_irq_disable or OperationCode.local_irq_enable:
                break;
            case OperationCode.taken_away or OperationCode.delayed:
                Access(cell, false, to);
                break;
            case OperationCode.load or OperationCode.READ_ONCE or OperationCode.smp_load_acquire or OperationCode.atomic_read:
                Access(cell, false, to);
                break;
            case OperationCode.test_bit:
                Bits(cell, operation.A, false, to);
                break;
            case OperationCode.store or OperationCode.WRITE_ONCE or OperationCode.smp_store_release or OperationCode.atomic_set
                or OperationCode.xchg or OperationCode.cmpxchg or OperationCode.atomic_inc or OperationCode.atomic_dec or OperationCode.atomic_add
                or OperationCode.atomic_add_return or OperationCode.atomic_inc_return or OperationCode.atomic_dec_return
                or OperationCode.atomic_inc_and_test or OperationCode.atomic_dec_and_test or OperationCode.atomic_add_negative
                or OperationCode.atomic_inc_not_zero or OperationCode.spin_lock or OperationCode.spin_trylock or OperationCode.spin_unlock:
                Access(cell, true, to);
                break;
            case OperationCode.set_bit or OperationCode.clear_bit or OperationCode.test_and_set_bit or OperationCode.test_and_clear_bit
                or OperationCode.bit_spin_lock or OperationCode.bit_spin_trylock or OperationCode.bit_spin_unlock
                or OperationCode.folio_lock or OperationCode.folio_trylock or OperationCode.folio_unlock:
                Bits(cell, operation.A, true, to);
                break;
            case OperationCode.rwsem_is_locked:
                Semaphore(cell, 'r', 'r', 'r', to);
                break;
            case OperationCode.down_read or OperationCode.down_read_trylock:
                Semaphore(cell, 'r', 'w', 'r', to);
                break;
            case OperationCode.up_read:
                Semaphore(cell, ' ', 'w', ' ', to);
                break;
            case OperationCode.down_write or OperationCode.down_write_acquire or OperationCode.down_write_trylock:
                Semaphore(cell, 'w', 'r', 'w', to);
                break;
            case OperationCode.up_write:
                Semaphore(cell, 'w', ' ', ' ', to);
                break;
            case OperationCode.downgrade_write:
                Semaphore(cell, 'w', 'w', ' ', to);
                break;
            case OperationCode.snapshot_begin:
                Access(_machine.WaitCell(thread, (SectionKinds)operation.A), true, to);
                AllSections(true, to);
                break;
            case OperationCode.snapshot_wait:
                Access(_machine.WaitCell(thread, (SectionKinds)operation.A), false, to);
                AllSections(false, to);
                break;
            case OperationCode.call_rcu:
                foreach (var callback in _machine.Callbacks)
                {
                    Access(callback.Action, true, to);
                    Access(callback.Object, true, to);
                    Access(callback.Snapshot, true, to);
                }

                AllSections(true, to);
                Add(Callbacks.OperationOf(_machine, operation.A, operation.B), thread, to);
                break;
            case OperationCode.kmem_cache_alloc:
                foreach (var slot in ((SlabCache)_machine.Object((int)operation.A)!).Slots)
                {
                    AddToPool(slot, to);
                    if (slot.Cache.Options.Reuse)
                    {
                        AddDiscard(slot, to);
                    }
                }

                break;
            case OperationCode.kmem_cache_free:
                Free((KernelObject)_machine.Object((int)operation.A)!, to);
                break;
            case OperationCode.list_get or OperationCode.list_count:
                Range(cell, 1 + (int)_machine.Places[cell].Span, false, to);
                break;
            case OperationCode.list_add or OperationCode.list_add_tail or OperationCode.list_del:
                Range(cell, 1 + (int)_machine.Places[cell].Span, true, to);
                break;
            case OperationCode.Until when operation.B == 0:
                foreach (var read in ((Predicate)_machine.Object((int)operation.A)!).Reads)
                {
                    Access(read.Cell, false, to);
                }

                break;
            case OperationCode.Until:
                Access(cell, false, to);
                break;
            case OperationCode.mmu_store or OperationCode.mmu_load:
                var own = (Tlb)_machine.Object(operation.Object)!;
                Translations(own, to);
                Access(own.loaded_mm.Cell, true, to);
                Walk(to);
                foreach (var folio in _machine.ObjectsOf<Folio>())
                {
                    AddLifetime(folio.Id, to);
                    for (var page = 0; page < folio.Pages; page++)
                    {
                        Access(folio.data_of(page).Cell, operation.Code == OperationCode.mmu_store, to);
                    }

                }

                break;
            case OperationCode.flush_tlb_pages or OperationCode.flush_tlb_all or OperationCode.tlb_entry_changes:
                foreach (var tlb in _machine.ObjectsOf<Tlb>())
                {
                    Translations(tlb, to);
                    Access(tlb.loaded_mm.Cell, false, to);
                }

                if (operation.Code == OperationCode.tlb_entry_changes)
                {
                    Walk(to);
                }

                break;
            default:
                throw new UnreachableException($"{operation.Code}");
        }
    }

    /// <summary>Adds that a thread enters or leaves a section, which waits that begin or end can see.</summary>
    public void AddSections(int thread, FootprintBuilder to) => to.Write(_firstThread + thread);

    /// <summary>Adds that a ghost cell is written.</summary>
    public void AddGhost(int cell, FootprintBuilder to) => Access(cell, true, to);

    /// <summary>
    /// Adds what the environment's threads can do of what waits in a state: the callbacks that were queued, and the slab pages
    /// of freed objects that may go.
    /// </summary>
    public void AddWaiting(State state, bool callbacks, bool discards, FootprintBuilder to)
    {
        foreach (var callback in callbacks ? _machine.Callbacks : [])
        {
            if (state.Get(callback.Action) != 0)
            {
                Access(callback.Action, true, to);
                Access(callback.Object, true, to);
                Waiters(state.Get(callback.Snapshot), to);
                Add(Callbacks.OperationOf(_machine, state.Get(callback.Action), state.Get(callback.Object)), 0, to);
            }
        }

        foreach (var slot in discards ? _machine.Discardable : [])
        {
            if (Slab.MayEverDiscard(slot, state.Get(slot.Lifetime)))
            {
                Access(slot.Lifetime, true, to);
                AddToPool(slot, to);
                Waiters(state.Get(slot.Snapshot), to);
            }
        }
    }

    /// <summary>Adds, as read, the words or bits that a lock's state is in.</summary>
    public void AddLock(int cell, long bit, FootprintBuilder to)
    {
        if (bit != 0)
        {
            Bits(cell, bit, false, to);
        }
        else
        {
            Access(cell, false, to);
        }
    }

    /// <summary>Adds what queueing for a lock that another holds does.</summary>
    public void AddQueueing(int cell, FootprintBuilder to)
    {
        Semaphore(cell, 'r', 'r', 'w', to);
    }

    /// <summary>Adds what an attempt to take a lock that another holds looks at: of an rwsem, all of it.</summary>
    public void AddFailing(in Operation operation, FootprintBuilder to)
    {
        if (operation.Code is OperationCode.down_read_trylock or OperationCode.down_write_trylock)
        {
            Semaphore(operation.Cell, 'r', 'r', 'r', to);
        }
        else
        {
            AddLock(operation.Cell, operation.A, to);
        }
    }

    private void AddWatched(FootprintBuilder to)
    {
        foreach (var callback in _machine.Callbacks)
        {
            Access(callback.Action, false, to);
        }

        foreach (var slot in _machine.Discardable)
        {
            Access(slot.Lifetime, false, to);
        }
    }

    private void Waiters(long threads, FootprintBuilder to)
    {
        for (var thread = 0; thread < _machine.ThreadCount; thread++)
        {
            if ((threads >> thread & 1) != 0)
            {
                to.Read(_firstThread + thread);
            }
        }
    }

    private void Free(KernelObject handle, FootprintBuilder to)
    {
        if (handle.Slot is not { } slot)
        {
            return; // a model fault
        }

        Access(slot.Lifetime, true, to);
        AddToPool(slot, to);
        AddDiscard(slot, to);
        for (var own = slot.FirstCell; !slot.Cache.Options.TypeSafeByRcu && own < slot.FirstCell + slot.CellCount; own++)
        {
            if (_machine.Cells[own - 1].Role != CellRole.Ghost)
            {
                Access(own, true, to);
            }
        }
    }

    private void AddDiscard(SlabSlot slot, FootprintBuilder to)
    {
        if (slot.Snapshot != 0)
        {
            Access(slot.Snapshot, true, to);
            AllSections(true, to);
        }
    }

    /// <summary>Adds that the lifetime of an object is read.</summary>
    public void AddLifetime(int @object, FootprintBuilder to)
    {
        if (_machine.Lifetimes[@object] is var lifetime and not 0)
        {
            to.Read(lifetime);
            to.Read((_objectWords << 6) + _slotOf[lifetime]);
        }
    }

    private void AddToPool(SlabSlot slot, FootprintBuilder to)
    {
        to.Read((_objectWords << 6) + _slotOf[slot.Lifetime]);
        to.Write((_poolWords << 6) + _slotOf[slot.Lifetime]);
    }

    private void Translations(Tlb tlb, FootprintBuilder to)
    {
        for (var address = 0; address < tlb.entry.Length; address++)
        {
            Access(tlb.entry[address].Cell, true, to);
        }
    }

    // Which page table a CPU walks is in the state: any of them, whose ptes it marks.
    private void Walk(FootprintBuilder to)
    {
        foreach (var mm in _machine.ObjectsOf<Mm>())
        {
            for (var i = 0; i < mm.PTRS_PER_PMD; i++)
            {
                Access(mm.pmd_at(i).Cell, false, to);
            }
        }

        foreach (var table in _machine.ObjectsOf<PageTable>())
        {
            AddLifetime(table.Id, to);
            for (var address = 0; address < table.pte.Length; address++)
            {
                Access(table.pte[address].Cell, true, to);
            }
        }
    }

    private void AllSections(bool writes, FootprintBuilder to)
    {
        for (var thread = 0; thread < _machine.ThreadCount; thread++)
        {
            Touch(_firstThread + thread, writes, to);
        }
    }

    // How an operation touches the writer, the readers and the waiting writers: ' ', 'r' or 'w' each.
    private void Semaphore(int cell, char writer, char readers, char waiting, FootprintBuilder to)
    {
        foreach (var (at, how) in ((int, char)[])[(cell, writer), (cell + RwSemaphore.Readers, readers), (cell + RwSemaphore.Waiting, waiting)])
        {
            if (how != ' ')
            {
                Touch(at, how == 'w', to);
            }
        }
    }

    private void Range(int first, int count, bool writes, FootprintBuilder to)
    {
        for (var cell = first; cell < first + count; cell++)
        {
            Access(cell, writes, to);
        }
    }

    private void Access(int cell, bool writes, FootprintBuilder to)
    {
        if (_firstBit[cell] == 0)
        {
            Touch(cell, writes, to);
        }
        else
        {
            Bits(cell, -1, writes, to);
        }
    }

    private void Bits(int cell, long mask, bool writes, FootprintBuilder to)
    {
        if (_firstBit[cell] == 0)
        {
            Touch(cell, writes, to);
            return;
        }

        for (var bit = 0; bit < _bitCount[cell]; bit++)
        {
            if ((mask >> bit & 1) != 0)
            {
                Touch(_firstBit[cell] + bit, writes, to);
            }
        }
    }

    private static void Touch(int thing, bool writes, FootprintBuilder to)
    {
        if (writes)
        {
            to.Write(thing);
        }
        else
        {
            to.Read(thing);
        }
    }
}
