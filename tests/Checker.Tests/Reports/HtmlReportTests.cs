using Microsoft.Playwright;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.Reports;

/// <summary>A fact that needs a browser; where there is none it says so and is skipped.</summary>
internal sealed class BrowserFactAttribute : FactAttribute
{
    public BrowserFactAttribute() => Skip = Browser is null ? "no browser here: apt-get install chromium" : null;

    /// <summary>Where the browser is, or null.</summary>
    public static string? Browser { get; } = new[] { "chromium", "chromium-browser", "google-chrome" }
        .SelectMany(name => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(folder => Path.Combine(folder, name)))
        .FirstOrDefault(File.Exists);
}

/// <summary>The page as a browser shows it.</summary>
public sealed class HtmlReportTests : IAsyncLifetime
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"thpcheck-{Guid.NewGuid():N}.html");
    private readonly List<string> _complaints = []; // what the console says, and what is asked of a network
    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public async Task InitializeAsync()
    {
        if (BrowserFactAttribute.Browser is { } browser)
        {
            var run = Of("check", Repository.File("specs", "rmap", "exit-against-kswapd.yaml"), "--variant", "v1", "--variant", "before", "--format", "html", "--output", _file);
            Assert.Equal(0, run.ExitCode);
            _playwright = await Playwright.CreateAsync();
            _browser = await _playwright.Chromium.LaunchAsync(new() { ExecutablePath = browser, Args = ["--no-sandbox"] });
        }
    }

    public async Task DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.CloseAsync();
        }

        _playwright?.Dispose();
        File.Delete(_file);
    }

    [BrowserFact]
    public async Task The_page_shows_the_verdicts_and_opens_a_trace_at_its_end()
    {
        var page = await Open();

        Assert.Equal(["before", "v1"], await page.Locator("#table tbody tr td:nth-child(2)").AllTextContentsAsync());
        Assert.Equal(["holds", "violated"], await page.Locator("#table tbody tr td:nth-child(3)").AllTextContentsAsync());
        Assert.Equal("v1: no-use-after-free", await page.TextContentAsync("#title"));
        Assert.Equal("51 of 51", await page.TextContentAsync("#at"));
        Assert.Contains("READ_ONCE(anon_vma0.root)", await page.TextContentAsync(".row.now.broken"), StringComparison.Ordinal);
        Assert.Contains("src/Model/Kernel/rmap.cs#L", await page.GetAttributeAsync("#state a", "href"), StringComparison.Ordinal);
        Assert.Empty(_complaints);
    }

    [BrowserFact]
    public async Task Keys_and_the_slider_step_and_the_state_follows()
    {
        var page = await Open();

        await page.Keyboard.PressAsync("Home");
        Assert.Equal("0 of 51", await page.TextContentAsync("#at"));
        Assert.Equal("pfn 1 present write dirty young", await Cell(page, "page_table0.pte[0]"));
        Assert.Equal("0", await Cell(page, "page_table0.ptl"));
        await page.FillAsync("#slider", "8");
        Assert.Equal("1", await Cell(page, "page_table0.ptl"));
        await page.ClickAsync("#title");
        foreach (var key in (string[])["j", "j", "ArrowDown"])
        {
            await page.Keyboard.PressAsync(key);
        }

        Assert.Equal("11 of 51", await page.TextContentAsync("#at"));
        Assert.Equal("none", await Cell(page, "page_table0.pte[0]"));
        Assert.Contains("page_table0.pte[0]", await page.TextContentAsync("#state tr.changed"), StringComparison.Ordinal);
        await page.Keyboard.PressAsync("n");
        Assert.Equal("42 of 51", await page.TextContentAsync("#at"));
        await page.Keyboard.PressAsync("k");
        Assert.Equal("41 of 51", await page.TextContentAsync("#at"));
        Assert.Empty(_complaints);
    }

    [BrowserFact]
    public async Task Another_choice_is_another_branch_and_there_is_a_way_back()
    {
        var page = await Open();

        await page.Keyboard.PressAsync("Home");
        await page.Locator("#choices button").First.ClickAsync();

        Assert.Contains("Another branch from step 0: kswapd: atomic_read(folio._mapcount) = 0.", await page.TextContentAsync("#branch"), StringComparison.Ordinal);
        Assert.Equal("1", (await page.TextContentAsync("#at"))!.Split(' ')[0]);
        Assert.Contains("kswapd", await page.TextContentAsync("#state p"), StringComparison.Ordinal);
        await page.Keyboard.PressAsync("End");
        Assert.Contains("has ended", await page.TextContentAsync("#state"), StringComparison.Ordinal);
        Assert.Equal(0, await page.Locator(".row.broken").CountAsync());
        await page.Keyboard.PressAsync("Escape");
        Assert.True(await page.IsHiddenAsync("#branch"));
        Assert.Equal("0 of 51", await page.TextContentAsync("#at"));
        Assert.Empty(_complaints);
    }

    [BrowserFact]
    public async Task A_branch_has_branches_and_each_leads_back_to_where_it_came_from()
    {
        var page = await Open();

        await page.FillAsync("#slider", "46");
        await page.Locator("#choices button").First.ClickAsync();
        Assert.Contains("Another branch from step 46: exit:", await page.TextContentAsync("#branch"), StringComparison.Ordinal);
        await page.Locator("#choices button").First.ClickAsync();

        Assert.Contains("A branch of another branch from step 47: kswapd:", await page.TextContentAsync("#branch"), StringComparison.Ordinal);
        Assert.Equal("48", (await page.TextContentAsync("#at"))!.Split(' ')[0]);
        await page.Keyboard.PressAsync("Escape");
        Assert.Contains("Another branch from step 46: exit:", await page.TextContentAsync("#branch"), StringComparison.Ordinal);
        Assert.Equal("47", (await page.TextContentAsync("#at"))!.Split(' ')[0]);
        await page.Keyboard.PressAsync("Escape");
        Assert.True(await page.IsHiddenAsync("#branch"));
        Assert.Equal("46 of 51", await page.TextContentAsync("#at"));
        Assert.InRange(new FileInfo(_file).Length, 1, 8_000_000);
        Assert.Empty(_complaints);
    }

    [BrowserFact]
    public async Task The_step_that_is_shown_is_in_sight_and_no_text_is_cut_off()
    {
        var page = await Open();
        await page.SetViewportSizeAsync(1400, 900);
        await page.ReloadAsync();

        Assert.True(await page.EvaluateAsync<bool>("(() => { const b = document.querySelector('.row.now .step').getBoundingClientRect(); return b.top > 0 && b.bottom <= innerHeight; })()"));
        // Each text ends within the panel's contents, and nothing is over it.
        Assert.Equal(0, await page.EvaluateAsync<int>("[...document.querySelectorAll('.cell.full')].filter(c => getComputedStyle(c).overflow !== 'visible' || c.lastChild.getBoundingClientRect().right - document.querySelector('.lanes').getBoundingClientRect().left > document.querySelector('.scroll').scrollWidth + 1).length"));
        Assert.Empty(_complaints);
    }

    [BrowserFact]
    public async Task Locks_are_bands_and_reads_have_arrows_from_what_they_saw()
    {
        var page = await Open();

        Assert.Contains("page_table0.ptl", await page.Locator("svg.over .band title").AllTextContentsAsync());
        var hot = page.Locator("svg.over path.arrow.hot");
        Assert.True(await hot.CountAsync() > 0, "the use after free sees nothing");
        await page.Keyboard.PressAsync("c");
        Assert.InRange(await page.Locator(".row").CountAsync(), 3, 20);
        Assert.Empty(_complaints);
    }

    [BrowserFact]
    public async Task Every_trace_opens_in_the_dark_on_a_narrow_screen_and_on_paper()
    {
        var page = await Open();
        await page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Dark });
        await page.SetViewportSizeAsync(500, 900);
        foreach (var open in await page.Locator("#table button.link").AllAsync())
        {
            await open.ClickAsync();
            Assert.Equal($"v1: {await open.TextContentAsync()}", await page.TextContentAsync("#title"));
        }

        Assert.Equal("rgb(20, 23, 27)", await page.EvaluateAsync<string>("getComputedStyle(document.body).backgroundColor"));
        await page.EmulateMediaAsync(new() { Media = Media.Print, ColorScheme = ColorScheme.Light });
        Assert.True(await page.IsHiddenAsync(".controls"));
        Assert.NotEmpty(await page.PdfAsync());
        Assert.Empty(_complaints);
    }

    private async Task<IPage> Open()
    {
        var page = await _browser!.NewPageAsync(new() { ViewportSize = new() { Width = 1600, Height = 1000 } });
        page.Console += (_, message) => _complaints.AddRange(message.Type is "error" or "warning" ? [message.Text] : []);
        page.PageError += (_, error) => _complaints.Add(error);
        page.Request += (_, request) => _complaints.AddRange(request.Url.StartsWith("file:", StringComparison.Ordinal) || request.Url.StartsWith("data:", StringComparison.Ordinal) ? [] : [request.Url]);
        await page.GotoAsync(new Uri(_file).AbsoluteUri);
        return page;
    }

    private static async Task<string?> Cell(IPage page, string name) =>
        await page.Locator("#state tr").Filter(new() { Has = page.GetByText(name, new() { Exact = true }) }).Locator("td:nth-child(2)").TextContentAsync();
}
