using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;
using static ThpCheck.Model.Primitives.Rcu;
using static ThpCheck.Model.Primitives.Slab;
using static ThpCheck.Model.Primitives.Spinlocks;

namespace ThpCheck.Checker.Tests.Litmus;

/// <summary>Objects that are freed under a reader, and what protects it.</summary>
public sealed class SlabTests
{
    /// <summary>What the writer does between unpublishing an object and its free.</summary>
    public enum Grace
    {
        None,
        Wait,
        Callback,
    }

    /// <remarks>
    /// The reader is before, inside, has the node, has null, has read the value, is after with or without it: 0 1 n x v s -. The
    /// writer is before, has cleared the pointer, waits for the reader, waits for nobody, waited, freed:
    /// <code>
    /// before      0 1 n   v s      5   ways out 2 2 2 2 1
    /// cleared     0 1 n x v s -    7            2 2 2 2 2 1 1
    /// waits, +      1 n x v        4            1 1 1 1
    /// waits       0 1   x   s -    5            2 2 2 1 1
    /// waited      0 1   x   s -    5            2 2 2 1 1
    /// freed       0 1   x   s -    5            1 1 1 0 0
    /// </code>
    /// 31 states, 44 steps: no freed row has n. A callback leaves the row "waited" out: 26 states, 36 steps.
    /// </remarks>
    [Theory]
    [InlineData(Grace.Wait, 31, 44)]
    [InlineData(Grace.Callback, 26, 36)]
    public void A_reader_sees_the_old_object_or_none_and_never_a_freed_one(Grace grace, long states, long transitions)
    {
        var result = Small.Expect(Unpublish(grace), VariantVerdict.Holds, states, transitions);

        Assert.Equal("-1 1", result.Outcomes("seen"));
    }

    [Fact]
    public void A_free_without_a_grace_period_is_a_use_after_free_that_needs_two_switches()
    {
        var result = Small.Judged(Unpublish(Grace.None));

        var bug = result["no-use-after-free"].Counterexample!;
        Assert.Equal(VariantVerdict.Violated, result.Verdict);
        Assert.Equal(("reader*2,writer*2,reader", 2, 5), (bug.Schedule, bug.Switches, bug.Steps));
        Assert.Equal("use after free: reader in ReadNode() does load(node0.value), but node0 was freed by writer in Unpublish() (step 4)", bug.Trace.Ending);
    }

