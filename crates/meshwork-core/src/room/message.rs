//! What is said inside a room: the kinds of messages, their bodies and their limits.
//!
//! docs/protocol/gossip.md gives the bytes. A kind that this build does not know is skipped, so that a later version
//! can add some.

pub mod history;

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use self::history::HistoryMessage;
use crate::batches::batch::BATCH_MAX;
use crate::id::Endpoint;
use crate::links::message::LinkMessage;
use crate::overlay::message::OverlayMessage;
use crate::overlay::sketch::SketchMessage;
use crate::replica::ReplicaNumber;
use crate::room::equivocation::PROOF_MAX;
use crate::room::records::RECORD_MAX;
use crate::room::records::law::RECORD_HASHES_MAX;
use crate::seam::config::ROOM_ENDPOINTS_MAX;
use crate::signalling::announce::Introduction;
use crate::signalling::protocol::PAYLOAD_MAX;
use crate::wire::{self, Bounded, Bytes, DecodeError};

/// Most parts of one replica.
pub const PARTS_MAX: usize = 4096;
/// Most sequences in one [`RoomMessage::Applied`].
pub const SEQUENCES_MAX: usize = 4096;

/// A message inside a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomMessage {
    /// A signed batch, just made or just received.
    Batch(Bytes<BATCH_MAX>),
    /// Digests of all parts of a replica that are not empty: the start of a comparison.
    Summary(Summary),
    /// The digest of a whole replica, told when it has been quiet.
    Digest(ReplicaDigest),
    /// Asks for a summary.
    AskSummary(ReplicaNumber),
    /// Asks for the batches of these parts.
    Want(Want),
    /// A signed batch of a wanted part.
    PartBatch(Bytes<BATCH_MAX>),
    /// All batches of a wanted part were sent.
    PartEnd(PartEnd),
    /// The receiver's batches with these sequences were applied.
    Applied(Applied),
    /// The sender has worked off so much of what it was served.
    Taken(Taken),
    /// A wanted part begins; its batches follow.
    PartBegin(PartBegin),
    /// These parts are not wanted any more.
    Unwant(Want),
    /// The endpoints to which the sender is attached in this room.
    Links(Links),
    /// The hashes of all records and proofs that the sender holds: the receiver sends what is lacking.
    Records(Bounded<Digest, RECORD_HASHES_MAX>),
    /// The digest of the sender's records.
    RecordsDigest(Digest),
    /// A record of the room.
    Record(Bytes<RECORD_MAX>),
    /// Two batches that contradict each other.
    Equivocation(Bytes<PROOF_MAX>),
    /// The sender does not know the announcements of these endpoints, to which the receiver is attached.
    AskIntroductions(Bounded<Endpoint, ROOM_ENDPOINTS_MAX>),
    /// The announcements that were asked for.
    Introductions(Bounded<Introduction, ROOM_ENDPOINTS_MAX>),
    /// A sealed payload, for the receiver or to be passed on.
    Carry(Carry),
    /// About the room's history.
    History(HistoryMessage),
    /// About the room's overlay.
    Overlay(OverlayMessage),
    /// About who is linked to whom, for one who looks at a picture of it.
    Sketch(SketchMessage),
}

/// A blake3 digest.
pub type Digest = [u8; 32];

/// Body of [`RoomMessage::Summary`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Which replica.
    pub replica: ReplicaNumber,
    /// Digest of the whole.
    pub digest: Digest,
    /// Number and digest of each part that is not empty.
    pub parts: Bounded<(u32, Digest), PARTS_MAX>,
}

/// Body of [`RoomMessage::Digest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaDigest {
    /// Which replica.
    pub replica: ReplicaNumber,
    /// Digest of the whole.
    pub digest: Digest,
}

/// Body of [`RoomMessage::Taken`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Which replica.
    pub replica: ReplicaNumber,
    /// Bytes of batches, as they stand in [`RoomMessage::PartBatch`], since this was last told; 0 in the first one,
    /// which says that others follow.
    pub bytes: u32,
}

