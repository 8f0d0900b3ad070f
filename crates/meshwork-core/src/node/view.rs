//! What commands take and give, and how an application sees a room's peers.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::id::Endpoint;
use crate::links::rtt::PingOutcomes;
use crate::room::rules::stored::{merge_records, name_of};
use crate::room::writing::WriteError;
use crate::seam::event::{LinkState, RoomHandle};
use crate::seam::lane::{DATAGRAM_PAYLOAD_MAX, PRESENCE_MAX};
use crate::seam::path::{LinkPath, RelayedBecause};
use crate::signalling::by_hand::ByHandError;
use crate::signed::app::{AppParameters, AppWord};
use crate::signed::genesis::{Genesis, GenesisError};
use crate::time::Time;

/// What a room that is to be made is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomSpec {
    /// `http(s)://HOST` of each server that the room is registered with; none for one that people find otherwise.
    pub servers: Vec<String>,
    /// The app that it opens with.
    pub app: AppWord,
    /// What that app is told.
    pub parameters: AppParameters,
    /// Whether a secret guards it.
    pub private: bool,
}

/// What a stored room is restored from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredRoom {
    /// The signed genesis.
    pub genesis: Vec<u8>,
    /// The room's records, as they were last stored; empty when none were.
    pub records: Vec<u8>,
    /// The batches as they were stored, in any order: see [`form`](crate::room::storage::form).
    pub batches: Vec<Vec<u8>>,
}

impl StoredRoom {
    /// The app that the room opened with, and what people see it called, which is empty where it has no name.
    ///
    /// # Errors
    /// [`GenesisError`] where it is no room, or one of another version.
    pub fn about(&self) -> Result<(AppWord, String), GenesisError> {
        let (genesis, id) = Genesis::decode(&self.genesis)?;
        let name = genesis.owner().map(|owner| name_of(id, owner, &self.records));
        Ok((genesis.app().0.clone(), name.unwrap_or_default()))
    }

    /// The string to store instead of these records where a program that holds `ours` stores the room: all that either
    /// has. Another program may have stored records since this one read them.
    pub fn merge_records(&self, ours: &[u8]) -> Vec<u8> {
        match Genesis::decode(&self.genesis) {
            Ok((genesis, id)) => merge_records(id, genesis.owner(), &self.records, ours),
            Err(_) => ours.to_vec(),
        }
    }
}

