using System.Reflection;

namespace ThpCheck.Model.Stepping;

/// <summary>
/// Which fields of an async method's state machine may still be read, for each await it can be suspended in. All others
/// are dead there: whatever they hold cannot change what the method does next, so a frame encodes them as zero, and
/// states that behave alike are equal. Immutable; worked out once per method.
/// </summary>
/// <remarks>
/// <para>
/// Liveness, backwards and one variable at a time [A. W. Appel, Modern Compiler Implementation, section 10.1]: a field is
/// live before a read of it, and before whatever may lead to a place where it is live with no write in between. The code
/// is that of <see cref="ResumeGraph"/>, where a suspension in state k leads to the entry in state k.
/// </para>
/// <para>
/// Dead is a proof, live is not: a field may count as live although no execution reads it. Besides what the graph
/// over-approximates: a field whose address is taken counts as read, even where a method called on it only writes it, and
/// a write to one member of a struct does not overwrite the field. <c>&lt;&gt;1__state</c> is always live. In a method
/// that the graph's builder does not understand, everything is live, and <see cref="NotUnderstood"/> says why.
/// </para>
/// </remarks>
internal sealed class LiveFields
{
    private readonly Dictionary<int, bool[]> _live = []; // per state, as long as Fields; empty if the method was not understood
    private readonly bool[] _allLive;
    private readonly Type _type;

    private LiveFields(Type type, FieldInfo[] fields, ResumeGraph graph)
    {
        _type = type;
        Fields = fields;
        _allLive = [.. fields.Select(static _ => true)];
        NotUnderstood = graph.NotUnderstood;
        States = NotUnderstood is null ? [.. graph.Entries.Keys] : [];
        foreach (var state in States)
        {
            _live.Add(state, new bool[fields.Length]);
        }

        for (var field = 0; field < fields.Length && NotUnderstood is null; field++)
        {
            var liveAt = LiveNodes(graph.Nodes, field);
            foreach (var (state, entry) in graph.Entries)
            {
                _live[state][field] = liveAt[entry];
            }
        }
    }

    /// <summary>All instance fields of the state machine, in the order in which they are declared.</summary>
    public IReadOnlyList<FieldInfo> Fields { get; }

    /// <summary>
    /// -1, which is "not started", and the states of all awaits, ascending. Empty if the method was not understood.
    /// </summary>
    public IReadOnlyList<int> States { get; }

    /// <summary>
    /// Why every field counts as live everywhere, as the end of a sentence that begins with the method; null if it was
    /// understood.
    /// </summary>
    public string? NotUnderstood { get; }

    /// <summary>Works out the live fields of a state machine.</summary>
    /// <param name="stateMachine">A compiler-generated type; a generic one as constructed or as defined.</param>
    /// <exception cref="ArgumentException">The type is not the state machine of an async method.</exception>
    public static LiveFields Of(Type stateMachine)
    {
        FieldInfo[] fields =
        [
            .. stateMachine.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
                .OrderBy(static field => field.MetadataToken),
        ];
        return new(stateMachine, fields, ResumeGraph.Of(stateMachine, fields));
    }

    /// <summary>Per field, in the order of <see cref="Fields"/>, whether it may be read after a resumption in this state.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The method is never suspended in this state.</exception>
    public ReadOnlySpan<bool> LiveAt(int state) =>
        NotUnderstood is not null ? _allLive
        : _live.TryGetValue(state, out var live) ? live
        : throw new ArgumentOutOfRangeException(
            nameof(state), state, $"{SourceLines.NameOf(_type)} is never suspended in this state.");

    /// <summary>Whether one field may be read after a resumption in this state, before it is overwritten.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The method is never suspended in this state.</exception>
    public bool IsLive(int state, int fieldIndex) => LiveAt(state)[fieldIndex];

    /// <summary>Per node, whether the field is live at its start; the least solution: a loop without a read keeps nothing alive.</summary>
    private static bool[] LiveNodes(IReadOnlyList<IReadOnlyList<FieldEvent>> nodes, int field)
    {
        var live = new bool[nodes.Count];
        bool changed;
        do
        {
            changed = false;

            // Nodes are numbered from the entry onwards; liveness flows the other way.
            for (var node = nodes.Count - 1; node >= 0; node--)
            {
                if (!live[node] && IsRead(nodes[node]))
                {
                    live[node] = changed = true;
                }
            }
        }
        while (changed);

        return live;

        bool IsRead(IReadOnlyList<FieldEvent> events)
        {
            foreach (var (kind, index) in events)
            {
                switch (kind)
                {
                    case FieldEventKind.Reads when index == field:
                    case FieldEventKind.MayGoTo when live[index]:
                        return true;
                    case FieldEventKind.Overwrites when index == field:
                        return false;
                    default:
                        break;
                }
            }

            return false;
        }
    }
}
