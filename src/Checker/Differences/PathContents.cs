using System.Text.RegularExpressions;
using ThpCheck.Checker.Replay;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Differences;

/// <summary>
/// What the kernel functions of a variant do, in all of its executions together: for each function its operations without the names of
/// the objects, and in how many places of it each is.
/// </summary>
internal static partial class PathContents
{
    /// <summary>By function and operation the number of places; an operation that was explored for.</summary>
    public static SortedDictionary<(string Function, string Operation), int> Of(Machine machine)
    {
        var places = new HashSet<(string Function, string Operation, Type Path, int Await)>();
        for (var thread = 0; thread < machine.ThreadCount; thread++)
        {
            var automaton = machine.Automaton(thread);
            for (var node = 0; machine.ThreadKind(thread) != ThreadKind.Environment && node < automaton.NodeCount; node++)
            {
                var operation = automaton[node].Operation;
                if (operation.Code != OperationCode.none && Innermost(machine, automaton.Details(node).Frame) is var frame and not 0)
                {
                    var type = machine.Frames.Type(frame);
                    places.Add((type.Name, Bare(machine, operation), type.StateMachine, type.AwaitOf(machine.Frames.Words(frame))));
                }
            }
        }

        var contents = new SortedDictionary<(string, string), int>();
        foreach (var place in places)
        {
            var key = (place.Function, place.Operation);
            contents[key] = contents.GetValueOrDefault(key) + 1;
        }

        return contents;
    }

    private static int Innermost(Machine machine, int frame)
    {
        while (frame != 0 && !machine.Frames.Type(frame).IsShown)
        {
            frame = machine.Frames.Parent(frame);
        }

        return frame;
    }

    // Without what differs from execution to execution: numbers of objects and places, values.
    private static string Bare(Machine machine, in Operation operation)
    {
        var code = operation.Code == OperationCode.down_write_acquire ? OperationCode.down_write : operation.Code;
        if (operation.Cell == 0)
        {
            return $"{OperationText.Of(machine, operation).Split('(', ' ')[0]}{(operation.Code is OperationCode.kmem_cache_free ? $"({Numbers().Replace(machine.Object((int)operation.A)!.Name, "")})" : "()")}";
        }

        var name = machine.Cells[operation.Cell - 1].Name;
        var field = Numbers().Replace(name[(name.IndexOf('.', StringComparison.Ordinal) + 1)..], "");
        var rest = field.LastIndexOf('.') is > 0 and var part ? field[..part] : field; // the parts of a lock or list go by its name
        return $"{code}({rest})";
    }

    [GeneratedRegex(@"\[\d+\]|\d+'*$")]
    private static partial Regex Numbers();
}
