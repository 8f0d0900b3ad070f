//! The seam to the world, as data: what a node asks of its driver, what the driver tells it, what apps hear.
//!
//! Contract of a driver:
//! - It carries out the effects of one link, and of one server, in the order in which they were queued.
//! - It calls the node from one place at a time, drains [`poll_output`](crate::node::Node::poll_output) after every
//!   call, and calls [`handle_timeout`](crate::node::Node::handle_timeout) when
//!   [`poll_timeout`](crate::node::Node::poll_timeout) is due.
//! - After [`Effect::Close`], or after it has said [`Input::Down`], it says nothing more of that link.
//! - [`Input::Up`] comes before any [`Input::Data`] of the link and only when both channels are open; data that
//!   arrived earlier is kept back until then.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::path::{IceConfig, LinkPath};
use crate::id::RoomId;
use crate::seam::description::{Fingerprints, Role, Signal};
use crate::signed::batch::BatchKey;
use crate::time::WallTime;
pub use crate::wire::FRAME_MAX;

/// Bytes that a node leaves unacknowledged by [`Input::Writable`] on one link, both channels together.
///
/// Half of the 128 KiB that the native stack buffers, so that its own retransmissions always have room.
pub const SEND_WINDOW: usize = 64 * 1024;

/// One connection attempt of this node; numbers are never used twice by one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// One signalling server that the node talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub u32);

/// The two negotiated data channels of every link (RFC 8832 section 4, `negotiated: true`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Stream id 0: ordered and reliable.
    Reliable,
    /// Stream id 1: unordered, no retransmissions.
    Unreliable,
}

impl Channel {
    /// Both, in the order of their stream ids.
    pub const ALL: [Channel; 2] = [Channel::Reliable, Channel::Unreliable];

    /// The negotiated SCTP stream id.
    pub fn stream_id(self) -> u16 {
        match self {
            Channel::Reliable => 0,
            Channel::Unreliable => 1,
        }
    }

    /// The channel's label, for people who look at a browser's inspector.
    pub fn label(self) -> &'static str {
        match self {
            Channel::Reliable => "meshwork-reliable",
            Channel::Unreliable => "meshwork-unreliable",
        }
    }
}

/// What the driver must carry out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Make a connection. An offerer's driver answers with [`Input::Signal`] holding its description, an
    /// answerer's does so after it got the offer.
    Open {
        /// The attempt's number.
        link: LinkId,
        /// Which end this is.
        role: Role,
        /// Which ways it may look for, and which servers help.
        ice: IceConfig,
    },
    /// Give the connection what the other end said. It was checked
    /// ([`Description::check`](crate::seam::description::Description::check)); a candidate may come
    /// before the description and must then be kept.
    Signal {
        /// Which connection.
        link: LinkId,
        /// What the other end said.
        signal: Signal,
    },
    /// Send one message on a channel. Never beyond [`SEND_WINDOW`] and never longer than [`FRAME_MAX`].
    Send {
        /// Which connection.
        link: LinkId,
        /// Which channel.
        channel: Channel,
        /// The message.
        bytes: Vec<u8>,
    },
    /// Close the connection when what was sent before is on its way, and forget it.
    Close {
        /// Which connection.
        link: LinkId,
    },
    /// Open a WebSocket. Answered by [`Input::ServerUp`] or [`Input::ServerDown`].
    ServerOpen {
        /// The node's number for this server.
        server: ServerId,
        /// `ws://` or `wss://` address.
        url: String,
    },
    /// Send one text frame.
    ServerSend {
        /// Which server.
        server: ServerId,
        /// The frame.
        text: String,
    },
    /// Close the WebSocket; nothing more is said of it until the next [`Effect::ServerOpen`].
    ServerClose {
        /// Which server.
        server: ServerId,
    },
    /// Store a record durably, then answer with [`Input::Persisted`]. Only a node with
    /// [`Config::stores`](super::config::Config::stores) asks for this.
    Persist {
        /// Names this request in the answer.
        token: u64,
        /// The room it belongs to.
        room: RoomId,
        /// What changes.
        change: StoreChange,
    },
    /// Read a part of the room's history from the log, then answer with [`Input::HistoryRead`]. Only a node with
    /// [`Config::keeps_history`](super::config::Config::keeps_history) asks for this.
    ReadHistory {
        /// Names this request in the answer.
        token: u64,
        /// Which room.
        room: RoomId,
        /// Number of the first entry that is wanted; when that is forgotten, the oldest one.
        from: u64,
        /// Bytes of batches at most, but for the first of them; an entry that says that some are missing counts as
        /// [`GAP_BYTES`](crate::room::history::GAP_BYTES). 0 asks for no entry, only for how far back the log
        /// reaches.
        bytes: u32,
    },
}

/// A part of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryPart {
    /// Number of the log's oldest entry.
    pub first: u64,
    /// When that was written; `None` in an empty log. Left out where entries are asked for.
    pub since: Option<WallTime>,
    /// Bytes of the whole log.
    pub bytes: u64,
    /// What was read, in order.
    pub entries: Vec<HistoryEntry>,
    /// Number of the entry that comes next.
    pub next: u64,
    /// Whether the log ends here.
    pub is_end: bool,
}

