//! Servers, and the sockets between them and programs.

use std::collections::BTreeMap;

use meshwork_core::id::{Endpoint, RoomId};
use meshwork_core::node::Input;
use meshwork_core::rng::Rng;
use meshwork_core::seam::io::ServerId;
use meshwork_core::signalling::address::signalling_url;
use meshwork_core::signalling::protocol::FromServer;
use meshwork_core::time::Time;

use super::programs::Programs;
use super::queue::Queue;
use super::{Happening, SERVER, skewed};
use crate::connection::NodeIndex;
use crate::hostile::Ghosts;
use crate::meeting_point::MeetingPoint;

/// Which server of the world.
type ServerIndex = usize;

/// A server: its address, and whether it runs.
#[derive(Debug)]
struct Server {
    base: String,
    meeting_point: MeetingPoint,
    up: bool,
}

impl Server {
    fn new(base: &str) -> Server {
        Server { base: base.into(), meeting_point: MeetingPoint::default(), up: true }
    }
}

/// A program's open socket.
#[derive(Clone, Copy, Debug)]
struct Socket {
    at: ServerIndex,
    /// Which socket it is, so that words for one that was closed are not heard on the next.
    number: u64,
    /// When the last words to and from the server arrive: later ones come no earlier.
    until: [Time; 2],
}

/// What the way of words over sockets depends on, and where they wait until they arrive.
pub(super) struct Line<'a> {
    pub(super) now: Time,
    pub(super) programs: &'a Programs,
    pub(super) queue: &'a mut Queue,
    pub(super) rng: &'a mut Rng,
}

/// All servers and their open sockets.
#[derive(Debug)]
pub struct Servers {
    servers: Vec<Server>,
    sockets: BTreeMap<(NodeIndex, ServerId), Socket>,
    /// Sockets that were opened so far.
    opened: u64,
}

impl Servers {
    /// One server, at [`SERVER`].
    pub(super) fn new() -> Servers {
        Servers { servers: vec![Server::new(SERVER)], sockets: BTreeMap::new(), opened: 0 }
    }

    /// Starts one more, whose base address is `base`.
    pub fn add(&mut self, base: &str) {
        self.servers.push(Server::new(base));
    }

    /// The first server, to be asked, or told to lie.
    pub fn first(&mut self) -> &mut MeetingPoint {
        &mut self.servers[0].meeting_point
    }

    /// Starts the first server again.
    pub fn start(&mut self) {
        self.servers[0].up = true;
    }

    /// Stops the server with this base address: nothing is remembered. Returns the sockets that are to be lost.
    pub(super) fn stop(&mut self, base: &str) -> Vec<(NodeIndex, ServerId)> {
        let found = self.servers.iter().position(|server| server.base == base);
        let at = found.expect("the script names servers that it added");
        self.servers[at].up = false;
        self.servers[at].meeting_point.restart();
        self.sockets.iter().filter(|(_, socket)| socket.at == at).map(|(&of, _)| of).collect()
    }

    /// The sockets of a program.
    pub(super) fn of(&self, index: NodeIndex) -> Vec<ServerId> {
        self.own(index).map(|(server, _)| server).collect()
    }

    fn own(&self, index: NodeIndex) -> impl Iterator<Item = (ServerId, &Socket)> {
        let from_first = self.sockets.range((index, ServerId(0))..);
        let own = from_first.take_while(move |((owner, _), _)| *owner == index);
        own.map(|((_, server), socket)| (*server, socket))
    }

    /// Whether this socket of a program is the one with this number.
    pub(super) fn is_open(&self, index: NodeIndex, server: ServerId, number: u64) -> bool {
        self.sockets.get(&(index, server)).is_some_and(|socket| socket.number == number)
    }

    /// Has the first server tell everybody in a room of `count` members who answer nobody.
    pub(super) fn name_ghosts(&mut self, line: &mut Line<'_>, room: RoomId, count: u64) {
        let answers = self.first().name_ghosts(room, count);
        self.answer(line, 0, answers);
    }

    /// Has the first server carry what a new ghost says to a member.
    pub(super) fn haunt(&mut self, line: &mut Line<'_>, ghosts: &mut Ghosts, to: Endpoint) {
        let Some(key) = self.first().sealing_key(to) else { return };
        let (ghost, payload) = ghosts.speak(to, &key);
        let answers = self.first().carry_ghost(ghosts.room(), &ghost, to, payload);
        self.answer(line, 0, answers);
    }

