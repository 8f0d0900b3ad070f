//! A picture of the links of a room: our own, and those that others report.

use alloc::vec::Vec;
use core::time::Duration;

use super::Rooms;
use crate::id::Endpoint;
use crate::node::common::Own;
use crate::node::links::Links;
use crate::overlay::message::Tag;
use crate::overlay::sketch::{SEEN_MAX, SeenLink, Sight, SketchMessage};
use crate::room::Room;
use crate::room::message::RoomMessage;
use crate::seam::event::RoomHandle;
use crate::seam::path::Path;
use crate::text::shown;
use crate::wire::{Bounded, BoundedText};

impl Rooms {
    /// Requests the links of a room's members. Returns whether enough time has passed since the last request.
    pub(in crate::node) fn look(&mut self, own: &mut Own, links: &mut Links, handle: RoomHandle) -> bool {
        let id = own.rng.next_u64().to_le_bytes();
        let Some(entry) = self.rooms.get_mut(&handle) else { return false };
        let Some(size) = entry.room.as_ref().map(|room| room.membership().view().size) else { return false };
        let look = entry.sketch.look(own.time(), id, size);
        if let Some(look) = &look {
            self.say_to_neighbours(own, links, handle, None, look);
        }
        look.is_some()
    }

    /// The links of members of a room: first our own, then others, by their own reports.
    pub(in crate::node) fn sights(&self, own: &Own, links: &Links, handle: RoomHandle) -> Vec<Sight> {
        let fit_to_show =
            |sight: &Sight| Sight { name: BoundedText::truncated(&shown(&sight.name)), ..sight.clone() };
        let others = self.rooms.get(&handle).map(|entry| entry.sketch.sights(own.time()).map(fit_to_show));
        own_sight(own, links, self.room(handle)).into_iter().chain(others.into_iter().flatten()).collect()
    }

    /// A neighbour sends a message about links.
    pub(in crate::node) fn handle_sketch(
        &mut self,
        own: &Own,
        links: &mut Links,
        handle: RoomHandle,
        from: Endpoint,
        message: SketchMessage,
    ) {
        let now = own.time();
        let Some(entry) = self.rooms.get_mut(&handle) else { return };
        match message {
            SketchMessage::Look(id, hops_left) => {
                let Some(size) = entry.room.as_ref().map(|room| room.membership().view().size) else {
                    return;
                };
                let Some(onward) = entry.sketch.handle_look(now, from, (id, hops_left), size) else { return };
                if let Some(sight) = own_sight(own, links, entry.room.as_ref()) {
                    let message = RoomMessage::Sketch(SketchMessage::Sight(id, sight));
                    self.send(own, links, handle, &[from], &message);
                }
                if let Some(onward) = onward {
                    self.say_to_neighbours(own, links, handle, Some(from), &onward);
                }
            }
            SketchMessage::Sight(id, sight) => {
                if let Some((to, message)) = entry.sketch.handle_sight(now, id, sight) {
                    self.send(own, links, handle, &[to], &RoomMessage::Sketch(message));
                }
            }
        }
    }

    fn say_to_neighbours(
        &mut self,
        own: &Own,
        links: &mut Links,
        handle: RoomHandle,
        but: Option<Endpoint>,
        message: &SketchMessage,
    ) {
        let neighbours =
            self.room(handle).map(|room| room.membership().view().neighbours).unwrap_or_default();
        let targets = neighbours.into_iter().map(|neighbour| neighbour.endpoint);
        let targets: Vec<Endpoint> = targets.filter(|endpoint| Some(*endpoint) != but).collect();
        self.send(own, links, handle, &targets, &RoomMessage::Sketch(message.clone()));
    }
}

fn own_sight(own: &Own, links: &Links, room: Option<&Room>) -> Option<Sight> {
    let view = room.map(|room| room.membership().view())?;
    let seen = view.neighbours.iter().filter_map(|neighbour| {
        let link = links.of(neighbour.endpoint)?;
        let rtt = link.rtt().map_or(0, whole_ms);
        let relayed = link.path().kind() == Path::Relayed;
        Some(SeenLink { to: Tag::of(&neighbour.endpoint), rtt_ms: rtt, relayed, eager: neighbour.eager })
    });
    let links = Bounded::new(seen.take(SEEN_MAX).collect()).ok()?;
    Some(Sight { endpoint: own.me, name: BoundedText::truncated(&own.config.name), links })
}

/// A round-trip time in whole ms, as in a report.
fn whole_ms(rtt: Duration) -> u16 {
    u16::try_from(rtt.as_micros().div_ceil(1000)).unwrap_or(u16::MAX)
}
