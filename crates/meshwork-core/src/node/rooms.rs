//! The node's side of rooms: opening and leaving them, attaching members, routing what rooms and links say.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::Node;
use super::overlays::FULL_AFTER;
use super::registration::Registration;
use super::storing::{persist_token, split_token};
use super::view::{CommandError, RoomSpec, StoredRoom};
use super::{ROOMS_MAX, SERVE_QUEUE};
use crate::id::{Code, Endpoint, RoomId, Secret};
use crate::links::link::{Link, SEND_QUEUE_MAX};
use crate::links::message::{Attach, Detach, DetachReason, GoodbyeReason, LinkMessage};
use crate::overlay::message::OverlayMessage;
use crate::overlay::sketch::Sketch;
use crate::presence::Presence;
use crate::room::genesis::{Access, Genesis};
use crate::room::message::RoomMessage;
use crate::room::writing::WriteError;
use crate::room::{Member, Room, RoomOutput};
use crate::seam::description::Role;
use crate::seam::event::{Event, Refusal, RoomHandle, RoomRefusal};
use crate::seam::io::{Effect, LinkId, ServerId};
use crate::signalling::address::{FURTHER_SERVERS_MAX, RoomAddress, check_server, signalling_url};
use crate::signalling::announce::Introduction;
use crate::text::shown;
use crate::time::Time;
use crate::wire::BoundedText;

/// Servers on which one room is looked for: its own, and those that an address may name besides.
pub(super) const REGISTRATIONS_MAX: usize = 1 + FURTHER_SERVERS_MAX;

/// A room that the node is in, or on its way into.
#[derive(Debug)]
pub(super) struct Entry {
    /// Where its members can be found; the first one's LINK is the room's.
    pub(super) registrations: Vec<Registration>,
    /// The code it was asked for by.
    pub(super) wanted_code: Option<Code>,
    /// The id it was asked for by.
    pub(super) wanted_room: Option<RoomId>,
    /// Its secret, if it is private and we know it.
    pub(super) secret: Option<Secret>,
    /// The room itself, once its genesis is known.
    pub(super) room: Option<Room>,
    /// Its members' cursors.
    pub(super) presence: Presence,
    /// Members that said that it is full while nobody took us in; at most
    /// [`FULL_SAYERS`](super::overlays::FULL_SAYERS).
    pub(super) full: BTreeSet<Endpoint>,
    /// When so many had said so.
    pub(super) full_since: Option<Time>,
    /// What is known of links that are not ours, while somebody looks.
    pub(super) sketch: Sketch,
    /// It was made here and no server knows it yet: the first one says which overlay it would like.
    pub(super) is_new: bool,
}

impl Entry {
    /// When it is judged whether the room is full, once enough members said so.
    pub(super) fn full_judged(&self) -> Option<Time> {
        self.full_since.map(|since| since + FULL_AFTER)
    }

    /// The room's id, once it is known.
    pub(super) fn id(&self) -> Option<RoomId> {
        self.room.as_ref().map(Room::id).or(self.wanted_room)
    }

    /// The LINK, once the room is registered.
    pub(super) fn address(&self) -> Option<RoomAddress> {
        let room = self.room.as_ref()?.id();
        let known = |registration: &&Registration| registration.code.is_some();
        let first = self.registrations.iter().find(known)?;
        let others = self.registrations.iter().filter(|other| other.server != first.server);
        Some(RoomAddress {
            server: first.base.clone(),
            code: first.code?,
            room: Some(room),
            secret: self.secret,
            further_servers: others.map(|other| other.base.clone()).collect(),
        })
    }

    /// Whether an answer of `server` about `room` under `code` is one that was asked for.
    pub(super) fn asked_for(&self, server: ServerId, room: RoomId, code: Code) -> bool {
        match self.id() {
            Some(id) => id == room,
            // A code means something on its own server alone.
            None => self.is_first(server) && self.wanted_code == Some(code),
        }
    }

    /// Whether `server` is the one by which the room was made or asked for.
    pub(super) fn is_first(&self, server: ServerId) -> bool {
        self.registrations.first().is_some_and(|first| first.server == server)
    }

    /// What `server` knows of the room, when it is asked at all.
    pub(super) fn registration(&mut self, server: ServerId) -> Option<&mut Registration> {
        self.registrations.iter_mut().find(|registration| registration.server == server)
    }

