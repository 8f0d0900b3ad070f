//! The endpoints that are attached to rooms over their links.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::id::Endpoint;
use crate::lanes::{Allowance, DATAGRAMS_SENT_MAX, DATAGRAMS_TAKEN_MAX, PRESENCE_TAKEN_MAX};
use crate::links::message::Renewed;
use crate::node::common::Own;
use crate::node::endpoints::Endpoints;
use crate::seam::event::RoomHandle;
use crate::time::Time;

/// The relation of a known endpoint to our rooms.
#[derive(Debug)]
pub(in crate::node) struct Attachment {
    /// Rooms in which we announced ourselves to it, over the present link.
    pub(super) sent: BTreeSet<RoomHandle>,
    /// Rooms that it proved to be in over the present link, by its numbers.
    pub(super) attached: BTreeMap<u32, RoomHandle>,
    /// Rooms to which it was attached over the previous link, and may attach again without an event, with the deadline.
    pub(super) reattaching: BTreeSet<RoomHandle>,
    reattach_until: Time,
    /// Rooms for which one of both ends does not know yet whether the other has access, by its number.
    pub(super) unsure: BTreeMap<RoomHandle, Option<u32>>,
    /// Its proofs of later secrets of rooms.
    pub(super) renewed: BTreeMap<RoomHandle, Renewed>,
    /// Rooms in which it visits us, or we visit it, over the present link.
    visits: BTreeMap<RoomHandle, Visit>,
    /// Rooms in which it was a member, but no neighbour, at its last report.
    pub(super) distant: BTreeSet<RoomHandle>,
    /// Limit of its presence updates.
    pub(super) presence: Allowance,
    /// Limit of datagrams from it.
    pub(super) taken: Allowance,
    /// Limit of datagrams to it.
    pub(super) handed: Allowance,
}

impl Attachment {
    fn new(now: Time) -> Attachment {
        Attachment {
            sent: BTreeSet::new(),
            attached: BTreeMap::new(),
            reattaching: BTreeSet::new(),
            reattach_until: now,
            unsure: BTreeMap::new(),
            renewed: BTreeMap::new(),
            visits: BTreeMap::new(),
            distant: BTreeSet::new(),
            presence: Allowance::new(PRESENCE_TAKEN_MAX),
            taken: Allowance::new(DATAGRAMS_TAKEN_MAX),
            handed: Allowance::new(DATAGRAMS_SENT_MAX),
        }
    }

    /// Whether it is attached to `room`, or was over the previous link and may be again.
    pub(super) fn is_attached(&self, room: RoomHandle) -> bool {
        self.attached.values().any(|attached| *attached == room) || self.reattaching.contains(&room)
    }

    /// Whether a room uses its link, or will.
    pub(super) fn is_used(&self) -> bool {
        let is_neighbour = !self.attached.is_empty() || !self.sent.is_empty() || !self.reattaching.is_empty();
        is_neighbour || !self.visits.is_empty()
    }

    /// Its proofs of later secrets of a room.
    pub(super) fn renewed(&self, room: RoomHandle) -> &[[u8; 32]] {
        self.renewed.get(&room).map(|proofs| &**proofs).unwrap_or_default()
    }

    /// Its number for a room in which it is a neighbour.
    fn number(&self, room: RoomHandle) -> Option<u32> {
        self.attached.iter().find(|(_, attached)| **attached == room).map(|(number, _)| *number)
    }

    /// Whether we announced ourselves to it in `room`.
    pub(super) fn is_told(&self, room: RoomHandle) -> bool {
        self.sent.contains(&room)
    }

    /// The room of this number of a neighbour.
    pub(super) fn room(&self, number: u32) -> Option<RoomHandle> {
        self.attached.get(&number).copied()
    }

    /// The room of this number of a neighbour or visitor.
    pub(super) fn room_of_lane(&self, number: u32) -> Option<RoomHandle> {
        let visited = || self.visits.iter().find(|(_, visit)| visit.number == Some(number));
        self.room(number).or_else(|| visited().map(|(room, _)| *room))
    }

    /// The rooms in which it is a neighbour, or both ends know of a visit.
    pub(super) fn rooms(&self) -> impl Iterator<Item = RoomHandle> {
        let visited = self.visits.iter().filter(|(_, visit)| visit.number.is_some());
        self.attached.values().chain(visited.map(|(room, _)| room)).copied()
    }

