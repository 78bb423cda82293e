using System.Text.Json;
using System.Text.Json.Nodes;

namespace ThpCheck.Coyote;

/// <summary>An execution that Coyote wrote down.</summary>
/// <param name="Json">What Coyote is given to execute it again.</param>
/// <param name="Strategy"><see cref="CoyoteStrategy.Pos"/> where scheduling points say what the next step is about, as they have to again; otherwise nothing depends on it.</param>
internal sealed record RecordedTrace(string Json, CoyoteStrategy Strategy)
{
    /// <exception cref="InvalidDataException">It is none; why, in a clause.</exception>
    public static RecordedTrace Read(string text)
    {
        try
        {
            var trace = JsonNode.Parse(text) as JsonObject;
            if (trace?["Settings"] is not JsonObject settings || trace["Steps"] is not JsonArray { Count: > 0 } steps)
            {
                throw new InvalidDataException("it has no settings or no steps");
            }

            // Where the trace ends before the execution does, Coyote would choose all that follows. It looks at this bound before it looks
            // for a deadlock, which may come after the last step, so it can choose one.
            settings["MaxFairSchedulingSteps"] = steps.Count + 1;
            settings["MaxUnfairSchedulingSteps"] = steps.Count + 1;
            return new RecordedTrace(trace.ToJsonString(), steps.Any(IsAccess) ? CoyoteStrategy.Pos : CoyoteStrategy.Random);
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            throw new InvalidDataException("it is no JSON object", e);
        }
    }

    private static bool IsAccess(JsonNode? step) =>
        step is JsonValue value && value.TryGetValue(out string? text)
        && (text.Contains("sp(Read)", StringComparison.Ordinal) || text.Contains("sp(Write)", StringComparison.Ordinal));
}
