using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using static ThpCheck.Model.Primitives.Atomics;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;

namespace ThpCheck.Bench;

/// <summary>
/// ctr(N, K): N threads, K unlocked rounds each of guard, t = x, x = t + 1, i++. A step for each of ctr.pml's transitions,
/// the local ones too.
/// </summary>
public sealed class Ctr(Layout at, int threads, int rounds) : KernelObject(at)
{
    private readonly Shared<int> _x = at.Cell(0, threads * rounds, 0, "x");
    private readonly Shared<int> _fin = at.Cell(0, threads, 0, "fin");

    /// <summary>The machine and its threads.</summary>
    public static Instance Instance(int threads, int rounds)
    {
        var builder = new MachineBuilder { RcuCallbacks = 0 };
        for (var i = 0; i < threads; i++)
        {
            builder.Thread($"p{i}");
        }

        var ctr = builder.Object("ctr", at => new Ctr(at, threads, rounds));
        return new(builder.Build(), stepper =>
        {
            for (var i = 0; i < threads; i++)
            {
                stepper.Begin(i, ctr.P);
            }
        });
    }

    private async KernelTask P()
    {
        await Yield(); // i = 0
        var (i, t) = (0, 0);
        while (true)
        {
            await Yield(); // i < K, or else
            if (i == rounds)
            {
                break;
            }

            t = Locals.Set(t, await load(_x));
            await store(_x, t + 1);
            await Yield(); // i++
            i++;
        }

        await Yield(); // t = 0; i = 0
        Locals.Keep(t);
        await atomic_inc(_fin);
    }
}
