using System.Text.RegularExpressions;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.Tests.HardCases;

/// <summary>Compares interleavings with those that were worked out by hand.</summary>
internal static class HandMadeSchedules
{
    /// <summary>The cheapest interleaving that breaks a property in a variant of specs/.</summary>
    public static Counterexample Cheapest(string folder, string scenario, string variant, string property)
    {
        var file = ScenarioReader.Read(Repository.File("specs", folder, $"{scenario}.yaml")).Document!;
        var instance = ScenarioBinder.Bind(file, file.Variants.Single(v => v.Name.Value == variant)).Variant!.Instance;
        return Judge.Run(instance, new Budget())[property].Counterexample!;
    }

    /// <summary>It is minimal and has these events in this order, others between them.</summary>
    /// <param name="way">The interleaving.</param>
    /// <param name="switches">The most context switches that it may have.</param>
    /// <param name="events">A thread and what it does, with what that returns or without; * stands for anything.</param>
    public static void AssertHas(Counterexample way, int switches, IEnumerable<string> events)
    {
        Assert.True(way.IsMinimal);
        Assert.InRange(way.Switches, 0, switches);
        var steps = way.Trace.Steps.Select(s => s.Value.Length == 0 || s.Operation.Contains("store", StringComparison.Ordinal) ? $"{s.Thread} {s.Operation}" : $"{s.Thread} {s.Operation} = {s.Value}").ToArray();
        var at = 0;
        foreach (var wanted in events)
        {
            var pattern = new Regex($"^{Regex.Escape(wanted).Replace(@"\*", ".*", StringComparison.Ordinal)}( = .*)?$", RegexOptions.CultureInvariant);
            var found = Array.FindIndex(steps, at, pattern.IsMatch);
            Assert.True(found >= 0, $"after step {at} there is no '{wanted}' in:\n{string.Join("\n", steps)}");
            at = found + 1;
        }
    }
}
