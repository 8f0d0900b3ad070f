//! Lanes: messages to linked members, and their messages to the application.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::attachments::{Attachment, Attachments};
use super::{Entry, Rooms};
use crate::id::Endpoint;
use crate::lanes::{Allowance, Datagram, Passed, ToAll, Unreliable};
use crate::links::message::LinkMessage;
use crate::node::commands::CommandError;
use crate::node::common::Own;
use crate::node::links::Links;
use crate::room::Room;
use crate::seam::event::{Event, Refusal, RoomHandle};
use crate::seam::lane::{Audience, Slot, Topic};
use crate::time::Now;
use crate::wire::Bytes;

/// The part of rooms that lanes need.
pub(in crate::node) struct Lanes<'a> {
    rooms: &'a mut BTreeMap<RoomHandle, Box<Entry>>,
    attachments: &'a mut Attachments,
    datagrams: &'a mut u32,
}

impl Rooms {
    /// For sending and receiving on lanes.
    pub(in crate::node) fn lanes(&mut self) -> Lanes<'_> {
        let Rooms { rooms, attachments, datagrams, .. } = self;
        Lanes { rooms, attachments, datagrams }
    }
}

impl Lanes<'_> {
    /// Sets our presence in a room. Returns whether it must be sent at once.
    ///
    /// # Errors
    /// [`CommandError::NoSuchRoom`], [`CommandError::NotOpen`] or [`CommandError::PresenceTooLong`].
    pub(in crate::node) fn set_presence(
        &mut self,
        own: &Own,
        handle: RoomHandle,
        slot: Slot,
        state: &[u8],
    ) -> Result<bool, CommandError> {
        self.open(own, handle)?;
        let state =
            Bytes::new(state.to_vec()).map_err(|error| CommandError::PresenceTooLong(error.length))?;
        let entry = self.rooms.get_mut(&handle).ok_or(CommandError::NoSuchRoom(handle))?;
        entry.presence.set(own.time(), slot, state);
        Ok(entry.presence.is_due(own.time()))
    }

    fn open(&mut self, own: &Own, handle: RoomHandle) -> Result<(&mut Room, Now), CommandError> {
        let entry = self.rooms.get_mut(&handle).ok_or(CommandError::NoSuchRoom(handle))?;
        entry.open(own).ok_or(CommandError::NotOpen)
    }

    /// Sends our due presence.
    pub(in crate::node) fn say_presence(&mut self, own: &Own, links: &mut Links) {
        for (&handle, entry) in &mut *self.rooms {
            if let Some(room) = entry.room.as_mut().filter(|room| !room.membership().is_full_mesh()) {
                let present = room.kept().present(own.now);
                let may = |slot| may_be_heard(Some(&*room), own.me, slot);
                for (slot, state) in entry.presence.take_passed(own.time(), may) {
                    room.talking().present(present, &own.identity, slot, &state);
                }
            }
            if !entry.presence.is_due(own.time()) {
                continue;
            }
            let hears = |one: &Attachment| one.is_told(handle) && one.is_attached(handle);
            let members = self.attachments.iter().filter(|(_, one)| hears(one));
            let members: Vec<Endpoint> = members.map(|(endpoint, _)| endpoint).collect();
            for said in entry.presence.take_quick(own.time(), handle.0) {
                queue(links, &members, &Unreliable::Presence(said));
            }
            entry.presence.tell_rested(own.time(), handle.0, &members, |member, said| {
                links.of_mut(member).is_some_and(|link| link.send(&LinkMessage::Presence(said)))
            });
        }
    }

    /// We will leave a room: ends our presence for members without a link.
    pub(in crate::node) fn end_presence(&mut self, own: &Own, handle: RoomHandle) {
        let Some(Entry { room: Some(room), presence, .. }) = self.rooms.get_mut(&handle).map(Box::as_mut)
        else {
            return;
        };
        if !room.membership().is_full_mesh() {
            let present = room.kept().present(own.now);
            for slot in presence.shown() {
                room.talking().present(present, &own.identity, slot, &[]);
            }
        }
    }

    /// Removes the presence of members that left a room.
    pub(super) fn forget_presence(
        &mut self,
        own: &mut Own,
        handle: RoomHandle,
        is_gone: impl Fn(Endpoint) -> bool,
    ) {
        let Some(Entry { presence, .. }) = self.rooms.get_mut(&handle).map(Box::as_mut) else { return };
        for (endpoint, slot) in presence.forget(|endpoint, _| is_gone(endpoint)) {
            own.event(Event::Presence { room: handle, endpoint, slot, state: None });
        }
    }

    /// The rules of a room changed, or a peer was admitted: hides and shows presence accordingly.
    pub(in crate::node) fn handle_rules(&mut self, own: &mut Own, handle: RoomHandle) {
        let Some(Entry { room, presence, .. }) = self.rooms.get_mut(&handle).map(Box::as_mut) else { return };
        let changed = presence.handle_heard(|endpoint, slot| may_be_heard(room.as_ref(), endpoint, slot));
        for (endpoint, slot, state) in changed {
            let state = Some(state).filter(|state| !state.is_empty());
            own.event(Event::Presence { room: handle, endpoint, slot, state });
        }
    }

    /// Sends a datagram to linked members.
    ///
    /// # Errors
    /// As for [`RoomMut::send_datagram`](crate::node::RoomMut::send_datagram).
    pub(in crate::node) fn send_datagram(
        &mut self,
        own: &Own,
        links: &mut Links,
        handle: RoomHandle,
        to: Audience,
        (slot, topic): (Slot, &Topic),
        bytes: &[u8],
    ) -> Result<(), CommandError> {
        let sequence = self.datagrams.wrapping_add(1);
        let (room, now) = self.open(own, handle)?;
        if to == Audience::All {
            let bytes =
                Bytes::new(bytes.to_vec()).map_err(|error| CommandError::DatagramTooLong(error.length))?;
            room.talking().pass_to_all(now, slot, ToAll { sequence, topic: topic.clone(), bytes });
        }
        let bytes =
            Bytes::new(bytes.to_vec()).map_err(|error| CommandError::DatagramTooLong(error.length))?;
        *self.datagrams = sequence;
        let datagram = Datagram { room: handle.0, slot, topic: topic.clone(), sequence, bytes };
        let (bytes, stream) = Unreliable::Datagram(datagram).encode();
        let mut is_heard = false;
        let meant = match to {
            Audience::All => self.attachments.attached_to(handle),
            Audience::One(endpoint) => vec![endpoint],
        };
        for endpoint in meant {
            let Some(one) = self.attachments.get_mut(endpoint) else { continue };
            let is_meant = match to {
                Audience::All => one.is_told(handle),
                Audience::One(_) => one.hears(handle),
            };
            let Some(link) = links.id_of(endpoint).filter(|_| is_meant) else { continue };
            is_heard = true;
            one.note_said(own.time(), handle);
            if one.handed.count(own.time()).is_ok() {
                links.queue_datagram(link, bytes.clone(), stream);
            }
        }
        match to {
            Audience::One(endpoint) if !is_heard => Err(CommandError::NotLinked(endpoint)),
            _ => Ok(()),
        }
    }

    /// Forwards a datagram to everybody.
    pub(in crate::node) fn pass(
        &self,
        links: &mut Links,
        handle: RoomHandle,
        ways: &[Endpoint],
        batch: &[u8],
    ) {
        queue(links, ways, &Unreliable::Passed(Passed { room: handle.0, batch: batch.to_vec() }));
    }

    /// A linked endpoint sent a message on a lane, over either channel. An unknown number may be that of a room just
    /// left.
    pub(in crate::node) fn handle_lane(&mut self, own: &mut Own, from: Endpoint, said: Unreliable) {
        let Some(one) = self.attachments.get_mut(from) else { return };
        match said {
            Unreliable::Presence(said) => {
                let is_taken = is_taken(own, from, &mut one.presence, Refusal::Presence);
                let Some(room) = one.room(said.room).filter(|_| is_taken) else { return };
                let Some(entry) = self.rooms.get_mut(&room) else { return };
                let is_heard = may_be_heard(entry.room(), from, said.slot);
                if let Some(state) = entry.presence.handle_said(from, &said, is_heard) {
                    let state = Some(state).filter(|state| !state.is_empty());
                    own.event(Event::Presence { room, endpoint: from, slot: said.slot, state });
                }
            }
            Unreliable::Datagram(datagram) => {
                if is_taken(own, from, &mut one.taken, Refusal::Datagram)
                    && let Some(room) = one.room_of_lane(datagram.room)
                    && let Some(open) = self.rooms.get_mut(&room).and_then(|entry| entry.room.as_mut())
                    && may_be_heard(Some(open), from, datagram.slot)
                {
                    one.note_said(own.time(), room);
                    let Datagram { slot, topic, sequence, bytes, .. } = datagram;
                    open.talking().hear(from, slot, topic, sequence, bytes.into_inner());
                }
            }
            Unreliable::Passed(Passed { room, batch }) => {
                if is_taken(own, from, &mut one.taken, Refusal::Datagram)
                    && let Some(room) = one.room(room)
                    && let Ok((room, _)) = self.open(own, room)
                {
                    room.talking().handle_passed(from, &batch);
                }
            }
        }
    }
}

/// Queues a datagram for linked members.
fn queue(links: &mut Links, to: &[Endpoint], said: &Unreliable) {
    let (bytes, stream) = said.encode();
    for link in to.iter().filter_map(|&endpoint| links.id_of(endpoint)).collect::<Vec<_>>() {
        links.queue_datagram(link, bytes.clone(), stream);
    }
}

/// Whether a member may use lanes of an app in a room.
pub(super) fn may_be_heard(room: Option<&Room>, from: Endpoint, slot: Slot) -> bool {
    room.is_some_and(|room| room.kept().may_be_heard(slot.number(), from.peer))
}

/// Whether one more message of an endpoint is accepted. More is no violation, since a network may have delayed some.
fn is_taken(own: &mut Own, from: Endpoint, allowance: &mut Allowance, reason: Refusal) -> bool {
    match allowance.count(own.time()) {
        Ok(()) => return true,
        Err(0) => {}
        Err(refused) => {
            own.refuse_many(
                Some(from),
                reason,
                format!("{refused} times it said more than is taken"),
                refused,
            );
        }
    }
    false
}
