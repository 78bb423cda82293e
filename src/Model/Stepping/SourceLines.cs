using System.Collections.Concurrent;
using System.IO.Compression;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using System.Runtime.CompilerServices;

namespace ThpCheck.Model.Stepping;

/// <summary>A line of source code; prints as <c>src/Model/Kernel/rmap.cs:41</c>.</summary>
/// <param name="File">The file as the build recorded it: relative to the repository, with forward slashes.</param>
/// <param name="Line">Counted from 1.</param>
internal readonly record struct SourceLine(string File, int Line)
{
    /// <summary>The form that editors and terminals make a link of.</summary>
    public override string ToString() => $"{File}:{Line}";
}

/// <summary>
/// Where a method stands in the source, and what its author calls it: an error about a state machine must not speak of
/// <c>&lt;folio_lock_anon_vma_read&gt;d__3</c>. Lines come from portable PDBs, embedded in the assembly or beside it.
/// </summary>
internal static class SourceLines
{
    // Symbols are no model state: they depend on the assembly alone. A reader's memory lives as long as its provider is kept.
    private static readonly ConcurrentDictionary<Assembly, MetadataReaderProvider?> Symbols = [];

    private static readonly Guid EmbeddedSource = new("0e8a571b-6926-466e-b4ad-8ab04611f5fe"); // of the portable PDB's specification

    /// <summary>The method's topmost line of code; null without symbols, as in an assembly that was loaded from memory.</summary>
    /// <param name="method">Any method; for an async one as written, the code is that of its state machine.</param>
    public static SourceLine? Of(MethodBase method)
    {
        var stateMachine = method.GetCustomAttribute<AsyncStateMachineAttribute>()?.StateMachineType;

        // Not the first in the IL: the condition of a loop, and with it the line of its head, comes after the body.
        return stateMachine is not null
            ? Of(stateMachine)
            : Points(method).Select(static point => (SourceLine?)point.Line).MinBy(static line => line?.Line);
    }

    /// <summary>The topmost line of code of the async method whose state machine this is; null without symbols.</summary>
    /// <exception cref="ArgumentException">The type is not a state machine.</exception>
    public static SourceLine? Of(Type stateMachine) => Of(MoveNext(stateMachine));

    /// <summary>The line that an instruction belongs to; null without symbols, or for code before the first line.</summary>
    /// <param name="method">The method that holds the instruction: for an async method, its state machine's MoveNext.</param>
    /// <param name="ilOffset">In bytes from the start of the method.</param>
    public static SourceLine? LineOf(MethodBase method, int ilOffset) =>
        Points(method).TakeWhile(point => point.Offset <= ilOffset).Select(static point => (SourceLine?)point.Line).LastOrDefault();

    /// <summary>The line of the statement that holds an await; null without symbols.</summary>
    /// <param name="stateMachine">The async method's state machine.</param>
    /// <param name="state">The await, as the compiler numbers them.</param>
    public static SourceLine? OfAwait(Type stateMachine, int state)
    {
        var moveNext = MoveNext(stateMachine);
        var code = IlReader.Read(moveNext.GetMethodBody()!);

        // this.<>1__state = cached = state;
        for (var i = 3; i < code.Length; i++)
        {
            if (code[i].Code == ILOpCode.Stfld && code[i - 3].Code == ILOpCode.Ldc_i4 && code[i - 3].Operand == state
                && moveNext.Module.ResolveField(code[i].Operand, stateMachine.GenericTypeArguments, null)?.Name == "<>1__state")
            {
                return LineOf(moveNext, code[i].Offset);
            }
        }

        return null;
    }

    /// <summary>The line of the statement in which an async method names a text; null without symbols, or where it does not.</summary>
    public static SourceLine? OfText(Type stateMachine, string text)
    {
        var moveNext = MoveNext(stateMachine);
        var at = Array.Find(IlReader.Read(moveNext.GetMethodBody()!), c => c.Code == ILOpCode.Ldstr && moveNext.Module.ResolveString(c.Operand) == text);
        return at.Code == ILOpCode.Ldstr ? LineOf(moveNext, at.Offset) : null;
    }

    /// <summary>Where an async method calls one of some methods, in the order of its code, with the name of what it calls.</summary>
    public static IEnumerable<(string Called, SourceLine? Line)> CallsIn(Type stateMachine, Type of, IReadOnlyCollection<string> names)
    {
        var moveNext = MoveNext(stateMachine);
        foreach (var call in IlReader.Read(moveNext.GetMethodBody()!).Where(c => c.Code == ILOpCode.Call))
        {
            if (moveNext.Module.ResolveMethod(call.Operand, stateMachine.GenericTypeArguments, null) is { } called && called.DeclaringType == of && names.Contains(called.Name))
            {
                yield return (called.Name, LineOf(moveNext, call.Offset));
            }
        }
    }

