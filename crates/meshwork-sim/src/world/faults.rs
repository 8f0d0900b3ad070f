//! Faults of the network, of machines and of clocks, and people who mean harm.

use std::net::IpAddr;

use meshwork_core::id::Identity;
use meshwork_core::node::Input;
use meshwork_core::room::message::RoomMessage;
use meshwork_core::seam::event::RoomHandle;
use meshwork_core::seam::io::{Channel, LinkId, ServerId};
use meshwork_core::signed::header::RecordName;
use meshwork_core::wire::{FRAME_MAX, MessageWriter};

use super::{World, skewed};
use crate::connection::{NodeIndex, PathModel};
use crate::hostile::{Behaviour, Mask};

impl World {
    /// Cuts all paths between the two groups, in both directions.
    pub fn cut(&mut self, one: &[NodeIndex], other: &[NodeIndex]) {
        for &a in one {
            other.iter().for_each(|&b| self.connections.cut(a, b));
        }
    }

    /// Lets nothing of `from` arrive at `to` any more. What `to` sends still arrives, though its stack never
    /// hears so.
    pub fn cut_one_way(&mut self, from: NodeIndex, to: NodeIndex) {
        self.connections.cut_one_way(from, to);
    }

    /// Heals the paths between two programs, in both directions.
    pub fn heal_between(&mut self, one: NodeIndex, other: NodeIndex) {
        let arrivals = self.connections.heal_between(one, other);
        self.arrive_all(arrivals);
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

    /// The connections between two programs carry nothing any more, and nobody is told, as when their relay restarts.
    pub fn silence_connection(&mut self, one: NodeIndex, other: NodeIndex) {
        self.connections.fail(one, other);
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

    /// From now on these two find no direct path any more, whenever they begin a connection.
    pub fn make_hard(&mut self, one: NodeIndex, other: NodeIndex) {
        self.connections.make_hard(one, other);
    }

    /// From now on they find one again.
    pub fn make_easy(&mut self, one: NodeIndex, other: NodeIndex) {
        self.connections.make_easy(one, other);
    }

    /// A program names these addresses as its own from now on, a few of them, wherever they lead.
    pub fn set_addresses(&mut self, index: NodeIndex, addresses: &[IpAddr]) {
        self.connections.set_addresses(index, addresses.to_vec());
    }

    /// Moves a program to another access to the network. Its connections live on.
    pub fn set_access(&mut self, index: NodeIndex, access: PathModel) {
        self.program(index).access = access;
    }

    /// Tells a program that its network may have changed, as its driver does.
    pub fn change_network(&mut self, index: NodeIndex) {
        self.tell(index, Input::NetworkChanged);
    }

    /// A machine falls asleep: its program is not driven, nothing reaches it, and servers lose it.
    pub fn sleep(&mut self, index: NodeIndex) {
        let program = self.program(index);
        program.asleep = true;
        if let Some(at) = program.due.take() {
            self.deadlines.remove(&(at, index));
        }
        self.connections.sleep(index);
        let sockets: Vec<ServerId> = self.program(index).sockets.keys().copied().collect();
        for server in sockets {
            self.lose_on_server(index, server);
        }
    }

    /// A machine wakes up: its program finds that time has passed, and that its sockets are gone.
    pub fn wake(&mut self, index: NodeIndex) {
        let program = self.program(index);
        if !program.asleep {
            return;
        }
        program.asleep = false;
        self.time_out(index);
        let sockets: Vec<ServerId> = self.program(index).sockets.keys().copied().collect();
        for server in sockets {
            self.lose_socket(index, server, "the connection was lost");
        }
        let arrivals = self.connections.wake(index);
        self.arrive_all(arrivals);
    }

    /// Sets a program's civil clock so many microseconds off. Its driver reads it at once, as it does when it
    /// notices that somebody set it.
    pub fn jump_clock(&mut self, index: NodeIndex, skew: i64) {
        let now = self.now;
        let program = self.program(index);
        (program.skew, program.read_skew) = (skew, skew);
        program.clock_read = now;
        program.node.handle_wall_clock(now, skewed(now, skew));
        self.drain(index);
    }

    /// Sets a program's civil clock so many microseconds off. Its driver notices when it reads it next, within a
    /// minute.
    pub fn set_clock(&mut self, index: NodeIndex, skew: i64) {
        self.program(index).skew = skew;
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
            self.transmit(index, link, channel, bytes);
        }
    }

    /// Lets a hostile program strike once, in its own way. Returns whether it had a link to strike over.
    pub fn attack(&mut self, index: NodeIndex) -> bool {
        let wall = self.wall();
        let Some(mask) = self.program(index).mask.as_mut() else { return false };
        let blows = mask.attack(wall);
        let struck = !blows.is_empty();
        for (link, channel, bytes) in blows {
            self.transmit(index, link, channel, bytes);
        }
        struck
    }
}