/// Body of [`RoomMessage::PartBegin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartBegin {
    /// Which replica.
    pub replica: ReplicaNumber,
    /// Which part.
    pub part: u32,
    /// Digest of the part, which the batches that follow make.
    pub digest: Digest,
    /// Digest of the records under which the part has that digest; zeros where there are none.
    pub rules: Digest,
    /// How many batches follow, at most 4096.
    pub batches: u32,
}

/// Body of [`RoomMessage::Want`] and [`RoomMessage::Unwant`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// Which replica.
    pub replica: ReplicaNumber,
    /// Which parts.
    pub parts: Bounded<u32, PARTS_MAX>,
}

/// Body of [`RoomMessage::PartEnd`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartEnd {
    /// Which replica.
    pub replica: ReplicaNumber,
    /// Which part.
    pub part: u32,
}

/// Body of [`RoomMessage::Applied`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Sequences of the receiver's batches.
    pub sequences: Bounded<u64, SEQUENCES_MAX>,
    /// Whether they are on durable storage.
    pub stored: bool,
}

/// Body of [`RoomMessage::Links`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Links {
    /// To whom the sender is attached.
    pub endpoints: Bounded<Endpoint, ROOM_ENDPOINTS_MAX>,
}

/// Body of [`RoomMessage::Carry`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carry {
    /// How often it may still be passed on before it reaches its addressee's neighbour, at most 2.
    pub hops_left: u8,
    /// Who sealed it.
    pub from: Introduction,
    /// For whom.
    pub to: Endpoint,
    /// The sealed payload.
    pub payload: Bytes<PAYLOAD_MAX>,
}

mod kind {
    pub(super) const BATCH: u32 = 16;
    pub(super) const SUMMARY: u32 = 17;
    pub(super) const DIGEST: u32 = 18;
    pub(super) const ASK_SUMMARY: u32 = 19;
    pub(super) const WANT: u32 = 20;
    pub(super) const PART_BATCH: u32 = 21;
    pub(super) const PART_END: u32 = 22;
    pub(super) const APPLIED: u32 = 23;
    pub(super) const LINKS: u32 = 24;
    pub(super) const RECORDS: u32 = 40;
    pub(super) const RECORDS_DIGEST: u32 = 41;
    pub(super) const RECORD: u32 = 42;
    pub(super) const EQUIVOCATION: u32 = 43;
    pub(super) const TAKEN: u32 = 48;
    pub(super) const PART_BEGIN: u32 = 49;
    pub(super) const UNWANT: u32 = 50;
    pub(super) const ASK_INTRODUCTIONS: u32 = 25;
    pub(super) const INTRODUCTIONS: u32 = 26;
    pub(super) const CARRY: u32 = 27;
}

impl RoomMessage {
    /// As a link carries it: the sender calls the room by this number.
    pub fn on_link(&self, number: u32) -> LinkMessage {
        let (kind, body) = self.encode(number);
        LinkMessage::Room { kind, body }
    }

    /// The message's kind and body, inside the room that the sender calls by this number.
    pub fn encode(&self, number: u32) -> (u32, Vec<u8>) {
        match self {
            RoomMessage::Batch(bytes) => (kind::BATCH, wire::encode(&(number, bytes))),
            RoomMessage::Summary(body) => (kind::SUMMARY, wire::encode(&(number, body))),
            RoomMessage::Digest(body) => (kind::DIGEST, wire::encode(&(number, body))),
            RoomMessage::AskSummary(replica) => (kind::ASK_SUMMARY, wire::encode(&(number, replica))),
            RoomMessage::Want(body) => (kind::WANT, wire::encode(&(number, body))),
            RoomMessage::PartBatch(bytes) => (kind::PART_BATCH, wire::encode(&(number, bytes))),
            RoomMessage::PartEnd(body) => (kind::PART_END, wire::encode(&(number, body))),
            RoomMessage::Applied(body) => (kind::APPLIED, wire::encode(&(number, body))),
            RoomMessage::Links(body) => (kind::LINKS, wire::encode(&(number, body))),
            RoomMessage::Records(hashes) => (kind::RECORDS, wire::encode(&(number, hashes))),
            RoomMessage::RecordsDigest(digest) => (kind::RECORDS_DIGEST, wire::encode(&(number, digest))),
            RoomMessage::Record(bytes) => (kind::RECORD, wire::encode(&(number, bytes))),
            RoomMessage::Equivocation(bytes) => (kind::EQUIVOCATION, wire::encode(&(number, bytes))),
            RoomMessage::Taken(body) => (kind::TAKEN, wire::encode(&(number, body))),
            RoomMessage::PartBegin(body) => (kind::PART_BEGIN, wire::encode(&(number, body))),
            RoomMessage::Unwant(body) => (kind::UNWANT, wire::encode(&(number, body))),
            RoomMessage::AskIntroductions(body) => (kind::ASK_INTRODUCTIONS, wire::encode(&(number, body))),
            RoomMessage::Introductions(body) => (kind::INTRODUCTIONS, wire::encode(&(number, body))),
            RoomMessage::Carry(body) => (kind::CARRY, wire::encode(&(number, body))),
            RoomMessage::History(message) => message.encode(number),
            RoomMessage::Overlay(message) => message.encode(number),
            RoomMessage::Sketch(message) => message.encode(number),
        }
    }

