//! A keeper that listens is enough to come in by: the room's own server is dead, the page comes from the keeper.

use crate::common::{SIZE, wait_linked, wait_shows};
use anyhow::{Context, Result, ensure};
use meshwork_e2e::{Browser, Cli, PATIENCE, Running, Server};
use serde_json::Value;

const RED: [u8; 4] = [0xe6, 0x19, 0x4b, 0xff];
const GREEN: [u8; 4] = [0x3c, 0xb4, 0x4b, 0xff];

/// Waits for a JSON line of this event.
async fn event(program: &Running, name: &str) -> Result<Value> {
    let read = |line: &str| serde_json::from_str::<Value>(line).ok();
    let line =
        program.line(PATIENCE, name, |line| read(line).is_some_and(|value| value["event"] == name)).await?;
    read(&line).context("a line that was read before")
}

#[tokio::test]
async fn page_from_a_keeper_joins_all_without_server() -> Result<()> {
    let mut server = Server::start().await?;
    let (owner, friend) = (Cli::new()?, Cli::new()?);
    let made = owner.run(["place", "create", "--server", server.url(), "--private", "--json"]).await?;
    let link = made.success()?.json()?["link"].as_str().context("a LINK")?.to_owned();
    let data = owner.path("kept");
    let keep =
        ["place", "keep", &link, "--data", &data.to_string_lossy(), "--json", "--listen", "127.0.0.1:0"];
    let keeper = owner.start(keep)?;
    let own = event(&keeper, "ready").await?["link"].as_str().context("the keeper's LINK")?.to_owned();
    ensure!(!own.starts_with(server.url()), "it names its own host: {own}");
    let watch = friend.start(["place", "watch", &link])?;
    event(&watch, "linked").await?;
    server.kill();

    let browser = Browser::start().await?;
    let tab = browser.tab(&own).await?;
    // The keeper, and the friend whom only the keeper could introduce.
    wait_linked(&tab, 2).await?;
    tab.click("palette-e6194b").await?;
    tab.click_cell(SIZE, (4, 5)).await?;
    wait_shows(&tab, (4, 5), RED).await?;
    event(&watch, "stroke").await?;
    let painted =
        friend.run(["place", "paint", &own, "--json", "--pixel", "7,8,#3cb44b"]).await?.success()?;
    // The keeper; and the page, once it has found that it can store.
    ensure!(painted.json()?["stored_by"].as_u64().is_some_and(|count| count >= 1), "{painted:?}");
    wait_shows(&tab, (7, 8), GREEN).await
}
