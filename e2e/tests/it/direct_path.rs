//! Links that had to be relayed become direct as soon as they can, while people paint, and nothing is lost.

use std::collections::BTreeSet;

use crate::common::native::{self, Native};
use crate::common::relay::{
    check_nobody_gone, hidden, hidden_start, note_gone, relaying, states, switch_hiding, wait_states,
};
use crate::common::{SIZE, make_room, open_start, same_cells, wait_linked};
use anyhow::{Context, Result, ensure};
use meshwork_e2e::networks::{Host, Networks, Router, SERVER};
use meshwork_e2e::{Browser, BrowserOptions, Cli, PATIENCE, Tab, wait_until};
use meshwork_place::Place as _;
use serde_json::Value;

const RED: [u8; 4] = [0xe6, 0x19, 0x4b, 0xff];
/// The first rows that the two pages paint; a native endpoint paints the rows from 0.
const ROWS: [usize; 2] = [20, 60];
/// Strokes after the last link became direct.
const MORE: usize = 10;
/// Strokes for which a direct path is waited for: it is looked for every fifteen seconds at first, and a beat takes
/// a tenth of a second at least.
const BEATS_MAX: usize = 1500;

/// The cell of a page's stroke, its forty rows over and over again.
fn cell(page: usize, stroke: usize) -> (usize, usize) {
    (stroke % 100, ROWS[page] + stroke / 100 % 40)
}

/// Has both pages paint their next cell.
async fn paint(pages: [&Tab; 2], stroke: usize) -> Result<()> {
    for (page, tab) in pages.iter().enumerate() {
        tab.click_cell(SIZE, cell(page, stroke)).await?;
    }
    Ok(())
}

/// Waits until both pages show all strokes of both, and nobody was gone for either.
async fn check_all_arrived(pages: [&Tab; 2], strokes: usize) -> Result<()> {
    let painted = |stroke: usize| [cell(0, stroke), cell(1, stroke)];
    let painted: BTreeSet<(usize, usize)> = (0..strokes).flat_map(painted).collect();
    for tab in pages {
        tab.wait_until(PATIENCE, "all strokes", async || {
            let cells = tab.cells(SIZE).await?;
            let missing = painted.iter().filter(|(x, y)| cells[y * SIZE.0 + x] != RED).count();
            ensure!(missing == 0, "{missing} of {} strokes are missing", painted.len());
            Ok(())
        })
        .await?;
        check_nobody_gone(tab).await?;
    }
    same_cells(pages[0], pages[1]).await
}

async fn begin(pages: [&Tab; 2]) -> Result<()> {
    for tab in pages {
        tab.click("palette-e6194b").await?;
        note_gone(tab).await?;
    }
    Ok(())
}

