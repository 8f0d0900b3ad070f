//! What one writes in a room in one's own name: new, folded, or said again.

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

/// What became of a call of [`RoomMut::write`](crate::node::RoomMut::write).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The sequences of the batches that were written.
    pub sequences: RangeInclusive<u64>,
    /// What they cost where the room's rules have a limit.
    pub cost: usize,
}

/// What one may still write in a room that limits it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WritingLeft {
    /// The cost of what may be written now.
    pub left: u32,
    /// The limit.
    pub limit: Limit,
    /// When its next window begins, in milliseconds from now, from 1.
    pub wait_ms: u64,
}

/// Why nothing was written, or no rule changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// Nothing was given to write.
    #[error("there is nothing to write")]
    Empty,
    /// The room has no app in this slot, or this program does not keep what was to be written there.
    #[error("slot {0} of this room has no app that this program can write for")]
    AppIsOff(u8),
    /// What was given to write is not what the room's replica can take in, in words.
    #[error("this cannot be written: {0}")]
    Content(String),
    /// The room has a list of writers, and this peer is not on it.
    #[error("only those whom the owner named may write in this room")]
    NotWriter,
    /// The owner or a moderator has banned this peer, or this program contradicted itself.
    #[error("this peer is banned in this room and cannot write in it any more")]
    Banned,
    /// It is longer than can be said to everybody.
    #[error("{bytes} bytes are above the limit of {most}")]
    TooLong {
        /// So many it has.
        bytes: usize,
        /// So many are allowed.
        most: usize,
    },
    /// The room's limit is used up, or this is more than it leaves.
    #[error("the limit of this room leaves {left} of {cost} in {window_ms} ms: wait {wait_ms} ms")]
    TooFast {
        /// The cost of what may be written now.
        left: u32,
        /// The cost that the room allows in a window.
        cost: u32,
        /// Length of a window, in milliseconds.
        window_ms: u32,
        /// When the next window begins, in milliseconds from now.
        wait_ms: u64,
    },
    /// The row lies before the day from which on the room keeps its table.
    #[error("this room keeps what is {0} days old at most, and this is older")]
    TooOld(u16),
    /// The peer whose bans should be lifted is not banned.
    #[error("This peer is not banned.")]
    NotBanned,
    /// What was asked for is the owner's to do, or a moderator's.
    #[error("Only {0} can do this.")]
    NotAllowed(&'static str),
    /// A record cannot say this.
    #[error("This cannot be a rule of a room: {0}.")]
    Record(String),
    /// Neighbours do not take in what is sent fast enough: so many bytes wait to be sent, or to be acknowledged by
    /// a member that stays. Write again a little later.
    #[error("neighbours cannot keep up: {0} bytes wait for them")]
    Backpressure(usize),
}

/// Own batches in one part after which they are folded into one, at the earliest.
pub const FOLD_LEAST: usize = 64;

/// Parts in which own batches are counted: in a table each row counts for itself, so there can be many. Beyond it the one
/// with the fewest is forgotten.
const UNFOLDED_MAX: usize = 1024;

/// Folds of what this peer's former sessions left that follow one write, at most: a mebibyte. The next write goes on.
pub const FORMER_FOLDS_MAX: usize = 16;

/// Parts in which it was looked after that: beyond, what former sessions left of a part stays as it is.
const LOOKED_MAX: usize = 4096;

/// A part of a replica: see [`Replica::outline`].
type Part = (ReplicaNumber, u32);

