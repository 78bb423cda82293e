using System.Security.Cryptography;
using ThpCheck.Specs.Binding;

namespace ThpCheck.Checker.Certificates;

/// <summary>What a certificate is about, in words.</summary>
/// <param name="Tool">The version of the tool that wrote it.</param>
/// <param name="Scenario">The scenario's file as it was named then.</param>
/// <param name="Sha256">The SHA-256 of that file, in lower-case hexadecimal digits.</param>
/// <param name="Variant">The variant in it.</param>
/// <param name="Kernel">The release it starts from.</param>
/// <param name="Patches">The patches on it, in order.</param>
/// <param name="Toggles">The toggles it sets, by name, each <c>on</c> or <c>off</c>.</param>
internal sealed record Identity(
    string Tool, string Scenario, string Sha256, string Variant, string Kernel, IReadOnlyList<string> Patches, IReadOnlyList<(string Name, string Value)> Toggles)
{
    /// <summary>The identity of a variant that was bound.</summary>
    /// <exception cref="IOException">The scenario's file cannot be read.</exception>
    public static Identity Of(BoundVariant bound) => new(
        CertificateFormat.ToolVersion,
        bound.Scenario.Path,
        HashOf(bound.Scenario.Path),
        bound.Variant.Name.Value,
        bound.Scenario.KernelOf(bound.Variant).Value,
        [.. bound.Variant.Patches.Select(p => p.Value)],
        [.. bound.Toggles.Select(t => (t.Key, t.Value ? "on" : "off"))]);

    /// <summary>The SHA-256 of a file.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static string HashOf(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }
}