    /// Whether the room is looked for on `server`.
    pub(super) fn uses(&self, server: ServerId) -> bool {
        self.registrations.iter().any(|registration| registration.server == server)
    }
}

impl Node {
    pub(super) fn add_created_room(&mut self, spec: RoomSpec) -> Result<RoomHandle, CommandError> {
        self.check_room_count()?;
        let secret = spec.private.then(|| Secret(self.rng.bytes()));
        let genesis = Genesis::new(&mut self.rng, self.me.peer, spec.kind, secret.as_ref());
        if (self.apps)(&genesis).is_none() {
            return Err(CommandError::Kind(spec.kind));
        }
        let (bytes, id) = genesis.sign(&self.identity);
        let handle = self.add_entry(&[spec.server], None, Some(id), secret);
        self.open_room(handle, genesis, bytes, id)
            .expect("the secret is the one just committed to, and the app was just asked");
        if let Some(entry) = self.rooms.get_mut(&handle) {
            entry.is_new = true;
        }
        self.store_genesis(handle);
        self.ask_servers_for_room(handle);
        Ok(handle)
    }

    pub(super) fn add_joined_room(
        &mut self,
        address: RoomAddress,
        stored: Option<StoredRoom>,
    ) -> Result<RoomHandle, CommandError> {
        self.check_room_count()?;
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
        let mut servers = address.further_servers;
        servers.truncate(REGISTRATIONS_MAX - 1);
        servers.insert(0, address.server);
        let handle = self.add_entry(&servers, Some(address.code), address.room, address.secret);
        if let Some((genesis, id, stored)) = stored {
            match self.open_room(handle, genesis, stored.genesis, id) {
                Ok(()) => self.restore(handle, &stored.records, stored.batches),
                Err(reason) => {
                    self.refuse_room(handle, reason);
                    return Ok(handle);
                }
            }
        }
        self.ask_servers_for_room(handle);
        Ok(handle)
    }

    /// Registers a room with one more server.
    pub(super) fn add_registration(&mut self, handle: RoomHandle, base: &str) -> Result<(), CommandError> {
        check_server(base).map_err(|error| CommandError::Server(error.to_string()))?;
        let entry = self.rooms.get(&handle).ok_or(CommandError::NoSuchRoom(handle))?;
        if entry.registrations.len() >= REGISTRATIONS_MAX {
            return Err(CommandError::TooManyServers(REGISTRATIONS_MAX));
        }
        let server = self.register_at(handle, base);
        self.ask_server_for_room(handle, server);
        Ok(())
    }

    fn register_at(&mut self, handle: RoomHandle, base: &str) -> ServerId {
        let base = base.trim_end_matches('/');
        let server = self.server(signalling_url(base));
        if let Some(entry) = self.rooms.get_mut(&handle).filter(|entry| !entry.uses(server)) {
            let base = String::from(base);
            entry.registrations.push(Registration::new(server, base));
        }
        server
    }

    fn check_room_count(&self) -> Result<(), CommandError> {
        if self.rooms.len() >= ROOMS_MAX { Err(CommandError::TooManyRooms(ROOMS_MAX)) } else { Ok(()) }
    }

    fn add_entry(
        &mut self,
        bases: &[String],
        wanted_code: Option<Code>,
        wanted_room: Option<RoomId>,
        secret: Option<Secret>,
    ) -> RoomHandle {
        let handle = RoomHandle(self.next_room);
        self.next_room += 1;
        let registrations = Vec::new();
        let (presence, sketch) = (Presence::default(), Sketch::default());
        let entry = Entry {
            registrations,
            wanted_code,
            wanted_room,
            secret,
            room: None,
            presence,
            sketch,
            full: BTreeSet::new(),
            full_since: None,
            is_new: false,
        };
        self.rooms.insert(handle, entry);
        for base in bases {
            self.register_at(handle, base);
        }
        handle
    }

