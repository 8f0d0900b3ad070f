//! Reading what a server says, by little code: a page carries it.
//!
//! A derived reader of [`FromServer`] has code of its own for each member of each message. Here all members that
//! any message has are read into one record, and the message is put together from it.

use alloc::string::String;
use alloc::vec::Vec;
use core::str::FromStr;

use super::ice_server::IceServer;
use super::protocol::{Announcement, CHALLENGE_LEN, FromServer, GENESIS_MAX, PAYLOAD_MAX, ServerRefusal};
use crate::id::{Code, Endpoint, RoomId};
use crate::wire::Base64;
use crate::wire::json::{JsonError, JsonReader};

/// All members that messages have. A name means the same in each.
#[derive(Default)]
#[cfg_attr(test, derive(serde::Deserialize), serde(default))]
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

/// Their names.
const NAMES: [&str; 18] = [
    "versions",
    "challenge",
    "time_ms",
    "keep_alive_ms",
    "overlay",
    "room",
    "code",
    "genesis",
    "members",
    "servers",
    "lasts_ms",
    "announcement",
    "endpoint",
    "from",
    "payload",
    "reason",
    "detail",
    "away_ms",
];

impl Members {
    fn read(text: &str) -> Result<Members, JsonError> {
        let mut all = Members::default();
        let mut reader = JsonReader::new(text);
        // What is null is as if it were not there.
        reader.object(&NAMES, &mut |name, reader| {
            if reader.null()? { Ok(()) } else { all.take(name, reader) }
        })?;
        reader.end()?;
        Ok(all)
    }

    fn take(&mut self, name: &str, reader: &mut JsonReader<'_>) -> Result<(), JsonError> {
        match name {
            "versions" => self.versions = Some(versions(reader)?),
            "challenge" => self.challenge = Some(bytes(reader)?),
            "time_ms" => self.time_ms = Some(reader.number()?),
            "keep_alive_ms" => self.keep_alive_ms = Some(reader.number()?),
            "overlay" => self.overlay = Some(reader.text()?),
            "room" => self.room = Some(id(reader)?),
            "code" => self.code = Some(id(reader)?),
            "genesis" => self.genesis = Some(bytes(reader)?),
            "members" => self.members = Some(list(reader, announcement)?),
            "servers" => self.servers = Some(list(reader, ice_server)?),
            "lasts_ms" => self.lasts_ms = Some(reader.number()?),
            "announcement" => self.announcement = Some(announcement(reader)?),
            "endpoint" => self.endpoint = Some(id(reader)?),
            "from" => self.from = Some(id(reader)?),
            "payload" => self.payload = Some(bytes(reader)?),
            "reason" => self.reason = Some(refusal(&reader.text()?)),
            "detail" => self.detail = Some(reader.text()?),
            _ => self.away_ms = Some(reader.number()?),
        }
        Ok(())
    }
}

fn versions(reader: &mut JsonReader<'_>) -> Result<(u16, u16), JsonError> {
    let numbers = list(reader, |reader| {
        let number = reader.number()?;
        u16::try_from(number).map_err(|_| reader.error("no version"))
    })?;
    match numbers[..] {
        [least, most] => Ok((least, most)),
        _ => Err(reader.error("not two versions")),
    }
}

fn id<T: FromStr>(reader: &mut JsonReader<'_>) -> Result<T, JsonError> {
    let text = reader.text()?;
    text.parse().map_err(|_| reader.error("no id"))
}

fn bytes<const MAX: usize>(reader: &mut JsonReader<'_>) -> Result<Base64<MAX>, JsonError> {
    let text = reader.text()?;
    Base64::from_text(&text).ok_or_else(|| reader.error("not base64url within bounds"))
}

