using System.Buffers.Binary;
using System.Reflection;
using System.Reflection.Emit;
using System.Reflection.Metadata;

namespace ThpCheck.Model.Stepping;

/// <summary>
/// One IL instruction in its long form: <c>ldloc.0</c> reads as <c>ldloc 0</c>, <c>br.s</c> as <c>br</c>, so that a
/// reader has one case where the compiler has several encodings.
/// </summary>
/// <param name="Offset">Where the instruction begins, in bytes from the start of the method.</param>
/// <param name="Code">The operation.</param>
/// <param name="Operand">A constant, the number of a variable or a metadata token; 0 where there is none or it has eight bytes.</param>
/// <param name="Targets">What a branch or a switch may jump to, as indices of instructions; empty for all others.</param>
internal readonly record struct IlInstruction(int Offset, ILOpCode Code, int Operand, int[] Targets);

/// <summary>Decodes a method's IL (ECMA-335, partition III) into instructions.</summary>
internal static class IlReader
{
    private static readonly Dictionary<ILOpCode, OperandType> OperandTypes = typeof(OpCodes)
        .GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(static field => (OpCode)field.GetValue(null)!)
        .ToDictionary(static code => (ILOpCode)(ushort)code.Value, static code => code.OperandType);

    /// <summary>The method's instructions in the order of their offsets.</summary>
    public static IlInstruction[] Read(MethodBody body)
    {
        ReadOnlySpan<byte> il = body.GetILAsByteArray();
        var instructions = new List<IlInstruction>();
        for (var at = 0; at < il.Length;)
        {
            var offset = at;
            var code = (ILOpCode)il[at++];
            if ((int)code == 0xFE)
            {
                code = (ILOpCode)(0xFE00 | il[at++]);
            }

            var operand = 0;
            int[] targets = [];
            switch (OperandTypes[code])
            {
                case OperandType.InlineNone:
                    break;
                case OperandType.ShortInlineBrTarget:
                    at++;
                    targets = [at + (sbyte)il[at - 1]];
                    break;
                case OperandType.InlineBrTarget:
                    at += 4;
                    targets = [at + Int32(il, at - 4)];
                    break;
                case OperandType.InlineSwitch:
                    targets = new int[Int32(il, at)];
                    at += 4;
                    var end = at + 4 * targets.Length;
                    for (var i = 0; i < targets.Length; i++, at += 4)
                    {
                        targets[i] = end + Int32(il, at);
                    }

                    break;
                case OperandType.ShortInlineI:
                    operand = (sbyte)il[at++];
                    break;
                case OperandType.ShortInlineVar:
                    operand = il[at++];
                    break;
                case OperandType.InlineVar:
                    operand = BinaryPrimitives.ReadUInt16LittleEndian(il[at..]);
                    at += 2;
                    break;
                case OperandType.InlineI8 or OperandType.InlineR:
                    at += 8;
                    break;
                default:
                    operand = Int32(il, at);
                    at += 4;
                    break;
            }

            var (longCode, longOperand) = LongForm(code, operand);
            instructions.Add(new(offset, longCode, longOperand, targets));
        }

        var decoded = instructions.ToArray();
        foreach (var targets in decoded.Select(static instruction => instruction.Targets))
        {
            for (var i = 0; i < targets.Length; i++)
            {
                targets[i] = IndexAt(decoded, targets[i]);
            }
        }

        return decoded;
    }

    /// <summary>The index of the instruction that begins at this offset.</summary>
    public static int IndexAt(IlInstruction[] instructions, int offset)
    {
        var (low, high) = (0, instructions.Length - 1);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = instructions[middle].Offset < offset ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    private static (ILOpCode Code, int Operand) LongForm(ILOpCode code, int operand) => code switch
    {
        >= ILOpCode.Ldarg_0 and <= ILOpCode.Ldarg_3 => (ILOpCode.Ldarg, code - ILOpCode.Ldarg_0),
        >= ILOpCode.Ldloc_0 and <= ILOpCode.Ldloc_3 => (ILOpCode.Ldloc, code - ILOpCode.Ldloc_0),
        >= ILOpCode.Stloc_0 and <= ILOpCode.Stloc_3 => (ILOpCode.Stloc, code - ILOpCode.Stloc_0),
        >= ILOpCode.Ldc_i4_m1 and <= ILOpCode.Ldc_i4_8 => (ILOpCode.Ldc_i4, (int)code - (int)ILOpCode.Ldc_i4_0),
        ILOpCode.Ldc_i4_s => (ILOpCode.Ldc_i4, operand),
        ILOpCode.Ldarg_s => (ILOpCode.Ldarg, operand),
        ILOpCode.Ldarga_s => (ILOpCode.Ldarga, operand),
        ILOpCode.Starg_s => (ILOpCode.Starg, operand),
        ILOpCode.Ldloc_s => (ILOpCode.Ldloc, operand),
        ILOpCode.Ldloca_s => (ILOpCode.Ldloca, operand),
        ILOpCode.Stloc_s => (ILOpCode.Stloc, operand),
        _ when code.IsBranch() => (code.GetLongBranch(), operand),
        _ => (code, operand),
    };

    private static int Int32(ReadOnlySpan<byte> il, int at) => BinaryPrimitives.ReadInt32LittleEndian(il[at..]);
}