    /// Reads a message and the sender's number for the room; `None` when its kind is not known.
    ///
    /// # Errors
    /// [`DecodeError`] when the body of a known kind is not what it should be.
    pub fn decode(kind: u32, body: &[u8]) -> Result<Option<(u32, RoomMessage)>, DecodeError> {
        fn read<T: serde::de::DeserializeOwned>(
            body: &[u8],
            wrap: fn(T) -> RoomMessage,
        ) -> Result<Option<(u32, RoomMessage)>, DecodeError> {
            let (number, inner) = wire::decode::<(u32, T)>(body)?;
            Ok(Some((number, wrap(inner))))
        }
        match kind {
            kind::BATCH => read(body, RoomMessage::Batch),
            kind::SUMMARY => read(body, RoomMessage::Summary),
            kind::DIGEST => read(body, RoomMessage::Digest),
            kind::ASK_SUMMARY => read(body, RoomMessage::AskSummary),
            kind::WANT => read(body, RoomMessage::Want),
            kind::PART_BATCH => read(body, RoomMessage::PartBatch),
            kind::PART_END => read(body, RoomMessage::PartEnd),
            kind::APPLIED => read(body, RoomMessage::Applied),
            kind::LINKS => read(body, RoomMessage::Links),
            kind::RECORDS => read(body, RoomMessage::Records),
            kind::RECORDS_DIGEST => read(body, RoomMessage::RecordsDigest),
            kind::RECORD => read(body, RoomMessage::Record),
            kind::EQUIVOCATION => read(body, RoomMessage::Equivocation),
            kind::TAKEN => read(body, RoomMessage::Taken),
            kind::PART_BEGIN => read(body, RoomMessage::PartBegin),
            kind::UNWANT => read(body, RoomMessage::Unwant),
            kind::ASK_INTRODUCTIONS => read(body, RoomMessage::AskIntroductions),
            kind::INTRODUCTIONS => read(body, RoomMessage::Introductions),
            kind::CARRY => read(body, RoomMessage::Carry),
            kind => {
                if let Some((number, message)) = OverlayMessage::decode(kind, body)? {
                    return Ok(Some((number, RoomMessage::Overlay(message))));
                }
                if let Some((number, message)) = SketchMessage::decode(kind, body)? {
                    return Ok(Some((number, RoomMessage::Sketch(message))));
                }
                let message = HistoryMessage::decode(kind, body)?;
                Ok(message.map(|(number, message)| (number, RoomMessage::History(message))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Instance, PeerId};
    use crate::wire::MESSAGE_MAX;
    use alloc::vec;

    fn introduction() -> Introduction {
        let endpoint = Endpoint { peer: PeerId([1; 32]), instance: Instance(300) };
        let signature = Bytes::new(vec![3; 64]).expect("64 bytes");
        Introduction { endpoint, sealing_key: [2; 32], signature }
    }

    fn examples() -> Vec<RoomMessage> {
        let digest = [9; 32];
        vec![
            RoomMessage::Batch(Bytes::new(vec![1, 2]).expect("short")),
            RoomMessage::Summary(Summary {
                replica: 0,
                digest,
                parts: Bounded::new(vec![(5, digest)]).expect("one"),
            }),
            RoomMessage::Digest(ReplicaDigest { replica: 0, digest }),
            RoomMessage::AskSummary(0),
            RoomMessage::Want(Want { replica: 0, parts: Bounded::new(vec![5]).expect("one") }),
            RoomMessage::PartBatch(Bytes::new(vec![1, 2]).expect("short")),
            RoomMessage::PartEnd(PartEnd { replica: 0, part: 5 }),
            RoomMessage::Applied(Applied { sequences: Bounded::new(vec![1]).expect("one"), stored: true }),
            RoomMessage::Links(Links { endpoints: Bounded::default() }),
            RoomMessage::Records(Bounded::new(vec![digest]).expect("one")),
            RoomMessage::RecordsDigest(digest),
            RoomMessage::Record(Bytes::new(vec![1, 2]).expect("short")),
            RoomMessage::Equivocation(Bytes::new(vec![1, 2]).expect("short")),
            RoomMessage::Taken(Taken { replica: 0, bytes: 70_000 }),
            RoomMessage::PartBegin(PartBegin { replica: 0, part: 5, digest, rules: [8; 32], batches: 300 }),
            RoomMessage::Unwant(Want { replica: 0, parts: Bounded::new(vec![5]).expect("one") }),
            RoomMessage::AskIntroductions(Bounded::new(vec![introduction().endpoint]).expect("one")),
            RoomMessage::Introductions(Bounded::new(vec![introduction()]).expect("one")),
            RoomMessage::Carry(Carry {
                hops_left: 2,
                from: introduction(),
                to: introduction().endpoint,
                payload: Bytes::new(vec![1, 2]).expect("short"),
            }),
        ]
    }

    #[test]
    fn messages_read_as_they_are_written() {
        for message in examples() {
            let (kind, body) = message.encode(300);
            assert_eq!(RoomMessage::decode(kind, &body), Ok(Some((300, message))));
        }
    }

    /// docs/protocol/gossip.md shows these bytes.
    #[test]
    fn golden_messages_of_joins() {
        let written = |message: RoomMessage| {
            let (kind, body) = message.encode(3);
            let hex: alloc::string::String = body.iter().map(|byte| alloc::format!("{byte:02x}")).collect();
            (kind, hex)
        };
        let taken = written(RoomMessage::Taken(Taken { replica: 0, bytes: 70_000 }));
        assert_eq!(taken, (48, "0300f0a204".into()));
        let begin = PartBegin { replica: 0, part: 300, digest: [0xd1; 32], rules: [0; 32], batches: 4096 };
        let digests = ["d1".repeat(32), "00".repeat(32)].concat();
        assert_eq!(written(RoomMessage::PartBegin(begin)), (49, alloc::format!("0300ac02{digests}8020")));
        let parts = Bounded::new(vec![5, 300]).expect("two");
        assert_eq!(written(RoomMessage::Unwant(Want { replica: 0, parts })), (50, "03000205ac02".into()));
    }

    #[test]
    fn unknown_kinds_are_skipped_and_cut_bodies_refused() {
        assert_eq!(RoomMessage::decode(999, &[1, 2, 3]), Ok(None));
        for message in examples() {
            let (kind, body) = message.encode(3);
            assert!(RoomMessage::decode(kind, &body[..body.len() - 1]).is_err(), "{message:?}");
        }
    }

    #[test]
    fn the_largest_summary_and_batch_fit_a_message() {
        let parts = Bounded::new(vec![(u32::MAX, [0; 32]); PARTS_MAX]).expect("the most");
        let summary = RoomMessage::Summary(Summary { replica: 0, digest: [0; 32], parts });
        assert!(summary.encode(u32::MAX).1.len() <= MESSAGE_MAX);
        let batch = RoomMessage::Batch(Bytes::new(vec![0; BATCH_MAX]).expect("the most"));
        assert!(batch.encode(u32::MAX).1.len() <= MESSAGE_MAX);
        let record = RoomMessage::Record(Bytes::new(vec![0; RECORD_MAX]).expect("the most"));
        let proof = RoomMessage::Equivocation(Bytes::new(vec![0; PROOF_MAX]).expect("the most"));
        assert!(record.encode(u32::MAX).1.len().max(proof.encode(u32::MAX).1.len()) <= MESSAGE_MAX);
    }
}
