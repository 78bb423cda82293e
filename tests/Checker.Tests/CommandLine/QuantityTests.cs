using ThpCheck.Checker.CommandLine;

namespace ThpCheck.Checker.Tests.CommandLine;

public sealed class QuantityTests
{
    [Theory]
    [InlineData("1K", 1024)]
    [InlineData("512M", 512L << 20)]
    [InlineData("2g", 2L << 30)]
    [InlineData("1T", 1L << 40)]
    public void A_size_is_a_number_of_powers_of_1024(string text, long bytes) => Assert.Equal(bytes, Quantity.Bytes("--max-memory", text));

    [Theory]
    [InlineData("90", 90)]
    [InlineData("90s", 90)]
    [InlineData("5m", 300)]
    [InlineData("1h", 3600)]
    public void A_time_is_in_seconds_unless_it_has_a_unit(string text, int seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), Quantity.Time("--timeout", text));

    [Theory]
    [InlineData("")]
    [InlineData("0s")]
    [InlineData("m")]
    [InlineData("1.5m")]
    [InlineData("-5")]
    [InlineData("99999999h")]
    public void What_is_no_time_is_wrong_input(string text) => Assert.Throws<WrongInputException>(() => Quantity.Time("--timeout", text));

    [Theory]
    [InlineData("")]
    [InlineData("0M")]
    [InlineData("G")]
    [InlineData("512")]
    [InlineData("512MB")]
    public void What_is_no_size_is_wrong_input(string text) => Assert.Throws<WrongInputException>(() => Quantity.Bytes("--max-memory", text));
}
