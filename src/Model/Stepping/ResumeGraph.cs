using System.Reflection;
using System.Reflection.Metadata;

namespace ThpCheck.Model.Stepping;

/// <summary>What a stretch of code does that matters to its fields, one after the other.</summary>
internal enum FieldEventKind
{
    /// <summary>Reads the field, or takes its address.</summary>
    Reads,

    /// <summary>Gives the field a new value as a whole.</summary>
    Overwrites,

    /// <summary>May go on with another node.</summary>
    MayGoTo,
}

/// <param name="Kind">What happens.</param>
/// <param name="Index">The field or the node.</param>
internal readonly record struct FieldEvent(FieldEventKind Kind, int Index);

/// <summary>
/// The control flow of a state machine's MoveNext, with the machine's state made part of every place in it. The compiler
/// leaves all awaits of a method to one dispatch on <c>&lt;&gt;1__state</c> (one more at the start of each try that holds
/// an await), so a graph of the bare code would let every await resume at every other one.
/// </summary>
/// <remarks>
/// <para>
/// A node is a place in the code together with the values that <c>&lt;&gt;1__state</c> and the local that caches it have
/// there: constant propagation [G. A. Kildall, A unified approach to global program optimization, POPL 1973], but
/// qualified by those values instead of merged over them [L. H. Holley, B. K. Rosen, Qualified data flow problems, IEEE
/// Trans. Software Eng. 7(1), 1981]. Branches that the state decides, the guards around finally blocks among them, are then
/// followed one way only. What a return in state k &gt;= 0 is, follows too: a suspension, which goes on at the entry in state k.
/// </para>
/// <para>
/// Over-approximated, all on the safe side: a branch on anything but the state goes both ways, so a value kept for a return
/// through a finally block that awaits is read even where no return is on its way; an exception may come from every
/// instruction that is not known never to throw, and reaches every handler around it, whatever its type. Not followed: an
/// exception out of the builder's own AwaitOnCompleted; such a fault ends the execution.
/// </para>
/// </remarks>
internal sealed class ResumeGraph
{
    private const int NotStarted = -1;
    private const int Finished = -2;

    private readonly Type _type;
    private readonly MethodBody _body;
    private readonly IlInstruction[] _code;
    private readonly bool[] _isTarget; // of a branch, a handler or a filter: a node begins there
    private readonly Dictionary<int, int> _fields = []; // what a token in the code means: the index of a field of the machine
    private readonly HashSet<int> _awaits = []; // tokens in the code that mean the builder's AwaitOnCompleted
    private readonly int _stateField;
    private readonly int _stateLocal; // caches the state; -1 if there is none
    private readonly List<List<FieldEvent>> _nodes = [];
    private readonly Dictionary<Place, int> _numbers = [];
    private readonly Queue<Place> _unwalked = [];
    private readonly SortedDictionary<int, int> _entries = [];

    // The values on the evaluation stack that are known, the top one last. What lies below them, and each null, is unknown.
    private readonly List<int?> _stack = [];

    private ResumeGraph(Type type, MethodInfo moveNext, IReadOnlyList<FieldInfo> fields, int stateField, FieldInfo builder)
    {
        _type = type;
        _body = moveNext.GetMethodBody()!;
        _code = IlReader.Read(_body);
        _stateField = stateField;
        _isTarget = new bool[_code.Length];
        foreach (var target in _code.SelectMany(static instruction => instruction.Targets))
        {
            _isTarget[target] = true;
        }

        foreach (var clause in _body.ExceptionHandlingClauses)
        {
            _isTarget[IndexAt(clause.HandlerOffset)] = true;
            if (clause.Flags == ExceptionHandlingClauseOptions.Filter)
            {
                _isTarget[IndexAt(clause.FilterOffset)] = true;
            }
        }

        Resolve(fields, builder);
        var firstRead = Array.FindIndex(_code, code => code.Code == ILOpCode.Ldfld && OwnField(code) == stateField);
        _stateLocal = firstRead >= 0 && _code[firstRead + 1].Code == ILOpCode.Stloc ? _code[firstRead + 1].Operand : -1;
    }

    /// <summary>
    /// A place in the code and what is known there. Leaving is where a leave goes after the finally block the place is in;
    /// null in one that an exception entered.
    /// </summary>
    private readonly record struct Place(int Instruction, int? State, int? Cached, int? Leaving);

    /// <summary>Per node what it does, in order; after the last event it ends or has gone elsewhere.</summary>
    public IReadOnlyList<IReadOnlyList<FieldEvent>> Nodes => _nodes;

