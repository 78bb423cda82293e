using System.Text.Json;
using System.Text.RegularExpressions;

namespace ThpCheck.Checker.Tests.Reports;

/// <summary>
/// JSON Schema, the parts of draft 4 that published schemas of reports use. A keyword that it does not know is an exception: what is not checked must not
/// look as if it were.
/// </summary>
internal sealed class JsonSchema
{
    private static readonly string[] Says = ["$schema", "id", "$id", "title", "description", "default", "definitions", "format"];

    private readonly JsonElement _root;

    private JsonSchema(JsonElement root) => _root = root;

    public static JsonSchema Of(string file) => new(JsonDocument.Parse(File.ReadAllText(file)).RootElement.Clone());

    /// <summary>Where and how a document is otherwise than the schema says; none when it is as it says.</summary>
    public IReadOnlyList<string> Mistakes(JsonElement document) => [.. Check(document, _root, "$")];

    private IEnumerable<string> Check(JsonElement value, JsonElement schema, string at)
    {
        if (schema.TryGetProperty("$ref", out var reference))
        {
            var target = reference.GetString()!.Split('/').Skip(1).Aggregate(_root, (s, name) => s.GetProperty(name));
            return Check(value, target, at);
        }

        return schema.EnumerateObject().SelectMany(keyword => Check(value, keyword, schema, at));
    }

    private IEnumerable<string> Check(JsonElement value, JsonProperty keyword, JsonElement schema, string at)
    {
        var rule = keyword.Value;
        switch (keyword.Name)
        {
            case "type":
                string[] types = rule.ValueKind == JsonValueKind.Array ? [.. rule.EnumerateArray().Select(t => t.GetString()!)] : [rule.GetString()!];
                return types.Any(t => Is(value, t)) ? [] : [$"{at} is {value.ValueKind}, not {string.Join(" or ", types)}"];
            case "enum":
                return rule.EnumerateArray().Any(e => e.ToString() == value.ToString()) ? [] : [$"{at} is '{value}', which is none of those it can be"];
            case "pattern":
                return value.ValueKind != JsonValueKind.String || Regex.IsMatch(value.GetString()!, rule.GetString()!) ? [] : [$"{at} is '{value}', which does not match {rule}"];
            case "minimum":
                return value.ValueKind != JsonValueKind.Number || value.GetDouble() >= rule.GetDouble() ? [] : [$"{at} is {value}, below {rule}"];
            case "maximum":
                return value.ValueKind != JsonValueKind.Number || value.GetDouble() <= rule.GetDouble() ? [] : [$"{at} is {value}, above {rule}"];
            case "required":
                return value.ValueKind != JsonValueKind.Object ? [] : rule.EnumerateArray().Where(r => !value.TryGetProperty(r.GetString()!, out _)).Select(r => $"{at} has no {r}");
            case "properties":
                return value.ValueKind != JsonValueKind.Object ? []
                    : rule.EnumerateObject().SelectMany(p => value.TryGetProperty(p.Name, out var of) ? Check(of, p.Value, $"{at}.{p.Name}") : []);
            case "additionalProperties" when value.ValueKind == JsonValueKind.Object:
                var known = schema.TryGetProperty("properties", out var properties) ? properties.EnumerateObject().Select(p => p.Name).ToHashSet() : [];
                var others = value.EnumerateObject().Where(p => !known.Contains(p.Name));
                return rule.ValueKind switch
                {
                    JsonValueKind.True => [],
                    JsonValueKind.False => others.Select(p => $"{at} has {p.Name}, which is not known"),
                    _ => others.SelectMany(p => Check(p.Value, rule, $"{at}.{p.Name}")),
                };
            case "items":
                return value.ValueKind != JsonValueKind.Array ? [] : value.EnumerateArray().SelectMany((item, i) => Check(item, rule, $"{at}[{i}]"));
            case "minItems":
                return value.ValueKind != JsonValueKind.Array || value.GetArrayLength() >= rule.GetInt32() ? [] : [$"{at} has fewer than {rule} items"];
            case "uniqueItems":
                return value.ValueKind != JsonValueKind.Array || !rule.GetBoolean() || value.EnumerateArray().Select(i => i.GetRawText()).Distinct().Count() == value.GetArrayLength() ? [] : [$"{at} has an item twice"];
            case "anyOf":
                return rule.EnumerateArray().Any(s => !Check(value, s, at).Any()) ? [] : [$"{at} is nothing of what it can be"];
            case "oneOf":
                return rule.EnumerateArray().Count(s => !Check(value, s, at).Any()) == 1 ? [] : [$"{at} is not one of what it can be"];
            case var name when name == "additionalProperties" || Says.Contains(name):
                return [];
            default:
                throw new NotSupportedException($"the schema says '{keyword.Name}' at {at}, which is not checked here");
        }
    }

    private static bool Is(JsonElement value, string type) => type switch
    {
        "object" => value.ValueKind == JsonValueKind.Object,
        "array" => value.ValueKind == JsonValueKind.Array,
        "string" => value.ValueKind == JsonValueKind.String,
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "number" => value.ValueKind == JsonValueKind.Number,
        "integer" => value.ValueKind == JsonValueKind.Number && value.GetDouble() % 1 == 0,
        "null" => value.ValueKind == JsonValueKind.Null,
        _ => throw new NotSupportedException($"no type {type}"),
    };
}
