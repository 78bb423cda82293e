using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Certificates;

/// <summary>
/// Frames and threads' nodes by content, with the numbers they have in a certificate, and the way between those and the
/// numbers that a machine gave them in this run.
/// </summary>
/// <param name="machine">The machine.</param>
/// <param name="grows">Whether content that has no number gets the next one, as when a certificate is written.</param>
internal sealed class Numbering(Machine machine, bool grows)
{
    /// <summary>The number of content that the certificate does not have.</summary>
    public const int Absent = -1;

    private readonly Dictionary<FrameContent, int> _frameNumbers = [];
    private readonly Dictionary<NodeContent, int> _nodeNumbers = [];
    private readonly List<FrameContent> _frames = [default]; // [0] is the empty stack
    private readonly List<NodeContent> _nodes = [default];   // [0] is a thread that never began
    private readonly Dictionary<int, int> _ofMachineFrame = new() { [0] = 0 };
    private readonly Dictionary<(int Thread, int Node), int> _ofMachineNode = [];
    private readonly Dictionary<string, FrameType> _types = new(StringComparer.Ordinal); // those that the machine has made frames of

    /// <summary>The frames; a frame's number is its index, and [0] is unused.</summary>
    public IReadOnlyList<FrameContent> Frames => _frames;

    /// <summary>The nodes; a node's number is its index, and [0] is unused.</summary>
    public IReadOnlyList<NodeContent> Nodes => _nodes;

    /// <summary>Gives a frame the next number; false when it has one.</summary>
    public bool Add(in FrameContent frame) => Add(frame, _frameNumbers, _frames);

    /// <summary>Gives a node the next number; false when it has one.</summary>
    public bool Add(in NodeContent node) => Add(node, _nodeNumbers, _nodes);

    /// <summary>The number of what a thread is at; 0 when it never began, <see cref="Absent"/> when the certificate does not have it.</summary>
    public int NumberOf(State state, int thread)
    {
        var node = state.NodeOf(thread);
        if (node < 0)
        {
            return 0;
        }

        if (!_ofMachineNode.TryGetValue((thread, node), out var number))
        {
            var content = ContentOf(thread, node);
            number = content.Frame == Absent ? Absent : NumberOf(content, _nodeNumbers, _nodes);
            _ofMachineNode.Add((thread, node), number);
        }

        return number;
    }

    /// <summary>What a thread of the machine is at, by content.</summary>
    public NodeContent ContentOf(int thread, int node)
    {
        var automaton = machine.Automaton(thread);
        var details = automaton.Details(node);
        ref readonly var at = ref automaton[node];
        return new(thread, FrameNumber(details.Frame), at.Operation, details.Context, (at.Flags & NodeFlags.Started) != 0);
    }

    /// <summary>Makes the machine's node of a number, from the certificate's content alone; it must be of one that the machine has been at.</summary>
    public int MachineNode(int number)
    {
        if (number == 0)
        {
            return State.NoNode;
        }

        var node = _nodes[number];
        return machine.Automaton(node.Thread).NodeOf(MachineFrame(node.Frame), node.Operation, node.Context, node.Started);
    }

    private int MachineFrame(int number)
    {
        if (number == 0)
        {
            return 0;
        }

        var frame = _frames[number];
        return machine.Frames.Intern(MachineFrame(frame.Parent), _types[frame.Type], frame.Words);
    }

    private int FrameNumber(int frame)
    {
        if (!_ofMachineFrame.TryGetValue(frame, out var number))
        {
            var parent = FrameNumber(machine.Frames.Parent(frame));
            var type = machine.Frames.Type(frame);
            var name = NameOf(type);
            number = parent == Absent ? Absent : NumberOf(new FrameContent(parent, name, machine.Frames.Words(frame)), _frameNumbers, _frames);
            _ofMachineFrame.Add(frame, number);
        }

        return number;
    }

    private string NameOf(FrameType type)
    {
        var name = type.StateMachine.ToString();
        return _types.TryAdd(name, type) || ReferenceEquals(_types[name], type)
            ? name
            : throw new ModelFaultException($"two paths are called {name}; a certificate names a path by its full name, so give one of them another");
    }

    private int NumberOf<T>(in T content, Dictionary<T, int> numbers, List<T> list)
        where T : struct
    {
        if (numbers.TryGetValue(content, out var number))
        {
            return number;
        }

        return grows && Add(content, numbers, list) ? list.Count - 1 : Absent;
    }

    private static bool Add<T>(in T content, Dictionary<T, int> numbers, List<T> list)
        where T : struct
    {
        if (!numbers.TryAdd(content, list.Count))
        {
            return false;
        }

        list.Add(content);
        return true;
    }
}
