//! `join-document`: a newcomer's page joins a room with a long document.

use std::time::Duration;

use anyhow::{Result, ensure};
use meshwork_e2e::{Browser, Tab};
use serde_json::{Value, json};
use tokio::runtime::Builder;

use crate::links::ours::Server;
use crate::pages::{self, App, Asked, NodeServer, Place, Y_WEBRTC, Y_WEBSOCKET, number};
use crate::race::{Needs, Plan, Race, Row, Samples};

/// The race.
pub(crate) const RACE: Race = Race {
    name: "join-document",
    about: "A page joins a room with a document, over loopback, from the call until the text is whole in the Y.Doc, \
            and *loaded* from opening the page. One page in each of two Chromium browsers: the one that typed the \
            text (generated words, key by key at the end, and one word elsewhere after each 200 letters), and a \
            newcomer, whose tab is a new one each time. All pages are built with Vite from the same source; the \
            provider is the only difference, and what was deleted is kept in all (`gc: false`). Ours: \
            `MeshworkProvider` of the npm package; its wasm is loaded within the call; the room has a batch for each \
            edit, folded as a room does it, each with its signature. The others: y-webrtc over its own server for \
            signals without a password, which hands over the document in one message, and y-websocket with its own \
            server in Node.js, which has the document, reads all of it and hands it over itself: no link is made and \
            no peer has to be there. Bytes are those that arrive at the newcomer until half a second later: of WebRTC what its transports \
            count, DTLS and SCTP included, and the messages of WebSockets, those of signalling among them.",
    needs: Needs::Package,
    run,
};

/// A newcomer who waits longer has failed.
const JOIN_MAX: Duration = Duration::from_secs(60);
/// One of y-webrtc: where it joins at all, it takes seconds less.
const WEBRTC_MAX: Duration = Duration::from_secs(20);
/// Typing takes no longer.
const TYPE_MAX: Duration = Duration::from_secs(300);

fn run(plan: &Plan) -> Result<Vec<Row>> {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut rows = Vec::new();
    for (name, length) in [("200 kB", plan.size(200_000, 2000)), ("1 MB", plan.size(1_000_000, 4000))] {
        rows.extend(runtime.block_on(rows_of(plan, name, length))?);
    }
    Ok(rows)
}

/// A document that is there to be joined.
struct Typed<'a> {
    provider: &'static str,
    address: String,
    writer: Tab,
    site: &'a NodeServer,
    length: usize,
    rounds: Vec<Value>,
}

impl<'a> Typed<'a> {
    async fn new(
        browser: &Browser,
        site: &'a NodeServer,
        provider: &'static str,
        server: String,
        length: usize,
    ) -> Result<Typed<'a>> {
        let writer = pages::page(browser, site, provider).await?;
        let address = pages::ask(&writer, "write", vec![json!(server), json!(length)], TYPE_MAX).await?;
        let address = address.as_str().unwrap_or_default().to_owned();
        Ok(Typed { provider, address, writer, site, length, rounds: Vec::new() })
    }

    /// A newcomer joins, has the same text and goes.
    async fn join(&mut self, browser: &Browser, most: Duration) -> Result<()> {
        let text = pages::ask(&self.writer, "text", vec![], TYPE_MAX).await?;
        let length = text.as_str().map_or(0, |text| text.encode_utf16().count());
        ensure!(length >= self.length, "{length} units were typed");
        let asked = Asked { provider: self.provider, what: "join", address: &self.address, length };
        let (tab, told) = pages::page_that(browser, self.site, &asked, most).await?;
        ensure!(
            pages::ask(&tab, "text", vec![], JOIN_MAX).await? == text,
            "the newcomer reads something else"
        );
        tab.close().await?;
        self.rounds.push(told);
        Ok(())
    }

    fn samples(&self, name: &str, unit: f64) -> Result<Samples> {
        self.rounds.iter().map(|told| Ok(number(told, name)? / unit)).collect::<Result<_>>().map(Samples)
    }
}

async fn rows_of(plan: &Plan, size: &str, length: usize) -> Result<Vec<Row>> {
    let (app, at) = (App::build(plan)?, Place::Loopback);
    let site = app.serve(&at)?;
    let (ours, webrtc, websocket) =
        (Server::start().await?, app.start_y_webrtc(&at)?, app.start_y_websocket(&at)?);
    let (first, second) = tokio::try_join!(Browser::start_whole(), Browser::start_whole())?;
    // A browser that has no tab left ends.
    let _stays = second.tab("about:blank").await?;
    let mut typed = Vec::new();
    for (provider, server) in [
        ("ours", ours.url.clone()),
        ("y-webrtc", format!("ws://{}", webrtc.address)),
        ("y-websocket", format!("ws://{}", websocket.address)),
    ] {
        typed.push(Typed::new(&first, &site, provider, server, length).await?);
    }
    let mut missing = None;
    for round in 0..=plan.rounds {
        for place in 0..typed.len() {
            let which = (round + place) % 3;
            let one = &mut typed[which];
            match one.provider {
                "y-webrtc" if missing.is_some() => {}
                "y-webrtc" => missing = one.join(&second, WEBRTC_MAX).await.err(),
                _ => one.join(&second, JOIN_MAX).await?,
            }
        }
        if round == 0 {
            typed.iter_mut().for_each(|one| one.rounds.clear());
        }
    }
    let [ours, webrtc, websocket] = &typed[..] else { unreachable!("three take part") };
    let mut rows = Vec::new();
    for (what, name, unit, unit_name) in [
        ("", "entered_ms", 1000.0, "s (wall)"),
        (", loaded", "loaded_ms", 1000.0, "s (wall)"),
        (", bytes", "bytes", 1000.0, "kB received"),
    ] {
        let row = |rival: &Typed, package: &str| -> Result<Row> {
            let ours = Row::stated(
                format!("join-document/{size}{what}"),
                ours.samples(name, unit)?,
                unit_name,
                false,
            );
            Ok(ours.against(package.replace('@', " "), rival.samples(name, unit)?))
        };
        if missing.is_none() {
            rows.push(row(webrtc, Y_WEBRTC)?);
        }
        rows.push(row(websocket, Y_WEBSOCKET)?);
    }
    if missing.is_some() {
        let seconds = WEBRTC_MAX.as_secs();
        rows[0].note = format!(
            "y-webrtc hands over nothing within {seconds} s: Chromium sends no message of more than 256 KiB, and it sends one"
        );
    }
    Ok(rows)
}
