//! Where the past comes from: the members of a room, or a keeper's folder.

use std::path::Path;

use anyhow::Context as _;
use meshwork::{Link, PastLog, RoomId, Store, StoreError};
use meshwork_place::canvas::CanvasSize;
use meshwork_place::picture::{Timeline, TimelineBuilder};

use super::super::attempt::{Attempt, guest};
use super::super::in_step::{self, Content};
use super::super::{Common, counted, kept};
use crate::duration::date;
use crate::exit::Failure;
use crate::progress::Progress;

/// Painted cells that are held, of 16 bytes each: a quarter of a gigabyte.
const CELLS_MAX: usize = 16_000_000;

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
pub(super) async fn from_room(link: &Link, common: &Common) -> Result<Past, Failure> {
    let mut attempt = Attempt::start(common, guest()).await?;
    let past = fetch(&mut attempt, link).await;
    attempt.close().await;
    past
}

async fn fetch(attempt: &mut Attempt, link: &Link) -> Result<Past, Failure> {
    let joining = Progress::start("Joining", "cells");
    let room = attempt.join(link).await?;
    in_step::wait(attempt, &room, (&joining, Content::Cells), "Nothing was written.").await?;
    drop(joining);
    let progress = Progress::start("Fetching the history", "kB");
    let mut builder = TimelineBuilder::new(crate::place::canvas_size(&room).await?, CELLS_MAX);
    // Whoever does not answer is given up, whatever the history takes.
    attempt.stay();
    let mut past = room.canvas().past().await?;
    let mut shown = None;
    while let Some(strokes) = attempt.within(&room, past.next()).await? {
        strokes.iter().for_each(|stroke| builder.add(stroke));
        let Some(log) = past.log() else { continue };
        if shown != Some(log.keeper) {
            progress.turn_to("Fetching the history", Some(log.bytes.div_ceil(1000)));
            shown = Some(log.keeper);
        }
        progress.set(log.fetched / 1000);
    }
    let timeline = builder.finish();
    let first = timeline.painted_at(0).map_or(0, |(at, _)| at);
    Ok(Past {
        words: words(past.log(), first),
        is_whole: past.log().is_some_and(|log| log.is_complete && log.is_whole),
        source: if past.log().is_some() { "log" } else { "replica" },
        timeline,
    })
}

fn words(log: Option<&PastLog>, first: u64) -> String {
    let Some(log) = log else {
        return format!(
            "Nobody there has a history: it shows what is left, since {}. What was painted over is \
             missing.",
            date(first)
        );
    };
    let keeper = log.keeper.peer.short();
    if !log.is_complete {
        return format!(
            "Keeper {keeper} went away or was cut off before the end: part of the history is missing."
        );
    }
    let missing = match log.missed {
        0 => String::new(),
        missed => format!(", {} in between are missing", counted(missed as usize, "stroke")),
    };
    let whole = if log.is_whole { WHOLE } else { LEFT };
    format!("{whole}, from keeper {keeper}, since {}{missing}.", date(log.since_ms))
}

const WHOLE: &str = "The whole history";
const LEFT: &str = "The rest of the history";

/// Reads a keeper's folder.
pub(super) async fn from_folder(data: &Path, room: Option<RoomId>) -> Result<Past, Failure> {
    let store = Store::at(data);
    let rooms = store.histories().context("the histories cannot be read")?;
    let room = match (room, rooms.as_slice()) {
        (Some(room), rooms) if rooms.contains(&room) => room,
        (None, &[room]) => room,
        (None, []) | (Some(_), _) => {
            return Err(Failure::Storage(format!(
                "There is no such history in {}. A keeper records one with --history 1GiB.",
                data.display()
            )));
        }
        (None, rooms) => {
            let rooms: Vec<String> = rooms.iter().map(RoomId::to_string).collect();
            return Err(Failure::Usage(format!("Choose a room with --room: {}.", rooms.join(", "))));
        }
    };
    let broken = |error| match error {
        StoreError::History(words) => Failure::Storage(words),
        error => Failure::Storage(kept::words(data, &error)),
    };
    let _lock = kept::lock(data).await?;
    kept::tell_if_open(data);
    let history = store.history(room).map_err(broken)?;
    let past = store.past(room).map_err(broken)?.ok_or_else(|| {
        let data = data.display();
        Failure::Storage(format!("The store in {data} has no known canvas of room {room}."))
    })?;
    let (width, height) = past.size();
    let mut builder = TimelineBuilder::new(CanvasSize { width, height }, CELLS_MAX);
    for stroke in past {
        builder.add(&stroke.map_err(broken)?);
    }
    let is_whole = history.missed == 0 && history.forgotten == 0;
    let since = date(history.first_ms.unwrap_or(0));
    let words = format!("{}, since {since}.", if is_whole { WHOLE } else { LEFT });
    Ok(Past { timeline: builder.finish(), words, source: "log", is_whole })
}
