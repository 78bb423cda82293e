using System.Globalization;

namespace ThpCheck.Checker.CommandLine;

/// <summary>Numbers with units, as the command line spells them.</summary>
internal static class Quantity
{
    /// <exception cref="WrongInputException">It is no number of at least 1.</exception>
    public static long Count(string option, string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count > 0
            ? count
            : throw new WrongInputException($"{option} cannot be '{text}'; write a number of at least 1");

    /// <summary>The most workers there can be: their number is part of a mark in 32 bits.</summary>
    public const int MostWorkers = 16;

    /// <summary>As many as there are cores.</summary>
    public static int UsualWorkers => Math.Min(Environment.ProcessorCount, MostWorkers);

    /// <exception cref="WrongInputException">It is no number of workers.</exception>
    public static int Workers(string option, string text) => Count(option, text) is var count && count <= MostWorkers
        ? (int)count
        : throw new WrongInputException($"{option} cannot be '{text}'; {MostWorkers} is the most");

    /// <exception cref="WrongInputException">It is no number in this range.</exception>
    public static int Number(string option, string text, int least, int most) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number
            : throw new WrongInputException($"{option} cannot be '{text}'; write a number from {least} to {most}");

    /// <summary>Bytes: <c>2G</c>, <c>512M</c>, <c>64K</c>, in powers of 1024.</summary>
    /// <exception cref="WrongInputException">It is no size.</exception>
    public static long Bytes(string option, string text)
    {
        var shift = text.Length == 0 ? 0 : char.ToUpperInvariant(text[^1]) switch { 'K' => 10, 'M' => 20, 'G' => 30, 'T' => 40, _ => 0 };
        return shift > 0
            && long.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number > 0 && number <= long.MaxValue >> shift
                ? number << shift
                : throw new WrongInputException($"{option} cannot be '{text}'; write a size such as 512M or 2G");
    }

    /// <summary>Time: <c>90</c> or <c>90s</c>, <c>5m</c>, <c>2h</c>.</summary>
    /// <exception cref="WrongInputException">It is no time.</exception>
    public static TimeSpan Time(string option, string text)
    {
        const int MostSeconds = 366 * 24 * 3600;
        var unit = text.Length == 0 ? 0 : text[^1] switch { 's' => 1, 'm' => 60, 'h' => 3600, _ => 0 };
        var digits = unit == 0 ? text : text[..^1];
        return long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number > 0 && number <= MostSeconds / Math.Max(unit, 1)
                ? TimeSpan.FromSeconds(number * Math.Max(unit, 1))
                : throw new WrongInputException($"{option} cannot be '{text}'; write a time such as 90s or 5m");
    }
}
