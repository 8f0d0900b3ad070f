//! Sockets between programs and servers.

use meshwork_core::id::RoomId;
use meshwork_core::node::Input;
use meshwork_core::seam::io::ServerId;
use meshwork_core::signalling::address::signalling_url;
use meshwork_core::signalling::protocol::FromServer;
use meshwork_core::time::Time;

use super::{Happening, World};
use crate::connection::NodeIndex;
use crate::meeting_point::MeetingPoint;

/// Which server of the world.
pub(super) type ServerIndex = usize;

/// A server: its address, and whether it runs.
#[derive(Debug)]
pub(super) struct Server {
    base: String,
    meeting_point: MeetingPoint,
    up: bool,
}

impl Server {
    pub(super) fn new(base: &str) -> Server {
        Server { base: base.into(), meeting_point: MeetingPoint::default(), up: true }
    }
}

/// A program's open socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Socket {
    at: ServerIndex,
    /// Which socket it is, so that words for one that was closed are not heard on the next.
    number: u64,
    /// When the last words to and from the server arrive: later ones come no earlier.
    until: [Time; 2],
}

impl World {
    /// Starts one more server, whose base address is `base`.
    pub fn add_server(&mut self, base: &str) {
        self.servers.push(Server::new(base));
    }

    /// The first server, to be told to lie.
    pub fn meeting_point(&mut self) -> &mut MeetingPoint {
        &mut self.servers[0].meeting_point
    }

    /// The server with this base address, to be told to lie.
    pub fn server(&mut self, base: &str) -> &mut MeetingPoint {
        let at = self.server_index(base);
        &mut self.servers[at].meeting_point
    }

    /// Has the first server tell everybody in a room of `count` members who answer nobody.
    pub fn name_ghosts(&mut self, room: RoomId, count: u64) {
        let answers = self.servers[0].meeting_point.name_ghosts(room, count);
        self.send_from_server(0, answers);
    }

    /// Stops the first server: sockets close, nothing is remembered.
    pub fn stop_server(&mut self) {
        self.stop(0);
    }

    /// Starts the first server again.
    pub fn start_server(&mut self) {
        self.servers[0].up = true;
    }

    /// Stops the server with this base address.
    pub fn stop_server_at(&mut self, base: &str) {
        self.stop(self.server_index(base));
    }

    /// Takes all servers away from one program, which does not find them again until
    /// [`World::find_servers`].
    pub fn lose_server(&mut self, index: NodeIndex) {
        self.program(index).offline = true;
        let sockets: Vec<ServerId> = self.program(index).sockets.keys().copied().collect();
        for server in sockets {
            self.lose_socket(index, server, "no route to the server");
        }
    }

    /// Lets a program that lost all servers reach them again.
    pub fn find_servers(&mut self, index: NodeIndex) {
        self.program(index).offline = false;
    }

    fn server_index(&self, base: &str) -> ServerIndex {
        let found = self.servers.iter().position(|server| server.base == base);
        found.expect("the script names servers that it added")
    }

    fn stop(&mut self, at: ServerIndex) {
        self.servers[at].up = false;
        self.servers[at].meeting_point.restart();
        let on_it = |(index, program): (NodeIndex, &super::Program)| {
            let sockets = program.sockets.iter().filter(|(_, socket)| socket.at == at);
            sockets.map(|(&server, _)| (index, server)).collect::<Vec<_>>()
        };
        let sockets: Vec<_> = self.programs().flat_map(on_it).collect();
        for (index, server) in sockets {
            self.lose_socket(index, server, "the server closed the connection");
        }
    }

    pub(super) fn open_socket(&mut self, index: NodeIndex, server: ServerId, url: &str) {
        self.next_socket += 1;
        let (now, number) = (self.now, self.next_socket);
        let at = self.servers.iter().position(|known| signalling_url(&known.base) == url);
        let offline = self.program(index).offline;
        let known = at.filter(|&at| self.servers[at].up && !offline);
        let input = match known {
            Some(at) => {
                let welcome = self.servers[at].meeting_point.welcome(self.wall());
                Input::ServerText { server, text: to_json(&welcome) }
            }
            None => Input::ServerDown { server, reason: "connection refused".into() },
        };
        let socket = Socket { at: at.unwrap_or(usize::MAX), number, until: [now; 2] };
        self.program(index).sockets.insert(server, socket);
        if let Some(arrives) = self.socket_arrival(index, server, 1) {
            // The connection itself takes a round trip first.
            let arrives = arrives + self.program(index).access.latency * 2;
            if let Some(socket) = self.program(index).sockets.get_mut(&server) {
                socket.until[1] = arrives;
            }
            self.schedule(arrives, Happening::FromServer(index, server, number, input));
        }
    }

