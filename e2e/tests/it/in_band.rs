//! The server is killed while people paint: no link drops, and a link that is lost is made again by the members.

use crate::common::{SIZE, make_room, open_start, wait_linked, wait_shows};
use anyhow::{Result, ensure};
use meshwork_e2e::{Browser, Cli, PATIENCE, Server, ServerOptions};

const RED: [u8; 4] = [0xe6, 0x19, 0x4b, 0xff];

/// Keeps a hand on every connection that the page makes.
const WATCH_CONNECTIONS: &str = "\
    window.connections = [];\
    window.RTCPeerConnection = class extends RTCPeerConnection {\
        constructor(...given) { super(...given); window.connections.push(this); }\
    };";
const MADE: &str = "return window.connections.length;";
const CONNECTED: &str =
    "return window.connections.filter(one => one.connectionState === 'connected').length;";
/// Breaks one link as a network does that loses a path: the page is not asked.
const BREAK_ONE: &str = "window.connections.find(one => one.connectionState === 'connected').close();";

#[tokio::test]
async fn members_restore_a_lost_link_without_the_server() -> Result<()> {
    let data = tempfile::tempdir()?;
    let options = ServerOptions { data: Some(data.path().to_owned()), ..Default::default() };
    let mut server = Server::start_with(options).await?;
    let (browser, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    let tab = open_start(&browser, server.url()).await?;
    tab.eval(WATCH_CONNECTIONS, vec![]).await?;
    let link = make_room(&tab, "open").await?;
    let second = other.tab(&link).await?;
    let cli = Cli::new()?;
    let _watcher = cli.start(["place", "watch", &link])?;
    wait_linked(&tab, 2).await?;
    wait_linked(&second, 2).await?;
    server.kill();
    let made = tab.eval(MADE, vec![]).await?.as_u64().unwrap_or_default();
    tab.eval(BREAK_ONE, vec![]).await?;
    tab.click("palette-e6194b").await?;
    tab.click_cell(SIZE, (2, 2)).await?;
    wait_shows(&second, (2, 2), RED).await?;
    tab.wait_until(PATIENCE, "the link that was lost", async || {
        let connected = tab.eval(CONNECTED, vec![]).await?.as_u64().unwrap_or_default();
        let now = tab.eval(MADE, vec![]).await?.as_u64().unwrap_or_default();
        ensure!(connected == 2 && now > made, "{connected} of {now} connections, {made} before");
        Ok(())
    })
    .await?;
    wait_linked(&tab, 2).await?;
    // The server is back: the room is one, and a newcomer finds everybody.
    server.restart().await?;
    let newcomer = browser.tab(&link).await?;
    wait_linked(&newcomer, 3).await?;
    wait_shows(&newcomer, (2, 2), RED).await
}
