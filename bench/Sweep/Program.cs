using System.Globalization;
using ThpCheck.Checker.CommandLine;
using ThpCheck.Coyote;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using ThpCheck.Sweep;

// sweep ROWS [PATH...] [--iterations N] [--seconds S]: appends a line for each variant to ROWS, but for those that it has already, and prints the table of all.
var words = args.ToList();
var effort = new Effort(Take("--iterations") ?? 10_000, TimeSpan.FromSeconds(Take("--seconds") ?? 60));
if (words.Count == 0 || words.Exists(w => w.StartsWith("--", StringComparison.Ordinal)))
{
    Console.Error.WriteLine("usage: sweep ROWS [PATH...] [--iterations N] [--seconds S]; ROWS is a file that takes a line for each variant, and keeps those that it has");
    return 2;
}

var file = words[0];
var rows = File.Exists(file) ? File.ReadLines(file).Select(Row.Of).ToList() : [];
if (CoyoteEngine.Missing is { } missing)
{
    Console.Error.WriteLine(missing);
    return 2;
}

var errors = new List<Diagnostic>();
var scenarios = ScenarioFiles.Read(words.Count > 1 ? words[1..] : [], errors.Add).ToArray();
var known = rows.Select(r => (r.Scenario, r.Variant)).ToHashSet();
var sweeper = new Sweeper(effort);
var left =
    from scenario in scenarios
    from variant in scenario.Variants
    where !known.Contains((scenario.Path, variant.Name.Value))
    orderby variant.Expect.Count == 0 // what must break comes first
    select (scenario, variant);
foreach (var (scenario, variant) in left)
{
    var (bound, diagnostics) = ScenarioBinder.Bind(scenario, variant);
    errors.AddRange(diagnostics);
    if (bound is not null)
    {
        var row = sweeper.Run(bound);
        rows.Add(row);
        File.AppendAllText(file, $"{row}\n");
    }
}

foreach (var error in errors)
{
    Console.Error.WriteLine(error);
}

Table.Write(rows, Console.Out);
return errors.Count > 0 ? 2 : rows.Exists(r => r.Missing.Count > 0 || r.Differences.Count > 0) ? 1 : 0;

// An option's number, which is taken out of the words; null where it is not given. A wrong one stays, and is not understood.
int? Take(string option)
{
    var at = words.IndexOf(option);
    if (at < 0 || at + 1 == words.Count || !int.TryParse(words[at + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number == 0)
    {
        return null;
    }

    words.RemoveRange(at, 2);
    return number;
}
