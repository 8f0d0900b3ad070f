//! Arguments and results of commands, and an application's view of a room's peers.

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

/// The properties of a new room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomSpec {
    /// `http(s)://HOST` of each server that the room is registered with; none for a room that people find otherwise.
    pub servers: Vec<String>,
    /// The app that it opens with.
    pub app: AppWord,
    /// The parameters of that app.
    pub parameters: AppParameters,
    /// Whether a secret guards it.
    pub private: bool,
}

/// The stored state of a room.
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
    /// The app that the room opened with, and its shown name, which is empty if it has none.
    ///
    /// # Errors
    /// [`GenesisError`] if it is no room, or one of another version.
    pub fn about(&self) -> Result<(AppWord, String), GenesisError> {
        let (genesis, id) = Genesis::decode(&self.genesis)?;
        let name = genesis.owner().map(|owner| name_of(id, owner, &self.records));
        Ok((genesis.app().0.clone(), name.unwrap_or_default()))
    }

    /// The string to store instead of these records, if a program that has `ours` stores the room: the union of both.
    /// Another program may have stored records since this one read them.
    pub fn merge_records(&self, ours: &[u8]) -> Vec<u8> {
        match Genesis::decode(&self.genesis) {
            Ok((genesis, id)) => merge_records(id, genesis.owner(), &self.records, ours),
            Err(_) => ours.to_vec(),
        }
    }
}

/// The reason why a command was not executed. The node is unchanged.
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
    /// The node is in as many rooms as allowed.
    #[error("a node is in at most {0} rooms")]
    TooManyRooms(usize),
    /// The address of a server is invalid.
    #[error("{0}")]
    Server(String),
    /// A text for linking two people by hand is invalid.
    #[error(transparent)]
    ByHand(#[from] ByHandError),
    /// The node makes as many connections at a time as allowed.
    #[error("{0} connections are being made already: try again in a moment")]
    TooManyAttempts(usize),
    /// The room is sought on as many servers as allowed.
    #[error("a room is looked for on at most {0} servers")]
    TooManyServers(usize),
    /// A write in a room, or a change of its rules, was refused.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The other end of a link is too slow: this number of bytes waits. Send again a little later.
    #[error("the other end cannot keep up: {0} bytes wait for it")]
    Backpressure(usize),
    /// Our own other endpoints cannot be unlinked: close those instead.
    #[error("this is you: close the other tab or program instead")]
    OwnPeer,
    /// As many people are unlinked as a node remembers.
    #[error("{0} people are unlinked already: link to one of them again first")]
    TooManyUnlinked(usize),
    /// The endpoint is no linked member of the room, and not waited for: see
    /// [`RoomMut::send_direct`](super::RoomMut::send_direct).
    #[error("there is no link to {0}")]
    NotLinked(Endpoint),
    /// This number of members is visited already, with recent messages: wait, or end a visit.
    #[error("{0} members are visited already")]
    TooManyVisits(usize),
    /// The endpoint's program is older than direct messages.
    #[error("{0} runs a version of Meshwork that has no direct messages: update it")]
    NoDirect(Endpoint),
    /// The presence is longer than [`PRESENCE_MAX`](crate::seam::lane::PRESENCE_MAX).
    #[error("what one says of oneself has {0} bytes; at most {PRESENCE_MAX} are allowed")]
    PresenceTooLong(usize),
    /// A datagram is longer than [`DATAGRAM_PAYLOAD_MAX`](crate::seam::lane::DATAGRAM_PAYLOAD_MAX).
    #[error("a datagram has {0} bytes; at most {DATAGRAM_PAYLOAD_MAX} are allowed")]
    DatagramTooLong(usize),
    /// A direct message is longer than [`DIRECT_MAX`](crate::seam::lane::DIRECT_MAX).
    #[error("a direct message has {0} bytes; at most 65536 are allowed")]
    TooLong(usize),
}

/// A room's view of one endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerView {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Its name; empty without one.
    pub name: String,
    /// Whether it is another endpoint of our own peer.
    pub own: bool,
    /// State of the link.
    pub state: LinkState,
    /// The time since when it is in this state.
    pub since: Time,
    /// The time of the last data over the link.
    pub heard: Option<Time>,
    /// The reason of this state as a message, if there is one.
    pub reason: Option<String>,
    /// Smoothed round-trip time (RFC 6298), once measured.
    pub rtt: Option<Duration>,
    /// The path of the link, as far as the driver knows; `None` without a link.
    pub path: Option<LinkPath>,
    /// The reason why the link is relayed, while it is.
    pub relayed_because: Option<RelayedBecause>,
    /// The jitter of round-trip times (RTTVAR), once measured.
    pub jitter: Option<Duration>,
    /// The outcomes of the last minute's pings, which are never repeated.
    pub pings: PingOutcomes,
    /// Whether a link to it is being made, or failed and will be tried again.
    pub sought: bool,
    /// Whether it proved its access to the room.
    pub attached: bool,
    /// Whether it is in the room and no neighbour, by choice of the overlay: others forward its messages. Its link is
    /// [`LinkState::Gone`] and it did not leave.
    pub distant: bool,
    /// Whether it stays in the room, by its own report.
    pub stays: bool,
    /// Whether its replicas equalled ours at the last comparison.
    pub in_step: bool,
    /// Bytes received over the link.
    pub bytes_received: u64,
    /// Bytes sent over the link.
    pub bytes_sent: u64,
    /// The session that its links belong to, while there is a link or one may come back.
    pub session: Option<u64>,
    /// Number of attempts for a link in this session when the present or last one was proved.
    pub epoch: u32,
    /// Direct messages to it that it has not acknowledged.
    pub unacknowledged: usize,
    /// Whether no link to its peer is wanted, by [`Node::unlink`](super::Node::unlink).
    pub unlinked: bool,
}

/// The answer of one server about a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAnswer {
    /// `http(s)://HOST` of the server.
    pub server: String,
    /// Its answer.
    pub says: ServerSays,
    /// Whether it is away since an attempt to reach it that began after the room was registered there.
    pub is_away: bool,
}

/// An answer of a server about a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerSays {
    /// None: it is away, or has not answered yet.
    Nothing,
    /// It does not know the room.
    Unknown,
    /// It does not admit us.
    Refused,
    /// It counts us among the room's members.
    Joined {
        /// The number of others in the room, by its report.
        others: u64,
    },
}

/// The memory use of a node, for operators and for the simulator's bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Rooms, including sought ones, at most [`ROOMS_MAX`](super::ROOMS_MAX).
    pub rooms: usize,
    /// Known endpoints, at most [`PEERS_MAX`](super::PEERS_MAX).
    pub peers: usize,
    /// Links and attempts.
    pub links: usize,
    /// Attempts among them, at most [`PENDING_MAX`](super::PENDING_MAX).
    pub attempts: usize,
    /// Links for visits alone, at most 8.
    pub visits: usize,
    /// The most bytes that wait on one link.
    pub queued_bytes_most: usize,
    /// The most bytes of direct messages kept for or from one endpoint, at most
    /// [`RETAINED_MAX`](crate::links::direct::RETAINED_MAX).
    pub retained_bytes_most: usize,
    /// Batches held back in all rooms until they are due.
    pub held_batches: usize,
    /// Bytes of batches that wait for verification in all rooms.
    pub unverified_bytes: usize,
}