/// Why a command was not carried out. The node is as it was before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// No such room, or it was refused or left.
    #[error("there is no room {0:?}")]
    NoSuchRoom(RoomHandle),
    /// The room's genesis is not known yet: wait for [`Event::RoomOpened`](super::Event::RoomOpened).
    #[error("the room is not open yet")]
    NotOpen,
    /// Stored bytes are not this room.
    #[error("what is stored is not a room: {0}")]
    Stored(String),
    /// The node is in as many rooms as it can be.
    #[error("a node is in at most {0} rooms")]
    TooManyRooms(usize),
    /// The address of a server is not one.
    #[error("{0}")]
    Server(String),
    /// A text that was to link two people by hand is of no use.
    #[error(transparent)]
    ByHand(#[from] ByHandError),
    /// As many connections are being made as the node makes at a time.
    #[error("{0} connections are being made already: try again in a moment")]
    TooManyAttempts(usize),
    /// The room is looked for on as many servers as it can be.
    #[error("a room is looked for on at most {0} servers")]
    TooManyServers(usize),
    /// It was to be written in a room, or its rules were to be changed.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The other end of a link does not take in what is sent fast enough: so many bytes wait. Say it again a little
    /// later.
    #[error("the other end cannot keep up: {0} bytes wait for it")]
    Backpressure(usize),
    /// Nobody unlinks from their own other endpoints: close those instead.
    #[error("this is you: close the other tab or program instead")]
    OwnPeer,
    /// As many people are unlinked as a node remembers.
    #[error("{0} people are unlinked already: link to one of them again first")]
    TooManyUnlinked(usize),
    /// The endpoint is no linked member of the room, and is not waited for: see
    /// [`RoomMut::send_direct`](super::RoomMut::send_direct).
    #[error("there is no link to {0}")]
    NotLinked(Endpoint),
    /// So many members are visited already, and something was said to each lately: wait, or end one.
    #[error("{0} members are visited already")]
    TooManyVisits(usize),
    /// The endpoint's program is older than direct messages.
    #[error("{0} runs a version of Meshwork that has no direct messages: update it")]
    NoDirect(Endpoint),
    /// What one says of oneself is longer than [`PRESENCE_MAX`](crate::seam::lane::PRESENCE_MAX).
    #[error("what one says of oneself has {0} bytes; at most {PRESENCE_MAX} are allowed")]
    PresenceTooLong(usize),
    /// A datagram is longer than [`DATAGRAM_PAYLOAD_MAX`](crate::seam::lane::DATAGRAM_PAYLOAD_MAX).
    #[error("a datagram has {0} bytes; at most {DATAGRAM_PAYLOAD_MAX} are allowed")]
    DatagramTooLong(usize),
    /// A direct message is longer than [`DIRECT_MAX`](crate::seam::lane::DIRECT_MAX).
    #[error("a direct message has {0} bytes; at most 65536 are allowed")]
    TooLong(usize),
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
    /// How packets of the link travel, as far as the driver tells; `None` without a link.
    pub path: Option<LinkPath>,
    /// Why the link is relayed, while it is.
    pub relayed_because: Option<RelayedBecause>,
    /// How much round-trip times differ from it (its RTTVAR), once measured.
    pub jitter: Option<Duration>,
    /// What became of the last minute's pings, which are sent once and never again.
    pub pings: PingOutcomes,
    /// Whether it proved that it may be in the room.
    pub attached: bool,
    /// Whether it is in the room and no neighbour, by choice of the overlay: others pass on what it says. Its link is
    /// [`LinkState::Gone`] and nobody left.
    pub distant: bool,
    /// Whether it says that it stays in the room.
    pub stays: bool,
    /// Whether its replica equalled ours when they were last compared.
    pub in_step: bool,
    /// Bytes received over the link.
    pub bytes_received: u64,
    /// Bytes sent over the link.
    pub bytes_sent: u64,
    /// The session that its links belong to, while there is a link or one may come back.
    pub session: Option<u64>,
    /// How many attempts for a link this session had when the present or last one was proved.
    pub epoch: u32,
    /// Direct messages to it that it has not acknowledged.
    pub unacknowledged: usize,
    /// Whether no link to its peer is wanted, by [`Node::unlink`](super::Node::unlink).
    pub unlinked: bool,
}

/// What one server says of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAnswer {
    /// `http(s)://HOST` of the server.
    pub server: String,
    /// What it says.
    pub says: ServerSays,
}

/// What a server says of a room that it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerSays {
    /// Nothing yet, or no more: it is away, or has not answered.
    Nothing,
    /// It does not know the room.
    Unknown,
    /// It does not let us in.
    Refused,
    /// It counts us among the room's members.
    Joined {
        /// How many others it says are in the room.
        others: u64,
    },
}

/// How much a node holds, for operators and for the simulator's bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Rooms, those that are looked for included, at most [`ROOMS_MAX`](super::ROOMS_MAX).
    pub rooms: usize,
    /// Known endpoints, at most [`PEERS_MAX`](super::PEERS_MAX).
    pub peers: usize,
    /// Links and attempts.
    pub links: usize,
    /// Attempts among them, at most [`PENDING_MAX`](super::PENDING_MAX).
    pub attempts: usize,
    /// Links that are there for visits alone, at most 8.
    pub visits: usize,
    /// Bytes that wait on the link where most wait.
    pub queued_bytes_most: usize,
    /// Bytes of direct messages kept for or from the endpoint for which most are kept, at most
    /// [`RETAINED_MAX`](crate::links::direct::RETAINED_MAX).
    pub retained_bytes_most: usize,
    /// Batches held back in all rooms until they are due.
    pub held_batches: usize,
    /// Bytes of batches that wait in all rooms to be verified.
    pub unverified_bytes: usize,
}
