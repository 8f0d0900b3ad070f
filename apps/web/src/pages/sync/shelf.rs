//! The blobs that this page holds of the room, for each tab that has any.

use std::rc::Rc;

use super::super::shelf::Shelf;
use super::state::Sync;

/// The shelf of the room; it is opened once. None where the page shows no room.
pub(super) async fn of(sync: Sync) -> Option<Rc<Shelf>> {
    if let Some(shelf) = sync.shelf() {
        return Some(shelf);
    }
    let room = sync.session.with_room(|node, _, room| node.room(room).id()).flatten()?;
    let opened = Rc::new(Shelf::open(sync.session, room).await);
    sync.share_shelf(opened)
}
