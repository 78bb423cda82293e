using ThpCheck.Checker.Patching;

namespace ThpCheck.Checker.CommandLine;

/// <summary><c>thpcheck new</c>: writes a file to begin with, which runs as it is.</summary>
internal static class NewCommand
{
    /// <summary>A patch that changes nothing.</summary>
    /// <returns>The exit code.</returns>
    /// <exception cref="WrongInputException">The name is none, or the file is there or cannot be written.</exception>
    public static int Patch(string name, Streams streams) => Write(
        name, UserCode.Extension, file => $"{file}: a patch that changes nothing yet; 'thpcheck verify {file}' says so", streams,
        $$"""
        // {{name}}: what the patch does, and where it was posted.
        //
        // A class is named after the class of the kernel file that it changes and derives from Base: the kernel's class, or that of the patch before
        // this one in a series. 'thpcheck list paths --kernel linux-6.1' names files and functions, src/Model/Kernel has them, and
        // docs/MODELLING.md says how to write one: one await is one step, and every access to memory that others can reach is a step.

        /// <summary>mm/rmap.c as it is.</summary>
        public class rmap(Kernel kernel) : Base(kernel)
        {
            /// <inheritdoc/>
            [KernelSource("mm/rmap.c", At = "v6.1, changed")]
            public override async KernelTask page_remove_rmap(Folio page)
            {
                await base.page_remove_rmap(page);
            }
        }

        """);

    /// <summary>A scenario that holds.</summary>
    /// <returns>The exit code.</returns>
    /// <exception cref="WrongInputException">The name is none, or the file is there or cannot be written.</exception>
    public static int Scenario(string name, Streams streams) => Write(
        name, ".yaml", file => $"{file}: a scenario to change; 'thpcheck check {file}' explores it", streams,
        $$"""
        title: {{Title(name)}}
        question: >
          Can munmap of a page and reclaim of it disturb each other?
        kernel: linux-6.1
        pools:
          anon_vma: {objects: 1, discard: true} # its slab page may go, a grace period after the free
        setup: # run alone, by kernel paths, so that the initial state is one that the kernel reaches
          - mm = mm_alloc()
          - vma = mmap_region(mm, 0, 1)
          - folio = do_user_addr_fault(mm, 0)
          - isolate_lru_folio(folio)
        threads: # every interleaving of these is explored; 'thpcheck list paths --kernel linux-6.1' names what they can call
          - name: exit
            calls: [exit_mmap(mm)]
          - name: kswapd
            calls: [shrink_active_list(folio)]
        properties: # 'thpcheck list properties' names them
          - anon-vma-valid
          - mapcount-covers-ptes
          - nothing-leaked
          - walker-walks # a 'sometimes': that the danger was near
        variants:
          - name: as-is

        """);

    /// <summary>A property that holds.</summary>
    /// <returns>The exit code.</returns>
    /// <exception cref="WrongInputException">The name is none, or the file is there or cannot be written.</exception>
    public static int Property(string name, Streams streams) => Write(
        name, UserCode.Extension, file => $"{file}: a property; 'thpcheck list properties --models FOLDER' has it, and a scenario that names '{name}' asks it, with --models FOLDER", streams,
        $$"""
        /// <summary>What is promised of {{name}}.</summary>
        public static class {{Identifier(name)}}_properties
        {
            /// <summary>A folio that is allocated has a refcount above zero. Broken: it is freed while somebody uses it.</summary>
            public static readonly Property Promised = Property.Always("{{name}}", static view =>
            {
                foreach (var folio in view.Machine.ObjectsOf<Folio>())
                {
                    if (view.IsLive(folio) && view.Get(folio._refcount) < 0)
                    {
                        return $"the refcount of {folio} is {view.Get(folio._refcount)}";
                    }
                }

                return null; // it holds
            }) with
            {
                Promise = "A folio's refcount is not below zero. Broken: it is freed while somebody uses it.",
            };
        }

        """);

    /// <summary>A kernel file with a path.</summary>
    /// <returns>The exit code.</returns>
    /// <exception cref="WrongInputException">The name is none, or the file is there or cannot be written.</exception>
    public static int Path(string name, Streams streams) => Write(
        name, UserCode.Extension, file => $"{file}: a kernel file with a path; with --models FOLDER a scenario can call {Identifier(name)}.look(folio)", streams,
        $$"""
        /// <summary>The kernel file that is modelled here.</summary>
        public class {{Identifier(name)}}(Kernel kernel) : KernelFile(kernel)
        {
            /// <summary>Takes a reference to a folio, looks whether it is mapped, and drops the reference.</summary>
            /// <remarks>Left out: say what, and whether leaving it out hides or invents bugs.</remarks>
            [KernelSource("mm/{{Identifier(name)}}.c")]
            public virtual async KernelTask<bool> look(Folio folio)
            {
                if (!await atomic_inc_not_zero(folio._refcount))
                {
                    return false;
                }

                var mapped = await mm.folio_mapped(folio);
                await mm.folio_put(folio);
                return mapped;
            }
        }

        """);

    /// <summary>Writes a file that is not there yet.</summary>
    public static int Write(string name, string extension, Func<string, string> sentence, Streams streams, string text)
    {
        if (name.Length == 0 || !char.IsAsciiLetter(name[0]) || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
        {
            throw new WrongInputException($"'{name}' is no name; write letters, digits, - and _, beginning with a letter");
        }

        var file = name + extension;
        try
        {
            using var stream = new FileStream(file, FileMode.CreateNew);
            using var writer = new StreamWriter(stream);
            writer.Write(text.ReplaceLineEndings("\n"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WrongInputException(File.Exists(file) ? $"'{file}' is there already" : $"'{file}' cannot be written: {e.Message}");
        }

        streams.Out.WriteLine(sentence(file));
        return ExitCodes.AsExpected;
    }

    private static string Identifier(string name) => name.Replace('-', '_');

    private static string Title(string name) => char.ToUpperInvariant(name[0]) + name[1..].Replace('-', ' ').Replace('_', ' ');
}
