using System.IO.Compression;
using System.Text;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Certificates;

/// <summary>Reads a certificate: first what it is about, then, with a machine for it at hand, its states.</summary>
internal sealed class CertificateReader : IDisposable
{
    private readonly TextReader _reader;
    private readonly LineReader _lines;

    /// <summary>Reads from a text.</summary>
    public CertificateReader(TextReader reader)
    {
        _reader = reader;
        _lines = new LineReader(reader);
    }

    /// <summary>Opens a certificate, which is decompressed when its name says so.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public static CertificateReader Open(string path)
    {
        Stream stream = File.OpenRead(path);
        var compressed = path.EndsWith(CertificateFormat.Compressed, StringComparison.Ordinal);
        stream = compressed ? new GZipStream(stream, CompressionMode.Decompress) : stream;
        return new(new StreamReader(stream, new UTF8Encoding(false, throwOnInvalidBytes: true), detectEncodingFromByteOrderMarks: false));
    }

    /// <summary>The line, from 1, of each part of the identity, by its first word.</summary>
    public Dictionary<string, long> LineOf { get; } = new(StringComparer.Ordinal);

    public void Dispose() => _reader.Dispose();

    /// <summary>Reads what the certificate is about.</summary>
    /// <exception cref="DamagedCertificateException">It is no certificate, or not of this format.</exception>
    public Identity ReadIdentity()
    {
        if (!_lines.Read() || _lines.Line != CertificateFormat.Magic)
        {
            throw _lines.Damaged(_lines.Line?.StartsWith(CertificateFormat.Magic.Split(' ')[0], StringComparison.Ordinal) == true
                ? $"this version reads '{CertificateFormat.Magic}'"
                : $"this is no certificate; one begins with the line '{CertificateFormat.Magic}'");
        }

        return new Identity(
            One("tool"), One("scenario"), One("sha256"), One("variant"), One("kernel"),
            [.. Several("patch").Select(p => p[0])], [.. Several("toggle", "on or off").Select(t => (t[0], t[1]))]);
    }

    /// <summary>Reads what it claims.</summary>
    /// <param name="properties">The properties that the scenario has: a claim about each, in their order.</param>
    /// <exception cref="DamagedCertificateException">It is damaged.</exception>
    public Claims ReadClaims(IReadOnlyList<Property> properties)
    {
        var (states, transitions, ends) = (Count("states"), Count("transitions"), Count("ends"));
        var (deadlock, livelock) = (Found("deadlock"), Found("livelock"));
        return new(states, transitions, ends, deadlock, livelock, [.. properties.Select(ReadClaim)]);
    }

    /// <summary>Reads the rest: the tables that must be those of the machine, and the states.</summary>
    /// <exception cref="DamagedCertificateException">It is damaged, or another version of the model wrote it.</exception>
    public Listing ReadListing(Machine machine)
    {
        foreach (var expected in MachineLines.Of(machine))
        {
            Require("the threads, cells and objects");
            if (_lines.Line != expected)
            {
                throw _lines.Damaged(
                    $"this version of the model has '{expected}' here; another scenario or another version of the model is certified");
            }
        }

        var listing = new Listing(machine);
        while (true)
        {
            Require("the states and the line 'end'");
            var fields = new Fields(_lines);
            switch (fields.Next("a word"))
            {
                case "frame":
                    ReadFrame(ref fields, listing);
                    break;
                case "node":
                    ReadNode(ref fields, listing);
                    break;
                case "state":
                    ReadState(ref fields, listing, isBug: false);
                    break;
                case "bug":
                    ReadState(ref fields, listing, isBug: true);
                    break;
                case "end":
                    fields.End();
                    return !_lines.Read() ? listing : throw _lines.Damaged("the file goes on behind its end");
                default:
                    throw _lines.Damaged("a line begins with frame, node, state, bug or end here");
            }
        }
    }

    private void ReadFrame(ref Fields fields, Listing listing)
    {
        var numbering = listing.Numbering;
        fields.Int("the number of the next frame", numbering.Frames.Count, numbering.Frames.Count);
        var parent = fields.Int("the frame below, one listed before,", 0, numbering.Frames.Count - 1);
        var type = fields.Text("the path");
        var words = new List<long>();
        while (fields.Any)
        {
            words.Add(fields.Number("a word of a frame"));
        }

        if (!numbering.Add(new FrameContent(parent, type, [.. words])))
        {
            throw _lines.Damaged("this frame is listed before; each is listed once");
        }
    }

