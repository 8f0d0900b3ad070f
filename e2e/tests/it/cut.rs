//! A real path is cut while people paint and talk: same session, nothing lost, nothing twice, and data flows within
//! three seconds of the path's return. Real time passes here, since how long the path is cut is what is tried.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common;
use crate::common::SIZE;
use crate::common::native::{self, Native, RED};
use anyhow::{Context, Result, ensure};
use meshwork_core::id::Endpoint;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_e2e::{Browser, PATIENCE, Server, Tab, UdpProxy, wait_until};
use meshwork_place::Place as _;
use meshwork_rtc::native::{Addresses, Options};
use meshwork_signal::code::ServerKey;
use meshwork_signal::http::{self, HttpConfig, NoPages};
use meshwork_signal::hub::{Hub, HubConfig};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

const CUT: Duration = Duration::from_secs(20);
const BACK_WITHIN: Duration = Duration::from_secs(3);
/// Between two strokes and two messages.
const BEAT: Duration = Duration::from_millis(100);

/// A meeting point on a free port; it stops when the sender is dropped.
async fn serve() -> Result<(String, oneshot::Sender<()>)> {
    let hub = Hub::new(HubConfig::default(), ServerKey::new([1; 32]), [2; 32])?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(http::serve(listener, hub, Arc::new(NoPages), HttpConfig::default(), async {
        // An error says that the test is over, which is the same.
        let _ = stopped.await;
    }));
    Ok((address, stop))
}

/// An endpoint whose packets go through a proxy.
fn options(name: u8, addresses: Addresses, proxy: &UdpProxy) -> Options {
    let proxy = proxy.clone();
    Options {
        addresses,
        advertise: Some(Arc::new(move |own| proxy.stand_in_for(own).unwrap_or(own))),
        ..native::options(name)
    }
}

/// Waits for the next beat of two people who paint and talk.
async fn beat(one: &mut Native, other: &mut Native, to: (Endpoint, Endpoint)) -> Result<()> {
    one.go_on(0, Some(to.0)).await?;
    other.go_on(32, Some(to.1)).await?;
    tokio::time::sleep(BEAT).await;
    one.hear()?;
    other.hear()
}

/// Cuts two native peers off from each other for so long. Returns how long after the path's return data flowed.
async fn cut_natives(cut_for: Duration) -> Result<Duration> {
    let (server, _stop) = serve().await?;
    let proxy = UdpProxy::default();
    let (mut ada, address) = Native::create(&server, options(1, Addresses::loopback(), &proxy)).await?;
    let mut ben = Native::join(address, options(2, Addresses::loopback(), &proxy)).await?;
    let before = ada.wait_linked().await?;
    ben.wait_linked().await?;
    ensure!(proxy.passed() > 10, "the link goes through the proxy");
    let to = (ben.driver.endpoint(), ada.driver.endpoint());
    for _ in 0..10 {
        beat(&mut ada, &mut ben, to).await?;
    }

    proxy.cut();
    let cut = Instant::now();
    while cut.elapsed() < cut_for {
        beat(&mut ada, &mut ben, to).await?;
    }
    let (ada_said, ben_said) = (ada.said, ben.said);
    ensure!(ada.heard.len() as u64 + 10 < ben_said, "the cut holds");
    proxy.heal();
    let healed = Instant::now();
    let mut back = None;
    while back.is_none() && healed.elapsed() < PATIENCE {
        beat(&mut ada, &mut ben, to).await?;
        let is_back = ada.heard.last() > Some(&ben_said) && ben.heard.last() > Some(&ada_said);
        back = is_back.then(|| healed.elapsed());
    }
    println!("data flowed {back:?} after the end of a cut of {cut_for:?}");
    let after = ada.wait_linked().await?;
    ensure!(after.session == before.session, "the session is the same");
    ensure!(after.epoch > before.epoch, "the connection is not: {after:?}");
    wait_until(PATIENCE, "everything said and painted", async || {
        ada.hear()?;
        ben.hear()?;
        ensure!(ada.heard.len() as u64 == ben.said, "{} of {}", ada.heard.len(), ben.said);
        ensure!(ben.heard.len() as u64 == ada.said, "{} of {}", ben.heard.len(), ada.said);
        ensure!(ada.digest().await? == ben.digest().await?, "the canvases differ");
        Ok(())
    })
    .await?;
    back.context("no data flowed")
}

#[tokio::test]
async fn native_peers_live_through_a_20_second_cut() -> Result<()> {
    let back = cut_natives(CUT).await?;
    ensure!(back < BACK_WITHIN, "data flowed {back:?} after the path's return");
    Ok(())
}

