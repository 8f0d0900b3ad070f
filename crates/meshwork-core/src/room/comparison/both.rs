//! The common data of two members, and the extent of each.
//!
//! A member stores the replicas of the apps that it knows, all tables, and of a table by time the rows from its floor
//! on. It may have evicted some. So that two members can rest although one stores less, they exchange digests of their
//! common data only.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::Key;
use super::keyed::Keys;
use crate::replica::tree::{self, ROOT};
use crate::replica::{Below, Digest, EMPTY_PART_DIGEST, Floor, Replica, ReplicaNumber};
use crate::room::message::{FLOORS_MAX, HAVE_MAX, Holds, Nodes, Roots, Want};
use crate::room::replicas::Replicas;
use crate::signed::batch::SignedBatch;
use crate::signed::header::Family;
use crate::wire::Bounded;

/// The root digest of a room is blake3 in its key derivation mode under this context.
const ROOT_CONTEXT: &str = "meshwork room root digest v2";

/// The extent of a member: the data that it stores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::room) struct Holding {
    /// The slots in which it stores the app's own replica, one bit each.
    own: u16,
    /// Tables that it stores from a day on.
    floors: BTreeMap<ReplicaNumber, Floor>,
}

impl Holding {
    /// Our extent.
    pub(in crate::room) fn of(replicas: &Replicas) -> Holding {
        let mut holding = Holding::default();
        for (number, replica) in replicas.iter() {
            if number.family() == Family::Own {
                holding.own |= 1 << number.slot();
            }
            if replica.floor() > Floor::default() {
                holding.floors.insert(number, replica.floor());
            }
        }
        for &number in replicas.apart() {
            match number.family() {
                Family::Own => holding.own &= !(1 << number.slot()),
                _ => drop(holding.floors.insert(number, Floor::END)),
            }
        }
        holding
    }

    /// The extent in a message.
    pub(in crate::room) fn said(holds: &Holds) -> Holding {
        let floors =
            holds.floors.iter().filter_map(|(byte, floor)| Some((ReplicaNumber::from_byte(*byte)?, *floor)));
        Holding { own: holds.own, floors: floors.collect() }
    }

    /// The same as a message.
    pub(in crate::room) fn as_said(&self) -> Holds {
        let floors = self.floors.iter().take(FLOORS_MAX).map(|(number, floor)| (number.to_byte(), *floor));
        Holds { own: self.own, floors: Bounded::new(floors.collect()).expect("no more are taken") }
    }

    /// Whether `other` is a part of this extent.
    pub(in crate::room) fn has_all_of(&self, other: &Holding) -> bool {
        let floor = |number| other.floors.get(number).copied().unwrap_or_default();
        other.own & !self.own == 0 && self.floors.iter().all(|(number, held)| *held <= floor(number))
    }

    fn holds(&self, number: ReplicaNumber) -> bool {
        match number.family() {
            Family::Own => self.own >> number.slot() & 1 == 1,
            _ => self.floors.get(&number) != Some(&Floor::END),
        }
    }
}

/// The data here that a neighbour stores too.
#[derive(Clone, Copy)]
pub(super) struct Both<'a> {
    pub(super) replicas: &'a Replicas,
    /// Nothing before the neighbour has sent its extent: then it counts as complete.
    pub(super) theirs: Option<&'a Holding>,
}