    pub(super) fn send_to_server(&mut self, index: NodeIndex, server: ServerId, text: String) {
        let Some(arrives) = self.socket_arrival(index, server, 0) else { return };
        let number = self.look_at(index).sockets[&server].number;
        self.schedule(arrives, Happening::ToServer(index, server, number, text));
    }

    pub(super) fn close_socket(&mut self, index: NodeIndex, server: ServerId) {
        let Some(socket) = self.program(index).sockets.remove(&server) else { return };
        if let Some(known) = self.servers.get_mut(socket.at) {
            let answers = known.meeting_point.close(index);
            self.send_from_server(socket.at, answers);
        }
    }

    pub(super) fn close_sockets(&mut self, index: NodeIndex) {
        let open: Vec<ServerId> = self.program(index).sockets.keys().copied().collect();
        for server in open {
            self.close_socket(index, server);
        }
    }

    /// A socket is lost without the program's doing, and the program hears of it.
    pub(super) fn lose_socket(&mut self, index: NodeIndex, server: ServerId, reason: &str) {
        self.close_socket(index, server);
        self.tell(index, Input::ServerDown { server, reason: reason.into() });
    }

    /// The server drops a program's socket, and the program does not hear of it.
    pub(super) fn lose_on_server(&mut self, index: NodeIndex, server: ServerId) {
        let Some(socket) = self.program(index).sockets.get_mut(&server) else { return };
        // No socket has this number, so nothing said over it is heard any more.
        socket.number = 0;
        let at = socket.at;
        if let Some(known) = self.servers.get_mut(at) {
            let answers = known.meeting_point.close(index);
            self.send_from_server(at, answers);
        }
    }

    pub(super) fn hear_server(&mut self, index: NodeIndex, server: ServerId, number: u64, input: Input) {
        let Some(program) = self.seen(index) else { return };
        if program.asleep || program.sockets.get(&server).is_none_or(|socket| socket.number != number) {
            return;
        }
        self.tell(index, input);
    }

    pub(super) fn hear_client(&mut self, index: NodeIndex, server: ServerId, number: u64, text: &str) {
        let socket = self.seen(index).and_then(|program| program.sockets.get(&server));
        let Some(&socket) = socket.filter(|socket| socket.number == number) else { return };
        let Some(known) = self.servers.get_mut(socket.at).filter(|server| server.up) else { return };
        if let Ok(message) = serde_json::from_str(text) {
            let answers = known.meeting_point.handle(index, message);
            self.send_from_server(socket.at, answers);
        }
    }

    fn send_from_server(&mut self, at: ServerIndex, answers: Vec<(NodeIndex, FromServer)>) {
        for (index, message) in answers {
            let Some(program) = self.seen(index) else { continue };
            let Some((&server, socket)) = program.sockets.iter().find(|(_, socket)| socket.at == at) else {
                continue;
            };
            let number = socket.number;
            let text = self.servers[at].meeting_point.bend_text(to_json(&message), &mut self.rng);
            if let Some(arrives) = self.socket_arrival(index, server, 1) {
                let input = Input::ServerText { server, text };
                self.schedule(arrives, Happening::FromServer(index, server, number, input));
            }
        }
    }

    /// When a word on a program's socket arrives: sockets keep their order. Direction 0 is to the server.
    fn socket_arrival(&mut self, index: NodeIndex, server: ServerId, direction: usize) -> Option<Time> {
        let program = self.programs.get_mut(index)?.as_deref_mut()?;
        let socket = program.sockets.get_mut(&server)?;
        let until = &mut socket.until[direction];
        *until = (self.now + program.access.draw_reliable(&mut self.rng)).max(*until);
        Some(*until)
    }
}

fn to_json(message: &FromServer) -> String {
    serde_json::to_string(message).expect("a message of the protocol")
}
