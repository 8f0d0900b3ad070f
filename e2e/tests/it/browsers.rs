//! Pages in each browser, linked to every kind of endpoint by the browsers' defaults: nothing is switched on for tests.

use crate::common::relay::wait_states;
use crate::common::{
    SIZE, make_room, open_page, open_start, same_cells, wait_linked, wait_page_says, wait_shows,
};
use anyhow::{Result, ensure};
use meshwork_e2e::{Browser, BrowserOptions, Cli, Kind, PATIENCE, Server, Tab};
use serde_json::Value;

const RED: [u8; 4] = [0xe6, 0x19, 0x4b, 0xff];
const GREEN: [u8; 4] = [0x3c, 0xb4, 0x4b, 0xff];

async fn start(kind: Kind) -> Result<Browser> {
    Browser::start_with(BrowserOptions::default().kind(kind).default_flags()).await
}

/// Waits until the page has one link, and says that it is direct.
async fn wait_direct(tab: &Tab) -> Result<()> {
    wait_linked(tab, 1).await?;
    wait_states(tab, &["direct"]).await
}

/// Pages of these two browsers meet and paint.
async fn paint_both_ways(kinds: [Kind; 2]) -> Result<()> {
    let server = Server::start().await?;
    let (one, other) = tokio::try_join!(start(kinds[0]), start(kinds[1]))?;
    let (first, link) = open_page(&one, server.url(), "private").await?;
    let second = other.tab(&link).await?;
    wait_direct(&first).await?;
    wait_direct(&second).await?;
    first.click("palette-e6194b").await?;
    first.click_cell(SIZE, (3, 4)).await?;
    wait_shows(&second, (3, 4), RED).await?;
    second.click("palette-3cb44b").await?;
    second.drag_cells(SIZE, &[(10, 10), (14, 10)]).await?;
    wait_shows(&first, (14, 10), GREEN).await?;
    same_cells(&first, &second).await
}

/// A page of this browser and programs meet and paint.
async fn paint_with_programs(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    let browser = start(kind).await?;
    let (tab, link) = open_page(&browser, server.url(), "private").await?;
    let (watcher, painter) = (Cli::new()?, Cli::new()?);
    let watch = watcher.start(["place", "watch", &link])?;
    wait_direct(&tab).await?;
    tab.click("palette-e6194b").await?;
    tab.click_cell(SIZE, (20, 30)).await?;
    let is_stroke = |line: &str| line.contains("\"event\":\"stroke\"");
    let stroke: Value = serde_json::from_str(&watch.line(PATIENCE, "the page's stroke", is_stroke).await?)?;
    ensure!(stroke["count"] == 1, "{stroke}");
    painter.run(["place", "paint", &link, "--pixel", "7,8,#3cb44b"]).await?.success()?;
    wait_shows(&tab, (7, 8), GREEN).await?;
    let out = painter.path("out.png");
    painter.run(["place", "export", &link, "--out", &out.to_string_lossy()]).await?.success()?;
    let picture = image::open(&out)?.into_rgba8();
    ensure!((picture.get_pixel(20, 30).0, picture.get_pixel(7, 8).0) == (RED, GREEN));
    Ok(())
}

#[tokio::test]
async fn chromium_and_chromium_paint_both_ways() -> Result<()> {
    paint_both_ways([Kind::Chromium, Kind::Chromium]).await
}

#[tokio::test]
async fn chromium_and_programs_paint_both_ways() -> Result<()> {
    paint_with_programs(Kind::Chromium).await
}

#[tokio::test]
async fn firefox_and_chromium_paint_both_ways() -> Result<()> {
    paint_both_ways([Kind::Firefox, Kind::Chromium]).await
}

#[tokio::test]
async fn firefox_and_firefox_paint_both_ways() -> Result<()> {
    paint_both_ways([Kind::Firefox, Kind::Firefox]).await
}

#[tokio::test]
async fn firefox_and_programs_paint_both_ways() -> Result<()> {
    paint_with_programs(Kind::Firefox).await
}

#[tokio::test]
async fn webkit_without_webrtc_says_so_and_still_paints() -> Result<()> {
    let server = Server::start().await?;
    let browser = start(Kind::WebKit).await?;
    let tab = open_start(&browser, server.url()).await?;
    wait_page_says(&tab, "This browser can't connect you.").await?;
    wait_page_says(&tab, "WebRTC is turned off").await?;
    make_room(&tab, "open").await?;
    wait_page_says(&tab, "open the link in another browser").await?;
    tab.click("palette-e6194b").await?;
    tab.click_cell(SIZE, (8, 8)).await?;
    wait_shows(&tab, (8, 8), RED).await
}
