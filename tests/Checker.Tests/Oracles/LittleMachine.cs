using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;
using static ThpCheck.Model.Primitives.Atomics;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.FolioLock;
using static ThpCheck.Model.Primitives.GuardedLists;
using static ThpCheck.Model.Primitives.Interrupts;
using static ThpCheck.Model.Primitives.MemoryAccess;
using static ThpCheck.Model.Primitives.Rcu;
using static ThpCheck.Model.Primitives.RwSemaphores;
using static ThpCheck.Model.Primitives.Slab;
using static ThpCheck.Model.Primitives.Spinlocks;

namespace ThpCheck.Checker.Tests.Oracles;

/// <summary>A little program on the engine: one path that interprets it.</summary>
internal static class LittleMachine
{
    /// <summary>How many callbacks can wait.</summary>
    public const int Callbacks = 2;

    /// <summary>The threads' names: those of the program, of the callbacks, of the slab pages.</summary>
    public static IReadOnlyList<string> ThreadNames(LittleProgram program) =>
    [
        .. program.Threads.Select((_, i) => $"t{i}"), .. program.HasCallbacks ? (string[])["rcu"] : [], .. program.HasDiscards ? (string[])["slab"] : [],
    ];

    public static Instance Make(LittleProgram program, bool keepsDeadFields = false, Mutation? mutation = null)
    {
        // Threads that do the same run the same code: nothing tells them apart.
        var distinct = new List<Code>();
        var codes = program.Threads.Select(t => CodeOf(t.Body)).ToArray();
        return Small.Instance<Board>(
            b =>
            {
                distinct.ForEach(c => b.Register(c, "code"));
                var items = b.Cache("item", at => new Item(at), program.Items);
                var shared = b.Object("shared", at => new Board(at, items));
                shared.free = b.Register(new RcuAction(new Operation(OperationCode.kmem_cache_free)), "free");
                shared.count = b.Register(new RcuAction(new Operation(OperationCode.atomic_inc, MemoryOrder.Relaxed, 0, shared.y.Cell, 1)), "count");
                shared.alike = b.Register(new Predicate([CellRef.Of(shared.x), CellRef.Of(shared.y)], static values => values[0] == values[1]), "alike");
                return shared;
            },
            [
                .. program.Threads.Select((t, i) => new Role<Board>($"t{i}", s => s.Run(codes[i]), t.Kind)),
                .. program.HasCallbacks ? [new Role<Board>("rcu", _ => rcu_core(), ThreadKind.Environment)] : (Role<Board>[])[],
                .. program.HasDiscards ? [new Role<Board>("slab", _ => discard_slabs(), ThreadKind.Environment)] : (Role<Board>[])[],
            ],
            s => s.Promises,
            program.Published ? s => s.SetUp() : null,
            new MachineBuilder
            {
                RcuCallbacks = Callbacks,
                WaitingWritersHoldOffReaders = program.HoldOff,
                Tolerated = program.Tolerated.ToHashSet(),
                KeepsDeadFields = keepsDeadFields,
                Mutation = mutation,
            });

        Code CodeOf(IReadOnlyList<Instruction> body)
        {
            if (distinct.Find(c => c.Does(body)) is not { } code)
            {
                distinct.Add(code = new Code([.. body]));
            }

            return code;
        }
    }

    [Flags]
    private enum Bits
    {
        First = 1,
        Second = 2,
        Third = 4,
    }

    private sealed class Code(Instruction[] body) : ModelObject
    {
        public int Length => body.Length;

        public Instruction this[int at] => body[at];

        public bool Does(IReadOnlyList<Instruction> other) => body.SequenceEqual(other);

        // Where a jump back ends: one before the instruction that is next.
        public int Back(int at) => Math.Max(0, at - body[at].Target - 1) - 1;
    }

    private sealed class Item(Layout at) : KernelObject(at)
    {
        public readonly Shared<int> v = at.Cell(0, 3, 0, "v");
        public readonly Shared<Bits> flags = at.Cell<Bits>(default, "flags");
        public readonly spinlock_t @lock = new(at, "lock");
        public readonly rw_semaphore sem = new(at, "sem");
    }

