//! The state of our own writes in a room: sequences, batches that wait for acknowledgement, their holders, counts for folds.

mod holders;
pub(super) mod outbox;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

pub use self::holders::Holders;
use self::holders::Whereabouts;
use self::outbox::Outbox;
use crate::replica::{Content, ReplicaNumber};
use crate::signed::change::Limit;

/// The result of a call of [`RoomMut::write`](crate::node::RoomMut::write).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The sequences of the written batches.
    pub sequences: RangeInclusive<u64>,
    /// Their cost, if the room's rules have a limit.
    pub cost: usize,
    /// The parts that they wrote in, each once, in ascending order: see [`Replica::outline`](crate::replica::Replica::outline).
    pub parts: Vec<(ReplicaNumber, u32)>,
}

/// The allowance of a writer in a room with a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WritingLeft {
    /// The cost that may be written now.
    pub left: u32,
    /// The limit.
    pub limit: Limit,
    /// Milliseconds until its next window begins, from 1.
    pub wait_ms: u64,
}

/// The reason why nothing was written, or no rule changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// There was nothing to write.
    #[error("there is nothing to write")]
    Empty,
    /// The room has no app in this slot, or this program does not keep the replica.
    #[error("slot {0} of this room has no app that this program can write for")]
    AppIsOff(u8),
    /// The room's replica cannot accept this content, with the reason.
    #[error("this cannot be written: {0}")]
    Content(String),
    /// The room has a list of writers, and this peer is not on it.
    #[error("only those whom the owner named may write in this room")]
    NotWriter,
    /// The owner or a moderator has banned this peer, or this program contradicted itself.
    #[error("this peer is banned in this room and cannot write in it any more")]
    Banned,
    /// A broadcast is too long.
    #[error("{bytes} bytes are above the limit of {most}")]
    TooLong {
        /// Its bytes.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// The room's limit is used up, or this exceeds the rest.
    #[error("the limit of this room leaves {left} of {cost} in {window_ms} ms: wait {wait_ms} ms")]
    TooFast {
        /// The cost that may be written now.
        left: u32,
        /// The cost that the room allows in a window.
        cost: u32,
        /// Length of a window, in milliseconds.
        window_ms: u32,
        /// Milliseconds until the next window begins.
        wait_ms: u64,
    },
    /// The row is older than the floor of its table.
    #[error("this room keeps what is {0} days old at most, and this is older")]
    TooOld(u16),
    /// The peer is not banned.
    #[error("This peer is not banned.")]
    NotBanned,
    /// Only the owner, or a moderator, may do this.
    #[error("Only {0} can do this.")]
    NotAllowed(&'static str),
    /// A record cannot contain this.
    #[error("This cannot be a rule of a room: {0}.")]
    Record(String),
    /// Neighbours are too slow: this number of bytes waits to be sent, or to be acknowledged by a member that stays.
    /// Write again a little later.
    #[error("neighbours cannot keep up: {0} bytes wait for them")]
    Backpressure(usize),
}

/// Least number of own batches in one part before they are compacted.
pub const FOLD_LEAST: usize = 64;

/// Parts in which own batches are counted: in a table each row counts by itself, so there can be many. Beyond, the one
/// with the fewest is forgotten.
const UNFOLDED_MAX: usize = 1024;

/// Most folds of this peer's former sessions after one write: a mebibyte. The next write goes on.
pub const FORMER_FOLDS_MAX: usize = 16;

/// Parts that were checked for these. Beyond, the batches of former sessions in a part stay as they are.
const LOOKED_MAX: usize = 4096;

/// A part of a replica: see [`Replica::outline`](crate::replica::Replica::outline).
pub(super) type Part = (ReplicaNumber, u32);

/// The writes of this program in a room.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) next_sequence: u64,
    /// Own batches that no member that stays has acknowledged.
    pub(super) outbox: Outbox,
    pub(super) whereabouts: Whereabouts,
    /// All sequences up to here have reached another member, that stays or not.
    pub(super) arrived: u64,
    /// By replica and part: own batches since the last fold, and the number before the next one.
    pub(super) unfolded: BTreeMap<Part, (usize, usize)>,
    /// Parts that were checked for batches of former sessions.
    pub(super) looked: BTreeSet<Part>,
    /// Whether some member was synchronised with us: then the batches of former sessions are here.
    pub(super) was_in_step: bool,
    /// Own content that records erased, to sign again.
    pub(super) unsaid: VecDeque<(ReplicaNumber, Content)>,
}

