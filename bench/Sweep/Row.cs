using System.Globalization;

namespace ThpCheck.Sweep;

/// <summary>What Coyote made of a variant, as a line of a file.</summary>
/// <param name="Scenario">The scenario's file.</param>
/// <param name="Variant">The variant in it.</param>
/// <param name="Expected">The variant's verdict, by the scenario.</param>
/// <param name="Found">What is expected to break and was seen to, each where it was seen first.</param>
/// <param name="Missing">What is expected to break and was not seen to.</param>
/// <param name="Executions">How many were made, with all strategies.</param>
/// <param name="Steps">How many steps they took.</param>
/// <param name="Seconds">How long that took.</param>
/// <param name="States">The most different states that one sample was in.</param>
/// <param name="Differences">What is not as the scenario says, a sentence each.</param>
internal sealed record Row(
    string Scenario, string Variant, string Expected, IReadOnlyList<Sighting> Found, IReadOnlyList<string> Missing, long Executions, long Steps, double Seconds, long States, IReadOnlyList<string> Differences)
{
    private const char Between = '\t';
    private const string Within = "; ";

    public static Row Of(string line)
    {
        var fields = line.Split(Between);
        return new(
            fields[0], fields[1], fields[2], [.. Parts(fields[3]).Select(Sighting.Of)], [.. Parts(fields[4])],
            Number(fields[5]), Number(fields[6]), double.Parse(fields[7], CultureInfo.InvariantCulture), Number(fields[8]), [.. Parts(fields[9])]);
    }

    public override string ToString() => string.Join(
        Between,
        Scenario, Variant, Expected, string.Join(Within, Found), string.Join(Within, Missing),
        Executions.ToString(CultureInfo.InvariantCulture), Steps.ToString(CultureInfo.InvariantCulture), Seconds.ToString("0.0", CultureInfo.InvariantCulture),
        States.ToString(CultureInfo.InvariantCulture), string.Join(Within, Differences.Select(d => d.Replace(Within, ", ", StringComparison.Ordinal))));

    private static string[] Parts(string field) => field.Split(Within, StringSplitOptions.RemoveEmptyEntries);

    private static long Number(string field) => long.Parse(field, CultureInfo.InvariantCulture);
}

/// <summary>A property that an execution breaks.</summary>
/// <param name="Property">The property.</param>
/// <param name="Strategy">The strategy of Coyote's that made the execution.</param>
/// <param name="Seed">Its seed.</param>
/// <param name="Execution">Which execution it is, from 1.</param>
internal sealed record Sighting(string Property, string Strategy, int Seed, long Execution)
{
    public static Sighting Of(string text)
    {
        var words = text.Split(' ');
        return new(words[0], words[1], int.Parse(words[2], CultureInfo.InvariantCulture), long.Parse(words[3], CultureInfo.InvariantCulture));
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Property} {Strategy} {Seed} {Execution}");
}
