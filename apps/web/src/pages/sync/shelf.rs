//! The blobs that this page holds of the room, for each tab that has any, and for others who ask.

use std::rc::Rc;

use leptos::task::spawn_local;

use super::super::shelf::{self, Shelf};
use super::state::Sync;

/// The shelf of the room; it is opened once. None where the page shows no room, or the part that has it cannot be loaded.
pub(super) async fn of(sync: Sync) -> Option<Rc<dyn Shelf>> {
    if let Some(shelf) = sync.shelf() {
        return Some(shelf);
    }
    let room = sync.session.with_room(|node, _, room| node.room(room).id()).flatten()?;
    let opened = shelf::open(sync.session, room, sync.slot).await.ok()?.await;
    sync.share_shelf(opened)
}

/// Hands others the blobs that they ask for, and takes those that are fetched.
pub(super) fn serve(sync: Sync) {
    spawn_local(async move {
        if let Some(shelf) = of(sync).await {
            shelf.carry_out().await;
        }
    });
}
