//! Rooms that are made, joined, refused and left, and what they want of the others.

use alloc::format;
use alloc::string::ToString as _;

use super::Node;
use super::rooms::persist_token;
use super::servers::REGISTRATIONS_MAX;
use super::view::{CommandError, RoomSpec, StoredRoom};
use crate::id::{Endpoint, Secret};
use crate::links::message::GoodbyeReason;
use crate::overlay::message::OverlayMessage;
use crate::room::RoomOutput;
use crate::room::genesis::Genesis;
use crate::room::message::RoomMessage;
use crate::seam::event::{Event, Refusal, RoomHandle, RoomRefusal};
use crate::seam::io::{Effect, ServerId};
use crate::signalling::address::RoomAddress;

impl Node {
    pub(super) fn add_created_room(&mut self, spec: RoomSpec) -> Result<RoomHandle, CommandError> {
        let (rooms, own) = (&mut self.base.rooms, &mut self.base.own);
        rooms.check_count()?;
        let secret = spec.private.then(|| Secret(own.rng.bytes()));
        let genesis = Genesis::new(&mut own.rng, own.me.peer, spec.kind, secret.as_ref());
        if !rooms.knows_app(&genesis) {
            return Err(CommandError::Kind(spec.kind));
        }
        let (bytes, id) = genesis.sign(&own.identity);
        let handle = rooms.insert(None, Some(id), secret);
        self.register_at(handle, &spec.server);
        let base = &mut self.base;
        base.rooms
            .open_room(&mut base.own, handle, genesis, bytes, id)
            .expect("the secret is the one just committed to, and the app was just asked");
        base.rooms.set_new(handle);
        base.rooms.store_genesis(&base.own, handle);
        base.servers.ask_for_room(&mut base.own, &base.rooms, handle, None);
        Ok(handle)
    }

    pub(super) fn add_joined_room(
        &mut self,
        address: RoomAddress,
        stored: Option<StoredRoom>,
    ) -> Result<RoomHandle, CommandError> {
        self.base.rooms.check_count()?;
        let stored = match stored {
            None => None,
            Some(stored) => {
                let wrong = |error: &dyn core::fmt::Display| CommandError::Stored(error.to_string());
                let (genesis, id) = Genesis::decode_signed(&stored.genesis).map_err(|error| wrong(&error))?;
                if address.room.is_some_and(|room| room != id) {
                    return Err(wrong(&format!("it is room {id}")));
                }
                Some((genesis, id, stored))
            }
        };
        let handle = self.base.rooms.insert(Some(address.code), address.room, address.secret);
        self.register_at(handle, &address.server);
        for server in address.further_servers.iter().take(REGISTRATIONS_MAX - 1) {
            self.register_at(handle, server);
        }
        if let Some((genesis, id, stored)) = stored {
            let base = &mut self.base;
            if let Err(reason) = base.rooms.open_room(&mut base.own, handle, genesis, stored.genesis, id) {
                self.refuse_room(handle, reason);
                return Ok(handle);
            }
            if let Some((room, now)) = base.rooms.room_mut(&base.own, handle) {
                room.kept_mut().restore_records(&stored.records);
                room.restore(now, stored.batches);
            }
        }
        let base = &mut self.base;
        base.servers.ask_for_room(&mut base.own, &base.rooms, handle, None);
        Ok(handle)
    }

    /// Looks for a room on one more server.
    pub(super) fn register_at(&mut self, handle: RoomHandle, base: &str) -> ServerId {
        let (server, is_first_room) = self.base.servers.register(&self.base.own, handle, base);
        if is_first_room {
            self.handle_server_timeouts();
        }
        server
    }

    /// The room cannot be entered: tells the application and forgets it.
    pub(super) fn refuse_room(&mut self, handle: RoomHandle, reason: RoomRefusal) {
        self.base.own.event(Event::RoomRefused { room: handle, reason });
        self.remove_room(handle);
    }

