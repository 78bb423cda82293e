using System.CommandLine;
using ThpCheck.Checker.Sampling;
using ThpCheck.Coyote;
using static ThpCheck.Checker.CommandLine.Syntax.Forms;

namespace ThpCheck.Checker.CommandLine.Syntax;

/// <summary>The options that ask for a sample of the executions, drawn by ThpCheck's own engine or by Coyote.</summary>
internal sealed class SampleSyntax
{
    private const int MostDepth = 100;

    private readonly Option<string?> _sample = Text("--sample", "random|pct|pos", "Look at executions drawn at random only, for what is too big to explore: a random walk, PCT or POS.");
    private readonly Option<string?> _executions = Text("--executions", "N", $"Of a sample, how many executions; {SampleOptions.UsualExecutions} unless given.");
    private readonly Option<string?> _seed = Text("--seed", "S", $"Of a sample, the seed; {SampleOptions.UsualSeed} unless given. The same seed gives the same sample.");
    private readonly Option<string?> _depth = Text("--depth", "D", $"Of a PCT sample, the depth of the bugs it is for; {SampleOptions.UsualDepth} unless given.");
    private readonly Option<string?> _engine = Text("--engine", "coyote", "Let Microsoft Coyote run the executions of a sample, where this build has it (-p:WithCoyote=true).");
    private readonly Option<string?> _strategy = Text("--strategy", "STRATEGY", "Of Coyote, how it chooses: 'random', unless given, 'prioritization', 'fair-prioritization', 'pos', 'q-learning' or 'dfs'.");
    private readonly Option<string?> _changes = Text("--priority-changes", "N", $"Of Coyote's strategies with priorities, how often these change in an execution at most; {CoyoteOptions.UsualPriorityChanges} unless given.");
    private readonly Option<string?> _iterations = Text("--iterations", "N", $"Of Coyote, how many executions; {SampleOptions.UsualExecutions} unless given.");

    private readonly Option<string?> _trace = Text("--coyote-trace", "FILE", "Write Coyote's own trace of the first execution of the one variant that breaks something to this file.");
    private readonly Option<string?> _replay = Text("--coyote-replay", "FILE", "Let Coyote execute the trace in this file again.");

    /// <summary>The options, for a command.</summary>
    public IEnumerable<Option> All => [_sample, _executions, _seed, _depth, _engine, _strategy, _changes, _iterations, _trace, _replay];

    /// <summary>The file that takes Coyote's own trace, or null.</summary>
    public string? TraceOf(ParseResult parsed) => parsed.GetValue(_trace);

    /// <summary>The file with the trace that Coyote executes again, or null.</summary>
    public string? ReplayOf(ParseResult parsed) => parsed.GetValue(_replay);

    /// <summary>The sample, or null where none is asked for.</summary>
    /// <exception cref="WrongInputException">A value is wrong, or an option stands without the one that it is about.</exception>
    public SampleOptions? Of(ParseResult parsed) => parsed.GetValue(_engine) is { } engine ? OfCoyote(parsed, engine) : OfOwn(parsed);

    private SampleOptions OfCoyote(ParseResult parsed, string engine)
    {
        if (engine != "coyote")
        {
            throw new WrongInputException($"--engine cannot be '{engine}'; write coyote, or leave it out for ThpCheck's own");
        }

        if (parsed.GetValue(_sample) is not null)
        {
            throw new WrongInputException("--engine coyote draws executions as --strategy says, so it does not go with --sample");
        }

        Require("says how to sample", "--sample", parsed, _executions, _depth);
        if (CoyoteEngine.Missing is { } missing)
        {
            throw new WrongInputException($"--engine coyote: {missing}");
        }

        if (parsed.GetValue(_replay) is not null)
        {
            return Given(parsed, _strategy, _changes, _iterations, _seed, _trace) is { } chooses
                ? throw new WrongInputException($"--coyote-replay executes what a trace says, once, so it does not go with {chooses}")
                : new SampleOptions(SampleMethod.Random, 1, SampleOptions.UsualSeed) { Coyote = new CoyoteSample("replay", CoyoteStrategy.Random) };
        }

        var strategy = parsed.GetValue(_strategy) ?? "random";
        var chosen = strategy switch
        {
            "random" => CoyoteStrategy.Random,
            "prioritization" => CoyoteStrategy.Prioritization,
            "fair-prioritization" => CoyoteStrategy.FairPrioritization,
            "pos" => CoyoteStrategy.Pos,
            "q-learning" => CoyoteStrategy.QLearning,
            "dfs" => CoyoteStrategy.Dfs,
            _ => throw new WrongInputException($"--strategy cannot be '{strategy}'; write random, prioritization, fair-prioritization, pos, q-learning or dfs"),
        };
        return new SampleOptions(SampleMethod.Random, Executions(parsed, _iterations), Seed(parsed))
        {
            Coyote = parsed.GetValue(_changes) is { } changes ? Changing(strategy, chosen, changes) : new CoyoteSample(strategy, chosen),
        };
    }

    private static CoyoteSample Changing(string name, CoyoteStrategy strategy, string changes)
    {
        if (strategy is not (CoyoteStrategy.Prioritization or CoyoteStrategy.FairPrioritization))
        {
            throw new WrongInputException("--priority-changes is about priorities, so it goes with --strategy prioritization or fair-prioritization");
        }

        var most = Quantity.Number("--priority-changes", changes, 1, MostDepth);
        return new CoyoteSample($"{name}/{most}", strategy) { PriorityChanges = most };
    }

    private SampleOptions? OfOwn(ParseResult parsed)
    {
        Require("is about Coyote", "--engine coyote", parsed, _strategy, _changes, _iterations);
        Require("is about Coyote's traces", "--engine coyote", parsed, _trace, _replay);
        if (parsed.GetValue(_sample) is not { } method)
        {
            Require("says how to sample", "--sample", parsed, _executions, _seed, _depth);
            return null;
        }

        var drawn = method switch
        {
            "random" => SampleMethod.Random,
            "pct" => SampleMethod.Pct,
            "pos" => SampleMethod.Pos,
            _ => throw new WrongInputException($"--sample cannot be '{method}'; write random, pct or pos"),
        };
        var depth = parsed.GetValue(_depth);
        if (depth is not null && drawn != SampleMethod.Pct)
        {
            throw new WrongInputException($"--depth is about PCT only, so it goes with --sample pct, not with --sample {method}");
        }

        return new SampleOptions(drawn, Executions(parsed, _executions), Seed(parsed))
        {
            Depth = depth is null ? SampleOptions.UsualDepth : Quantity.Number("--depth", depth, 1, MostDepth),
        };
    }

    private static long Executions(ParseResult parsed, Option<string?> option) =>
        parsed.GetValue(option) is { } text ? Quantity.Count(option.Name, text) : SampleOptions.UsualExecutions;

    private int Seed(ParseResult parsed) => parsed.GetValue(_seed) is { } text ? Quantity.Number("--seed", text, 0, int.MaxValue) : SampleOptions.UsualSeed;

    private static void Require(string what, string option, ParseResult parsed, params IReadOnlyList<Option<string?>> alone)
    {
        if (Given(parsed, alone) is { } first)
        {
            throw new WrongInputException($"{first} {what}, so it goes with {option}");
        }
    }

    // The first of these options that is given, or null.
    private static string? Given(ParseResult parsed, params IReadOnlyList<Option<string?>> options) => options.FirstOrDefault(o => parsed.GetValue(o) is not null)?.Name;
}