    private sealed class Board(Layout at, SlabCache<Item> items) : KernelObject(at)
    {
        public readonly Shared<int> x = at.Cell(0, 6, 0, "x");
        public readonly Shared<int> y = at.Cell(-3, 6, 0, "y");
        public RcuAction free = null!;
        public RcuAction count = null!;
        public Predicate alike = null!;
        private readonly Shared<Bits> _flags = at.Cell<Bits>(default, "flags");
        private readonly spinlock_t _a = new(at, "a");
        private readonly spinlock_t _b = new(at, "b");
        private readonly rw_semaphore _sem = new(at, "sem");
        private readonly Shared<Item?> _p = at.Cell<Item?>(null, "p");
        private readonly guarded_list<Item> _list = new(at, 2, "list");
        private readonly Ghost<int> _ghost = at.Ghost(0, 3, 0, "ghost");

        public IReadOnlyList<Property> Promises =>
        [
            Property.Always("x-stays-below-3", view => view.Get(x) < 3 ? null : "broken"),
            Property.Always("ghost-stays-below-2", view => view.Get(_ghost) < 2 ? null : "broken"),
            Property.AlwaysOutside("y-below-2-outside-the-region", "region", view => view.Get(y) < 2 ? null : "broken"),
            Property.AlwaysOutside("x-is-0-outside-a", "shared.a", view => view.Get(x) == 0 ? null : "broken") with { Class = PropertyClass.Hygiene },
            Property.AlwaysAt("event-while-x-is-not-1", "event", view => view.Get(x) != 1 && view.Argument is null ? null : "broken") with
            {
                Class = PropertyClass.Hygiene,
            },
            Property.AlwaysAt("path-ends-with-y-below-2", "Run/end", view => view.Get(y) < 2 ? null : "broken"),
            Property.Sometimes("x-is-2", view => view.Get(x) == 2) with { Class = PropertyClass.Fact },
            Property.Finally("x-is-y", view => view.Get(x) == view.Get(y) ? null : "broken") with { Class = PropertyClass.Hygiene },
            Property.Outcomes("memory", Memory),
        ];

        public async KernelTask SetUp()
        {
            var item = await kmem_cache_alloc(items);
            await WRITE_ONCE(_p, item);
        }

