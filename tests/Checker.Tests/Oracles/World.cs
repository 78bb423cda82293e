using System.Text;

namespace ThpCheck.Checker.Tests.Oracles;

/// <summary>A whole state of a little program, kept as plainly as can be: words by name, and what each thread is doing.</summary>
internal sealed class World(Dictionary<string, int> memory, WorldThread[] threads)
{
    /// <summary>Every word. Pointers are 0 or a number for each generation of each item; sets of threads are masks.</summary>
    public Dictionary<string, int> Memory => memory;

    public WorldThread[] Threads => threads;

    public World Copy() => new(new(memory), [.. threads.Select(t => t.Copy())]);

    /// <summary>The whole state; equal states and only they have equal texts.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var value in memory.Values)
        {
            text.Append(value).Append(' ');
        }

        foreach (var thread in threads)
        {
            thread.AppendTo(text);
        }

        return text.ToString();
    }
}

/// <summary>Where a thread is, what it remembers, and what it is inside of.</summary>
internal sealed class WorldThread
{
    /// <summary>The instruction it will do next.</summary>
    public int At { get; set; }

    /// <summary>Whether it is in the second step of that instruction: it queued, or began to wait.</summary>
    public bool Second { get; set; }

    public int Result { get; set; }

    public int Item { get; set; }

    /// <summary>How often it jumped back.</summary>
    public int Rounds { get; set; }

    /// <summary>Whether an optional thread has taken a step.</summary>
    public bool Started { get; set; }

    public bool Ended { get; set; }

    public int Rcu { get; set; }

    public int Preempt { get; set; }

    public int Irq { get; set; }

    /// <summary>The locks it holds in the order in which it took them.</summary>
    public List<(string Lock, bool Shared)> Held { get; private init; } = [];

    /// <summary>How often it has entered the region.</summary>
    public int Region { get; set; }

    public bool IsAtomic => Rcu > 0 || Preempt > 0 || Irq > 0;

    /// <summary>Whether it may not end here.</summary>
    public bool IsInside => IsAtomic || Held.Count > 0;

    public WorldThread Copy() => new()
    {
        At = At,
        Second = Second,
        Result = Result,
        Item = Item,
        Rounds = Rounds,
        Started = Started,
        Ended = Ended,
        Rcu = Rcu,
        Preempt = Preempt,
        Irq = Irq,
        Held = [.. Held],
        Region = Region,
    };

    public void AppendTo(StringBuilder text)
    {
        text.Append('|').Append(At).Append(Second ? "b " : " ").Append(Result).Append(' ').Append(Item).Append(' ').Append(Rounds);
        text.Append(Started ? 's' : ' ').Append(Ended ? 'e' : ' ').Append(Rcu).Append(' ').Append(Preempt).Append(' ').Append(Irq).Append(' ').Append(Region);
        foreach (var (name, shared) in Held)
        {
            text.Append(' ').Append(name).Append(shared ? "/r" : "/w");
        }
    }
}
