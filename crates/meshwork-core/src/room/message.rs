//! Messages inside a room: their kinds, bodies and limits.
//!
//! docs/protocol/gossip.md gives the bytes. A kind that this build does not know is skipped, so that a later version
//! can add some.

pub mod history;

use serde::{Deserialize, Serialize};

use self::history::HistoryMessage;
use crate::blobs::message::Packed;
use crate::id::Endpoint;
use crate::links::message::LinkMessage;
use crate::overlay::message::OverlayMessage;
use crate::overlay::sketch::SketchMessage;
use crate::replica::{Below, Floor};
use crate::seam::config::ROOM_ENDPOINTS_MAX;
use crate::signalling::announce::Introduction;
use crate::signalling::protocol::PAYLOAD_MAX;
use crate::signed::admission::SignedAdmission;
use crate::signed::batch::BATCH_MAX;
use crate::signed::record::RECORD_MAX;
use crate::signed::stub::STUB_MAX;
use crate::wire::{Bounded, Bytes, kinds};

/// Longest piece, in bytes: four fit a message of a link, as batches do.
pub const PIECE_MAX: usize = 64 * 1024;
/// Most records that a room's members share: 32 KiB of hashes.
pub const RECORD_HASHES_MAX: usize = crate::signed::header::RECORDS_MAX as usize;
/// Most nodes in one [`RoomMessage::Nodes`]: all leaves of most replicas, in less than 10 kB.
pub const NODES_MAX: usize = 256;
/// Most replicas in one [`RoomMessage::Roots`]: three in each of 16 slots.
pub const REPLICAS_MAX: usize = 48;
/// Most floors in one [`RoomMessage::Roots`]: of two tables in each of 16 slots.
pub const FLOORS_MAX: usize = 32;
/// Most batches that a [`RoomMessage::Want`] names: all batches of a full part.
pub const HAVE_MAX: usize = 4096;
/// Most sequences in one [`RoomMessage::Acknowledged`].
pub const SEQUENCES_MAX: usize = 4096;

/// A message inside a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomMessage {
    /// A signed batch, just made or just received.
    Batch(Bytes<BATCH_MAX>),
    /// The digest of everything that both ends store.
    Root(Digest),
    /// The same in detail: the sender's extent, and a digest for each replica.
    Roots(Roots),
    /// Nodes below a node of a replica.
    Nodes(Nodes),
    /// Requests the nodes below a node.
    Open(Open),
    /// Requests the batches of a leaf that the sender lacks.
    Want(Want),
    /// A signed batch of a wanted leaf.
    LeafBatch(Bytes<BATCH_MAX>),
    /// All batches of a wanted leaf were sent.
    LeafEnd(LeafEnd),
    /// The sender no longer wants a leaf.
    Unwant(Unwant),
    /// The receiver's batches with these sequences were applied.
    Acknowledged(Acknowledged),
    /// Bytes of batches, as in [`RoomMessage::LeafBatch`], that were processed since the last such message.
    WorkedOff(u32),
    /// The endpoints to which the sender is attached in this room.
    Neighbours(Neighbours),
    /// The hashes of all records that the sender has: the receiver sends the missing ones.
    Records(Bounded<Digest, RECORD_HASHES_MAX>),
    /// The digest of the sender's records.
    RecordsDigest(Digest),
    /// A record of the room.
    Record(Bytes<RECORD_MAX>),
    /// Two batches of an endpoint with one sequence.
    Contradiction(Contradiction),
    /// Requests a piece of a list that a record names.
    AskList(AskList),
    /// A piece of a list.
    ListPiece(ListPiece),
    /// The admission of a peer whose batches follow.
    Admission(Bytes<{ SignedAdmission::LEN }>),
    /// The room's secret in force, for a peer that its record lists.
    Secret([u8; 16]),
    /// The sender lacks the announcements of these endpoints, to which the receiver is attached.
    AskIntroductions(Bounded<Endpoint, ROOM_ENDPOINTS_MAX>),
    /// The requested announcements.
    Introductions(Bounded<Introduction, ROOM_ENDPOINTS_MAX>),
    /// A sealed payload, for the receiver or for forwarding.
    Carry(Carry),
    /// About the room's history.
    History(HistoryMessage),
    /// About blobs, unopened.
    Blob(Packed),
    /// About the room's overlay.
    Overlay(OverlayMessage),
    /// About the links of the room, for a picture of the overlay.
    Sketch(SketchMessage),
}