    /// Whether it receives direct messages in a room.
    pub(super) fn hears(&self, room: RoomHandle) -> bool {
        let visits = || self.visits.get(&room).is_some_and(|visit| visit.number.is_some());
        self.is_told(room) && self.is_attached(room) || visits()
    }

    /// A direct message in a room was sent to it, or by it.
    pub(super) fn note_said(&mut self, now: Time, room: RoomHandle) {
        if let Some(visit) = self.visits.get_mut(&room) {
            visit.said = now;
        }
    }

    /// We announced a visit to it. Returns whether that is new.
    pub(super) fn begin_visit(&mut self, now: Time, room: RoomHandle) -> bool {
        let is_news = !self.visits.contains_key(&room);
        self.visits.entry(room).or_insert(Visit { number: None, said: now });
        is_news
    }

    /// A visit is over.
    pub(super) fn end_visit(&mut self, room: RoomHandle) {
        self.visits.remove(&room);
    }

    /// It visits us too, with this number for the room.
    pub(super) fn take_visit(&mut self, now: Time, room: RoomHandle, number: u32) {
        self.visits.retain(|other, visit| *other == room || visit.number != Some(number));
        self.visits.insert(room, Visit { number: Some(number), said: now });
    }

    /// The deadline for attaching again.
    pub(super) fn deadline(&self) -> Option<Time> {
        (!self.reattaching.is_empty()).then_some(self.reattach_until)
    }

    /// It is no longer related to a room.
    pub(super) fn remove(&mut self, room: RoomHandle) {
        self.remove_neighbour(room);
        self.unsure.remove(&room);
        self.renewed.remove(&room);
        self.visits.remove(&room);
    }

    /// It is no longer a neighbour in a room.
    fn remove_neighbour(&mut self, room: RoomHandle) {
        self.attached.retain(|_, attached| *attached != room);
        self.reattaching.remove(&room);
        self.sent.remove(&room);
    }
}

/// A room in which two ends of a link visit each other.
#[derive(Debug)]
struct Visit {
    /// The other end's number for it, once it announced its visit.
    number: Option<u32>,
    /// The time of the last message.
    said: Time,
}

/// All known endpoints.
#[derive(Debug, Default)]
pub(in crate::node) struct Attachments {
    ends: Endpoints<Attachment>,
}

impl Attachments {
    /// Forgets all endpoints.
    pub(super) fn clear(&mut self) {
        self.ends.clear();
    }

    /// All known endpoints.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Endpoint, &Attachment)> {
        self.ends.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (Endpoint, &mut Attachment)> {
        self.ends.iter_mut()
    }

    pub(super) fn get(&self, endpoint: Endpoint) -> Option<&Attachment> {
        self.ends.get(endpoint)
    }

    pub(super) fn get_mut(&mut self, endpoint: Endpoint) -> Option<&mut Attachment> {
        self.ends.get_mut(endpoint)
    }

    /// Endpoints that may have changed since the last call.
    pub(in crate::node) fn take_changed(&self) -> BTreeSet<Endpoint> {
        self.ends.take_changed()
    }

    /// The time at which an endpoint is late to attach again.
    pub(in crate::node) fn due(&self, endpoint: Endpoint) -> Option<Time> {
        self.ends.get(endpoint)?.deadline()
    }

    /// An endpoint is known from here on.
    pub(in crate::node) fn insert_endpoint(&mut self, now: Time, endpoint: Endpoint) {
        self.ends.insert(endpoint, Attachment::new(now));
    }

    /// An endpoint without link is no longer known.
    pub(in crate::node) fn remove_endpoint(&mut self, endpoint: Endpoint) {
        self.ends.remove(endpoint);
    }

    /// Whether an endpoint is attached to a room, or was over the previous link and may be again.
    pub(in crate::node) fn is_attached(&self, endpoint: Endpoint, room: RoomHandle) -> bool {
        self.ends.get(endpoint).is_some_and(|one| one.is_attached(room))
    }

    /// The members attached to a room.
    pub(in crate::node) fn attached_to(&self, room: RoomHandle) -> Vec<Endpoint> {
        self.ends.those(|one| one.is_attached(room))
    }

