using System.Globalization;

namespace ThpCheck.Sweep;

/// <summary>The lines as Markdown.</summary>
internal static class Table
{
    private static readonly long[] Bounds = [1, 10, 100, 1000, long.MaxValue];

    public static void Write(IReadOnlyList<Row> rows, TextWriter output)
    {
        // A variant that holds can break what is no promise about safety.
        var failing = rows.Where(r => r.Expected is "violated" or "deadlock" && r.Found.Count + r.Missing.Count > 0).OrderBy(r => r.Scenario, StringComparer.Ordinal).ToArray();
        var holding = rows.Except(failing).OrderBy(r => r.Scenario, StringComparer.Ordinal).ToArray();
        Line(output, $"{Sum(failing.SelectMany(r => r.Found).Count())} of {Sum(failing.Sum(r => r.Found.Count + r.Missing.Count))} promises that are broken were seen to be, in {Sum(failing.Count(r => r.Missing.Count == 0))} of {Sum(failing.Length)} variants all of them, and at least one in {Sum(failing.Count(r => r.Found.Count > 0))}, of {Sum(failing.DistinctBy(r => r.Scenario).Count())} scenarios; {Sum(failing.Where(r => r.Found.Count > 0).DistinctBy(r => r.Scenario).Count())} scenarios have such a variant.");
        Line(output, $"Nothing that is not expected broke in {Sum(rows.Count(r => r.Differences.Count == 0))} of {Sum(rows.Count)} variants, {Sum(holding.Length)} of which must not break: {Sum(holding.Count(r => r.Executions >= 10_000))} of these in 10,000 executions or more, {Sum(holding.Count(r => r.Executions < 10_000))} in fewer; {Sum(holding.Sum(r => r.Executions))} executions, {Sum(holding.Sum(r => r.Steps))} steps, {Sum((long)holding.Sum(r => r.Seconds))} s.");
        WriteOdd(rows, output);
        WriteStrategies(failing, output);
        output.WriteLine();
        output.WriteLine("## What must break");
        foreach (var scenario in failing.GroupBy(r => r.Scenario))
        {
            Line(output, $"\n{scenario.Key}\n");
            output.WriteLine("| variant | broken: strategy, execution (seed) | executions in all | not seen |");
            output.WriteLine("| --- | --- | --- | --- |");
            foreach (var row in scenario)
            {
                Line(output, $"| {row.Variant} | {string.Join("; ", row.Found.Select(Text))} | {Sum(row.Executions)} | {string.Join(", ", row.Missing)} |");
            }
        }

        output.WriteLine();
        output.WriteLine("## What must not");
        foreach (var scenario in holding.GroupBy(r => r.Scenario))
        {
            Line(output, $"\n{scenario.Key}\n");
            output.WriteLine("| variant | expected | executions | steps | states met | s | broken, and no promise about safety |");
            output.WriteLine("| --- | --- | --- | --- | --- | --- | --- |");
            foreach (var row in scenario)
            {
                Line(output, $"| {row.Variant} | {row.Expected} | {Sum(row.Executions)} | {Sum(row.Steps)} | {Sum(row.States)} | {row.Seconds:0.0} | {string.Join("; ", row.Found.Select(Text))} |");
            }
        }
    }

    private static void WriteOdd(IReadOnlyList<Row> rows, TextWriter output)
    {
        foreach (var row in rows.Where(r => r.Missing.Count > 0 || r.Differences.Count > 0).OrderBy(r => r.Scenario, StringComparer.Ordinal))
        {
            Line(output, $"* {row.Scenario}, {row.Variant}: {string.Join("; ", [.. row.Missing.Select(m => $"{m} was not seen to break in {Sum(row.Executions)} executions"), .. row.Differences])}");
        }
    }

    // In which strategy and within how many executions what must break was first seen to.
    private static void WriteStrategies(IReadOnlyList<Row> failing, TextWriter output)
    {
        output.WriteLine();
        output.WriteLine("| first seen by | in the first execution | 2 to 10 | 11 to 100 | 101 to 1,000 | more |");
        output.WriteLine("| --- | --- | --- | --- | --- | --- |");
        foreach (var strategy in failing.SelectMany(r => r.Found).GroupBy(f => f.Strategy).OrderByDescending(g => g.Count()))
        {
            var counts = Bounds.Select((bound, i) => strategy.Count(f => f.Execution <= bound && (i == 0 || f.Execution > Bounds[i - 1])));
            Line(output, $"| {strategy.Key} | {string.Join(" | ", counts)} |");
        }
    }

    private static string Text(Sighting found) =>
        string.Create(CultureInfo.InvariantCulture, $"{found.Property}: {found.Strategy}, {found.Execution:N0} ({found.Seed})");

    private static string Sum(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    private static void Line(TextWriter output, FormattableString line) => output.WriteLine(line.ToString(CultureInfo.InvariantCulture));
}
