//! Faults of the network, of machines, of clocks and of servers, and people who mean harm.

use meshwork_core::id::{Endpoint, Identity, RoomId};
use meshwork_core::node::Input;
use meshwork_core::room::message::RoomMessage;
use meshwork_core::seam::event::RoomHandle;
use meshwork_core::seam::io::{Channel, LinkId, ServerId};
use meshwork_core::signed::header::RecordName;
use meshwork_core::wire::{FRAME_MAX, MessageWriter};

use super::{SERVER, World};
use crate::connection::NodeIndex;
use crate::hostile::{Behaviour, Ghosts, Mask};

impl World {
    /// Cuts all paths between the two groups, in both directions.
    pub fn cut(&mut self, one: &[NodeIndex], other: &[NodeIndex]) {
        for &a in one {
            other.iter().for_each(|&b| self.connections.cut(a, b));
        }
    }

    /// Heals all cuts: what waited arrives now. Who sleeps goes on sleeping.
    pub fn heal(&mut self) {
        let arrivals = self.connections.heal();
        self.arrive_all(arrivals);
    }

    /// The connections between two programs fail, as when a stack gives up; both are told at once.
    pub fn fail_connection(&mut self, one: NodeIndex, other: NodeIndex) {
        for ((index, _), input) in self.connections.fail(one, other) {
            self.tell(index, input);
        }
    }

    /// A modified client says something in a room over one of its links.
    pub fn say_over(&mut self, index: NodeIndex, link: LinkId, room: RoomHandle, message: &RoomMessage) {
        let (kind, body) = message.encode(room.0);
        let mut writer = MessageWriter::default();
        writer.push(kind, &body);
        while let Some(frame) = writer.take_frame(FRAME_MAX) {
            self.inject(index, link, Channel::Reliable, frame);
        }
    }

    /// Tells a program that its network may have changed, as its driver does.
    pub fn change_network(&mut self, index: NodeIndex) {
        self.tell(index, Input::NetworkChanged);
    }

    /// A machine falls asleep: its program is not driven, nothing reaches it, and servers lose it.
    pub fn sleep(&mut self, index: NodeIndex) {
        self.program(index).asleep = true;
        self.programs.note_due(index);
        self.connections.sleep(index);
        let (servers, mut line) = self.line();
        servers.drop_all(&mut line, index);
    }

    /// A machine wakes up: its program finds that time has passed, and that its sockets are gone.
    pub fn wake(&mut self, index: NodeIndex) {
        let program = self.program(index);
        if !program.asleep {
            return;
        }
        program.asleep = false;
        self.time_out(index);
        self.lose_sockets(index, "the connection was lost");
        let arrivals = self.connections.wake(index);
        self.arrive_all(arrivals);
    }

    /// Sets a program's civil clock so many microseconds off. Its driver reads it at once, as it does when it
    /// notices that somebody set it.
    pub fn jump_clock(&mut self, index: NodeIndex, skew: i64) {
        let now = self.now;
        let program = self.program(index);
        program.skew = skew;
        program.read_clock(now);
        self.drain(index);
    }

    /// Has the first server tell everybody in a room of `count` members who answer nobody.
    pub fn name_ghosts(&mut self, room: RoomId, count: u64) {
        let (servers, mut line) = self.line();
        servers.name_ghosts(&mut line, room, count);
    }

    /// A new ghost joins a room at the first server, and offers a member a link that leads nowhere, or asks for one.
    pub fn haunt(&mut self, ghosts: &mut Ghosts, to: Endpoint) {
        let (servers, mut line) = self.line();
        servers.haunt(&mut line, ghosts, to);
    }

    /// Stops the first server: sockets close, nothing is remembered.
    pub fn stop_server(&mut self) {
        self.stop_server_at(SERVER);
    }

    /// Stops the server with this base address.
    pub fn stop_server_at(&mut self, base: &str) {
        for (index, server) in self.servers.stop(base) {
            self.lose_socket(index, server, "the server closed the connection");
        }
    }

    /// Takes all servers away from one program, for good.
    pub fn lose_server(&mut self, index: NodeIndex) {
        self.program(index).offline = true;
        self.lose_sockets(index, "no route to the server");
    }

    fn lose_sockets(&mut self, index: NodeIndex, reason: &str) {
        for server in self.servers.of(index) {
            self.lose_socket(index, server, reason);
        }
    }

    /// A socket is lost without the program's doing, and the program hears of it.
    fn lose_socket(&mut self, index: NodeIndex, server: ServerId, reason: &str) {
        let (servers, mut line) = self.line();
        servers.close(&mut line, index, server);
        self.tell(index, Input::ServerDown { server, reason: reason.into() });
    }

    /// Gives a program's links into hostile hands.
    pub fn corrupt(&mut self, index: NodeIndex, behaviour: Behaviour) {
        let rng = self.rng.fork();
        let program = self.program(index);
        let identity = Identity::from_secret(program.secret);
        program.mask = Some(Mask::new(behaviour, identity, program.node.endpoint(), rng));
    }

    /// Lets a hostile program write in its own name, under each of these records.
    pub fn defy(&mut self, index: NodeIndex, records: &[RecordName]) {
        let wall = self.wall();
        let Some(mask) = self.program(index).mask.as_mut() else { return };
        for (link, channel, bytes) in mask.defy(wall, records) {
            self.inject(index, link, channel, bytes);
        }
    }

    /// Lets a hostile program strike once, in its own way. Returns whether it had a link to strike over.
    pub fn attack(&mut self, index: NodeIndex) -> bool {
        let wall = self.wall();
        let Some(mask) = self.program(index).mask.as_mut() else { return false };
        let blows = mask.attack(wall);
        let struck = !blows.is_empty();
        for (link, channel, bytes) in blows {
            self.inject(index, link, channel, bytes);
        }
        struck
    }
}
