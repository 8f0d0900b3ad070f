//! Pages whose server is away: they load, show the room, paint, meet by hand, and take a new version by consent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::{
    SIZE, open_page, press_shown, same_cells, wait_linked, wait_page_says, wait_says, wait_shows,
};
use anyhow::{Context, Result, ensure};
use meshwork_e2e::{Browser, PATIENCE, Server, ServerOptions, Tab};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const RED: [u8; 4] = [0xe6, 0x19, 0x4b, 0xff];
const GREEN: [u8; 4] = [0x3c, 0xb4, 0x4b, 0xff];
const BLACK: [u8; 4] = [0, 0, 0, 0xff];

/// Waits until the browser has the pages.
async fn wait_cached(tab: &Tab) -> Result<()> {
    tab.eval("await navigator.serviceWorker.ready", vec![]).await.map(drop)
}

#[tokio::test]
async fn page_paints_offline_and_rejoins_the_room() -> Result<()> {
    let data = tempfile::tempdir()?;
    let options = ServerOptions { data: Some(data.path().to_owned()), ..ServerOptions::default() };
    let mut server = Server::start_with(options).await?;
    let (browser, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    let (first, link) = open_page(&browser, server.url(), "open").await?;
    let second = other.tab(&link).await?;
    wait_linked(&first, 1).await?;
    first.click("palette-e6194b").await?;
    first.click_cell(SIZE, (2, 2)).await?;
    wait_shows(&second, (2, 2), RED).await?;
    wait_cached(&first).await?;

    server.kill();
    first.reload().await?;
    wait_shows(&first, (2, 2), RED).await?;
    wait_page_says(&first, "You're offline in this room.").await?;
    first.click("palette-3cb44b").await?;
    first.click_cell(SIZE, (3, 2)).await?;
    wait_shows(&first, (3, 2), GREEN).await?;
    second.click("palette-000000").await?;
    second.click_cell(SIZE, (4, 2)).await?;

    server.restart().await?;
    wait_linked(&first, 1).await?;
    wait_shows(&second, (3, 2), GREEN).await?;
    wait_shows(&first, (4, 2), BLACK).await?;
    same_cells(&first, &second).await
}

#[tokio::test]
async fn pages_meet_by_two_texts_without_a_server() -> Result<()> {
    let mut server = Server::start().await?;
    let (browser, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    let (first, link) = open_page(&browser, server.url(), "private").await?;
    first.click("palette-e6194b").await?;
    first.click_cell(SIZE, (9, 9)).await?;
    wait_says(&first, "kept", "Saved in this browser").await?;
    // The other one has been on the site, but never in the room.
    let second = other.tab(server.url()).await?;
    wait_cached(&first).await?;
    wait_cached(&second).await?;
    server.kill();
    first.reload().await?;
    second.goto(&link).await?;

    press_shown(&first, "offer-meet").await?;
    first.click("make-invitation").await?;
    let invitation = first.wait_until(PATIENCE, "an invitation", async || first.value("invitation").await);
    let invitation = invitation.await?;
    press_shown(&second, "offer-meet").await?;
    second.type_text("carried-text", "something else").await?;
    second.click("take-text").await?;
    wait_says(&second, "meeting-failed", "not a whole invitation").await?;
    second.type_text("carried-text", &invitation).await?;
    second.click("take-text").await?;
    let reply = second.wait_until(PATIENCE, "a reply", async || second.value("reply").await).await?;
    first.type_text("carried-text", &reply).await?;
    first.click("take-text").await?;

    wait_linked(&first, 1).await?;
    wait_linked(&second, 1).await?;
    wait_shows(&second, (9, 9), RED).await?;
    second.click("palette-000000").await?;
    second.click_cell(SIZE, (10, 9)).await?;
    wait_shows(&first, (10, 9), BLACK).await
}

/// Stands in front of a server and, once told, hands out its pages as another build.
struct Mirror {
    url: String,
    is_newer: Arc<AtomicBool>,
}

impl Mirror {
    async fn start(server: String) -> Result<Mirror> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let is_newer = Arc::new(AtomicBool::new(false));
        let newer = Arc::clone(&is_newer);
        tokio::spawn(async move {
            let build = build(&server).await?;
            while let Ok((stream, _)) = listener.accept().await {
                let now =
                    newer.load(Ordering::Relaxed).then(|| (build.clone(), "feedfacefeedface".to_owned()));
                tokio::spawn(mirror(stream, server.clone(), now));
            }
            anyhow::Ok(())
        });
        Ok(Mirror { url, is_newer })
    }
}

/// The build whose pages a server has.
async fn build(server: &str) -> Result<String> {
    let worker = String::from_utf8_lossy(&get(server, "/sw.js").await?).into_owned();
    let (_, rest) = worker.split_once("BUILD = \"").context("the worker names its build")?;
    Ok(rest.split('"').next().unwrap_or_default().to_owned())
}

/// A whole answer, head and body.
async fn get(server: &str, path: &str) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {server}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

/// Answers one request with what the server says, the one build's name replaced by the other's.
async fn mirror(mut stream: TcpStream, server: String, names: Option<(String, String)>) -> Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).context("a path")?;
    let answer = match &names {
        None => get(&server, path).await?,
        Some((old, new)) => replace(get(&server, &path.replace(new, old)).await?, old, new),
    };
    stream.write_all(&answer).await?;
    Ok(stream.shutdown().await?)
}

