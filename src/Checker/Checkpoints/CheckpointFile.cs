using System.Security.Cryptography;
using System.Text;

namespace ThpCheck.Checker.Checkpoints;

/// <summary>
/// The form of the file: a line that says what it is, what search it is of, what the search knew, and the SHA-256 of all that.
/// </summary>
internal static class CheckpointFile
{
    private const string Magic = "thpcheck-checkpoint 1\n";
    private const int HashBytes = SHA256.HashSizeInBytes;
    private const int BufferBytes = 1 << 20;

    /// <summary>Where a checkpoint is written before it takes the place of the last one.</summary>
    public static string Draft(string path) => path + ".tmp";

    /// <summary>
    /// Writes a checkpoint. The one that was there before stays until this one is on the disk, whole: whenever the process or the
    /// machine ends, one of the two is there.
    /// </summary>
    /// <exception cref="IOException">It cannot be written; what was there before still is.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public static void Write(string path, IReadOnlyList<(string What, string Value)> identity, SearchContent content)
    {
        using (var file = new FileStream(Draft(path), FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0))
        {
            using var sha = SHA256.Create();
            using (var hashed = new CryptoStream(file, sha, CryptoStreamMode.Write, leaveOpen: true))
            using (var stream = new BufferedStream(hashed, BufferBytes))
            {
                stream.Write(Encoding.ASCII.GetBytes(Magic));
                using (var writer = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true))
                {
                    writer.Write(identity.Count);
                    foreach (var (what, value) in identity)
                    {
                        writer.Write(what);
                        writer.Write(value);
                    }
                }

                content.Write(stream);
            }

            file.Write(sha.Hash!);
            file.Flush(flushToDisk: true);
        }

        File.Move(Draft(path), path, overwrite: true);
    }

    /// <summary>Opens a checkpoint of a search, to be read by <see cref="SearchContent.Read"/>.</summary>
    /// <exception cref="UnusableCheckpointException">It is none, is damaged, or is of another search.</exception>
    public static Stream Open(string path, IReadOnlyList<(string What, string Value)> identity)
    {
        FileStream? file = null;
        try
        {
            // What cannot be a checkpoint is not opened: a pipe could wait for ever.
            file = File.Exists(path) && new FileInfo(path).Length > 0
                ? new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes)
                : throw new UnusableCheckpointException(
                    $"there is no checkpoint '{path}'{(File.Exists(Draft(path)) ? $"; '{Draft(path)}' is one that was never finished" : "")}");
            Verify(file, path);
            Compare(file, path, identity);
            return file;
        }
        catch (Exception e)
        {
            file?.Dispose();
            throw e is IOException or UnauthorizedAccessException ? new UnusableCheckpointException($"the checkpoint '{path}' cannot be read: {e.Message}") : e;
        }
    }

    private static void Verify(FileStream file, string path)
    {
        var magic = new byte[Magic.Length];
        var name = Magic.Split(' ')[0];
        if (file.ReadAtLeast(magic, magic.Length, throwOnEndOfStream: false) < magic.Length || Encoding.ASCII.GetString(magic) != Magic)
        {
            throw new UnusableCheckpointException(Encoding.ASCII.GetString(magic).StartsWith(name, StringComparison.Ordinal)
                ? $"'{path}' is a checkpoint of another format than '{Magic.TrimEnd()}', which this version reads; start again without --resume"
                : $"'{path}' is no checkpoint; 'thpcheck check --checkpoint FILE' writes one");
        }

        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        sha.AppendData(magic);
        var buffer = new byte[BufferBytes];
        for (var left = file.Length - magic.Length - HashBytes; left > 0;)
        {
            var read = file.Read(buffer, 0, (int)Math.Min(left, buffer.Length));
            if (read == 0)
            {
                break;
            }

            sha.AppendData(buffer, 0, read);
            left -= read;
        }

        var expected = new byte[HashBytes];
        var isWhole = file.ReadAtLeast(expected, HashBytes, throwOnEndOfStream: false) == HashBytes && sha.GetHashAndReset().AsSpan().SequenceEqual(expected);
        if (!isWhole)
        {
            throw new UnusableCheckpointException($"the checkpoint '{path}' is damaged: its SHA-256 is not what it ends with; start again without --resume");
        }

        file.Position = magic.Length;
    }

    private static void Compare(FileStream file, string path, IReadOnlyList<(string What, string Value)> identity)
    {
        using var reader = new BinaryReader(file, Encoding.UTF8, leaveOpen: true);
        var found = new (string What, string Value)[reader.ReadInt32()];
        for (var i = 0; i < found.Length; i++)
        {
            found[i] = (reader.ReadString(), reader.ReadString());
        }

        foreach (var (what, value) in identity)
        {
            var there = found.FirstOrDefault(f => f.What == what).Value ?? "";
            if (there != value)
            {
                throw new UnusableCheckpointException($"'{path}' is a checkpoint of another search: its {what} is '{there}', here it is '{value}'");
            }
        }
    }
}
