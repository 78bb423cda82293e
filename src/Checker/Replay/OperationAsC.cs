using System.Globalization;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Replay;

/// <summary>
/// Steps as changelogs write them: C, with what a condition came to behind <c>==</c>, such as
/// <c>READ_ONCE(folio->mapping) == anon_vma0</c>. What no CPU does is prose in brackets.
/// </summary>
internal static class OperationAsC
{
    /// <summary>A step of a trace.</summary>
    public static string Of(Machine machine, TraceStep step)
    {
        var text = Of(machine, step.Does, step.Frees);
        var value = step.Returned is { } word && IsCondition(step.Does.Code) ? OperationText.Result(machine, step.Does, word) : "";
        return value.Length == 0 ? text
            : step.Does.Code is OperationCode.mmu_store or OperationCode.mmu_load && !char.IsAsciiDigit(value[^1]) ? $"{text}: {value}"
            : $"{text} == {value}";
    }

    /// <summary>An operation that has not happened.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="operation">The operation.</param>
    /// <param name="frees">The object it frees, by number, or 0.</param>
    public static string Of(Machine machine, in Operation operation, int frees = 0)
    {
        var (name, field, value) = (operation.Code.ToString(), operation.Cell == 0 ? "" : Arrow(OperationText.Field(machine, operation)), Number(operation.A));
        switch (operation.Code)
        {
            case OperationCode.load:
                return field;
            case OperationCode.READ_ONCE:
                return $"READ_ONCE({field})";
            case OperationCode.store:
                return $"{field} = {OperationText.Value(machine, operation.Cell, operation.A)}";
            case OperationCode.WRITE_ONCE:
                return $"WRITE_ONCE({field}, {OperationText.Value(machine, operation.Cell, operation.A)})";
            case OperationCode.smp_store_release or OperationCode.atomic_set or OperationCode.xchg:
                return $"{name}(&{field}, {OperationText.Value(machine, operation.Cell, operation.A)})";
            case OperationCode.cmpxchg:
                return $"cmpxchg(&{field}, {OperationText.Value(machine, operation.Cell, operation.A)}, {OperationText.Value(machine, operation.Cell, operation.B)})";
            case OperationCode.atomic_add or OperationCode.atomic_add_return or OperationCode.atomic_add_negative:
                return $"{name}({value}, &{field})";
            case >= OperationCode.test_bit and <= OperationCode.test_and_clear_bit or OperationCode.bit_spin_lock or OperationCode.bit_spin_trylock or OperationCode.bit_spin_unlock:
                return $"{name}({OperationText.Value(machine, operation.Cell, operation.A)}, &{field})";
            case >= OperationCode.spin_lock and <= OperationCode.spin_unlock or (>= OperationCode.down_read and <= OperationCode.rwsem_is_locked):
                return $"{(operation.Code == OperationCode.down_write_acquire ? "down_write" : name)}(&{Without(field, ".writer", "->writer")})";
            case OperationCode.list_add or OperationCode.list_add_tail or OperationCode.list_del:
                return $"{name}({machine.Object((int)operation.A)}, &{Without(field, ".count", "->count")})";
            case OperationCode.list_get:
                return $"{Without(field, ".count", "->count")}[{value}]";
            case OperationCode.list_count:
                return $"list_count(&{Without(field, ".count", "->count")})";
            case OperationCode.snapshot_begin:
                return $"{Waiting(operation)} begins to wait";
            case OperationCode.snapshot_wait:
                return $"{Waiting(operation)} has waited";
            case OperationCode.rcu_callback:
                return "[an RCU callback runs]";
            case OperationCode.discard_slab:
                return frees == 0 ? "[a slab page is given back]" : $"[the slab page of {machine.Object(frees)} is given back]";
            case OperationCode.tlb_entry_changes:
                return "[a TLB entry comes or goes]";
            case OperationCode.mmu_store:
                return $"store {value} to page {Number(operation.B >> 32)} of {machine.Object((int)operation.B)}";
            case OperationCode.mmu_load:
                return $"load of page {Number(operation.B >> 32)} of {machine.Object((int)operation.B)}";
            case OperationCode.Until or OperationCode.folio_lock or OperationCode.folio_trylock or OperationCode.folio_unlock:
                return OperationText.Of(machine, operation);
            default:
                return operation.Cell == 0 ? OperationText.Of(machine, operation) : $"{name}(&{field})";
        }
    }

    /// <summary>Whether it only looks.</summary>
    public static bool IsRead(OperationCode code) => code is OperationCode.load or OperationCode.READ_ONCE or OperationCode.smp_load_acquire or OperationCode.atomic_read
        or OperationCode.test_bit or OperationCode.list_get or OperationCode.list_count or OperationCode.rwsem_is_locked or OperationCode.mmu_load;

    private static bool IsCondition(OperationCode code) => code is not (OperationCode.down_write or OperationCode.Choose);

    /// <summary>A field as C reaches it through a pointer: <c>folio->mapping</c>.</summary>
    public static string Arrow(string field)
    {
        var dot = field.IndexOf('.', StringComparison.Ordinal);
        return dot < 0 ? field : $"{field[..dot]}->{field[(dot + 1)..]}";
    }

    private static string Waiting(in Operation operation) => operation.A == (long)SectionKinds.Rcu ? "synchronize_rcu()" : "smp_call_function()";

    private static string Without(string text, params ReadOnlySpan<string> ends)
    {
        foreach (var end in ends)
        {
            if (text.EndsWith(end, StringComparison.Ordinal))
            {
                return text[..^end.Length];
            }
        }

        return text;
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}