        public async KernelTask Run(Code code)
        {
            var result = 0;
            Item? item = null;
            var rounds = 0;
            for (var at = 0; at < code.Length; at++)
            {
                var (what, target, value) = code[at];
                if (code[at].NeedsItem && item is null)
                {
                    continue;
                }

                switch (what)
                {
                    case Do.Load when value == 1: result = await READ_ONCE(Cell(target, item)); break;
                    case Do.Load when value == 2: result = await smp_load_acquire(Cell(target, item)); break;
                    case Do.Load: result = await load(Cell(target, item)); break;
                    case Do.Store: await store(Cell(target, item), value); break;
                    case Do.StoreRelease: await smp_store_release(Cell(target, item), value); break;
                    case Do.StoreResult: await store(Cell(target, item), result); break;
                    case Do.Xchg: result = await xchg(Cell(target, item), value); break;
                    case Do.CmpXchg: result = await cmpxchg(Cell(target, item), value, value + 1); break;
                    case Do.AtomicRead: result = await atomic_read(Cell(target, item)); break;
                    case Do.AtomicSet: await atomic_set(Cell(target, item), value); break;
                    case Do.AtomicInc: await atomic_inc(Cell(target, item)); break;
                    case Do.AtomicDec: await atomic_dec(Cell(target, item)); break;
                    case Do.AtomicAdd: await atomic_add(value, Cell(target, item)); break;
                    case Do.AddReturn: result = await atomic_add_return(value, Cell(target, item)); break;
                    case Do.IncReturn: result = await atomic_inc_return(Cell(target, item)); break;
                    case Do.DecReturn: result = await atomic_dec_return(Cell(target, item)); break;
                    case Do.IncAndTest: result = await atomic_inc_and_test(Cell(target, item)) ? 1 : 0; break;
                    case Do.DecAndTest: result = await atomic_dec_and_test(Cell(target, item)) ? 1 : 0; break;
                    case Do.AddNegative: result = await atomic_add_negative(value, Cell(target, item)) ? 1 : 0; break;
                    case Do.IncNotZero: result = await atomic_inc_not_zero(Cell(target, item)) ? 1 : 0; break;

                    case Do.TestBit: result = await test_bit(Bit(target), Word(target, item)) ? 1 : 0; break;
                    case Do.SetBit: await set_bit(Bit(target), Word(target, item)); break;
                    case Do.ClearBit: await clear_bit(Bit(target), Word(target, item)); break;
                    case Do.TestAndSetBit: result = await test_and_set_bit(Bit(target), Word(target, item)) ? 1 : 0; break;
                    case Do.TestAndClearBit: result = await test_and_clear_bit(Bit(target), Word(target, item)) ? 1 : 0; break;
                    case Do.BitSpinLock: await bit_spin_lock(Bit(target), Word(target, item)); break;
                    case Do.BitSpinTrylock: result = await bit_spin_trylock(Bit(target), Word(target, item)) ? 1 : 0; break;
                    case Do.BitSpinUnlock: await bit_spin_unlock(Bit(target), Word(target, item)); break;
                    case Do.FolioLock: await bit_lock(Bit(target), Word(target, item)); break;
                    case Do.FolioTrylock: result = await bit_trylock(Bit(target), Word(target, item)) ? 1 : 0; break;
                    case Do.FolioUnlock: await bit_unlock(Bit(target), Word(target, item)); break;
                    case Do.LoadFlags: result = (int)await load(_flags); break;

                    case Do.SpinLock: await spin_lock(Spin(target, item)); break;
                    case Do.SpinTrylock: result = await spin_trylock(Spin(target, item)) ? 1 : 0; break;
                    case Do.SpinUnlock: await spin_unlock(Spin(target, item)); break;
                    case Do.DownRead: await down_read(Sem(target, item)); break;
                    case Do.DownReadTrylock: result = await down_read_trylock(Sem(target, item)) ? 1 : 0; break;
                    case Do.UpRead: await up_read(Sem(target, item)); break;
                    case Do.DownWrite: await down_write(Sem(target, item)); break;
                    case Do.DownWriteTrylock: result = await down_write_trylock(Sem(target, item)) ? 1 : 0; break;
                    case Do.UpWrite: await up_write(Sem(target, item)); break;
                    case Do.DowngradeWrite: await downgrade_write(Sem(target, item)); break;
                    case Do.RwsemIsLocked: result = await rwsem_is_locked(Sem(target, item)) ? 1 : 0; break;

                    case Do.RcuReadLock: await rcu_read_lock(); break;
                    case Do.RcuReadUnlock: await rcu_read_unlock(); break;
                    case Do.PreemptDisable: await preempt_disable(); break;
                    case Do.PreemptEnable: await preempt_enable(); break;
                    case Do.IrqDisable: await local_irq_disable(); break;
                    case Do.IrqEnable: await local_irq_enable(); break;
                    case Do.SynchronizeRcu: await synchronize_rcu(); break;
                    case Do.SmpCallFunction: await smp_call_function(); break;
                    case Do.CallRcu: await call_rcu(item!, target == 0 ? free : count); break;

                    case Do.Alloc: item = await kmem_cache_alloc(items); break;
                    case Do.Free: await kmem_cache_free(item!); break;
                    case Do.Publish: await WRITE_ONCE(_p, item); break;
                    case Do.Fetch: item = await READ_ONCE(_p); break;
                    case Do.TakeOut: item = await xchg(_p, null); break;
                    case Do.PublishOnce: result = await cmpxchg(_p, null, item) is null ? 1 : 0; break;
                    case Do.Withdraw: result = await cmpxchg(_p, item, null) == item ? 1 : 0; break;
                    case Do.Forget: item = null; break;
                    case Do.Follow: result = await load(item!.v); break;

                    case Do.ListAdd when target == 0: await list_add(_list, item!, _a); break;
                    case Do.ListAdd: await list_add(_list, item!, _sem); break;
                    case Do.ListAddTail when target == 0: await list_add_tail(_list, item!, _a); break;
                    case Do.ListAddTail: await list_add_tail(_list, item!, _sem); break;
                    case Do.ListDel when target == 0: await list_del(_list, item!, _a); break;
                    case Do.ListDel: await list_del(_list, item!, _sem); break;
                    case Do.ListGet: item = await list_get(_list, target); break;
                    case Do.ListCount: result = await list_count(_list); break;

                    case Do.Choose: result = await Choose(target + 2); break;
                    case Do.Until: await Until(Cell(target, item), Comparison.Equal, value); break;
                    case Do.UntilNot: await Until(Cell(target, item), Comparison.NotEqual, value); break;
                    case Do.UntilClear: await Until(Word(target, item), Comparison.BitsClear, Bit(target)); break;
                    case Do.UntilSet: await Until(Word(target, item), Comparison.BitsSet, Bit(target)); break;
                    case Do.UntilAlike: await Until(alike); break;
                    case Do.UntilPublished: await Until(_p, Comparison.NotEqual, null); break;
                    case Do.UntilItem: await Until(_p, Comparison.Equal, item); break;
                    case Do.Yield: await Yield(); break;

                    case Do.Barrier: await smp_mb(); break;
                    case Do.GhostSet: Ghost(_ghost, value); break;
                    case Do.GhostAdd: GhostAdd(_ghost, value); break;
                    case Do.Event: Oracle("event", target == 0 ? null : item); break;
                    case Do.Enter: Enter("region"); break;
                    case Do.Leave: Leave("region"); break;
                    case Do.BugOn: BUG_ON(result == value, "result"); break;
                    case Do.WarnOn: WARN_ON(result == value, "result"); break;
                    case Do.MightSleep: might_sleep(); break;
                    case Do.SkipIf: at += result == value ? target + 1 : 0; break;
                    case Do.Again when rounds < value:
                        rounds++;
                        await Yield();
                        at = code.Back(at);
                        break;
                    case Do.RepeatUnless when result != value:
                        await Yield();
                        at = code.Back(at);
                        break;
                    default: break;
                }
            }
        }