    /// Opens a room whose genesis is known and checked, if its secret and its app are.
    pub(super) fn open_room(
        &mut self,
        handle: RoomHandle,
        genesis: Genesis,
        bytes: Vec<u8>,
        id: RoomId,
    ) -> Result<(), RoomRefusal> {
        let Some(entry) = self.rooms.get_mut(&handle) else { return Ok(()) };
        match (genesis.access, entry.secret) {
            (Access::Open, _) => entry.secret = None,
            (Access::Secret { .. }, None) => return Err(RoomRefusal::SecretMissing),
            (Access::Secret { commitment }, Some(secret)) if secret.commitment() != commitment => {
                return Err(RoomRefusal::SecretWrong);
            }
            (Access::Secret { .. }, Some(_)) => {}
        }
        let made = (self.apps)(&genesis);
        let unknown =
            || RoomRefusal::WrongRoom(String::from("its app or the size of what it keeps is not known"));
        let replica = made.ok_or_else(unknown)?;
        let mut room = Room::new(handle, id, genesis, bytes, replica, self.me, &self.config);
        let seed = *blake3::keyed_hash(&self.overlay_seed, &id.0).as_bytes();
        room.set_own(Introduction::from(&self.announcement), seed, self.overlays);
        room.set_links_most(self.config.links_most);
        entry.room = Some(room);
        self.event(Event::RoomOpened { room: handle, id });
        Ok(())
    }

    /// Stores the genesis of a room that was just opened, and not restored.
    pub(super) fn store_genesis(&mut self, handle: RoomHandle) {
        if let Some(room) = self.rooms.get_mut(&handle).and_then(|entry| entry.room.as_mut()) {
            room.handle_opened(room.present(self.now));
        }
    }

    fn restore(&mut self, handle: RoomHandle, records: &[u8], batches: Vec<Vec<u8>>) {
        if let Some(room) = self.rooms.get_mut(&handle).and_then(|entry| entry.room.as_mut()) {
            room.restore_records(records);
            room.restore(room.present(self.now), batches);
        }
    }

    /// The room cannot be entered: tells the application and forgets it.
    pub(super) fn refuse_room(&mut self, handle: RoomHandle, reason: RoomRefusal) {
        self.event(Event::RoomRefused { room: handle, reason });
        self.remove_room(handle);
    }

    /// Leaves a room, and closes what only it needed.
    pub(super) fn remove_room(&mut self, handle: RoomHandle) {
        let Some(id) = self.rooms.get(&handle).map(Entry::id) else { return };
        self.leave_on_servers(handle);
        let mut unused: Vec<LinkId> = Vec::new();
        for peer in self.peers.values_mut() {
            peer.remove_room(handle);
            peer.rooms.remove(&handle);
            let attached = peer.is_attached(handle);
            peer.attached.retain(|_, room| *room != handle);
            peer.reattaching.remove(&handle);
            let told = peer.sent_attach.remove(&handle);
            let Some(link) = peer.link.filter(|_| attached || told) else { continue };
            if let (Some(state), Some(room)) = (self.links.get_mut(&link), id) {
                state.send(&LinkMessage::Detach(Detach { room, reason: DetachReason::Left }));
            }
            if peer.attached.is_empty() && peer.sent_attach.is_empty() {
                unused.push(link);
            }
        }
        for link in unused {
            self.close_link(link, Some(GoodbyeReason::Unused));
        }
        self.rooms.remove(&handle);
        self.introductions.forget_room(handle);
        self.forget_by_hand(handle);
        self.drop_unused_servers();
    }

    /// Tells a linked endpoint that we are in a room.
    pub(super) fn send_attach(&mut self, endpoint: Endpoint, handle: RoomHandle) {
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        if !peer.sent_attach.contains(&handle)
            && self.tell_attach(endpoint, handle)
            && let Some(peer) = self.peers.get_mut(&endpoint)
        {
            peer.sent_attach.insert(handle);
        }
    }

    pub(super) fn tell_attach(&mut self, endpoint: Endpoint, handle: RoomHandle) -> bool {
        let Some(entry) = self.rooms.get(&handle) else { return false };
        let Some(room) = &entry.room else { return false };
        let link = self.peers.get(&endpoint).and_then(|peer| peer.link);
        let Some(link) = link.and_then(|link| self.links.get_mut(&link)) else { return false };
        let role = link.role();
        let proof = match (&entry.secret, link.transcript()) {
            (Some(secret), Some(transcript)) => Some(transcript.room_proof(&room.id(), secret, role)),
            _ => None,
        };
        link.send(&LinkMessage::Attach(Attach {
            room: room.id(),
            number: handle.0,
            proof,
            name: BoundedText::truncated(&self.config.name),
            stays: self.config.stays,
            stores: room.stores(),
        }))
    }

