//! Reports of simulations as people open them: a file, without a network, on a desk and on a phone.

use anyhow::{Context, Result, ensure};
use meshwork_e2e::{Browser, Cli, Look, Tab};
use serde_json::json;

/// What is wrong with a report, in words: figures that are empty, cut off or not to be read, what was fetched, and a
/// page that scrolls sideways.
const WRONG: &str = "const wrong = [];
    const figures = Array.from(document.querySelectorAll('figure svg'));
    if (figures.length === 0) wrong.push('no figure');
    for (const figure of figures) {
        const box = figure.getBoundingClientRect();
        if (figure.querySelectorAll('polyline, rect').length < 3) wrong.push('nothing is drawn');
        if (box.left < 0 || box.right > innerWidth) wrong.push(`a figure from ${box.left} to ${box.right}`);
        for (const text of figure.querySelectorAll('text')) {
            const at = text.getBoundingClientRect();
            if (at.height < 9) wrong.push(`${text.textContent} is ${at.height} high`);
            if (at.left < box.left - 1 || at.right > box.right + 1) wrong.push(`${text.textContent} is cut off`);
        }
    }
    if (document.querySelectorAll('tbody tr').length < 3) wrong.push('no numbers');
    for (const entry of performance.getEntriesByType('resource')) wrong.push(`fetched ${entry.name}`);
    if (document.documentElement.scrollWidth > innerWidth) wrong.push('the page scrolls sideways');
    return wrong;";

async fn check(tab: &Tab) -> Result<()> {
    for look in Look::ALL {
        tab.look(look).await?;
        let wrong = tab.eval(WRONG, vec![]).await?;
        ensure!(wrong == json!([]), "{look:?}: {wrong:#}");
        let found = tab.violations().await?;
        ensure!(found.is_empty(), "{look:?}: {found:#?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_report_opens_offline_with_its_figures() -> Result<()> {
    let cli = Cli::new()?;
    let browser = Browser::start().await?;
    let tab = browser.tab("about:blank").await?;
    for scenario in ["catastrophe", "cost"] {
        let run = ["simulate", scenario, "--peers", "60", "--seed", "7", "--out", scenario];
        cli.run(run).await?.success()?;
        let file = cli.path(scenario).join("report.html");
        let file = file.to_str().context("a path of letters")?;
        tab.goto(&format!("file://{file}")).await?;
        let title = tab.title().await?;
        ensure!(!title.is_empty(), "it has a title");
        check(&tab).await.with_context(|| scenario.to_owned())?;
    }
    Ok(())
}
