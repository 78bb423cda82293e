using static ThpCheck.Checker.CommandLine.Syntax.Forms;

namespace ThpCheck.Checker.CommandLine.Syntax;

/// <summary>The command line of <c>drift</c>.</summary>
internal static class DriftSyntax
{
    public static DocumentedCommand Command(Streams streams)
    {
        var kernel = Text("--kernel", "DIR", "A tree of the kernel's source.");
        var since = Text("--since", "DIR", "An older tree, which the paths were written from: then its functions are compared with its own, not with the paths.");
        var release = Text("--release", "NAME", "Ask only of the paths of this release.");
        var verbose = Flag("--verbose", "Show everything that differs.");
        kernel.Required = true;
        var command = new DocumentedCommand("drift", "Say whether a kernel's functions still synchronise as their paths do.")
        {
            Epilogue = """
                Examples:
                  thpcheck drift --kernel ~/linux
                  thpcheck drift --kernel ~/linux-6.2 --since ~/linux-6.1 --release linux-6.1

                Compared are the locks, flushes, references, mapcounts, barriers and looks again of each modelled function, and its calls
                of others that are modelled, in the order of the source. A path leaves things out, so that a function may do
                more than its path; with --since it is told whether that is new.

                Exit codes: 0 all as declared, 1 some have drifted or are gone, 3 some do more or cannot be told, 2 the command line is wrong.

                """,
        };
        command.AddAll([kernel, since, release, verbose]);
        command.SetAction(parsed => DriftCommand.Run(new DriftOptions(parsed.GetValue(kernel)!, parsed.GetValue(since), parsed.GetValue(release), parsed.GetValue(verbose)), streams));
        return command;
    }
}