    /// Tells all members what we call ourselves now.
    pub(super) fn announce_name(&mut self) {
        let told: Vec<(Endpoint, RoomHandle)> = self
            .peers
            .iter()
            .flat_map(|(&endpoint, peer)| peer.sent_attach.iter().map(move |&room| (endpoint, room)))
            .collect();
        for (endpoint, handle) in told {
            self.tell_attach(endpoint, handle);
        }
    }

    /// A message of a linked endpoint that is about rooms.
    pub(super) fn handle_room_message(&mut self, from: Endpoint, message: LinkMessage) {
        match message {
            LinkMessage::Attach(attach) => self.handle_attach(from, &attach),
            LinkMessage::Detach(detach) => self.handle_detach(from, detach),
            LinkMessage::Room { kind, body } => self.open_room_message(from, kind, &body),
            // The link and its session are handled elsewhere.
            _ => {}
        }
    }

    /// Reads what a linked endpoint said in a room. Kinds that are not known are skipped.
    fn open_room_message(&mut self, from: Endpoint, kind: u32, body: &[u8]) {
        let Some(peer) = self.peers.get(&from) else { return };
        match RoomMessage::decode(kind, body) {
            Ok(Some((number, message))) => {
                // A number that is not attached may be that of a room just left: not an offence.
                let Some(&handle) = peer.attached.get(&number) else { return };
                self.handle_inside(handle, from, message);
            }
            Ok(None) => {}
            Err(error) => {
                if let Some(link) = peer.link.and_then(|link| self.links.get_mut(&link)) {
                    link.refuse(format!("kind {kind}: {error}"));
                }
            }
        }
    }

    /// A member said something inside a room: introductions are the node's, all else is the room's.
    fn handle_inside(&mut self, handle: RoomHandle, from: Endpoint, message: RoomMessage) {
        match message {
            RoomMessage::AskIntroductions(asked) => self.handle_ask_introductions(handle, from, &asked),
            RoomMessage::Introductions(introduced) => self.handle_introductions(handle, from, &introduced),
            RoomMessage::Carry(carry) => self.handle_carry(handle, from, carry),
            RoomMessage::Overlay(OverlayMessage::Routed(routed)) => self.handle_routed(handle, from, *routed),
            RoomMessage::Sketch(message) => self.handle_sketch(handle, from, message),
            message => {
                match &message {
                    RoomMessage::Neighbours(links) => self.handle_links(handle, from, &links.endpoints),
                    RoomMessage::Overlay(OverlayMessage::Dropped) => self.note_distant(handle, from),
                    _ => {}
                }
                if let Some(room) = self.rooms.get_mut(&handle).and_then(|entry| entry.room.as_mut()) {
                    room.handle_message(room.present(self.now), from, message);
                }
            }
        }
    }

    fn handle_attach(&mut self, from: Endpoint, attach: &Attach) {
        let found =
            self.rooms.iter().find(|(_, entry)| entry.room.as_ref().is_some_and(|r| r.id() == attach.room));
        let Some((&handle, entry)) = found else {
            return self.send_detach(from, attach.room, DetachReason::Left);
        };
        if !self.proves_room(from, entry, attach) {
            let detail = String::from("the proof of the room's secret does not hold");
            self.send_detach(from, attach.room, DetachReason::Proof);
            return self.handle_offence(from, Refusal::RoomProof, detail);
        }
        if entry.room.as_ref().is_some_and(|room| !room.admits(from)) {
            self.refuse_full(handle, from, "it attaches, but the room is full");
            if let Some(peer) = self.peers.get_mut(&from) {
                // Whoever is refused takes us for detached too, and is told anew when there is a place.
                peer.sent_attach.remove(&handle);
            }
            return self.send_detach(from, attach.room, DetachReason::Full);
        }
        self.send_attach(from, handle);
        let face = self.face(from);
        let Some(peer) = self.peers.get_mut(&from) else { return };
        if !peer.attached.contains_key(&attach.number) && peer.attached.len() >= ROOMS_MAX {
            let detail = format!("it attaches to more than {ROOMS_MAX} rooms");
            return self.handle_offence(from, Refusal::Message, detail);
        }
        peer.rooms.insert(handle);
        peer.name = shown(&attach.name);
        let resumed = peer.reattaching.remove(&handle);
        let again = peer.is_attached(handle);
        peer.attached.retain(|_, room| *room != handle);
        peer.attached.insert(attach.number, handle);
        peer.distant.remove(&handle);
        let Some(entry) = self.rooms.get_mut(&handle) else { return };
        entry.presence.say_again(self.now.time);
        let Some(room) = entry.room.as_mut() else { return };
        room.handle_face(from, face);
        if again {
            room.handle_member(from, Member::from(attach));
        } else if resumed {
            room.handle_resumed(room.present(self.now), from, Member::from(attach));
        } else {
            room.handle_attached(room.present(self.now), from, Member::from(attach));
        }
    }

