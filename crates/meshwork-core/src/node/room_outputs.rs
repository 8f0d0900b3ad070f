//! Making, joining, refusing and leaving rooms, and their outputs for other parts.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::Node;
use super::commands::{CommandError, RoomSpec, StoredRoom};
use super::connecting::{attach_let_in, compare_with, detach_shut_out, handle_ask_introductions};
use super::rooms::{Entry, hand_listed, of_another_version, persist_token, tell_secret};
use super::servers::check_servers;
use crate::id::{Endpoint, RoomId, Secret};
use crate::links::message::GoodbyeReason;
use crate::overlay::message::OverlayMessage;
use crate::room::RoomOutput;
use crate::room::message::RoomMessage;
use crate::seam::event::{Event, Refusal, RoomHandle, RoomRefusal};
use crate::seam::io::{Effect, ServerId};
use crate::signalling::address::{RoomAddress, Secrets};
use crate::signed::genesis::{Genesis, Owned};

/// The state of a room that this machine has before it joins.
#[derive(Debug)]
pub(super) enum Prior {
    /// The stored state.
    Stored(StoredRoom),
    /// The genesis, and nothing is stored.
    Genesis(Vec<u8>),
}

impl Prior {
    fn genesis(&self) -> &[u8] {
        match self {
            Prior::Stored(stored) => &stored.genesis,
            Prior::Genesis(genesis) => genesis,
        }
    }
}

impl Node {
    pub(super) fn add_created_room(&mut self, spec: RoomSpec) -> Result<RoomHandle, CommandError> {
        let (rooms, own) = (&mut self.base.rooms, &mut self.base.own);
        check_servers(&spec.servers)?;
        let secret = spec.private.then(|| Secret(own.rng.bytes()));
        let owned = Owned::new(&mut own.rng, own.me.peer, spec.app, spec.parameters, secret.as_ref());
        let genesis = Genesis::Owned(owned.clone());
        let app = owned.app.clone();
        let (bytes, id) = owned.sign(&own.identity).expect("the key is the owner's");
        let secrets = secret.map(Secrets::from);
        let handle = rooms.insert(None, Some(id), secrets, Some(app))?;
        self.base.servers.add_room(handle);
        for server in &spec.servers {
            self.register_at(handle, server);
        }
        let base = &mut self.base;
        base.rooms
            .open_room(&mut base.own, handle, genesis, bytes, id)
            .expect("the secret is the one just committed to");
        base.rooms.set_new(handle);
        base.rooms.store_genesis(&base.own, handle);
        base.servers.ask_for_room(&mut base.own, &base.rooms, handle, None);
        Ok(handle)
    }

    pub(super) fn add_joined_room(
        &mut self,
        address: RoomAddress,
        known: Option<Prior>,
    ) -> Result<RoomHandle, CommandError> {
        let known = match known {
            None => None,
            Some(known) => Some((read_stored(address.room(), known.genesis())?, known)),
        };
        let app = address.app().cloned();
        let handle = self.base.rooms.insert(address.code(), address.room(), address.secrets(), app)?;
        self.base.servers.add_room(handle);
        for server in address.servers() {
            self.register_at(handle, server);
        }
        if let Some((read, known)) = known {
            let base = &mut self.base;
            let opened = read.and_then(|(genesis, id)| {
                base.rooms.open_room(&mut base.own, handle, genesis, known.genesis().to_vec(), id)
            });
            if let Err(reason) = opened {
                self.refuse_room(handle, reason);
                return Ok(handle);
            }
            match (known, base.rooms.room_mut(&base.own, handle)) {
                (Prior::Stored(stored), Some((room, now))) => {
                    room.kept_mut().restore_records(&stored.records);
                    room.restore(now, stored.batches);
                }
                (Prior::Genesis(_), Some((room, now))) => room.handle_opened(now),
                (_, None) => {}
            }
        }
        let base = &mut self.base;
        base.servers.ask_for_room(&mut base.own, &base.rooms, handle, None);
        Ok(handle)
    }