    /// <remarks>
    /// Set-up publishes a node with value 1. The owner frees it, allocates again (the same node: the cache has one) and stores 2
    /// into it. A reader that kept its pointer reads 1 until then, and then the new node's 2. By the reader's steps: 4 places of
    /// the owner before its load, 4 after it, and 5 at its end, as 1 or 2 can have been read when the owner is done: 13.
    /// Ways out: 2 2 2 1, 2 2 2 1, 1 1 1 0 0: 17.
    /// </remarks>
    [Fact]
    public void A_stale_reference_into_a_type_safe_cache_reads_the_new_incarnation()
    {
        var result = Small.Expect(Reuse(typeSafe: true, reuse: true), VariantVerdict.Holds, states: 13, transitions: 17);

        Assert.Equal("1 2", result.Outcomes("seen"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_stale_reference_into_an_ordinary_cache_is_a_use_after_free_whether_or_not_the_node_is_used_again(bool reuse)
    {
        var result = Small.Judged(Reuse(typeSafe: false, reuse));

        var bug = result["no-use-after-free"].Counterexample!;
        Assert.Equal(("owner,reader*2", 1, 3), (bug.Schedule, bug.Switches, bug.Steps));
    }

    [Fact]
    public void A_pool_that_is_used_up_makes_the_answer_incomplete_and_never_a_pass()
    {
        var result = Small.Judged(Reuse(typeSafe: true, reuse: false));

        Assert.Equal(VariantVerdict.Incomplete, result.Verdict);
        Assert.Equal("scope too small: the pool node is used up", result.Incomplete);
        Assert.All(result.Properties.Where(p => p.Property.Form == PropertyForm.KernelBug), p => Assert.Equal(Verdict.Incomplete, p.Verdict));
    }

    /// <remarks>Two free nodes, one of them fresh: an allocation is the fresh one or the freed one, so both names are seen.</remarks>
    [Fact]
    public void An_allocation_may_give_a_fresh_object_or_any_freed_one()
    {
        var instance = Small.Instance(
            b => Lay(b, new SlabOptions(2, Generations: 2, Reuse: true)),
            [new("a", m => m.AllocateAgain())],
            m => [m.WhichNode],
            m => m.Publish(1));

        var result = Small.Judged(instance);

        Assert.Equal("0 1", result.Outcomes("node"));
    }

    [Fact]
    public void A_slab_page_of_a_type_safe_cache_goes_only_after_the_sections_that_were_open_at_the_free()
    {
        Instance Discarding(bool inSection) => Small.Instance(
            b => Lay(b, new SlabOptions(1, TypeSafeByRcu: true, Discard: true)),
            [
                new("reader", m => inSection ? m.ReadInSection() : m.ReadNode()),
                new("owner", m => m.Unpublish(Grace.None)),
                new("slab", _ => discard_slabs(), ThreadKind.Environment),
            ],
            m => [m.Seen],
            m => m.Publish(1));

        var inside = Small.Judged(Discarding(true));
        var outside = Small.Judged(Discarding(false));

        Assert.Equal(VariantVerdict.Holds, inside.Verdict);
        var bug = outside["no-use-after-free"].Counterexample!;
        Assert.Equal(("reader,owner*2,slab,reader", 2, 5), (bug.Schedule, bug.Switches, bug.Steps));
        Assert.EndsWith("the slab page of node0 was given back (step 4)", bug.Trace.Ending, StringComparison.Ordinal);
    }

    [Fact]
    public void Freeing_an_object_with_a_held_lock_inside_is_a_bug()
    {
        var result = Small.Judged(HeldLock(tolerated: false));

        var bug = result["no-free-of-held-lock"].Counterexample!;
        Assert.Equal(("holder,owner", 1, 2), (bug.Schedule, bug.Switches, bug.Steps));
        Assert.Equal("held lock freed: owner in Free() frees node0 while node0.lock is not 0", bug.Trace.Ending);
    }

    /// <remarks>Tolerated, the free goes on; then the holder's unlock and a waiter's lock are uses after free, and the waiter's is seen at once.</remarks>
    [Fact]
    public void Releasing_and_waiting_for_a_lock_that_was_freed_is_a_use_after_free()
    {
        var result = Small.Judged(HeldLock(tolerated: true));

        var bug = result["no-use-after-free"].Counterexample!;
        Assert.Equal(("owner,holder", 1, 2), (bug.Schedule, bug.Switches, bug.Steps));
        var stepper = HeldLock(tolerated: true).Begin();
        var (holder, owner, waiter) = (0, 1, 2);
        stepper.Step(holder);
        Assert.False(stepper.IsEnabled(waiter));
        Assert.True(stepper.Step(owner).Meets(KernelBug.FreeOfHeldLock));
        Assert.True(stepper.IsEnabled(waiter));
        Assert.Equal(KernelBug.UseAfterFree, stepper.Step(waiter).Bug);
    }

    [Fact]
    public void Freeing_twice_is_a_bug()
    {
        var instance = Small.Instance(
            b => Lay(b, new SlabOptions(1)),
            [new("a", m => m.Free()), new("b", m => m.Free())],
            _ => [],
            m => m.Publish(1));

        var bug = Small.Judged(instance)["no-double-free"].Counterexample!;

        Assert.Equal(("a,b", 1, 2), (bug.Schedule, bug.Switches, bug.Steps));
        Assert.Equal("double free: b in Free() does kmem_cache_free(node0), but node0 was freed by a in Free() (step 1)", bug.Trace.Ending);
    }

    internal static Instance Unpublish(Grace grace) => Small.Instance(
        b => Lay(b, new SlabOptions(1)),
        [new("reader", m => m.ReadInSection()), new("writer", m => m.Unpublish(grace)), new("rcu", _ => rcu_core(), ThreadKind.Environment)],
        m => [m.Seen],
        m => m.Publish(1),
        new MachineBuilder { RcuCallbacks = 1 });

    internal static Instance Reuse(bool typeSafe, bool reuse) => Small.Instance(
        b => Lay(b, new SlabOptions(1, Generations: 2, Reuse: reuse, TypeSafeByRcu: typeSafe)),
        [new("reader", m => m.ReadNode()), new("owner", m => m.FreeAndAllocate())],
        m => [m.Seen],
        m => m.Publish(1));

    internal static Instance HeldLock(bool tolerated) => Small.Instance(
        b => Lay(b, new SlabOptions(1)),
        [new("holder", m => m.LockAndUnlock()), new("owner", m => m.Free()), new("waiter", m => m.LockAndUnlock())],
        _ => [],
        m => m.Publish(1),
        new MachineBuilder { RcuCallbacks = 0, Tolerated = tolerated ? new HashSet<KernelBug> { KernelBug.FreeOfHeldLock } : new HashSet<KernelBug>() });

    private static World Lay(MachineBuilder builder, SlabOptions options)
    {
        var cache = builder.Cache("node", at => new Node(at), options);
        var free = builder.Register(new RcuAction(new Operation(OperationCode.kmem_cache_free)), "node_free");
        return builder.Object("world", at => new World(at, cache, free));
    }

    private sealed class Node(Layout at) : KernelObject(at)
    {
        public readonly spinlock_t Lock = new(at, "lock");
        public readonly Shared<int> Value = at.Cell(0, 2, 0, "value");
    }

    private sealed class World(Layout at, SlabCache<Node> cache, RcuAction free) : KernelObject(at)
    {
        private readonly Shared<Node?> _pointer = at.Cell<Node?>(null, "pointer");
        private readonly Ghost<int> _seen = at.Ghost(-1, 2, -1, "seen");
        private readonly Ghost<int> _index = at.Ghost(0, 1, 0, "index");

        public Property Seen => Property.Outcomes("seen", view => [view.Get(_seen)]);

        public Property WhichNode => Property.Outcomes("node", view => [view.Get(_index)]);

        public async KernelTask Publish(int value)
        {
            var node = await kmem_cache_alloc(cache);
            await store(node.Value, value);
            await store(_pointer, node);
        }

        public async KernelTask ReadInSection()
        {
            await rcu_read_lock();
            await ReadNode();
            await rcu_read_unlock();
        }

        public async KernelTask ReadNode()
        {
            var node = await READ_ONCE(_pointer);
            if (node is not null)
            {
                Ghost(_seen, await load(node.Value));
            }
        }

        public async KernelTask Unpublish(Grace grace)
        {
            var node = await xchg(_pointer, null);
            if (grace == Grace.Callback)
            {
                await call_rcu(node!, free);
                return;
            }

            if (grace == Grace.Wait)
            {
                await synchronize_rcu();
            }

            await kmem_cache_free(node!);
        }

        public async KernelTask FreeAndAllocate()
        {
            await kmem_cache_free(cache.Slots[0].Generations[0]);
            var node = await kmem_cache_alloc(cache);
            await store(node.Value, 2);
        }

        public async KernelTask AllocateAgain()
        {
            await Free();
            var node = await kmem_cache_alloc(cache);
            Ghost(_index, node.Slot!.Index);
        }

        public async KernelTask Free() => await kmem_cache_free(cache.Slots[0].Generations[0]);

        public async KernelTask LockAndUnlock()
        {
            var node = (Node)cache.Slots[0].Generations[0];
            await spin_lock(node.Lock);
            await spin_unlock(node.Lock);
        }
    }
}
