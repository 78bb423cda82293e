using System.Globalization;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using Comparison = ThpCheck.Model.Primitives.Comparison;

namespace ThpCheck.Checker.Replay;

/// <summary>Operations and values as kernel developers read them.</summary>
internal static class OperationText
{
    /// <summary>The operation with its operands, such as <c>atomic_inc_not_zero(anon_vma.refcount)</c>.</summary>
    public static string Of(Machine machine, in Operation operation) => operation.Code switch
    {
        OperationCode.store or OperationCode.WRITE_ONCE or OperationCode.smp_store_release or OperationCode.atomic_set or OperationCode.xchg =>
            $"{operation.Code}({Field(machine, operation)}, {Value(machine, operation.Cell, operation.A)})",
        OperationCode.cmpxchg =>
            $"cmpxchg({Field(machine, operation)}, {Value(machine, operation.Cell, operation.A)}, {Value(machine, operation.Cell, operation.B)})",
        OperationCode.atomic_add or OperationCode.atomic_add_return or OperationCode.atomic_add_negative =>
            $"{operation.Code}({operation.A.ToString(CultureInfo.InvariantCulture)}, {Field(machine, operation)})",
        OperationCode.test_bit or OperationCode.set_bit or OperationCode.clear_bit or OperationCode.test_and_set_bit or OperationCode.test_and_clear_bit
            or OperationCode.bit_spin_lock or OperationCode.bit_spin_trylock or OperationCode.bit_spin_unlock =>
            $"{operation.Code}({Value(machine, operation.Cell, operation.A)}, {Field(machine, operation)})",
        OperationCode.folio_lock or OperationCode.folio_trylock or OperationCode.folio_unlock => $"{operation.Code}({Owner(machine, operation)})",
        OperationCode.down_write_acquire => $"down_write({Lock(machine, operation)}) acquires",
        OperationCode.spin_lock or OperationCode.spin_trylock or OperationCode.spin_unlock or OperationCode.down_read or OperationCode.down_read_trylock
            or OperationCode.up_read or OperationCode.down_write or OperationCode.down_write_trylock or OperationCode.up_write
            or OperationCode.downgrade_write or OperationCode.rwsem_is_locked => $"{operation.Code}({Lock(machine, operation)})",
        OperationCode.snapshot_begin => $"{Waiting(operation)} begins",
        OperationCode.snapshot_wait => $"{Waiting(operation)} ends",
        OperationCode.call_rcu => $"call_rcu({machine.Object((int)operation.B)}, {machine.Object((int)operation.A)})",
        OperationCode.rcu_callback => "an RCU callback runs",
        OperationCode.discard_slab => "a slab page is given back",
        OperationCode.kmem_cache_alloc or OperationCode.kmem_cache_free => $"{operation.Code}({machine.Object((int)operation.A)})",
        OperationCode.list_add or OperationCode.list_add_tail or OperationCode.list_del => $"{operation.Code}({List(machine, operation)}, {machine.Object((int)operation.A)})",
        OperationCode.list_get => $"{List(machine, operation)}[{operation.A.ToString(CultureInfo.InvariantCulture)}]",
        OperationCode.list_count => $"list_count({List(machine, operation)})",
        OperationCode.Choose => $"choose({operation.A.ToString(CultureInfo.InvariantCulture)})",
        OperationCode.Until when operation.B == 0 => $"wait until {machine.Object((int)operation.A)}",
        OperationCode.Until => $"wait until {Field(machine, operation)} {Comparing((Comparison)operation.B)} {Value(machine, operation.Cell, operation.A)}",
        OperationCode.Yield => "yield",
        OperationCode.taken_away => $"[{Of(machine, Phantoms.Original(operation))}] taken away",
        OperationCode.delayed => $"[{Of(machine, Phantoms.Original(operation))}] later",
        OperationCode.mmu_store => $"{Translation(machine, operation)} := {operation.A.ToString(CultureInfo.InvariantCulture)}",
        OperationCode.mmu_load => $"{Translation(machine, operation)}",
        OperationCode.flush_tlb_pages => $"flush_tlb_mm_range({machine.Object(operation.Object)}, {operation.A.ToString(CultureInfo.InvariantCulture)}, {operation.B.ToString(CultureInfo.InvariantCulture)})",
        OperationCode.flush_tlb_all => "flush_tlb_all()",
        OperationCode.tlb_entry_changes => "a TLB entry comes or goes",
        _ when operation.Cell != 0 => $"{operation.Code}({Field(machine, operation)})",
        _ => $"{operation.Code}()",
    };