    /// <summary>Per state, in ascending order and from -1 (not started), the node at the method's entry.</summary>
    public IReadOnlyDictionary<int, int> Entries => _entries;

    /// <summary>
    /// What is not understood about the method, as the end of a sentence, and then the nodes mean nothing; null if all is.
    /// </summary>
    public string? NotUnderstood { get; private set; }

    /// <summary>Builds the graph.</summary>
    /// <param name="stateMachine">A compiler-generated type; a generic one as constructed or as defined.</param>
    /// <param name="fields">Its instance fields; events name them by their index here.</param>
    public static ResumeGraph Of(Type stateMachine, IReadOnlyList<FieldInfo> fields)
    {
        var moveNext = stateMachine.GetMethod("MoveNext", BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic);
        var state = fields.ToList().FindIndex(static field => field.Name == "<>1__state");
        var builder = fields.FirstOrDefault(static field => field.Name == "<>t__builder");
        if (moveNext is null || state < 0 || builder is null)
        {
            throw new ArgumentException($"{stateMachine} is not the state machine of an async method.", nameof(stateMachine));
        }

        var graph = new ResumeGraph(stateMachine, moveNext, fields, state, builder);
        graph.NotUnderstood = graph.Unusual();
        graph.EntryIn(NotStarted);
        while (graph.NotUnderstood is null && graph._unwalked.TryDequeue(out var place))
        {
            graph.Walk(place);
        }

        return graph;
    }

    /// <summary>
    /// Checks that fields are reached through <c>this</c> in plain sight: each time the address is loaded, one access to a
    /// field or one AwaitOnCompleted takes it, and nothing copies it. An access to a field of the machine is then one of
    /// this machine, and there are no others.
    /// </summary>
    private string? Unusual()
    {
        var thisLoads = 0;
        var thisUses = 0;
        for (var i = 0; i < _code.Length; i++)
        {
            var code = _code[i];
            switch (code.Code)
            {
                case ILOpCode.Ldarg when _code[i + 1].Code == ILOpCode.Dup:
                case ILOpCode.Ldarga or ILOpCode.Starg:
                    return "copies the address of its state machine";
                case ILOpCode.Ldloca when code.Operand == _stateLocal:
                case ILOpCode.Ldflda when OwnField(code) == _stateField:
                    return "takes the address of its state";
                case ILOpCode.Ldarg:
                    thisLoads++;
                    break;
                case ILOpCode.Ldfld or ILOpCode.Ldflda or ILOpCode.Stfld when OwnField(code) is not null:
                case ILOpCode.Call or ILOpCode.Callvirt when IsAwait(code):
                    thisUses++;
                    break;
                default:
                    break;
            }
        }

        var handlers = _body.ExceptionHandlingClauses.Where(EndsInEndfinally).ToList();
        return !_type.IsValueType ? "has a class for its state machine: compile it optimised"
            : thisLoads != thisUses ? "uses the address of its state machine for more than its fields"
            : handlers.Any(outer => handlers.Any(inner => InHandler(outer, inner.TryOffset))) ? "has a finally block inside another one"
            : null;
    }

