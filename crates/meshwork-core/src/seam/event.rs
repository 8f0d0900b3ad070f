//! What an application hears from a node: rooms, links, changes, and every refusal with its reason.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::change::Changes;
use super::lane::{DirectEnd, DirectToken, Slot, Topic};
use crate::id::{Code, Endpoint, RoomId};
use crate::signed::batch::BatchKey;
use crate::signed::header::ReplicaNumber;
use crate::text::make_fit;

/// This node's number for a room it has joined or is joining; never used twice by one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomHandle(pub u32);

/// Something that an application may want to show or act upon.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A signalling server was reached or lost. Links do not depend on it.
    Server {
        /// Its WebSocket address.
        url: String,
        /// What became of it.
        state: ServerState,
    },
    /// The room's genesis is known and its signature holds: its replica can be shown and written in.
    RoomOpened {
        /// Which room.
        room: RoomHandle,
        /// Its id.
        id: RoomId,
    },
    /// The server knows the room under this code: its LINK can be given to others.
    RoomRegistered {
        /// Which room.
        room: RoomHandle,
        /// Its code.
        code: Code,
    },
    /// The server does not know the code yet. The node goes on waiting for it.
    RoomWaiting {
        /// Which room.
        room: RoomHandle,
    },
    /// The room cannot be entered; its handle is closed.
    RoomRefused {
        /// Which room.
        room: RoomHandle,
        /// Why.
        reason: RoomRefusal,
    },
    /// A link changed its state.
    Link {
        /// To whom.
        endpoint: Endpoint,
        /// What it is now.
        state: LinkState,
        /// In words, for people: why, where there is something to say.
        reason: Option<String>,
    },
    /// A linked endpoint proved that it may be in the room.
    MemberAttached {
        /// Which room.
        room: RoomHandle,
        /// Who.
        endpoint: Endpoint,
    },
    /// A member is no longer attached to the room over any link of ours.
    MemberDetached {
        /// Which room.
        room: RoomHandle,
        /// Who.
        endpoint: Endpoint,
        /// Whether it is in the room still: it became no neighbour by choice of an overlay, and others pass on what
        /// it says.
        distant: bool,
    },
    /// A member says something else of itself now. Told as it comes, also of one's own peer's other endpoints.
    Presence {
        /// Which room.
        room: RoomHandle,
        /// Who.
        endpoint: Endpoint,
        /// In which app.
        slot: Slot,
        /// What it says, at most [`PRESENCE_MAX`](super::lane::PRESENCE_MAX) bytes; `None` when there is nothing to show
        /// of it.
        state: Option<Vec<u8>>,
    },
    /// A member said something to everybody in the room. Of each member it is heard once and in its order, whoever passed
    /// it on.
    Said {
        /// Which room.
        room: RoomHandle,
        /// Who.
        from: Endpoint,
        /// In which app.
        slot: Slot,
        /// About what.
        topic: Topic,
        /// What, at most [`SAY_MAX`](super::lane::SAY_MAX) bytes.
        bytes: Vec<u8>,
        /// How much the member said in the app since what was heard last, and never came.
        missed: u64,
    },
    /// A member said something in a datagram, newer than what came before in its stream: of that app and topic.
    Datagram {
        /// Which room.
        room: RoomHandle,
        /// Who.
        from: Endpoint,
        /// In which app.
        slot: Slot,
        /// About what.
        topic: Topic,
        /// What, at most [`DATAGRAM_PAYLOAD_MAX`](super::lane::DATAGRAM_PAYLOAD_MAX) bytes.
        bytes: Vec<u8>,
    },
    /// A replica of the room looks different now, by what somebody wrote, oneself included, or because the room's
    /// records changed what counts.
    Changed {
        /// Which room.
        room: RoomHandle,
        /// Which of its replicas.
        replica: ReplicaNumber,
        /// What was written just now; `None` where what was there already counts again or no more.
        batch: Option<BatchKey>,
        /// What looks different: the app says what it is.
        changes: Changes,
    },
    /// The room's records changed: its rules, bans or erases; or an edit key that they name lets us write from now on.
    RulesChanged {
        /// Which room.
        room: RoomHandle,
    },
    /// The room was given a new secret, which is known here now: its LINK is another one.
    SecretChanged {
        /// Which room.
        room: RoomHandle,
    },
    /// A member does not accept our proof of the room's secret, which may have been replaced: it lets us in no more.
    ShutOut {
        /// Which room.
        room: RoomHandle,
        /// Who.
        by: Endpoint,
    },
    /// A member holds the same records of the room as we do, stored if it stores.
    RecordsInStep {
        /// Which room.
        room: RoomHandle,
        /// With whom.
        endpoint: Endpoint,
    },
    /// An endpoint signed two things that contradict each other. What it wrote from the first of them on does not
    /// count any more.
    Equivocation {
        /// Which room.
        room: RoomHandle,
        /// Whose batches they are; for records of a room, the owner's key with instance 0.
        endpoint: Endpoint,
        /// In words: how they contradict each other.
        detail: String,
    },
    /// A member that stays has applied one's own batches, or those that came in their place.
    Acknowledged {
        /// Which room.
        room: RoomHandle,
        /// Who applied them.
        by: Endpoint,
        /// The sequences of the batches.
        sequences: Vec<u64>,
        /// Whether they are on durable storage there.
        stored: bool,
    },
    /// What this program wrote is on this device's storage, or all is that the room has, by whomever it was written.
    Saved {
        /// Which room.
        room: RoomHandle,
        /// The sequence of the last of its own batches that is stored, and with it all before it; 0 where it wrote none.
        sequence: u64,
    },
    /// A member's replica had the same digest as one's own when they were last compared.
    InStep {
        /// Which room.
        room: RoomHandle,
        /// With whom.
        endpoint: Endpoint,
    },
    /// An invitation is ready to be carried to somebody who has the room's LINK.
    Invitation {
        /// Which room.
        room: RoomHandle,
        /// What is to be carried.
        text: String,
    },
    /// A reply is ready to be carried back to the invitation's maker.
    Reply {
        /// Which room.
        room: RoomHandle,
        /// What is to be carried.
        text: String,
    },
    /// A member said something to this endpoint alone. Each message is heard once, in the order in which it was sent.
    Direct {
        /// Which room.
        room: RoomHandle,
        /// Who.
        from: Endpoint,
        /// In which app.
        slot: Slot,
        /// About what.
        topic: Topic,
        /// What, at most [`DIRECT_MAX`](super::lane::DIRECT_MAX) bytes.
        bytes: Vec<u8>,
    },
    /// Linking by hand came to nothing.
    ByHandFailed {
        /// Which room.
        room: RoomHandle,
        /// In words, for people.
        reason: String,
    },
    /// Direct messages ended: all to this endpoint in this room up to the one named that had not ended before.
    DirectEnded {
        /// Which room.
        room: RoomHandle,
        /// To whom they were.
        to: Endpoint,
        /// The last of them.
        through: DirectToken,
        /// How many.
        messages: usize,
        /// How.
        end: DirectEnd,
        /// In words, for people: why, unless they were taken.
        reason: Option<String>,
    },
    /// The clocks of the room's members agree on another time than one's own clock: strokes are stamped with
    /// theirs.
    RoomTime {
        /// Which room.
        room: RoomHandle,
        /// How far room time is ahead of one's own clock, in milliseconds; less than 0 when it is behind.
        ahead_ms: i64,
    },
    /// A member's clock differs from room time, in a room that is found on the local network alone. Each peer is reported
    /// once until the difference changes.
    ClockApart {
        /// Which room.
        room: RoomHandle,
        /// The member.
        endpoint: Endpoint,
        /// How far its clock is ahead of one's own, in milliseconds; less than 0 when it is behind.
        ahead_ms: i64,
    },
    /// Writes of others wait for their time, or no longer do: see [`RoomRef::waiting`](crate::node::RoomRef::waiting).
    WaitingChanged {
        /// Which room.
        room: RoomHandle,
    },
    /// Something from outside was refused.
    Refused {
        /// From whom, as far as it is proved or claimed.
        endpoint: Option<Endpoint>,
        /// Why.
        reason: Refusal,
        /// The same in words, with the offending value.
        detail: String,
        /// How often this endpoint was refused for this reason so far.
        count: u64,
    },
    /// Storage failed, or what it had is damaged; the room goes on. What could not be written is written again
    /// until that succeeds.
    StorageFailed {
        /// Which room.
        room: RoomHandle,
        /// In words.
        reason: String,
    },
    /// The room has more than is held here ([`Config::held_bytes_max`](super::config::Config::held_bytes_max)): of a replica what
    /// strangers wrote was given up, those first who wrote most. Until the records change only what the known wrote is fetched of it.
    GaveUp {
        /// Which room.
        room: RoomHandle,
        /// Of which replica.
        replica: ReplicaNumber,
    },
    /// The history that is being fetched went on: see [`RoomRef::history`](crate::node::RoomRef::history).
    HistoryChanged {
        /// Which room.
        room: RoomHandle,
    },
    /// Something is to be done about the room's blobs: see [`Blobs::take_work`](crate::blobs::Blobs::take_work). It is said once
    /// until that is called.
    BlobsWaiting {
        /// Which room.
        room: RoomHandle,
    },
    /// Storage works again: everything that waited for it is stored, and acknowledged as stored.
    StorageRecovered {
        /// Which room.
        room: RoomHandle,
    },
}

