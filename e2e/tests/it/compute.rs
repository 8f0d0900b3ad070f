//! Compute's page: a job of one page runs on another one, and lending stops at a touch.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use meshwork_e2e::{Browser, Cli, Kind, PATIENCE, Server, Tab};
use serde_json::Value;

use crate::common::{open_start, share_front, wait_linked, wait_says};

/// Time for a picture of 160 tiles on one core, with the index and the outcome.
const RENDERED: Duration = Duration::from_secs(120);

/// A sum over the pixels of the picture.
const PIXELS: &str = "
const canvas = document.querySelector('canvas[data-testid=job-result]')
const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
return String(data.reduce((sum, value, at) => (sum * 31 + value + at) % 4294967291, 7))";

/// The start of an unshared room of Compute.
async fn open_compute(browser: &Browser, server: &Server) -> Result<Tab> {
    let tab = open_start(browser, server.url()).await?;
    tab.goto(&format!("{}/compute", server.url())).await?;
    tab.wait_there(PATIENCE, "run-mandelbrot").await?;
    Ok(tab)
}

async fn pixels(tab: &Tab) -> Result<String> {
    Ok(tab.eval(PIXELS, Vec::new()).await?.as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_lender_renders_the_same_picture_for_both() -> Result<()> {
    let server = Server::start().await?;
    let browsers = [Browser::start().await?, Browser::start().await?];
    let ann = open_compute(&browsers[0], &server).await?;
    let link = share_front(&ann).await?;
    let bo = browsers[1].tab(&link).await?;
    wait_linked(&ann, 1).await?;
    ensure!(ann.has("nobody-lends").await?, "nobody lends before a press");
    bo.wait_there(PATIENCE, "lend").await?;
    bo.click("lend").await?;
    bo.wait_there(PATIENCE, "lend-stop").await?;
    ann.click("run-mandelbrot").await?;
    ann.wait_until(RENDERED, "the picture", async || {
        let units = ann.text("job-units").await?;
        ensure!(units.starts_with("160 of 160"), "{units:?}");
        Ok(())
    })
    .await?;
    bo.wait_until(RENDERED, "the same picture", async || {
        let (one, other) = (pixels(&ann).await?, pixels(&bo).await?);
        ensure!(one == other, "{one} and {other}");
        Ok(())
    })
    .await?;
    bo.click("lend-stop").await?;
    bo.wait_there(PATIENCE, "lend").await?;
    wait_says(&ann, "devices", "Lends nothing").await
}

/// The same sum as [`PIXELS`] over a PNG file.
fn sum_of(path: &Path) -> Result<String> {
    let pixels = image::open(path)?.into_rgba8().into_raw();
    let sum = pixels
        .iter()
        .enumerate()
        .fold(7_u64, |sum, (at, value)| (sum * 31 + u64::from(*value) + at as u64) % 4_294_967_291);
    Ok(sum.to_string())
}

/// Two pages of different makers and two programs render one picture; one program dies in the middle.
#[tokio::test]
async fn pages_and_programs_render_one_picture() -> Result<()> {
    let (server, cli) = (Server::start().await?, Cli::new()?);
    let module = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/programs/mandelbrot/mandelbrot.wasm");
    let create = ["place", "create", "--server", server.url(), "--private", "--identity", "maker", "--json"];
    let made = cli.run(create).await?.success()?.json()?;
    let place = made["link"].as_str().context("a LINK")?.to_owned();
    let browsers = [Browser::start_kind(Kind::Chromium).await?, Browser::start_kind(Kind::Firefox).await?];
    // One page is there before the app is, the other follows a link to it and learns of it from the first.
    let mut tabs = vec![browsers[0].tab(&place).await?];
    tabs[0].wait_there(PATIENCE, "palette-000000").await?;
    let turn_on = ["compute", "turn-on", &place, "--identity", "maker", "--json"];
    let turned = cli.run(turn_on).await?.success()?.json()?;
    let link = turned["link"].as_str().context("a LINK")?.to_owned();
    tabs[0].wait_there(PATIENCE, "front-compute").await?;
    tabs[0].click("front-compute").await?;
    tabs.push(browsers[1].tab(&link).await?);
    for tab in &tabs {
        tab.wait_there(PATIENCE, "lend").await?;
        tab.click("lend").await?;
        tab.wait_there(PATIENCE, "lend-stop").await?;
    }
    // Lending goes on behind another app.
    tabs[0].click("front-place").await?;
    let lend = |who| cli.start(["compute", "lend", &link, "--cores", "1", "--identity", who, "--json"]);
    let (mut killed, _lender) = (lend("ann")?, lend("bo")?);
    killed.line(PATIENCE, "a lender", |line| line.contains("lending")).await?;
    let run = |link: &str, lend: &str, out: &str, end: &[&str]| {
        let params = r#"{"columns":8,"rows":6,"iterations":2000}"#;
        let run = ["compute", "run", link, module, "--units", "48", "--tiles", "8x64x64", "--params", params];
        let rest = ["--lend", lend, "--out", out, "--unit-ms", "60000", "--timeout", "60s"];
        cli.start([&run[..], &rest, end].concat())
    };
    let together = run(&link, "0", "together.png", &["--stay", "--json"])?;
    let is_running = |line: &str| {
        let line = serde_json::from_str::<Value>(line).unwrap_or_default();
        line["runs"].as_array().is_some_and(|runs| !runs.is_empty())
    };
    killed.line(PATIENCE, "a unit", is_running).await?;
    killed.kill();
    together.line(RENDERED, "the outcome", |line| line.contains("checked")).await?;
    let made = cli.run(["compute", "create", "--server", server.url(), "--json"]).await?.success()?.json()?;
    let alone = made["link"].as_str().context("a LINK")?;
    run(alone, "1", "alone.png", &[])?.end(RENDERED).await?.success()?;
    let (picture, alone) = (sum_of(&cli.path("together.png"))?, sum_of(&cli.path("alone.png"))?);
    ensure!(picture == alone, "the pictures differ: {picture} and {alone}");
    tabs[0].click("front-compute").await?;
    for tab in &tabs {
        tab.wait_until(RENDERED, "the picture", async || {
            let shown = pixels(tab).await?;
            ensure!(shown == alone, "{shown} and {alone}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}
