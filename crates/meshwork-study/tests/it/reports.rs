//! Reports of studies as people open them: a file, without a network, on a desk and on a phone.

use anyhow::{Context, Result, ensure};
use meshwork_e2e::{Browser, Look, Tab};
use meshwork_study::report::{PAGE, files};
use meshwork_study::scenario::{Run, Scenario};
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
    let folder = tempfile::tempdir()?;
    let browser = Browser::start().await?;
    let tab = browser.tab("about:blank").await?;
    for name in ["catastrophe", "cost"] {
        let mut scenario = Scenario::named(name)?;
        scenario.set_peers(60)?;
        for (name, bytes) in files(&scenario.run(Run { seed: 7, threads: 2, progress: &|_, _| () })) {
            std::fs::write(folder.path().join(name), bytes)?;
        }
        let file = folder.path().join(PAGE);
        let file = file.to_str().context("a path of letters")?;
        tab.goto(&format!("file://{file}")).await?;
        let title = tab.title().await?;
        ensure!(!title.is_empty(), "it has a title");
        check(&tab).await.with_context(|| name.to_owned())?;
    }
    Ok(())
}