impl Event {
    /// Takes in a later event that says the same of further direct messages. Returns whether it did: who queues events can
    /// so keep the ends of all messages in little room.
    pub fn absorb(&mut self, later: &Event) -> bool {
        let Event::DirectEnded { room, to, through, messages, end, .. } = self else { return false };
        match later {
            Event::DirectEnded {
                room: in_room, to: whom, through: last, messages: more, end: how, ..
            } if (*room, *to, *end) == (*in_room, *whom, *how) => {
                *through = *last.max(through);
                *messages += more;
                true
            }
            _ => false,
        }
    }

    /// Makes every text in it fit to be shown, whoever wrote it: see [`text`](crate::text). There is no arm for all the
    /// rest, so that whoever adds an event says where its texts are.
    pub(crate) fn make_fit_to_show(&mut self) {
        match self {
            Event::Server { url, state } => {
                make_fit(url);
                if let ServerState::Away { reason } = state {
                    make_fit(reason);
                }
            }
            Event::RoomRefused { reason, .. } => match reason {
                RoomRefusal::WrongRoom(words) | RoomRefusal::Full(words) | RoomRefusal::Server(words) => {
                    make_fit(words)
                }
                RoomRefusal::SecretMissing
                | RoomRefusal::SecretWrong
                | RoomRefusal::First
                | RoomRefusal::Version(_) => {}
            },
            Event::Link { reason, .. } | Event::DirectEnded { reason, .. } => {
                reason.iter_mut().for_each(make_fit);
            }
            Event::ByHandFailed { reason, .. } | Event::StorageFailed { reason, .. } => make_fit(reason),
            Event::Equivocation { detail, .. } | Event::Refused { detail, .. } => make_fit(detail),
            // What is carried by hand is made here; what lanes carry, topics included, the application knows.
            Event::Invitation { .. }
            | Event::Reply { .. }
            | Event::Direct { .. }
            | Event::Said { .. }
            | Event::Datagram { .. } => {}
            Event::RoomOpened { .. }
            | Event::RoomRegistered { .. }
            | Event::RoomWaiting { .. }
            | Event::MemberAttached { .. }
            | Event::MemberDetached { .. }
            | Event::Presence { .. }
            | Event::GaveUp { .. }
            | Event::Changed { .. }
            | Event::RulesChanged { .. }
            | Event::SecretChanged { .. }
            | Event::ShutOut { .. }
            | Event::RecordsInStep { .. }
            | Event::Acknowledged { .. }
            | Event::Saved { .. }
            | Event::InStep { .. }
            | Event::RoomTime { .. }
            | Event::ClockApart { .. }
            | Event::WaitingChanged { .. }
            | Event::HistoryChanged { .. }
            | Event::BlobsWaiting { .. }
            | Event::StorageRecovered { .. } => {}
        }
    }
}