    /// The rooms to which an endpoint is attached.
    pub(in crate::node) fn rooms_of(&self, endpoint: Endpoint) -> Vec<RoomHandle> {
        self.get(endpoint).map(|one| one.rooms().collect()).unwrap_or_default()
    }

    /// Whether anybody is attached to a room.
    pub(in crate::node) fn has_attached(&self, room: RoomHandle) -> bool {
        self.ends.iter().any(|(_, one)| one.is_attached(room))
    }

    /// Whether an endpoint was a member of a room and no neighbour at its last report.
    pub(in crate::node) fn is_distant(&self, endpoint: Endpoint, room: RoomHandle) -> bool {
        self.ends.get(endpoint).is_some_and(|one| one.distant.contains(&room))
    }

    /// The same in any room.
    pub(in crate::node) fn is_distant_anywhere(&self, endpoint: Endpoint) -> bool {
        self.ends.get(endpoint).is_some_and(|one| !one.distant.is_empty())
    }

    /// A member is no neighbour, by choice of either end or for lack of space, and stays in the room.
    pub(in crate::node) fn note_distant(&mut self, room: RoomHandle, endpoint: Endpoint) {
        if let Some(one) = self.ends.get_mut(endpoint) {
            one.distant.insert(room);
        }
    }

    /// Whether we announced ourselves to an endpoint in any room, and it did not deny that since.
    pub(in crate::node) fn is_told_anywhere(&self, endpoint: Endpoint) -> bool {
        self.ends.get(endpoint).is_some_and(|one| !one.sent.is_empty())
    }

    /// An endpoint left all rooms.
    pub(in crate::node) fn forget_distant(&mut self, endpoint: Endpoint) {
        if let Some(one) = self.ends.get_mut(endpoint) {
            one.distant.clear();
        }
    }

    /// Whether a room uses the link to an endpoint, or will.
    pub(in crate::node) fn uses_link(&self, endpoint: Endpoint) -> bool {
        self.get(endpoint).is_some_and(Attachment::is_used)
    }

    /// Whether an endpoint receives direct messages in a room.
    pub(in crate::node) fn hears(&self, endpoint: Endpoint, room: RoomHandle) -> bool {
        self.get(endpoint).is_some_and(|one| one.hears(room) || one.is_attached(room))
    }

    /// Number of links for visits alone.
    pub(in crate::node) fn visits(&self) -> usize {
        self.ends.iter().filter(|(_, one)| !one.visits.is_empty() && one.attached.is_empty()).count()
    }

    /// The time of the last message on a visit that both ends know of.
    pub(in crate::node) fn visited(&self, endpoint: Endpoint, room: RoomHandle) -> Option<Time> {
        let visit = self.get(endpoint)?.visits.get(&room)?;
        visit.number.map(|_| visit.said)
    }

    /// A neighbour in a room becomes a visitor, with its number for the room.
    pub(in crate::node) fn keep_as_visit(&mut self, now: Time, endpoint: Endpoint, room: RoomHandle) {
        let Some(one) = self.ends.get_mut(endpoint) else { return };
        let number = one.number(room);
        one.remove_neighbour(room);
        if let Some(number) = number {
            one.take_visit(now, room, number);
        }
    }

    /// A direct message in a room was sent to an endpoint, or by it.
    pub(in crate::node) fn note_said(&mut self, now: Time, endpoint: Endpoint, room: RoomHandle) {
        if let Some(one) = self.ends.get_mut(endpoint) {
            one.note_said(now, room);
        }
    }

    /// A visit is over.
    pub(in crate::node) fn end_visit(&mut self, endpoint: Endpoint, room: RoomHandle) {
        if let Some(one) = self.ends.get_mut(endpoint) {
            one.end_visit(room);
        }
    }

    /// The room of this number of an endpoint, for direct messages.
    pub(in crate::node) fn numbered_for_lanes(&self, endpoint: Endpoint, number: u32) -> Option<RoomHandle> {
        self.ends.get(endpoint)?.room_of_lane(number)
    }

    /// The room of this number of an endpoint; an unknown one may be that of a room just left.
    pub(in crate::node) fn numbered(&self, endpoint: Endpoint, number: u32) -> Option<RoomHandle> {
        self.ends.get(endpoint)?.room(number)
    }

