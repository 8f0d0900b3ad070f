//! Checks that run inside the browser: every driver case, and simulated rooms that must equal native ones.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use meshwork_core::conformance::CASES;
use meshwork_e2e::{Browser, Server, Tab};
use meshwork_sim::scenario;

use crate::common::site::serve;

/// A suite of real connections takes some seconds, and a busy machine is slow.
const SUITE_MAX: Duration = Duration::from_secs(180);

/// The finished page: what MESHWORK_TEST_PAGE names, else where `cargo xtask test` leaves it.
fn page_folder() -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/test-page");
    std::env::var_os("MESHWORK_TEST_PAGE").map_or(default, PathBuf::from)
}

/// Runs a check in a browser of its own and returns what it said when it passed.
async fn run_check(check: &str) -> Result<String> {
    let tab = Browser::start().await?.tab(&format!("{}/#{check}", serve_page()?)).await?;
    outcome(&tab).await
}

/// Where the page is served.
fn serve_page() -> Result<String> {
    ensure!(page_folder().join("index.html").exists(), "build the page with: cargo xtask test");
    serve(page_folder())
}

/// What the check of a tab said when it passed.
async fn outcome(tab: &Tab) -> Result<String> {
    let title = tab
        .wait_until(SUITE_MAX, "the end of the check", async || {
            let title = tab.title().await?;
            ensure!(title == "passed" || title == "failed", "the title is {title:?}: {}", shown(tab).await?);
            Ok(title)
        })
        .await?;
    ensure!(title == "passed", "{}", shown(tab).await?);
    let result = tab.eval("return document.getElementById('result').textContent", vec![]).await?;
    Ok(result.as_str().context("the result is text")?.to_owned())
}

async fn shown(tab: &Tab) -> Result<String> {
    Ok(tab.eval("return document.body.innerText", vec![]).await?.to_string())
}

#[tokio::test]
async fn the_browser_driver_keeps_the_contract() -> Result<()> {
    let said = run_check("conformance").await?;
    ensure!(said == format!("{} passed", CASES.len()), "{said}");
    Ok(())
}

#[tokio::test]
async fn the_library_keeps_its_promises_in_pages() -> Result<()> {
    let (server, browser, site) = (Server::start().await?, Browser::start().await?, serve_page()?);
    let tab = browser.tab(&format!("{site}/#library")).await?;
    let mut broken = Vec::new();
    for promise in outcome(&tab).await?.lines() {
        // Another address in front of the `#` makes it another page.
        tab.goto(&format!("{site}/?{promise}#library={promise}@{}", server.url())).await?;
        broken.extend(outcome(&tab).await.err().map(|error| format!("{promise}: {error:#}")));
    }
    ensure!(broken.is_empty(), "{}", broken.join("\n"));
    Ok(())
}

#[tokio::test]
async fn rooms_run_in_wasm_as_they_do_natively() -> Result<()> {
    let in_browser = run_check("replay").await?;
    let mut lines = vec![];
    for seed in 0..6 {
        let report =
            scenario::run(seed, None).map_err(|violation| anyhow::anyhow!("seed {seed}: {violation}"))?;
        lines.push(format!("{seed} {report:?}"));
    }
    ensure!(
        in_browser == lines.join("\n"),
        "the browser says\n{in_browser}\nand natively it is\n{}",
        lines.join("\n")
    );
    Ok(())
}
