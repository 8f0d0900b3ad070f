//! The work of a frame: a large canvas is drawn in slices, and what changes is drawn alone.

use crate::common::wait_linked;
use anyhow::{Result, ensure};
use image::{Rgba, RgbaImage};
use meshwork_e2e::{Browser, Cli, Frames, PATIENCE, Server, Tab};

/// A canvas of a million cells.
const SIDE: usize = 1000;
/// What one frame may draw: 24 tiles of 64 by 64 cells.
const CELLS_A_FRAME: u64 = 24 * 64 * 64;
/// The same in parts, of which those at the right and lower edges are smaller.
const PARTS_A_FRAME: u64 = 40;

/// Waits until a watched page drew so many cells, and says what it drew.
async fn wait_drawn(tab: &Tab, cells: u64) -> Result<Frames> {
    tab.wait_until(PATIENCE, "cells that are drawn", async || {
        let frames = tab.frames().await?;
        let drawn: u64 = frames.bursts.iter().map(|burst| burst.cells).sum();
        ensure!(drawn >= cells, "{drawn} of {cells} cells are drawn");
        Ok(frames)
    })
    .await
}

#[tokio::test]
async fn frames_of_a_large_canvas_do_bounded_work() -> Result<()> {
    let server = Server::start().await?;
    let (browser, cli) = (Browser::start().await?, Cli::new()?);
    let size = format!("{SIDE}x{SIDE}");
    let made = cli.run(["place", "create", "--server", server.url(), "--size", &size]).await?.success()?;
    let link = made.stdout.trim().to_owned();
    let data = cli.path("kept");
    let _keeper = cli.start(["place", "keep", &link, "--data", &data.to_string_lossy()])?;

    let tab = browser.watched_tab(&link, 1).await?;
    wait_linked(&tab, 1).await?;
    ensure!(tab.frames().await?.bursts.is_empty(), "nothing is painted, and nothing is drawn");
    // All of it is painted: no tile is drawn more than a few times, and no frame draws more than its share.
    let file = cli.path("picture.png");
    let side = SIDE as u32;
    RgbaImage::from_fn(side, side, |x, y| Rgba([(x / 4) as u8, (y / 4) as u8, 90, 255])).save(&file)?;
    let painter = Cli::new()?;
    painter.run(["place", "paint", &link, "--image", &file.to_string_lossy()]).await?.success()?;
    let all = (SIDE * SIDE) as u64;
    wait_drawn(&tab, all).await?;
    tab.wait_until(PATIENCE, "the whole picture", async || {
        ensure!(tab.shown().await? == all, "not yet");
        Ok(())
    })
    .await?;
    let painted = tab.frames().await?;
    for burst in &painted.bursts {
        ensure!(burst.cells <= CELLS_A_FRAME && burst.parts <= PARTS_A_FRAME, "a frame drew {burst:?}");
    }

    // Somebody else's stroke of 64 cells on one tile, and nothing around it.
    tab.forget_frames().await?;
    let cells: Vec<String> =
        (0..64).map(|cell| format!("{},{},#3cb44b", 640 + cell % 8, 704 + cell / 8)).collect();
    let arguments = ["place", "paint", &link].into_iter().map(str::to_owned);
    let pixels = cells.into_iter().flat_map(|cell| ["--pixel".to_owned(), cell]);
    painter.run(arguments.chain(pixels)).await?.success()?;
    let stroke = wait_drawn(&tab, 64).await?;
    let drawn: Vec<(u64, u64)> = stroke.bursts.iter().map(|burst| (burst.parts, burst.cells)).collect();
    ensure!(drawn == [(1, 64)], "a stroke drew {drawn:?}");

    // One's own click is drawn as one cell.
    tab.forget_frames().await?;
    tab.click_cell((SIDE, SIDE), (500, 500)).await?;
    let click = wait_drawn(&tab, 1).await?;
    ensure!(click.bursts.iter().all(|burst| burst.cells == 1), "a click drew {:?}", click.bursts);
    ensure!(tab.shown().await? == all, "all of it is to be seen");
    Ok(())
}