impl<'a> Both<'a> {
    /// The common data of a replica; `None` if one of the two does not store all of it.
    pub(super) fn get(self, number: ReplicaNumber) -> Option<Shared<'a>> {
        let is_shared = self.theirs.is_none_or(|theirs| theirs.holds(number));
        self.kept(number).filter(|_| is_shared && !self.is_apart(number))
    }

    /// The data here of a replica, or of a part of it, from the neighbour's floor on; `None` if there is none.
    pub(super) fn kept(self, number: ReplicaNumber) -> Option<Shared<'a>> {
        let replica = self.replicas.get(number)?;
        if planted!(TableUncompared) && number.family() == Family::ByTime {
            return None;
        }
        // The extent of a partial holder does not say where its part begins.
        let theirs = self.theirs.filter(|theirs| theirs.holds(number));
        let theirs = theirs.and_then(|theirs| theirs.floors.get(&number)).copied().unwrap_or_default();
        let own = replica.path_of(replica.floor());
        Some(Shared { replica, own, from: own.max(replica.path_of(theirs)) })
    }

    /// Whether a part of a replica was evicted here.
    pub(super) fn is_apart(self, number: ReplicaNumber) -> bool {
        self.replicas.apart().contains(&number)
    }

    /// Number and digest of each common replica that is not empty.
    pub(super) fn digests(self) -> BTreeMap<ReplicaNumber, Digest> {
        let digest = |number| Some((number, self.get(number)?.digest(ROOT)));
        let told = self.replicas.iter().filter_map(|(number, _)| digest(number));
        told.filter(|(_, digest)| *digest != EMPTY_PART_DIGEST).collect()
    }

    /// The digest of all common data.
    pub(super) fn root(self, records: Digest) -> Digest {
        self.root_of(records, &self.digests())
    }

    /// The digest of records and replicas together, and of the extent of the comparison: a member that underestimates
    /// the other's extent sends a different one.
    pub(super) fn root_of(self, records: Digest, replicas: &BTreeMap<ReplicaNumber, Digest>) -> Digest {
        let mut hasher = blake3::Hasher::new_derive_key(ROOT_CONTEXT);
        hasher.update(&records);
        for (number, _) in self.replicas.iter() {
            match self.get(number) {
                Some(shared) if number.family() == Family::Own || shared.from > 0 => {
                    hasher.update(&[number.to_byte()]).update(&shared.from.to_be_bytes());
                }
                _ => {}
            }
        }
        hasher.update(&[u8::MAX]);
        for (number, digest) in replicas {
            hasher.update(&[number.to_byte()]).update(digest);
        }
        *hasher.finalize().as_bytes()
    }

    /// The same in detail.
    pub(super) fn roots(self, records: Digest, ours: &Holding) -> Roots {
        // The neighbour may store more of the apps' own replicas by now.
        let own = self.replicas.iter().filter(|(number, _)| number.family() == Family::Own);
        let own = own.map(|(number, replica)| (number, replica.digest()));
        let mut digests = self.digests();
        digests.extend(own.filter(|(_, digest)| *digest != EMPTY_PART_DIGEST));
        let digests = digests.into_iter().map(|(number, digest)| (number.to_byte(), digest));
        Roots {
            records,
            holds: ours.as_said(),
            replicas: Bounded::new(digests.collect()).expect("a room has three replicas in each slot"),
        }
    }

    /// Nodes below a node, at most `most`; none if there is no such replica.
    pub(super) fn nodes(self, (number, node): Key, most: usize) -> Nodes {
        let below = self.kept(number).map(|shared| shared.below(node, most)).unwrap_or_default();
        let below = Bounded::new(below).expect("no more than asked");
        Nodes { replica: number.to_byte(), node, below }
    }

    /// Requests a leaf; `by_ids` if known batches are named.
    pub(super) fn want(self, (number, leaf): Key, nonce: u64, by_ids: bool) -> Want {
        let keys = Keys::new(nonce);
        let batches = self.kept(number).filter(|_| by_ids).map(|kept| kept.batches(leaf)).unwrap_or_default();
        let have = batches.iter().take(HAVE_MAX).map(|batch| keys.id_of(batch)).collect();
        let have = Bounded::new(have).expect("no more are taken");
        // We already had too many batches of strangers there.
        Want { replica: number.to_byte(), leaf, nonce, have, known_alone: self.is_apart(number) }
    }

    /// A neighbour's digest of each common replica.
    pub(super) fn said(self, roots: &Roots) -> BTreeMap<ReplicaNumber, Digest> {
        let said = roots
            .replicas
            .iter()
            .filter_map(|(byte, digest)| Some((ReplicaNumber::from_byte(*byte)?, *digest)));
        let is_kept = |number: ReplicaNumber| {
            let is_known = number.family() != Family::Own || self.replicas.get(number).is_some();
            is_known && !self.is_apart(number)
        };
        said.filter(|(number, _)| is_kept(*number)).collect()
    }
}

/// The common data of two members in a replica.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    replica: &'a dyn Replica,
    /// The first path that is stored here.
    own: u64,
    /// The first path that both store.
    from: u64,
}

impl Shared<'_> {
    pub(super) fn digest(self, node: u32) -> Digest {
        self.replica.node_digest(node, self.from)
    }

    fn below(self, node: u32, most: usize) -> Vec<Below> {
        self.replica.below(node, self.from, most)
    }

    pub(super) fn batches(self, node: u32) -> Vec<SignedBatch> {
        self.replica.node_batches(node, self.from)
    }

    /// Whether everything below a node is older than our floor.
    pub(super) fn is_old(self, node: u32) -> bool {
        tree::paths(node).is_some_and(|paths| *paths.end() < self.own)
    }
}