    /// <summary>Follows the code from a place to where it ends or other nodes go on, and records what it does on the way.</summary>
    private void Walk(Place place)
    {
        var events = _nodes[_numbers[place]];
        var (start, state, cached, leaving) = place;
        _stack.Clear();
        for (var i = start; ; i++)
        {
            if (i != start && _isTarget[i])
            {
                MayGoTo(i);
                return;
            }

            var instruction = _code[i];
            if (MayThrow(instruction))
            {
                MayEnterHandlers(instruction);
            }

            switch (instruction.Code)
            {
                case ILOpCode.Ldc_i4:
                    _stack.Add(instruction.Operand);
                    break;
                case ILOpCode.Ldarg:
                    _stack.Add(null);
                    break;
                case ILOpCode.Ldloc:
                    _stack.Add(instruction.Operand == _stateLocal ? cached : null);
                    break;
                case ILOpCode.Stloc:
                    var stored = Pop();
                    cached = instruction.Operand == _stateLocal ? stored : cached;
                    break;
                case ILOpCode.Dup:
                    var top = Pop();
                    _stack.AddRange([top, top]);
                    break;
                case ILOpCode.Sub:
                    var subtracted = Pop();
                    _stack.Add(Pop() - subtracted);
                    break;
                case ILOpCode.Ldfld when OwnField(instruction) is { } field:
                    Pop();
                    _stack.Add(field == _stateField ? state : null);
                    events.Add(new(FieldEventKind.Reads, field));
                    break;
                case ILOpCode.Stfld when OwnField(instruction) is { } field:
                    var value = Pop();
                    Pop();
                    state = field == _stateField ? value : state;
                    events.Add(new(FieldEventKind.Overwrites, field));
                    break;
                case ILOpCode.Ldflda when OwnField(instruction) is { } field && _code[i + 1].Code == ILOpCode.Initobj && !_isTarget[i + 1]:
                    Pop();
                    events.Add(new(FieldEventKind.Overwrites, field));
                    i++;
                    break;
                case ILOpCode.Ldflda when OwnField(instruction) is { } field:
                    // What is read through the address later is read in this segment, since no address outlives an await:
                    // on the way there from the resumption lies this instruction, or a write of the whole field before it.
                    Pop();
                    _stack.Add(null);
                    events.Add(new(FieldEventKind.Reads, field));
                    break;
                case ILOpCode.Switch:
                    if (Pop() is not { } selected)
                    {
                        Array.ForEach(instruction.Targets, MayGoTo);
                    }
                    else if ((uint)selected < (uint)instruction.Targets.Length)
                    {
                        MayGoTo(instruction.Targets[selected]);
                        return;
                    }

                    break;
                case ILOpCode.Br:
                    MayGoTo(instruction.Targets[0]);
                    return;
                case ILOpCode.Leave:
                    Leave(instruction, instruction.Targets[0], leaving);
                    return;
                case ILOpCode.Endfinally when leaving is { } target:
                    Leave(instruction, target, null);
                    return;
                case ILOpCode.Endfinally:
                    MayEnterHandlers(instruction);
                    return;
                case ILOpCode.Endfilter:
                    var filtered = _body.ExceptionHandlingClauses.First(clause =>
                        clause.Flags == ExceptionHandlingClauseOptions.Filter
                        && clause.FilterOffset <= instruction.Offset && instruction.Offset < clause.HandlerOffset);
                    MayGoTo(IndexAt(filtered.HandlerOffset));
                    return;
                case ILOpCode.Throw or ILOpCode.Rethrow:
                    return;
                case ILOpCode.Ret:
                    if (state >= 0)
                    {
                        events.Add(new(FieldEventKind.MayGoTo, EntryIn(state.Value)));
                    }
                    else if (state != Finished)
                    {
                        NotUnderstood = "returns without being finished or suspended in an await";
                    }

                    return;
                case var branch when branch.IsBranch():
                    var taken = Taken(branch);
                    if (taken is not false)
                    {
                        MayGoTo(instruction.Targets[0]);
                    }

                    if (taken is true)
                    {
                        return;
                    }

                    break;
                default:
                    _stack.Clear();
                    break;
            }
        }

        void MayGoTo(int target) => Go(new(target, state, cached, leaving));

        void Go(Place next)
        {
            var edge = new FieldEvent(FieldEventKind.MayGoTo, NodeAt(next));
            if (!events.Contains(edge))
            {
                events.Add(edge);
            }
        }

        // The finally blocks between here and the target run first, the innermost one before the others.
        void Leave(IlInstruction from, int target, int? afterwards)
        {
            var next = _body.ExceptionHandlingClauses
                .Where(clause => clause.Flags == ExceptionHandlingClauseOptions.Finally
                    && InTry(clause, from.Offset) && !InTry(clause, _code[target].Offset))
                .MinBy(static clause => clause.TryLength);
            Go(next is null ? new(target, state, cached, afterwards) : new(IndexAt(next.HandlerOffset), state, cached, target));
        }

        void MayEnterHandlers(IlInstruction from)
        {
            foreach (var clause in _body.ExceptionHandlingClauses.Where(clause => InTry(clause, from.Offset)))
            {
                Go(new(IndexAt(clause.HandlerOffset), state, cached, EndsInEndfinally(clause) ? null : leaving));
                if (clause.Flags == ExceptionHandlingClauseOptions.Filter)
                {
                    Go(new(IndexAt(clause.FilterOffset), state, cached, leaving));
                }
            }
        }
    }

    private int EntryIn(int state) => _entries[state] = NodeAt(new(0, state, null, null));

    private int NodeAt(Place place)
    {
        if (!_numbers.TryGetValue(place, out var node))
        {
            node = _nodes.Count;
            _numbers.Add(place, node);
            _nodes.Add([]);
            _unwalked.Enqueue(place);
        }

        return node;
    }

