//! The documents of a room, which each of its members keeps: a part of its own, loaded before such a room is entered.

use std::hint::black_box;
use std::sync::OnceLock;
use std::time::Duration;

use leptos::prelude::*;
use leptos::wasm_split::wasm_split;
use meshwork_core::replica::Replica;
use meshwork_core::room::MakeReplica;
use meshwork_core::signed::app::{AppParameters, AppWord};

use super::browser;
use super::parts::Loaded;
use super::session::Session;

/// How long after the part could not be loaded it is tried again, at first and at most.
const AGAIN_LEAST: Duration = Duration::from_secs(1);
const AGAIN_MOST: Duration = Duration::from_secs(30);

static MAKE: OnceLock<MakeReplica> = OnceLock::new();

/// Loads the part unless an app is named that is without documents. A member that kept none would hold back from others
/// what it was sent for them, so nothing is entered before; that the part is missing is said meanwhile.
pub(crate) async fn load(session: Session, named: Option<&AppWord>) {
    if named.is_some_and(|app| *app == meshwork_place::app()) {
        return;
    }
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
