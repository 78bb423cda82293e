using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;
using static ThpCheck.Model.Primitives.Spinlocks;

namespace ThpCheck.Bench;

/// <summary>
/// counters(K, N, L): K threads, L locks with a counter each; thread i does N rounds of lock, t = c, t = t + 1, c = t, unlock
/// on lock i mod L. Five steps a round.
/// </summary>
public sealed class Counters(Layout at, int most) : KernelObject(at)
{
    private readonly spinlock_t _lock = new(at, "lock");
    private readonly Shared<int> _c = at.Cell(0, most, 0, "c");

    /// <summary>The machine and its threads.</summary>
    public static Instance Instance(int threads, int rounds, int locks)
    {
        var builder = new MachineBuilder { RcuCallbacks = 0 };
        for (var i = 0; i < threads; i++)
        {
            builder.Thread($"p{i}");
        }

        var counters = Enumerable.Range(0, locks).Select(i => builder.Object($"counter{i}", at => new Counters(at, threads * rounds))).ToArray();
        var machine = builder.Build();
        return new(machine, stepper =>
        {
            for (var i = 0; i < threads; i++)
            {
                var counter = counters[i % locks];
                stepper.Begin(i, () => counter.Rounds(rounds));
            }
        });
    }

    /// <summary>States and transitions by the formula: G^L and L * 5kN(N+1)^(k-1) * G^(L-1), with k = K/L and G = (N+1)^k + 4kN(N+1)^(k-1).</summary>
    public static (long States, long Transitions) Formula(int threads, int rounds, int locks)
    {
        var k = threads / locks;
        var others = Power(rounds + 1, k - 1);
        var g = (others * (rounds + 1)) + (4L * k * rounds * others);
        return (Power(g, locks), locks * 5L * k * rounds * others * Power(g, locks - 1));
    }

    private static long Power(long x, int n) => n == 0 ? 1 : x * Power(x, n - 1);

    private async KernelTask Rounds(int n)
    {
        for (var r = 0; r < n; r++)
        {
            await spin_lock(_lock);
            var t = await load(_c);
            await Yield();
            t++;
            await store(_c, t);
            await spin_unlock(_lock);
        }
    }
}
