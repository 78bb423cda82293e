using ThpCheck.Checker.Drift;
using ThpCheck.Checker.Reports;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Gate;

/// <summary>Writes what a diff means, for people.</summary>
internal static class GateReport
{
    private const int MostListed = 40;
    private const int MostPlaces = 4;

    /// <summary>Writes the findings.</summary>
    public static void Write(Paper paper, IReadOnlyList<GateFinding> findings)
    {
        foreach (var finding in findings.Where(f => f.Status != GateStatus.NotModelled).OrderBy(f => f.Status))
        {
            paper.Write($"{finding.File}{(finding.Line > 0 ? $":{finding.Line}" : "")}", Tone.Heading);
            paper.WriteLine(finding.Function is { } function ? $"  {function}()" : "");
            var (word, tone) = finding switch
            {
                { Model: { } model } => ($"the model comes along in {model}: ", Tone.Good),
                { Status: GateStatus.OutOfDate } => ($"model out of date: {finding.Function}, ", Tone.Bad),
                { Status: GateStatus.CannotTell } => ("cannot tell: ", Tone.Warning),
                _ => ("the verdicts stand: ", Tone.Good),
            };
            paper.WriteProse($"{word}{finding.Why}", 2, tone);
            foreach (var operation in finding.Gone)
            {
                paper.Write($"    - {operation.Text}");
                paper.WriteLine(finding.Declared.Contains(operation.Name) ? "  (its path has one)" : finding.Paths.Count > 0 ? "  (its path leaves it out)" : "", Tone.Faint);
            }

            foreach (var operation in finding.New)
            {
                paper.WriteLine($"    + {operation.Text}");
            }

            if (finding.Paths.Count > 0)
            {
                var places = finding.Paths.Select(PlaceOf).Distinct().ToArray();
                var others = places.Length > MostPlaces ? $" and {Prose.Count(places.Length - MostPlaces, "other place")}" : "";
                paper.WriteProse($"modelled in {string.Join(", ", places.Take(MostPlaces))}{others}", 2, Tone.Faint);
            }
        }

        var unknown = findings.Where(f => f.Status == GateStatus.NotModelled).ToArray();
        if (unknown.Length > 0)
        {
            paper.WriteLine("not modelled", Tone.Heading);
            foreach (var file in unknown.GroupBy(f => f.File).Take(MostListed))
            {
                var names = file.Select(f => $"{f.Function}()").Distinct().ToArray();
                paper.WriteProse($"{file.Key}: {string.Join(", ", names.Take(MostListed))}{(names.Length > MostListed ? $" and {names.Length - MostListed} more" : "")}", 2);
            }
        }
    }

    /// <summary>The last lines: what it comes to, and what to do.</summary>
    /// <param name="paper">Where to write.</param>
    /// <param name="findings">What was found.</param>
    /// <param name="toWrite">The commands that write the model that is missing.</param>
    public static void WriteSummary(Paper paper, IReadOnlyList<GateFinding> findings, IReadOnlyList<string> toWrite)
    {
        int Count(GateStatus status) => findings.Count(f => f.Status == status && f.Model is null);
        paper.WriteLine();
        if (findings.All(f => f.Status == GateStatus.NotModelled))
        {
            paper.WriteProse(findings.Count == 0 ? "Nothing of the kernel that a path could stand for is changed." : "Nothing that is changed is modelled, so no verdict is about it.", 0);
            return;
        }

        string[] counts =
        [
            .. Part(Count(GateStatus.OutOfDate), "out of date"), .. Part(Count(GateStatus.CannotTell), "cannot be told"), .. Part(Count(GateStatus.Stands), "stand"),
            .. Part(findings.Count(f => f.Model is not null), "with the model along"), .. Part(Count(GateStatus.NotModelled), "not modelled"),
        ];
        paper.WriteProse($"Of what is changed: {string.Join(", ", counts)}.", 0);
        if (findings.Any(f => f.Holds))
        {
            paper.WriteProse("No verdict is about the kernel with this diff until its model is. To write it:", 0);
            foreach (var command in toWrite)
            {
                paper.WriteLine($"  {command}");
            }
        }
    }

    /// <summary>Where a path is.</summary>
    public static string PlaceOf(ModelledFunction path) => $"{(SourceLines.Of(path.Method) is { } line ? line.ToString() : path.Path)} ({path.At})";

    private static IEnumerable<string> Part(int count, string what) => count == 0 ? [] : [$"{count} {what}"];
}
