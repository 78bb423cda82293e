using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;

namespace ThpCheck.Checker.Reports;

/// <summary>The first sentences of methods' doc comments, from the XML file that the compiler writes beside the assembly.</summary>
internal sealed partial class PathSummaries
{
    private readonly Dictionary<Assembly, Dictionary<string, string>> _known = [];

    /// <summary>The method's, or that of the one it overrides; null where there is none.</summary>
    public string? Of(MethodInfo method)
    {
        for (var type = method.DeclaringType; type is not null; type = type.BaseType)
        {
            var declared = type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly)
                .FirstOrDefault(m => m.Name == method.Name && m.GetBaseDefinition() == method.GetBaseDefinition());
            if (declared is not null && In(type.Assembly).TryGetValue(DocId(declared), out var summary))
            {
                return summary;
            }
        }

        return null;
    }

    private Dictionary<string, string> In(Assembly assembly)
    {
        if (!_known.TryGetValue(assembly, out var summaries))
        {
            _known.Add(assembly, summaries = Read(Path.ChangeExtension(assembly.Location, ".xml")));
        }

        return summaries;
    }

    // Without the file the paths are listed all the same, so what is wrong with it is no error.
    private static Dictionary<string, string> Read(string file)
    {
        try
        {
            return XDocument.Load(file).Descendants("member")
                .Select(m => (Name: (string?)m.Attribute("name") ?? "", Summary: m.Element("summary")))
                .Where(m => m.Name.StartsWith("M:", StringComparison.Ordinal) && m.Summary is not null)
                .ToDictionary(m => m.Name, m => Prose.FirstSentence(Text(m.Summary!)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or XmlException or ArgumentException)
        {
            return new Dictionary<string, string>();
        }
    }

    private static string Text(XElement summary)
    {
        var text = new StringBuilder();
        foreach (var node in summary.Nodes())
        {
            text.Append(node switch
            {
                XText t => t.Value,
                XElement { Name.LocalName: "see" } see => ((string?)see.Attribute("cref") ?? (string?)see.Attribute("langword") ?? see.Value).Split('.', ':')[^1],
                XElement { Name.LocalName: "paramref" } name => (string?)name.Attribute("name"),
                XElement other => other.Value,
                _ => "",
            });
        }

        return Blanks().Replace(text.ToString(), " ").Trim();
    }

    // As the C# standard spells a method in documentation comments.
    private static string DocId(MethodInfo method)
    {
        var parameters = string.Join(",", method.GetParameters().Select(p => DocId(p.ParameterType)));
        return $"M:{method.DeclaringType!.FullName}.{method.Name}{(parameters.Length == 0 ? "" : $"({parameters})")}".Replace('+', '.');
    }

    private static string DocId(Type type) =>
        type.IsArray ? $"{DocId(type.GetElementType()!)}[]"
        : type.IsGenericType ? $"{type.GetGenericTypeDefinition().FullName!.Split('`')[0]}{{{string.Join(",", type.GetGenericArguments().Select(DocId))}}}"
        : type.FullName ?? type.Name;

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();
}