impl Default for Writing {
    fn default() -> Writing {
        Writing {
            next_sequence: 1,
            outbox: Outbox::default(),
            whereabouts: Whereabouts::default(),
            arrived: 0,
            unfolded: BTreeMap::new(),
            looked: BTreeSet::new(),
            was_in_step: false,
            unsaid: VecDeque::new(),
        }
    }
}

impl Writing {
    /// Own batches that no member that stays has acknowledged.
    pub(super) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// The same, for acknowledgements.
    pub(super) fn outbox_mut(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// The holders of our own batches.
    pub(super) fn whereabouts(&self) -> &Whereabouts {
        &self.whereabouts
    }

    /// The same, for changes.
    pub(super) fn whereabouts_mut(&mut self) -> &mut Whereabouts {
        &mut self.whereabouts
    }

    /// The sequence of the next batch.
    pub(super) fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// Uses the sequence of the next batch.
    pub(super) fn take_sequence(&mut self) {
        self.next_sequence += 1;
    }

    /// Whether a batch with this sequence was written.
    pub(super) fn has_written(&self, sequence: u64) -> bool {
        sequence < self.next_sequence
    }

    /// Whether something was written since [`Writing::handle_arrived`].
    pub(super) fn awaits_arrival(&self) -> bool {
        self.arrived + 1 < self.next_sequence
    }

    /// All writes until now have reached another member.
    pub(super) fn handle_arrived(&mut self) {
        self.arrived = self.next_sequence - 1;
    }

    /// Own batches that, as far as known, neither another member nor this device's storage has.
    pub(super) fn undelivered(&self) -> usize {
        let safe = self.arrived.max(self.whereabouts.saved());
        self.outbox.to_hand_over().filter(|batch| batch.key().sequence > safe).count()
    }

    /// Own content no longer counts: the room re-signs it when called.
    pub(super) fn outdate(&mut self, number: ReplicaNumber, said: Content) {
        self.unsaid.push_back((number, said));
    }

    /// Counts a batch in a part. Returns whether a fold is due there.
    pub(super) fn counts_to_fold(&mut self, part: Part) -> bool {
        if self.unfolded.len() >= UNFOLDED_MAX && !self.unfolded.contains_key(&part) {
            // The part with the fewest batches has the least to compact.
            let least = self.unfolded.iter().min_by_key(|(_, (batches, _))| *batches);
            if let Some(least) = least.map(|(part, _)| *part) {
                self.unfolded.remove(&least);
            }
        }
        let (batches, due) = self.unfolded.entry(part).or_insert((0, FOLD_LEAST));
        *batches += 1;
        *batches >= *due
    }

    /// A part is being compacted, into a batch of this cost, or cannot be. The larger the fold, the more batches the
    /// next one waits for.
    pub(super) fn handle_folded(&mut self, part: Part, cost: usize) {
        self.unfolded.insert(part, (0, FOLD_LEAST.max(cost / 8)));
    }

    /// Whether a part must be checked for batches of former sessions.
    pub(super) fn has_to_look(&self, part: Part) -> bool {
        self.looked.len() < LOOKED_MAX && !self.looked.contains(&part)
    }

    /// More batches of former sessions may be here than at the last check.
    pub(super) fn handle_restored(&mut self) {
        self.looked.clear();
    }

    /// A member is synchronised with us. The first time, more may be here than before: a program without storage
    /// receives the batches of its former sessions so.
    pub(super) fn handle_in_step(&mut self) {
        if !core::mem::replace(&mut self.was_in_step, true) {
            self.looked.clear();
        }
    }
}
