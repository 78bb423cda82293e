using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Tests.Stepping;

public sealed class SourceLinesTests
{
    private const BindingFlags All = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static;

    [Fact]
    public void A_method_is_found_at_its_topmost_line_of_code()
    {
        var line = SourceLines.Of(Method(nameof(AsyncMethod)))!.Value;

        Assert.Equal("tests/Model.Tests/Stepping/SourceLinesTests.cs", line.File);
        Assert.Equal(LineOfLoop, line.Line);
        Assert.Equal($"tests/Model.Tests/Stepping/SourceLinesTests.cs:{LineOfLoop}", line.ToString());
    }

    [Fact]
    public void A_state_machine_is_found_where_its_method_is() =>
        Assert.Equal(SourceLines.Of(Method(nameof(AsyncMethod))), SourceLines.Of(StateMachine(nameof(AsyncMethod))));

    [Fact]
    public void An_ordinary_method_is_found_by_its_own_lines() =>
        Assert.Equal(LineOfPlain, SourceLines.Of(Method(nameof(Plain)))!.Value.Line);

    [Fact]
    public void Each_instruction_belongs_to_the_line_before_or_at_it()
    {
        var moveNext = StateMachine(nameof(AsyncMethod)).GetMethod("MoveNext", All)!;
        var code = IlReader.Read(moveNext.GetMethodBody()!);

        var lines = code.Select(instruction => SourceLines.LineOf(moveNext, instruction.Offset)?.Line).ToList();

        Assert.Null(lines[0]); // the dispatch is the compiler's
        foreach (var below in (int[])[0, 2, 3, 6])
        {
            Assert.Contains(LineOfLoop + below, lines);
        }

        Assert.Equal(lines[^1], SourceLines.LineOf(moveNext, int.MaxValue)?.Line);
    }

    [Fact]
    public void Each_await_has_its_own_line()
    {
        var stateMachine = StateMachine(nameof(AsyncMethod));

        // The compiler puts the condition of a loop behind its body, and numbers awaits as it puts them.
        Assert.Equal(LineOfLoop + 2, SourceLines.OfAwait(stateMachine, 0)?.Line);
        Assert.Equal(LineOfLoop, SourceLines.OfAwait(stateMachine, 1)?.Line);
        Assert.Null(SourceLines.OfAwait(stateMachine, 2));
    }

    [Fact]
    public void A_generic_state_machine_has_the_lines_of_its_definition()
    {
        var definition = StateMachine(nameof(GenericMethod));

        var line = SourceLines.Of(definition.MakeGenericType(typeof(int)));

        Assert.NotNull(line);
        Assert.Equal(SourceLines.Of(definition), line);
    }

    [Fact]
    public void An_assembly_without_symbols_or_location_has_no_lines()
    {
        var fromMemory = Assembly.Load(File.ReadAllBytes(typeof(SourceLinesTests).Assembly.Location));
        var dynamic = AssemblyBuilder.DefineDynamicAssembly(new("dynamic"), AssemblyBuilderAccess.Run).DefineDynamicModule("module")
            .DefineType("Type");
        var empty = dynamic.DefineMethod("Empty", MethodAttributes.Public | MethodAttributes.Static);
        empty.GetILGenerator().Emit(OpCodes.Ret);

        Assert.Null(SourceLines.Of(fromMemory.GetType(typeof(SourceLinesTests).FullName!)!.GetMethod(nameof(Plain), All)!));
        Assert.Null(SourceLines.Of(dynamic.CreateType().GetMethod("Empty")!));
        Assert.Null(SourceLines.LineOf(typeof(string).GetMethod(nameof(string.Clone))!, 0));
    }

    [Fact]
    public void A_type_that_is_no_state_machine_is_refused() =>
        Assert.Throws<ArgumentException>(static () => SourceLines.Of(typeof(string)));

    [Fact]
    public void A_state_machine_is_called_what_its_author_calls_the_method()
    {
        Assert.Equal("SourceLinesTests.AsyncMethod", SourceLines.NameOf(StateMachine(nameof(AsyncMethod))));
        Assert.Equal("SourceLinesTests.GenericMethod", SourceLines.NameOf(StateMachine(nameof(GenericMethod))));
        Assert.Equal(
            "SourceLinesTests.rmap.folio_lock_anon_vma_read", SourceLines.NameOf(StateMachine(typeof(rmap<>), "folio_lock_anon_vma_read")));
        Assert.Equal("SourceLinesTests", SourceLines.NameOf(typeof(SourceLinesTests)));
    }

    [Fact]
    public void A_local_function_is_called_after_its_method_and_a_lambda_by_it()
    {
        Func<int, ValueTask<int>> lambda = static async a =>
        {
            await Task.Yield();
            return a;
        };

        var local = typeof(SourceLinesTests).GetNestedTypes(BindingFlags.NonPublic)
            .Single(static type => type.Name.Contains("g__Local|", StringComparison.Ordinal));

        Assert.Equal("SourceLinesTests.WithLocalFunction.Local", SourceLines.NameOf(local));
        Assert.Equal(
            $"SourceLinesTests.{nameof(A_local_function_is_called_after_its_method_and_a_lambda_by_it)}",
            SourceLines.NameOf(lambda.Method.GetCustomAttribute<AsyncStateMachineAttribute>()!.StateMachineType));
    }

    private static int LineOfLoop => Here(+4);

    private static async ValueTask<int> AsyncMethod(int n)
    {
        while (await Half(n) > 1)
        {
            await Task.Yield();
            n--;
        }

        return n;
    }

    private static async ValueTask<int> GenericMethod<T>(T value)
    {
        await Task.Yield();
        return value is null ? 0 : 1;
    }

    private static ValueTask<int> WithLocalFunction(int n)
    {
        return Local(n + 1);

        static async ValueTask<int> Local(int n)
        {
            await Task.Yield();
            return n;
        }
    }

    private static ValueTask<int> Half(int n) => new(n / 2);

    private static int LineOfPlain => Here(+2);

    private static int Plain() => 3;

    private static int Here(int below, [CallerLineNumber] int line = 0) => line + below;

    private static MethodInfo Method(string name) => typeof(SourceLinesTests).GetMethod(name, All)!;

    private static Type StateMachine(string method) => StateMachine(typeof(SourceLinesTests), method);

    private static Type StateMachine(Type type, string method) =>
        type.GetMethod(method, All)!.GetCustomAttribute<AsyncStateMachineAttribute>()!.StateMachineType;

    private sealed class rmap<T>
    {
        public async ValueTask<T> folio_lock_anon_vma_read(T value)
        {
            await Task.Yield();
            return value;
        }
    }
}
