//! Where the past comes from: the members of a room, or a keeper's folder.

use std::path::Path;

use anyhow::Context as _;
use meshwork_core::id::{Endpoint, Instance, PeerId, RoomId};
use meshwork_core::node::{Config, Event};
use meshwork_core::room::Room;
use meshwork_core::room::history::{HistoryState, HistoryView};
use meshwork_core::seam::event::RoomHandle;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::signed::genesis::Genesis;
use meshwork_core::time::WallTime;
use meshwork_place::Place as _;
use meshwork_place::canvas::{Canvas, PastBatch, REPLICA};
use meshwork_place::picture::{Timeline, TimelineBuilder};
use meshwork_rtc::native::history::{Entry, History};

use super::super::session::{Session, Stay};
use super::super::{Common, counted, history, in_step, kept};
use crate::exit::Failure;
use crate::progress::Progress;

/// Painted cells that are held, of 16 bytes each: a quarter of a gigabyte.
const CELLS_MAX: usize = 16_000_000;
/// Cells that are taken from the node at a time.
const CELLS_AT_ONCE: usize = 200_000;

/// The past of a canvas, and what there is to say of it.
pub(super) struct Past {
    pub(super) timeline: Timeline,
    /// How far back it reaches, in a sentence.
    pub(super) words: String,
    /// `log`, or `replica` when nobody had one.
    pub(super) source: &'static str,
    /// Whether nothing is known to be missing.
    pub(super) is_whole: bool,
}

/// Asks the members of a room.
pub(super) async fn from_room(link: RoomAddress, common: &Common) -> Result<Past, Failure> {
    let mut session = Session::start(common, Stay::Leaves).await?;
    let past = fetch(&mut session, link).await;
    session.close().await;
    past
}

async fn fetch(session: &mut Session, link: RoomAddress) -> Result<Past, Failure> {
    let joining = Progress::start("Joining", "cells");
    let room = session.join(link).await?;
    in_step::wait(session, room, &joining, "Nothing was written.").await?;
    drop(joining);
    let progress = Progress::start("Fetching the history", "kB");
    let size = session.canvas_size(room).await?;
    let mut builder = TimelineBuilder::new(size, CELLS_MAX);
    // Whoever does not answer is given up by the node itself, whatever the history takes.
    session.stay();
    session.call(move |node, now| node.room_mut(now, room).fetch_history()).await?;
    let mut shown = None;
    let view = loop {
        let take = session.call(move |node, now| {
            let taken = node.take_past(now, room, CELLS_AT_ONCE);
            (taken, node.room(room).history())
        });
        let (taken, view) = take.await?;
        taken.iter().for_each(|batch| builder.add(batch));
        let view = view.context("the history is gone")?;
        if let Some((source, span)) = view.source.filter(|(source, _)| shown != Some(*source)) {
            progress.turn_to("Fetching the history", Some(span.bytes.div_ceil(1000)));
            shown = Some(source);
        }
        progress.set(view.bytes / 1000);
        if !taken.is_empty() {
            continue;
        }
        match view.state {
            HistoryState::Asking | HistoryState::Fetching => {
                while !matches!(session.next().await?, Event::HistoryChanged { room: changed } if changed == room)
                {
                }
            }
            _ => break view,
        }
    };
    let own = session.look(room, |node, room| {
        let canvas: &Canvas = node.canvas(room)?;
        Some(canvas.batches().filter_map(|batch| canvas.past(batch)).collect::<Vec<PastBatch>>())
    });
    own.await?.iter().for_each(|batch| builder.add(batch));
    let timeline = builder.finish();
    let first = timeline.painted_at(0).map_or(0, |(at, _)| at);
    let is_log = view.source.is_some() && view.batches > 0;
    Ok(Past {
        words: words(&view, first),
        is_whole: is_log && view.state == HistoryState::Complete && view.is_whole,
        source: if is_log { "log" } else { "replica" },
        timeline,
    })
}

