using System.Reflection;
using System.Text.Json;
using ThpCheck.Specs.Format;
using Xunit;

namespace ThpCheck.Specs.Tests.Format;

/// <summary>The schema that editors use says what the reader does.</summary>
public sealed class SchemaKeys
{
    private static readonly JsonElement Schema =
        JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "scenario.schema.json"))).RootElement;

    /// <summary>Every kind of mapping with fixed keys, and where the schema describes it.</summary>
    private static readonly Dictionary<string, IShape> Kinds = new()
    {
        ["#"] = ScenarioFormat.Scenario,
        ["#/$defs/call"] = ScenarioFormat.Call,
        ["#/$defs/thread"] = ScenarioFormat.Thread,
        ["#/$defs/pool"] = ScenarioFormat.Pool,
        ["#/$defs/bounds"] = ScenarioFormat.Bounds,
        ["#/$defs/variant"] = ScenarioFormat.Variant,
    };

    public static TheoryData<string> Places => [.. Kinds.Keys];

    [Fact]
    public void The_schema_and_the_reader_know_the_same_kinds_of_mappings()
    {
        var tables = typeof(ScenarioFormat).GetFields(BindingFlags.Static | BindingFlags.NonPublic)
            .Select(f => f.GetValue(null)).OfType<IShape>().Select(s => s.What);

        Assert.Equal(tables.Order(), Kinds.Values.Select(s => s.What).Order());
        Assert.Equal(Kinds.Keys.Order(), PlacesWithKeys("#", Schema).Order());
    }

    [Theory]
    [MemberData(nameof(Places))]
    public void The_schema_has_the_keys_that_the_reader_accepts(string place)
    {
        Assert.Equal(Kinds[place].Keys.Select(k => k.Name).Order(), At(place).GetProperty("properties").EnumerateObject().Select(p => p.Name).Order());
        Assert.False(At(place).GetProperty("additionalProperties").GetBoolean());
    }

    [Theory]
    [MemberData(nameof(Places))]
    public void The_schema_needs_the_keys_that_the_reader_needs(string place)
    {
        var needed = At(place).TryGetProperty("required", out var required) ? required.EnumerateArray().Select(k => k.GetString()!) : [];

        Assert.Equal(Kinds[place].Keys.Where(k => k.Need == Need.Required).Select(k => k.Name).Order(), needed.Order());
    }

    [Fact]
    public void The_schema_offers_the_words_that_the_reader_accepts()
    {
        var kinds = At("#/$defs/thread").GetProperty("properties").GetProperty("kind").GetProperty("enum");
        Assert.All(kinds.EnumerateArray(), kind => Example.Read(Example.SmallestWith(4, $"threads: [{{name: a, kind: {kind}, calls: [f]}}]")));
        Assert.Equal(Enum.GetValues<ThreadKind>().Length, kinds.GetArrayLength());

        var verdicts = At("#/$defs/variant").GetProperty("properties").GetProperty("expect").GetProperty("patternProperties")
            .EnumerateObject().Single(p => p.Value.TryGetProperty("enum", out _)).Value.GetProperty("enum");
        Assert.All(verdicts.EnumerateArray(), verdict => Example.Read(Example.SmallestWith(5, $"variants: [{{name: V, expect: {{p: {verdict}}}}}]")));
        Assert.Equal(Enum.GetValues<ExpectedVerdict>().Length - 1, verdicts.GetArrayLength());     // found is for deadlock and livelock

        Assert.Equal(PoolSpec.Largest, At("#/$defs/capacity").GetProperty("maximum").GetInt32());
    }

    [Fact]
    public void Every_reference_in_the_schema_leads_somewhere() =>
        Assert.All(References(Schema), reference => Assert.Equal(JsonValueKind.Object, At(reference).ValueKind));

    private static JsonElement At(string place) =>
        place.Split('/').Skip(1).Aggregate(Schema, (element, step) => element.GetProperty(step));

    private static IEnumerable<string> PlacesWithKeys(string place, JsonElement element) => element.ValueKind != JsonValueKind.Object ? [] :
    [
        .. element.TryGetProperty("additionalProperties", out var more) && more.ValueKind == JsonValueKind.False ? [place] : Array.Empty<string>(),
        .. element.EnumerateObject().SelectMany(p => PlacesWithKeys($"{place}/{p.Name}", p.Value)),
    ];

    private static IEnumerable<string> References(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Array => element.EnumerateArray().SelectMany(References),
        JsonValueKind.Object => element.EnumerateObject().SelectMany(p => p.Name == "$ref" ? [p.Value.GetString()!] : References(p.Value)),
        _ => [],
    };
}
