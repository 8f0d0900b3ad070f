//! Shows how long a page takes until it shows a full canvas that it joins, and how smoothly it does so and takes 10,000
//! cells a second.
//! Run with `cargo run --release -p meshwork-e2e --example canvas_race -- [join|steady|hold] [SIDE] [SLOWER]`, after
//! `cargo xtask build`. It prints one line of JSON; with `hold` it prints the LINK of a full canvas, and holds it.

#![allow(clippy::print_stderr, reason = "the result alone stands on stdout")]

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use meshwork_core::clock::Stamp;
use meshwork_core::id::{Endpoint, Identity, Instance, RoomId};
use meshwork_core::node::{Config, StoredRoom};
use meshwork_core::rng::Rng;
use meshwork_core::signalling::address::{RoomAddress, RoomKeys};
use meshwork_core::signed::batch::{Header, SignedBatch};
use meshwork_e2e::{Browser, Frames, Server, Tab, wait_until};
use meshwork_place::Place as _;
use meshwork_place::canvas::{CanvasSize, Colour, Strokes, TILE_SIDE, TileCell};
use meshwork_rtc::native::{Addresses, Driver, Options, start};
use serde_json::{Value, json};

/// Who painted the canvas that is joined.
const AUTHORS: u8 = 16;
/// A join that takes longer than this has failed.
const JOIN_MAX: Duration = Duration::from_secs(120);
/// Cells of a batch while people paint, and how many such batches make 10,000 cells a second.
const BATCH_CELLS: u16 = 64;
const BATCHES_A_SECOND: u32 = 156;
/// How long people paint.
const PAINTING: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, otherwise: u32| {
        arguments.get(at).map_or(Ok(otherwise), |text| text.parse()).context("sizes are numbers")
    };
    let (side, slower) = (u16::try_from(number(1, 1000)?)?, number(2, 1)?);
    let size = CanvasSize { width: side, height: side };
    let result = match arguments.first().map_or("join", String::as_str) {
        "join" => join(size, slower).await?,
        "steady" => steady(size, slower).await?,
        "hold" => hold_on(size).await?,
        other => bail!("there is no race `{other}`"),
    };
    println!("{result}");
    Ok(())
}

/// A member that holds the room, and the room's LINK.
struct Holder {
    driver: Driver,
    room: meshwork_core::node::RoomHandle,
    link: String,
}

async fn hold(server: &Server, size: CanvasSize, is_full: bool) -> Result<Holder> {
    let identity = Identity::from_secret([1; 32]);
    let (genesis, id) =
        meshwork_place::owned(&mut Rng::new([3; 32]), identity.peer(), size, None).sign(&identity)?;
    let batches = if is_full { full_canvas(&id, size)? } else { Vec::new() };
    let stored = StoredRoom { genesis, records: Vec::new(), batches };
    let options = Options {
        addresses: Addresses::loopback(),
        ..Options::new(meshwork_place::make, Config::default(), identity)
    };
    let (driver, mut events) = start(options)?;
    // Nobody waits for what the holder hears.
    tokio::spawn(async move { while events.next().await.is_some() {} });
    let code = "AAAAAA".parse().context("a code")?;
    let address = RoomAddress::at_server(server.url(), Some(meshwork_place::app()), code)?;
    let address = address.with_keys(RoomKeys { room: id, secrets: None });
    let room = driver.call(move |node, now| node.join_room(now, address, Some(stored))).await??;
    let cells = if is_full { usize::from(size.width) * usize::from(size.height) } else { 0 };
    let link = wait_until(JOIN_MAX, "the room is full and registered", async || {
        let (painted, address) = driver
            .call(move |node, _| {
                (node.canvas(room).map_or(0, |canvas| canvas.painted()), node.room(room).address())
            })
            .await?;
        ensure!(painted == cells, "{painted} cells are painted");
        let address = address.context("it is not registered")?;
        ensure!(address.code() != Some(code), "it is not registered");
        Ok(address.to_string())
    });
    Ok(Holder { link: link.await?, driver, room })
}

