using System.Runtime.InteropServices;
using ThpCheck.Checker.Exploration;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Checkpoints;

/// <summary>
/// All that a search knows between two batches: what a checkpoint holds. It writes what it refers to, and fills what it refers
/// to with what was written. Not in it is what the search learns again as it goes: the threads' memo, the workers' buffers.
/// </summary>
internal sealed record SearchContent
{
    public required Machine Machine { get; init; }

    public required StateGraph Graph { get; init; }

    public required PropertyMonitor Monitor { get; init; }

    /// <summary>What the properties have read, for each worker; between batches all say the same.</summary>
    public required IReadOnlyList<ReadLog> Logs { get; init; }

    /// <summary>The parts of the table; a fingerprint goes into the part that belongs to it, however many there were.</summary>
    public required FingerprintTable[] Tables { get; init; }

    /// <summary>Every state whole, or null.</summary>
    public required StateStore? Store { get; init; }

    /// <summary>The level that is being expanded, those up to <see cref="Done"/> left out.</summary>
    public required StateQueue Current { get; init; }

    public required StateQueue Next { get; init; }

    public required List<int> Ends { get; init; }

    public required List<int> Sinks { get; init; }

    /// <summary>How many states of the level were expanded; when it is read there are none.</summary>
    public long Done { get; init; }

    public int Level { get; set; }

    /// <summary>The first pool that was used up, or null.</summary>
    public string? TooSmall { get; set; }

    /// <summary>How long the search has taken.</summary>
    public TimeSpan Elapsed { get; set; }

    public void Write(Stream stream)
    {
        using var writer = new BinaryWriter(stream, System.Text.Encoding.UTF8, leaveOpen: true);
        writer.Write(Level);
        writer.Write(TooSmall ?? "");
        writer.Write(Elapsed.Ticks);
        NodeTables.Write(writer, Machine);
        WriteGraph(writer);
        WriteTables(writer);
        WriteNumbers(writer, Ends);
        WriteNumbers(writer, Sinks);
        WriteFindings(writer);
        WriteLog(writer, Logs[0]);
        WriteQueue(writer, Current, Done);
        WriteQueue(writer, Next, 0);
        for (var state = 0; Store is not null && state < Graph.StateCount; state++)
        {
            writer.Write(MemoryMarshal.AsBytes(Store[state]));
        }
    }

    /// <exception cref="UnusableCheckpointException">A path is not there any more, or has changed.</exception>
    public void Read(Stream stream)
    {
        using var reader = new BinaryReader(stream, System.Text.Encoding.UTF8, leaveOpen: true);
        Level = reader.ReadInt32();
        TooSmall = reader.ReadString() is { Length: > 0 } pool ? pool : null;
        Elapsed = new TimeSpan(reader.ReadInt64());
        var nodes = NodeTables.Read(reader, Machine);
        ReadGraph(reader);
        ReadTables(reader);
        ReadNumbers(reader, Ends);
        ReadNumbers(reader, Sinks);
        ReadFindings(reader);
        ReadLog(reader, Logs[0]);
        foreach (var log in Logs.Skip(1))
        {
            log.TakeOver(Logs[0]);
        }

        ReadQueue(reader, nodes, Current);
        ReadQueue(reader, nodes, Next);
        ReadStore(reader, nodes);
    }

    private void WriteGraph(BinaryWriter writer)
    {
        writer.Write(Graph.StateCount);
        writer.Write(Graph.Expanded);
        writer.Write(Graph.EdgeCount);
        using (var first = new Batch<long>(writer.BaseStream))
        {
            for (var state = 0; state < Graph.Expanded; state++)
            {
                first.Add(Graph.Edges(state).First);
            }
        }

        using var edges = new Batch<StoredEdge>(writer.BaseStream);
        for (var edge = 0L; edge < Graph.EdgeCount; edge++)
        {
            edges.Add(new StoredEdge(Graph.Target(edge), Graph.Label(edge).ToLabel()));
        }
    }

    private void ReadGraph(BinaryReader reader)
    {
        Graph.StateCount = reader.ReadInt32();
        var (expanded, edges) = (reader.ReadInt64(), reader.ReadInt64());
        Batch.Read<long>(reader.BaseStream, expanded, Graph.BeginState);
        var next = Graph.Extend(edges);
        Batch.Read<StoredEdge>(reader.BaseStream, edges, e => Graph.SetEdge(next++, e.Label, e.Target));
    }

    private void WriteTables(BinaryWriter writer)
    {
        writer.Write(Tables.Sum(t => t.Count));
        using var entries = new Batch<StoredFingerprint>(writer.BaseStream);
        foreach (var table in Tables)
        {
            table.ForEach((low, high, number) => entries.Add(new StoredFingerprint(low, high, number)));
        }
    }