    fn proves_room(&self, from: Endpoint, entry: &Entry, attach: &Attach) -> bool {
        let Some(secret) = &entry.secret else { return true };
        let link = self.peers.get(&from).and_then(|peer| self.links.get(&peer.link?));
        let (Some(link), Some(proof)) = (link, attach.proof) else { return false };
        let role: Role = link.role().opposite();
        let expected = link.transcript().map(|transcript| transcript.room_proof(&attach.room, secret, role));
        // Hashes compare in constant time.
        expected.is_some_and(|expected| blake3::Hash::from(expected) == blake3::Hash::from(proof))
    }

    fn send_detach(&mut self, to: Endpoint, room: RoomId, reason: DetachReason) {
        let link = self.peers.get(&to).and_then(|peer| peer.link);
        if let Some(link) = link.and_then(|link| self.links.get_mut(&link)) {
            link.send(&LinkMessage::Detach(Detach { room, reason }));
        }
    }

    fn handle_detach(&mut self, from: Endpoint, detach: Detach) {
        let found = self.rooms.iter().find(|(_, entry)| entry.id() == Some(detach.room));
        let Some(handle) = found.map(|(&handle, _)| handle) else { return };
        let Some(peer) = self.peers.get_mut(&from) else { return };
        peer.attached.retain(|_, room| *room != handle);
        peer.reattaching.remove(&handle);
        peer.sent_attach.remove(&handle);
        match detach.reason {
            DetachReason::Left => peer.remove_room(handle),
            DetachReason::Full => self.note_distant(handle, from),
            DetachReason::Proof => {}
        }
        self.detach(handle, from);
        match detach.reason {
            DetachReason::Left => {}
            DetachReason::Full => {
                self.handle_no_place(handle, from);
                self.handle_full(handle, from);
            }
            DetachReason::Proof => {
                let detail = String::from("it does not accept our proof of the room's secret");
                self.refuse(Some(from), Refusal::RoomProof, detail);
            }
        }
    }

    /// An endpoint is no longer attached to a room.
    pub(super) fn detach(&mut self, handle: RoomHandle, endpoint: Endpoint) {
        self.forget_neighbour(handle, endpoint);
        self.forget_state(handle, endpoint);
        let distant = self.peers.get(&endpoint).is_some_and(|peer| peer.distant.contains(&handle));
        if let Some(room) = self.rooms.get_mut(&handle).and_then(|entry| entry.room.as_mut()) {
            room.handle_detached(room.present(self.now), endpoint, distant);
        }
    }