/// What this program has written in a room.
#[derive(Debug)]
pub(super) struct Writing {
    next_sequence: u64,
    /// Own batches that nobody who stays has acknowledged.
    outbox: Outbox,
    whereabouts: Whereabouts,
    /// Up to which sequence all has reached another member, whether or not that one stays.
    arrived: u64,
    /// By replica and part: own batches since the last fold, and after how many the next one is due.
    unfolded: BTreeMap<Part, (usize, usize)>,
    /// Parts in which it was looked after what this peer's former sessions left.
    looked: BTreeSet<Part>,
    /// Whether some member held what this one does: what former sessions left is here then.
    was_in_step: bool,
    /// What was written under earlier rules, and is to be said again.
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
    /// Own batches that nobody who stays has acknowledged.
    pub(super) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// The same, to be told of acknowledgements.
    pub(super) fn outbox_mut(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// Who holds one's own batches.
    pub(super) fn whereabouts(&self) -> &Whereabouts {
        &self.whereabouts
    }

    /// The same, to be told of it.
    pub(super) fn whereabouts_mut(&mut self) -> &mut Whereabouts {
        &mut self.whereabouts
    }

    /// The sequence of the next batch.
    pub(super) fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// The sequence of the next batch is given away.
    pub(super) fn take_sequence(&mut self) {
        self.next_sequence += 1;
    }

    /// Whether a batch with this sequence was written.
    pub(super) fn has_written(&self, sequence: u64) -> bool {
        sequence < self.next_sequence
    }

    /// All that was written until now has reached another member.
    pub(super) fn handle_arrived(&mut self) {
        self.arrived = self.next_sequence - 1;
    }

    /// Own batches that, as far as is known, neither another member has nor this device's storage.
    pub(super) fn undelivered(&self) -> usize {
        let safe = self.arrived.max(self.whereabouts.saved());
        self.outbox.to_hand_over().filter(|batch| batch.key().sequence > safe).count()
    }

    /// Something that was written does not count any more: it is said again when the room is asked to.
    pub(super) fn outdate(&mut self, number: ReplicaNumber, said: Content) {
        self.unsaid.push_back((number, said));
    }

    /// Counts a batch in a part. Returns whether a fold is due there.
    fn counts_to_fold(&mut self, part: Part) -> bool {
        if self.unfolded.len() >= UNFOLDED_MAX && !self.unfolded.contains_key(&part) {
            // Where one wrote least there is least to fold.
            let least = self.unfolded.iter().min_by_key(|(_, (batches, _))| *batches);
            if let Some(least) = least.map(|(part, _)| *part) {
                self.unfolded.remove(&least);
            }
        }
        let (batches, due) = self.unfolded.entry(part).or_insert((0, FOLD_LEAST));
        *batches += 1;
        *batches >= *due
    }

    /// A part is being folded, into a batch of this cost, or cannot be. The larger the fold, the more batches the next
    /// one waits for.
    fn handle_folded(&mut self, part: Part, cost: usize) {
        self.unfolded.insert(part, (0, FOLD_LEAST.max(cost / 8)));
    }

    /// Whether it has to be looked after what former sessions left in a part.
    fn has_to_look(&self, part: Part) -> bool {
        self.looked.len() < LOOKED_MAX && !self.looked.contains(&part)
    }

    /// More of what former sessions left may be here than when it was looked after that.
    pub(super) fn handle_restored(&mut self) {
        self.looked.clear();
    }

    /// A member holds what this one does. The first time, more may be here than before: who stores nothing hears by it
    /// what its former sessions left.
    pub(super) fn handle_in_step(&mut self) {
        if !core::mem::replace(&mut self.was_in_step, true) {
            self.looked.clear();
        }
    }
}

impl Room {
    /// Writes payloads for a replica in the name of `identity`, who is this endpoint's peer: a batch each, all with one
    /// stamp.
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
        let receipt = Receipt { sequences: first..=self.kept.writing.next_sequence - 1, cost };
        for part in parts.into_iter().flatten() {
            self.fold_when_due(now, identity, part);
        }
        self.finish(now);
        Ok(receipt)
    }

    /// Signs in the name of `identity` what is due: a record that joins what the owner's programs wrote without hearing
    /// of each other, and what was written here under earlier rules, as far as the rules allow it.
    pub fn sign_due(&mut self, now: Now, identity: &Identity) {
        if self.kept.rules.joins(identity.peer()) {
            // What is not joined now is joined when the next record comes.
            let _ = self.govern(now, identity, Act::Join);
        }
        self.talking().sign_passed(now, identity);
        self.talking().say_holding(now, identity);
        if let Some((number, said)) = self.kept.writing.unsaid.pop_front() {
            say_again(self, now, identity, number, &said);
            self.finish(now);
        }
    }

    /// Signs a payload, sends it to everybody and applies it here. Returns whether it was taken in.
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
        // This program hears of its own batches, as their author does elsewhere.
        self.kept.storage.acknowledge(self.kept.me, sequence);
        is_kept
    }

    /// Repeats all that one wrote in a part in one batch, once many small ones carry it: what is kept, stored and
    /// handed to newcomers shrinks with it. The larger the fold, the more batches it waits for, so that folds cost a
    /// stated share of what is sent.
    fn fold_when_due(&mut self, now: Now, identity: &Identity, part: Part) {
        let is_due = self.kept.writing.counts_to_fold(part);
        // Where there is a limit, each entry keeps the batch that counted it.
        if self.kept.rules.limit(part.0.slot()).is_some() {
            return;
        }
        if is_due {
            let folded = self.write_fold(now, identity, part, |replica, me| replica.fold(part.1, me));
            self.kept.writing.handle_folded(part, folded.unwrap_or(0));
        }
        self.fold_former(now, identity, part);
    }

    /// Repeats likewise what this peer's former sessions left in a part, at the first write there: who writes little in
    /// many sessions would never come to a fold.
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

    /// Writes a fold, if there is one. Returns what it costs; `None` too where it was not taken in.
    fn write_fold(
        &mut self,
        now: Now,
        identity: &Identity,
        part: Part,
        fold: impl FnOnce(&dyn Replica, PeerId) -> Option<(Fold, Content)>,
    ) -> Option<usize> {
        let (fold, content) = fold(self.kept.replicas.get(part.0)?, self.kept.me.peer)?;
        // Later than all that it repeats, so that it takes their place.
        let window = StampWindow { least: fold.least, most: self.kept.clock.next(now.wall) };
        let header = self.kept.header(part.0, window);
        let is_kept = self.write_batch(now, identity, &header, &fold.payload, content, Some(part));
        is_kept.then_some(fold.cost)
    }
}

/// Says again what a record took. Where there is a limit, each batch is of one time, so that is what showed, and as
/// much of it as the limit leaves: the rest is for its author to write later.
fn say_again(room: &mut Room, now: Now, identity: &Identity, number: ReplicaNumber, said: &Content) {
    let stamp = room.membership.overlay().stamped(room.kept.clock.next(now.wall));
    let how = match room.kept.rules.writing_left(number.slot(), stamp) {
        Ok(None) => Again::AsItWas,
        Ok(Some(WritingLeft { left, .. })) => Again::AsNew(left as usize),
        // Nothing of it is allowed any more.
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
