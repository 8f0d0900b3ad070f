//! The JSON messages between a client and a Meshwork signalling server, version 1.
//!
//! docs/protocol/signalling.md explains the conversation. One WebSocket text frame holds one message; a
//! member named `type` says which. Unknown types are ignored by both ends, so that a later version can add
//! some. Keys, ids and opaque payloads are base64url without padding.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::{Code, Endpoint, RoomId};
use crate::signalling::ice_server::IceServer;
use crate::wire::Base64;

/// Lowest and highest version of this protocol that this build speaks.
pub const VERSIONS: (u16, u16) = (1, 1);
/// Path of the WebSocket on a Meshwork server.
pub const PATH: &str = "/signal";
/// What an endpoint signs to enter a server: this label, the challenge, the endpoint in its binary form.
pub const ENTER_LABEL: &[u8] = b"meshwork signalling enter v1";
/// Bytes of randomness in a challenge.
pub const CHALLENGE_LEN: usize = 32;

/// An endpoint's X25519 sealing key, signed by its peer key (see `signalling::sealing`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// Whose key it is.
    pub endpoint: Endpoint,
    /// X25519 public key, 32 bytes.
    pub sealing_key: Base64<32>,
    /// Ed25519 signature over the announcement label, the endpoint and the sealing key, 64 bytes.
    pub signature: Base64<64>,
}

/// What a client says to a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum FromClient {
    /// The first message: which endpoint this socket is, proved against the challenge of [`FromServer::Welcome`].
    Enter {
        /// The version the client chose from the server's range.
        version: u16,
        /// The endpoint with its sealing key.
        announcement: Announcement,
        /// Ed25519 signature over [`ENTER_LABEL`], the challenge and the endpoint.
        proof: Base64<64>,
    },
    /// Hands the server a room's signed genesis, so that it can be found by its code.
    Register {
        /// The signed genesis in its binary form.
        genesis: Base64<GENESIS_MAX>,
    },
    /// Asks for a room by id or by code; exactly one is given. An unknown room waits until it is registered.
    Lookup {
        /// The room's id, when the client knows it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        room: Option<RoomId>,
        /// The room's code, when that is all there is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<Code>,
    },
    /// Becomes a member of a registered room.
    Join {
        /// Which room.
        room: RoomId,
    },
    /// Stops being a member of a room.
    Leave {
        /// Which room.
        room: RoomId,
    },
    /// Carries a sealed payload to another member of a room.
    Signal {
        /// The room that both are in.
        room: RoomId,
        /// To whom.
        to: Endpoint,
        /// The sealed payload, opaque to the server.
        payload: Base64<PAYLOAD_MAX>,
    },
    /// Asks for the STUN and TURN servers of a room again, before what opens them lapses.
    IceServers {
        /// The room, which the client is in.
        room: RoomId,
    },
    /// Says what became of an attempt at a link, for the numbers of whoever runs the server. Nobody has to say it,
    /// it names nobody, and it is not answered.
    Report {
        /// What became of it.
        outcome: LinkOutcome,
        /// Milliseconds since the first offer.
        ms: u64,
    },
    /// Says that the socket is alive; the server answers with the same.
    KeepAlive,
    /// A message of a type that this build does not know: it is read and ignored, never written.
    #[serde(other, skip_serializing)]
    Ignored,
}

