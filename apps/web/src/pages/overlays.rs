//! The overlays of large rooms: a part of the program that is loaded when a room wants one of them.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::wasm_split;
use meshwork_core::overlay::maker;

use super::parts::Loaded;
use super::session::Session;

/// How long after the part could not be loaded it is tried again, at first and at most.
const AGAIN_LEAST: Duration = Duration::from_secs(2);
const AGAIN_MOST: Duration = Duration::from_secs(60);

/// Loads the part and hands it to the node; where that fails it is said, and tried again until it succeeds.
pub(crate) fn load(session: Session) {
    load_again(session, AGAIN_LEAST);
}

fn load_again(session: Session, pause: Duration) {
    spawn_local(async move {
        let is_missing = enter(session).await.is_err();
        // The session may have gone with its page.
        if session.are_overlays_missing.try_set(is_missing).is_none() && is_missing {
            set_timeout(move || load_again(session, AGAIN_MOST.min(2 * pause)), pause);
        }
    });
}

/// The door to the part, which nothing else names the code of.
#[wasm_split(overlays, wasm_split_path = ::leptos::wasm_split, fallible)]
fn enter(session: Session) -> Loaded<()> {
    session.with_node(|node, now| node.set_overlays(now, maker::all));
    Ok(())
}
