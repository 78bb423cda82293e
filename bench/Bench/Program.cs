using System.Globalization;
using ThpCheck.Bench;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Reduction;

// bench [MODEL [SIZES]] [--runs N] [--workers N] [--first] [--reduced]: a line a run, and the median.
var words = args.ToList();
var runs = Take("--runs") ?? 7;
var workers = Take("--workers") ?? 1;
var first = words.Remove("--first");
var reduced = words.Remove("--reduced");
var model = words.Count == 0 ? Model.All[0] : Model.All.FirstOrDefault(m => m.Name == words[0]);
var given = words.Skip(1).Select(Size).ToArray();
if (model is null || given.Contains(null) || (given.Length != 0 && given.Length != model.Sizes.Length))
{
    return Usage();
}

int[] sizes = given.Length == 0 ? [.. model.Sizes.Select(s => s.Default)] : [.. given.Select(g => g!.Value)];
if (!model.IsPossible(sizes))
{
    return Usage();
}

var measurement = new Measurement(model, sizes, new Budget { Workers = workers, First = first, Reductions = reduced ? Reductions.All : Reductions.None });
double[] numbers = [.. Enumerable.Range(0, runs).Select(_ => measurement.Run()).Order()];
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"median {numbers[runs / 2]:0.00} {measurement.Unit}, least {numbers[0]:0.00}, most {numbers[^1]:0.00}, {runs} runs"));
return measurement.AsExpected ? 0 : 1;

// An option's number, which is taken out of the words; null where it is not given. A wrong one stays, and is no size either.
int? Take(string option)
{
    var at = words.IndexOf(option);
    if (at < 0 || at + 1 == words.Count || Size(words[at + 1]) is not { } number)
    {
        return null;
    }

    words.RemoveRange(at, 2);
    return number;
}

static int? Size(string word) => int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out var size) && size > 0 ? size : null;

static int Usage()
{
    Console.Error.WriteLine("usage: bench [MODEL [SIZES]] [--runs N] [--workers N] [--first] [--reduced]; --first stops at the first violation, --reduced uses every reduction. Models, with default sizes:");
    foreach (var model in Model.All)
    {
        Console.Error.WriteLine($"  {string.Join(' ', [model.Name, .. model.Sizes.Select(s => $"{s.Name}={s.Default}")])}{model.Limit}");
    }

    return 2;
}