        private Shared<int> Cell(int target, Item? item) => target switch { 0 => x, 1 => y, _ => item!.v };

        private static Bits Bit(int target) => (Bits)(1 << (target % 3));

        private Shared<Bits> Word(int target, Item? item) => target < 3 ? _flags : item!.flags;

        private spinlock_t Spin(int target, Item? item) => target switch { 0 => _a, 1 => _b, _ => item!.@lock };

        private rw_semaphore Sem(int target, Item? item) => target == 0 ? _sem : item!.sem;

        // Every word of shared memory that outlives the threads.
        private IReadOnlyList<long> Memory(StateView view) =>
        [
            view.Get(x), view.Get(y), (long)view.Get(_flags), view.Get(_a.Locked), view.Get(_b.Locked), .. SemOf(view, _sem), Pointer(view.Get(_p)),
            view.Get(_list.Count), Element(view, 0), Element(view, 1), view.Get(_ghost),
            .. items.Slots.SelectMany(s => SlotOf(view, s)),
        ];

        private static IEnumerable<long> SlotOf(StateView view, SlabSlot slot)
        {
            var item = (Item)slot.Generations[0];
            return [view.Word(slot.Lifetime), view.Get(item.v), (long)view.Get(item.flags), view.Get(item.@lock.Locked), .. SemOf(view, item.sem)];
        }

        private static IEnumerable<long> SemOf(StateView view, rw_semaphore sem) =>
            [view.Get(sem.Writer), view.Word(sem.Writer.Cell + 1), view.Word(sem.Writer.Cell + 2)];

        private long Element(StateView view, int index) => Pointer((Item?)view.Machine.Object((int)view.Word(_list.Count.Cell + 1 + index)));

        private long Pointer(Item? item) => item is null ? 0 : 1 + (item.Slot!.Index * items.Options.Generations) + item.Generation;
    }
}
