//! How a party begins: from files, as a room whose app is Play and whose blobs hold the game.

use std::collections::BTreeMap;
use std::sync::Arc;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::web_sys::File;
use meshwork_core::id::{Code, PeerId};
use meshwork_core::node::{RoomSpec, ServerState};
use meshwork_core::room::rules::terms::Terms;
use meshwork_core::seam::lane::Slot;
use meshwork_play::{Package, Party, parameters};
use meshwork_web::texts::{self, notices::Notice};

use super::super::browser;
use super::super::session::apps::word;
use super::super::session::{Phase, Session};
use super::entry::about;
use super::trust;

/// How a package begins.
const MAGIC: &[u8] = b"MWGAME1\n";

/// The game in these files, each with its path.
///
/// # Errors
/// In words, why they are none.
pub(super) async fn package_of(files: Vec<(String, File)>) -> Result<Package, String> {
    let mut read = BTreeMap::new();
    for (path, file) in files {
        let bytes = browser::bytes_of(&file).await.ok_or(texts::play::READ_FAILED)?;
        read.insert(path, bytes);
    }
    let packed = read.values().next().filter(|bytes| read.len() == 1 && bytes.starts_with(MAGIC));
    let package = match packed {
        Some(bytes) => Package::read(Arc::from(bytes.as_slice())),
        None => Package::pack(&read),
    };
    package.map_err(|error| texts::sentence(&error.to_string()))
}

/// The reason for which no party begins while one is asked for: the page's own, or that of the room or its server.
pub(super) fn notice(
    session: Session,
    is_busy: RwSignal<bool>,
    problem: RwSignal<Option<String>>,
) -> Option<Notice> {
    if let Some(reason) = problem.get() {
        return Some(texts::notices::refused(&reason));
    }
    match (is_busy.get(), session.phase.get(), session.servers.best.get()) {
        (true, Phase::Refused(notice), _) => Some(notice),
        (true, _, Some(ServerState::Away { reason })) => Some(texts::notices::server_away(false, &reason)),
        _ => None,
    }
}

/// Makes a party of a game, which has a code and an author if it is published. The page of the room follows when the server
/// knows the room.
///
/// # Errors
/// In words, why not.
pub(super) fn party(
    session: Session,
    package: &Package,
    is_private: bool,
    published: Option<(Code, PeerId)>,
) -> Result<(), String> {
    if published.is_none() {
        trust::trust_own(package.id());
    }
    let (code, author) = published.unzip();
    let party = Party::of(package, author.unwrap_or(session.node.peer()), code);
    let spec = RoomSpec {
        servers: vec![browser::server()],
        app: word(about()),
        parameters: parameters(&party),
        private: is_private,
    };
    session.make(spec, Terms::default(), |_, _, _| Ok(()))?;
    let bytes = package.bytes().to_vec();
    spawn_local(async move {
        if let Some(shelf) = session.shelf(Slot::GENESIS) {
            // A party without its package shows that it has none.
            let _ = shelf.put(&bytes).await;
        }
    });
    Ok(())
}