/// Holds every candidate back until the test has said what it is to look like: the product has no such switch.
/// Counts connections, too.
const HOLD_CANDIDATES: &str = r#"
    window.connections = 0;
    const found = Object.getOwnPropertyDescriptor(RTCPeerConnection.prototype, 'onicecandidate');
    window.heldCandidates = [];
    Object.defineProperty(RTCPeerConnection.prototype, 'onicecandidate', {
        configurable: true,
        get() { return found.get.call(this); },
        set(handler) {
            if (handler) window.connections += 1;
            found.set.call(this, handler && (event => {
                if (!event.candidate || !event.candidate.candidate) return;
                const { candidate, sdpMid } = event.candidate;
                window.heldCandidates.push({
                    candidate,
                    tell: text => {
                        const told = new RTCIceCandidate({ candidate: text, sdpMid });
                        handler.call(this, new RTCPeerConnectionIceEvent('icecandidate', { candidate: told }));
                    },
                });
            }));
        },
    });
"#;

const TAKE_CANDIDATES: &str = "window.takenCandidates = window.heldCandidates.splice(0);\
    return window.takenCandidates.map(held => held.candidate);";

/// A closed connection takes none.
const TELL_CANDIDATES: &str = "window.takenCandidates.forEach((held, index) => {\
        try { held.tell(arguments[index]); } catch { }\
    });";

