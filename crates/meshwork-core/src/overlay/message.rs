//! What neighbours say to each other about the overlay: kinds, bodies and limits.
//!
//! docs/protocol/overlay.md gives the bytes. Only links of version [`LINK_VERSION`] and above carry them.

use alloc::boxed::Box;

use serde::{Deserialize, Serialize};

use super::nearness::Place;
use crate::id::Endpoint;
use crate::signalling::announce::Introduction;
use crate::signalling::protocol::PAYLOAD_MAX;
use crate::wire::{Bounded, Bytes, kinds};

/// The first version of the link protocol whose ends understand these messages.
pub const LINK_VERSION: u16 = 3;
/// Endpoints between the two ends of a route at most: each of them may be gone when the route is used.
pub const ROUTE_MAX: usize = 6;
/// Members that one sample names at most: a message of about 1.5 kB.
pub const SAMPLE_MAX: usize = 8;
/// Batches that one message names at most: more than a room hears in the 30 ms for which names are collected.
pub const IDS_MAX: usize = 1024;
/// Least hashes by which the room's size is estimated: with 32 of them the estimate is off by 18 % as a rule, and a
/// number of links that follows its logarithm by less than one.
pub const LEAST_MAX: usize = 32;

/// Names an endpoint on a route, to neighbours of it: the first 8 bytes of blake3 of its 40 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tag(pub [u8; 8]);

impl Tag {
    /// The tag of an endpoint.
    pub fn of(endpoint: &Endpoint) -> Tag {
        Tag(first_bytes(blake3::hash(&endpoint.to_bytes())))
    }
}

/// Whom a message passes between its sender's neighbour, the first, and its addressee's neighbour, the last.
pub type Route = Bounded<Tag, ROUTE_MAX>;

/// Names a batch: the first 8 bytes of blake3 of its author's endpoint and its sequence, as 8 bytes little-endian,
/// with the author's tree in the three lowest bits of the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BatchName(pub [u8; 8]);

/// A member that another one knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Who, with the signed key to which payloads for it are sealed.
    pub introduction: Introduction,
    /// Where it is, in round-trip times.
    pub place: Place,
    /// How the one that names it reaches it; empty when the two are linked.
    pub route: Route,
}

/// Hashes by which a room's size is estimated, of one minute of room time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Least {
    /// Which minute: room time in milliseconds by 60,000.
    pub epoch: u64,
    /// The least hashes known of members in this minute, in ascending order.
    pub hashes: Bounded<[u8; 6], LEAST_MAX>,
}

/// Body of [`OverlayMessage::Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Neighbours of the sender in this room.
    pub degree: u8,
    /// Whether the sender wants to keep this very link: it is one of its oldest, or one that reaches far.
    pub keeps: bool,
    /// Where the sender is, in round-trip times.
    pub place: Place,
    /// The room's size, as far as the sender heard.
    pub least: Bounded<Least, 2>,
}

/// Body of [`OverlayMessage::Walk`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walk {
    /// How often it is still passed on, at most 5.
    pub hops_left: u8,
    /// Whether the origin looks for neighbours.
    pub joins: bool,
    /// Who sent it first.
    pub origin: Introduction,
    /// Where that is.
    pub place: Place,
    /// Who passed it on, in order.
    pub path: Route,
    /// Some of whom the origin knows.
    pub sample: Bounded<Entry, SAMPLE_MAX>,
}

/// Body of [`OverlayMessage::Found`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The rest of its way.
    pub route: Route,
    /// For whom.
    pub to: Tag,
    /// Who answers.
    pub from: Introduction,
    /// Where that is.
    pub place: Place,
    /// Who passed it on, in order.
    pub path: Route,
    /// Some of whom the answerer knows.
    pub sample: Bounded<Entry, SAMPLE_MAX>,
}