/// What became of a signalling server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// The WebSocket is being opened.
    Connecting,
    /// The server accepted the endpoint.
    Connected,
    /// The server cannot be reached; the node tries again by itself.
    Away {
        /// In words, for people.
        reason: String,
    },
}

/// What a link is, in the words that people see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkState {
    /// A connection is being made or proved.
    Connecting,
    /// Proved; packets travel from endpoint to endpoint.
    Direct,
    /// Proved; packets travel through a relay.
    Relayed,
    /// Proved, but nothing was heard for 2.5 s, and questions went unanswered.
    Stale,
    /// Closed: a goodbye, or 10 s of silence, or the connection failed. For a minute it is resumed as soon as a
    /// path is found.
    Gone,
}

impl LinkState {
    /// Whether messages can be expected to arrive.
    pub fn is_linked(self) -> bool {
        matches!(self, LinkState::Direct | LinkState::Relayed | LinkState::Stale)
    }
}

impl fmt::Display for LinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LinkState::Connecting => "connecting",
            LinkState::Direct => "direct",
            LinkState::Relayed => "relayed",
            LinkState::Stale => "stale",
            LinkState::Gone => "gone",
        })
    }
}

/// Why a room cannot be entered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RoomRefusal {
    /// The room is private and the address has no secret.
    #[error(
        "This room is private, and the link has no secret. Ask for the whole link, with the part after #."
    )]
    SecretMissing,
    /// The address has a secret that is not the room's.
    #[error("This link does not open the room. The part after # is changed. Ask for the link again.")]
    SecretWrong,
    /// The server handed out a genesis that is not the addressed room's, or whose signature does not hold.
    #[error("The server handed out a room that is not the one in the link ({0}). Ask for the link again.")]
    WrongRoom(String),
    /// The room has as many members as it allows.
    #[error("The room is full: {0}. Ask someone to make room.")]
    Full(String),
    /// The room is one of Meshwork 0.1. What is stored of it is left as it is.
    #[error(
        "This room was made by Meshwork 0.1. This version cannot open it, and leaves what is stored of it as it is. \
         Make a new room."
    )]
    First,
    /// The room's genesis has the format of a later version. What is stored of it is left as it is.
    #[error(
        "This room was made by a later version of Meshwork (genesis format {0}). Update, then open the link again."
    )]
    Version(u8),
    /// The server refused to register the room or to let the endpoint in.
    #[error("The server refused: {0}.")]
    Server(String),
}

