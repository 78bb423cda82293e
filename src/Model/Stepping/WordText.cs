using System.Collections.Concurrent;
using System.Globalization;

namespace ThpCheck.Model.Stepping;

/// <summary>Words of structs as text, for reports.</summary>
internal static class WordText
{
    private static readonly ConcurrentDictionary<Type, Func<long, string>> Known = new();

    /// <summary>A word of the type as its own ToString writes it; an integer as a number.</summary>
    public static string Of(Type type, long word) => Known.GetOrAdd(type, Make)(word);

    private static Func<long, string> Make(Type type) => type.GetInterfaces().Any(i => i.IsGenericType && i.GetGenericTypeDefinition() == typeof(IWord<>))
        ? (Func<long, string>)Delegate.CreateDelegate(typeof(Func<long, string>), typeof(WordText).GetMethod(nameof(Struct), System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Static)!.MakeGenericMethod(type))
        : static word => word.ToString(CultureInfo.InvariantCulture);

    private static string Struct<T>(long word)
        where T : struct, IWord<T> => T.FromWord(word).ToString() ?? "";
}