/// Every cell in a colour of its own, those of each tile dealt out to 16 authors, one batch of each: what is left when
/// all have folded what they painted.
fn full_canvas(room: &RoomId, size: CanvasSize) -> Result<Vec<Vec<u8>>> {
    let mut rng = Rng::new([5; 32]);
    let mut batches = Vec::new();
    let stamp = Stamp::new(1_790_000_000_000, 0).context("a stamp")?;
    let authors: Vec<Identity> =
        (0..AUTHORS).map(|author| Identity::from_secret([100 + author; 32])).collect();
    for tile in 0..size.tile_count() {
        let (left, top) = size.tile_origin(tile).context("a tile")?;
        let is_inside = |index: &u16| size.contains(left + index % TILE_SIDE, top + index / TILE_SIDE);
        let mut cells: Vec<Vec<TileCell>> = vec![Vec::new(); authors.len()];
        for index in (0..TILE_SIDE * TILE_SIDE).filter(is_inside) {
            let [red, green, blue] = rng.bytes();
            let author = rng.below(u64::from(AUTHORS)) as usize;
            cells[author].push(TileCell { stamp, colour: Colour::rgb(red, green, blue), index });
        }
        for (identity, cells) in authors.iter().zip(cells).filter(|(_, cells)| !cells.is_empty()) {
            let strokes = Strokes::new(size, tile, cells)?;
            let author = Endpoint { peer: identity.peer(), instance: Instance(7) };
            let sequence = u64::from(tile) + 1;
            let cost = strokes.cells().len() as u32;
            let header = Header::new(author, sequence, strokes.window(), cost);
            batches.push(SignedBatch::sign(identity, room, &header, &strokes.encode())?.bytes().to_vec());
        }
    }
    Ok(batches)
}

/// Holds a full canvas for whoever looks at a page that joins it, until it is stopped.
async fn hold_on(size: CanvasSize) -> Result<Value> {
    let server = Server::start().await?;
    let holder = hold(&server, size, true).await?;
    println!("{}", holder.link);
    std::future::pending().await
}

async fn join(size: CanvasSize, slower: u32) -> Result<Value> {
    let server = Server::start().await?;
    let holder = hold(&server, size, true).await?;
    let browser = Browser::start_whole().await?;
    let tab = browser.watched_tab(&holder.link, slower).await?;
    let cells = u64::from(size.width) * u64::from(size.height);
    let frames = wait_shown(&tab, cells).await?;
    let mut result = report(&frames);
    result["shown_ms"] = json!(frames.drawn_ms);
    Ok(result)
}

/// Waits until nothing is drawn any more, then looks whether all is shown: to look is work for the page too.
async fn wait_shown(tab: &Tab, cells: u64) -> Result<Frames> {
    let mut before = -1.0;
    wait_until(JOIN_MAX, "the whole canvas", async || {
        let frames = tab.frames().await?;
        let is_quiet = frames.drawn_ms > 0.0 && frames.drawn_ms == before;
        before = frames.drawn_ms;
        ensure!(is_quiet, "it is being drawn");
        let shown = tab.shown().await?;
        ensure!(shown == cells, "{shown} of {cells} cells are shown");
        Ok(frames)
    })
    .await
}

async fn steady(size: CanvasSize, slower: u32) -> Result<Value> {
    let server = Server::start().await?;
    let holder = hold(&server, size, false).await?;
    let browser = Browser::start_whole().await?;
    let tab = browser.watched_tab(&holder.link, slower).await?;
    let room = holder.room;
    wait_until(JOIN_MAX, "a link", async || {
        let peers = holder.driver.call(move |node, _| node.room(room).peers()).await?;
        ensure!(peers.iter().any(|peer| peer.attached && peer.in_step), "nobody is in step");
        Ok(())
    })
    .await?;
    tab.forget_frames().await?;
    let mut rng = Rng::new([6; 32]);
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / BATCHES_A_SECOND);
    for _ in 0..PAINTING.as_secs() as u32 * BATCHES_A_SECOND {
        ticks.tick().await;
        let mut along = |side: u16| rng.below(u64::from(side / TILE_SIDE)) as u16 * TILE_SIDE;
        let (left, top) = (along(size.width), along(size.height));
        let [red, green, blue] = rng.bytes();
        let first = rng.below(u64::from(TILE_SIDE * TILE_SIDE - BATCH_CELLS)) as u16;
        let cells: Vec<_> = (first..first + BATCH_CELLS)
            .map(|cell| (left + cell % TILE_SIDE, top + cell / TILE_SIDE, Colour::rgb(red, green, blue)))
            .collect();
        holder.driver.call(move |node, now| node.paint(now, room, &cells)).await??;
    }
    Ok(report(&tab.frames().await?))
}

fn report(frames: &Frames) -> Value {
    let bursts = &frames.bursts;
    json!({
        "frames": frames.intervals_ms.len(),
        "late_share": frames.late_share(),
        "late_share_drawing": frames.late_share_drawing(),
        "longest_ms": frames.longest_ms(),
        "long_tasks": frames.long_tasks_ms.len(),
        "longest_task_ms": frames.long_tasks_ms.iter().copied().fold(0.0, f64::max),
        "drawing_frames": bursts.len(),
        "cells_drawn": bursts.iter().map(|burst| burst.cells).sum::<u64>(),
        "cells_most": bursts.iter().map(|burst| burst.cells).max(),
    })
}
