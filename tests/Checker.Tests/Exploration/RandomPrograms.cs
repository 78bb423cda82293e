using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;
using static ThpCheck.Model.Primitives.Atomics;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;
using static ThpCheck.Model.Primitives.Spinlocks;

namespace ThpCheck.Checker.Tests.Exploration;

/// <summary>Small programs over two cells and two locks, each the same for the same seed.</summary>
internal static class RandomPrograms
{
    /// <summary>One instruction; each is one step.</summary>
    internal enum Do
    {
        LoadX,
        StoreX,
        LoadY,
        StoreY,
        IncrementX,
        ChooseValue,
        LockA,
        LockB,
        UnlockA,
        UnlockB,
        Nothing,
    }

    /// <summary>
    /// Two or three threads of three to five instructions. A third of the programs uses locks anyhow, a third in pairs, and a
    /// third takes both locks, one inside the other, in either order.
    /// </summary>
    /// <param name="seed">Which program.</param>
    /// <param name="kinds">Whether the last thread is an optional or the environment in two thirds of the programs; otherwise all are tasks.</param>
    /// <param name="twins">Whether all threads run the first one's program.</param>
    public static Instance Make(int seed, bool kinds = false, bool twins = false)
    {
        var random = new Random(seed);
        var style = seed % 3;
        var threads = style == 2 ? 2 : 2 + (seed % 2);
        var programs = Enumerable.Range(0, threads).Select(_ => style switch
        {
            0 => Anyhow(random, threads == 2 ? 4 : 3),
            1 => InPairs(random, threads == 2 ? 4 : 3),
            _ => Nested(random),
        }).ToArray();
        if (twins)
        {
            Array.Fill(programs, programs[0]);
        }

        var last = kinds ? (ThreadKind)(seed / 3 % 3) : ThreadKind.Task;
        return Small.Instance(
            b =>
            {
                Array.ForEach([.. programs.Distinct()], p => b.Register(p));
                return b.Object("shared", at => new Words(at));
            },
            [.. programs.Select((p, i) => new Role<Words>($"t{i}", m => m.Run(p), i == threads - 1 ? last : ThreadKind.Task))],
            m => m.Promises);
    }

    private static Do[] Anyhow(Random random, int length) => [.. Enumerable.Range(0, length).Select(_ => (Do)random.Next((int)Do.Nothing + 1))];

    // A pair of lock and unlock is around what stands between two places, or around nothing.
    private static Do[] InPairs(Random random, int most)
    {
        var program = new List<Do>();
        while (program.Count < most)
        {
            var next = (Do)random.Next((int)Do.LockB + 1);
            if (next < Do.LockA)
            {
                program.Add(next);
            }
            else if (program.Count + 2 <= most)
            {
                var at = random.Next(program.Count + 1);
                program.Insert(at, next);
                program.Insert(random.Next(at + 1, program.Count + 1), next + 2);
            }
        }

        return [.. program];
    }

    private static Do[] Nested(Random random)
    {
        var (outer, inner) = random.Next(2) == 0 ? (Do.LockA, Do.LockB) : (Do.LockB, Do.LockA);
        return [outer, (Do)random.Next((int)Do.LockA), inner, inner + 2, outer + 2];
    }

    private sealed class Words(Layout at) : KernelObject(at)
    {
        private readonly Shared<int> _x = at.Cell(0, 20, 0, "x");
        private readonly Shared<int> _y = at.Cell(0, 20, 0, "y");
        private readonly spinlock_t _a = new(at, "a");
        private readonly spinlock_t _b = new(at, "b");

        public IReadOnlyList<Property> Promises =>
        [
            Property.Always("x-stays-below-2", view => view.Get(_x) < 2 ? null : $"x is {view.Get(_x)}"),
            Property.Always("y-is-not-ahead", view => view.Get(_y) <= view.Get(_x) ? null : "y is ahead"),
            Property.Finally("x-is-y", view => view.Get(_x) == view.Get(_y) ? null : $"x is {view.Get(_x)} and y is {view.Get(_y)}"),
            Property.Outcomes("values", view => [view.Get(_x), view.Get(_y)]),
        ];

        public async KernelTask Run(Do[] program)
        {
            var value = 0;
            for (var i = 0; i < program.Length; i++)
            {
                switch (program[i])
                {
                    case Do.LoadX: value = await load(_x); break;
                    case Do.StoreX: await store(_x, value + 1); break;
                    case Do.LoadY: value = await load(_y); break;
                    case Do.StoreY: await store(_y, value + 1); break;
                    case Do.IncrementX: await atomic_inc(_x); break;
                    case Do.ChooseValue: value = await Choose(2); break;
                    case Do.LockA: await spin_lock(_a); break;
                    case Do.LockB: await spin_lock(_b); break;
                    case Do.UnlockA: await spin_unlock(_a); break;
                    case Do.UnlockB: await spin_unlock(_b); break;
                    default: await Yield(); break;
                }
            }
        }
    }
}
