using ThpCheck.Checker.CommandLine;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Tests;

/// <summary>Rows of facts that were worked out by reading, and the variants that answer for them.</summary>
/// <param name="file">The facts' name.</param>
/// <param name="folders">The folders of specs/ with the variants.</param>
internal sealed class FactsTable(string file, params string[] folders)
{
    public ScenarioFile[] Scenarios { get; } =
    [
        .. ScenarioFiles.Find([.. folders.Select(f => Repository.File("specs", f))], [])
            .Select(f => ScenarioReader.Read(f).Document ?? throw new InvalidDataException(f)),
    ];

    public IEnumerable<(ScenarioFile Scenario, VariantSpec Variant)> Variants => Scenarios.SelectMany(s => s.Variants.Select(v => (s, v)));

    /// <summary>The facts that variants answer for.</summary>
    public IEnumerable<string> Answered => Variants.SelectMany(v => v.Variant.Facts).Select(f => f.ToString());

    /// <summary>The variant that answers for a row; null where there is not one.</summary>
    public VariantSpec? Of(string row) => Variants.Where(v => v.Variant.Facts.Any(f => f.ToString() == $"{file}#{row}")).ToArray() is [var found] ? found.Variant : null;

    /// <summary>What is wrong with the variants of rows: each has one, which is as predicted or says why not.</summary>
    public IEnumerable<string> Wrong(IEnumerable<(string Row, bool Fails)> rows, Func<VariantSpec, bool> fails) => rows.Select(r => Of(r.Row) is not { } variant ? $"{r.Row}: not one variant answers for it"
        : fails(variant) != r.Fails && variant.Disagrees is null ? $"{r.Row}: {variant.Name.Value} is not as predicted, and does not say why" : null).OfType<string>();

    /// <summary>What a variant is expected to break.</summary>
    public static IEnumerable<string> Violated(VariantSpec variant) => variant.Expect.Where(e => e.Verdict.Value == ExpectedVerdict.Violated).Select(e => e.Name.Value);

    /// <summary>Of that, what is a promise about safety.</summary>
    public static IEnumerable<string> Broken(VariantSpec variant) =>
        Violated(variant).Where(n => KernelBugProperties.All.Concat(PropertyCatalog.All).Single(p => p.Name == n).Class == PropertyClass.Safety);
}
