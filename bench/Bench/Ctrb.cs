using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using static ThpCheck.Model.Primitives.Atomics;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;

namespace ThpCheck.Bench;

/// <summary>
/// ctrb: three threads of three unlocked rounds, as in <see cref="Ctr"/>; who finds that all have finished asserts that x
/// is at least 3, which is wrong. A step for each of ctrb.pml's transitions.
/// </summary>
/// <remarks>A failed assertion ends the execution here; SPIN, where it is told to go on, takes the step behind it.</remarks>
public sealed class Ctrb(Layout at) : KernelObject(at)
{
    private const int Threads = 3;
    private const int Rounds = 3;

    private readonly Shared<int> _x = at.Cell(0, Threads * Rounds, 0, "x");
    private readonly Shared<int> _fin = at.Cell(0, Threads, 0, "fin");

    /// <summary>The machine and its threads.</summary>
    public static Instance Instance()
    {
        var builder = new MachineBuilder { RcuCallbacks = 0 };
        for (var i = 0; i < Threads; i++)
        {
            builder.Thread($"p{i}");
        }

        var ctrb = builder.Object("ctrb", at => new Ctrb(at));
        return new(builder.Build(), stepper =>
        {
            for (var i = 0; i < Threads; i++)
            {
                stepper.Begin(i, ctrb.P);
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
            if (i == Rounds)
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
        if (await load(_fin) == Threads)
        {
            var x = await load(_x);
            BUG_ON(x < 3, "x < 3");
        }
        else
        {
            await Yield(); // skip
        }
    }
}
