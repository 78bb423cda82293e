using System.Text;
using ThpCheck.Specs.Format;
using Xunit;

namespace ThpCheck.Specs.Tests.Format;

/// <summary>Files that cannot be read, or hold something other than text.</summary>
public sealed class BadFiles : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("thpcheck-").FullName;

    private string Path => System.IO.Path.Combine(_folder, "a.yaml");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_good_file_is_read()
    {
        File.WriteAllText(Path, Example.Full);

        var result = ScenarioReader.Read(Path);

        Assert.Equal([], result.Diagnostics);
        Assert.Equal(Path, result.Document!.Path);
        Assert.Equal("Exit against kswapd", result.Document.Title.Value);
    }

    [Fact]
    public void A_byte_order_mark_moves_nothing()
    {
        File.WriteAllText(Path, Example.Smallest, new UTF8Encoding(encoderShouldEmitUTF8Identifier: true));

        Assert.Equal(new("t", new(1, 8)), ScenarioReader.Read(Path).Document!.Title);
    }

    [Fact]
    public void A_link_is_followed()
    {
        File.WriteAllText(Path, Example.Smallest);
        var link = System.IO.Path.Combine(_folder, "link.yaml");
        File.CreateSymbolicLink(link, Path);

        Assert.Equal(link, ScenarioReader.Read(link).Document!.Path);
    }

    [Fact]
    public void An_error_in_a_file_names_the_file()
    {
        File.WriteAllText(Path, Example.SmallestWith(5, "variant: [{name: V}]"));

        Refuses("5:1: no key 'variant' here. Did you mean 'variants'?");
    }

    [Fact]
    public void A_file_that_is_not_there_is_said_not_to_be() => Refuses("1:1: there is no such file.");

    [Theory]
    [InlineData("")]
    [InlineData("a\0b")]
    public void A_path_that_cannot_be_one_is_no_file(string path) =>
        Assert.Equal([new(path, 1, 1, "there is no such file.")], ScenarioReader.Read(path).Diagnostics);

    [Fact]
    public void A_directory_is_no_scenario()
    {
        Directory.CreateDirectory(Path);

        Refuses("1:1: this is a directory; name one of the files in it.");
    }

    [Fact]
    public void An_unreadable_file_is_reported_with_the_systems_reason()
    {
        File.WriteAllText(Path, Example.Smallest);
        using var held = new FileStream(Path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);

        var diagnostic = Assert.Single(ScenarioReader.Read(Path).Diagnostics);

        Assert.StartsWith($"{Path}:1:1: the file cannot be read. The process cannot access the file", diagnostic.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void An_empty_file_is_refused()
    {
        File.WriteAllText(Path, "");

        Refuses("1:1: the file is empty or no regular file; a scenario starts with its title, as in 'title: Exit against kswapd'.");
    }

    [Fact]
    public void An_endless_device_is_not_opened()
    {
        const string Device = "/dev/zero";
        var message = File.Exists(Device)
            ? "the file is empty or no regular file; a scenario starts with its title, as in 'title: Exit against kswapd'."
            : "there is no such file.";

        Assert.Equal([new(Device, 1, 1, message)], ScenarioReader.Read(Device).Diagnostics);
    }

    [Theory]
    [InlineData(100L << 20, "100 MB")]
    [InlineData((1L << 20) + 1, "1.1 MB")]
    [InlineData(3L << 40, "3145728 MB")]
    public void A_file_that_is_too_large_is_refused_by_its_length(long length, string size)
    {
        using (var file = File.Create(Path))
            file.SetLength(length);

        Refuses($"1:1: the file is {size}; a scenario is a page of text, 1 MB at most.");
    }

    [Fact]
    public void Another_encoding_is_refused_at_its_first_byte()
    {
        File.WriteAllBytes(Path, [.. "title: t\nquestion: "u8, 0xfc, .. "ber\n"u8]);

        Refuses("2:11: the byte 0xfc is not UTF-8; this is another encoding, a scenario is UTF-8 text.");
    }

    [Fact]
    public void A_character_that_the_end_of_the_file_cuts_is_refused()
    {
        File.WriteAllBytes(Path, [.. "title: "u8, 0xe2, 0x82]);

        Refuses("1:8: the byte 0xe2 is not UTF-8; this is another encoding, a scenario is UTF-8 text.");
    }

    [Fact]
    public void Utf_16_is_refused()
    {
        File.WriteAllText(Path, Example.Smallest, Encoding.Unicode);

        Refuses("1:1: the byte 0xff is not UTF-8; this is a binary file or UTF-16, a scenario is UTF-8 text.");
    }

    [Fact]
    public void A_binary_file_is_refused_at_its_first_NUL()
    {
        File.WriteAllBytes(Path, [.. "ELF\n"u8, 1, 0, 0]);

        Refuses("2:1: the invisible character U+0001; remove it.");
        File.WriteAllBytes(Path, [.. "ELF\n."u8, 0, 0]);
        Refuses("2:2: a NUL character; this is a binary file, a scenario is UTF-8 text.");
    }

    private void Refuses(string complaint) =>
        Assert.Equal([$"{Path}:{complaint}"], ScenarioReader.Read(Path).Diagnostics.Select(d => d.ToString()));
}