    /// The room of this number of an endpoint, for which one end does not know yet whether the other has access.
    pub(in crate::node) fn numbered_unsure(&self, endpoint: Endpoint, number: u32) -> Option<RoomHandle> {
        let mut unsure = self.ends.get(endpoint)?.unsure.iter();
        unsure.find(|(_, named)| **named == Some(number)).map(|(room, _)| *room)
    }

    /// The number of an endpoint as a neighbour of a room.
    pub(in crate::node) fn number(&self, endpoint: Endpoint, room: RoomHandle) -> Option<u32> {
        self.ends.get(endpoint)?.number(room)
    }

    /// An endpoint's proofs of later secrets of a room.
    pub(in crate::node) fn renewed(&self, endpoint: Endpoint, room: RoomHandle) -> Renewed {
        let one = self.ends.get(endpoint);
        one.and_then(|one| one.renewed.get(&room)).cloned().unwrap_or_default()
    }

    /// An endpoint attaches to a room with these proofs, and one of us does not know yet whether the other has access.
    /// It considers us detached, so it must be informed again. `number` is its own for the room, if known.
    pub(in crate::node) fn note_unsure(
        &mut self,
        handle: RoomHandle,
        endpoint: Endpoint,
        number: Option<u32>,
        renewed: Renewed,
    ) {
        if let Some(one) = self.ends.get_mut(endpoint) {
            one.sent.remove(&handle);
            one.unsure.insert(handle, number);
            one.renewed.insert(handle, renewed);
        }
    }

    /// An endpoint and a room are no longer related.
    pub(in crate::node) fn unattach(&mut self, handle: RoomHandle, endpoint: Endpoint) {
        if let Some(one) = self.ends.get_mut(endpoint) {
            one.remove(handle);
        }
    }

    /// An endpoint is no longer a neighbour in a room, and its visit goes on.
    pub(in crate::node) fn unattach_neighbour(&mut self, handle: RoomHandle, endpoint: Endpoint) {
        if let Some(one) = self.ends.get_mut(endpoint) {
            one.remove_neighbour(handle);
        }
    }

    /// Removes the rooms of an endpoint from its link, which will be replaced: it may attach to them again over the
    /// next one, without an event meanwhile.
    pub(in crate::node) fn keep_attached(&mut self, own: &Own, endpoint: Endpoint) {
        if let Some(one) = self.ends.get_mut(endpoint) {
            one.sent.clear();
            one.visits.clear();
            one.reattaching.extend(core::mem::take(&mut one.attached).into_values());
            one.reattach_until = own.time() + own.config.resume_probe;
        }
    }

    /// Removes the rooms of an endpoint from its link, which is gone, including those with records alone. Detach them.
    pub(in crate::node) fn take_attached(&mut self, endpoint: Endpoint) -> BTreeSet<RoomHandle> {
        let Some(one) = self.ends.get_mut(endpoint) else { return BTreeSet::new() };
        one.sent.clear();
        one.visits.clear();
        let mut attached: BTreeSet<RoomHandle> = core::mem::take(&mut one.attached).into_values().collect();
        attached.extend(core::mem::take(&mut one.unsure).into_keys());
        attached.append(&mut one.reattaching);
        attached
    }

    /// Removes the rooms that an endpoint did not attach to again. Detach them.
    pub(in crate::node) fn take_reattaching(&mut self, endpoint: Endpoint) -> BTreeSet<RoomHandle> {
        self.ends.get_mut(endpoint).map(|one| core::mem::take(&mut one.reattaching)).unwrap_or_default()
    }

    /// Whether an endpoint may attach again.
    pub(in crate::node) fn is_reattaching(&self, endpoint: Endpoint) -> bool {
        self.ends.get(endpoint).is_some_and(|one| !one.reattaching.is_empty())
    }

    /// Endpoints that did not attach again in time.
    pub(in crate::node) fn late(&self, now: Time) -> Vec<Endpoint> {
        let is_late = |one: &Attachment| one.deadline().is_some_and(|until| until <= now);
        self.ends.those(is_late)
    }

    #[cfg(test)]
    pub(in crate::node) fn attached(&self, endpoint: Endpoint) -> BTreeMap<u32, RoomHandle> {
        self.ends.get(endpoint).expect("it is known").attached.clone()
    }
}
