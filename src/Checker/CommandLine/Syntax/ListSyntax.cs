using System.CommandLine;
using ThpCheck.Checker.Exploration;
using static ThpCheck.Checker.CommandLine.Syntax.Forms;

namespace ThpCheck.Checker.CommandLine.Syntax;

/// <summary>The command line of <c>list</c>.</summary>
internal static class ListSyntax
{
    public static DocumentedCommand Command(Streams streams)
    {
        var command = new DocumentedCommand("list", "List the names that scenarios and this command line use.")
        {
            Epilogue = """
                Examples:
                  thpcheck list scenarios specs/rmap
                  thpcheck list paths --kernel linux-6.1 --patch delay-rmap-v1

                """,
        };
        var folders = ScenarioPaths("Scenarios, or folders to look through; 'specs' when none is given.");
        var scenarios = new Command("scenarios", "Scenarios with their variants.") { folders };
        scenarios.SetAction(parsed => ListCommand.Scenarios(parsed.GetValue(folders) ?? [], streams));
        var kernels = new Command("kernels", "Releases with the files that are modelled of them.");
        kernels.SetAction(_ => ListCommand.Kernels(streams));
        var patches = new Command("patches", "Patches and series that can be put on a release.");
        WithModels(patches, code => ListCommand.Patches(code.Library(runs: true), streams));
        var toggles = new Command("toggles", "Differences of a line that can be switched.");
        WithModels(toggles, code => ListCommand.AllToggles(code.Library(runs: true), streams));
        var kernel = Text("--kernel", "NAME", "The release; the latest unless given.");
        var patch = Repeated("--patch", "NAME", "A patch on top of it; may be given several times, in order.");
        var paths = new Command("paths", "Kernel functions that are modelled, with their source.") { kernel, patch };
        var release = default(string);
        WithModels(paths, code => ListCommand.Paths(release, code, streams), (parsed, code) =>
        {
            release = parsed.GetValue(kernel);
            return code with { Patches = parsed.GetValue(patch) ?? [] };
        });
        var properties = new Command("properties", "Properties with what they promise and what breaking them means.");
        WithModels(properties, code => ListCommand.Properties(code.Library(runs: true), streams));
        foreach (var what in (Command[])[scenarios, kernels, patches, toggles, paths, properties])
        {
            command.Add(what);
        }

        command.SetAction(new Func<ParseResult, int>(_ => throw new WrongInputException($"say what to list: {Reports.Prose.List([.. command.Subcommands.Select(c => c.Name)])}")));
        return command;

        void WithModels(Command what, Func<Patching.UserCode, int> list, Func<ParseResult, Patching.UserCode, Patching.UserCode>? more = null)
        {
            var models = new UserCodeSyntax();
            what.AddAll(models.WithoutPatches);
            what.SetAction(parsed =>
            {
                var code = more is null ? models.Of(parsed) : more(parsed, models.Of(parsed));
                return Guarded.Applies(code, models.InProcess(parsed)) ? Guarded.Run([.. parsed.Tokens.Select(t => t.Value)], VerifyCommand.MemoryOf(new Budget()), streams) : list(code);
            });
        }
    }
}
