//! The node's side of a picture of who is linked to whom: what it says of its own links, and what others said.

use alloc::vec::Vec;
use core::time::Duration;

use super::Node;
use crate::id::Endpoint;
use crate::links::link::Link;
use crate::overlay::message::Tag;
use crate::overlay::sketch::{SEEN_MAX, SeenLink, Sight, SketchMessage};
use crate::room::message::RoomMessage;
use crate::seam::event::RoomHandle;
use crate::seam::path::Path;
use crate::text::shown;
use crate::time::Time;
use crate::wire::{Bounded, BoundedText};

impl Node {
    /// Asks a room's members to whom they are linked; [`Node::sights`] has what they say, from the next second on
    /// and for ten. To be called every few seconds while somebody looks, and never otherwise: everybody answers.
    /// More often than every four seconds it does nothing.
    pub fn look(&mut self, now: Time, room: RoomHandle) {
        self.advance(now);
        let id = self.rng.next_u64().to_le_bytes();
        let now = self.now.time;
        let Some(entry) = self.rooms.get_mut(&room) else { return };
        let Some(size) = entry.room.as_ref().map(|room| room.overlay().size) else { return };
        if let Some(look) = entry.sketch.look(now, id, size) {
            self.say_to_neighbours(room, None, &look);
            self.settle();
        }
    }

    /// To whom members of a room are linked: oneself first, by one's own knowledge, then others, by what they say.
    pub fn sights(&self, room: RoomHandle) -> Vec<Sight> {
        let fit_to_show =
            |sight: &Sight| Sight { name: BoundedText::truncated(&shown(&sight.name)), ..sight.clone() };
        let others = self.rooms.get(&room).map(|entry| entry.sketch.sights(self.now.time).map(fit_to_show));
        self.own_sight(room).into_iter().chain(others.into_iter().flatten()).collect()
    }

    /// A neighbour says something about who is linked to whom.
    pub(super) fn handle_sketch(&mut self, handle: RoomHandle, from: Endpoint, message: SketchMessage) {
        let now = self.now.time;
        let Some(entry) = self.rooms.get_mut(&handle) else { return };
        match message {
            SketchMessage::Look(id, hops_left) => {
                let Some(size) = entry.room.as_ref().map(|room| room.overlay().size) else { return };
                let Some(onward) = entry.sketch.handle_look(now, from, (id, hops_left), size) else { return };
                if let Some(own) = self.own_sight(handle) {
                    self.send_to_member(handle, from, RoomMessage::Sketch(SketchMessage::Sight(id, own)));
                }
                if let Some(onward) = onward {
                    self.say_to_neighbours(handle, Some(from), &onward);
                }
            }
            SketchMessage::Sight(id, sight) => {
                if let Some((to, message)) = entry.sketch.handle_sight(now, id, sight) {
                    self.send_to_member(handle, to, RoomMessage::Sketch(message));
                }
            }
        }
    }

    fn say_to_neighbours(&mut self, handle: RoomHandle, but: Option<Endpoint>, message: &SketchMessage) {
        let room = self.rooms.get(&handle).and_then(|entry| entry.room.as_ref());
        let neighbours = room.map(|room| room.overlay().neighbours).unwrap_or_default();
        for neighbour in neighbours.into_iter().filter(|neighbour| Some(neighbour.endpoint) != but) {
            self.send_to_member(handle, neighbour.endpoint, RoomMessage::Sketch(message.clone()));
        }
    }

    fn own_sight(&self, handle: RoomHandle) -> Option<Sight> {
        let view = self.rooms.get(&handle)?.room.as_ref()?.overlay();
        let seen = view.neighbours.iter().filter_map(|neighbour| {
            let link: &Link = self.links.get(&self.peers.get(&neighbour.endpoint)?.link?)?;
            let rtt = link.rtt().map_or(0, whole_ms);
            let relayed = link.path().kind() == Path::Relayed;
            Some(SeenLink { to: Tag::of(&neighbour.endpoint), rtt_ms: rtt, relayed, eager: neighbour.eager })
        });
        let links = Bounded::new(seen.take(SEEN_MAX).collect()).ok()?;
        Some(Sight { endpoint: self.me, name: BoundedText::truncated(&self.config.name), links })
    }
}

/// A round-trip time in whole ms, as a sight tells it.
fn whole_ms(rtt: Duration) -> u16 {
    u16::try_from(rtt.as_micros().div_ceil(1000)).unwrap_or(u16::MAX)
}
