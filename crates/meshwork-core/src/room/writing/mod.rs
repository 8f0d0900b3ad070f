//! Our own writes in a room: new, compacted, or re-signed.

mod holders;
pub(super) mod outbox;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::num::NonZero;
use core::ops::RangeInclusive;

pub use self::holders::Holders;
use self::holders::Whereabouts;
use self::outbox::Outbox;
use super::{Room, delivery};
use crate::id::{Identity, PeerId};
use crate::replica::{Again, Content, Fold, Replica, ReplicaNumber, WHENEVER};
use crate::room::rules::publish::{Act, MODERATORS};
use crate::signed::batch::{Header, SignedBatch, StampWindow};
use crate::signed::change::Limit;
use crate::time::Now;

/// The result of a call of [`RoomMut::write`](crate::node::RoomMut::write).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The sequences of the written batches.
    pub sequences: RangeInclusive<u64>,
    /// Their cost, if the room's rules have a limit.
    pub cost: usize,
    /// The parts that they wrote in, each once, in ascending order: see [`Replica::outline`].
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

/// A part of a replica: see [`Replica::outline`].
type Part = (ReplicaNumber, u32);

/// The writes of this program in a room.
#[derive(Debug)]
pub(super) struct Writing {
    next_sequence: u64,
    /// Own batches that no member that stays has acknowledged.
    outbox: Outbox,
    whereabouts: Whereabouts,
    /// All sequences up to here have reached another member, that stays or not.
    arrived: u64,
    /// By replica and part: own batches since the last fold, and the number before the next one.
    unfolded: BTreeMap<Part, (usize, usize)>,
    /// Parts that were checked for batches of former sessions.
    looked: BTreeSet<Part>,
    /// Whether some member was synchronised with us: then the batches of former sessions are here.
    was_in_step: bool,
    /// Own content that records erased, to sign again.
    unsaid: VecDeque<(ReplicaNumber, Content)>,
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
    fn counts_to_fold(&mut self, part: Part) -> bool {
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
    fn handle_folded(&mut self, part: Part, cost: usize) {
        self.unfolded.insert(part, (0, FOLD_LEAST.max(cost / 8)));
    }

    /// Whether a part must be checked for batches of former sessions.
    fn has_to_look(&self, part: Part) -> bool {
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

impl Room {
    /// Writes payloads for a replica in the name of `identity`, which is this endpoint's peer: one batch each, all with
    /// one stamp.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was written.
    pub fn write(
        &mut self,
        now: Now,
        identity: &Identity,
        number: ReplicaNumber,
        payloads: Vec<Vec<u8>>,
    ) -> Result<Receipt, WriteError> {
        if payloads.is_empty() {
            return Err(WriteError::Empty);
        }
        let stamp = self.membership.overlay().stamped(self.kept.clock.next(now.wall));
        let window = StampWindow::at(stamp);
        let header = self.kept.header(number, window);
        let replica = self.kept.replicas.get(number).ok_or(WriteError::AppIsOff(number.slot()))?;
        let moderates = self.kept.records().moderates(identity.peer());
        let days = self.kept.replicas.age(number).map_or(0, NonZero::get);
        let check = |payload: Vec<u8>| match replica.check(&header, &payload) {
            Ok(_) if replica.is_old(&payload) => Err(WriteError::TooOld(days)),
            Ok(content) if content.is_for_moderators && !moderates => Err(WriteError::NotAllowed(MODERATORS)),
            Ok(content) => Ok((payload, content)),
            Err(error) => Err(WriteError::Content(error.0)),
        };
        let written: Vec<(Vec<u8>, Content)> = payloads.into_iter().map(check).collect::<Result<_, _>>()?;
        let cost = written.iter().map(|(_, content)| content.cost).sum();
        self.kept.rules.check_cost(number.slot(), stamp, cost)?;
        let waits = self.kept.writing.outbox.check(now.time, written.len(), self.membership.somebody_stays());
        waits.map_err(WriteError::Backpressure)?;
        let part = |(payload, _): &(Vec<u8>, Content)| Some((number, replica.outline(payload)?.0));
        let parts: Vec<Option<Part>> = written.iter().map(part).collect();
        self.kept.clock.merge(stamp);
        let first = self.kept.writing.next_sequence;
        for ((payload, content), part) in written.into_iter().zip(&parts) {
            self.write_batch(now, identity, &header, &payload, content, *part);
        }
        let written_in: BTreeSet<Part> = parts.iter().flatten().copied().collect();
        let sequences = first..=self.kept.writing.next_sequence - 1;
        let receipt = Receipt { sequences, cost, parts: written_in.into_iter().collect() };
        for part in parts.into_iter().flatten() {
            self.fold_when_due(now, identity, part);
        }
        self.finish(now);
        Ok(receipt)
    }

    /// Signs due content in the name of `identity`: a record that joins concurrent records of the owner's programs, and
    /// own content that records erased, as far as the rules allow.
    pub(super) fn sign_due(&mut self, now: Now, identity: &Identity) {
        if self.kept.rules.joins(identity.peer()) {
            // A missed join happens with the next record.
            let _ = self.govern(now, identity, Act::Join);
        }
        self.talking().sign_passed(now, identity);
        self.talking().say_holding(now, identity);
        if let Some((number, said)) = self.kept.writing.unsaid.pop_front() {
            say_again(self, now, identity, number, &said);
            self.finish(now);
        }
    }

    /// Signs a payload, sends it to everybody and applies it here. Returns whether it was accepted.
    fn write_batch(
        &mut self,
        now: Now,
        identity: &Identity,
        header: &Header,
        payload: &[u8],
        content: Content,
        part: Option<Part>,
    ) -> bool {
        let (cost, sequence) = (content.cost as u32, self.kept.writing.next_sequence());
        let used = self.kept.rules.count_cost(header.replica.slot(), header.window.most, cost);
        let header = Header { sequence, cost, used, ..*header };
        let batch = SignedBatch::sign(identity, &self.kept.id, &header, payload)
            .expect("a payload that its replica read is within the limit and the author is this peer");
        self.kept.writing.take_sequence();
        self.kept.writing.outbox.insert(now.time, batch.clone());
        part.into_iter().for_each(|part| self.kept.writing.whereabouts.handle_written(part, sequence));
        let targets = self.membership.overlay_mut().targets(now, &batch, None);
        self.kept.send_live(targets, &batch);
        let is_kept = self.kept.apply(now, delivery::Checked { batch, content });
        // This program receives acknowledgements of its own batches, as their author does elsewhere.
        self.kept.storage.acknowledge(self.kept.me, sequence);
        is_kept
    }

    /// Repeats our writes in a part in one batch, once many small batches contain them: storage and the data for
    /// newcomers shrink. The larger the fold, the more batches it waits for, so that folds cost a fixed share of the
    /// traffic.
    fn fold_when_due(&mut self, now: Now, identity: &Identity, part: Part) {
        let is_due = self.kept.writing.counts_to_fold(part);
        // With a limit, each entry keeps the batch that counted it.
        if self.kept.rules.limit(part.0.slot()).is_some() {
            return;
        }
        if is_due {
            let folded = self.write_fold(now, identity, part, |replica, me| replica.fold(part.1, me));
            self.kept.writing.handle_folded(part, folded.unwrap_or(0));
        }
        self.fold_former(now, identity, part);
    }

    /// Repeats likewise this peer's batches of former sessions in a part, at the first write there: an author of few
    /// writes in many sessions would never reach a fold.
    fn fold_former(&mut self, now: Now, identity: &Identity, part: Part) {
        let replica = self.kept.replicas.get(part.0);
        let folds = replica.is_some_and(|replica| replica.folds_former());
        if !folds || !self.kept.is_restored() || !self.kept.writing.has_to_look(part) {
            return;
        }
        for _ in 0..FORMER_FOLDS_MAX {
            let fold = |replica: &dyn Replica, me| replica.fold_former(part.1, me);
            if self.write_fold(now, identity, part, fold).is_none() {
                self.kept.writing.looked.insert(part);
                return;
            }
        }
    }

    /// Writes a fold, if there is one. Returns its cost; `None` also if it was not accepted.
    fn write_fold(
        &mut self,
        now: Now,
        identity: &Identity,
        part: Part,
        fold: impl FnOnce(&dyn Replica, PeerId) -> Option<(Fold, Content)>,
    ) -> Option<usize> {
        let (fold, content) = fold(self.kept.replicas.get(part.0)?, self.kept.me.peer)?;
        // Later than all repeated batches, so that it supersedes them.
        let window = StampWindow { least: fold.least, most: self.kept.clock.next(now.wall) };
        let header = self.kept.header(part.0, window);
        let is_kept = self.write_batch(now, identity, &header, &fold.payload, content, Some(part));
        is_kept.then_some(fold.cost)
    }
}

/// Re-signs content that a record erased. With a limit, each batch is of one time, so this re-signs the visible part
/// within the limit. The author must write the rest later.
fn say_again(room: &mut Room, now: Now, identity: &Identity, number: ReplicaNumber, said: &Content) {
    let stamp = room.membership.overlay().stamped(room.kept.clock.next(now.wall));
    let how = match room.kept.rules.writing_left(number.slot(), stamp) {
        Ok(None) => Again::AsItWas,
        Ok(Some(WritingLeft { left, .. })) => Again::AsNew(left as usize),
        // The rules allow nothing of it any more.
        Err(_) => return,
    };
    let moderates = room.kept.records().moderates(identity.peer());
    let replica = room.kept.replicas.get(number);
    let folds = replica.map(|replica| replica.say_again(said, how)).unwrap_or_default();
    room.kept.clock.merge(stamp);
    for Fold { payload, least, .. } in folds {
        let least = if least == WHENEVER { stamp } else { least };
        let header = room.kept.header(number, StampWindow { least, most: stamp });
        let checked = room.kept.replicas.get(number).and_then(|replica| {
            let content = replica.check(&header, &payload).ok()?;
            Some((content, Some((number, replica.outline(&payload)?.0))))
        });
        let Some((content, part)) = checked else { continue };
        if moderates || !content.is_for_moderators {
            room.write_batch(now, identity, &header, &payload, content, part);
        }
    }
}