    private int? Pop()
    {
        if (_stack.Count == 0)
        {
            return null;
        }

        var top = _stack[^1];
        _stack.RemoveAt(_stack.Count - 1);
        return top;
    }

    /// <summary>Whether a conditional branch is taken; null if its operands are not known.</summary>
    private bool? Taken(ILOpCode branch)
    {
        if (Pop() is not { } right)
        {
            _stack.Clear();
            return null;
        }

        if (branch is ILOpCode.Brtrue or ILOpCode.Brfalse)
        {
            return right != 0 == branch is ILOpCode.Brtrue;
        }

        if (Pop() is not { } left)
        {
            return null;
        }

        return branch switch
        {
            ILOpCode.Beq => left == right,
            ILOpCode.Bne_un => left != right,
            ILOpCode.Bge => left >= right,
            ILOpCode.Bge_un => (uint)left >= (uint)right,
            ILOpCode.Bgt => left > right,
            ILOpCode.Bgt_un => (uint)left > (uint)right,
            ILOpCode.Ble => left <= right,
            ILOpCode.Ble_un => (uint)left <= (uint)right,
            ILOpCode.Blt => left < right,
            ILOpCode.Blt_un => (uint)left < (uint)right,
            _ => null,
        };
    }

    /// <summary>False for the few instructions that never throw; the dispatch and the set-up of a suspension consist of those.</summary>
    private bool MayThrow(IlInstruction instruction) => instruction.Code switch
    {
        ILOpCode.Nop or ILOpCode.Ldarg or ILOpCode.Ldloc or ILOpCode.Ldloca or ILOpCode.Stloc => false,
        ILOpCode.Ldnull or ILOpCode.Ldc_i4 or ILOpCode.Ldc_i8 or ILOpCode.Dup or ILOpCode.Pop or ILOpCode.Initobj => false,
        ILOpCode.Add or ILOpCode.Sub or ILOpCode.And or ILOpCode.Or or ILOpCode.Xor => false,
        ILOpCode.Ceq or ILOpCode.Cgt or ILOpCode.Cgt_un or ILOpCode.Clt or ILOpCode.Clt_un => false,
        ILOpCode.Ldfld or ILOpCode.Ldflda or ILOpCode.Stfld => OwnField(instruction) is null,
        ILOpCode.Call or ILOpCode.Callvirt => !IsAwait(instruction),
        ILOpCode.Switch or ILOpCode.Ret or ILOpCode.Endfinally or ILOpCode.Endfilter => false,
        var code => !code.IsBranch(),
    };

    /// <summary>The index of the field of the state machine that the instruction accesses; null if it is another type's.</summary>
    private int? OwnField(IlInstruction instruction) => _fields.TryGetValue(instruction.Operand, out var index) ? index : null;

    private bool IsAwait(IlInstruction call) => _awaits.Contains(call.Operand);

    /// <summary>Looks up once what the tokens in the code mean.</summary>
    private void Resolve(IReadOnlyList<FieldInfo> fields, FieldInfo builder)
    {
        var module = _type.Module;
        var typeArguments = _type.IsGenericType ? _type.GetGenericArguments() : null;
        var indices = fields.Select(static (field, index) => (field.MetadataToken, index)).ToDictionary();
        foreach (var (_, code, token, _) in _code)
        {
            if (code is ILOpCode.Ldfld or ILOpCode.Ldflda or ILOpCode.Stfld)
            {
                var field = module.ResolveField(token, typeArguments, null)!;
                if (field.Module == module && indices.TryGetValue(field.MetadataToken, out var index))
                {
                    _fields[token] = index;
                }
            }
            else if (code is ILOpCode.Call or ILOpCode.Callvirt)
            {
                var method = module.ResolveMethod(token, typeArguments, null)!;
                if (method.Name is "AwaitOnCompleted" or "AwaitUnsafeOnCompleted" && method.DeclaringType == builder.FieldType)
                {
                    _awaits.Add(token);
                }
            }
        }
    }

    private int IndexAt(int offset) => IlReader.IndexAt(_code, offset);

    private static bool InTry(ExceptionHandlingClause clause, int offset) =>
        clause.TryOffset <= offset && offset < clause.TryOffset + clause.TryLength;

    private static bool InHandler(ExceptionHandlingClause clause, int offset) =>
        clause.HandlerOffset <= offset && offset < clause.HandlerOffset + clause.HandlerLength;

    private static bool EndsInEndfinally(ExceptionHandlingClause clause) =>
        clause.Flags is ExceptionHandlingClauseOptions.Finally or ExceptionHandlingClauseOptions.Fault;
}