/// Both names are of one length, so that lengths stay right.
fn replace(mut bytes: Vec<u8>, old: &str, new: &str) -> Vec<u8> {
    let (old, new) = (old.as_bytes(), new.as_bytes());
    let found: Vec<usize> =
        (0..bytes.len().saturating_sub(old.len())).filter(|&at| bytes[at..].starts_with(old)).collect();
    for at in found {
        bytes[at..at + new.len()].copy_from_slice(new);
    }
    bytes
}

#[tokio::test]
async fn a_new_version_waits_for_consent() -> Result<()> {
    let server = Server::start().await?;
    let mirror = Mirror::start(server.address().to_owned()).await?;
    let browser = Browser::start().await?;
    let tab = browser.tab(&mirror.url).await?;
    wait_cached(&tab).await?;
    let old = build(server.address()).await?;
    ensure!(!tab.has("update").await?, "there is nothing new");

    mirror.is_newer.store(true, Ordering::Relaxed);
    let scripts = "return Array.from(document.scripts).map(script => script.src).join()";
    tab.reload().await?;
    tab.wait_until(PATIENCE, "the line that offers it", async || {
        ensure!(tab.has("update").await?, "no line");
        Ok(())
    })
    .await?;
    let shown = tab.eval(scripts, vec![]).await?.to_string();
    ensure!(shown.contains(&old), "the page is still the old one: {shown}");
    tab.reload().await?;
    let shown = tab.eval(scripts, vec![]).await?.to_string();
    ensure!(shown.contains(&old), "without consent it stays so: {shown}");

    tab.click("update").await?;
    tab.wait_until(PATIENCE, "the new version, and nothing of the old one", async || {
        let shown = tab.eval(scripts, vec![]).await?.to_string();
        let caches = tab.eval("return caches.keys()", vec![]).await?.to_string();
        ensure!(shown.contains("feedfacefeedface") && !caches.contains(&old), "{shown}, {caches}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn apps_that_did_not_load_are_reported() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let tab = browser.tab("about:blank").await?;
    let block = async |urls: serde_json::Value| {
        tab.devtools("Network.setBlockedURLs", json!({ "urls": urls })).await.map(drop)
    };
    tab.devtools("Network.enable", json!({})).await?;
    tab.devtools("Network.setBypassServiceWorker", json!({ "bypass": true })).await?;
    block(json!(["*/split_sync.wasm"])).await?;
    tab.goto(server.url()).await?;
    press_shown(&tab, "app-sync").await?;
    wait_page_says(&tab, "This app did not load.").await?;
    block(json!([])).await?;
    tab.reload().await?;
    wait_says(&tab, "counter", "0").await?;
    // The app came from the folder of the page's build.
    let loaded = tab
        .eval(
            "return performance.getEntriesByType('resource').map(entry => new URL(entry.name).pathname)",
            vec![],
        )
        .await?;
    let paths: Vec<String> = serde_json::from_value(loaded)?;
    let folder = |name: &str| {
        let path = paths.iter().find_map(|path| path.strip_suffix(name));
        path.map(str::to_owned).with_context(|| format!("{name} is not among {paths:?}"))
    };
    ensure!(folder("split_sync.wasm")? == folder("meshwork_bg.wasm")?, "an app of another build: {paths:?}");
    Ok(())
}
