using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;

namespace ThpCheck.Model.Stepping;

/// <summary>
/// Writes the fields of a state machine to words and reads them back, one word for each integer, bool, enum or reference
/// inside them. Two small methods are compiled for each type of state machine, once.
/// </summary>
internal sealed class FrameCodec<TStateMachine>
{
    private readonly Writer _write;
    private readonly Reader _read;

    private FrameCodec(Writer write, Reader read, int[] fieldOfWord, FieldInfo[] fields)
    {
        _write = write;
        _read = read;
        FieldOfWord = fieldOfWord;
        Fields = fields;
    }

    private delegate void Writer(ref TStateMachine from, long[] to);

    private delegate void Reader(ref TStateMachine to, long[] from);

    /// <summary>The state machine's fields, in the order of their metadata.</summary>
    public FieldInfo[] Fields { get; }

    /// <summary>For each word the index of the field it is part of.</summary>
    public int[] FieldOfWord { get; }

    public void Write(ref TStateMachine from, long[] to) => _write(ref from, to);

    public void Read(ref TStateMachine to, long[] from) => _read(ref to, from);

    /// <exception cref="ModelFaultException">A field holds what a frame may not.</exception>
    public static FrameCodec<TStateMachine> Compile()
    {
        var type = typeof(TStateMachine);
        var fields = FrameFields.Of(type);
        var leaves = new List<Leaf>();
        for (var i = 0; i < fields.Length; i++)
        {
            FrameFields.Flatten(type, i, [fields[i]], leaves);
        }

        var write = new DynamicMethod("write frame", null, [type.MakeByRefType(), typeof(long[])], type.Module, skipVisibility: true);
        var read = new DynamicMethod("read frame", null, [type.MakeByRefType(), typeof(long[])], type.Module, skipVisibility: true);
        var (w, r) = (write.GetILGenerator(), read.GetILGenerator());
        for (var i = 0; i < leaves.Count; i++)
        {
            EmitWrite(w, leaves[i], i);
            EmitRead(r, leaves[i], i);
        }

        w.Emit(OpCodes.Ret);
        r.Emit(OpCodes.Ret);
        return new(
            write.CreateDelegate<Writer>(),
            read.CreateDelegate<Reader>(),
            [.. leaves.Select(l => l.Field)],
            fields);
    }

    private static void EmitWrite(ILGenerator il, Leaf leaf, int word)
    {
        il.Emit(OpCodes.Ldarg_1);
        il.Emit(OpCodes.Ldc_I4, word);
        il.Emit(OpCodes.Ldarg_0);
        foreach (var step in leaf.Path[..^1])
        {
            il.Emit(OpCodes.Ldflda, step);
        }

        il.Emit(OpCodes.Ldfld, leaf.Path[^1]);
        if (leaf.Type.IsValueType)
        {
            il.Emit(FrameFields.IsUnsigned(leaf.Type) ? OpCodes.Conv_U8 : OpCodes.Conv_I8);
        }
        else
        {
            il.Emit(OpCodes.Call, typeof(FrameFields).GetMethod(leaf.MustBeNull ? nameof(FrameFields.WordOfNull) : nameof(FrameFields.WordOf))!);
        }

        il.Emit(OpCodes.Stelem_I8);
    }

    private static void EmitRead(ILGenerator il, Leaf leaf, int word)
    {
        il.Emit(OpCodes.Ldarg_0);
        foreach (var step in leaf.Path[..^1])
        {
            il.Emit(OpCodes.Ldflda, step);
        }

        il.Emit(OpCodes.Ldarg_1);
        il.Emit(OpCodes.Ldc_I4, word);
        il.Emit(OpCodes.Ldelem_I8);
        if (leaf.Type.IsValueType)
        {
            FrameFields.EmitNarrow(il, leaf.Type);
        }
        else
        {
            il.Emit(OpCodes.Call, typeof(FrameFields).GetMethod(nameof(FrameFields.ReferenceOf))!);
            il.Emit(OpCodes.Castclass, leaf.Type);
        }

        il.Emit(OpCodes.Stfld, leaf.Path[^1]);
    }
}

/// <summary>One word of a frame: the fields that lead to it, the last of which holds it.</summary>
/// <param name="Field">The index of the state machine's field it is part of.</param>
/// <param name="Path">From that field inwards.</param>
/// <param name="MustBeNull">Whether it is a <c>finally</c>'s pending exception.</param>
internal sealed record Leaf(int Field, FieldInfo[] Path, bool MustBeNull)
{
    public Type Type => Path[^1].FieldType;
}

