//! The documents of a room, which each of its members keeps: a part of its own, loaded before such a room is entered.

use std::hint::black_box;
use std::sync::OnceLock;
use std::time::Duration;

use leptos::prelude::*;
use leptos::wasm_split::wasm_split;
use meshwork_core::id::RoomId;
use meshwork_core::replica::Replica;
use meshwork_core::room::MakeReplica;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::signed::app::{AppParameters, AppWord};
use meshwork_rtc::web::ROOMS_KEPT_MAX;

use super::browser;
use super::parts::Loaded;
use super::session::Session;

/// How long after the part could not be loaded it is tried again, at first and at most.
const AGAIN_LEAST: Duration = Duration::from_secs(1);
const AGAIN_MOST: Duration = Duration::from_secs(30);

/// Under this name a profile keeps in which rooms documents were turned on, the last of them first.
const KEY: &str = "meshwork-documents";

static MAKE: OnceLock<MakeReplica> = OnceLock::new();

/// Whether a room may have documents, as far as its address says, and what this browser remembers of it.
pub(crate) fn are_wanted(address: &RoomAddress) -> bool {
    come_with(address.app()) || address.room().is_some_and(are_remembered)
}

/// Whether a room of an app may have documents from its beginning; any may while the app is not known.
pub(crate) fn come_with(app: Option<&AppWord>) -> bool {
    app.is_none_or(|app| *app != meshwork_place::app())
}

/// Whether this browser remembers that a room has documents beside what it opened with.
pub(crate) fn are_remembered(room: RoomId) -> bool {
    remembered().lines().any(|line| line == room.to_string())
}

/// Remembers that a room has documents beside what it opened with.
pub(crate) fn remember(room: RoomId) {
    let (before, room) = (remembered(), room.to_string());
    if before.lines().next() == Some(&*room) {
        return;
    }
    let others = before.lines().filter(|line| *line != room).take(ROOMS_KEPT_MAX);
    browser::store(KEY, &[&*room].into_iter().chain(others).collect::<Vec<_>>().join("\n"));
}

/// Forgets whether a room has documents.
pub(crate) fn forget(room: RoomId) {
    let (before, room) = (remembered(), room.to_string());
    browser::store(KEY, &before.lines().filter(|line| *line != room).collect::<Vec<_>>().join("\n"));
}

fn remembered() -> String {
    browser::stored(KEY).unwrap_or_default()
}

/// Whether the part is here.
pub(crate) fn are_here() -> bool {
    MAKE.get().is_some()
}

/// Loads the part. A member that kept no documents would hold back from others what it was sent for them, so a room that has
/// some is not entered before; that the part is missing is said meanwhile.
pub(crate) async fn load(session: Session) {
    let mut pause = AGAIN_LEAST;
    while enter().await.is_err() {
        session.is_part_missed.set(true);
        browser::pause(pause).await;
        pause = AGAIN_MOST.min(2 * pause);
    }
    session.is_part_missed.set(false);
}

/// What an app keeps in step beside tables, where the part is there.
pub(crate) fn make(app: &AppWord, parameters: &AppParameters) -> Option<Box<dyn Replica>> {
    MAKE.get().and_then(|make| make(app, parameters))
}

/// The door to the part, which nothing else names the code of.
#[wasm_split(documents, wasm_split_path = ::leptos::wasm_split, fallible)]
fn enter() -> Loaded<()> {
    // A compiler that saw that it is never anything else would call it by name, from outside the part.
    MAKE.get_or_init(|| black_box(meshwork_sync::make));
    Ok(())
}