    /// Registers a room at one more server.
    pub(super) fn register_at(&mut self, handle: RoomHandle, base: &str) -> ServerId {
        let (server, is_due) = self.base.servers.register(&self.base.own, handle, base);
        if is_due {
            self.handle_server_timeouts();
        }
        server
    }

    /// The room cannot be entered: reports that and forgets it.
    pub(super) fn refuse_room(&mut self, handle: RoomHandle, reason: RoomRefusal) {
        self.base.own.event(Event::RoomRefused { room: handle, reason });
        self.remove_room(handle);
    }

    /// Leaves a room, and closes links that only it used.
    pub(super) fn remove_room(&mut self, handle: RoomHandle) {
        let base = &mut self.base;
        let Some(id) = base.rooms.get(handle).map(Entry::id) else { return };
        let was_counted = base.servers.joined(handle).is_some();
        self.part_from_room(handle);
        let base = &mut self.base;
        base.rooms.remove(handle);
        // A server counts us once in a room, however often we entered it.
        if let Some(other) = id.filter(|_| was_counted).and_then(|id| base.rooms.with_id(id)) {
            base.servers.ask_for_room(&mut base.own, &base.rooms, other, None);
        }
        base.servers.drop_unused(&mut base.own);
    }

    /// Leaves a room's members and servers; the room stays, and can be written in.
    pub(super) fn disconnect_room(&mut self, handle: RoomHandle) {
        if self.base.rooms.get(handle).is_none() || self.base.servers.is_disconnected(handle) {
            return;
        }
        let attached = self.base.rooms.attachments().attached_to(handle);
        let servers = self.part_from_room(handle);
        let base = &mut self.base;
        for endpoint in attached {
            base.rooms.handle_detached(&mut base.own, handle, endpoint);
        }
        base.servers.disconnect_room(handle, servers);
        base.servers.drop_unused(&mut base.own);
    }

    /// Searches a room's members again.
    pub(super) fn connect_room(&mut self, handle: RoomHandle) {
        for server in self.base.servers.connect_room(handle) {
            self.register_at(handle, &server);
        }
        let base = &mut self.base;
        base.servers.ask_for_room(&mut base.own, &base.rooms, handle, None);
    }

    /// Informs a room's members and servers that we leave, and forgets both. Returns the servers.
    fn part_from_room(&mut self, handle: RoomHandle) -> Vec<String> {
        let base = &mut self.base;
        base.rooms.lanes().end_presence(&base.own, handle);
        self.carry_out_outputs_of(handle);
        let (base, connecting) = (&mut self.base, &mut self.connecting);
        base.servers.leave_room(&mut base.own, &base.rooms, handle);
        let unused = base.rooms.detach_all(&mut base.links, handle);
        for endpoint in base.known.seen_in(handle).collect::<Vec<_>>() {
            base.links.end_direct_in(&mut base.own, endpoint, handle.0, "this end left the room");
        }
        base.known.forget_room(handle);
        for endpoint in unused {
            if let Some(link) = base.links.id_of(endpoint) {
                connecting.attempts().close(base, link, Some(GoodbyeReason::Unused));
            }
        }
        connecting.forget_room(base, handle);
        base.servers.remove_room(handle)
    }

    /// Executes outputs of rooms. Returns whether there were none.
    pub(super) fn carry_out_room_outputs(&mut self) -> bool {
        let mut idle = true;
        for handle in self.base.rooms.handles() {
            idle &= self.carry_out_outputs_of(handle);
        }
        idle
    }

    /// Executes outputs of a room. Returns whether there were none.
    pub(super) fn carry_out_outputs_of(&mut self, handle: RoomHandle) -> bool {
        let mut idle = true;
        while let Some(output) = self.base.rooms.poll_output(handle) {
            idle = false;
            self.carry_out(handle, output);
        }
        idle
    }