    /// A program opens a socket, and hears whether somebody is there.
    pub(super) fn open(&mut self, line: &mut Line<'_>, index: NodeIndex, server: ServerId, url: &str) {
        self.opened += 1;
        let number = self.opened;
        let Some(program) = line.programs.get(index) else { return };
        let at = self.servers.iter().position(|known| signalling_url(&known.base) == url);
        let known = at.map(|at| &self.servers[at]).filter(|known| known.up && !program.offline);
        let input = match known {
            Some(known) => {
                let welcome = known.meeting_point.welcome(skewed(line.now, 0));
                Input::ServerText { server, text: to_json(&welcome) }
            }
            None => Input::ServerDown { server, reason: "connection refused".into() },
        };
        let socket = Socket { at: at.unwrap_or(usize::MAX), number, until: [line.now; 2] };
        self.sockets.insert((index, server), socket);
        if let Some((_, until)) = self.arrival(line, index, server, 1) {
            // The connection itself takes a round trip first.
            *until += program.access.latency * 2;
            line.queue.insert(*until, Happening::FromServer(index, server, number, input));
        }
    }

    /// A program says something over a socket.
    pub(super) fn send(&mut self, line: &mut Line<'_>, index: NodeIndex, server: ServerId, text: String) {
        if let Some((number, until)) = self.arrival(line, index, server, 0) {
            line.queue.insert(*until, Happening::ToServer(index, server, number, text));
        }
    }

    /// A server hears what a program said, if the socket with this number is still open.
    pub(super) fn hear(
        &mut self,
        line: &mut Line<'_>,
        index: NodeIndex,
        server: ServerId,
        number: u64,
        text: &str,
    ) {
        let socket = self.sockets.get(&(index, server)).filter(|socket| socket.number == number);
        let Some(&Socket { at, .. }) = socket else { return };
        let Some(known) = self.servers.get_mut(at).filter(|server| server.up) else { return };
        if let Ok(message) = serde_json::from_str(text) {
            let answers = known.meeting_point.handle(index, message);
            self.answer(line, at, answers);
        }
    }

    /// A program closes a socket.
    pub(super) fn close(&mut self, line: &mut Line<'_>, index: NodeIndex, server: ServerId) {
        if let Some(socket) = self.sockets.remove(&(index, server)) {
            self.hang_up(line, index, socket.at);
        }
    }

    /// A program closes all of its sockets.
    pub(super) fn close_all(&mut self, line: &mut Line<'_>, index: NodeIndex) {
        for server in self.of(index) {
            self.close(line, index, server);
        }
    }

    /// Servers drop a program's sockets, and the program does not hear of it.
    pub(super) fn drop_all(&mut self, line: &mut Line<'_>, index: NodeIndex) {
        for server in self.of(index) {
            let Some(socket) = self.sockets.get_mut(&(index, server)) else { continue };
            // No socket has this number, so nothing said over it is heard any more.
            socket.number = 0;
            let at = socket.at;
            self.hang_up(line, index, at);
        }
    }

    fn hang_up(&mut self, line: &mut Line<'_>, index: NodeIndex, at: ServerIndex) {
        if let Some(known) = self.servers.get_mut(at) {
            let answers = known.meeting_point.close(index);
            self.answer(line, at, answers);
        }
    }

    fn answer(&mut self, line: &mut Line<'_>, at: ServerIndex, answers: Vec<(NodeIndex, FromServer)>) {
        for (index, message) in answers {
            let Some((server, _)) = self.own(index).find(|(_, socket)| socket.at == at) else { continue };
            let text = self.servers[at].meeting_point.bend_text(to_json(&message), line.rng);
            if let Some((number, until)) = self.arrival(line, index, server, 1) {
                let input = Input::ServerText { server, text };
                line.queue.insert(*until, Happening::FromServer(index, server, number, input));
            }
        }
    }

    /// The number of a program's socket, and when a word on it arrives: sockets keep their order. Direction 0 is to the
    /// server.
    fn arrival(
        &mut self,
        line: &mut Line<'_>,
        index: NodeIndex,
        server: ServerId,
        direction: usize,
    ) -> Option<(u64, &mut Time)> {
        let access = line.programs.get(index)?.access;
        let socket = self.sockets.get_mut(&(index, server))?;
        let until = &mut socket.until[direction];
        *until = (line.now + access.draw_reliable(line.rng)).max(*until);
        Some((socket.number, until))
    }
}

fn to_json(message: &FromServer) -> String {
    serde_json::to_string(message).expect("a message of the protocol")
}
