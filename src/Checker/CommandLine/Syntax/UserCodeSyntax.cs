using System.CommandLine;
using ThpCheck.Checker.Patching;
using static ThpCheck.Checker.CommandLine.Syntax.Forms;

namespace ThpCheck.Checker.CommandLine.Syntax;

/// <summary>The options that bring a user's code and combinations along, the same for every command.</summary>
internal sealed class UserCodeSyntax
{
    private readonly Option<string?> _models = Text("--models", "FOLDER", "Load the files of C# in this folder, too: patches, kernel files, properties.");
    private readonly Option<string[]> _patches = Repeated("--patch", "NAME", "Put this patch, a name or a file of C#, on top of each variant; may be given several times, in order. What the scenario expects of the variant does not apply then.");
    private readonly Option<string[]> _toggles = Repeated("--toggle", "NAME=VALUE", "Set this toggle, on or off, in each variant; may be given several times.");
    private readonly Option<bool> _inProcess = Flag("--in-process", "Run code that is not part of the tool in this process, without limits on it.");

    /// <summary>Whether such code runs in this process.</summary>
    public bool InProcess(ParseResult parsed) => parsed.GetValue(_inProcess);

    /// <summary>The options, for a command.</summary>
    public IEnumerable<Option> All => [_models, _patches, _toggles, _inProcess];

    /// <summary>Those for a command that has its own --patch.</summary>
    public IEnumerable<Option> WithoutPatches => [_models, _inProcess];

    /// <summary>What was given.</summary>
    /// <exception cref="WrongInputException">A toggle has no value.</exception>
    public UserCode Of(ParseResult parsed) => new()
    {
        Models = parsed.GetValue(_models),
        Patches = parsed.GetValue(_patches) ?? [],
        Toggles = parsed.GetValue(_toggles) ?? [],
    };

    /// <summary>Runs a command, in a child process where it would run code that is not part of the tool.</summary>
    public int Run(ParseResult parsed, Streams streams, Func<UserCode, int> run)
    {
        var code = Of(parsed);
        return Guarded.Applies(code, InProcess(parsed))
            ? Guarded.Run([.. parsed.Tokens.Select(t => t.Value)], VerifyCommand.MemoryOf(new Exploration.Budget()), streams)
            : run(code);
    }
}