    private void ReadTables(BinaryReader reader)
    {
        var count = reader.ReadInt64();
        foreach (var table in Tables)
        {
            table.Reserve(count / Tables.Length);
        }

        Batch.Read<StoredFingerprint>(
            reader.BaseStream, count, f => Tables[Expander.PartOf(f.High, (uint)Tables.Length)].Add(f.Low, f.High, f.Number, out _));
    }

    private void WriteFindings(BinaryWriter writer)
    {
        for (var property = 0; property < Monitor.Properties.Count; property++)
        {
            var (findings, outcomes) = (Monitor.Findings(property), Monitor.OutcomesOf(property));
            writer.Write(Monitor.Occurred(property));
            writer.Write(findings.Count);
            foreach (var finding in findings)
            {
                writer.Write(finding.State);
                writer.Write(finding.Edge);
            }

            writer.Write(outcomes.Count);
            foreach (var outcome in outcomes)
            {
                writer.Write(outcome.Count);
                foreach (var value in outcome)
                {
                    writer.Write(value);
                }
            }
        }
    }

    private void ReadFindings(BinaryReader reader)
    {
        for (var property = 0; property < Monitor.Properties.Count; property++)
        {
            var occurred = reader.ReadBoolean();
            var findings = new Finding[reader.ReadInt32()];
            for (var i = 0; i < findings.Length; i++)
            {
                findings[i] = new Finding(reader.ReadInt32(), reader.ReadInt64());
            }

            var outcomes = new long[reader.ReadInt32()][];
            for (var i = 0; i < outcomes.Length; i++)
            {
                outcomes[i] = new long[reader.ReadInt32()];
                for (var j = 0; j < outcomes[i].Length; j++)
                {
                    outcomes[i][j] = reader.ReadInt64();
                }
            }

            Monitor.Restore(property, findings, outcomes, occurred);
        }
    }

    // Regions by name, as their numbers are of one run.
    private void WriteLog(BinaryWriter writer, ReadLog log)
    {
        writer.Write(MemoryMarshal.AsBytes<ulong>(log.Cells));
        writer.Write(MemoryMarshal.AsBytes<ulong>(log.Threads));
        var regions = Machine.Regions.Where(r => log.ReadersOfRegion(r.Value) != 0).ToArray();
        writer.Write(regions.Length);
        foreach (var (name, number) in regions)
        {
            writer.Write(name);
            writer.Write(log.ReadersOfRegion(number));
        }
    }

    private void ReadLog(BinaryReader reader, ReadLog log)
    {
        reader.BaseStream.ReadExactly(MemoryMarshal.AsBytes(log.Cells.AsSpan()));
        reader.BaseStream.ReadExactly(MemoryMarshal.AsBytes(log.Threads.AsSpan()));
        for (var regions = reader.ReadInt32(); regions > 0; regions--)
        {
            log.Restore(Machine.RegionNumber(reader.ReadString()), reader.ReadUInt64());
        }
    }

    private static void WriteNumbers(BinaryWriter writer, List<int> numbers)
    {
        writer.Write(numbers.Count);
        writer.Write(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(numbers)));
    }

    private static void ReadNumbers(BinaryReader reader, List<int> numbers) => Batch.Read<int>(reader.BaseStream, reader.ReadInt32(), numbers.Add);

    private static void WriteQueue(BinaryWriter writer, StateQueue queue, long from)
    {
        writer.Write(queue.Count - from);
        for (var i = from; i < queue.Count; i++)
        {
            var words = queue.Words(i, out var low, out var high);
            writer.Write(low);
            writer.Write(high);
            writer.Write(MemoryMarshal.AsBytes(words));
        }
    }

    private void ReadQueue(BinaryReader reader, NodeTables nodes, StateQueue queue)
    {
        var words = new ulong[Machine.WordCount];
        for (var left = reader.ReadInt64(); left > 0; left--)
        {
            var (low, high) = (reader.ReadUInt64(), reader.ReadUInt64());
            reader.BaseStream.ReadExactly(MemoryMarshal.AsBytes(words.AsSpan()));
            nodes.Translate(words);
            queue.Add(words, low, high);
            if ((queue.Count & 0xFFFF) == 0 && Graph.Memory.IsTight())
            {
                Graph.Spill();
                queue.Spill(0);
            }
        }
    }

    private void ReadStore(BinaryReader reader, NodeTables nodes)
    {
        if (Store is null)
        {
            return;
        }

        var words = new ulong[Machine.WordCount];
        Store.Extend(Graph.StateCount);
        for (var state = 0; state < Graph.StateCount; state++)
        {
            reader.BaseStream.ReadExactly(MemoryMarshal.AsBytes(words.AsSpan()));
            nodes.Translate(words);
            Store.Set(state, words);
        }
    }

    [StructLayout(LayoutKind.Sequential, Pack = 2)]
    private readonly record struct StoredEdge(int Target, ushort Label);

    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    private readonly record struct StoredFingerprint(ulong Low, ulong High, int Number);
}
