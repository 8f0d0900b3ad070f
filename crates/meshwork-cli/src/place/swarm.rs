//! `swarm`: many native peers in one process, for load and demonstrations.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use meshwork::{Closed, Endpoint, Link, Member, Overlay, Room, WriteError, place};
use meshwork_place::picture::palette;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::attempt::Attempt;
use super::paint::denied;
use super::signal::Stop;
use super::values;
use super::{Common, Hiding, govern};
use crate::duration;
use crate::exit::Failure;
use crate::out;
use crate::progress::Progress;
use crate::room::lan::LanOptions;
use crate::serve::random_bytes;
use crate::style;

/// Peers of one process: each has a thread, a socket and up to thirty connections of some 100 kB.
const PEERS_MAX: i64 = 500;
/// Cells a second of all together: more than any room shows.
const CELLS_MAX: i64 = 10_000;
/// What peers are called, so that they can be told apart in a picture; later ones have their number behind it.
const NAMES: [&str; 24] = [
    "Ada", "Bela", "Chidi", "Dana", "Emre", "Farah", "Goran", "Hana", "Ines", "Jonas", "Kofi", "Lena",
    "Mato", "Noor", "Oskar", "Pia", "Rosa", "Soren", "Tomasz", "Uma", "Vera", "Wen", "Yusuf", "Zoe",
];
/// Cells that one peer paints at once, so that many cells are not many signatures.
const STROKE_CELLS: u32 = 8;

const AFTER_HELP: &str = "\
Prints one line when every peer has a link to another member, then stays until interrupted. The room determines the
overlay. --overlay changes it for everybody if you own the room (--identity), and otherwise prints a note on standard
error. Each peer has an identity of its own, which ends with it.
With --json the lines are {event: ready, peers, seconds, overlay} and {event: ended, peers, cells}; overlay is true if
it was set, and null without --overlay. With --tell there is also
{event: peer, endpoint, overlay, painted, links: [{endpoint, state, neighbour}]}: the room's overlay as this peer sees
it, the number of painted cells, and the endpoints it knows, with the state of their links and if they are neighbours.";

/// Arguments of `swarm`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The LINK of the room. A private one has a part after #. @FILE or - reads it from a file or standard input.
    #[arg(value_name = "LINK", value_parser = values::link)]
    link: Link,
    /// Number of peers.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=PEERS_MAX))]
    peers: u32,
    /// Cells that all peers together paint in a second, in random places and colours of the palette.
    #[arg(long, value_name = "CELLS", value_parser = clap::value_parser!(u32).range(1..=CELLS_MAX))]
    paint: Option<u32>,
    /// Most links of each peer in a tree or an emergent overlay. A peer aims for three quarters of them.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(4..=16))]
    links: Option<u32>,
    /// With --json, report the state of each peer at this interval.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, requires = "json")]
    tell: Option<Duration>,
    /// Give the room this overlay, as its owner: auto, full-mesh, k-gossip, k-gossip:NINES, tree or emergent.
    #[arg(long, value_name = "OVERLAY")]
    overlay: Option<Overlay>,
    /// The file with your secret key, for --overlay. [default: meshwork/identity in your data directory]
    #[arg(long, value_name = "FILE", requires = "overlay")]
    identity: Option<PathBuf>,
    /// Fail if not all peers are linked after this time, such as 30s or 2m.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration::parse)]
    timeout: Duration,
    /// Write events to standard output as JSON, one object a line; a failure as {error, reason}.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What one peer of a swarm does.
struct Peer {
    /// Which of them it is, from 1.
    number: u32,
    link: Link,
    timeout: Duration,
    /// Links that it keeps at most, where that is not what a program keeps.
    links: Option<u32>,
    /// How often it says how it does.
    tell: Option<Duration>,
    /// How long from one stroke to the next.
    pause: Option<Duration>,
    linked: mpsc::Sender<()>,
    ends: watch::Receiver<bool>,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let mut stop = Stop::listen()?;
    let begun = Instant::now();
    let (ending, ends) = watch::channel(false);
    let (linked, mut ready) = mpsc::channel(arguments.peers as usize);
    let mut peers = JoinSet::new();
    let strokes = |cells: u32| Duration::from_secs(1) * STROKE_CELLS * arguments.peers / cells;
    for number in 1..=arguments.peers {
        let peer = Peer {
            number,
            link: arguments.link.clone(),
            timeout: arguments.timeout,
            links: arguments.links,
            tell: arguments.tell,
            pause: arguments.paint.map(strokes),
            linked: linked.clone(),
            ends: ends.clone(),
        };
        peers.spawn(peer.run());
    }
    drop(linked);
    let progress = Progress::start("Linking", "peers");
    progress.turn_to("Linking", Some(arguments.peers.into()));
    let mut count = 0;
    let failure = loop {
        tokio::select! {
            Some(()) = ready.recv() => {
                count += 1;
                progress.set(count);
                if count == u64::from(arguments.peers) {
                    let overlay = choose_overlay(&arguments).await?;
                    progress.aside(|| tell_ready(&arguments, begun, overlay))?;
                }
            }
            Some(ended) = peers.join_next() => {
                if let Some(failure) = failed(ended) {
                    break Some(failure);
                }
            }
            () = stop.asked() => break None,
        }
    };
    drop(progress);
    // Whoever has ended by itself does not listen any more.
    let _ = ending.send(true);
    let mut cells = 0;
    while let Some(ended) = peers.join_next().await {
        cells += ended.map_or(0, |painted| painted.unwrap_or(0));
    }
    match failure {
        Some(failure) => Err(failure),
        None if arguments.json => out::json(&json!({ "event": "ended", "peers": count, "cells": cells })),
        None => out::line(format_args!("{count} peers have left, {cells} cells painted.")),
    }
}

