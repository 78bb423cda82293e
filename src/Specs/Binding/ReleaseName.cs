using ThpCheck.Model.Kernel;
using ThpCheck.Specs.Format;

namespace ThpCheck.Specs.Binding;

/// <summary>Names of releases as users write them.</summary>
internal static class ReleaseName
{
    /// <summary>What is wrong with one, in a sentence; null where there is such a release.</summary>
    /// <param name="name">The name.</param>
    /// <param name="what">What it is called where it was written.</param>
    public static string? Error(string name, string what = "kernel") =>
        Releases.All.ContainsKey(name) ? null : $"no {what} '{name}'.{NearestName.Hint(name, Releases.All.Keys)} 'thpcheck list kernels' names them";
}
