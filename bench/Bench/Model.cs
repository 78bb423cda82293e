using ThpCheck.Specs;

namespace ThpCheck.Bench;

/// <summary>Something to measure: a model that other checkers have too, step for step.</summary>
/// <param name="Name">Its name, which is that of its file in bench/peers.</param>
/// <param name="Sizes">The sizes it takes, by name, and their defaults.</param>
/// <param name="Make">A fresh instance of these sizes.</param>
internal sealed record Model(string Name, (string Name, int Default)[] Sizes, Func<int[], Instance> Make)
{
    public static readonly Model[] All =
    [
        new("counters", [("THREADS", 6), ("ROUNDS", 5), ("LOCKS", 2)], static n => Counters.Instance(n[0], n[1], n[2]))
        {
            Formula = static n => Counters.Formula(n[0], n[1], n[2]),
            IsPossible = static n => n[0] % n[2] == 0,
            Limit = ", as many threads for each lock",
        },
        new("steps", [("THREADS", 3), ("ROUNDS", 4)], static n => Steps.Instance(n[0], n[1])) { Formula = static n => Steps.Formula(n[0], n[1]) },
        new("ctr", [("THREADS", 3), ("ROUNDS", 5)], static n => Ctr.Instance(n[0], n[1])),
        new("ctrb", [], static _ => Ctrb.Instance()) { Fails = true },
        new("thp", [("FAULTS", 3), ("ROUNDS", 2)], static n => Thp.Instance(n[0], n[1]))
        {
            IsPossible = static n => n[0] <= Thp.MostFaults,
            Limit = $", at most {Thp.MostFaults} faults",
        },
    ];

    /// <summary>How many states and transitions there are, where that is known; otherwise null.</summary>
    public Func<int[], (long States, long Transitions)>? Formula { get; init; }

    /// <summary>Whether it breaks a property, so that the counterexample is what is measured.</summary>
    public bool Fails { get; init; }

    /// <summary>Whether the model has these sizes.</summary>
    public Func<int[], bool> IsPossible { get; init; } = static _ => true;

    /// <summary>The same for the usage, after a comma; or nothing.</summary>
    public string Limit { get; init; } = "";
}
