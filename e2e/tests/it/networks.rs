//! People behind routers of every kind link by the best kind of path that theory allows.

use std::time::{Duration, Instant};

use crate::common::relay::{states, wait_way};
use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use meshwork_e2e::networks::Router::{FullCone, NoUdp, PortRestricted, Restricted, Symmetric};
use meshwork_e2e::networks::{Networks, Router, SERVER};
use meshwork_e2e::{Browser, BrowserOptions, Cli, Running, Tab};
use serde_json::{Value, json};

/// What a busy machine takes for a link over TCP, which is looked for last.
const LINK_MAX: Duration = Duration::from_secs(40);

/// Pairs that meet at a time: each takes seconds of waiting, but two seconds of a busy machine are few for a direct path.
const AT_A_TIME: usize = 4;

/// How a pair must travel: why not otherwise, and what a page of theirs says of the way, which names the end that it is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// Each end can guess where the other's packets come from, or is let in from there whatever the port is.
    Direct,
    /// A port that changes with each destination cannot be guessed, and whoever lets in exact ports alone must guess it.
    Relayed,
    /// The same, and the first end's network lets no datagram out.
    OverTcp,
}
use Expected::{Direct, OverTcp, Relayed};

/// Every pair of two kinds of network, and how many of the two are pages, the first one first. Pages stand apart, so
/// that few browsers start at a time.
const PAIRS: [(Router, Router, Expected, usize); 15] = [
    (PortRestricted, PortRestricted, Direct, 2),
    (FullCone, FullCone, Direct, 0),
    (FullCone, Restricted, Direct, 0),
    (FullCone, PortRestricted, Direct, 0),
    (Restricted, Restricted, Direct, 0),
    (NoUdp, Restricted, OverTcp, 2),
    (Restricted, PortRestricted, Direct, 0),
    (Restricted, Symmetric, Direct, 0),
    (PortRestricted, Symmetric, Relayed, 0),
    (Symmetric, Symmetric, Relayed, 0),
    (Symmetric, FullCone, Direct, 1),
    (NoUdp, FullCone, OverTcp, 0),
    (NoUdp, PortRestricted, OverTcp, 0),
    (NoUdp, Symmetric, OverTcp, 0),
    (NoUdp, NoUdp, OverTcp, 0),
];