/// What a server says to a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum FromServer {
    /// The first message on a new socket.
    Welcome {
        /// Lowest and highest version the server speaks.
        versions: (u16, u16),
        /// Randomness that the client signs in [`FromClient::Enter`].
        challenge: Base64<CHALLENGE_LEN>,
        /// The server's civil clock, in milliseconds since 1970.
        time_ms: u64,
        /// The client says [`FromClient::KeepAlive`] after this much silence, in milliseconds.
        keep_alive_ms: u64,
        /// The overlay that whoever runs the server wants new rooms to have, as a record names it
        /// ([`Choice`](crate::overlay::choice::Choice)); their owners may choose another.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        overlay: Option<String>,
    },
    /// The proof held: the socket now speaks for its endpoint.
    Entered,
    /// A room is known here: the answer to `register` and `lookup`, also when a waiting lookup comes true.
    Found {
        /// Its id.
        room: RoomId,
        /// Its code on this server.
        code: Code,
        /// Its signed genesis.
        genesis: Base64<GENESIS_MAX>,
    },
    /// No such room yet; the lookup waits.
    Unknown {
        /// As asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        room: Option<RoomId>,
        /// As asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<Code>,
    },
    /// The client is a member now; these are the others.
    Joined {
        /// Which room.
        room: RoomId,
        /// Everyone else who is in it.
        members: Vec<Announcement>,
    },
    /// STUN and TURN servers for this client in a room: before [`FromServer::Joined`], and when they are asked for.
    IceServers {
        /// Which room.
        room: RoomId,
        /// The servers. An address with the host `*` is at the host by which the client reached this server.
        servers: Vec<IceServer>,
        /// How long they may be used, in milliseconds: then the credentials lapse.
        lasts_ms: u64,
    },
    /// Someone else became a member.
    MemberJoined {
        /// Which room.
        room: RoomId,
        /// Who.
        announcement: Announcement,
    },
    /// Someone left the room, or their socket closed. Their links may live on.
    MemberLeft {
        /// Which room.
        room: RoomId,
        /// Who.
        endpoint: Endpoint,
    },
    /// A sealed payload from another member.
    Signal {
        /// The room that both are in.
        room: RoomId,
        /// From whom, as the server knows it; the payload proves it.
        from: Endpoint,
        /// The sealed payload.
        payload: Base64<PAYLOAD_MAX>,
    },
    /// Answers [`FromClient::KeepAlive`].
    KeepAlive,
    /// A request was not carried out; the socket stays open.
    Refused {
        /// Why.
        reason: ServerRefusal,
        /// The same in words, with the offending value.
        detail: String,
        /// The room it was about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        room: Option<RoomId>,
        /// The endpoint it was about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        endpoint: Option<Endpoint>,
    },
    /// The last message before the server closes the socket.
    Goodbye {
        /// Why.
        reason: ServerRefusal,
        /// The same in words, with the offending value.
        detail: String,
        /// How long the server takes nobody in, in milliseconds, where it ends and may come back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        away_ms: Option<u64>,
    },
    /// A message of a type that this build does not know: it is read and ignored, never written.
    #[serde(other, skip_serializing)]
    Ignored,
}

/// What became of an attempt at a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkOutcome {
    /// A link whose packets go from one endpoint to the other.
    Direct,
    /// A link whose packets go through a relay.
    Relayed,
    /// No link.
    Failed,
}

/// Why a server refused a request or closed a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ServerRefusal {
    /// Not JSON, or not a message of this protocol.
    Malformed,
    /// The client chose a version outside the server's range; as a refusal, a genesis has a format that the
    /// server does not know.
    Version,
    /// A signature (entry proof, announcement or genesis) does not hold.
    Signature,
    /// Anything else was said before `enter`, or `enter` twice.
    OutOfOrder,
    /// The endpoint entered again on another socket, which now speaks for it.
    Replaced,
    /// `join` or `signal` names a room that is not registered, or that the client is not in.
    NoSuchRoom,
    /// The addressee of a `signal` is not in the room.
    NoSuchMember,
    /// The room has as many members as the server allows.
    RoomFull,
    /// The server keeps as many rooms, or has as many waits or sockets, as it allows, or every code that the
    /// room may have is taken.
    ServerFull,
    /// The socket is in as many rooms, or waits for as many, as the server allows, or its network registered as
    /// many.
    TooManyRooms,
    /// A message is longer than the server allows.
    TooLarge,
    /// More messages in a second than the server allows.
    TooFast,
    /// Nothing was heard for longer than the server allows.
    Idle,
    /// The client did not read what the server sent; as a refusal, the addressee of a `signal` does not.
    SlowReader,
    /// The server is shutting down.
    ShuttingDown,
    /// Whoever runs the server keeps the peer, the address or the room out.
    Banned,
    /// A reason that this build does not know.
    #[serde(other)]
    Other,
}

/// Longest signed genesis, in bytes: it fits one small message and one database row.
pub const GENESIS_MAX: usize = 1024;
/// Longest sealed signalling payload, in bytes: a description with 16 candidates takes under 2 KiB.
pub const PAYLOAD_MAX: usize = 8 * 1024;
/// Longest message of this protocol, in bytes of JSON: a payload in base64 and its envelope.
pub const CLIENT_MESSAGE_MAX: usize = 16 * 1024;
/// Longest message a client accepts from a server: `joined` with every member of a full room.
pub const SERVER_MESSAGE_MAX: usize = 64 * 1024;
