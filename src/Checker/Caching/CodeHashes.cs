using System.Buffers.Binary;
using System.Reflection;
using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using ThpCheck.Model.Kernel;

namespace ThpCheck.Checker.Caching;

/// <summary>
/// What the model's compiled code comes to: a hash for each path, which is the code of an async method of a kernel file, and one for all
/// the rest of the assembly. References to other code are hashed by name, so that a change of one method leaves the others' hashes alone.
/// </summary>
internal sealed class CodeHashes
{
    private const BindingFlags All = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly Dictionary<ILOpCode, OperandType> Operands = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(f => (OpCode)f.GetValue(null)!).ToDictionary(c => (ILOpCode)(ushort)c.Value, c => c.OperandType);

    /// <summary>Hashes as they are given.</summary>
    internal CodeHashes(string rest, IReadOnlyDictionary<string, string> paths) => (Rest, Paths) = (rest, paths);

    /// <summary>Those of an assembly.</summary>
    public static CodeHashes Of(Assembly assembly)
    {
        var paths = new Dictionary<string, string>(StringComparer.Ordinal);
        using var rest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var type in assembly.GetTypes().OrderBy(t => t.FullName, StringComparer.Ordinal))
        {
            if (IsPath(type))
            {
                Add(rest, type.FullName!); // that it is there counts: types are numbered by name
                using var own = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
                Add(own, type);
                paths[type.FullName!] = Convert.ToHexStringLower(own.GetHashAndReset());
            }
            else
            {
                Add(rest, type);
            }
        }

        return new CodeHashes(Convert.ToHexStringLower(rest.GetHashAndReset()), paths);
    }

    /// <summary>Those of the model that is built in.</summary>
    public static CodeHashes OfModel => Model.Value;

    private static readonly Lazy<CodeHashes> Model = new(() => Of(typeof(KernelFile).Assembly));

    /// <summary>The hash of all that is no path: what every scenario may depend on.</summary>
    public string Rest { get; }

    /// <summary>The hash of each path, by its state machine's name.</summary>
    public IReadOnlyDictionary<string, string> Paths { get; }

    /// <summary>The hash of a path, by its state machine's name; null where there is none.</summary>
    public string? Of(string stateMachine) => Paths.GetValueOrDefault(stateMachine);

    /// <summary>Whether a type is the state machine of an async method of a kernel file.</summary>
    public static bool IsPath(Type type) =>
        type.IsAssignableTo(typeof(IAsyncStateMachine)) && type.IsDefined(typeof(CompilerGeneratedAttribute)) && type.DeclaringType is { } of && of.IsSubclassOf(typeof(KernelFile));

    private static void Add(IncrementalHash hash, Type type)
    {
        Add(hash, $"{type.FullName}|{type.BaseType}|{type.Attributes}|{string.Join(",", type.GetInterfaces().Select(i => i.ToString()).Order(StringComparer.Ordinal))}");
        AddAttributes(hash, type);
        foreach (var field in type.GetFields(All).OrderBy(f => f.MetadataToken))
        {
            Add(hash, $"{field.Name}|{field.FieldType}|{field.Attributes}|{(field.IsLiteral ? field.GetRawConstantValue() : null)}");
            AddAttributes(hash, field);
        }

        foreach (var method in type.GetMethods(All).Cast<MethodBase>().Concat(type.GetConstructors(All)).OrderBy(m => m.MetadataToken))
        {
            Add(hash, $"{NameOf(method, type.Assembly)}|{method.Attributes}|{method.MethodImplementationFlags}");
            AddAttributes(hash, method);
            foreach (var parameter in method.GetParameters())
            {
                Add(hash, $"{parameter.Name}|{parameter.Attributes}|{(parameter.HasDefaultValue ? parameter.RawDefaultValue : null)}");
            }

            if (method.GetMethodBody() is { } body)
            {
                Add(hash, method, body);
            }
        }
    }

    private static void Add(IncrementalHash hash, MethodBase method, MethodBody body)
    {
        Add(hash, $"{body.InitLocals}|{string.Join(",", body.LocalVariables.Select(l => $"{l.LocalType}{(l.IsPinned ? "!" : "")}"))}");
        foreach (var clause in body.ExceptionHandlingClauses)
        {
            Add(hash, $"{clause.Flags}|{clause.TryOffset}|{clause.TryLength}|{clause.HandlerOffset}|{clause.HandlerLength}|{(clause.Flags == ExceptionHandlingClauseOptions.Clause ? clause.CatchType : null)}|{(clause.Flags == ExceptionHandlingClauseOptions.Filter ? clause.FilterOffset : 0)}");
        }

        var il = body.GetILAsByteArray()!;
        Type[]? ofType = method.DeclaringType is { IsGenericType: true } generic ? generic.GetGenericArguments() : null;
        Type[]? ofMethod = method.IsGenericMethod ? method.GetGenericArguments() : null;
        for (var at = 0; at < il.Length;)
        {
            var start = at;
            var code = (ILOpCode)il[at++];
            code = (int)code == 0xFE ? (ILOpCode)(0xFE00 | il[at++]) : code;
            var operand = Operands[code];
            if (operand is OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineType or OperandType.InlineTok or OperandType.InlineString)
            {
                var token = BinaryPrimitives.ReadInt32LittleEndian(il.AsSpan(at));
                at += 4;
                Add(hash, $"{code} {(operand == OperandType.InlineString ? method.Module.ResolveString(token) : NameOf(method.Module.ResolveMember(token, ofType, ofMethod)!, method.Module.Assembly))}");
                continue;
            }

            at += operand switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + 4 * BinaryPrimitives.ReadInt32LittleEndian(il.AsSpan(at)),
                OperandType.InlineSig => throw new NotSupportedException($"{method} calls through a signature"),
                _ => 4,
            };
            hash.AppendData(il.AsSpan(start, at - start));
        }
    }

    private static void AddAttributes(IncrementalHash hash, MemberInfo member)
    {
        foreach (var attribute in member.GetCustomAttributesData())
        {
            Add(hash, attribute.ToString());
        }
    }

    // Code of the assembly itself goes by its names alone, as what is compiled of a user's file has another name with each text.
    private static string NameOf(MemberInfo member, Assembly own) => member switch
    {
        Type { IsConstructedGenericType: true } type => $"{NameOf(type.GetGenericTypeDefinition(), own)}<{string.Join(",", type.GetGenericArguments().Select(a => NameOf(a, own)))}>",
        Type type => $"{(type.Assembly == own ? "" : type.Assembly.GetName().Name)}|{type}",
        MethodBase { IsGenericMethod: true } method => $"{NameOf(method.DeclaringType!, own)}::{method}<{string.Join(",", method.GetGenericArguments().Select(a => NameOf(a, own)))}>",
        { DeclaringType: { } of } => $"{NameOf(of, own)}::{member}",
        _ => $"{member}",
    };

    private static void Add(IncrementalHash hash, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        hash.AppendData(BitConverter.GetBytes(bytes.Length));
        hash.AppendData(bytes);
    }
}