/// Body of [`OverlayMessage::Graft`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graft {
    /// Trees whose batches the sender wants in full from here on, a bit for each.
    pub trees: u8,
    /// Batches that it lacks.
    pub names: Bounded<BatchName, IDS_MAX>,
}

/// Body of [`OverlayMessage::Routed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routed {
    /// The rest of its way.
    pub route: Route,
    /// Who passed it on, in order.
    pub path: Route,
    /// Who sealed it.
    pub from: Introduction,
    /// For whom.
    pub to: Endpoint,
    /// The sealed payload.
    pub payload: Bytes<PAYLOAD_MAX>,
}

/// The root of a room's branches. The greatest one is followed: weight counts first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Root {
    /// Links that it keeps at most.
    pub weight: u8,
    /// Which endpoint it is.
    pub tag: Tag,
}

/// A way to the root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// What it costs, in quarters of a millisecond: half the round-trip time of each link on it, and 10 ms a hop.
    pub cost: u32,
    /// Hops on it.
    pub depth: u8,
}

/// Body of [`OverlayMessage::Branch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    /// Whom the sender follows; itself when it is the root.
    pub root: Root,
    /// The root's newest beat on the sender's way, or of which it heard when it has none.
    pub beat: u64,
    /// The sender's way to the root; without one it waits for the next beat.
    pub way: Option<Way>,
    /// Whether the addressee is the sender's parent.
    pub child: bool,
}

/// A message between neighbours about the overlay of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OverlayMessage {
    /// What the sender says of itself and of the room's size, when it changed.
    Status(Status),
    /// A random walk: whoever it ends at answers the origin with a sample, and may link to it.
    Walk(Box<Walk>),
    /// The answer to a walk, back along its way.
    Found(Box<Found>),
    /// Batches that the sender has and does not send of its own accord.
    Have(Bounded<BatchName, IDS_MAX>),
    /// The sender wants these trees in full, and these batches now.
    Graft(Graft),
    /// The sender has these trees in full from others: names alone will do.
    Prune(u8),
    /// The sender no longer keeps this link, and stays in the room.
    Dropped,
    /// A sealed payload along a route.
    Routed(Box<Routed>),
    /// Where the sender is among the room's branches, when that changed.
    Branch(Branch),
}

kinds!(OverlayMessage {
    72 => Status(body),
    73 => Walk(body),
    74 => Found(body),
    75 => Have(names),
    76 => Graft(body),
    77 => Prune(trees),
    78 => Dropped,
    79 => Routed(body),
    80 => Branch(body),
});

/// The first 8 bytes of a hash.
pub(super) fn first_bytes(hash: blake3::Hash) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash.as_bytes()[..8]);
    bytes
}

