//! What two members both hold, and what each says of it.
//!
//! A member keeps the replicas of the apps that it knows, all tables, and of a table by time what lies from its floor on; of some it
//! may have given something up.
//! So that members rest although one of them holds less, they tell each other digests of what both hold alone.

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

/// What a member holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::room) struct Holding {
    /// The slots in which it keeps the app's own replica, a bit each.
    own: u16,
    /// Tables that it holds from a day on.
    floors: BTreeMap<ReplicaNumber, Floor>,
}

impl Holding {
    /// What is kept here.
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

    /// What a member says that it holds.
    pub(in crate::room) fn said(holds: &Holds) -> Holding {
        let floors =
            holds.floors.iter().filter_map(|(byte, floor)| Some((ReplicaNumber::from_byte(*byte)?, *floor)));
        Holding { own: holds.own, floors: floors.collect() }
    }

    /// The same, to be said.
    pub(in crate::room) fn as_said(&self) -> Holds {
        let floors = self.floors.iter().take(FLOORS_MAX).map(|(number, floor)| (number.to_byte(), *floor));
        Holds { own: self.own, floors: Bounded::new(floors.collect()).expect("no more are taken") }
    }

    /// Whether all that `other` holds is held here too.
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

/// What is kept here of what a neighbour holds too.
#[derive(Clone, Copy)]
pub(super) struct Both<'a> {
    pub(super) replicas: &'a Replicas,
    /// Nothing before the neighbour has said what it holds: then it is taken to hold everything.
    pub(super) theirs: Option<&'a Holding>,
}

impl<'a> Both<'a> {
    /// What both hold of a replica; `None` where one of the two does not keep all of it.
    pub(super) fn get(self, number: ReplicaNumber) -> Option<Shared<'a>> {
        let is_shared = self.theirs.is_none_or(|theirs| theirs.holds(number));
        self.kept(number).filter(|_| is_shared && !self.is_apart(number))
    }

    /// What is kept here of a replica, be it a part of it, from where the neighbour holds it on; `None` where none of it is.
    pub(super) fn kept(self, number: ReplicaNumber) -> Option<Shared<'a>> {
        let replica = self.replicas.get(number)?;
        if planted!(TableUncompared) && number.family() == Family::ByTime {
            return None;
        }
        // Who holds a part says nothing of where that begins.
        let theirs = self.theirs.filter(|theirs| theirs.holds(number));
        let theirs = theirs.and_then(|theirs| theirs.floors.get(&number)).copied().unwrap_or_default();
        let own = replica.path_of(replica.floor());
        Some(Shared { replica, own, from: own.max(replica.path_of(theirs)) })
    }

    /// Whether something of a replica was given up here.
    pub(super) fn is_apart(self, number: ReplicaNumber) -> bool {
        self.replicas.apart().contains(&number)
    }

    /// Number and digest of each replica that is not empty and that both hold.
    pub(super) fn digests(self) -> BTreeMap<ReplicaNumber, Digest> {
        let digest = |number| Some((number, self.get(number)?.digest(ROOT)));
        let told = self.replicas.iter().filter_map(|(number, _)| digest(number));
        told.filter(|(_, digest)| *digest != EMPTY_PART_DIGEST).collect()
    }

    /// The digest of all of it.
    pub(super) fn root(self, records: Digest) -> Digest {
        self.root_of(records, &self.digests())
    }

    /// The digest of records and replicas together, and of what is compared: who takes the other to hold less than it does by
    /// now tells another one.
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

    /// The same, taken apart.
    pub(super) fn roots(self, records: Digest, ours: &Holding) -> Roots {
        // It may hold more by now of the apps' own than was heard.
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

    /// Nodes below one, at most `most`; none where there is no such replica.
    pub(super) fn nodes(self, (number, node): Key, most: usize) -> Nodes {
        let below = self.kept(number).map(|shared| shared.below(node, most)).unwrap_or_default();
        let below = Bounded::new(below).expect("no more than asked");
        Nodes { replica: number.to_byte(), node, below }
    }

    /// Asks for a leaf; `by_ids` if what is here is named.
    pub(super) fn want(self, (number, leaf): Key, nonce: u64, by_ids: bool) -> Want {
        let keys = Keys::new(nonce);
        let batches = self.kept(number).filter(|_| by_ids).map(|kept| kept.batches(leaf)).unwrap_or_default();
        let have = batches.iter().take(HAVE_MAX).map(|batch| keys.id_of(batch)).collect();
        let have = Bounded::new(have).expect("no more are taken");
        // What strangers wrote there was too much already.
        Want { replica: number.to_byte(), leaf, nonce, have, known_alone: self.is_apart(number) }
    }

    /// What a neighbour says of each replica that both hold.
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

/// What two members both hold of a replica.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    replica: &'a dyn Replica,
    /// The first path of what is held here.
    own: u64,
    /// The first path of what both hold.
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

    /// Whether all that lies below a node is before what is held here.
    pub(super) fn is_old(self, node: u32) -> bool {
        tree::paths(node).is_some_and(|paths| *paths.end() < self.own)
    }
}