/// Why something from outside was refused. Each is counted per endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// An announced sealing key is not signed by the peer it is announced for.
    SealingKey,
    /// A sealed payload of an endpoint of which no announcement is known here: it may have outrun its announcement, and
    /// is sent again.
    Unannounced,
    /// A sealed payload does not open: changed, sealed to another key, or under another room secret.
    Seal,
    /// A signalling payload is not signed by the endpoint it claims to be from, or not meant for us.
    SignalSignature,
    /// A signalling payload holds something out of its limits.
    Signal,
    /// A signalling payload speaks of an attempt that is over: it was said again, or came late.
    StaleSignal,
    /// A signalling payload that came before.
    Replay,
    /// More connection attempts than are allowed.
    TooManyAttempts,
    /// The other end's proof does not match the connection: fingerprints, nonces, role or session differ.
    LinkProof,
    /// The two ends have no protocol version in common.
    Version,
    /// The proof of the room's secret does not hold.
    RoomProof,
    /// The room is full.
    RoomFull,
    /// A message cannot be decoded or is out of its limits.
    Message,
    /// A batch's signature does not hold.
    BatchSignature,
    /// A batch says what its replica cannot take in, or is malformed.
    BatchContent,
    /// A batch's stamp is ahead of room time and there is no place left to hold it.
    BatchFuture,
    /// A batch was written for another room or under an unknown record.
    BatchRoom,
    /// A batch breaks the rules of the record that it was written under: who may write, or how much.
    BatchRules,
    /// A batch was written after its author was banned; told of the author, not of who passed it on.
    BatchBanned,
    /// A record of the room is malformed, or its signature does not hold.
    Record,
    /// A record of the room was signed by somebody who has no say in it.
    RecordSigner,
    /// An admission does not hold.
    Admission,
    /// What should show that an endpoint gave one sequence twice does not.
    Contradiction,
    /// More batches than this end takes from one neighbour; they were dropped, and comparison brings what counts.
    Flood,
    /// A member announces parts of a replica that it does not serve, or serves less than it says.
    Withheld,
    /// A member knows that its replica differs, and asks nobody for what it lacks.
    Stale,
    /// What a member says of itself is malformed, or said more often than it is taken.
    Presence,
    /// A part of a blob is not what its name stands for.
    Blob,
    /// A datagram is malformed, or more were said than are taken.
    Datagram,
    /// What an endpoint said is none of what the app of the room can be told, as the app found.
    App,
    /// A neighbour misuses the overlay: it promises what it does not send, or asks for more than anybody needs.
    Overlay,
    /// The server sent something that is not a message of its protocol.
    Server,
}

