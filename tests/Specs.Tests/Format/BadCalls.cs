using Xunit;
using static ThpCheck.Specs.Tests.Format.Example;

namespace ThpCheck.Specs.Tests.Format;

/// <summary>Calls that break the grammar: the column is that of the very piece.</summary>
public sealed class BadCalls
{
    private const string Argument = "an argument (a name, an integer, true, false, null or \"text\")";

    private const string Unclosed =
        "this '(' has no ')'. Within [] and {} YAML ends a value at a comma, so a call there needs quotes around it.";

    [Theory]
    [InlineData("f(", 6, Unclosed)]
    [InlineData("f(a", 6, Unclosed)]
    [InlineData("f(a,", 6, Unclosed)]
    [InlineData("f(a.", 6, Unclosed)]
    [InlineData("f)", 6, "expected the end of the call, found ')'.")]
    [InlineData("f(a) b", 10, "expected the end of the call, found 'b'.")]
    [InlineData("f a", 7, "expected the end of the call, found 'a'.")]
    [InlineData("f(a b)", 9, "expected ',' or ')', found 'b'.")]
    [InlineData("f(g(a))", 8, "expected ',' or ')', found '('.")]
    [InlineData("f(a,)", 9, "expected " + Argument + ", found ')'.")]
    [InlineData("f(,a)", 7, "expected " + Argument + ", found ','.")]
    [InlineData("f(+1)", 7, "expected " + Argument + ", found '+'.")]
    [InlineData("f(😀)", 7, "expected " + Argument + ", found '😀'.")]
    [InlineData("(a)", 5, "expected a function's name, found '('.")]
    [InlineData("1f(a)", 5, "expected a function's name, found '1f'.")]
    [InlineData("null(a)", 5, "expected a function's name, found 'null'.")]
    [InlineData("a =", 8, "expected a function's name, found the end of the call.")]
    [InlineData("a = b = c", 11, "expected the end of the call, found '='.")]
    [InlineData("a == b", 8, "expected a function's name, found '='.")]
    [InlineData("true = f", 5, "expected a function's name, found 'true'.")]
    [InlineData("a.b = f", 5, "expected a name in front of '=', found 'a.b'.")]
    [InlineData("a.1(b)", 7, "expected a name after 'a.', found '1'.")]
    [InlineData("a.b.c(d)", 8, "expected at most one '.' in a name.")]
    [InlineData("f(a.b.c)", 10, "expected at most one '.' in a name.")]
    [InlineData("f(a, 012)", 10, "'012' is no integer; write it as 10, -10 or 0x10.")]
    [InlineData("f(1x)", 7, "'1x' is no integer; write it as 10, -10 or 0x10.")]
    [InlineData("f(-)", 7, "'-' is no integer; write it as 10, -10 or 0x10.")]
    [InlineData("f(0x)", 7, "'0x' is no integer; write it as 10, -10 or 0x10.")]
    [InlineData("f(9223372036854775808)", 7, "'9223372036854775808' does not fit in a signed integer of 64 bits.")]
    [InlineData("f(-9223372036854775809)", 7, "'-9223372036854775809' does not fit in a signed integer of 64 bits.")]
    [InlineData("f(0xffffffffffffffff)", 7, "'0xffffffffffffffff' does not fit in a signed integer of 64 bits.")]
    [InlineData("f(\"a)", 7, "this text has no closing '\"'.")]
    public void A_call_is_refused_at_the_piece_that_is_wrong(string call, int column, string message) =>
        Refuses($"{Smallest}setup:\n  - {call}\n", $"7:{column}: {message}");

    [Fact]
    public void A_call_that_brackets_cut_in_two_gets_one_message()
    {
        Refuses(SmallestWith(4, "threads: [{name: a, calls: [f(x, 0, 1), g(y)]}]"), "4:30: " + Unclosed);
        Refuses(Smallest + "setup: [{call: f(x, 0), as: y}]\n", "6:17: " + Unclosed);
    }

    [Fact]
    public void A_quoted_call_is_refused_to_the_character() =>
        Refuses(Smallest + "setup: ['f(a b)']\n", "6:14: expected ',' or ')', found 'b'.");

    [Fact]
    public void A_call_over_several_lines_is_refused_as_a_whole() =>
        Refuses(Smallest + "setup:\n  - f(a\n      b)\n", "7:5: expected ',' or ')', found 'b'.");

    [Fact]
    public void A_result_has_one_name() => Refuses(
        Smallest + "setup: [{call: a = f, as: b}]\n", "6:27: the call at 6:16 names its result 'a' already; keep one of the two names.");

    [Fact]
    public void A_call_is_not_nothing() =>
        Refuses(Smallest + "setup:\n  -\n", "7:4: expected a call such as 'folio = do_anonymous_page(vma, 0)', found nothing.");
}
