//! Who is attached to which room over its link.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::id::Endpoint;
use crate::lanes::{Allowance, DATAGRAMS_SENT_MAX, DATAGRAMS_TAKEN_MAX, PRESENCE_TAKEN_MAX};
use crate::links::message::Renewed;
use crate::node::endpoints::Endpoints;
use crate::node::own::Own;
use crate::seam::event::RoomHandle;
use crate::time::Time;

/// What an endpoint that is known has to do with our rooms.
#[derive(Debug)]
pub(in crate::node) struct Attachment {
    /// Rooms that we told it we are in, over the present link.
    pub(super) sent: BTreeSet<RoomHandle>,
    /// Rooms that it proved to be in over the present link, by its number for them.
    pub(super) attached: BTreeMap<u32, RoomHandle>,
    /// Rooms to which it was attached over the link before this one, and until when it may attach again without
    /// anybody noticing.
    pub(super) reattaching: BTreeSet<RoomHandle>,
    reattach_until: Time,
    /// Rooms of which one of both ends cannot tell yet whether the other has access, by its number for them.
    pub(super) unsure: BTreeMap<RoomHandle, Option<u32>>,
    /// What it shows of the secrets that were put in the place of the rooms' first.
    pub(super) renewed: BTreeMap<RoomHandle, Renewed>,
    /// Rooms in which it visits us, or we it, over the present link.
    visits: BTreeMap<RoomHandle, Visit>,
    /// Rooms in which it was a member, but no neighbour, when it was last heard of.
    pub(super) distant: BTreeSet<RoomHandle>,
    /// How often it says something of itself.
    pub(super) presence: Allowance,
    /// Datagrams that are taken from it.
    pub(super) taken: Allowance,
    /// Datagrams that are handed to it.
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

    /// Whether it is attached to `room`, or was over the link before and is about to be again.
    pub(super) fn is_attached(&self, room: RoomHandle) -> bool {
        self.attached.values().any(|attached| *attached == room) || self.reattaching.contains(&room)
    }

    /// Whether a room uses its link, or is about to.
    pub(super) fn is_used(&self) -> bool {
        let is_neighbour = !self.attached.is_empty() || !self.sent.is_empty() || !self.reattaching.is_empty();
        is_neighbour || !self.visits.is_empty()
    }

    /// What it shows of the secrets that were put in the place of a room's first.
    pub(super) fn renewed(&self, room: RoomHandle) -> &[[u8; 32]] {
        self.renewed.get(&room).map(|proofs| &**proofs).unwrap_or_default()
    }

    /// Its number for a room in which it is a neighbour.
    fn number(&self, room: RoomHandle) -> Option<u32> {
        self.attached.iter().find(|(_, attached)| **attached == room).map(|(number, _)| *number)
    }

    /// Whether it was told that we are in `room`.
    pub(super) fn is_told(&self, room: RoomHandle) -> bool {
        self.sent.contains(&room)
    }

    /// The room that it calls by this number as a neighbour.
    pub(super) fn room(&self, number: u32) -> Option<RoomHandle> {
        self.attached.get(&number).copied()
    }

    /// The room that it calls by this number, as a neighbour or on a visit.
    pub(super) fn room_of_lane(&self, number: u32) -> Option<RoomHandle> {
        let visited = || self.visits.iter().find(|(_, visit)| visit.number == Some(number));
        self.room(number).or_else(|| visited().map(|(room, _)| *room))
    }

    /// The rooms in which it is a neighbour, or both ends know of a visit.
    pub(super) fn rooms(&self) -> impl Iterator<Item = RoomHandle> {
        let visited = self.visits.iter().filter(|(_, visit)| visit.number.is_some());
        self.attached.values().chain(visited.map(|(room, _)| room)).copied()
    }

    /// Whether it hears what is said to it alone in a room.
    pub(super) fn hears(&self, room: RoomHandle) -> bool {
        let visits = || self.visits.get(&room).is_some_and(|visit| visit.number.is_some());
        self.is_told(room) && self.is_attached(room) || visits()
    }

    /// Something was said to it alone in a room, or by it.
    pub(super) fn note_said(&mut self, now: Time, room: RoomHandle) {
        if let Some(visit) = self.visits.get_mut(&room) {
            visit.said = now;
        }
    }

    /// It was told that we visit it, if that is news.
    pub(super) fn begin_visit(&mut self, now: Time, room: RoomHandle) -> bool {
        let is_news = !self.visits.contains_key(&room);
        self.visits.entry(room).or_insert(Visit { number: None, said: now });
        is_news
    }

    /// A visit is over.
    pub(super) fn end_visit(&mut self, room: RoomHandle) {
        self.visits.remove(&room);
    }

    /// It visits us too, and calls the room by this number.
    pub(super) fn take_visit(&mut self, now: Time, room: RoomHandle, number: u32) {
        self.visits.retain(|other, visit| *other == room || visit.number != Some(number));
        self.visits.insert(room, Visit { number: Some(number), said: now });
    }

