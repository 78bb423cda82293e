using ThpCheck.Checker.Drift;
using ThpCheck.Checker.Gate;
using ThpCheck.Checker.Patching;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.CommandLine;

/// <summary>What <c>new patch</c> is asked to write.</summary>
/// <param name="Name">The patch's name.</param>
/// <param name="Release">The kernel that it is for, or null for the usual one.</param>
/// <param name="Functions">What it is to change: <c>rmap.page_remove_rmap</c>, or the function's name alone.</param>
/// <param name="Diff">A diff that says what, or null.</param>
/// <param name="Tree">The tree of the kernel that the diff is compared in, or null.</param>
internal sealed record NewPatchOptions(string Name, string? Release, IReadOnlyList<string> Functions, string? Diff, string? Tree);

/// <summary><c>thpcheck new patch</c>: a patch of the functions that are named or that a diff touches, with their code as the model has it.</summary>
internal static class NewPatchCommand
{
    /// <returns>The exit code.</returns>
    /// <exception cref="WrongInputException">A name is none, the diff touches nothing that is modelled, or the file is there or cannot be written.</exception>
    public static int Run(NewPatchOptions options, Streams streams, CancellationToken stop)
    {
        if (options.Release is { } named && ReleaseName.Error(named) is { } error)
        {
            throw new WrongInputException(error);
        }

        if (options.Tree is not null && options.Diff is null)
        {
            throw new WrongInputException("--tree says where the diff of --diff is from; give that, too");
        }

        if (options is { Diff: null, Functions.Count: 0 })
        {
            return options.Release is null or KernelFunctions.Usual ? NewCommand.Patch(options.Name, streams)
                : throw new WrongInputException("with --kernel say what the patch changes: --function or --diff");
        }

        var model = options.Diff is { } diff ? OfDiff(options, diff, stop) : new ModelToWrite(options.Release ?? KernelFunctions.Usual, []);
        var known = KernelFunctions.Of(model.Release).ToArray();
        var functions = model.Functions.ToList();
        foreach (var name in options.Functions)
        {
            var found = known.Where(f => f.Name == name || f.Method.Name == name || f.Path.Function == name).ToArray();
            if (found.Length == 0)
            {
                throw new WrongInputException($"{model.Release} has no function '{name}' that a patch can change.{NearestName.Hint(name, known.Select(f => f.Name))} 'thpcheck list paths --kernel {model.Release}' names them");
            }

            functions.AddRange(found.Where(f => functions.All(g => g.Function.Name != f.Name || g.Function.Method != f.Method)).Select(f => new SkeletonFunction(f, [])));
        }

        var text = new PatchSkeleton(model.Release, functions).Text(
        [
            $"{options.Name}: what the patch does, and where it was posted.",
            "",
            $"Functions of {model.Release} as the model has them, to be changed as the kernel's are: until then it changes nothing.",
            "A class derives from Base: the class of its kernel file, or that of the patch before this one in a series. One await is one step,",
            "and every access to memory that others can reach is a step; docs/MODELLING.md says more.",
        ]);
        var kernel = model.Release == KernelFunctions.Usual ? "" : $" --kernel {model.Release}";
        return NewCommand.Write(
            options.Name, UserCode.Extension, file => $"{file}: {Reports.Prose.List([.. functions.Select(f => f.Function.Name)])} of {model.Release}, unchanged; 'thpcheck verify {file}{kernel}' says so", streams, text);
    }

    private static ModelToWrite OfDiff(NewPatchOptions options, string diff, CancellationToken stop)
    {
        var reading = GateReading.Of(diff, options.Tree, stop);
        return ModelToWrite.Of(reading.Findings, options.Release, options.Tree is { } tree ? new SourceTree(tree).Version : null)
            ?? throw new WrongInputException($"the diff changes no function that {(options.Release is { } release ? $"{release} has" : "is modelled")} and that has to be modelled for it; 'thpcheck gate' says what it changes");
    }
}
