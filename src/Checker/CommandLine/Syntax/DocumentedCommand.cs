using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace ThpCheck.Checker.CommandLine.Syntax;

/// <summary>A command whose help ends with examples and the like.</summary>
internal sealed class DocumentedCommand(string name, string description) : Command(name, description)
{
    /// <summary>What its help ends with.</summary>
    public string Epilogue { get; init; } = "";
}

/// <summary>The usual help, then what the command's ends with.</summary>
internal sealed class HelpWithEpilogue(HelpAction usual, Streams streams) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        const int Width = 100;
        usual.MaxWidth = Width;
        usual.Invoke(parseResult);
        var lines = parseResult.InvocationConfiguration.Output.ToString()!.ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');
        foreach (var line in lines)
        {
            // The program goes by its own name, whatever process it runs in.
            streams.Out.WriteLine(line.TrimEnd().Replace($"  {RootCommand.ExecutableName} ", "  thpcheck ", StringComparison.Ordinal));
        }

        streams.Out.WriteLine();
        streams.Out.Write(parseResult.CommandResult.Command switch
        {
            DocumentedCommand command => command.Epilogue,
            RootCommand => ExitCodes.Help,
            _ => "",
        });
        return ExitCodes.AsExpected;
    }
}