/// Waits for the link that `watch` tells of.
async fn linked(watch: &Running, pair: &str) -> Result<Value> {
    let is_link = |line: &str| line.contains(r#""state":"direct""#) || line.contains(r#""state":"relayed""#);
    let line = watch.line(LINK_MAX, pair, is_link).await?;
    serde_json::from_str(&line).context(line)
}

/// Makes a room.
pub(crate) async fn create(host: &Cli) -> Result<String> {
    let server = format!("http://{SERVER}:8080");
    let made = host.run(["place", "create", "--server", &server, "--json"]).await?.success()?.json()?;
    made["link"].as_str().context("a room has a LINK").map(str::to_owned)
}

/// Somebody in a room.
enum End {
    Program(Running),
    Page(Tab),
}

impl End {
    /// Waits for the first link, and fails unless it is as expected.
    async fn check(&self, expected: Expected, is_first: bool, pair: &str) -> Result<()> {
        let is_direct = expected == Direct;
        match self {
            End::Program(watch) => {
                let said = linked(watch, pair).await?;
                let why = (said["state"].as_str(), said["reason"].as_str());
                let right =
                    if is_direct { ("direct", None) } else { ("relayed", Some("no direct path found")) };
                ensure!(why == (Some(right.0), right.1), "{pair} should be {expected:?}: {said}");
                Ok(())
            }
            End::Page(tab) => {
                let right = if is_direct { "direct" } else { "relayed, no direct path found" };
                // A page learns how packets travel some time after the link is there.
                tab.wait_until(LINK_MAX, pair, async || {
                    let states = states(tab).await?;
                    ensure!(states == [right], "should be {expected:?}: {states:?}");
                    Ok(())
                })
                .await?;
                let way = match expected {
                    Direct => "Through a router, ",
                    OverTcp if is_first => "Through a relay over TCP, relay to ",
                    OverTcp | Relayed => "Through a relay",
                };
                wait_way(tab, way).await
            }
        }
    }
}

/// Has two who are behind such routers meet.
async fn meet(
    networks: &Networks,
    number: u8,
    (one, other, expected, pages): (Router, Router, Expected, usize),
) -> Result<()> {
    let hosts = [networks.host(2 * number, one)?, networks.host(2 * number + 1, other)?];
    let programs = [Cli::within(hosts[0].namespace())?, Cli::within(hosts[1].namespace())?];
    let mut browsers = Vec::new();
    for host in &hosts[..pages] {
        // With what people have: local addresses are hidden behind names.
        let options = BrowserOptions::default().default_flags().within(host.namespace());
        browsers.push(Browser::start_with(options).await?);
    }
    let link = create(&programs[0]).await?;
    let begun = Instant::now();
    let mut ends = Vec::new();
    for browser in &browsers {
        ends.push(End::Page(browser.tab(&link).await?));
    }
    for program in &programs[pages..] {
        ends.push(End::Program(program.start(["place", "watch", &link])?));
    }
    let pair = format!("{one:?} and {other:?}, {pages} of them pages");
    for (place, end) in ends.iter().enumerate() {
        end.check(expected, place == 0, &pair).await?;
    }
    println!("{pair}: {expected:?} after {:?}", begun.elapsed());
    Ok(())
}

/// A server with a relay in the internet.
pub(crate) async fn serve(networks: &Networks) -> Result<(Cli, Running)> {
    let net = Cli::within(networks.internet())?;
    let (listen, relay) = (format!("{SERVER}:8080"), format!("{SERVER}:3478"));
    let server = net.start(["serve", "--listen", &listen, "--relay", "--relay-listen", &relay])?;
    server.line(LINK_MAX, "the server", |line| line.starts_with("listening on ")).await?;
    Ok((net, server))
}

#[tokio::test]
async fn every_network_pair_links_by_the_best_path() -> Result<()> {
    let networks = Networks::new()?;
    let _server = serve(&networks).await?;
    let meetings = (1u8..).zip(PAIRS).map(|(number, pair)| meet(&networks, number, pair));
    stream::iter(meetings).buffer_unordered(AT_A_TIME).try_collect().await
}

/// Has a page hear what its server says one message after the other, so many ms apart.
fn hearing_slowly(gap_ms: u32) -> Value {
    let source = format!(
        "const property = Object.getOwnPropertyDescriptor(WebSocket.prototype, 'onmessage');\
         const set = function(hear) {{\
             let free = 0;\
             property.set.call(this, hear && ((event) => {{\
                 const now = performance.now();\
                 free = Math.max(now, free + {gap_ms});\
                 setTimeout(() => hear.call(this, event), free - now);\
             }}));\
         }};\
         Object.defineProperty(WebSocket.prototype, 'onmessage', {{ ...property, set }});"
    );
    json!({ "source": source })
}

#[tokio::test]
async fn relays_named_late_are_known_to_pages() -> Result<()> {
    let networks = Networks::new()?;
    let _server = serve(&networks).await?;
    // They are named while the connection opens, and once the link is proved.
    for (number, gap_ms) in [(1, 60), (2, 300)] {
        let hosts = [networks.host(2 * number, NoUdp)?, networks.host(2 * number + 1, Restricted)?];
        let options = hosts.each_ref().map(|host| BrowserOptions::default().within(host.namespace()));
        let [one, other] = options.map(Browser::start_with);
        let (one, other) = tokio::try_join!(one, other)?;
        let link = create(&Cli::within(hosts[0].namespace())?).await?;
        let _first = one.tab(&link).await?;
        let slow = other.tab("about:blank").await?;
        slow.devtools("Page.addScriptToEvaluateOnNewDocument", hearing_slowly(gap_ms)).await?;
        slow.goto(&link).await?;
        End::Page(slow).check(OverTcp, false, &format!("{gap_ms} ms apart")).await?;
    }
    Ok(())
}

#[tokio::test]
async fn people_cabled_later_are_linked_over_the_cable() -> Result<()> {
    let networks = Networks::new()?;
    let _server = serve(&networks).await?;
    let (one, other) = (networks.host(2, Router::Symmetric)?, networks.host(3, Router::Symmetric)?);
    let (first, second) = (Cli::within(one.namespace())?, Cli::within(other.namespace())?);
    let link = create(&first).await?;
    let watches = [first.start(["place", "watch", &link])?, second.start(["place", "watch", &link])?];
    for watch in &watches {
        ensure!(linked(watch, "before the cable").await?["state"] == "relayed");
    }
    one.connect(&other)?;
    for watch in &watches {
        watch.line(LINK_MAX, "a direct link", |line| line.contains(r#""state":"direct""#)).await?;
        ensure!(!watch.lines().iter().any(|line| line.contains(r#""state":"gone""#)), "nobody was gone");
    }
    Ok(())
}
