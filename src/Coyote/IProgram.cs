namespace ThpCheck.Coyote;

/// <summary>How an execution stands after a step.</summary>
public enum Standing
{
    /// <summary>A thread can step.</summary>
    GoesOn,

    /// <summary>It has come to its end, or is not worth going on with.</summary>
    Over,

    /// <summary>No thread can step, and not all that should have ended have.</summary>
    Deadlock,
}

/// <summary>What Coyote schedules: threads that step, one at a time, from the same beginning in every execution.</summary>
/// <remarks>Called by one OS thread at a time, but not always by the same.</remarks>
public interface IProgram
{
    /// <summary>How many threads there are; they are numbered from 0.</summary>
    int Threads { get; }

    /// <summary>What the execution has broken so far, for an assertion; or null.</summary>
    string? Broken { get; }

    /// <summary>A number that tells states apart, though not surely.</summary>
    int StateHash { get; }

    /// <summary>Begins an execution.</summary>
    Standing Begin();

    /// <summary>In how many ways a thread can step now; 0 while it is blocked.</summary>
    int Ways(int thread);

    /// <summary>Whether a thread will not step any more.</summary>
    bool HasEnded(int thread);

    /// <summary>What a thread's next step is about: a place in memory, or null for none; and whether it may write there.</summary>
    (string? Place, bool Writes) Access(int thread);

    /// <summary>Takes a step.</summary>
    /// <param name="thread">The thread, which can step.</param>
    /// <param name="way">Which way, from 0.</param>
    Standing Step(int thread, int way);

    /// <summary>The execution has ended.</summary>
    /// <param name="isWhole">Whether it came to where it stood over or in a deadlock; if not, it does not count.</param>
    void End(bool isWhole);
}

/// <summary>Chooses for Coyote: its scheduler then has one thread to run at each point, the one whose turn it is.</summary>
public interface IExplorer
{
    /// <summary>Begins an execution, or says that there are no more.</summary>
    bool Begin();

    /// <summary>Which thread steps next, and in which way.</summary>
    (int Thread, int Way) Next(IProgram program);
}