fn list<T>(
    reader: &mut JsonReader<'_>,
    read: fn(&mut JsonReader<'_>) -> Result<T, JsonError>,
) -> Result<Vec<T>, JsonError> {
    let mut items = Vec::new();
    reader.list(&mut |reader| read(reader).map(|item| items.push(item)))?;
    Ok(items)
}

fn announcement(reader: &mut JsonReader<'_>) -> Result<Announcement, JsonError> {
    let (mut endpoint, mut sealing_key, mut signature) = (None, None, None);
    reader.object(&["endpoint", "sealing_key", "signature"], &mut |name, reader| {
        match name {
            "endpoint" => endpoint = Some(id(reader)?),
            "sealing_key" => sealing_key = Some(bytes(reader)?),
            _ => signature = Some(bytes(reader)?),
        }
        Ok(())
    })?;
    Ok(Announcement {
        endpoint: needed(endpoint, reader)?,
        sealing_key: needed(sealing_key, reader)?,
        signature: needed(signature, reader)?,
    })
}

fn ice_server(reader: &mut JsonReader<'_>) -> Result<IceServer, JsonError> {
    let mut urls = None;
    let mut server = IceServer::default();
    reader.object(&["urls", "username", "credential"], &mut |name, reader| {
        match name {
            "urls" => urls = Some(list(reader, |reader| reader.text())?),
            "username" => server.username = reader.text()?,
            _ => server.credential = reader.text()?,
        }
        Ok(())
    })?;
    server.urls = needed(urls, reader)?;
    Ok(server)
}

fn needed<T>(member: Option<T>, reader: &JsonReader<'_>) -> Result<T, JsonError> {
    member.ok_or_else(|| reader.error("a member is missing"))
}

/// The reason of a name.
fn refusal(name: &str) -> ServerRefusal {
    let known = REFUSALS.iter().find(|(known, _)| *known == name);
    known.map_or(ServerRefusal::Other, |(_, reason)| *reason)
}

/// The reasons that have names.
const REFUSALS: [(&str, ServerRefusal); 16] = [
    ("malformed", ServerRefusal::Malformed),
    ("version", ServerRefusal::Version),
    ("signature", ServerRefusal::Signature),
    ("out-of-order", ServerRefusal::OutOfOrder),
    ("replaced", ServerRefusal::Replaced),
    ("no-such-room", ServerRefusal::NoSuchRoom),
    ("no-such-member", ServerRefusal::NoSuchMember),
    ("room-full", ServerRefusal::RoomFull),
    ("server-full", ServerRefusal::ServerFull),
    ("too-many-rooms", ServerRefusal::TooManyRooms),
    ("too-large", ServerRefusal::TooLarge),
    ("too-fast", ServerRefusal::TooFast),
    ("idle", ServerRefusal::Idle),
    ("slow-reader", ServerRefusal::SlowReader),
    ("shutting-down", ServerRefusal::ShuttingDown),
    ("banned", ServerRefusal::Banned),
];

/// Reads a message.
///
/// # Errors
/// It is no JSON, or lacks something that a message of its type has. A type that this build does not know is no
/// error: it is to be ignored.
pub(super) fn read(text: &str) -> Result<FromServer, JsonError> {
    let mut kind = None;
    let mut reader = JsonReader::new(text);
    reader.object(&["type"], &mut |_, reader| reader.text().map(|text| kind = Some(text)))?;
    reader.end()?;
    let kind = needed(kind, &reader)?;
    if !KINDS.contains(&kind.as_str()) {
        return Ok(FromServer::Ignored);
    }
    let all = Members::read(text)?;
    let room = || needed(all.room, &reader);
    Ok(match kind.as_str() {
        "welcome" => FromServer::Welcome {
            versions: needed(all.versions, &reader)?,
            challenge: needed(all.challenge, &reader)?,
            time_ms: needed(all.time_ms, &reader)?,
            keep_alive_ms: needed(all.keep_alive_ms, &reader)?,
            overlay: all.overlay,
        },
        "entered" => FromServer::Entered,
        "found" => FromServer::Found {
            room: room()?,
            code: needed(all.code, &reader)?,
            genesis: needed(all.genesis, &reader)?,
        },
        "unknown" => FromServer::Unknown { room: all.room, code: all.code },
        "joined" => FromServer::Joined { room: room()?, members: needed(all.members, &reader)? },
        "ice-servers" => FromServer::IceServers {
            room: room()?,
            servers: needed(all.servers, &reader)?,
            lasts_ms: needed(all.lasts_ms, &reader)?,
        },
        "member-joined" => {
            FromServer::MemberJoined { room: room()?, announcement: needed(all.announcement, &reader)? }
        }
        "member-left" => FromServer::MemberLeft { room: room()?, endpoint: needed(all.endpoint, &reader)? },
        "signal" => FromServer::Signal {
            room: room()?,
            from: needed(all.from, &reader)?,
            payload: needed(all.payload, &reader)?,
        },
        "keep-alive" => FromServer::KeepAlive,
        "refused" => FromServer::Refused {
            reason: needed(all.reason, &reader)?,
            detail: needed(all.detail, &reader)?,
            room: all.room,
            endpoint: all.endpoint,
        },
        _ => FromServer::Goodbye {
            reason: needed(all.reason, &reader)?,
            detail: needed(all.detail, &reader)?,
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
            FromServer::IceServers {
                room,
                servers: vec![
                    IceServer::open("stun:x"),
                    IceServer {
                        username: "1:who".into(),
                        credential: "é\n".into(),
                        ..IceServer::open("turn:*")
                    },
                ],
                lasts_ms: u64::MAX,
            },
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
    fn members_of_other_kinds_are_refused_as_the_derived_reader_refuses_them() {
        let others = [
            "null",
            "true",
            "0",
            "-1",
            "1.0",
            "65535",
            "65536",
            "1e3",
            "18446744073709551616",
            r#""""#,
            r#""\ud800""#,
            r#""AAAA""#,
            r#""room-full""#,
            r#""unheard-of""#,
            "[]",
            "[1]",
            "[1,2]",
            "[1,65536]",
            "[1,2,3]",
            "[1,null]",
            "[null]",
            "{}",
            r#"{"a":{"b":[]}}"#,
            r#"[{"urls":["x"],"username":null}]"#,
            r#"[{"urls":[],"more":1.5}]"#,
            r#"[{"username":"x"}]"#,
            r#"[{"urls":[],"urls":[]}]"#,
        ];
        for message in messages() {
            let whole = serde_json::to_string(&message).expect("it is written");
            let whole = whole.strip_suffix('}').expect("an object");
            for (name, other) in NAMES.iter().flat_map(|name| others.map(|other| (name, other))) {
                // Where the message has the member, it stands there twice now.
                let text = format!("{whole},\"{name}\" : {other} }}");
                let derived = serde_json::from_str::<Members>(&text).is_ok();
                assert_eq!(Members::read(&text).is_ok(), derived, "{text}");
                assert!(derived || read(&text).is_err(), "{text}");
            }
        }
    }

    #[test]
    fn every_reason_has_the_name_that_it_is_written_by() {
        for (name, reason) in REFUSALS {
            assert_eq!(serde_json::to_string(&reason).expect("it is written"), format!("\"{name}\""));
            assert_eq!(refusal(name), reason);
        }
        assert_eq!(refusal("unheard-of"), ServerRefusal::Other);
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