/// A blake3 digest.
pub type Digest = [u8; 32];

/// Names a batch to one neighbour and for one request: six bytes of its id under a key made from the request's nonce.
pub type KeyedId = [u8; 6];

/// Body of [`RoomMessage::Roots`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roots {
    /// Digest of the sender's records.
    pub records: Digest,
    /// The sender's extent.
    pub holds: Holds,
    /// Number and digest of each replica that is not empty and that both ends store, as far as the sender knows: over
    /// the common part.
    pub replicas: Bounded<(u8, Digest), REPLICAS_MAX>,
}

/// The extent of a member: the data that it stores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holds {
    /// The slots in which it keeps the app's own replica, one bit each.
    pub own: u16,
    /// Tables by time that it stores from a day on, and tables with evicted rows.
    pub floors: Bounded<(u8, Floor), FLOORS_MAX>,
}

/// Body of [`RoomMessage::Nodes`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nodes {
    /// The replica.
    pub replica: u8,
    /// The parent node.
    pub node: u32,
    /// Its children that are not empty.
    pub below: Bounded<Below, NODES_MAX>,
}

/// Body of [`RoomMessage::Open`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// The replica.
    pub replica: u8,
    /// The node.
    pub node: u32,
}

/// Body of [`RoomMessage::Want`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// The replica.
    pub replica: u8,
    /// The leaf.
    pub leaf: u32,
    /// The nonce of this request.
    pub nonce: u64,
    /// The batches of the leaf that the sender has.
    pub have: Bounded<KeyedId, HAVE_MAX>,
    /// Whether only writes of peers are wanted that a record or an admission names.
    pub known_alone: bool,
}

/// Body of [`RoomMessage::LeafEnd`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafEnd {
    /// The replica.
    pub replica: u8,
    /// The leaf.
    pub leaf: u32,
    /// The nonce of the served request.
    pub nonce: u64,
    /// The digest of the leaf when it was served.
    pub digest: Digest,
}

/// Body of [`RoomMessage::Unwant`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unwant {
    /// The replica.
    pub replica: u8,
    /// The leaf.
    pub leaf: u32,
}

/// Body of [`RoomMessage::Contradiction`]: stubs, which prove it without the payloads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contradiction {
    /// The first.
    pub one: Bytes<STUB_MAX>,
    /// The second.
    pub other: Bytes<STUB_MAX>,
}

/// Body of [`RoomMessage::AskList`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskList {
    /// The hash of the list.
    pub list: Digest,
    /// The first byte.
    pub offset: u32,
}

/// Body of [`RoomMessage::ListPiece`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListPiece {
    /// The hash of the list.
    pub list: Digest,
    /// The position of the first of these bytes.
    pub offset: u32,
    /// The bytes of the list.
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
    /// The endpoints to which the sender is attached.
    pub endpoints: Bounded<Endpoint, ROOM_ENDPOINTS_MAX>,
}

/// Body of [`RoomMessage::Carry`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carry {
    /// How often it may still be forwarded before it reaches a neighbour of its addressee, at most 2.
    pub hops_left: u8,
    /// The sender that sealed it.
    pub from: Introduction,
    /// The addressee.
    pub to: Endpoint,
    /// The sealed payload.
    pub payload: Bytes<PAYLOAD_MAX>,
}