    /// Carries out what rooms want. Returns whether there was nothing.
    pub(super) fn carry_out_room_outputs(&mut self) -> bool {
        let mut idle = true;
        let handles: Vec<RoomHandle> = self.rooms.keys().copied().collect();
        for handle in handles {
            while let Some(room) = self.rooms.get_mut(&handle).and_then(|entry| entry.room.as_mut()) {
                let id = room.id();
                let Some(output) = room.poll_output() else { break };
                idle = false;
                match output {
                    RoomOutput::Event(event) => self.event(event),
                    RoomOutput::SayAgain => room.say_again(room.present(self.now), &self.identity),
                    RoomOutput::Send(to, message) => self.send_to_member(handle, to, message),
                    RoomOutput::Persist { token, change } => {
                        let token = persist_token(handle, token);
                        self.effect(Effect::Persist { token, room: id, change });
                    }
                    RoomOutput::ReadHistory { token, from, bytes } => {
                        let token = persist_token(handle, token);
                        self.effect(Effect::ReadHistory { token, room: id, from, bytes });
                    }
                    RoomOutput::Seek(introduction, way) => self.seek(handle, &introduction, way),
                    RoomOutput::Unseek(endpoint) => self.unseek(handle, endpoint),
                    RoomOutput::Drop(endpoint, why) => self.drop_neighbour(handle, endpoint, why),
                    RoomOutput::Relink => self.relink(handle),
                    RoomOutput::Offence(from, refusal, detail) => self.handle_offence(from, refusal, detail),
                    // Who cannot be heard cannot serve either.
                    RoomOutput::Refused(from, Refusal::Withheld, _) if self.is_cut_off(from) => {}
                    RoomOutput::Refused(from, refusal, detail) => self.refuse(Some(from), refusal, detail),
                    RoomOutput::RefusedMany(from, refusal, detail, count) => {
                        self.refuse_many(Some(from), refusal, detail, count);
                    }
                }
            }
        }
        idle
    }

    pub(super) fn send_to_member(&mut self, handle: RoomHandle, to: Endpoint, message: RoomMessage) {
        let link = self.peers.get(&to).and_then(|peer| peer.link);
        let Some(link) = link.and_then(|link| self.links.get_mut(&link)) else { return };
        let taken = link.send(&message.on_link(handle.0));
        if !taken && let Some(room) = self.rooms.get_mut(&handle).and_then(|entry| entry.room.as_mut()) {
            room.handle_skipped(room.present(self.now), to);
        }
    }

    /// Serves parts of replicas over links that have room. Returns whether there was nothing to serve.
    pub(super) fn serve_parts(&mut self) -> bool {
        let mut idle = true;
        if !self.rooms.values().filter_map(|entry| entry.room.as_ref()).any(Room::is_serving) {
            return true;
        }
        for (&endpoint, peer) in &self.peers {
            let Some(link) = peer.link.and_then(|link| self.links.get_mut(&link)) else { continue };
            for handle in peer.attached.values() {
                let Some(room) = self.rooms.get_mut(handle).and_then(|entry| entry.room.as_mut()) else {
                    continue;
                };
                while link.queued() < SERVE_QUEUE {
                    let Some(message) = room.serve(endpoint) else { break };
                    idle = false;
                    link.send(&message.on_link(handle.0));
                }
            }
            link.set_held_up(link.queued() >= SERVE_QUEUE);
        }
        idle
    }

    /// Verifies queued batches, as many as this call may. Returns whether there was nothing to verify.
    pub(super) fn verify_batches(&mut self) -> bool {
        let mut idle = true;
        let open = self.rooms.values().filter_map(|entry| entry.room.as_ref());
        let mut waiting = open.filter(|room| room.has_unverified()).count();
        for room in self.rooms.values_mut().filter_map(|entry| entry.room.as_mut()) {
            if !room.has_unverified() {
                continue;
            }
            // A flood in one room leaves the others their share.
            let verified = room.verify(room.present(self.now), self.signatures_left.div_ceil(waiting));
            waiting -= 1;
            self.signatures_left = self.signatures_left.saturating_sub(verified);
            idle &= verified == 0;
        }
        idle
    }

    pub(super) fn handle_persisted(&mut self, token: u64, result: Result<(), String>) {
        let (handle, token) = split_token(token);
        let Some(room) = self.rooms.get_mut(&handle).and_then(|entry| entry.room.as_mut()) else { return };
        room.handle_persisted(room.present(self.now), token, result);
    }

    /// Refuses to write while every member's link is full to its limit: what was written could reach nobody.
    pub(super) fn check_backpressure(&self, handle: RoomHandle) -> Result<(), CommandError> {
        let attached = self.peers.values().filter(|peer| peer.is_attached(handle));
        let queued = attached.filter_map(|peer| self.links.get(&peer.link?)).map(Link::queued).min();
        match queued {
            Some(queued) if queued >= SEND_QUEUE_MAX / 2 => {
                Err(CommandError::Write(WriteError::Backpressure(queued)))
            }
            _ => Ok(()),
        }
    }
}