    /// <summary>
    /// The name of the method whose state machine this is, after its class: <c>rmap.folio_lock_anon_vma_read</c>. A local
    /// function has its method's name before its own. Any other type is named by its own name.
    /// </summary>
    public static string NameOf(Type stateMachine)
    {
        var parts = new List<string>();
        for (var type = stateMachine; type is not null; type = type.DeclaringType)
        {
            // The compiler's own: <method>d__3, <<method>g__local|3_0>d, <>c, <>c__DisplayClass3_0.
            var (open, close) = (type.Name.IndexOf('<', StringComparison.Ordinal), type.Name.LastIndexOf('>'));
            var name = open == 0 ? type.Name[1..close] : type.Name.Split('`')[0];
            if (name.StartsWith('<'))
            {
                var outer = name[1..name.IndexOf('>', StringComparison.Ordinal)];
                var local = name[(outer.Length + 2)..];
                name = local.StartsWith("g__", StringComparison.Ordinal) ? $"{outer}.{local[3..].Split('|')[0]}" : outer;
            }

            if (name.Length > 0)
            {
                parts.Insert(0, name);
            }
        }

        return string.Join('.', parts);
    }

    /// <summary>The source of an assembly as it was when it was built, by file; without what the build wrote itself, and empty where it is not embedded.</summary>
    public static IReadOnlyDictionary<string, string> Texts(Assembly assembly)
    {
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        if (Symbols.GetOrAdd(assembly, Open) is not { } symbols)
        {
            return texts;
        }

        var reader = symbols.GetMetadataReader();
        foreach (var information in reader.CustomDebugInformation.Select(reader.GetCustomDebugInformation))
        {
            if (information.Parent.Kind == HandleKind.Document && reader.GetGuid(information.Kind) == EmbeddedSource
                && File(reader, (DocumentHandle)information.Parent) is var file && !file.Contains("/obj/", StringComparison.Ordinal))
            {
                texts[file] = Text(reader.GetBlobBytes(information.Value));
            }
        }

        return texts;
    }

    // The portable PDB's form: the size before compression, or 0 where there is none, then the bytes.
    private static string Text(byte[] blob)
    {
        using var bytes = new MemoryStream(blob, sizeof(int), blob.Length - sizeof(int));
        using Stream plain = BitConverter.ToInt32(blob) == 0 ? bytes : new DeflateStream(bytes, CompressionMode.Decompress);
        using var reader = new StreamReader(plain);
        return reader.ReadToEnd();
    }

    private static MethodInfo MoveNext(Type stateMachine) =>
        stateMachine.GetMethod("MoveNext", BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
        ?? throw new ArgumentException($"{stateMachine} is not a state machine.", nameof(stateMachine));

    /// <summary>The method's sequence points that show a line, in the order of their offsets.</summary>
    private static IEnumerable<(int Offset, SourceLine Line)> Points(MethodBase method)
    {
        if (Symbols.GetOrAdd(method.Module.Assembly, Open) is not { } symbols)
        {
            return [];
        }

        var reader = symbols.GetMetadataReader();
        var handle = ((MethodDefinitionHandle)MetadataTokens.Handle(method.MetadataToken)).ToDebugInformationHandle();
        return reader.GetMethodDebugInformation(handle).GetSequencePoints()
            .Where(static point => !point.IsHidden)
            .Select(point => (point.Offset, new SourceLine(File(reader, point.Document), point.StartLine)));
    }

    /// <summary>A compiler on Windows writes backslashes; a path map leaves <c>./</c> or <c>/_/</c> where the repository was.</summary>
    private static string File(MetadataReader reader, DocumentHandle document)
    {
        var path = reader.GetString(reader.GetDocument(document).Name).Replace('\\', '/');
        return path.StartsWith("./", StringComparison.Ordinal) ? path[2..]
            : path.StartsWith("/_/", StringComparison.Ordinal) ? path[3..]
            : path;
    }

    private static MetadataReaderProvider? Open(Assembly assembly)
    {
        if (assembly.IsDynamic || assembly.Location.Length == 0)
        {
            return null;
        }

        try
        {
            using var image = new PEReader(System.IO.File.OpenRead(assembly.Location));
            image.TryOpenAssociatedPortablePdb(assembly.Location, OpenIfThere, out var symbols, out _);
            return symbols;
        }
        catch (Exception exception) when (exception is IOException or BadImageFormatException)
        {
            return null;
        }
    }

    private static FileStream? OpenIfThere(string path) => System.IO.File.Exists(path) ? System.IO.File.OpenRead(path) : null;
}
