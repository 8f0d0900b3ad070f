//! People who hide their addresses: pages and programs that are linked through the server's relay alone.

mod common;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use common::{open_start, wait_linked};
use image::{Rgba, RgbaImage};
use meshwork_e2e::{Browser, Cli, PATIENCE, Server, ServerOptions, Tab};

const SIDE: usize = 1024;
const SIZE: (usize, usize) = (SIDE, SIDE);

/// What the server counts, asked by a page.
const METRICS: &str = "\
    const request = new XMLHttpRequest();\
    request.open('GET', '/metrics', false);\
    request.send();\
    return request.responseText;";

/// Opens a room in a profile that hides its address.
async fn hidden(browser: &Browser, server: &Server, link: &str) -> Result<Tab> {
    let tab = open_start(browser, server.url(), "create-room").await?;
    tab.eval("localStorage.setItem('meshwork-hide-address', 'yes');", vec![]).await?;
    tab.goto(link).await?;
    Ok(tab)
}

/// A picture in which each cell has a colour that nothing foretells: some 3.5 MB of batches.
fn noise(file: &Path) -> Result<RgbaImage> {
    let mut state = 1u32;
    let picture = RgbaImage::from_fn(SIDE as u32, SIDE as u32, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [red, green, blue, _] = state.swap_bytes().to_le_bytes();
        Rgba([red, green, blue, 0xff])
    });
    picture.save(file)?;
    Ok(picture)
}

async fn wait_picture(tab: &Tab, picture: &RgbaImage) -> Result<()> {
    tab.wait_until(PATIENCE, "the whole picture", async || {
        let cells = tab.cells(SIZE).await?;
        let wrong = cells.iter().zip(picture.pixels()).filter(|(cell, pixel)| **cell != pixel.0).count();
        ensure!(wrong == 0, "{wrong} cells differ");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn ten_megabytes_pass_between_pages_and_programs_that_hide_their_addresses() -> Result<()> {
    let arguments = ["--relay", "--relay-listen", "127.0.0.1:0"].map(String::from).to_vec();
    let server = Server::start_with(ServerOptions { arguments, ..ServerOptions::default() }).await?;
    let (browser, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    let cli = Cli::new()?;
    let made = ["place", "create", "--server", server.url(), "--size", "1024x1024", "--json"];
    let link = cli.run(made).await?.success()?.json()?["link"].as_str().context("a LINK")?.to_owned();
    let first = hidden(&browser, &server, &link).await?;
    wait_linked(&first, 0).await?;
    // From a program to a page.
    let file = cli.path("noise.png");
    let picture = noise(&file)?;
    let paint = ["place", "paint", &link, "--hide-address", "--json", "--image", &file.to_string_lossy()];
    let painted = cli.run(paint).await?.success()?;
    ensure!(painted.json()?["cells"] == SIDE * SIDE, "{painted:?}");
    wait_picture(&first, &picture).await?;
    // From that page to another, and from there to a program again.
    let second = hidden(&other, &server, &link).await?;
    wait_linked(&second, 1).await?;
    wait_picture(&second, &picture).await?;
    first.close().await?;
    let out = cli.path("canvas.png");
    let export = ["place", "export", &link, "--hide-address", "--json", "--out", &out.to_string_lossy()];
    ensure!(cli.run(export).await?.success()?.json()?["cells"] == SIDE * SIDE);
    ensure!(image::open(&out)?.into_rgba8() == picture, "what came through the relay differs");
    // All of it went over links that were relayed, from client to client inside the relay.
    second
        .wait_until(PATIENCE, "the counts", async || {
            let metrics = second.eval(METRICS, vec![]).await?;
            let metrics = metrics.as_str().context("metrics are text")?;
            ensure!(metrics.contains("meshwork_links_total{outcome=\"relayed\"} 3\n"), "{metrics}");
            let across = "meshwork_relay_bytes_total{way=\"across\"} ";
            let bytes =
                metrics.lines().find_map(|line| line.strip_prefix(across)).context("relayed bytes")?;
            ensure!(bytes.parse::<u64>()? > 10_000_000, "{bytes} bytes were relayed");
            Ok(())
        })
        .await
}
