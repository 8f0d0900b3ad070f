//! Relays that stand by themselves, and what pages say of the links that go through them.

use anyhow::{Context, Result, ensure};
use meshwork_e2e::{Browser, PATIENCE, Server, ServerOptions, Tab};
use tempfile::TempDir;

use super::{close, open_start, wait_says};

/// What a server is started with that has a relay on this machine.
pub(crate) const RELAY: [&str; 3] = ["--relay", "--relay-listen", "127.0.0.1:0"];

/// Where a profile keeps that it hides its address.
const HIDE: &str = "localStorage.setItem('meshwork-hide-address', 'yes');";

/// What the page says of each link, whatever the order.
const STATES: &str =
    "return Array.from(document.querySelectorAll('li.person .state'), state => state.textContent.trim());";

/// Notes when somebody is gone, however shortly.
const NOTE_GONE: &str = "window.gone = new Set();\
    const look = () => { document.querySelectorAll('li.person[data-state=gone]').forEach(row => window.gone.add(row.textContent)); };\
    const how = { subtree: true, childList: true, attributes: true, attributeFilter: ['data-state'] };\
    new MutationObserver(look).observe(document.body, how);";

/// A server with a relay.
pub(crate) async fn relaying() -> Result<Server> {
    let arguments = RELAY.map(String::from).to_vec();
    Server::start_with(ServerOptions { arguments, ..ServerOptions::default() }).await
}

/// Servers that make their credentials from one secret.
pub(crate) struct Shared {
    folder: TempDir,
}

impl Shared {
    /// What they make credentials from.
    pub(crate) const SECRET: &str = "known to these servers alone";

    pub(crate) fn new() -> Result<Shared> {
        let folder = TempDir::new()?;
        let settings = format!("turn_secret = \"{}\"\n", Shared::SECRET);
        std::fs::write(folder.path().join("shared.toml"), settings)?;
        Ok(Shared { folder })
    }

    /// Starts a server that has been told the secret.
    pub(crate) async fn start(&self, arguments: &[&str]) -> Result<Server> {
        let file = self.folder.path().join("shared.toml");
        let file = file.to_str().context("the path is text")?;
        let arguments = [&["--config", file], arguments].concat().into_iter().map(String::from).collect();
        Server::start_with(ServerOptions { arguments, ..ServerOptions::default() }).await
    }

    /// A relay of its own, and a meeting point that names one way to it, `udp` or `tcp`.
    pub(crate) async fn relay_over(&self, transport: &str) -> Result<(Server, Server)> {
        let relay = self.start(&RELAY).await?;
        let url = format!("turn:{}?transport={transport}", relay.relays().await?[0]);
        Ok((relay, self.start(&["--turn-urls", &url]).await?))
    }
}

/// Opens a room in a profile that hides its address.
pub(crate) async fn hidden(browser: &Browser, server: &Server, link: &str) -> Result<Tab> {
    let tab = hidden_start(browser, server.url()).await?;
    tab.goto(link).await?;
    Ok(tab)
}

/// The start page in a profile that hides its address.
pub(crate) async fn hidden_start(browser: &Browser, url: &str) -> Result<Tab> {
    let tab = open_start(browser, url).await?;
    tab.eval(HIDE, vec![]).await?;
    tab.reload().await?;
    Ok(tab)
}

/// Ticks or unticks that the address is hidden, in the sheet of the room.
pub(crate) async fn switch_hiding(tab: &Tab) -> Result<()> {
    tab.click("room-chip").await?;
    tab.click("tab-advanced").await?;
    tab.click("hide-address").await?;
    close(tab).await
}

/// What the page says of its links, in alphabetical order.
pub(crate) async fn states(tab: &Tab) -> Result<Vec<String>> {
    let mut states: Vec<String> = serde_json::from_value(tab.eval(STATES, vec![]).await?)?;
    states.sort();
    Ok(states)
}

/// Waits until the page says this of its links, in alphabetical order.
pub(crate) async fn wait_states(tab: &Tab, expected: &[&str]) -> Result<()> {
    tab.wait_until(PATIENCE, "links", async || {
        let states = states(tab).await?;
        ensure!(states == expected, "{states:?} instead of {expected:?}");
        Ok(())
    })
    .await
}

/// Waits until the page says which way its one link goes.
pub(crate) async fn wait_way(tab: &Tab, words: &str) -> Result<()> {
    if !tab.has("person-details").await? {
        tab.click("open-person").await?;
    }
    wait_says(tab, "link-way", words).await
}

/// From now on notes whether anybody is gone.
pub(crate) async fn note_gone(tab: &Tab) -> Result<()> {
    tab.eval(NOTE_GONE, vec![]).await.map(drop)
}

/// Fails if somebody was gone since [`note_gone`].
pub(crate) async fn check_nobody_gone(tab: &Tab) -> Result<()> {
    let gone = tab.eval("return [...window.gone]", vec![]).await?;
    ensure!(gone.as_array().is_some_and(Vec::is_empty), "gone meanwhile: {gone}");
    Ok(())
}