/// A route from its parts, if it is not too long.
pub fn route(parts: impl IntoIterator<Item = Tag>) -> Option<Route> {
    Bounded::new(parts.into_iter().take(ROUTE_MAX + 1).collect()).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::id::{Instance, PeerId};
    use crate::wire::MESSAGE_MAX;
    use alloc::vec;
    use alloc::vec::Vec;

    /// An introduction whose signature does not hold.
    pub(in crate::overlay) fn introduction(number: u8) -> Introduction {
        let endpoint = Endpoint { peer: PeerId([number; 32]), instance: Instance(number.into()) };
        let signature = Bytes::new(vec![3; 64]).expect("64 bytes");
        Introduction { endpoint, sealing_key: [2; 32], signature }
    }

    fn longest() -> Vec<OverlayMessage> {
        let route = || route([Tag([7; 8]); ROUTE_MAX]).expect("the most");
        let place = Place { axes: [i16::MIN; 3], height: u16::MAX, error: 255 };
        let entry = Entry { introduction: introduction(9), place, route: route() };
        let sample = || Bounded::new(vec![entry.clone(); SAMPLE_MAX]).expect("the most");
        let least =
            Least { epoch: u64::MAX, hashes: Bounded::new(vec![[9; 6]; LEAST_MAX]).expect("the most") };
        let least = Bounded::new(vec![least; 2]).expect("two");
        let names = || Bounded::new(vec![BatchName([255; 8]); IDS_MAX]).expect("the most");
        let (origin, from, path) = (introduction(1), introduction(2), route());
        vec![
            OverlayMessage::Status(Status { degree: 255, keeps: true, place, least }),
            OverlayMessage::Walk(Box::new(Walk {
                hops_left: 5,
                joins: true,
                origin,
                place,
                path,
                sample: sample(),
            })),
            OverlayMessage::Found(Box::new(Found {
                route: route(),
                to: Tag([8; 8]),
                from: from.clone(),
                place,
                path: route(),
                sample: sample(),
            })),
            OverlayMessage::Have(names()),
            OverlayMessage::Graft(Graft { trees: 255, names: names() }),
            OverlayMessage::Prune(255),
            OverlayMessage::Dropped,
            OverlayMessage::Routed(Box::new(Routed {
                route: route(),
                path: route(),
                to: from.endpoint,
                from,
                payload: Bytes::new(vec![1; PAYLOAD_MAX]).expect("the most"),
            })),
            OverlayMessage::Branch(Branch {
                root: Root { weight: 255, tag: Tag([9; 8]) },
                beat: u64::MAX,
                way: Some(Way { cost: u32::MAX, depth: 255 }),
                child: true,
            }),
        ]
    }

    #[test]
    fn messages_read_as_written_and_the_longest_fit() {
        for message in longest() {
            let (kind, body) = message.encode(u32::MAX);
            assert!(body.len() <= MESSAGE_MAX, "{} bytes", body.len());
            assert_eq!(OverlayMessage::decode(kind, &body), Ok(Some((u32::MAX, message))));
            assert!(OverlayMessage::decode(kind, &body[..body.len() - 1]).is_err());
        }
        assert_eq!(OverlayMessage::decode(81, &[]), Ok(None));
    }

    /// docs/protocol/overlay.md shows these bytes.
    #[test]
    fn golden_messages_of_overlays() {
        let hex = |message: OverlayMessage| {
            let (kind, body) = message.encode(3);
            let hex: alloc::string::String = body.iter().map(|byte| alloc::format!("{byte:02x}")).collect();
            (kind, hex)
        };
        let place = Place { axes: [-40, 0, 300], height: 12, error: 30 };
        let least = Least { epoch: 300, hashes: Bounded::new(vec![[1; 6], [2; 6]]).expect("two") };
        let least = Bounded::new(vec![least]).expect("one");
        let status = Status { degree: 12, keeps: true, place, least };
        let told = "030c014f00d8040c1e01ac0202010101010101020202020202";
        assert_eq!(hex(OverlayMessage::Status(status)), (72, told.into()));
        let names = || Bounded::new(vec![BatchName([0xb1; 8])]).expect("one");
        assert_eq!(hex(OverlayMessage::Have(names())), (75, "0301b1b1b1b1b1b1b1b1".into()));
        let graft = Graft { trees: 2, names: names() };
        assert_eq!(hex(OverlayMessage::Graft(graft)), (76, "030201b1b1b1b1b1b1b1b1".into()));
        assert_eq!(hex(OverlayMessage::Prune(128)), (77, "0380".into()));
        assert_eq!(hex(OverlayMessage::Dropped), (78, "03".into()));
        let root = Root { weight: 12, tag: Tag([0xb1; 8]) };
        let branch = Branch { root, beat: 300, way: Some(Way { cost: 200, depth: 3 }), child: true };
        assert_eq!(hex(OverlayMessage::Branch(branch)), (80, "030cb1b1b1b1b1b1b1b1ac0201c8010301".into()));
        let lost = Branch { way: None, child: false, ..branch };
        assert_eq!(hex(OverlayMessage::Branch(lost)), (80, "030cb1b1b1b1b1b1b1b1ac020000".into()));
    }
}
