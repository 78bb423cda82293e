using System.CommandLine;
using ThpCheck.Checker.Exploration;
using static ThpCheck.Checker.CommandLine.Syntax.Forms;

namespace ThpCheck.Checker.CommandLine.Syntax;

/// <summary>The options that limit a search and share it among threads; a command has those that it describes.</summary>
/// <param name="states">What <c>--max-states</c> does.</param>
/// <param name="memory">What <c>--max-memory</c> does.</param>
/// <param name="time">What <c>--timeout</c> does.</param>
/// <param name="workers">What <c>--workers</c> does.</param>
internal sealed class BudgetSyntax(
    string? states = "Give up on a variant after this many states.",
    string? memory = null,
    string time = "Give up on a variant after this time, such as 90 or 90s, 5m, 1h.",
    string? workers = "Share the search among this many threads, as many as there are cores unless given; the answer does not depend on it.")
{
    private readonly Option<string?>? _states = states is null ? null : Text("--max-states", "N", states);
    private readonly Option<string?>? _memory = memory is null ? null : Text("--max-memory", "SIZE", memory);
    private readonly Option<string?> _time = Text("--timeout", "TIME", time);
    private readonly Option<string?>? _workers = workers is null ? null : Text("--workers", "N", workers);

    /// <summary>The options, for a command.</summary>
    public IEnumerable<Option> All => ((Option?[])[_states, _memory, _time, _workers]).OfType<Option>();

    /// <summary>What was given, and what is usual of the rest.</summary>
    /// <exception cref="WrongInputException">A value is wrong.</exception>
    public Budget Of(ParseResult parsed)
    {
        var usual = new Budget();
        return usual with
        {
            States = Given(parsed, _states) is { } s ? Math.Min(Quantity.Count("--max-states", s), usual.States) : usual.States,
            Bytes = Given(parsed, _memory) is { } m ? Quantity.Bytes("--max-memory", m) : usual.Bytes,
            Time = Given(parsed, _time) is { } t ? Quantity.Time("--timeout", t) : usual.Time,
            Workers = _workers is null ? usual.Workers : Given(parsed, _workers) is { } w ? Quantity.Workers("--workers", w) : Quantity.UsualWorkers,
        };
    }

    private static string? Given(ParseResult parsed, Option<string?>? option) => option is null ? null : parsed.GetValue(option);
}