fn words(view: &HistoryView, first: u64) -> String {
    let date = |millis| history::date(WallTime::from_millis(millis));
    let Some((source, span)) = view.source.filter(|_| view.batches > 0) else {
        return format!(
            "Nobody there has a history: it shows what is left, since {}. What was painted over is \
             missing.",
            date(first)
        );
    };
    let keeper = source.peer.short();
    if view.state != HistoryState::Complete {
        return format!(
            "Keeper {keeper} went away or was cut off before the end: part of the history is missing."
        );
    }
    let missing = match view.missed {
        0 => String::new(),
        missed => format!(", {} in between are missing", counted(missed as usize, "stroke")),
    };
    let whole = if view.is_whole { "The whole history" } else { "What is left of the history" };
    format!("{whole}, from keeper {keeper}, since {}{missing}.", date(span.since_ms))
}

/// Reads a keeper's folder.
pub(super) async fn from_folder(data: &Path, room: Option<RoomId>) -> Result<Past, Failure> {
    let folder = kept::history_folder(data);
    let rooms = History::rooms(&folder).context("the histories cannot be read")?;
    let room = match (room, rooms.as_slice()) {
        (Some(room), rooms) if rooms.contains(&room) => room,
        (None, &[room]) => room,
        (None, []) | (Some(_), _) => {
            return Err(Failure::Storage(format!(
                "There is no such history in {}. A keeper writes one with --history 1GiB.",
                data.display()
            )));
        }
        (None, rooms) => {
            let rooms: Vec<String> = rooms.iter().map(RoomId::to_string).collect();
            return Err(Failure::Usage(format!(
                "Say with --room which room it is to be: {}.",
                rooms.join(", ")
            )));
        }
    };
    let lock = kept::lock(data).await?;
    let stored = kept::open_store(data)?.load(room).map_err(|error| Failure::Storage(error.to_string()))?;
    drop(lock);
    let stored = stored
        .ok_or_else(|| Failure::Storage(format!("The store in {} lacks room {room}.", data.display())))?;
    let (genesis, id) =
        Genesis::decode(&stored.genesis).map_err(|error| Failure::Storage(error.to_string()))?;
    let no_canvas = || Failure::Storage(format!("Room {room} has no canvas that this program knows."));
    let (app, parameters) = genesis.app();
    let size = meshwork_place::canvas_size(app, parameters).ok_or_else(no_canvas)?;
    let make = meshwork_place::make;
    let mut builder = TimelineBuilder::new(size, CELLS_MAX);
    // A room that is nobody's: its records say what may be shown.
    let nobody = Endpoint { peer: PeerId([0; 32]), instance: Instance(0) };
    let mut room_of_nobody =
        Room::new(RoomHandle(0), id, genesis, stored.genesis, make, nobody, &Config::default());
    room_of_nobody.kept_mut().restore_records(&stored.records);
    let replica = room_of_nobody.kept().replicas().get(REPLICA).ok_or_else(no_canvas)?;
    let canvas: &Canvas = replica.as_any().ok_or_else(no_canvas)?;
    let past = |bytes: &[u8]| canvas.past(&room_of_nobody.kept().past(bytes)?);
    let (mut missed, mut first) = (0, None);
    let history = History::new(&folder, room);
    let broken = |error: meshwork_rtc::native::history::HistoryError| Failure::Storage(error.to_string());
    for entry in history.since(WallTime(0)).map_err(broken)? {
        match entry.map_err(broken)? {
            Entry::Batch { at, bytes } => {
                first.get_or_insert(at);
                past(&bytes).iter().for_each(|batch| builder.add(batch));
            }
            Entry::Gap { at, missed: more } => {
                first.get_or_insert(at);
                missed += more;
            }
        }
    }
    stored.batches.iter().filter_map(|bytes| past(bytes)).for_each(|batch| builder.add(&batch));
    let is_whole = missed == 0 && history.summary().map_err(broken)?.forgotten == 0;
    let since = history::date(first.unwrap_or(WallTime(0)));
    let whole = if is_whole { "The whole history" } else { "What is left of the history" };
    Ok(Past {
        timeline: builder.finish(),
        words: format!("{whole}, since {since}."),
        source: "log",
        is_whole,
    })
}
