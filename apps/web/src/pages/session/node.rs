//! The page's node, and the room that the page is in.

use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use meshwork::look::Look;
use meshwork::{Chat, KeptRoom, Room};
use meshwork_chat::Chat as _;
use meshwork_core::id::{Endpoint, PeerId, RoomId};
use meshwork_core::node::{CommandError, Node, RoomHandle};
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::time::{Time, WallTime};
use meshwork_rtc::web::{Driver, StorageError};

/// What every part of a session reaches node and room by. Copies are the same one.
#[derive(Clone, Copy)]
pub struct PageNode {
    look: StoredValue<Look, LocalStorage>,
    /// The room as the library has it.
    held: StoredValue<Option<Room>, LocalStorage>,
    pub(super) room: RwSignal<Option<RoomHandle>>,
}

impl PageNode {
    pub(super) fn new(look: Look) -> PageNode {
        PageNode {
            look: StoredValue::new_local(look),
            held: StoredValue::new_local(None),
            room: RwSignal::new(None),
        }
    }

    /// The page is in this room from now on, or in none. One that it was in is left.
    pub(super) fn hold(self, room: Option<RoomHandle>) {
        let held = room.map(|room| self.look.get_value().room(room));
        let before = self.held.try_update_value(|now| std::mem::replace(now, held)).flatten();
        // Tasks that still hold it end.
        before.into_iter().for_each(Room::leave);
        self.room.set(room);
    }

    /// The room as the library has it.
    pub fn library(self) -> Option<Room> {
        self.held.get_value()
    }

    /// The room's conversation.
    pub(super) fn chat(self) -> Option<Chat> {
        Some(self.library()?.chat())
    }

    // What stands in each generic call once is not compiled again for each.
    #[inline(never)]
    pub(super) fn driver(self) -> Driver {
        self.look.with_value(|look| look.driver().clone())
    }

    #[inline(never)]
    fn room_now(self) -> Option<RoomHandle> {
        self.room.get_untracked()
    }

    /// Which endpoint this page is.
    pub fn endpoint(self) -> Endpoint {
        self.driver().endpoint()
    }

    /// Who one is.
    pub fn peer(self) -> PeerId {
        self.endpoint().peer
    }

    /// Calls the node.
    pub fn with<R>(self, call: impl FnOnce(&mut Node, Time) -> R) -> R {
        self.driver().with(call)
    }

    /// Does something in the room, if there is one.
    pub fn with_room<R>(self, work: impl FnOnce(&mut Node, Time, RoomHandle) -> R) -> Option<R> {
        let room = self.room_now()?;
        self.look.get_value().with(|node, now| work(node, now, room))
    }

    /// Looks at the room, if there is one.
    pub fn look<R>(self, look: impl FnOnce(&Node, RoomHandle) -> R) -> Option<R> {
        let room = self.room_now()?;
        self.look.get_value().look(|node| look(node, room))
    }

    /// Does in the room what it may refuse.
    pub fn command<T>(
        self,
        act: impl FnOnce(&mut Node, Time, RoomHandle) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        self.with_room(act).unwrap_or(Err(CommandError::NotOpen))
    }

    /// Whether this is the room.
    pub fn is_in(self, room: RoomHandle) -> bool {
        self.room_now() == Some(room)
    }

    /// The room's id, once known.
    pub fn room_id(self) -> Option<RoomId> {
        self.look(|node, room| node.room(room).id()).flatten()
    }

    /// The room's time, in ms.
    pub fn room_time_ms(self) -> u64 {
        let wall = self.with_room(|node, now, room| node.room(room).time(now)).flatten();
        wall.map_or(0, WallTime::as_millis)
    }

    /// Whether a relay is known for the room.
    pub(crate) fn knows_relay(self) -> bool {
        self.look(|node, room| node.room(room).knows_relay()).unwrap_or(false)
    }

    /// The rooms that this browser keeps, the longest unused first; none in a browser that stores nothing.
    pub(super) async fn kept(self) -> Vec<KeptRoom> {
        self.look.get_value().endpoint().rooms().await.unwrap_or_default()
    }

    /// Removes everything that this browser has of a room that the page is not in.
    pub(super) async fn forget(self, room: RoomId) -> Result<(), StorageError> {
        self.look.get_value().forget(room).await
    }

    /// The name that one typed stays in the room with what one wrote there, unless one removed it there. Nobody else's name, and
    /// none that was made up.
    pub(crate) fn keep_name(self) {
        // A name that cannot be written now goes with a later post.
        let _ = self.with_room(|node, now, room| node.keep_name(now, room, true));
    }

    /// Notes by which link the room is found again.
    pub(super) fn note_link(self, address: &RoomAddress) {
        if let Some(id) = address.room() {
            self.driver().note_link(id, address);
        }
    }
}