    /// Until when rooms may be attached again.
    pub(super) fn deadline(&self) -> Option<Time> {
        (!self.reattaching.is_empty()).then_some(self.reattach_until)
    }

    /// It has nothing to do with a room any more.
    pub(super) fn remove(&mut self, room: RoomHandle) {
        self.remove_neighbour(room);
        self.unsure.remove(&room);
        self.renewed.remove(&room);
        self.visits.remove(&room);
    }

    /// It is no neighbour in a room any more.
    fn remove_neighbour(&mut self, room: RoomHandle) {
        self.attached.retain(|_, attached| *attached != room);
        self.reattaching.remove(&room);
        self.sent.remove(&room);
    }
}

/// A room in which two ends of a link visit each other.
#[derive(Debug)]
struct Visit {
    /// The other end's number for it, once it said that it visits too.
    number: Option<u32>,
    /// When something was said last.
    said: Time,
}

/// All who are known.
#[derive(Debug, Default)]
pub(in crate::node) struct Attachments {
    ends: Endpoints<Attachment>,
}

impl Attachments {
    /// Forgets everybody.
    pub(super) fn clear(&mut self) {
        self.ends.clear();
    }

    /// All who are known.
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

    /// Of whom something may have changed since this was last asked.
    pub(in crate::node) fn take_changed(&self) -> BTreeSet<Endpoint> {
        self.ends.take_changed()
    }

    /// When an endpoint is late that is expected to attach again.
    pub(in crate::node) fn due(&self, endpoint: Endpoint) -> Option<Time> {
        self.ends.get(endpoint)?.deadline()
    }

    /// Somebody is known from here on.
    pub(in crate::node) fn insert_endpoint(&mut self, now: Time, endpoint: Endpoint) {
        self.ends.insert(endpoint, Attachment::new(now));
    }

    /// Somebody is known no longer, who has no link.
    pub(in crate::node) fn remove_endpoint(&mut self, endpoint: Endpoint) {
        self.ends.remove(endpoint);
    }

    /// Whether an endpoint is attached to a room, or was over the link before and is about to be again.
    pub(in crate::node) fn is_attached(&self, endpoint: Endpoint, room: RoomHandle) -> bool {
        self.ends.get(endpoint).is_some_and(|one| one.is_attached(room))
    }

    /// Who is attached to a room.
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

    /// Whether an endpoint was a member of a room and no neighbour when it was last heard of.
    pub(in crate::node) fn is_distant(&self, endpoint: Endpoint, room: RoomHandle) -> bool {
        self.ends.get(endpoint).is_some_and(|one| one.distant.contains(&room))
    }

    /// The same in any room.
    pub(in crate::node) fn is_distant_anywhere(&self, endpoint: Endpoint) -> bool {
        self.ends.get(endpoint).is_some_and(|one| !one.distant.is_empty())
    }

    /// A member is no neighbour, by choice of either end or since one has no place for the other, and stays in the room.
    pub(in crate::node) fn note_distant(&mut self, room: RoomHandle, endpoint: Endpoint) {
        if let Some(one) = self.ends.get_mut(endpoint) {
            one.distant.insert(room);
        }
    }

    /// Whether an endpoint was told over its link that we are in a room, and did not say since that it is not in it with us.
    pub(in crate::node) fn is_told_anywhere(&self, endpoint: Endpoint) -> bool {
        self.ends.get(endpoint).is_some_and(|one| !one.sent.is_empty())
    }

    /// Somebody left, wherever it was a member.
    pub(in crate::node) fn forget_distant(&mut self, endpoint: Endpoint) {
        if let Some(one) = self.ends.get_mut(endpoint) {
            one.distant.clear();
        }
    }

    /// Whether a room uses the link to an endpoint, or is about to.
    pub(in crate::node) fn uses_link(&self, endpoint: Endpoint) -> bool {
        self.get(endpoint).is_some_and(Attachment::is_used)
    }

    /// Whether an endpoint hears what is said to it alone in a room.
    pub(in crate::node) fn hears(&self, endpoint: Endpoint, room: RoomHandle) -> bool {
        self.get(endpoint).is_some_and(|one| one.hears(room) || one.is_attached(room))
    }

    /// How many are linked for visits alone.
    pub(in crate::node) fn visits(&self) -> usize {
        self.ends.iter().filter(|(_, one)| !one.visits.is_empty() && one.attached.is_empty()).count()
    }

    /// When something was said last on a visit that both ends know of.
    pub(in crate::node) fn visited(&self, endpoint: Endpoint, room: RoomHandle) -> Option<Time> {
        let visit = self.get(endpoint)?.visits.get(&room)?;
        visit.number.map(|_| visit.said)
    }

