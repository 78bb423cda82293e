using System.Text;

namespace ThpCheck.Checker.Certificates;

/// <summary>The words that a certificate's writer and its reader agree on; docs/CERTIFICATES.md has the grammar.</summary>
internal static class CertificateFormat
{
    /// <summary>The first line: what the file is, and the version of its format.</summary>
    public const string Magic = "thpcheck-certificate 1";

    /// <summary>More states than this are not written: a file of gigabytes convinces nobody.</summary>
    public const int MostStates = 2_000_000;

    /// <summary>How the name of a compressed certificate ends.</summary>
    public const string Compressed = ".gz";

    /// <summary>The tool's version, three numbers.</summary>
    public static string ToolVersion => typeof(CertificateFormat).Assembly.GetName().Version!.ToString(3);

    /// <summary>A text as one field: without blanks, and read back by <see cref="Unescape"/>.</summary>
    public static string Escape(string text)
    {
        if (text.Length == 0)
        {
            return "%";
        }

        var field = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            _ = c is '%' or <= ' ' or '\x7f' ? field.Append('%').Append(((int)c).ToString("X2", null)) : field.Append(c);
        }

        return field.ToString();
    }

    /// <summary>The text of a field.</summary>
    public static string Unescape(string field) => field == "%" ? "" : Uri.UnescapeDataString(field);
}
