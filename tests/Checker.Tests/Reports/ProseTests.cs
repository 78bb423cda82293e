using ThpCheck.Checker.CommandLine;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Reports;

namespace ThpCheck.Checker.Tests.Reports;

public sealed class ProseTests
{
    [Theory]
    [InlineData(0, "no context switch")]
    [InlineData(1, "1 context switch")]
    [InlineData(1234, "1,234 context switches")]
    public void Counts_are_said_in_words(long count, string text) => Assert.Equal(text, Prose.Count(count, "context switch"));

    [Theory]
    [InlineData("plain-word_1.yaml", "plain-word_1.yaml")]
    [InlineData("exit*40,slab", "'exit*40,slab'")]
    [InlineData("it's", @"'it'\''s'")]
    [InlineData("", "''")]
    public void A_word_is_quoted_where_a_shell_would_change_it(string word, string quoted) => Assert.Equal(quoted, Prose.Quote(word));

    [Fact]
    public void A_line_is_broken_at_blanks_and_a_word_only_when_it_must() =>
        Assert.Equal(["a line", "of", "extraord", "inary", "words"], Prose.Wrap("a line of extraordinary words", 8));

    [Theory]
    [InlineData(0, "0")]
    [InlineData(3.1e-33, "1e-32")]
    [InlineData(0.5, "1e0")]
    public void Odds_are_below_a_power_of_ten(double odds, string bound) => Assert.Equal(bound, Prose.Below(odds));

    [Fact]
    public void Progress_says_how_far_a_search_is() => Assert.Equal(
        "v1: level 45, 1,250,000 states, 500,000 a second, 12,345 waiting, 512 MiB",
        ProgressLine.Text("v1", new Progress(45, 1_250_000, 3_000_000, 12_345, 512L << 20), TimeSpan.FromSeconds(2.5)));

    [Fact]
    public void Progress_of_a_long_search_says_how_much_may_be_left_and_what_went_before_a_checkpoint_is_not_its_speed() => Assert.Equal(
        "v1: level 45, 1,250,000 states of about 10^7, about 35 s left, 100,000 a second, 12,345 waiting, 512 MiB",
        ProgressLine.Text(
            "v1",
            new Progress(45, 1_250_000, 3_000_000, 12_345, 512L << 20) { Before = 1_000_000, Estimate = new(8_000_000, false), Left = TimeSpan.FromSeconds(31) },
            TimeSpan.FromSeconds(2.5)));

    [Theory]
    [InlineData(5400, 9_000_000, "1,250,000 states of about 10^7", "about 90 min left")]
    [InlineData(360_001, 1_000_000, "1,250,000 states,", "about 5 days left")]
    public void Progress_says_nothing_of_an_estimate_that_was_wrong_and_time_in_the_unit_that_suits_it(int seconds, long estimate, string states, string left)
    {
        var text = ProgressLine.Text(
            "v1",
            new Progress(45, 1_250_000, 3_000_000, 12_345, 512L << 20) { Estimate = new(estimate, false), Left = TimeSpan.FromSeconds(seconds) },
            TimeSpan.FromSeconds(2.5));

        Assert.Contains(states, text, StringComparison.Ordinal);
        Assert.Contains($", {left}, ", text, StringComparison.Ordinal);
    }
}
