using System.Globalization;
using System.Text.RegularExpressions;

namespace ThpCheck.Checker.Tests.Reports;

/// <summary>A test in a KTAP text.</summary>
/// <param name="IsOk">What its result line says.</param>
/// <param name="Name">Its description.</param>
/// <param name="Directive">SKIP, ERROR and so on with what follows it, or "".</param>
/// <param name="Subtests">The tests nested in it.</param>
internal sealed record KtapTest(bool IsOk, string Name, string Directive, IReadOnlyList<KtapTest> Subtests);

/// <summary>The grammar of KTAP version 1 (Documentation/dev-tools/ktap.rst), without unknown lines, which we have no use for.</summary>
internal sealed partial class KtapGrammar
{
    private static readonly string[] Directives = ["SKIP", "TODO", "XFAIL", "TIMEOUT", "ERROR"];

    private readonly string[] _lines;
    private int _at;

    private KtapGrammar(string text) => _lines = text.Split('\n');

    /// <exception cref="FormatException">It is no KTAP.</exception>
    public static IReadOnlyList<KtapTest> Parse(string text)
    {
        if (!text.EndsWith('\n'))
        {
            throw new FormatException("the last line does not end");
        }

        var grammar = new KtapGrammar(text);
        var tests = grammar.Results("");
        return grammar._at == grammar._lines.Length - 1 ? tests : throw new FormatException($"line {grammar._at + 1}: {grammar._lines[grammar._at]}");
    }

    private List<KtapTest> Results(string indent)
    {
        Take(indent, "KTAP version 1");
        var plan = Regex.Match(_lines[_at], $"^{indent}1\\.\\.([0-9]+)$");
        _ = plan.Success ? ++_at : throw new FormatException($"line {_at + 1} is no plan: {_lines[_at]}");
        var tests = new List<KtapTest>();
        var count = int.Parse(plan.Groups[1].Value, CultureInfo.InvariantCulture);
        while (tests.Count < count)
        {
            tests.Add(Test(indent, tests.Count + 1));
        }

        return tests;
    }

    private KtapTest Test(string indent, int number)
    {
        var subtests = _lines[_at] == $"{indent}  KTAP version 1" ? Results($"{indent}  ") : [];
        while (_lines[_at].StartsWith($"{indent}# ", StringComparison.Ordinal))
        {
            _at++;
        }

        var line = _lines[_at].StartsWith(indent, StringComparison.Ordinal) ? _lines[_at][indent.Length..] : _lines[_at];
        var result = Result().Match(line);
        if (!result.Success || result.Groups["number"].Value != number.ToString(CultureInfo.InvariantCulture))
        {
            throw new FormatException($"line {_at + 1} is not the result of test {number}: {line}");
        }

        _at++;
        var isOk = result.Groups["result"].Value == "ok";
        var directive = result.Groups["directive"].Value;
        if (directive.Length > 0 && !Directives.Contains(directive.Split(' ')[0]))
        {
            throw new FormatException($"line {_at}: no directive '{directive}'");
        }

        return !isOk || subtests.All(s => s.IsOk || s.Directive.StartsWith("SKIP", StringComparison.Ordinal))
            ? new(isOk, result.Groups["name"].Value, directive, subtests)
            : throw new FormatException($"line {_at}: a test is ok though a subtest is not");
    }

    private void Take(string indent, string line) =>
        _ = _lines[_at] == indent + line ? _at++ : throw new FormatException($"line {_at + 1} is not '{indent}{line}': {_lines[_at]}");

    [GeneratedRegex("^(?<result>ok|not ok) (?<number>[0-9]+) (?<name>[^#]*?)( # (?<directive>.*))?$")]
    private static partial Regex Result();
}