/// <summary>What a frame may hold, and how its references become words.</summary>
internal static class FrameFields
{
    private const BindingFlags Instance = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;

    public static FieldInfo[] Of(Type stateMachine) => [.. stateMachine.GetFields(Instance).OrderBy(f => f.MetadataToken)];

    /// <summary>Adds the words inside a field; an empty struct, such as an awaiter, has none.</summary>
    /// <exception cref="ModelFaultException">It holds what a frame may not.</exception>
    public static void Flatten(Type stateMachine, int field, FieldInfo[] path, List<Leaf> leaves)
    {
        var type = path[^1].FieldType;
        if (IsInteger(type) || typeof(ModelObject).IsAssignableFrom(type) || (type.IsArray && MayBeElement(type.GetElementType()!)))
        {
            leaves.Add(new Leaf(field, path, false));
        }
        else if (type == typeof(object) && path is [{ Name: var name }] && name.StartsWith("<>7__wrap", StringComparison.Ordinal))
        {
            // The compiler's own, for a finally that awaits; a boxed value of the author's has another name.
            leaves.Add(new Leaf(field, path, true));
        }
        else if (type.IsValueType && !type.IsPrimitive && !HasHiddenElements(type))
        {
            foreach (var inner in Of(type))
            {
                Flatten(stateMachine, field, [.. path, inner], leaves);
            }
        }
        else
        {
            throw new ModelFaultException(
                $"{Describe(stateMachine)} keeps a {Print(type)}{(path.Length > 1 ? $" inside a {Print(path[0].FieldType)}" : "")} across an await "
                + $"(field {path[0].Name}); a frame may hold integers, bools, "
                + "enums, registered model objects, and structs, tuples, nullables and fixed arrays of them");
        }
    }

    /// <summary>Where a path is written, and its name, as errors begin.</summary>
    public static string Describe(Type stateMachine) =>
        SourceLines.Of(stateMachine) is { } line ? $"{line}: {SourceLines.NameOf(stateMachine)}" : SourceLines.NameOf(stateMachine);

    public static bool IsUnsigned(Type type) =>
        Underlying(type) is var t && (t == typeof(byte) || t == typeof(ushort) || t == typeof(uint) || t == typeof(ulong) || t == typeof(char) || t == typeof(bool));

    public static void EmitNarrow(ILGenerator il, Type type)
    {
        var t = Underlying(type);
        if (t == typeof(long) || t == typeof(ulong))
        {
            return;
        }

        il.Emit(
            t == typeof(byte) || t == typeof(bool) ? OpCodes.Conv_U1
            : t == typeof(sbyte) ? OpCodes.Conv_I1
            : t == typeof(ushort) || t == typeof(char) ? OpCodes.Conv_U2
            : t == typeof(short) ? OpCodes.Conv_I2
            : t == typeof(uint) ? OpCodes.Conv_U4
            : OpCodes.Conv_I4);
    }

    /// <summary>Called from the compiled codecs.</summary>
    public static long WordOf(object? reference) => Worker.Running.Machine.NumberOf(reference);

    /// <summary>Called from the compiled codecs: a path that is suspended while an exception is pending ends with that exception.</summary>
    public static long WordOfNull(object? pending) => pending is null ? 0 : throw pending as Exception
        ?? new ModelFaultException($"a {pending.GetType().Name} is kept as an object across an await; give it its own type");

    /// <summary>Called from the compiled codecs.</summary>
    public static object? ReferenceOf(long word) => Worker.Running.Machine.Reference((int)word);

    private static Type Underlying(Type type) => type.IsEnum ? Enum.GetUnderlyingType(type) : type;

    private static bool IsInteger(Type type)
    {
        var t = Underlying(type);
        return t == typeof(int) || t == typeof(bool) || t == typeof(long) || t == typeof(uint) || t == typeof(ulong) || t == typeof(byte)
            || t == typeof(sbyte) || t == typeof(short) || t == typeof(ushort) || t == typeof(char);
    }

    // Elements that are not fields: reflection sees the first one only, and the others would be lost.
    private static bool HasHiddenElements(Type type) =>
        type.IsDefined(typeof(InlineArrayAttribute), false) || type.IsDefined(typeof(UnsafeValueTypeAttribute), false);

    private static string Print(Type type) =>
        type.Name.Split('`')[0] + (type.IsGenericType ? $"<{string.Join(", ", type.GetGenericArguments().Select(Print))}>" : "");

    private static bool MayBeElement(Type type) => IsInteger(type) || typeof(ModelObject).IsAssignableFrom(type);
}