    /// <summary>What the operation returned, or "" when it returns nothing.</summary>
    public static string Result(Machine machine, in Operation operation, long value) => operation.Code switch
    {
        OperationCode.load or OperationCode.READ_ONCE or OperationCode.smp_load_acquire or OperationCode.atomic_read or OperationCode.xchg
            or OperationCode.cmpxchg => Value(machine, operation.Cell, value),
        OperationCode.atomic_add_return or OperationCode.atomic_inc_return or OperationCode.atomic_dec_return or OperationCode.list_count
            or OperationCode.Choose => value.ToString(CultureInfo.InvariantCulture),
        OperationCode.atomic_inc_and_test or OperationCode.atomic_dec_and_test or OperationCode.atomic_add_negative or OperationCode.atomic_inc_not_zero
            or OperationCode.test_bit or OperationCode.test_and_set_bit or OperationCode.test_and_clear_bit or OperationCode.spin_trylock
            or OperationCode.bit_spin_trylock or OperationCode.down_read_trylock or OperationCode.down_write_trylock or OperationCode.rwsem_is_locked
            or OperationCode.folio_trylock => value != 0 ? "true" : "false",
        OperationCode.down_write => value != 0 ? "" : "waits",
        OperationCode.mmu_store => (Access)value switch { Access.Done => "", Access.Walked => "walks first", _ => "page fault" },
        OperationCode.mmu_load => value switch { Mmu.LoadWalked => "walks first", Mmu.LoadFaults => "page fault", _ => value.ToString(CultureInfo.InvariantCulture) },
        OperationCode.kmem_cache_alloc or OperationCode.list_get => machine.Object((int)value)?.Name ?? "NULL",
        _ => "",
    };

    /// <summary>A cell's value in its own type.</summary>
    public static string Value(Machine machine, int cell, long word)
    {
        var type = machine.Cells[cell - 1].Type;
        if (typeof(ModelObject).IsAssignableFrom(type))
        {
            return machine.Object((int)word)?.Name ?? "NULL";
        }

        if (type == typeof(bool))
        {
            return word != 0 ? "true" : "false";
        }

        if (type.IsEnum)
        {
            return word == 0 && !Enum.IsDefined(type, Enum.ToObject(type, word)) ? "0" : Enum.ToObject(type, word).ToString()!.Replace(", ", "|", StringComparison.Ordinal);
        }

        return WordText.Of(type, word);
    }

    /// <summary>A cell by the name of the object it is reached through, which may be a stale generation.</summary>
    public static string Field(Machine machine, in Operation operation) =>
        operation.Object == 0 ? machine.Cells[operation.Cell - 1].Name : $"{Owner(machine, operation)}{Tail(machine, operation)}";

    private static string Owner(Machine machine, in Operation operation) => machine.Object(operation.Object)?.Name ?? machine.Cells[operation.Cell - 1].Name;

    private static string Tail(Machine machine, in Operation operation)
    {
        var name = machine.Cells[operation.Cell - 1].Name;
        var dot = name.IndexOf('.', StringComparison.Ordinal);
        return dot < 0 ? "" : name[dot..];
    }

    private static string Lock(Machine machine, in Operation operation) => Without(Field(machine, operation), ".writer");

    private static string List(Machine machine, in Operation operation) => Without(Field(machine, operation), ".count");

    private static string Without(string text, string end) => text.EndsWith(end, StringComparison.Ordinal) ? text[..^end.Length] : text;

    private static string Translation(Machine machine, in Operation operation) => $"page {(operation.B >> 32).ToString(CultureInfo.InvariantCulture)} of {machine.Object((int)operation.B)}";

    private static string Waiting(in Operation operation) => operation.A == (long)SectionKinds.Rcu ? "synchronize_rcu()" : "smp_call_function()";

    private static string Comparing(Comparison comparison) => comparison switch
    {
        Comparison.Equal => "==",
        Comparison.NotEqual => "!=",
        Comparison.BitsClear => "has none of",
        _ => "has all of",
    };
}
