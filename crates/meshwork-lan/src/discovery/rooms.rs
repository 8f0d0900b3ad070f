//! The rooms of our node: what it registered, looks for and is in.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_core::id::{Code, Endpoint, RoomId};
use meshwork_core::signed::genesis::Genesis;
use meshwork_core::time::Time;

use crate::wire::{self, Ask, TAGS_MAX, Tag};

/// Members that the node is told of at once, as a server does: it finds the others through them.
pub(super) const NAMED_MAX: usize = 24;
/// Of those, members at one address: whoever repeats a room's tag under many keys hides no other.
pub(super) const NAMED_OF_ONE_MAX: usize = NAMED_MAX / 4;
/// Rooms that the node may look for at once.
pub(super) const LOOKUPS_MAX: usize = 16;

/// A room of which we have the genesis.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) genesis: Vec<u8>,
    pub(super) code: Code,
    /// Whether it is the commons of one network: nothing of it may come along to another.
    pub(super) is_local: bool,
    /// Whether the machine left the network of a local room: the node is to leave the room, too.
    pub(super) is_left: bool,
    pub(super) joined: Option<Joined>,
}

/// The state of a room that the node is in.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) tag: Tag,
    /// Those of whom the node was told.
    pub(super) told: BTreeSet<Endpoint>,
}

/// A room that the node looks for.
#[derive(Debug)]
pub(super) struct Lookup {
    pub(super) room: Option<RoomId>,
    pub(super) code: Option<Code>,
    /// How often the network was asked.
    pub(super) asked: usize,
    pub(super) next: Time,
    /// When the node is told that nobody answers.
    pub(super) unknown: Option<Time>,
}

impl Lookup {
    pub(super) fn ask(&self) -> Option<Ask> {
        let by_room = self.room.map(|room| Ask::Tag(Tag::new(&room, None)));
        by_room.or_else(|| self.code.map(Ask::Code))
    }

    /// Whether a room is the one that is looked for.
    pub(super) fn is_for(&self, room: &RoomId, code: Code) -> bool {
        self.room.map_or(self.code == Some(code), |wanted| wanted == *room)
    }
}

/// All rooms.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    pub(super) by_id: BTreeMap<RoomId, Room>,
    pub(super) lookups: Vec<Lookup>,
}

impl Rooms {
    /// Takes a checked genesis. Returns the code, or that there are too many.
    pub(super) fn register(&mut self, id: RoomId, genesis: &Genesis, bytes: &[u8]) -> Option<Code> {
        if self.by_id.len() >= TAGS_MAX && !self.by_id.contains_key(&id) {
            self.by_id.retain(|_, room| room.joined.is_some());
        }
        if self.by_id.len() >= TAGS_MAX && !self.by_id.contains_key(&id) {
            return None;
        }
        let room = self.by_id.entry(id).or_insert_with(|| Room {
            genesis: bytes.to_vec(),
            code: wire::code(&id),
            is_local: !genesis.is_stored(),
            is_left: false,
            joined: None,
        });
        // A node registers a room once in a conversation, unless it left it and enters it anew.
        room.is_left = false;
        Some(room.code)
    }

    pub(super) fn joined(&self) -> impl Iterator<Item = (&RoomId, &Room, &Joined)> {
        self.by_id.iter().filter_map(|(id, room)| Some((id, room, room.joined.as_ref()?)))
    }

    /// The room that members of this tag are in.
    pub(super) fn of_tag(&self, tag: Tag) -> Option<(&RoomId, &Room)> {
        self.joined().find(|(_, _, joined)| joined.tag == tag).map(|(id, room, _)| (id, room))
    }

    /// The room that somebody asks for.
    pub(super) fn of_ask(&self, ask: Ask) -> Option<(&RoomId, &Room)> {
        self.by_id.iter().find(|(id, room)| match ask {
            Ask::Tag(tag) => Tag::new(id, None) == tag,
            Ask::Code(code) => room.code == code,
        })
    }
}
