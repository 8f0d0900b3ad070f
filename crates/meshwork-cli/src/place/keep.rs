//! `place keep`: stays in a room and keeps its canvas in a store on disk.

use std::path::PathBuf;

use clap::Args;
use meshwork_core::node::{Event, RoomHandle, StoredRoom};
use meshwork_core::signalling::address::RoomAddress;
use meshwork_rtc::native::history::BYTES_LEAST;
use meshwork_rtc::native::store::RedbStore;
use serde_json::json;

use super::notices::Notices;
use super::session::{Session, Stay};
use super::{Common, counted, kept, print_line, watch};
use crate::bytes;
use crate::exit::Failure;

const AFTER_HELP: &str = "\
It goes on when its disk fails, says so, and tries again until what was painted meanwhile is on disk.
With --json the first line is {event: ready, address, peer, cells, width, height}; the lines after it
are those of place watch without strokes, and storage {state: failed | working, reason}.";

/// What `place keep` is asked for.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The room's address, with its part after #; without it for an open room.
    #[arg(value_name = "LINK")]
    link: RoomAddress,
    /// The folder to keep the canvas in, made when there is none. One keeper uses it at a time.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Also keep every stroke that is accepted, in order, for replay: at most so many bytes, such as 64MiB or
    /// 1GiB; then the oldest are forgotten. At least 1MiB, or none.
    #[arg(long, value_name = "SIZE", default_value = "none", value_parser = history_size)]
    history: u64,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { mut link, data, history, mut common } = arguments;
    // Heard from here on, so that a signal during the start ends the program in good order too.
    let mut stop = super::signal::Stop::listen()?;
    let _lock = kept::lock(&data).await?;
    common.identity.get_or_insert_with(|| data.join("identity"));
    let store = kept::open_store(&data, history)?;
    let address = bare_address(&link);
    let unreadable = |error: &dyn std::fmt::Display| Failure::Storage(format!("{}: {error}", data.display()));
    if link.room.is_none() {
        link.room = store.room_at(&address).map_err(|error| unreadable(&error))?;
    }
    let stored = match link.room {
        Some(room) => store.load(room).map_err(|error| unreadable(&error))?,
        None => None,
    };

    let mut session = Session::start(&common, Stay::Keeps(store.clone())).await?;
    let result = tokio::select! {
        result = keep(&mut session, link, stored, &store, &address, &common) => result,
        () = stop.asked() => Ok(()),
    };
    session.close().await;
    result
}

async fn keep(
    session: &mut Session,
    link: RoomAddress,
    stored: Option<StoredRoom>,
    store: &RedbStore,
    address: &str,
    common: &Common,
) -> Result<(), Failure> {
    let room = session.join(link, stored).await?;
    if let Some(id) = session.room_id(room).await? {
        // Only the bare address would not find the room at the next start; the canvas is not concerned.
        if let Err(error) = store.note_address(address, id) {
            tracing::warn!(%error, "the room's address is not noted");
        }
    }
    tell_ready(session, room, address, common).await?;
    session.stay();
    let mut notices = Notices::default();
    loop {
        let event = session.next().await?;
        let is_stroke = matches!(event, Event::CanvasChanged { .. });
        if common.json {
            if let Some(line) = watch::line(&event).filter(|_| !is_stroke) {
                print_line(line)?;
            }
        } else if let Some(line) = notices.line(&event) {
            print_line(line)?;
        }
    }
}

/// Says that the room is open and what is kept of it. The link's secret does not belong into a log.
async fn tell_ready(
    session: &mut Session,
    room: RoomHandle,
    address: &str,
    common: &Common,
) -> Result<(), Failure> {
    let canvas = session.canvas(room).await?;
    let words = format!(
        "Keeping {address}: {} of {} painted so far. Stop with Ctrl-C.",
        counted(canvas.painted, "cell"),
        canvas.size
    );
    let value = json!({
        "event": "ready",
        "address": address,
        "peer": session.endpoint().peer.to_string(),
        "cells": canvas.painted,
        "width": canvas.size.width,
        "height": canvas.size.height,
    });
    common.tell(&words, &value)
}

/// Reads the size of a history.
fn history_size(text: &str) -> Result<u64, String> {
    match bytes::parse(text)? {
        size if size == 0 || size >= BYTES_LEAST => Ok(size),
        _ => Err(format!("a history has at least {}, or write none", bytes::format(BYTES_LEAST))),
    }
}

/// `http://HOST/place/CODE`: what is the same for a room's link with and without its fragment.
fn bare_address(link: &RoomAddress) -> String {
    RoomAddress { room: None, secret: None, ..link.clone() }.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_off_or_of_some_size() {
        assert_eq!((history_size("none"), history_size("1GiB")), (Ok(0), Ok(1 << 30)));
        assert!(history_size("1KiB").unwrap_err().contains("1 MiB"));
    }

    #[test]
    fn a_bare_address_has_no_secret() {
        let link = "http://127.0.0.1:8080/place/k7m4qx".parse::<RoomAddress>().unwrap();
        let whole = RoomAddress {
            room: Some(meshwork_core::id::RoomId([1; 32])),
            secret: Some(meshwork_core::id::Secret([2; 16])),
            ..link.clone()
        };
        assert_eq!(bare_address(&whole), "http://127.0.0.1:8080/place/K7M4QX");
        assert_eq!(bare_address(&whole), bare_address(&link));
    }
}
