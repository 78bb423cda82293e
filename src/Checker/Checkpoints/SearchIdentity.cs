using System.Security.Cryptography;
using System.Text;
using ThpCheck.Checker.Certificates;
using ThpCheck.Checker.Exploration;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Binding;

namespace ThpCheck.Checker.Checkpoints;

/// <summary>
/// What a search is of, in words: all that must be the same for a checkpoint to be gone on from. How many workers there are and
/// what the search may use is no part of it.
/// </summary>
internal static class SearchIdentity
{
    /// <summary>The identity of the search for a variant.</summary>
    /// <exception cref="IOException">The scenario's file cannot be read.</exception>
    public static IReadOnlyList<(string What, string Value)> Of(BoundVariant bound, Budget budget)
    {
        var identity = Identity.Of(bound);
        return
        [
            ("version of thpcheck", identity.Tool),
            ("scenario (by its SHA-256)", identity.Sha256),
            ("variant", identity.Variant),
            ("kernel", identity.Kernel),
            ("list of patches", string.Join(", ", identity.Patches)),
            ("list of toggles", string.Join(", ", identity.Toggles.Select(t => $"{t.Name} {t.Value}"))),
            .. Of(bound.Instance.Machine, budget),
        ];
    }

    /// <summary>The same where there is no scenario: the part that follows from the machine and the program.</summary>
    public static IReadOnlyList<(string What, string Value)> Of(Machine machine, Budget budget) =>
    [
        ("build of the model", BuildOf(typeof(Machine))),
        ("build of the properties", BuildOf(typeof(Instance))),
        ("build of the checker", BuildOf(typeof(SearchIdentity))),
        ("byte order", BitConverter.IsLittleEndian ? "little" : "big"),
        ("key", $"{machine.Key:x16}{(budget.FingerprintMask == ulong.MaxValue ? "" : $" & {budget.FingerprintMask:x16}")}"),
        ("use of --exact", budget.Exact ? "on" : "off"),
        ("list of threads, cells and objects (by its SHA-256)", HashOf(MachineLines.Of(machine))),
    ];

    /// <summary>What changes with any change of the code that a type is part of.</summary>
    public static string BuildOf(Type type) => type.Module.ModuleVersionId.ToString("N");

    private static string HashOf(IEnumerable<string> lines) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', lines))));
}