    fn carry_out(&mut self, handle: RoomHandle, output: RoomOutput) {
        let (base, connecting) = (&mut self.base, &mut self.connecting);
        let Some(id) = base.rooms.room(handle).map(|room| room.kept().id()) else { return };
        match output {
            RoomOutput::Event(event) => {
                match event {
                    Event::RulesChanged { .. } => {
                        base.rooms.lanes().handle_rules(&mut base.own, handle);
                        detach_shut_out(connecting, base, handle);
                        hand_listed(&base.rooms, &mut base.links, handle);
                        attach_let_in(connecting, base, handle);
                    }
                    Event::SecretChanged { .. } => {
                        tell_secret(&base.rooms, &base.own, &mut base.links, handle);
                        attach_let_in(connecting, base, handle);
                        connecting.relink(base, handle);
                    }
                    _ => {}
                }
                base.own.event(event);
            }
            RoomOutput::Admitted => base.rooms.lanes().handle_rules(&mut base.own, handle),
            RoomOutput::Send(to, message) => {
                base.rooms.send(&base.own, &mut base.links, handle, &[to], &message);
            }
            RoomOutput::SendAll(targets, message) => {
                base.rooms.send(&base.own, &mut base.links, handle, &targets, &message);
            }
            RoomOutput::Persist { token, change } => {
                let token = persist_token(handle, token);
                base.own.effect(Effect::Persist { token, room: id, change });
            }
            RoomOutput::ReadHistory { token, from, bytes } => {
                let token = persist_token(handle, token);
                base.own.effect(Effect::ReadHistory { token, room: id, from, bytes });
            }
            RoomOutput::Seek(..) if base.servers.is_disconnected(handle) => {}
            RoomOutput::Seek(introduction, way) => {
                connecting.seek(base, handle, &introduction.announcement(), way);
            }
            RoomOutput::Sought { by, to, through } => {
                connecting.handle_sought(base, handle, &by, to, through)
            }
            RoomOutput::Pass(ways, batch) => {
                base.rooms.lanes().pass(&mut base.links, handle, &ways, batch.bytes())
            }
            RoomOutput::Compare(with) => compare_with(connecting, base, handle, with),
            RoomOutput::Unseek(endpoint) => connecting.unseek(base, handle, endpoint),
            RoomOutput::Drop(endpoint, why) => connecting.drop_neighbour(base, handle, endpoint, why),
            RoomOutput::Relink => connecting.relink(base, handle),
            RoomOutput::Offence(from, refusal, detail) => self.judge(from, Err((refusal, detail))),
            // An unreachable member cannot serve either.
            RoomOutput::Refused(from, Refusal::Withheld, _)
                if base.links.is_cut_off(base.own.time(), from) => {}
            RoomOutput::Refused(from, refusal, detail) => base.own.refuse(Some(from), refusal, detail),
            RoomOutput::RefusedMany(from, refusal, detail, count) => {
                base.own.refuse_many(Some(from), refusal, detail, count);
            }
        }
    }

    /// A member sent a message inside a room: introductions are for the node, all else for the room.
    pub(super) fn handle_inside(&mut self, handle: RoomHandle, from: Endpoint, message: RoomMessage) {
        let (base, connecting) = (&mut self.base, &mut self.connecting);
        let done = match message {
            RoomMessage::AskIntroductions(asked) => {
                return handle_ask_introductions(base, handle, from, &asked);
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
                return base.handle_in_room(handle, from, message);
            }
        };
        self.judge(from, done);
    }
}