/// An entry of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryEntry {
    /// A batch was accepted.
    Batch {
        /// The entry's number.
        number: u64,
        /// When.
        at: WallTime,
        /// The signed batch.
        bytes: Vec<u8>,
    },
    /// Batches were accepted that the log does not have.
    Gap {
        /// The entry's number.
        number: u64,
        /// When that was noticed.
        at: WallTime,
        /// How many.
        missed: u64,
    },
}

/// A change of what is stored for a room. All of one change is applied or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreChange {
    /// The room's signed genesis, when it is first stored.
    pub genesis: Option<Vec<u8>>,
    /// The room's records as one string of bytes, which replaces the one stored before.
    pub records: Option<Vec<u8>>,
    /// Batches to keep, by key, as the room reads them again: see [`form`](crate::room::storage::form).
    pub insert: Vec<(BatchKey, Vec<u8>)>,
    /// Batches that the room holds no longer.
    pub remove: Vec<BatchKey>,
    /// For the history: what was accepted, in that order. Only with
    /// [`Config::keeps_history`](super::config::Config::keeps_history); those still kept are in `insert` as well.
    pub accepted: Vec<AcceptedBatch>,
    /// How many accepted batches before `accepted` are missing in the history, since storage did not keep up.
    pub missed: u64,
}

/// A batch as the history has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedBatch {
    /// Its name. One that is in the store already is in the history already: while a store is restored in slices,
    /// a neighbour may be faster with a batch than one's own disk.
    pub key: BatchKey,
    /// When it was accepted, by this machine's civil clock.
    pub at: WallTime,
    /// The signed batch.
    pub bytes: Vec<u8>,
}

/// What the driver tells the node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// The connection has a description or a candidate for the other end.
    Signal {
        /// Which connection.
        link: LinkId,
        /// To be carried to the other end.
        signal: Signal,
    },
    /// Both channels are open and the certificates are known.
    Up {
        /// Which connection.
        link: LinkId,
        /// As they were presented on the wire.
        fingerprints: Fingerprints,
        /// How its packets travel at first.
        path: LinkPath,
    },
    /// The connection moved to another path.
    PathChanged {
        /// Which connection.
        link: LinkId,
        /// How its packets travel now.
        path: LinkPath,
    },
    /// A message arrived on a channel.
    Data {
        /// Which connection.
        link: LinkId,
        /// Which channel.
        channel: Channel,
        /// The message.
        bytes: Vec<u8>,
    },
    /// The stack took further bytes of what was sent, so that as many more may be sent.
    Writable {
        /// Which connection.
        link: LinkId,
        /// How many bytes of earlier [`Effect::Send`]s left the driver's buffers since it last said so.
        bytes: usize,
    },
    /// The connection failed or was closed by the other end.
    Down {
        /// Which connection.
        link: LinkId,
        /// In words, for people: what happened as the driver saw it.
        reason: String,
    },
    /// The WebSocket is open.
    ServerUp {
        /// Which server.
        server: ServerId,
        /// Its address, where the driver can tell.
        address: Option<IpAddr>,
    },
    /// A text frame arrived.
    ServerText {
        /// Which server.
        server: ServerId,
        /// The frame.
        text: String,
    },
    /// The WebSocket could not be opened, or closed.
    ServerDown {
        /// Which server.
        server: ServerId,
        /// In words, for people.
        reason: String,
    },
    /// The machine may have another network now, or slept: addresses changed, the browser says that it is online
    /// again, or the civil clock moved on while the monotonic one stood still. Said too often it costs pings.
    NetworkChanged,
    /// A [`Effect::Persist`] is on durable storage.
    Persisted {
        /// The request's token.
        token: u64,
    },
    /// A [`Effect::Persist`] could not be carried out, nothing of it is stored. The room goes on and asks again.
    PersistFailed {
        /// The request's token.
        token: u64,
        /// In words, for people.
        reason: String,
    },
    /// What became of an [`Effect::ReadHistory`].
    HistoryRead {
        /// The request's token.
        token: u64,
        /// The part, or in words why there is none.
        part: Result<HistoryPart, String>,
    },
}

impl Input {
    /// The connection that it is about, if it is about one.
    pub fn link(&self) -> Option<LinkId> {
        match self {
            Input::Signal { link, .. }
            | Input::Up { link, .. }
            | Input::PathChanged { link, .. }
            | Input::Data { link, .. }
            | Input::Writable { link, .. }
            | Input::Down { link, .. } => Some(*link),
            Input::ServerUp { .. }
            | Input::ServerText { .. }
            | Input::ServerDown { .. }
            | Input::NetworkChanged
            | Input::Persisted { .. }
            | Input::PersistFailed { .. }
            | Input::HistoryRead { .. } => None,
        }
    }
}