/// Tells a page's node addresses of the proxy instead of its own, until it is dropped.
async fn replace_candidates(tab: &Tab, proxy: &UdpProxy) -> Result<()> {
    loop {
        let taken = tab.eval(TAKE_CANDIDATES, vec![]).await?;
        let taken: Vec<&str> =
            taken.as_array().context("a list")?.iter().filter_map(|text| text.as_str()).collect();
        if !taken.is_empty() {
            let told = taken.into_iter().map(|candidate| stand_in(candidate, proxy).into()).collect();
            tab.eval(TELL_CANDIDATES, told).await?;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The candidate with the proxy's address; one that is not of UDP stays as it is.
fn stand_in(candidate: &str, proxy: &UdpProxy) -> String {
    let mut words: Vec<String> = candidate.split(' ').map(str::to_owned).collect();
    let own = words
        .get(4)
        .zip(words.get(5))
        .and_then(|(ip, port)| Some(std::net::SocketAddr::new(ip.parse().ok()?, port.parse().ok()?)));
    let is_udp = words.get(2).is_some_and(|transport| transport.eq_ignore_ascii_case("udp"));
    if let (Some(own), true) = (own, is_udp)
        && let Ok(told) = proxy.stand_in_for(own)
    {
        words[4] = told.ip().to_string();
        words[5] = told.port().to_string();
    }
    words.join(" ")
}

/// Opens a tab whose pages tell no address before the test does.
async fn open_held(browser: &Browser, url: &str) -> Result<Tab> {
    let tab = browser.tab("about:blank").await?;
    let source = json!({ "source": HOLD_CANDIDATES });
    tab.devtools("Page.addScriptToEvaluateOnNewDocument", source).await?;
    tab.goto(url).await?;
    Ok(tab)
}

#[tokio::test]
async fn page_and_native_peer_survive_20_second_cut() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let proxy = UdpProxy::default();
    let tab = open_held(&browser, server.url()).await?;
    let address: RoomAddress = common::make_room(&tab, "open").await?.parse()?;
    let native = Native::join(address, options(3, Addresses::Interfaces, &proxy)).await?;
    tokio::select! {
        ended = replace_candidates(&tab, &proxy) => ended.context("no more candidates"),
        lived = live_with_page(&tab, native, &proxy) => lived,
    }
}

/// Paints on the page and natively, before, while and after the path between them is cut.
async fn live_with_page(tab: &Tab, mut native: Native, proxy: &UdpProxy) -> Result<()> {
    let red = [0xe6, 0x19, 0x4b, 0xff];
    let before = native.wait_linked().await?;
    common::wait_linked(tab, 1).await?;
    ensure!(proxy.passed() > 10, "the link goes through the proxy");
    tab.click("palette-e6194b").await?;
    tab.click_cell(SIZE, (1, 90)).await?;
    native.go_on(0, None).await?;
    common::wait_shows(tab, (1, 0), red).await?;

    proxy.cut();
    let cut = Instant::now();
    let mut clicks = 0;
    while cut.elapsed() < CUT {
        clicks += 1;
        tab.click_cell(SIZE, (clicks % 100, 91)).await?;
        native.go_on(0, None).await?;
        native.hear()?;
        tokio::time::sleep(BEAT).await;
    }
    proxy.heal();
    let healed = Instant::now();
    tab.click_cell(SIZE, (50, 95)).await?;
    native.go_on(0, None).await?;
    let last = (native.said as usize % 64, native.said as usize / 64 % 8);
    let painted = async |native: &Native| {
        native.call(|node, _, room| node.canvas(room).and_then(|canvas| canvas.colour(50, 95))).await
    };
    wait_until(PATIENCE, "strokes both ways", async || {
        ensure!(painted(&native).await? == Some(RED), "the page's stroke is not here");
        ensure!(tab.cell(SIZE, last).await? == red, "ours is not on the page");
        Ok(())
    })
    .await?;
    let back = healed.elapsed();
    println!("between page and native data flowed {back:?} after the path's return");
    ensure!(back < BACK_WITHIN, "data flowed {back:?} after the path's return");

    let after = native.wait_linked().await?;
    ensure!(after.session == before.session, "the session is the same");
    ensure!(after.epoch > before.epoch, "the connection is not: {after:?}");
    native.hear()?;
    let shown = native.call(|node, _, room| node.canvas(room).map(|canvas| canvas.to_rgba())).await?;
    let shown = shown.context("the room is open")?;
    let cells = tab.cells(SIZE).await?;
    let differ =
        cells.iter().zip(shown.chunks_exact(4)).filter(|(cell, pixel)| cell[3] > 0 && cell[..] != pixel[..]);
    ensure!(differ.count() == 0, "the canvases are equal");
    ensure!(shown.chunks_exact(4).filter(|pixel| pixel[3] > 0).count() >= clicks.min(100), "nothing is lost");
    Ok(())
}

#[tokio::test]
async fn two_pages_live_through_a_cut() -> Result<()> {
    let server = Server::start().await?;
    let (one, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    let proxy = UdpProxy::default();
    let first = open_held(&one, server.url()).await?;
    let link = common::make_room(&first, "open").await?;
    let second = open_held(&other, &link).await?;
    tokio::select! {
        ended = replace_candidates(&first, &proxy) => ended.context("no more candidates"),
        ended = replace_candidates(&second, &proxy) => ended.context("no more candidates"),
        lived = live_in_pages([&first, &second], &proxy) => lived,
    }
}

/// Paints on both pages before and while the path between them is cut.
async fn live_in_pages(pages: [&Tab; 2], proxy: &UdpProxy) -> Result<()> {
    let [first, second] = pages;
    let black = [0, 0, 0, 0xff];
    for page in pages {
        common::wait_linked(page, 1).await?;
    }
    ensure!(proxy.passed() > 10, "the link goes through the proxy");
    first.click_cell(SIZE, (1, 1)).await?;
    common::wait_shows(second, (1, 1), black).await?;

    proxy.cut();
    for page in pages {
        page.wait_until(PATIENCE, "silence, and another connection", async || {
            let stale = "return document.querySelector('li.person[data-state=stale]') !== null";
            let connections = page.eval("return window.connections", vec![]).await?;
            ensure!(page.eval(stale, vec![]).await? == true, "the link is not silent");
            ensure!(connections.as_u64() > Some(1), "there are {connections} connections");
            Ok(())
        })
        .await?;
    }
    first.click_cell(SIZE, (2, 2)).await?;
    second.click_cell(SIZE, (3, 3)).await?;
    for page in pages {
        for event in ["online", "pageshow"] {
            let asked = page.eval(TELL_EVENT, vec![event.into()]).await?;
            ensure!(asked.as_u64() > Some(0), "after `{event}` the link is not asked whether it is alive");
        }
    }
    ensure!(first.cell(SIZE, (3, 3)).await?[3] == 0, "the cut holds");
    proxy.heal();
    let healed = Instant::now();
    common::wait_shows(second, (2, 2), black).await?;
    common::wait_shows(first, (3, 3), black).await?;
    let back = healed.elapsed();
    println!("between two pages data flowed {back:?} after the path's return");
    ensure!(back < BACK_WITHIN, "data flowed {back:?} after the path's return");
    common::same_cells(first, second).await
}

/// Tells the page that the machine may have another network, and says how many messages it sent before it did anything
/// else.
const TELL_EVENT: &str = "
    const send = RTCDataChannel.prototype.send;
    let sent = 0;
    RTCDataChannel.prototype.send = function (data) {
        sent += 1;
        return send.call(this, data);
    };
    const [name] = arguments;
    window.dispatchEvent(name === 'pageshow' ? new PageTransitionEvent(name) : new Event(name));
    RTCDataChannel.prototype.send = send;
    return sent;";