    /// A neighbour in a room is a visitor from here on, by the number by which it calls the room.
    pub(in crate::node) fn keep_as_visit(&mut self, now: Time, endpoint: Endpoint, room: RoomHandle) {
        let Some(one) = self.ends.get_mut(endpoint) else { return };
        let number = one.number(room);
        one.remove_neighbour(room);
        if let Some(number) = number {
            one.take_visit(now, room, number);
        }
    }

    /// Something was said to an endpoint alone in a room, or by it.
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

    /// The room that an endpoint calls by a number where it says something to us alone.
    pub(in crate::node) fn numbered_for_lanes(&self, endpoint: Endpoint, number: u32) -> Option<RoomHandle> {
        self.ends.get(endpoint)?.room_of_lane(number)
    }

    /// The room that an endpoint calls by a number; one that is not attached may be that of a room just left.
    pub(in crate::node) fn numbered(&self, endpoint: Endpoint, number: u32) -> Option<RoomHandle> {
        self.ends.get(endpoint)?.room(number)
    }

    /// The room that an endpoint calls by a number of which it, or we, cannot tell yet whether the other has access.
    pub(in crate::node) fn numbered_unsure(&self, endpoint: Endpoint, number: u32) -> Option<RoomHandle> {
        let mut unsure = self.ends.get(endpoint)?.unsure.iter();
        unsure.find(|(_, named)| **named == Some(number)).map(|(room, _)| *room)
    }

    /// The number by which an endpoint calls a room as a neighbour.
    pub(in crate::node) fn number(&self, endpoint: Endpoint, room: RoomHandle) -> Option<u32> {
        self.ends.get(endpoint)?.number(room)
    }

    /// What an endpoint shows of the secrets that were put in the place of a room's first.
    pub(in crate::node) fn renewed(&self, endpoint: Endpoint, room: RoomHandle) -> Renewed {
        let one = self.ends.get(endpoint);
        one.and_then(|one| one.renewed.get(&room)).cloned().unwrap_or_default()
    }

    /// An endpoint attaches to a room and shows these secrets, and one of us cannot tell yet whether the other has access. It takes
    /// us for detached, so it is to be told anew that we are there. `number` is its own for the room, where that is known.
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

    /// An endpoint and a room have nothing to do with each other any more.
    pub(in crate::node) fn unattach(&mut self, handle: RoomHandle, endpoint: Endpoint) {
        if let Some(one) = self.ends.get_mut(endpoint) {
            one.remove(handle);
        }
    }

    /// An endpoint is no neighbour in a room any more, and its visit goes on.
    pub(in crate::node) fn unattach_neighbour(&mut self, handle: RoomHandle, endpoint: Endpoint) {
        if let Some(one) = self.ends.get_mut(endpoint) {
            one.remove_neighbour(handle);
        }
    }

    /// Takes the rooms of an endpoint from its link, which is about to be replaced: it may attach to them again
    /// over the next one, and meanwhile nobody is told.
    pub(in crate::node) fn keep_attached(&mut self, own: &Own, endpoint: Endpoint) {
        if let Some(one) = self.ends.get_mut(endpoint) {
            one.sent.clear();
            one.visits.clear();
            one.reattaching.extend(core::mem::take(&mut one.attached).into_values());
            one.reattach_until = own.time() + own.config.resume_probe;
        }
    }

    /// Takes the rooms of an endpoint from its link, which is gone, those too in which only records passed between us. They are to
    /// be detached.
    pub(in crate::node) fn take_attached(&mut self, endpoint: Endpoint) -> BTreeSet<RoomHandle> {
        let Some(one) = self.ends.get_mut(endpoint) else { return BTreeSet::new() };
        one.sent.clear();
        one.visits.clear();
        let mut attached: BTreeSet<RoomHandle> = core::mem::take(&mut one.attached).into_values().collect();
        attached.extend(core::mem::take(&mut one.unsure).into_keys());
        attached.append(&mut one.reattaching);
        attached
    }

    /// Takes the rooms that an endpoint did not attach to again. They are to be detached.
    pub(in crate::node) fn take_reattaching(&mut self, endpoint: Endpoint) -> BTreeSet<RoomHandle> {
        self.ends.get_mut(endpoint).map(|one| core::mem::take(&mut one.reattaching)).unwrap_or_default()
    }

    /// Whether an endpoint is expected to attach again.
    pub(in crate::node) fn is_reattaching(&self, endpoint: Endpoint) -> bool {
        self.ends.get(endpoint).is_some_and(|one| !one.reattaching.is_empty())
    }

    /// Those who did not attach again in time.
    pub(in crate::node) fn late(&self, now: Time) -> Vec<Endpoint> {
        let is_late = |one: &Attachment| one.deadline().is_some_and(|until| until <= now);
        self.ends.those(is_late)
    }

    #[cfg(test)]
    pub(in crate::node) fn attached(&self, endpoint: Endpoint) -> BTreeMap<u32, RoomHandle> {
        self.ends.get(endpoint).expect("it is known").attached.clone()
    }
}
