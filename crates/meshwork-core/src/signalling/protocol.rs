//! The JSON messages between a client and a Meshwork signalling server, version 2.
//!
//! docs/protocol/signalling.md explains the conversation. One WebSocket text frame holds one message; a
//! member named `type` says which. Unknown types are ignored by both ends, so that a later version can add
//! some. Keys, ids and opaque payloads are base64url without padding.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::{Code, Endpoint, RoomId};
use crate::seam::ice_server::IceServer;
use crate::signed::genesis::GENESIS_MAX;
use crate::wire::Base64;

/// Lowest and highest version of this protocol that this build speaks.
pub const VERSIONS: (u16, u16) = (2, 2);
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
    /// Becomes a member of a registered room, or asks for members of whom it was not told yet.
    Join {
        /// Which room.
        room: RoomId,
        /// Of a private room the [token](crate::id::Secret::join_token): members are told of those alone that show the
        /// same.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<Base64<32>>,
    },
    /// Stops being a member of a room, or waiting for it; exactly one of id and code is given, as when it was asked for.
    Leave {
        /// The room's id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        room: Option<RoomId>,
        /// The room's code, when that is all there was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<Code>,
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
        /// ([`Choice`](crate::seam::choice::Choice)); their owners may choose another.
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
        /// Everyone else who is in it, of a large room some; of them those that the client was not told of yet.
        members: Vec<Announcement>,
        /// How many others are in it, those that are not named included.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        others: Option<u64>,
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
        /// The code it was about, of a lookup that names nothing else.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<Code>,
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
    /// More messages in a second than the server allows; as a refusal, the sender's network begins more conversations with
    /// the addressee of a `signal` than that could answer.
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

/// Longest sealed signalling payload, in bytes: a description with 16 candidates takes under 2 KiB.
pub const PAYLOAD_MAX: usize = 8 * 1024;
/// Longest message of this protocol, in bytes of JSON: a payload in base64 and its envelope.
pub const CLIENT_MESSAGE_MAX: usize = 16 * 1024;
/// Longest message a client accepts from a server: `joined` with every member of a full room.
pub const SERVER_MESSAGE_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;
    use alloc::vec;

    use super::*;
    use crate::id::{Identity, Instance};

    fn room() -> RoomId {
        RoomId([3; 32])
    }

    fn endpoint() -> Endpoint {
        Endpoint { peer: Identity::from_secret([7; 32]).peer(), instance: Instance(5) }
    }

    fn announcement() -> Announcement {
        Announcement { endpoint: endpoint(), sealing_key: [1; 32].into(), signature: [2; 64].into() }
    }

    fn from_server() -> Vec<FromServer> {
        let (room, endpoint, announcement) = (room(), endpoint(), announcement());
        let code = Code::from_bits(77);
        let (reason, detail) = (ServerRefusal::RoomFull, "it has \"24\" members".to_string());
        let refused = |room, code| {
            let detail = detail.clone();
            FromServer::Refused { reason, detail, room, code, endpoint: None }
        };
        let welcome = |overlay| FromServer::Welcome {
            versions: (2, 3),
            challenge: [9; 32].into(),
            time_ms: 8,
            keep_alive_ms: 25_000,
            overlay,
        };
        let relay =
            IceServer { username: "1:who".into(), credential: "é\n".into(), ..IceServer::open("turn:*") };
        vec![
            welcome(None),
            welcome(Some("k-gossip:5".to_string())),
            FromServer::Entered,
            FromServer::Found { room, code, genesis: [4; GENESIS_MAX].into() },
            FromServer::Unknown { room: None, code: Some(code) },
            FromServer::Unknown { room: Some(room), code: None },
            FromServer::Joined {
                room,
                members: vec![announcement.clone(), announcement.clone()],
                others: Some(2),
            },
            FromServer::IceServers {
                room,
                servers: vec![IceServer::open("stun:x"), relay],
                lasts_ms: u64::MAX,
            },
            FromServer::MemberJoined { room, announcement },
            FromServer::MemberLeft { room, endpoint },
            FromServer::Signal { room, from: endpoint, payload: [6; PAYLOAD_MAX].into() },
            FromServer::KeepAlive,
            refused(Some(room), None),
            refused(None, Some(code)),
            FromServer::Goodbye { reason, detail: detail.clone(), away_ms: None },
            FromServer::Goodbye { reason, detail, away_ms: Some(900) },
        ]
    }

    fn from_client() -> Vec<FromClient> {
        let (room, code) = (room(), Code::from_bits(77));
        let mut messages = vec![
            FromClient::Enter { version: 2, announcement: announcement(), proof: [4; 64].into() },
            FromClient::Register { genesis: [250; GENESIS_MAX].into() },
            FromClient::Lookup { room: Some(room), code: None },
            FromClient::Lookup { room: None, code: Some(code) },
            FromClient::Join { room, token: None },
            FromClient::Join { room, token: Some([5; 32].into()) },
            FromClient::Leave { room: Some(room), code: None },
            FromClient::Leave { room: None, code: Some(code) },
            FromClient::Signal { room, to: endpoint(), payload: [6; PAYLOAD_MAX].into() },
            FromClient::IceServers { room },
            FromClient::KeepAlive,
        ];
        let outcomes = [LinkOutcome::Direct, LinkOutcome::Relayed, LinkOutcome::Failed];
        messages.extend(outcomes.map(|outcome| FromClient::Report { outcome, ms: u64::MAX }));
        messages
    }

    #[test]
    fn every_message_reads_as_written_and_fits() {
        for message in from_server() {
            let text = serde_json::to_string(&message).expect("it is written");
            assert!(text.len() <= SERVER_MESSAGE_MAX);
            assert_eq!(serde_json::from_str::<FromServer>(&text).expect("it is read"), message, "{text}");
        }
        for message in from_client() {
            let text = serde_json::to_string(&message).expect("it is written");
            assert!(text.len() <= CLIENT_MESSAGE_MAX);
            assert_eq!(serde_json::from_str::<FromClient>(&text).expect("it is read"), message, "{text}");
        }
    }

    #[test]
    fn message_json_is_as_the_protocol_says() {
        let json = |message: &FromServer| serde_json::to_string(message).expect("it is written");
        let (room, endpoint) = (room(), endpoint());
        assert_eq!(
            json(&FromServer::MemberLeft { room, endpoint }),
            format!(r#"{{"type":"member-left","room":"{room}","endpoint":"{endpoint}"}}"#)
        );
        let full = FromServer::Refused {
            reason: ServerRefusal::RoomFull,
            detail: "24".into(),
            room: None,
            code: None,
            endpoint: None,
        };
        assert_eq!(json(&full), r#"{"type":"refused","reason":"room-full","detail":"24"}"#);
        let report = FromClient::Report { outcome: LinkOutcome::Relayed, ms: 7 };
        let text = serde_json::to_string(&report).expect("it is written");
        assert_eq!(text, r#"{"type":"report","outcome":"relayed","ms":7}"#);
    }

    #[test]
    fn unknown_types_members_and_reasons_pass_unlike_rubbish() {
        let read = |text: &str| serde_json::from_str::<FromServer>(text);
        let later = read(r#"{"type":"later","room":5,"more":[{}]}"#).expect("it is read");
        assert_eq!(later, FromServer::Ignored);
        let more = read(r#"{"more":null,"type":"keep-alive"}"#).expect("it is read");
        assert_eq!(more, FromServer::KeepAlive);
        let refused = read(r#"{"type":"goodbye","reason":"unheard-of","detail":""}"#).expect("it is read");
        assert!(matches!(refused, FromServer::Goodbye { reason: ServerRefusal::Other, .. }));
        let (room, long) = (room(), "A".repeat(PAYLOAD_MAX * 4 / 3 + 4));
        let from = endpoint();
        for rubbish in [
            "7",
            "[]",
            "{}",
            r#"{"type":7}"#,
            r#"{"type":"entered"}x"#,
            r#"{"type":"signal","room":""}"#,
            &format!(r#"{{"type":"member-left","room":"{room}"}}"#),
            &format!(r#"{{"type":"member-left","room":"{room}","room":"{room}","endpoint":"{from}"}}"#),
            &format!(r#"{{"type":"signal","room":"{room}","from":"{from}","payload":"{long}"}}"#),
        ] {
            assert!(read(rubbish).is_err(), "{rubbish}");
        }
    }
}
