using System.Runtime.CompilerServices;

namespace ThpCheck.Model.Stepping;

/// <summary>What a cell is for, beyond its value.</summary>
public enum CellRole : byte
{
    /// <summary>Shared memory.</summary>
    Shared,

    /// <summary>Part of a lock: not zero while it is held or waited for.</summary>
    Lock,

    /// <summary>Only observers see it.</summary>
    Ghost,

    /// <summary>The machine's own: lifetimes, snapshots, callbacks.</summary>
    Machine,
}

/// <summary>One word of shared memory with a declared range.</summary>
/// <param name="Name">The name reports use, such as <c>folio0.mapping</c>.</param>
/// <param name="Type">The type kernel code sees.</param>
/// <param name="Min">The smallest value, inclusive.</param>
/// <param name="Max">The largest value, inclusive. A value outside is a model fault.</param>
/// <param name="Initial">The value before set-up, and after the object is freed from an ordinary cache.</param>
/// <param name="Role">What it is for.</param>
public sealed record Cell(string Name, Type Type, long Min, long Max, long Initial, CellRole Role);

/// <summary>
/// Hands an object its cells, one after the other, as its field initialisers run. A further generation of a slab object
/// runs the same initialisers and is handed the same cells again.
/// </summary>
public sealed class Layout
{
    private readonly MachineBuilder _machine;
    private readonly int _object;
    private readonly string _name;
    private readonly int _first;
    private int _next;

    internal Layout(MachineBuilder machine, int @object, string name, int first, SlabSlot? slot, int generation)
    {
        _machine = machine;
        _object = @object;
        _name = name;
        _first = first;
        _next = first;
        Slot = slot;
        Generation = generation;
    }

    internal SlabSlot? Slot { get; }

    internal int Generation { get; }

    internal int CellCount => _next - _first;

    /// <summary>The next cell, for a type whose range is its own: a bool, an enum, an <see cref="IWord{TSelf}"/>, a model object.</summary>
    /// <param name="initial">Its first value; a model object's is null.</param>
    /// <param name="name">The field's name; the compiler gives it.</param>
    public Shared<T> Cell<T>(T? initial = default, [CallerMemberName] string name = "") =>
        new(_object, Take(name, typeof(T), CellRole.Shared, Word<T>.Range, Initial(initial)));

    /// <summary>The next cell, for an integer.</summary>
    /// <param name="min">The smallest value, inclusive.</param>
    /// <param name="max">The largest value, inclusive.</param>
    /// <param name="initial">Its first value.</param>
    /// <param name="name">The field's name; the compiler gives it.</param>
    public Shared<int> Cell(int min, int max, int initial = 0, [CallerMemberName] string name = "") =>
        new(_object, Take(name, typeof(int), CellRole.Shared, (min, max), initial));

    /// <summary>The next cells, all of one type whose range is its own.</summary>
    /// <param name="length">How many.</param>
    /// <param name="name">The field's name; the compiler gives it.</param>
    public SharedArray<T> Array<T>(int length, [CallerMemberName] string name = "")
    {
        var first = _next;
        for (var i = 0; i < length; i++)
        {
            Take($"{name}[{i}]", typeof(T), CellRole.Shared, Word<T>.Range, 0);
        }

        return new(_object, first, length);
    }

    /// <summary>The next cells, all integers.</summary>
    /// <param name="length">How many.</param>
    /// <param name="min">The smallest value, inclusive.</param>
    /// <param name="max">The largest value, inclusive.</param>
    /// <param name="name">The field's name; the compiler gives it.</param>
    public SharedArray<int> Array(int length, int min, int max, [CallerMemberName] string name = "")
    {
        var first = _next;
        for (var i = 0; i < length; i++)
        {
            Take($"{name}[{i}]", typeof(int), CellRole.Shared, (min, max), Math.Max(min, 0));
        }

        return new(_object, first, length);
    }

    /// <summary>The next ghost cell.</summary>
    public Ghost<T> Ghost<T>(T? initial = default, [CallerMemberName] string name = "") =>
        new(Take(name, typeof(T), CellRole.Ghost, Word<T>.Range, Initial(initial)));

    /// <summary>The next ghost cell, for an integer.</summary>
    public Ghost<int> Ghost(int min, int max, int initial = 0, [CallerMemberName] string name = "") =>
        new(Take(name, typeof(int), CellRole.Ghost, (min, max), initial));

    /// <summary>The next cell of a lock; its range is counted from 0.</summary>
    internal Shared<int> Lock(int max, string name) => new(_object, Take(name, typeof(int), CellRole.Lock, (0, max), 0));

    internal int ThreadCount => _machine.ThreadCount;

    private static long Initial<T>(T? initial) => initial is null ? 0 : Word<T>.Encode(initial);

    private int Take(string name, Type type, CellRole role, (long Min, long Max) range, long initial)
    {
        var cell = _next++;
        if (Generation == 0)
        {
            _machine.AddCell(cell, new Cell(_name.Length == 0 ? name : $"{_name}.{name}", type, range.Min, range.Max, initial, role));
        }

        return cell;
    }
}
