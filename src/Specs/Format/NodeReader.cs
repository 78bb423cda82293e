namespace ThpCheck.Specs.Format;

/// <summary>Reads a value, or reports why it cannot be read and returns null.</summary>
internal delegate T? NodeReader<T>(YamlNode node, DiagnosticList report) where T : class;

/// <summary>Says what stands in the place of what was expected.</summary>
internal static class Expected
{
    /// <summary>Reports that something else was expected; always null.</summary>
    internal static T? Other<T>(YamlNode node, string expected, DiagnosticList report, string hint = "") where T : class
    {
        if (node is not YamlRefused)
            report.Add(node.Position, $"expected {expected}, found {node.Found}.{hint}");
        return null;
    }
}