/// Gives the room the overlay that was asked for; whether that was allowed, if one was.
async fn choose_overlay(arguments: &Arguments) -> Result<Option<bool>, Failure> {
    let Some(overlay) = arguments.overlay else { return Ok(None) };
    let Arguments { timeout, json, identity, .. } = arguments;
    let common = Common {
        timeout: *timeout,
        json: *json,
        identity: identity.clone(),
        hiding: Hiding::default(),
        lan: LanOptions::default(),
    };
    let link = arguments.link.clone();
    let is_set = govern::choose_overlay(&common, link, overlay).await?;
    if !is_set {
        style::note("The overlay stays as it is: only the owner of the room can change it.");
    }
    Ok(Some(is_set))
}

fn tell_ready(arguments: &Arguments, begun: Instant, overlay: Option<bool>) -> Result<(), Failure> {
    let seconds = begun.elapsed().as_secs_f64();
    match arguments.json {
        true => out::json(
            &json!({ "event": "ready", "peers": arguments.peers, "seconds": seconds, "overlay": overlay }),
        ),
        false => out::line(format_args!("ready: {} peers linked in {seconds:.1} s", arguments.peers)),
    }
}

/// Why a peer ended before it was asked to.
fn failed(ended: Result<Result<u64, Failure>, tokio::task::JoinError>) -> Option<Failure> {
    match ended {
        Ok(painted) => painted.err(),
        Err(error) => Some(Failure::Unexpected(error.into())),
    }
}

impl Peer {
    fn name(&self) -> String {
        let (round, place) =
            ((self.number - 1) as usize / NAMES.len(), (self.number - 1) as usize % NAMES.len());
        if round == 0 { NAMES[place].to_owned() } else { format!("{} {}", NAMES[place], self.number) }
    }

    /// Joins, says when it is linked, stays, and returns how many cells it painted.
    async fn run(self) -> Result<u64, Failure> {
        let mut builder = Endpoint::builder().name(self.name()).stays();
        if let Some(links) = self.links {
            builder = builder.links_at_most(links as usize);
        }
        let mut attempt = Attempt::of(builder, self.timeout).await?;
        let (mut ends, mut painted) = (self.ends.clone(), 0);
        let result = tokio::select! {
            result = self.stay(&mut attempt, &mut painted) => result,
            // Its sender lives until everybody has ended.
            _ = ends.wait_for(|ends| *ends) => Ok(()),
        };
        attempt.close().await;
        result.map(|()| painted)
    }

    async fn stay(&self, attempt: &mut Attempt, painted: &mut u64) -> Result<(), Failure> {
        let room = attempt.join(&self.link).await?;
        attempt.within(&room, linked(&room)).await?;
        attempt.stay();
        // The receiver ends with the command.
        let _ = self.linked.send(()).await;
        attempt.app(&room, place::APP).await?;
        attempt.within(&room, self.paint_on(&room, painted)).await
    }

    /// Paints and tells for as long as that is possible.
    async fn paint_on(&self, room: &Room, painted: &mut u64) -> Result<(), Failure> {
        let size = crate::place::canvas_size(room).await?;
        let pause = self.pause.unwrap_or(Duration::from_secs(3600)).max(Duration::from_millis(1));
        let mut strokes = interval(pause);
        strokes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tells =
            interval(self.tell.unwrap_or(Duration::from_secs(3600)).max(Duration::from_millis(50)));
        tells.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tells.tick(), if self.tell.is_some() => tell_peer(room).await?,
                _ = strokes.tick(), if self.pause.is_some() => {
                    *painted += paint(room, (size.width, size.height), random_bytes()?).await?;
                }
                else => std::future::pending().await,
            }
        }
    }
}

/// Waits until another member is linked.
async fn linked(room: &Room) -> Result<(), Closed> {
    let mut events = room.events();
    while !room.members().await?.iter().any(|member| member.link().is_linked()) {
        events.next().await.ok_or(Closed)?;
    }
    Ok(())
}

/// Says what one peer shows and to whom it is linked.
async fn tell_peer(room: &Room) -> Result<(), Failure> {
    let (known, neighbours) = (room.reach().await?.tried, room.neighbourhood().await?.neighbours);
    let link = |member: &Member| {
        let neighbour = neighbours.contains(&member.id());
        json!({ "endpoint": member.id().to_string(), "state": member.link().to_string(), "neighbour": neighbour })
    };
    let links: Vec<Value> = known.iter().map(link).collect();
    let overlay = room.rules().terms().await?.map(|terms| terms.overlay.to_string());
    let (endpoint, painted) = (room.me().to_string(), room.canvas().painted().await?);
    out::json(&json!({
        "event": "peer", "endpoint": endpoint, "overlay": overlay, "painted": painted, "links": links,
    }))
}

/// Paints a short stroke to the right of a random place. Returns how many cells it has.
async fn paint(room: &Room, (width, height): (u16, u16), random: [u8; 32]) -> Result<u64, Failure> {
    let number = |place: usize| u16::from_le_bytes([random[place], random[place + 1]]);
    let (x, y) = (number(0) % width, number(2) % height);
    let colour = palette::PLACE[usize::from(random[4]) % palette::PLACE.len()].colour;
    let end = (u32::from(x) + STROKE_CELLS).min(width.into()) as u16;
    let cells: Vec<_> = (x..end).map(|x| (x, y, colour)).collect();
    match room.canvas().paint(&cells).await {
        Ok(_) => Ok(cells.len() as u64),
        // What the room's rules do not allow now is left out: it is only for show.
        Err(WriteError::TooFast { .. }) => Ok(0),
        Err(error) => Err(denied(error)),
    }
}
