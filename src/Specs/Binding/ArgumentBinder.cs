using System.Linq.Expressions;
using System.Reflection;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Format;

namespace ThpCheck.Specs.Binding;

/// <summary>Makes a delegate of a path and the arguments that a scenario gives it.</summary>
internal static class ArgumentBinder
{
    /// <summary>Whether a scenario can write every argument of a path.</summary>
    public static bool MayBind(PathEntry path) => path.Method.GetParameters().All(p => MayWrite(p.ParameterType));

    /// <summary>The delegate from a thread's results to what the path returns; null when an argument does not fit, which is reported.</summary>
    public static Delegate? Bind(
        CallSpec call,
        PathEntry path,
        Dictionary<string, (int Index, Type Type)> named,
        Dictionary<string, ModelObject> objects,
        Dictionary<string, long> numbers,
        Action<SourcePosition, string> report)
    {
        var results = Expression.Parameter(typeof(Results), "results");
        var parameters = path.Method.GetParameters();
        var arguments = new Expression?[parameters.Length];
        for (var i = 0; i < parameters.Length; i++)
        {
            arguments[i] = Bind(call.Arguments[i], parameters[i], path, results, named, objects, numbers, report);
        }

        if (arguments.Contains(null))
        {
            return null;
        }

        var target = path.Target is null ? null : Expression.Constant(path.Target);
        var body = Expression.Call(target, path.Method, arguments!);

        // A thread begins a few times in a search: compiling would take longer than all of its calls.
        return Expression.Lambda(typeof(Func<,>).MakeGenericType(typeof(Results), path.Method.ReturnType), body, results).Compile(preferInterpretation: true);
    }

    private static Expression? Bind(
        ArgumentSpec argument,
        ParameterInfo parameter,
        PathEntry path,
        ParameterExpression results,
        Dictionary<string, (int Index, Type Type)> named,
        Dictionary<string, ModelObject> objects,
        Dictionary<string, long> numbers,
        Action<SourcePosition, string> report)
    {
        var type = parameter.ParameterType;
        switch (argument)
        {
            case ArgumentSpec.Number number when type == typeof(int) && number.Value is >= int.MinValue and <= int.MaxValue:
                return Expression.Constant((int)number.Value);
            case ArgumentSpec.Boolean boolean when type == typeof(bool):
                return Expression.Constant(boolean.Value);
            case ArgumentSpec.Null when !type.IsValueType:
                return Expression.Constant(null, type);
            case ArgumentSpec.Reference { Name.Qualifier: null } reference:
                var name = reference.Name.Name.Value;
                if (objects.TryGetValue(name, out var known) && type.IsInstanceOfType(known))
                {
                    return Expression.Constant(known, type);
                }

                if (numbers.TryGetValue(name, out var value) && type.IsPrimitive)
                {
                    return Expression.Constant(Convert.ChangeType(value, type, System.Globalization.CultureInfo.InvariantCulture), type);
                }

                if (named.TryGetValue(name, out var result) && type.IsAssignableFrom(result.Type))
                {
                    return Expression.Call(typeof(ArgumentBinder), nameof(Decode), [type], results, Expression.Constant(result.Index));
                }

                var all = objects.Keys.Concat(numbers.Keys).Concat(named.Keys).ToArray();
                report(argument.Position, all.Contains(name)
                    ? $"'{name}' is {Describe(objects, named, name)}; the parameter '{parameter.Name}' of {path.Signature} is {Article(type)}"
                    : $"no object '{name}'.{NearestName.Hint(name, all)} A name is bound by an earlier call: name = path(...)");
                return null;
            default:
                report(argument.Position, $"'{argument}' does not fit the parameter '{parameter.Name}' of {path.Signature}, which is {Article(type)}");
                return null;
        }
    }

    private static T Decode<T>(Results results, int index) => Word<T>.Decode(results[index], Worker.Running.Machine);

    private static bool MayWrite(Type type) => type == typeof(int) || type == typeof(bool) || typeof(ModelObject).IsAssignableFrom(type);

    private static string Describe(Dictionary<string, ModelObject> objects, Dictionary<string, (int Index, Type Type)> named, string name) =>
        objects.TryGetValue(name, out var known) ? Article(known.GetType()) : named.TryGetValue(name, out var result) ? Article(result.Type) : "a number";

    private static string Article(Type type)
    {
        var name = type == typeof(int) ? "int" : type == typeof(bool) ? "bool" : type.Name;
        return $"{("AEIOaeio".Contains(name[0], StringComparison.Ordinal) ? "an" : "a")} {name}";
    }
}
