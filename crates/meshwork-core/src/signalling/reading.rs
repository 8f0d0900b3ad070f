//! Reading what a server says, by little code: a page carries it.
//!
//! The derived reader of [`FromServer`] has code of its own for each member of each message. Here all members that
//! any message has are read into one record, and the message is put together from it.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;
use serde::de::Error as _;

use super::ice_server::IceServer;
use super::protocol::{Announcement, CHALLENGE_LEN, FromServer, GENESIS_MAX, PAYLOAD_MAX, ServerRefusal};
use crate::id::{Code, Endpoint, RoomId};
use crate::wire::Base64;

/// Which message it is.
#[derive(Deserialize)]
struct Tag {
    #[serde(rename = "type")]
    kind: String,
}

/// All members that messages have. A name means the same in each.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Members {
    versions: Option<(u16, u16)>,
    challenge: Option<Base64<CHALLENGE_LEN>>,
    time_ms: Option<u64>,
    keep_alive_ms: Option<u64>,
    overlay: Option<String>,
    room: Option<RoomId>,
    code: Option<Code>,
    genesis: Option<Base64<GENESIS_MAX>>,
    members: Option<Vec<Announcement>>,
    servers: Option<Vec<IceServer>>,
    lasts_ms: Option<u64>,
    announcement: Option<Announcement>,
    endpoint: Option<Endpoint>,
    from: Option<Endpoint>,
    payload: Option<Base64<PAYLOAD_MAX>>,
    reason: Option<ServerRefusal>,
    detail: Option<String>,
    away_ms: Option<u64>,
}

/// Reads a message.
///
/// # Errors
/// It is no JSON, or lacks something that a message of its type has. A type that this build does not know is no
/// error: it is to be ignored.
pub(super) fn read(text: &str) -> Result<FromServer, serde_json::Error> {
    let Tag { kind } = serde_json::from_str(text)?;
    if !KINDS.contains(&kind.as_str()) {
        return Ok(FromServer::Ignored);
    }
    let all: Members = serde_json::from_str(text)?;
    let room = || needed(all.room, "room");
    Ok(match kind.as_str() {
        "welcome" => FromServer::Welcome {
            versions: needed(all.versions, "versions")?,
            challenge: needed(all.challenge, "challenge")?,
            time_ms: needed(all.time_ms, "time_ms")?,
            keep_alive_ms: needed(all.keep_alive_ms, "keep_alive_ms")?,
            overlay: all.overlay,
        },
        "entered" => FromServer::Entered,
        "found" => FromServer::Found {
            room: room()?,
            code: needed(all.code, "code")?,
            genesis: needed(all.genesis, "genesis")?,
        },
        "unknown" => FromServer::Unknown { room: all.room, code: all.code },
        "joined" => FromServer::Joined { room: room()?, members: needed(all.members, "members")? },
        "ice-servers" => FromServer::IceServers {
            room: room()?,
            servers: needed(all.servers, "servers")?,
            lasts_ms: needed(all.lasts_ms, "lasts_ms")?,
        },
        "member-joined" => FromServer::MemberJoined {
            room: room()?,
            announcement: needed(all.announcement, "announcement")?,
        },
        "member-left" => {
            FromServer::MemberLeft { room: room()?, endpoint: needed(all.endpoint, "endpoint")? }
        }
        "signal" => FromServer::Signal {
            room: room()?,
            from: needed(all.from, "from")?,
            payload: needed(all.payload, "payload")?,
        },
        "keep-alive" => FromServer::KeepAlive,
        "refused" => FromServer::Refused {
            reason: needed(all.reason, "reason")?,
            detail: needed(all.detail, "detail")?,
            room: all.room,
            endpoint: all.endpoint,
        },
        _ => FromServer::Goodbye {
            reason: needed(all.reason, "reason")?,
            detail: needed(all.detail, "detail")?,
            away_ms: all.away_ms,
        },
    })
}

