namespace ThpCheck.Checker.CommandLine;

/// <summary>The user's input is wrong, and the command cannot go on.</summary>
/// <param name="message">One sentence: what, and what would fix it.</param>
internal sealed class WrongInputException(string message) : Exception(message);
