namespace ThpCheck.Model.Stepping;

/// <summary>Fields of one type side by side, such as the entries of a page table.</summary>
/// <typeparam name="T">As for <see cref="Shared{T}"/>.</typeparam>
public readonly record struct SharedArray<T>
{
    private readonly int _object;
    private readonly int _first;

    internal SharedArray(int @object, int first, int length)
    {
        _object = @object;
        _first = first;
        Length = length;
    }

    /// <summary>How many there are.</summary>
    public int Length { get; }

    /// <summary>One of them.</summary>
    /// <exception cref="ModelFaultException">There is no such one.</exception>
    public Shared<T> this[int index] => (uint)index < (uint)Length
        ? new(_object, _first + index)
        : throw new ModelFaultException($"element {index} of an array of {Length} {typeof(T).Name} is accessed");
}
