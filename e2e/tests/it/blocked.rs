//! A WebRTC that is there and does not work: extensions put objects in its place, and the page says so and works alone.

use anyhow::{Context as _, Result, ensure};
use meshwork_e2e::{Browser, Cli, PATIENCE, Server, Tab};
use serde_json::json;

use crate::common::{SIZE, make_room, wait_page_says, wait_shows};

const RED: [u8; 4] = [0xe6, 0x19, 0x4b, 0xff];

/// What stands in the place of `RTCPeerConnection`: its name, the script's value for it, and whether a trial finds that out.
/// `Channel` is one that never opens, `offer` is a real one.
const STUBS: [(&str, &str, bool); 11] = [
    ("a constructor that throws", "class { constructor() { tried(); throw new TypeError('blocked') } }", true),
    // As in uBlock Origin's and AdGuard's `nowebrtc`.
    (
        "methods that return nothing",
        "function () { tried(); return { close() {}, createDataChannel() {}, createOffer() {}, setRemoteDescription() {} } }",
        true,
    ),
    ("no methods", "class { constructor() { tried() } }", true),
    (
        "channels that are none",
        "class { constructor() { tried() } createDataChannel() {} createOffer() { return offer() } close() {} }",
        true,
    ),
    (
        "channels that throw",
        "class { constructor() { tried() } close() { throw new Error('blocked') } createOffer() { return offer() }
            createDataChannel() { return new Proxy({}, { get() { throw new Error('get') }, set() { throw new Error('set') } }) } }",
        true,
    ),
    (
        "offers that are none",
        "class { constructor() { tried() } createDataChannel() { return new Channel() } createOffer() {} close() {} }",
        true,
    ),
    (
        "offers that never come",
        "class { constructor() { tried() } createDataChannel() { return new Channel() } close() {}
            createOffer() { return new Promise(() => {}) } }",
        true,
    ),
    (
        "offers that are refused",
        "class { constructor() { tried() } createDataChannel() { return new Channel() } close() {}
            createOffer() { return Promise.reject(new Error('blocked')) } }",
        true,
    ),
    (
        "offers that throw",
        "class { constructor() { tried() } createDataChannel() { return new Channel() } close() {}
            createOffer() { throw 'blocked' } }",
        true,
    ),
    (
        "all but the offer throws",
        "class { constructor() { tried(); return new Proxy(this, {
            get: (_, name) => name === 'createOffer' ? offer : name === 'createDataChannel' ? () => new Channel()
                : () => { throw new Error('called ' + String(name)) },
            set() { throw new Error('set') } }) } }",
        false,
    ),
    (
        "events that never come",
        "class extends Real { constructor(...given) { super(...given); tried() } set onicecandidate(_) {}
            set onconnectionstatechange(_) {} createDataChannel() { return new Channel() } }",
        false,
    ),
];

/// The script that puts one in its place, before the page has any of its own.
fn script(stub: &str) -> String {
    format!(
        "const Real = RTCPeerConnection;
        window.attempts = 0;
        const tried = () => {{ window.attempts += 1 }};
        const offer = () => {{ const real = new Real(); real.createDataChannel('a'); return real.createOffer() }};
        class Channel {{ readyState = 'connecting'; bufferedAmount = 0; send() {{}} close() {{}} }}
        window.RTCPeerConnection = {stub};"
    )
}

#[tokio::test]
async fn pages_survive_a_webrtc_that_is_blocked() -> Result<()> {
    let server = Server::start().await?;
    let (browser, cli) = (Browser::start().await?, Cli::new()?);
    for (name, stub, is_found) in STUBS {
        let tab = browser.tab("about:blank").await?;
        tab.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script(stub) })).await?;
        check(&tab, &server, &cli, is_found).await.with_context(|| name.to_owned())?;
        tab.goto("about:blank").await?;
    }
    Ok(())
}

async fn check(tab: &Tab, server: &Server, cli: &Cli, is_found: bool) -> Result<()> {
    tab.goto(server.url()).await?;
    if is_found {
        wait_page_says(tab, "This browser can't connect you.").await?;
    }
    let link = make_room(tab, "open").await?;
    // Somebody is there to connect to, and that is tried.
    let before = attempts(tab).await?;
    let _other = cli.start(["place", "watch", &link])?;
    tab.wait_until(PATIENCE, "an attempt to connect", async || {
        let tried = attempts(tab).await?;
        ensure!(tried > before.max(1), "{tried} attempts, {before} of them alone");
        Ok(())
    })
    .await?;
    tab.click("palette-e6194b").await?;
    tab.click_cell(SIZE, (8, 8)).await?;
    wait_shows(tab, (8, 8), RED).await?;
    if is_found {
        wait_page_says(tab, "open the link in another browser").await?;
    }
    // It is there again, with what was painted alone.
    tab.reload().await?;
    wait_shows(tab, (8, 8), RED).await?;
    ensure!(
        tab.eval("return document.body.classList.contains('stopped')", vec![]).await? == false,
        "the page crashed"
    );
    Ok(())
}

async fn attempts(tab: &Tab) -> Result<u64> {
    tab.eval("return window.attempts", vec![]).await?.as_u64().context("the script of the stub runs first")
}
