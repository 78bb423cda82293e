using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Checkpoints;

/// <summary>
/// All frames and threads' nodes that a machine knows, by content. The numbers that a state has for them are of one run: those
/// of the run that wrote a checkpoint are translated into those of the run that reads it.
/// </summary>
internal sealed class NodeTables
{
    private readonly Machine _machine;
    private readonly int[][] _nodes; // by thread, the node here of each node there

    private NodeTables(Machine machine, int[][] nodes)
    {
        _machine = machine;
        _nodes = nodes;
    }

    /// <summary>Writes what a machine knows.</summary>
    public static void Write(BinaryWriter writer, Machine machine)
    {
        var frames = machine.Frames;
        var types = new Dictionary<FrameType, int>();
        for (var frame = 1; frame < frames.Count; frame++)
        {
            types.TryAdd(frames.Type(frame), types.Count);
        }

        writer.Write(types.Count);
        foreach (var type in types.Keys)
        {
            writer.Write(type.StateMachine.AssemblyQualifiedName!);
            writer.Write(SearchIdentity.BuildOf(type.StateMachine));
        }

        writer.Write(frames.Count);
        for (var frame = 1; frame < frames.Count; frame++)
        {
            writer.Write(frames.Parent(frame));
            writer.Write(types[frames.Type(frame)]);
            writer.Write(frames.Words(frame).Length);
            foreach (var word in frames.Words(frame))
            {
                writer.Write(word);
            }
        }

        for (var thread = 0; thread < machine.ThreadCount; thread++)
        {
            var automaton = machine.Automaton(thread);
            writer.Write(automaton.NodeCount);
            for (var node = 0; node < automaton.NodeCount; node++)
            {
                Write(writer, automaton[node], automaton.Details(node));
            }
        }
    }

    /// <summary>Reads what <see cref="Write(BinaryWriter, Machine)"/> wrote and makes it known to a machine.</summary>
    /// <exception cref="UnusableCheckpointException">A path is not there any more, or has changed.</exception>
    public static NodeTables Read(BinaryReader reader, Machine machine)
    {
        var types = new FrameType[reader.ReadInt32()];
        for (var i = 0; i < types.Length; i++)
        {
            types[i] = TypeOf(reader.ReadString(), reader.ReadString());
        }

        var frames = new int[reader.ReadInt32()]; // the frame here of each frame there
        for (var frame = 1; frame < frames.Length; frame++)
        {
            var (parent, type, words) = (frames[reader.ReadInt32()], types[reader.ReadInt32()], new long[reader.ReadInt32()]);
            for (var i = 0; i < words.Length; i++)
            {
                words[i] = reader.ReadInt64();
            }

            frames[frame] = machine.Frames.Intern(parent, type, words);
        }

        var nodes = new int[machine.ThreadCount][];
        for (var thread = 0; thread < nodes.Length; thread++)
        {
            nodes[thread] = new int[reader.ReadInt32()];
            for (var node = 0; node < nodes[thread].Length; node++)
            {
                nodes[thread][node] = ReadNode(reader, machine.Automaton(thread), frames);
            }
        }

        return new NodeTables(machine, nodes);
    }

    /// <summary>Gives a state's threads the numbers that their nodes have here. What is below zero is no node: none, or a sink's mark.</summary>
    public void Translate(Span<ulong> words)
    {
        for (var thread = 0; thread < _nodes.Length; thread++)
        {
            ref var word = ref words[_machine.NodeWord + (thread >> 1)];
            var shift = (thread & 1) * 32;
            if ((int)(word >> shift) is >= 0 and var node)
            {
                word = (word & ~(0xFFFF_FFFFUL << shift)) | ((ulong)(uint)_nodes[thread][node] << shift);
            }
        }
    }

    private static void Write(BinaryWriter writer, in Node node, NodeDetails details)
    {
        var (operation, context) = (node.Operation, details.Context);
        writer.Write(details.Frame);
        writer.Write((byte)operation.Code);
        writer.Write((byte)operation.Order);
        writer.Write(operation.Object);
        writer.Write(operation.Cell);
        writer.Write(operation.A);
        writer.Write(operation.B);
        writer.Write((node.Flags & NodeFlags.Started) != 0);
        writer.Write(context.RcuNesting);
        writer.Write(context.PreemptDepth);
        writer.Write(context.IrqDepth);
        writer.Write(context.Held.Length);
        foreach (var held in context.Held)
        {
            writer.Write(held.Cell);
            writer.Write(held.Bit);
            writer.Write((byte)held.Mode);
        }

        writer.Write(context.Regions.Length);
        foreach (var region in context.Regions)
        {
            writer.Write(region);
        }
    }

    private static int ReadNode(BinaryReader reader, ThreadAutomaton automaton, int[] frames)
    {
        var frame = frames[reader.ReadInt32()];
        var operation = new Operation(
            (OperationCode)reader.ReadByte(), (MemoryOrder)reader.ReadByte(), reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt64(), reader.ReadInt64());
        var started = reader.ReadBoolean();
        var context = ThreadContext.Initial.With(reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt32());
        for (var held = reader.ReadInt32(); held > 0; held--)
        {
            context = context.Taking(new HeldLock(reader.ReadInt32(), reader.ReadInt64(), (LockMode)reader.ReadByte()));
        }

        for (var regions = reader.ReadInt32(); regions > 0; regions--)
        {
            context = context.Entering(reader.ReadString());
        }

        return automaton.NodeOf(frame, operation, context, started);
    }

    // A path of what is loaded: a file does not say what to load.
    private static FrameType TypeOf(string name, string build)
    {
        var type = Type.GetType(name, static a => Array.Find(AppDomain.CurrentDomain.GetAssemblies(), b => b.GetName().Name == a.Name), null, throwOnError: false);
        return type is not null && SearchIdentity.BuildOf(type) == build
            ? FrameType.Of(type)
            : throw new UnusableCheckpointException($"the path {name.Split(',')[0]} has changed since; start again without --resume");
    }
}
