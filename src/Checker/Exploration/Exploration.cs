using ThpCheck.Checker.Sampling;
using ThpCheck.Specs;

namespace ThpCheck.Checker.Exploration;

/// <summary>The model failed while it took a step; nothing can be said about the kernel.</summary>
/// <param name="Message">What is wrong.</param>
/// <param name="State">The state it was taking the step from.</param>
/// <param name="Choice">The step.</param>
internal sealed record ModelFault(string Message, int State, Choice Choice);

/// <summary>What a search found: the graph, and where properties were broken or reached in it.</summary>
/// <remarks>Its memory, and that of all that was made of the graph, is given back at once when it is disposed of.</remarks>
internal sealed class Exploration(Instance instance, StateGraph graph, PropertyMonitor monitor, IReadOnlyList<int> ends, IReadOnlyList<int> sinks) : IDisposable
{
    public Instance Instance => instance;

    public StateGraph Graph => graph;

    public PropertyMonitor Monitor => monitor;

    /// <summary>The states in which all tasks and all started optionals have ended.</summary>
    public IReadOnlyList<int> Ends => ends;

    /// <summary>The states in which an execution was cut short by a kernel bug or a pool that was used up.</summary>
    public IReadOnlyList<int> Sinks => sinks;

    /// <summary>The greatest least number of steps to a state.</summary>
    public required int Depth { get; init; }

    /// <summary>Why not everything was explored, or null.</summary>
    public required string? Incomplete { get; init; }

    /// <summary>The model's fault that ended the search, or null.</summary>
    public required ModelFault? Fault { get; init; }

    public required TimeSpan Time { get; init; }

    /// <summary>Whether interleavings were left out that the verdicts do not depend on.</summary>
    public bool IsReduced { get; init; }

    /// <summary>Whether a state stands for all that differ in which of several identical threads is where: a way through such a graph is no execution.</summary>
    public bool IsSymmetric { get; init; }

    /// <summary>How many searches it took, each with what the one before had discovered; more than one only where a reduction is used.</summary>
    public int Searches { get; init; } = 1;

    /// <summary>About how many states there are, as was estimated on the way; or null.</summary>
    public SizeEstimate? Estimate { get; init; }

    /// <summary>The memory of the table of fingerprints.</summary>
    public required long TableBytes { get; init; }

    /// <summary>The memory of the graph and the queues.</summary>
    public required long StoreBytes { get; init; }

    public void Dispose() => graph.Memory.Dispose();

    public bool IsComplete => Incomplete is null;
}
