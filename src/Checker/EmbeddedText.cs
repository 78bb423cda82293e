namespace ThpCheck.Checker;

/// <summary>Texts that are part of this assembly.</summary>
internal static class EmbeddedText
{
    /// <summary>One of them, with line feeds.</summary>
    /// <param name="name">Its logical name in the project file.</param>
    public static string Read(string name)
    {
        using var reader = new StreamReader(typeof(EmbeddedText).Assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
