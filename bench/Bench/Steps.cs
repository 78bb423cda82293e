using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using static ThpCheck.Model.Primitives.Atomics;

namespace ThpCheck.Bench;

/// <summary>steps(K, N): K threads, N atomic increments of one counter each. One step a round; steps.pml is the same.</summary>
public sealed class Steps(Layout at, int most) : KernelObject(at)
{
    private readonly Shared<int> _shared = at.Cell(0, most, 0, "shared");

    /// <summary>The machine and its threads.</summary>
    public static Instance Instance(int threads, int rounds)
    {
        var builder = new MachineBuilder { RcuCallbacks = 0 };
        for (var i = 0; i < threads; i++)
        {
            builder.Thread($"p{i}");
        }

        var steps = builder.Object("steps", at => new Steps(at, threads * rounds));
        return new(builder.Build(), stepper =>
        {
            for (var i = 0; i < threads; i++)
            {
                stepper.Begin(i, () => steps.Rounds(rounds));
            }
        });
    }

    /// <summary>States and transitions by the formula: (N+1)^K and KN(N+1)^(K-1).</summary>
    public static (long States, long Transitions) Formula(int threads, int rounds)
    {
        var others = 1L;
        for (var i = 1; i < threads; i++)
        {
            others *= rounds + 1;
        }

        return (others * (rounds + 1), others * threads * rounds);
    }

    private async KernelTask Rounds(int n)
    {
        for (var r = 0; r < n; r++)
        {
            await atomic_inc(_shared);
        }
    }
}