/// The types that this build knows, the last being the one that [`read`] does not name.
const KINDS: [&str; 12] = [
    "welcome",
    "entered",
    "found",
    "unknown",
    "joined",
    "ice-servers",
    "member-joined",
    "member-left",
    "signal",
    "keep-alive",
    "refused",
    "goodbye",
];

fn needed<T>(member: Option<T>, name: &'static str) -> Result<T, serde_json::Error> {
    member.ok_or_else(|| serde_json::Error::missing_field(name))
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;
    use alloc::vec;

    use super::*;
    use crate::id::{Identity, Instance, PeerId};

    fn messages() -> Vec<FromServer> {
        let peer: PeerId = Identity::from_secret([7; 32]).peer();
        let endpoint = Endpoint { peer, instance: Instance(5) };
        let room = RoomId([3; 32]);
        let code = Code::from_bits(77);
        let announcement = Announcement { endpoint, sealing_key: [1; 32].into(), signature: [2; 64].into() };
        let (reason, detail) = (ServerRefusal::RoomFull, "it has \"24\" members".to_string());
        vec![
            FromServer::Welcome {
                versions: (1, 2),
                challenge: [9; 32].into(),
                time_ms: 8,
                keep_alive_ms: 25_000,
                overlay: None,
            },
            FromServer::Welcome {
                versions: (1, 2),
                challenge: [9; 32].into(),
                time_ms: 8,
                keep_alive_ms: 25_000,
                overlay: Some("k-gossip:5".to_string()),
            },
            FromServer::Entered,
            FromServer::Found { room, code, genesis: [4; GENESIS_MAX].into() },
            FromServer::Unknown { room: None, code: Some(code) },
            FromServer::Unknown { room: Some(room), code: None },
            FromServer::Joined { room, members: vec![announcement.clone(), announcement.clone()] },
            FromServer::IceServers { room, servers: Vec::new(), lasts_ms: 60_000 },
            FromServer::MemberJoined { room, announcement },
            FromServer::MemberLeft { room, endpoint },
            FromServer::Signal { room, from: endpoint, payload: [6; PAYLOAD_MAX].into() },
            FromServer::KeepAlive,
            FromServer::Refused { reason, detail: detail.clone(), room: Some(room), endpoint: None },
            FromServer::Goodbye { reason, detail: detail.clone(), away_ms: None },
            FromServer::Goodbye { reason, detail, away_ms: Some(900) },
        ]
    }

    #[test]
    fn every_message_is_read_as_the_derived_reader_reads_it() {
        for message in messages() {
            let text = serde_json::to_string(&message).expect("it is written");
            assert_eq!(read(&text).expect("it is read"), message, "{text}");
            assert_eq!(serde_json::from_str::<FromServer>(&text).expect("it is read"), message, "{text}");
            // Without one of its members it is none of the protocol for both.
            let whole: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
            let names: Vec<_> = whole.as_object().expect("an object").keys().cloned().collect();
            for name in names {
                let mut part = whole.clone();
                part.as_object_mut().expect("an object").remove(&name);
                let text = part.to_string();
                let derived = serde_json::from_str::<FromServer>(&text).ok();
                assert_eq!(read(&text).ok(), derived, "{text}");
            }
        }
    }

    #[test]
    fn unknown_types_are_ignored_whatever_they_hold_and_rubbish_is_refused() {
        assert_eq!(
            read(r#"{"type":"later","room":5,"more":[{}]}"#).expect("it is read"),
            FromServer::Ignored
        );
        assert_eq!(read(r#"{"more":null,"type":"keep-alive"}"#).expect("it is read"), FromServer::KeepAlive);
        for rubbish in
            ["", "7", "[]", "{}", r#"{"type":7}"#, r#"{"type":"entered"}x"#, r#"{"type":"signal","room":""}"#]
        {
            assert!(read(rubbish).is_err(), "{}", format!("{rubbish:?}"));
        }
    }
}
