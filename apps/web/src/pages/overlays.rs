//! The overlays of large rooms: a part of the program that is loaded before a room is joined.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::wasm_split;
use meshwork_core::overlay::maker;

use super::browser;
use super::parts::{Loaded, pauses};
use super::session::Session;

/// Loads the part and hands it to the node; where that fails it is said, and tried again afterwards until it succeeds.
pub(crate) async fn load(session: Session) {
    let is_tried_again = session.are_overlays_missing.get_untracked();
    if !is_tried_again && !hand_in(session).await {
        spawn_local(async move {
            // It is said already, so that there is no hurry.
            for pause in pauses().skip(1) {
                browser::pause(pause).await;
                if hand_in(session).await {
                    break;
                }
            }
        });
    }
}

/// Whether it is done, or the session has gone with its page.
async fn hand_in(session: Session) -> bool {
    let is_missing = enter(session).await.is_err();
    session.are_overlays_missing.try_set(is_missing).is_some() || !is_missing
}

/// The door to the part, which nothing else names the code of.
#[wasm_split(overlays, wasm_split_path = ::leptos::wasm_split, fallible)]
fn enter(session: Session) -> Loaded<()> {
    session.node.with(|node, now| node.set_overlays(now, maker::all));
    Ok(())
}
