//! Refusals of servers, by room.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Heard, Registration, Servers};
use crate::id::Code;
use crate::node::commands::{ServerAnswer, ServerSays};
use crate::node::common::Own;
use crate::node::rooms::Rooms;
use crate::seam::event::{Refusal, RoomHandle, RoomRefusal};
use crate::seam::io::ServerId;
use crate::signalling::client::ServerClient;
use crate::signalling::protocol::ServerRefusal;

impl Servers {
    /// The room that is sought on `server` by this code alone. Of several the first, in the order of requests: a server
    /// answers each.
    pub(super) fn sought_on(&self, rooms: &Rooms, server: ServerId, code: Code) -> Option<RoomHandle> {
        let mut on = self.rooms_on(server).into_iter();
        on.find(|&handle| self.is_sought_by(rooms, handle, server, code))
    }

    /// One server does not admit us to a room. Returns whether no other is left to ask.
    pub(in crate::node) fn handle_refused(
        &mut self,
        rooms: &Rooms,
        room: RoomHandle,
        server: ServerId,
    ) -> bool {
        if let Some(known) = self.registration(room, server) {
            known.refused = true;
        }
        // Without the id of a room no other server can answer.
        let is_by_code = rooms.get(room).is_some_and(|entry| entry.id().is_none());
        is_by_code || self.of(room).iter().all(|known| known.refused)
    }

    /// The answer of each server about a room.
    pub(in crate::node) fn answers(&self, room: RoomHandle) -> Vec<ServerAnswer> {
        let answer = |known: &Registration| {
            let says = match known {
                Registration { refused: true, .. } => ServerSays::Refused,
                Registration { joined: true, others, .. } => ServerSays::Joined { others: *others },
                Registration { waits: true, .. } => ServerSays::Unknown,
                _ => ServerSays::Nothing,
            };
            let ended = self.clients.get(&known.server).map_or(0, ServerClient::ended_attempts);
            ServerAnswer { server: known.base.clone(), says, is_away: ended > known.attempts_before }
        };
        self.of(room).iter().map(answer).collect()
    }

    /// Whether a room uses only one server.
    pub(in crate::node) fn is_only(&self, room: RoomHandle) -> bool {
        self.of(room).len() == 1
    }
}

/// The result of a request that a server refused.
pub(super) fn refusal(
    own: &mut Own,
    handle: Option<RoomHandle>,
    reason: ServerRefusal,
    detail: &str,
) -> Option<Heard> {
    let words = || String::from(detail);
    match (handle, reason) {
        (Some(handle), ServerRefusal::RoomFull) => Some(Heard::Refused(handle, RoomRefusal::Full(words()))),
        (
            Some(handle),
            ServerRefusal::ServerFull | ServerRefusal::TooManyRooms | ServerRefusal::Signature,
        ) => Some(Heard::Refused(handle, RoomRefusal::Server(words()))),
        // A server that forgot the room leads us to join again by its next message.
        _ => {
            own.refuse(None, Refusal::Server, format!("{reason:?}: {detail}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Output;
    use crate::node::test_world::World;
    use crate::seam::event::Event;
    use crate::seam::io::Input;
    use crate::signalling::protocol::{FromServer, VERSIONS};

    /// The server of all rooms here.
    const SERVER: ServerId = ServerId(1);

    fn codes() -> [Code; 2] {
        [7, 8].map(Code::from_bits)
    }

    /// The server sends a message. Returns the application's events.
    fn hear(world: &mut World, message: &FromServer) -> Vec<Event> {
        let text = serde_json::to_string(message).expect("it is written");
        world.node.handle_input(world.now, Input::ServerText { server: SERVER, text });
        let outputs = core::iter::from_fn(|| world.node.poll_output());
        let event = |output| if let Output::Event(event) = output { Some(event) } else { None };
        outputs.filter_map(event).collect()
    }

    /// A node that the server admitted, and a room that it seeks by the first of [`codes`] alone.
    fn looking() -> (World, RoomHandle) {
        let mut world = World::new();
        let address = format!("https://mesh.example/toy/{}", codes()[0]).parse().expect("an address");
        let room = world.node.join_room(world.now, address, None).expect("a room");
        let challenge = [9; 32].into();
        let (time_ms, keep_alive_ms, overlay) = (0, 20_000, None);
        let welcome = FromServer::Welcome { versions: VERSIONS, challenge, time_ms, keep_alive_ms, overlay };
        hear(&mut world, &welcome);
        hear(&mut world, &FromServer::Entered);
        (world, room)
    }

    fn refused(reason: ServerRefusal, code: Code) -> FromServer {
        let detail = String::from("no more");
        FromServer::Refused { reason, detail, room: None, code: Some(code), endpoint: None }
    }

    fn ended(events: Vec<Event>) -> Vec<(RoomHandle, RoomRefusal)> {
        let refusal =
            |event| if let Event::RoomRefused { room, reason } = event { Some((room, reason)) } else { None };
        events.into_iter().filter_map(refusal).collect()
    }

    #[test]
    fn a_refused_code_ends_its_room_alone() {
        let [code, other] = codes();
        for reason in [ServerRefusal::TooManyRooms, ServerRefusal::ServerFull] {
            let (mut world, room) = looking();
            let of_nobody = hear(&mut world, &refused(reason, other));
            assert_eq!(ended(of_nobody), [], "nobody looks for it");
            let events = hear(&mut world, &refused(reason, code));
            assert_eq!(ended(events), [(room, RoomRefusal::Server("no more".into()))]);
            assert_eq!(world.node.usage().rooms, 1, "the other stays");
        }
    }

    #[test]
    fn no_other_server_is_asked_for_a_code() {
        let (mut world, room) = looking();
        world.node.room_mut(world.now, room).add_server("https://late.example").expect("an address");
        let events = hear(&mut world, &refused(ServerRefusal::ServerFull, codes()[0]));
        assert_eq!(ended(events), [(room, RoomRefusal::Server("no more".into()))]);
    }

    #[test]
    fn each_refusal_of_a_code_ends_one() {
        let (mut world, first) = looking();
        let address = format!("https://mesh.example/toy/{}", codes()[0]).parse().expect("an address");
        let second = world.node.join_room(world.now, address, None).expect("a room");
        for room in [first, second] {
            let events = hear(&mut world, &refused(ServerRefusal::ServerFull, codes()[0]));
            assert_eq!(ended(events), [(room, RoomRefusal::Server("no more".into()))]);
        }
    }
}
