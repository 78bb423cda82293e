using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Reports;

/// <summary>Cells by the name that the scenario gives their object: <c>folio.mapping</c>, not <c>folio0.mapping</c>.</summary>
internal static class CellName
{
    /// <summary>The name of a cell, by number, through the generation of its object that is allocated now or was last.</summary>
    public static string Of(StateView view, int cell)
    {
        var name = view.Machine.Cells[cell - 1].Name;
        var slot = view.Machine.Caches.SelectMany(c => c.Slots).FirstOrDefault(s => cell >= s.FirstCell && cell < s.FirstCell + s.CellCount);
        var dot = name.IndexOf('.', StringComparison.Ordinal);
        return slot is null || dot < 0 ? name : $"{(slot.Generations.FirstOrDefault(view.IsLive) ?? slot.Generations[0]).Name}{name[dot..]}";
    }
}
