//! Checks that run inside the browser: every driver case, and simulated rooms that must equal native ones.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use meshwork_core::conformance::CASES;
use meshwork_e2e::{Browser, Tab};
use meshwork_sim::scenario;

/// A suite of real connections takes some seconds, and a busy machine is slow.
const SUITE_MAX: Duration = Duration::from_secs(180);

/// The finished page: what MESHWORK_TEST_PAGE names, else where `cargo xtask test` leaves it.
fn page_folder() -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/test-page");
    std::env::var_os("MESHWORK_TEST_PAGE").map_or(default, PathBuf::from)
}

/// Serves the page's three files to whoever asks, as long as the test runs.
fn serve_page() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    Ok(address)
}

fn answer(mut stream: TcpStream) -> Result<()> {
    let mut request = [0; 4096];
    let length = stream.read(&mut request)?;
    let line = String::from_utf8_lossy(&request[..length]).into_owned();
    let (name, kind) = match line.split(' ').nth(1).context("a request has a path")? {
        "/checks.js" => ("checks.js", "text/javascript"),
        "/checks_bg.wasm" => ("checks_bg.wasm", "application/wasm"),
        _ => ("index.html", "text/html"),
    };
    let bytes = std::fs::read(page_folder().join(name))?;
    let length = bytes.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    )?;
    Ok(stream.write_all(&bytes)?)
}

/// Runs a check and returns what it said when it passed.
async fn run_check(check: &str) -> Result<String> {
    ensure!(page_folder().join("index.html").exists(), "build the page with: cargo xtask test");
    let browser = Browser::start().await?;
    let tab = browser.tab(&format!("http://{}/#{check}", serve_page()?)).await?;
    let said = tab
        .wait_until(SUITE_MAX, "the end of the check", async || {
            let title = tab.title().await?;
            ensure!(title == "passed" || title == "failed", "the title is {title:?}: {}", shown(&tab).await?);
            Ok((title, shown(&tab).await?))
        })
        .await?;
    ensure!(said.0 == "passed", "{}", said.1);
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
