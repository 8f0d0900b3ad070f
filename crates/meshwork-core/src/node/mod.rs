//! The node: identity, link table and rooms of one endpoint, and the seam to its driver.

pub mod config;
pub mod event;
pub mod io;

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::RangeInclusive;
use core::time::Duration;

pub use config::Config;
pub use event::{Event, LinkState, Refusal, RoomHandle, RoomRefusal, ServerState};
pub use io::{Effect, Input};

use crate::crdt::canvas::{Canvas, CanvasSize, Colour};
use crate::id::{Code, Endpoint, Identity, RoomId};
use crate::rng::Seed;
use crate::signalling::address::RoomAddress;
use crate::time::{Time, WallTime};

/// One thing that comes out of a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// To be carried out by the driver.
    Effect(Effect),
    /// To be heard by the application.
    Event(Event),
}

/// What a room that is to be made is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomSpec {
    /// `http(s)://HOST` of the server that the room is registered with.
    pub server: String,
    /// Size of its canvas.
    pub size: CanvasSize,
    /// Whether a secret guards it.
    pub private: bool,
}

/// What a stored room is restored from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredRoom {
    /// The signed genesis.
    pub genesis: Vec<u8>,
    /// The signed batches, in any order.
    pub batches: Vec<Vec<u8>>,
}

/// What became of a call of [`Node::paint`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaintReceipt {
    /// The sequences of the batches that carry the cells.
    pub sequences: RangeInclusive<u64>,
    /// How many cells they carry.
    pub cells: usize,
}

/// Why a command was not carried out. The node is as it was before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// No such room, or it was refused or left.
    #[error("there is no room {0:?}")]
    NoSuchRoom(RoomHandle),
    /// The room's genesis is not known yet: wait for [`Event::RoomOpened`].
    #[error("the room is not open yet")]
    NotOpen,
    /// A cell is outside the canvas.
    #[error("cell {x}, {y} is outside the canvas of {size}")]
    OutsideCanvas {
        /// Its column.
        x: u32,
        /// Its row.
        y: u32,
        /// The canvas.
        size: CanvasSize,
    },
    /// Nothing was given to paint.
    #[error("there is no cell to paint")]
    Empty,
    /// Stored bytes are not this room.
    #[error("what is stored is not a room: {0}")]
    Stored(String),
    /// The node is in as many rooms as it can be.
    #[error("a node is in at most {0} rooms")]
    TooManyRooms(usize),
    /// Neighbours do not take in what is sent fast enough; paint again after some of it was applied.
    #[error("neighbours cannot keep up: {0} bytes wait to be sent")]
    Backpressure(usize),
}

/// One endpoint as a room sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerView {
    /// Who.
    pub endpoint: Endpoint,
    /// What they call themselves; empty when they did not say.
    pub name: String,
    /// Whether it is another endpoint of our own peer.
    pub own: bool,
    /// State of the link.
    pub state: LinkState,
    /// Since when it is in this state.
    pub since: Time,
    /// When something was last heard over the link.
    pub heard: Option<Time>,
    /// In words: why it is in this state, where there is something to say.
    pub reason: Option<String>,
    /// Smoothed round-trip time (RFC 6298), once measured.
    pub rtt: Option<Duration>,
    /// Whether it proved that it may be in the room.
    pub attached: bool,
    /// Whether it says that it stays in the room.
    pub stays: bool,
    /// Whether its replica equalled ours when they were last compared.
    pub in_step: bool,
    /// Bytes received over the link.
    pub bytes_received: u64,
    /// Bytes sent over the link.
    pub bytes_sent: u64,
}

/// One endpoint of the network, driven from outside.
pub struct Node;

#[allow(unused_variables, missing_docs)]
impl Node {
    pub fn new(config: Config, identity: Identity, seed: Seed, now: Time, wall: WallTime) -> Node { todo!() }
    pub fn endpoint(&self) -> Endpoint { todo!() }

    // Driven by the driver.
    pub fn handle_input(&mut self, now: Time, input: Input) { todo!() }
    pub fn handle_timeout(&mut self, now: Time) { todo!() }
    /// The civil clock was read (again): at birth, and at least every minute, since it may have been set.
    pub fn handle_wall_clock(&mut self, now: Time, wall: WallTime) { todo!() }
    pub fn poll_output(&mut self) -> Option<Output> { todo!() }
    pub fn poll_timeout(&self) -> Option<Time> { todo!() }

    // Commands.
    pub fn create_room(&mut self, now: Time, spec: RoomSpec) -> Result<RoomHandle, CommandError> { todo!() }
    /// `stored`: what a keeper loaded; it must be the addressed room.
    pub fn join_room(&mut self, now: Time, address: RoomAddress, stored: Option<StoredRoom>) -> Result<RoomHandle, CommandError> { todo!() }
    pub fn leave_room(&mut self, now: Time, room: RoomHandle) { todo!() }
    pub fn paint(&mut self, now: Time, room: RoomHandle, cells: &[(u16, u16, Colour)]) -> Result<PaintReceipt, CommandError> { todo!() }
    pub fn set_name(&mut self, now: Time, name: &str) { todo!() }
    /// Says goodbye on every link and server; drain the outputs, then drop the node.
    pub fn shut_down(&mut self, now: Time) { todo!() }

    // What a room is like now.
    pub fn room_id(&self, room: RoomHandle) -> Option<RoomId> { todo!() }
    pub fn room_code(&self, room: RoomHandle) -> Option<Code> { todo!() }
    /// The LINK, once the room is registered.
    pub fn room_address(&self, room: RoomHandle) -> Option<RoomAddress> { todo!() }
    pub fn canvas(&self, room: RoomHandle) -> Option<&Canvas> { todo!() }
    /// Everyone known in the room but ourselves, gone ones included for 60 s, in a stable order.
    pub fn peers(&self, room: RoomHandle) -> Vec<PeerView> { todo!() }
}
