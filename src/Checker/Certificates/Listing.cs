using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Certificates;

/// <summary>The states that a certificate lists, and the frames and nodes they are made of.</summary>
internal sealed class Listing(Machine machine)
{
    private readonly List<int> _numbers = []; // of each row; ascending
    private readonly State _state = new(machine);
    private readonly ulong[] _row = new ulong[StateRows.WidthOf(machine)];

    public Machine Machine => machine;

    public Numbering Numbering { get; } = new(machine, grows: false);

    public StateRows Rows { get; } = new();

    /// <summary>The least number that the next state can have.</summary>
    public int NextNumber => _numbers.Count == 0 ? 0 : _numbers[^1] + 1;

    /// <summary>The number that the certificate gives a row.</summary>
    public int NumberOf(int row) => _numbers[row];

    /// <summary>Adds a state; false when an equal one is listed.</summary>
    /// <exception cref="ModelFaultException">The machine does not keep its cells apart.</exception>
    public bool Add(int number, ReadOnlySpan<long> cells, ReadOnlySpan<int> nodes, Ending ending)
    {
        for (var cell = 1; cell <= cells.Length; cell++)
        {
            _state.Set(cell, cells[cell - 1]);
        }

        _state.Commit();

        // So that a row stands for these values and no others, whatever the packing of cells does.
        for (var cell = 1; cell <= cells.Length; cell++)
        {
            if (_state.Get(cell) != cells[cell - 1])
            {
                throw new ModelFaultException($"{machine.Cells[cell - 1].Name} shares its bits with another cell");
            }
        }

        StateRows.Write(machine, _row, _state, nodes, ending);
        if (!Rows.Add(_row))
        {
            return false;
        }

        _numbers.Add(number);
        return true;
    }
}