    private void ReadNode(ref Fields fields, Listing listing)
    {
        var numbering = listing.Numbering;
        fields.Int("the number of the next node", numbering.Nodes.Count, numbering.Nodes.Count);
        var thread = fields.Int("a thread", 0, listing.Machine.ThreadCount - 1);
        var frame = fields.Int("a frame, one listed before,", 0, numbering.Frames.Count - 1);
        var operation = new Operation(
            fields.Name<OperationCode>("an operation"), fields.Name<MemoryOrder>("a memory order"),
            fields.Int("an object"), fields.Int("a cell"), fields.Number("an operand"), fields.Number("an operand"));
        fields.Expect("rcu");
        var rcu = fields.Int("the RCU nesting");
        fields.Expect("preempt");
        var preempt = fields.Int("the preempt depth");
        fields.Expect("irq");
        var context = ThreadContext.Initial.With(rcu, preempt, fields.Int("the irq depth"));
        var started = false;
        while (fields.Any)
        {
            var what = fields.Next("a word");
            started = what.SequenceEqual("started");
            if (started)
            {
                break;
            }

            context = what switch
            {
                "held" when context.Regions.IsEmpty =>
                    context.Taking(new HeldLock(fields.Int("a cell"), fields.Number("a bit"), fields.Name<LockMode>("a lock's mode"))),
                "in" => context.Entering(fields.Text("a region")),
                _ => throw _lines.Damaged("a node ends with locks held, then regions it is in, then 'started'"),
            };
        }

        fields.End();
        if (!numbering.Add(new NodeContent(thread, frame, operation, context, started)))
        {
            throw _lines.Damaged("this node is listed before; each is listed once");
        }
    }

    private void ReadState(ref Fields fields, Listing listing, bool isBug)
    {
        var machine = listing.Machine;
        var number = fields.Int("the number of a state, larger than that before,", listing.NextNumber);
        var ending = default(Ending);
        if (isBug)
        {
            var name = fields.Text("a kernel bug");
            var bug = KernelBugProperties.All.FirstOrDefault(p => p.Name == name)?.Bug ?? throw _lines.Damaged("there is no such kernel bug");
            ending = new Ending(bug, fields.Int("a thread", 0, machine.ThreadCount - 1), fields.Int("a choice", 0));
        }

        fields.Expect("nodes");
        Span<int> nodes = stackalloc int[machine.ThreadCount];
        for (var thread = 0; thread < nodes.Length; thread++)
        {
            var node = fields.Int("a node, one listed before,", 0, listing.Numbering.Nodes.Count - 1);
            nodes[thread] = node == 0 || listing.Numbering.Nodes[node].Thread == thread
                ? node
                : throw _lines.Damaged($"node {node} is not one of {machine.ThreadName(thread)}'s");
        }

        fields.Expect("cells");
        var values = new long[machine.Cells.Count];
        for (var cell = 0; cell < values.Length; cell++)
        {
            values[cell] = fields.Number(machine.Cells[cell].Name, machine.Cells[cell].Min, machine.Cells[cell].Max);
        }

        fields.End();
        if (!listing.Add(number, values, nodes, ending))
        {
            throw _lines.Damaged("this state is listed before; each is listed once");
        }
    }

    private PropertyClaim ReadClaim(Property property)
    {
        Require($"the claim about {property.Name}");
        var fields = new Fields(_lines);
        fields.Expect("property");
        fields.Expect(CertificateFormat.Escape(property.Name));
        var word = fields.Next("a verdict").ToString();
        Verdict[] possible = [Verdict.Holds, Verdict.Violated, Verdict.Vacuous];
        var verdict = possible.Where(v => CheckedVariant.Word(v) == word).Select(v => (Verdict?)v).FirstOrDefault()
            ?? throw _lines.Damaged($"a verdict is {string.Join(" or ", possible.Select(CheckedVariant.Word))}");
        var outcomes = new List<string>();
        while (property.Form == PropertyForm.Outcomes && fields.Any)
        {
            outcomes.Add(fields.Text("an outcome"));
        }

        fields.End();
        return new(property.Name, verdict, outcomes);
    }

    private string One(string word)
    {
        Require($"'{word}'");
        LineOf[word] = _lines.Number;
        var fields = new Fields(_lines);
        fields.Expect(word);
        var text = fields.Text(word);
        fields.End();
        return text;
    }

    private List<string[]> Several(string word, params string[] others)
    {
        var found = new List<string[]>();
        while (_lines.Read() && _lines.Line!.StartsWith($"{word} ", StringComparison.Ordinal))
        {
            LineOf.TryAdd(word, _lines.Number);
            var fields = new Fields(_lines);
            fields.Expect(word);
            var texts = new List<string> { fields.Text(word) };
            foreach (var other in others)
            {
                texts.Add(fields.Text(other));
            }

            fields.End();
            found.Add([.. texts]);
        }

        _lines.PutBack();
        return found;
    }

    private long Count(string word)
    {
        Require($"'{word}'");
        var fields = new Fields(_lines);
        fields.Expect(word);
        var count = fields.Number(word, 0);
        fields.End();
        return count;
    }

    private bool Found(string word)
    {
        Require($"'{word}'");
        var fields = new Fields(_lines);
        fields.Expect(word);
        var found = fields.Next(word) switch
        {
            "found" => true,
            "none" => false,
            _ => throw _lines.Damaged($"'{word}' is found or none"),
        };
        fields.End();
        return found;
    }

    private void Require(string what)
    {
        if (!_lines.Read())
        {
            throw _lines.Damaged($"the file ends before {what}; it was cut short");
        }
    }
}