/// Reads a stored genesis. One of another version is not damaged: its room is refused, as one from a server would be,
/// and not searched.
fn read_stored(
    wanted: Option<RoomId>,
    genesis: &[u8],
) -> Result<Result<(Genesis, RoomId), RoomRefusal>, CommandError> {
    match Genesis::decode(genesis) {
        Ok((_, id)) if wanted.is_some_and(|wanted| wanted != id) => {
            Err(CommandError::Stored(format!("it is room {id}")))
        }
        Ok(read) => Ok(Ok(read)),
        Err(error) => {
            of_another_version(&error).map(Err).ok_or_else(|| CommandError::Stored(error.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Output;
    use crate::node::WriteError;
    use crate::node::test_world::{World, spec};
    use crate::replica::ReplicaNumber;
    use crate::replica::toy::Board;
    use crate::room::rules::terms::Terms;
    use crate::signed::app::GENESIS_SLOT;
    use crate::signed::genesis::Commons;
    use crate::signed::header::Family;
    use crate::table::{Table, Write, Writer, payloads};
    use crate::time::Time;
    use crate::wire::BoundedText;

    /// Joins the room with this stored genesis. Returns the events and changes of the store.
    fn restore(world: &mut World, genesis: &[u8]) -> (Result<RoomHandle, CommandError>, Vec<Event>, usize) {
        while world.node.poll_output().is_some() {}
        let address = "https://mesh.example/place/K7M4QX".parse().expect("an address");
        let stored = StoredRoom { genesis: genesis.to_vec(), ..StoredRoom::default() };
        let joined = world.node.join_room(Time(0), address, Some(stored));
        let (mut events, mut persisted) = (Vec::new(), 0);
        while let Some(output) = world.node.poll_output() {
            match output {
                Output::Event(event) => events.push(event),
                Output::Effect(Effect::Persist { .. }) => persisted += 1,
                Output::Effect(_) => {}
            }
        }
        (joined, events, persisted)
    }

    #[test]
    fn rooms_of_other_versions_are_refused_and_untouched() {
        let mut world = World::new();
        for (genesis, reason) in [([1, 9], RoomRefusal::First), ([3, 9], RoomRefusal::Version(3))] {
            let (joined, events, persisted) = restore(&mut world, &genesis);
            let room = joined.expect("an event says what became of it");
            assert!(events.contains(&Event::RoomRefused { room, reason: reason.clone() }), "{events:?}");
            assert_eq!((persisted, world.node.usage().rooms), (0, 1));

            let base = &mut world.node.base;
            let handle = base.rooms.insert(None, None, None, None).expect("there is a place");
            let opened = base.rooms.open_found(&mut base.own, handle, RoomId([7; 32]), &genesis);
            assert_eq!(opened, Err(reason), "a server hands it out");
            base.rooms.remove(handle);
        }
        let (joined, _, _) = restore(&mut world, &[2, 9]);
        assert!(matches!(joined, Err(CommandError::Stored(_))), "{joined:?}");
    }

    #[test]
    fn a_commons_has_no_owner() {
        let mut world = World::new();
        let name = BoundedText::new("lan").expect("short");
        let RoomSpec { app, parameters, .. } = spec();
        let (genesis, id) = Commons { name, nonce: 0, app, parameters }.to_bytes();
        let (joined, events, _) = restore(&mut world, &genesis);
        let room = joined.expect("a room");
        assert!(events.contains(&Event::RoomOpened { room, id }), "{events:?}");
        let view = world.node.room(room);
        assert_eq!((view.app().map(|app| &**app), view.is_private()), (Some("toy"), Some(false)));
        let mut open = world.node.room_mut(Time(0), room);
        let written = open.write(ReplicaNumber::FIRST, Board::payloads(&[(1, 2)]));
        written.expect("everybody may write");
        open.set_rules(Terms::default()).expect_err("it has no owner");
        assert!(world.node.room(room).replica::<Board>(ReplicaNumber::FIRST).is_some());
    }

    #[test]
    fn tables_need_no_app() {
        let mut world = World::new();
        let app = "chess".parse().expect("a word");
        let room = world.node.create_room(Time(0), RoomSpec { app, ..spec() }).expect("a room");
        let payloads =
            payloads(world.node.endpoint().peer, &[Write::value("moves", Writer::Anybody.field(b"1"), "e4")])
                .expect("short");
        let mut open = world.node.room_mut(Time(0), room);
        let table = ReplicaNumber::new(GENESIS_SLOT, Family::ByValue).expect("a slot");
        open.write(table, payloads.clone()).expect("everybody may write");
        let off = ReplicaNumber::new(2, Family::ByValue).expect("a slot");
        assert_eq!(open.write(off, payloads), Err(CommandError::Write(WriteError::AppIsOff(2))));
        let view = world.node.room(room);
        assert_eq!(view.replica::<Table>(table).map(|table| table.entries(b"").count()), Some(1));
        assert!(view.replica::<Board>(ReplicaNumber::FIRST).is_none(), "it is no app of this program");
    }
}
