using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.Reachability;

/// <summary>A claim cannot be understood.</summary>
/// <param name="message">One sentence: what, and what is meant perhaps.</param>
internal sealed class ClaimException(string message) : Exception(message);

/// <summary>One event of a claim: a thread does something, or a function of its returns.</summary>
/// <param name="Text">As written.</param>
/// <param name="Thread">The thread, by number.</param>
/// <param name="Name">The operation or function.</param>
/// <param name="Operation">The whole operation without blanks, where its operands are given; or null.</param>
/// <param name="Value">What it returns, or null for anything.</param>
internal sealed record ClaimedStep(string Text, int Thread, string Name, string? Operation, string? Value);

/// <summary>
/// Events that are said to be possible in this order, others between them: <c>kswapd: folio_mapped = true; exit: anon_vma_free</c>.
/// </summary>
/// <remarks>An operation happens at its step; a function at the step after which it returns. Threads keep the order of the claim.</remarks>
internal sealed record Claim(string Text, IReadOnlyList<ClaimedStep> Steps)
{
    /// <summary>The most events: they are bits of a word.</summary>
    public const int Most = 63;

    // What goes by a name of its own in the kernel and is made of operations here.
    internal static readonly (string Name, OperationCode Code, long Operand)[] Waits =
    [
        (nameof(Rcu.synchronize_rcu), OperationCode.snapshot_wait, (long)SectionKinds.Rcu),
        (nameof(Interrupts.smp_call_function), OperationCode.snapshot_wait, (long)SectionKinds.IrqOff),
    ];

    /// <summary>Reads a claim about a variant.</summary>
    /// <exception cref="ClaimException">It names what nobody has.</exception>
    public static Claim Parse(string text, BoundVariant bound)
    {
        var steps = text.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return steps.Length is 0 or > Most
            ? throw new ClaimException($"a claim is of 1 to {Most} events, such as 'kswapd: folio_mapped = true; exit: anon_vma_free'")
            : new(text.Trim(), [.. steps.Select(s => Step(s, bound))]);
    }

    private static ClaimedStep Step(string text, BoundVariant bound)
    {
        var machine = bound.Instance.Machine;
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0)
        {
            throw new ClaimException($"'{text}' names no thread; write thread: operation, such as 'kswapd: folio_mapped = true'");
        }

        var thread = text[..colon].Trim();
        var names = Enumerable.Range(0, machine.ThreadCount).Select(machine.ThreadName).ToArray();
        var number = Array.IndexOf(names, thread);
        if (number < 0)
        {
            throw new ClaimException($"no thread '{thread}' in this scenario.{NearestName.Hint(thread, names)}");
        }

        var (what, value) = Cut(text[(colon + 1)..]);
        var operands = what.IndexOf('(', StringComparison.Ordinal);
        var name = (operands < 0 ? what : what[..operands]).Trim();
        var isCall = operands >= 0 && what[operands..].Replace(" ", "", StringComparison.Ordinal) != "()";
        CheckName(name, isCall, bound);
        return new(text, number, name, isCall ? what.Replace(" ", "", StringComparison.Ordinal) : null, value);
    }

    // What stands before and after an equals sign that is in no parentheses.
    private static (string What, string? Value) Cut(string text)
    {
        var end = text.LastIndexOf(')');
        var at = text.IndexOf('=', Math.Max(end, 0));
        return at < 0 ? (text.Trim(), null) : (text[..at].Trim(), text[(at + 1)..].Trim());
    }

    private static void CheckName(string name, bool isCall, BoundVariant bound)
    {
        var operations = Enum.GetNames<OperationCode>()
            .Except([nameof(OperationCode.none), nameof(OperationCode.taken_away), nameof(OperationCode.delayed)])
            .Concat(Waits.Select(w => w.Name)).ToArray();
        if (operations.Contains(name))
        {
            return;
        }

        var paths = new PathCatalog(bound.Kernel).Paths;
        var path = paths.FirstOrDefault(p => p.Name == name || $"{p.File}.{p.Name}" == name);
        if (path is null)
        {
            throw new ClaimException($"no function or operation '{name}' in this kernel.{NearestName.Hint(name, operations.Concat(paths.Select(p => p.Name)))} 'thpcheck list paths' names the functions");
        }

        if (isCall)
        {
            throw new ClaimException($"'{name}' is a function, and operands are told of operations only; write '{name}' alone");
        }

        if (path.Method.ReturnType is var type && (type == typeof(Step) || (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(Step<>))))
        {
            throw new ClaimException($"'{name}' is one operation here and goes by that name; write the operation, as a trace shows it");
        }
    }
}
