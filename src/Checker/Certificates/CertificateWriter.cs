using System.IO.Compression;
using System.Text;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;
using Found = ThpCheck.Checker.Exploration.Exploration;

namespace ThpCheck.Checker.Certificates;

/// <summary>
/// Writes every state that a search reached, whole and by content, in breadth-first order. The search kept its graph only:
/// the graph is walked from the initial state, and one step into each state is taken again.
/// </summary>
internal sealed class CertificateWriter
{
    private readonly TextWriter _writer;
    private readonly Instance _instance;
    private readonly Machine _machine;
    private readonly Numbering _numbering;
    private readonly StringBuilder _line = new();
    private readonly int[] _nodes;
    private int _framesWritten; // those up to here are in the file
    private int _nodesWritten;
    private int _statesWritten;

    private CertificateWriter(TextWriter writer, Instance instance)
    {
        _writer = writer;
        _instance = instance;
        _machine = instance.Machine;
        _numbering = new Numbering(_machine, grows: true);
        _nodes = new int[_machine.ThreadCount];
    }

    /// <summary>Writes a certificate to a file, compressed when its name says so.</summary>
    /// <exception cref="CertificateTooLargeException">There are too many states; nothing is written.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be written.</exception>
    public static void Write(string path, Identity identity, Claims claims, Found exploration)
    {
        CertificateTooLargeException.ThrowIf(claims.States);
        using Stream file = File.Create(path);
        var compressed = path.EndsWith(CertificateFormat.Compressed, StringComparison.Ordinal);
        using var stream = compressed ? new GZipStream(file, CompressionLevel.Optimal) : file;
        using var writer = new StreamWriter(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { NewLine = "\n" };
        Write(writer, identity, claims, exploration);
    }

    /// <summary>Writes a certificate of a search that was complete.</summary>
    public static void Write(TextWriter writer, Identity identity, Claims claims, Found exploration)
    {
        var certificate = new CertificateWriter(writer, exploration.Instance);
        certificate.WriteHead(identity, claims);
        certificate.WriteTables();
        certificate.WriteStates(exploration.Graph);
        writer.Write("end\n");
    }

    private void WriteHead(Identity identity, Claims claims)
    {
        WriteLine(CertificateFormat.Magic);
        WriteLine($"tool {CertificateFormat.Escape(identity.Tool)}");
        WriteLine($"scenario {CertificateFormat.Escape(identity.Scenario)}");
        WriteLine($"sha256 {identity.Sha256}");
        WriteLine($"variant {CertificateFormat.Escape(identity.Variant)}");
        WriteLine($"kernel {CertificateFormat.Escape(identity.Kernel)}");
        foreach (var patch in identity.Patches)
        {
            WriteLine($"patch {CertificateFormat.Escape(patch)}");
        }

        foreach (var (name, value) in identity.Toggles)
        {
            WriteLine($"toggle {CertificateFormat.Escape(name)} {value}");
        }

        WriteLine(FormattableString.Invariant($"states {claims.States}"));
        WriteLine(FormattableString.Invariant($"transitions {claims.Transitions}"));
        WriteLine(FormattableString.Invariant($"ends {claims.Ends}"));
        WriteLine($"deadlock {(claims.Deadlock ? "found" : "none")}");
        WriteLine($"livelock {(claims.Livelock ? "found" : "none")}");
        foreach (var property in claims.Properties)
        {
            var outcomes = string.Concat(property.Outcomes.Select(o => $" {CertificateFormat.Escape(o)}"));
            WriteLine($"property {CertificateFormat.Escape(property.Name)} {CheckedVariant.Word(property.Verdict)}{outcomes}");
        }
    }

    private void WriteTables()
    {
        foreach (var line in MachineLines.Of(_machine))
        {
            WriteLine(line);
        }
    }

    private void WriteStates(StateGraph graph)
    {
        var stepper = _instance.Begin();
        var found = new bool[graph.StateCount];
        var queue = new Queue<(int State, ulong[] Words)>();
        found[0] = true;
        queue.Enqueue((0, stepper.State.Words.ToArray()));
        WriteState(stepper.State, default);
        while (queue.TryDequeue(out var at))
        {
            var (edge, end) = graph.Edges(at.State);
            for (; edge < end; edge++)
            {
                var target = graph.Target(edge);
                if (found[target])
                {
                    continue;
                }

                found[target] = true;
                var (thread, pick) = graph.Label(edge);
                stepper.State.Load(at.Words, 0, 0); // nobody looks at its fingerprint
                var result = stepper.Step(thread, pick);
                WriteState(stepper.State, result.Bug == KernelBug.None ? default : new Ending(result.Bug, thread, pick));
                if (!result.IsFinal)
                {
                    queue.Enqueue((target, stepper.State.Words.ToArray()));
                }
            }
        }
    }

    private void WriteState(State state, Ending ending)
    {
        for (var thread = 0; thread < _nodes.Length; thread++)
        {
            _nodes[thread] = _numbering.NumberOf(state, thread);
        }

        WriteNewContent();
        _line.Append(ending == default ? "state " : "bug ").Append(_statesWritten++);
        if (ending != default)
        {
            _line.Append(' ').Append(KernelBugProperties.For(ending.Bug).Name).Append(' ').Append(ending.Thread).Append(' ').Append(ending.Pick);
        }

        _line.Append(" nodes");
        foreach (var node in _nodes)
        {
            _line.Append(' ').Append(node);
        }

        _line.Append(" cells");
        for (var cell = 1; cell <= _machine.Cells.Count; cell++)
        {
            _line.Append(' ').Append(state.Get(cell));
        }

        EndLine();
    }

    // What the next state refers to and the file does not have yet.
    private void WriteNewContent()
    {
        while (_framesWritten < _numbering.Frames.Count - 1)
        {
            var frame = _numbering.Frames[++_framesWritten];
            _line.Append("frame ").Append(_framesWritten).Append(' ').Append(frame.Parent).Append(' ').Append(CertificateFormat.Escape(frame.Type));
            foreach (var word in frame.Words)
            {
                _line.Append(' ').Append(word);
            }

            EndLine();
        }

        while (_nodesWritten < _numbering.Nodes.Count - 1)
        {
            var node = _numbering.Nodes[++_nodesWritten];
            var operation = node.Operation;
            _line.Append("node ").Append(_nodesWritten).Append(' ').Append(node.Thread).Append(' ').Append(node.Frame)
                .Append(' ').Append(operation.Code).Append(' ').Append(operation.Order)
                .Append(' ').Append(operation.Object).Append(' ').Append(operation.Cell)
                .Append(' ').Append(operation.A).Append(' ').Append(operation.B)
                .Append(" rcu ").Append(node.Context.RcuNesting)
                .Append(" preempt ").Append(node.Context.PreemptDepth)
                .Append(" irq ").Append(node.Context.IrqDepth);
            foreach (var held in node.Context.Held)
            {
                _line.Append(" held ").Append(held.Cell).Append(' ').Append(held.Bit).Append(' ').Append(held.Mode);
            }

            foreach (var region in node.Context.Regions)
            {
                _line.Append(" in ").Append(CertificateFormat.Escape(region));
            }

            _line.Append(node.Started ? " started" : "");
            EndLine();
        }
    }

    private void EndLine()
    {
        _writer.Write(_line.Append('\n'));
        _line.Clear();
    }

    private void WriteLine(string line)
    {
        _writer.Write(line);
        _writer.Write('\n');
    }
}