kinds!(RoomMessage {
    16 => Batch(bytes),
    17 => Root(digest),
    18 => Roots(body),
    19 => Nodes(body),
    20 => Open(body),
    21 => LeafBatch(bytes),
    22 => LeafEnd(body),
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
    47 => Secret(secret),
    48 => WorkedOff(bytes),
    49 => Want(body),
    50 => Unwant(body),
    else { History(HistoryMessage), Blob(Packed), Overlay(OverlayMessage), Sketch(SketchMessage) }
});

impl RoomMessage {
    /// The message as a link carries it, with the sender's number of the room.
    pub fn on_link(&self, number: u32) -> LinkMessage {
        let (kind, body) = self.encode(number);
        LinkMessage::Room { kind, body }
    }

    /// Whether a visitor that is no neighbour may send it: it is about blobs or comparison, or admits an author.
    pub fn is_for_visitors(&self) -> bool {
        use RoomMessage as M;
        let is_compared = matches!(self, M::Root(_) | M::Roots(_) | M::Nodes(_) | M::Open(_) | M::Want(_));
        let is_served = matches!(self, M::Unwant(_) | M::LeafBatch(_) | M::LeafEnd(_) | M::WorkedOff(_));
        is_compared || is_served || matches!(self, M::Blob(_) | M::Admission(_))
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
            RoomMessage::Root(digest),
            RoomMessage::Roots(Roots {
                records: digest,
                holds: Holds { own: 0x8001, floors: Bounded::new(vec![(0x12, Floor(20_000))]).expect("one") },
                replicas: Bounded::new(vec![(0, digest)]).expect("one"),
            }),
            RoomMessage::Nodes(Nodes {
                replica: 0,
                node: 1,
                below: Bounded::new(vec![Below { number: 64, is_leaf: false, digest }]).expect("one"),
            }),
            RoomMessage::Open(Open { replica: 0, node: 64 }),
            RoomMessage::Want(Want {
                replica: 0,
                leaf: 4101,
                nonce: u64::MAX,
                have: Bounded::new(vec![[7; 6]]).expect("one"),
                known_alone: true,
            }),
            RoomMessage::LeafBatch(Bytes::new(vec![1, 2]).expect("short")),
            RoomMessage::LeafEnd(LeafEnd { replica: 0, leaf: 4101, nonce: u64::MAX, digest }),
            RoomMessage::Unwant(Unwant { replica: 0, leaf: 4101 }),
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
            RoomMessage::Secret([5; 16]),
            RoomMessage::WorkedOff(70_000),
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

    #[test]
    fn unknown_kinds_are_skipped_and_cut_bodies_refused() {
        assert_eq!(RoomMessage::decode(999, &[1, 2, 3]), Ok(None));
        for message in examples() {
            let (kind, body) = message.encode(3);
            assert!(RoomMessage::decode(kind, &body[..body.len() - 1]).is_err(), "{message:?}");
        }
    }

    #[test]
    fn the_largest_messages_fit() {
        let most = Below { number: u32::MAX, is_leaf: true, digest: [0; 32] };
        let below = Bounded::new(vec![most; NODES_MAX]).expect("the most");
        let nodes = RoomMessage::Nodes(Nodes { replica: 0, node: 1, below });
        assert!(nodes.encode(u32::MAX).1.len() <= 10_000);
        let have = Bounded::new(vec![[0; 6]; HAVE_MAX]).expect("the most");
        let want = RoomMessage::Want(Want { replica: 0, leaf: 1, nonce: 0, have, known_alone: false });
        assert!(want.encode(u32::MAX).1.len() <= MESSAGE_MAX);
        let batch = RoomMessage::Batch(Bytes::new(vec![0; BATCH_MAX]).expect("the most"));
        assert!(batch.encode(u32::MAX).1.len() <= MESSAGE_MAX);
        let record = RoomMessage::Record(Bytes::new(vec![0; RECORD_MAX]).expect("the most"));
        assert!(record.encode(u32::MAX).1.len() <= MESSAGE_MAX);
    }
}