impl Refusal {
    /// Whether people are to be told: not of what happens among honest programs and mends itself.
    pub fn concerns_people(self) -> bool {
        self != Refusal::Unannounced
    }

    /// A short fixed name, for logs, counters and `meshwork place watch`.
    pub fn name(self) -> &'static str {
        match self {
            Refusal::SealingKey => "sealing-key",
            Refusal::Unannounced => "unannounced",
            Refusal::Seal => "seal",
            Refusal::SignalSignature => "signal-signature",
            Refusal::Signal => "signal",
            Refusal::StaleSignal => "stale-signal",
            Refusal::Replay => "replay",
            Refusal::TooManyAttempts => "too-many-attempts",
            Refusal::LinkProof => "link-proof",
            Refusal::Version => "version",
            Refusal::RoomProof => "room-proof",
            Refusal::RoomFull => "room-full",
            Refusal::Message => "message",
            Refusal::BatchSignature => "batch-signature",
            Refusal::BatchContent => "batch-content",
            Refusal::BatchFuture => "batch-future",
            Refusal::BatchRoom => "batch-room",
            Refusal::BatchRules => "batch-rules",
            Refusal::BatchBanned => "batch-banned",
            Refusal::Record => "record",
            Refusal::RecordSigner => "record-signer",
            Refusal::Admission => "admission",
            Refusal::Contradiction => "contradiction",
            Refusal::Flood => "flood",
            Refusal::Withheld => "withheld",
            Refusal::Stale => "stale",
            Refusal::Presence => "presence",
            Refusal::Blob => "blob",
            Refusal::Datagram => "datagram",
            Refusal::App => "app",
            Refusal::Overlay => "overlay",
            Refusal::Server => "server",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn server_words_never_reach_terminals_as_commands() {
        let words = || String::from("\u{1b}]52;c;cm0=\u{7}bye\u{202e}\u{9b}2J");
        let mut events = [
            Event::Server { url: words(), state: ServerState::Away { reason: words() } },
            Event::RoomRefused { room: RoomHandle(1), reason: RoomRefusal::Server(words()) },
            Event::StorageFailed { room: RoomHandle(1), reason: words() },
            Event::Refused { endpoint: None, reason: Refusal::Server, detail: words(), count: 1 },
        ];
        for event in &mut events {
            event.make_fit_to_show();
            let told = format!("{event:?}");
            // What is escaped when it is written out was still in there.
            assert!(told.contains("]52;c;cm0=bye2J") && !told.contains("\\u{"), "{told}");
        }
    }
}
