using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.Reports;

/// <summary>Takes what <c>check</c> finds, as it is found.</summary>
internal interface ICheckReport
{
    /// <summary>A scenario's variants follow.</summary>
    void Begin(ScenarioFile scenario, IReadOnlyList<VariantSpec> variants);

    /// <summary>A variant of that scenario was checked.</summary>
    void Add(VariantReport variant);

    /// <summary>That was the scenario's last variant.</summary>
    void End();

    /// <summary>That was everything.</summary>
    void Finish(CheckSummary summary);
}
