//! What is said inside a room: the kinds of messages, their bodies and their limits.
//!
//! docs/protocol/gossip.md gives the bytes. A kind that this build does not know is skipped, so that a later version
//! can add some.

pub mod history;

use serde::{Deserialize, Serialize};

use self::history::HistoryMessage;
use crate::id::Endpoint;
use crate::links::message::LinkMessage;
use crate::overlay::message::OverlayMessage;
use crate::overlay::sketch::SketchMessage;
use crate::room::rules::lists::PIECE_MAX;
use crate::room::rules::records::RECORD_HASHES_MAX;
use crate::seam::config::ROOM_ENDPOINTS_MAX;
use crate::signalling::announce::Introduction;
use crate::signalling::protocol::PAYLOAD_MAX;
use crate::signed::admission::SignedAdmission;
use crate::signed::batch::BATCH_MAX;
use crate::signed::record::RECORD_MAX;
use crate::signed::stub::STUB_MAX;
use crate::wire::{Bounded, Bytes, kinds};

/// Most parts of one replica.
pub const PARTS_MAX: usize = 4096;
/// Most sequences in one [`RoomMessage::Acknowledged`].
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
    AskSummary(u8),
    /// Asks for the batches of these parts.
    Want(Want),
    /// A signed batch of a wanted part.
    PartBatch(Bytes<BATCH_MAX>),
    /// All batches of a wanted part were sent.
    PartEnd(PartEnd),
    /// The receiver's batches with these sequences were applied.
    Acknowledged(Acknowledged),
    /// The sender has worked off so much of what it was served.
    WorkedOff(WorkedOff),
    /// A wanted part begins; its batches follow.
    PartBegin(PartBegin),
    /// These parts are not wanted any more.
    Unwant(Want),
    /// The endpoints to which the sender is attached in this room.
    Neighbours(Neighbours),
    /// The hashes of all records that the sender holds: the receiver sends what is lacking.
    Records(Bounded<Digest, RECORD_HASHES_MAX>),
    /// The digest of the sender's records.
    RecordsDigest(Digest),
    /// A record of the room.
    Record(Bytes<RECORD_MAX>),
    /// Two batches with which an endpoint gave one sequence twice.
    Contradiction(Contradiction),
    /// Asks for a piece of a list that a record names.
    AskList(AskList),
    /// A piece of a list.
    ListPiece(ListPiece),
    /// The admission of a peer whose batches follow.
    Admission(Bytes<{ SignedAdmission::LEN }>),
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
    pub replica: u8,
    /// Digest of the whole.
    pub digest: Digest,
    /// Number and digest of each part that is not empty.
    pub parts: Bounded<(u32, Digest), PARTS_MAX>,
}

/// Body of [`RoomMessage::Digest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaDigest {
    /// Which replica.
    pub replica: u8,
    /// Digest of the whole.
    pub digest: Digest,
}

/// Body of [`RoomMessage::WorkedOff`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkedOff {
    /// Which replica.
    pub replica: u8,
    /// Bytes of batches, as they stand in [`RoomMessage::PartBatch`], since this was last told; 0 in the first one,
    /// which says that others follow.
    pub bytes: u32,
}

/// Body of [`RoomMessage::PartBegin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartBegin {
    /// Which replica.
    pub replica: u8,
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
    pub replica: u8,
    /// Which parts.
    pub parts: Bounded<u32, PARTS_MAX>,
}

/// Body of [`RoomMessage::PartEnd`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartEnd {
    /// Which replica.
    pub replica: u8,
    /// Which part.
    pub part: u32,
}

/// Body of [`RoomMessage::Contradiction`]: stubs, which prove it without the payloads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contradiction {
    /// The one.
    pub one: Bytes<STUB_MAX>,
    /// The other.
    pub other: Bytes<STUB_MAX>,
}

/// Body of [`RoomMessage::AskList`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskList {
    /// The hash of the list.
    pub list: Digest,
    /// From which of its bytes on.
    pub offset: u32,
}

/// Body of [`RoomMessage::ListPiece`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListPiece {
    /// The hash of the list.
    pub list: Digest,
    /// Which of its bytes these are the first of.
    pub offset: u32,
    /// As they stand in the list.
    pub bytes: Bytes<PIECE_MAX>,
}

/// Body of [`RoomMessage::Acknowledged`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// Sequences of the receiver's batches.
    pub sequences: Bounded<u64, SEQUENCES_MAX>,
    /// Whether they are on durable storage.
    pub stored: bool,
}

/// Body of [`RoomMessage::Neighbours`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbours {
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

kinds!(RoomMessage {
    16 => Batch(bytes),
    17 => Summary(body),
    18 => Digest(body),
    19 => AskSummary(replica),
    20 => Want(body),
    21 => PartBatch(bytes),
    22 => PartEnd(body),
    23 => Acknowledged(body),
    24 => Neighbours(body),
    25 => AskIntroductions(body),
    26 => Introductions(body),
    27 => Carry(body),
    40 => Records(hashes),
    41 => RecordsDigest(digest),
    42 => Record(bytes),
    43 => Contradiction(body),
    44 => AskList(body),
    45 => ListPiece(body),
    46 => Admission(bytes),
    48 => WorkedOff(body),
    49 => PartBegin(body),
    50 => Unwant(body),
    else { History(HistoryMessage), Overlay(OverlayMessage), Sketch(SketchMessage) }
});

impl RoomMessage {
    /// As a link carries it: the sender calls the room by this number.
    pub fn on_link(&self, number: u32) -> LinkMessage {
        let (kind, body) = self.encode(number);
        LinkMessage::Room { kind, body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Instance, PeerId};
    use crate::wire::MESSAGE_MAX;
    use alloc::vec;
    use alloc::vec::Vec;

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
            RoomMessage::Acknowledged(Acknowledged {
                sequences: Bounded::new(vec![1]).expect("one"),
                stored: true,
            }),
            RoomMessage::Neighbours(Neighbours { endpoints: Bounded::default() }),
            RoomMessage::Records(Bounded::new(vec![digest]).expect("one")),
            RoomMessage::RecordsDigest(digest),
            RoomMessage::Record(Bytes::new(vec![1, 2]).expect("short")),
            RoomMessage::Contradiction(Contradiction {
                one: Bytes::new(vec![1, 2]).expect("short"),
                other: Bytes::new(vec![3]).expect("short"),
            }),
            RoomMessage::AskList(AskList { list: digest, offset: 300 }),
            RoomMessage::ListPiece(ListPiece {
                list: digest,
                offset: 300,
                bytes: Bytes::new(vec![1, 2]).expect("short"),
            }),
            RoomMessage::Admission(Bytes::new(vec![1; SignedAdmission::LEN]).expect("its length")),
            RoomMessage::WorkedOff(WorkedOff { replica: 0, bytes: 70_000 }),
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
        let taken = written(RoomMessage::WorkedOff(WorkedOff { replica: 0, bytes: 70_000 }));
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
        assert!(record.encode(u32::MAX).1.len() <= MESSAGE_MAX);
    }
}