    /// Leaves a room, and closes what only it needed.
    pub(super) fn remove_room(&mut self, handle: RoomHandle) {
        let (base, connecting) = (&mut self.base, &mut self.connecting);
        if base.rooms.get(handle).is_none() {
            return;
        }
        base.servers.leave_room(&mut base.own, &base.rooms, handle);
        let unused = base.rooms.detach_all(&mut base.links, handle);
        base.known.forget_room(handle);
        for endpoint in unused {
            if let Some(link) = base.links.id_of(endpoint) {
                connecting.attempts().close(base, link, Some(GoodbyeReason::Unused));
            }
        }
        base.rooms.remove(handle);
        base.servers.remove_room(handle);
        connecting.forget_room(base, handle);
        base.servers.drop_unused(&mut base.own);
    }

    /// Carries out what rooms want. Returns whether there was nothing.
    pub(super) fn carry_out_room_outputs(&mut self) -> bool {
        let mut idle = true;
        for handle in self.base.rooms.handles() {
            while let Some(output) = self.base.rooms.poll_output(handle) {
                idle = false;
                self.carry_out(handle, output);
            }
        }
        idle
    }

    fn carry_out(&mut self, handle: RoomHandle, output: RoomOutput) {
        let (base, connecting) = (&mut self.base, &mut self.connecting);
        let Some(id) = base.rooms.room(handle).map(|room| room.kept().id()) else { return };
        match output {
            RoomOutput::Event(event) => base.own.event(event),
            RoomOutput::SayAgain => {
                if let Some((room, now)) = base.rooms.room_mut(&base.own, handle) {
                    room.say_again(now, &base.own.identity);
                }
            }
            RoomOutput::Send(to, message) => {
                base.rooms.send(&base.own, &mut base.links, handle, to, message);
            }
            RoomOutput::Persist { token, change } => {
                let token = persist_token(handle, token);
                base.own.effect(Effect::Persist { token, room: id, change });
            }
            RoomOutput::ReadHistory { token, from, bytes } => {
                let token = persist_token(handle, token);
                base.own.effect(Effect::ReadHistory { token, room: id, from, bytes });
            }
            RoomOutput::Seek(introduction, way) => {
                connecting.seek(base, handle, &introduction.announcement(), way);
            }
            RoomOutput::Unseek(endpoint) => connecting.unseek(base, handle, endpoint),
            RoomOutput::Drop(endpoint, why) => connecting.drop_neighbour(base, handle, endpoint, why),
            RoomOutput::Relink => connecting.relink(base, handle),
            RoomOutput::Offence(from, refusal, detail) => self.judge(from, Err((refusal, detail))),
            // Who cannot be heard cannot serve either.
            RoomOutput::Refused(from, Refusal::Withheld, _)
                if base.links.is_cut_off(base.own.time(), from) => {}
            RoomOutput::Refused(from, refusal, detail) => base.own.refuse(Some(from), refusal, detail),
            RoomOutput::RefusedMany(from, refusal, detail, count) => {
                base.own.refuse_many(Some(from), refusal, detail, count);
            }
        }
    }

    /// A member said something inside a room: introductions are not the room's, all else is.
    pub(super) fn handle_inside(&mut self, handle: RoomHandle, from: Endpoint, message: RoomMessage) {
        let (base, connecting) = (&mut self.base, &mut self.connecting);
        let done = match message {
            RoomMessage::AskIntroductions(asked) => {
                return connecting.handle_ask_introductions(base, handle, from, &asked);
            }
            RoomMessage::Introductions(introduced) => {
                return connecting.handle_introductions(base, handle, from, &introduced);
            }
            RoomMessage::Carry(carry) => connecting.handle_carry(base, handle, from, carry),
            RoomMessage::Overlay(OverlayMessage::Routed(routed)) => {
                connecting.handle_routed(base, handle, from, *routed)
            }
            RoomMessage::Sketch(message) => {
                return base.rooms.handle_sketch(&base.own, &mut base.links, handle, from, message);
            }
            message => {
                match &message {
                    RoomMessage::Neighbours(links) => {
                        connecting.handle_neighbours(base, handle, from, &links.endpoints);
                    }
                    RoomMessage::Overlay(OverlayMessage::Dropped) => {
                        base.rooms.attachments_mut().note_distant(handle, from)
                    }
                    _ => {}
                }
                if let Some((room, now)) = base.rooms.room_mut(&base.own, handle) {
                    room.handle_message(now, from, message);
                }
                return;
            }
        };
        self.judge(from, done);
    }
}
