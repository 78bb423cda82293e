using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Certificates;

/// <summary>
/// The lines of a certificate that say what its numbers stand for: threads from 0, cells and objects from 1. They are the same
/// whenever the same version of the model binds the same scenario.
/// </summary>
internal static class MachineLines
{
    public static IEnumerable<string> Of(Machine machine) =>
    [
        .. Enumerable.Range(0, machine.ThreadCount).Select(t => FormattableString.Invariant(
            $"thread {t} {CertificateFormat.Escape(machine.ThreadName(t))} {machine.ThreadKind(t)}")),
        .. machine.Cells.Select((c, i) => FormattableString.Invariant(
            $"cell {i + 1} {CertificateFormat.Escape(c.Name)} {CertificateFormat.Escape(c.Type.Name)} {c.Min} {c.Max}")),
        .. machine.Objects.Select(o => FormattableString.Invariant(
            $"object {o.Id} {CertificateFormat.Escape(o.Name)} {CertificateFormat.Escape(o.GetType().Name)}")),
    ];
}