#[tokio::test]
async fn ceasing_to_hide_links_directly_without_loss() -> Result<()> {
    let server = relaying().await?;
    let (one, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    let mira = hidden_start(&one, server.url()).await?;
    let link = make_room(&mira, "open").await?;
    let lin = hidden(&other, &server, &link).await?;
    let mut ada = Native::join(link.parse()?, native::hidden_options(1)).await?;
    let (we_hide, they_hide) = ("relayed, you hide your address", "relayed, they hide their address");
    wait_states(&mira, &[we_hide; 2]).await?;
    wait_states(&lin, &[we_hide; 2]).await?;
    ada.wait_linked().await?;

    let pages = [&mira, &lin];
    begin(pages).await?;
    let mut strokes = 0;
    let mut beat = async |ada: &mut Native| {
        paint(pages, strokes).await?;
        ada.go_on(0, None).await?;
        strokes += 1;
        ada.hear().map(|()| strokes)
    };
    beat(&mut ada).await?;
    // Others see that she could be reached directly, and she that they do not want to be.
    switch_hiding(&mira).await?;
    while states(&mira).await? != [they_hide; 2] {
        ensure!(beat(&mut ada).await? < BEATS_MAX, "{:?}", states(&mira).await?);
    }
    ensure!(states(&lin).await? == [we_hide; 2], "{:?}", states(&lin).await?);
    switch_hiding(&lin).await?;
    ada.call(|node, now, _| node.set_hides_address(now, false)).await?;
    while [states(&mira).await?, states(&lin).await?] != [["direct"; 2]; 2] {
        let strokes = beat(&mut ada).await?;
        ensure!(strokes < BEATS_MAX, "{:?} {:?}", states(&mira).await?, states(&lin).await?);
    }
    for _ in 0..MORE {
        beat(&mut ada).await?;
    }
    check_all_arrived(pages, strokes).await?;
    let drawn = mira.cells(SIZE).await?;
    wait_until(PATIENCE, "all strokes at the native endpoint", async || {
        ada.hear()?;
        let own = ada.call(|node, _, room| node.canvas(room).map(|canvas| canvas.to_rgba())).await?;
        let own = own.context("the room is open")?;
        let differ = own.chunks_exact(4).zip(&drawn).filter(|(own, shown)| own[3] > 0 && own != shown);
        ensure!(differ.count() == 0, "the canvases differ");
        let painted = |cells: usize| cells == ada.said as usize + 2 * strokes;
        let cells = own.chunks_exact(4).filter(|cell| cell[3] > 0).count();
        ensure!(painted(cells), "{cells} cells of {} and twice {strokes} strokes", ada.said);
        Ok(())
    })
    .await
}

/// Sums the cells of all strokes that a watcher told of; fails when it told of one twice or of somebody gone.
fn watched(lines: &[String]) -> Result<u64> {
    let (mut seen, mut cells) = (BTreeSet::new(), 0);
    for line in lines {
        let line: Value = serde_json::from_str(line)?;
        ensure!(line["state"] != "gone", "somebody was gone: {line}");
        if line["event"] == "stroke" {
            let stroke = format!("{} {} {}", line["peer"], line["instance"], line["sequence"]);
            ensure!(seen.insert(stroke), "twice: {line}");
            cells += line["count"].as_u64().context("a number of cells")?;
        }
    }
    Ok(cells)
}

#[tokio::test]
async fn links_become_direct_once_a_router_opens() -> Result<()> {
    let networks = Networks::new()?;
    let net = Cli::within(networks.internet())?;
    let (listen, relay) = (format!("{SERVER}:8080"), format!("{SERVER}:3478"));
    let server = net.start(["serve", "--listen", &listen, "--relay", "--relay-listen", &relay])?;
    server.line(PATIENCE, "the server", |line| line.starts_with("listening on ")).await?;
    let opening = networks.host(2, Router::PortRestricted)?;
    let symmetric = networks.host(3, Router::Symmetric)?;
    let watcher = Cli::within(networks.host(4, Router::Symmetric)?.namespace())?;
    let within = |host: &Host| Browser::start_with(BrowserOptions::default().within(host.namespace()));
    let (one, other) = tokio::try_join!(within(&opening), within(&symmetric))?;
    let mira = open_start(&one, &format!("http://{listen}")).await?;
    let link = make_room(&mira, "open").await?;
    let lin = other.tab(&link).await?;
    let watch = watcher.start(["place", "watch", &link])?;
    let relayed = "relayed, no direct path found";
    for tab in [&mira, &lin] {
        wait_linked(tab, 2).await?;
        wait_states(tab, &[relayed; 2]).await?;
    }

    let pages = [&mira, &lin];
    begin(pages).await?;
    paint(pages, 0).await?;
    opening.replace_router(Router::FullCone)?;
    let mut strokes = 1;
    while states(&mira).await? != ["direct"; 2] {
        paint(pages, strokes).await?;
        strokes += 1;
        ensure!(strokes < BEATS_MAX, "{:?}", states(&mira).await?);
    }
    for _ in 0..MORE {
        paint(pages, strokes).await?;
        strokes += 1;
    }
    check_all_arrived(pages, strokes).await?;
    // Two symmetric routers find no way past each other, whatever others do.
    wait_states(&lin, &["direct", relayed]).await?;
    wait_until(PATIENCE, "all strokes at the watcher", async || {
        let cells = watched(&watch.lines())?;
        ensure!(cells == 2 * strokes as u64, "{cells} cells of twice {strokes} strokes");
        Ok(())
    })
    .await
}
