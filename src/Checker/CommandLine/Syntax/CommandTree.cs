using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace ThpCheck.Checker.CommandLine.Syntax;

/// <summary>The commands of <c>thpcheck</c>.</summary>
internal static class CommandTree
{
    /// <summary>The whole tree; its actions write to the streams and return exit codes.</summary>
    public static RootCommand Build(Streams streams, CancellationToken stop, CancellationToken hurry)
    {
        var root = new RootCommand("Explores every interleaving of Linux memory management code around huge pages, as scenarios set it up, and says whether a property can break.")
        {
            CheckSyntax.Command(streams, stop, hurry),
            VerifySyntax.Command(streams, stop),
            GateSyntax.Command(streams, stop, hurry),
            DriftSyntax.Command(streams),
            MergeSyntax.Command(streams),
            WhySyntax.Command(streams, stop),
            CanSyntax.Command(streams, stop),
            DiffSyntax.Command(streams, stop),
            ReplaySyntax.Command(streams),
            ConfirmSyntax.Command(streams, stop),
            ListSyntax.Command(streams),
            NewSyntax.Command(streams, stop),
        };
        var help = root.Options.OfType<HelpOption>().Single();
        help.Description = "Show this help.";
        help.Action = new HelpWithEpilogue((HelpAction)help.Action!, streams);
        var version = root.Options.OfType<VersionOption>().Single();
        version.Description = "Show the version.";
        version.Action = new VersionAction(streams);
        root.SetAction(parsed => new HelpWithEpilogue(new HelpAction(), streams).Invoke(parsed));
        return root;
    }

    private sealed class VersionAction(Streams streams) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            streams.Out.WriteLine($"thpcheck {typeof(CommandTree).Assembly.GetName().Version!.ToString(3)}");
            return ExitCodes.AsExpected;
        }
    }
}
