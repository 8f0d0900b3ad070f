//! A table as a replica that a room keeps in step.
//!
//! A table is not made of `Parts`: the entries of a batch lie in several leaves, and leaves split.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::ToString as _;
use alloc::vec::Vec;

use super::payload::{self, FIRST_FIELD, Field, Payload, Written};
use super::{ENTRIES_MAX, Kind, Table, Writer, path_of_time};
use crate::clock::Stamp;
use crate::id::PeerId;
use crate::replica::{
    Again, Applied, Below, Changes, Content, ContentError, Digest, Enforced, Floor, Fold, Replica,
    Retraction, WHENEVER, part_named, shows_by,
};
use crate::signed::batch::{Header, PAYLOAD_MAX, SignedBatch};

/// A day in milliseconds.
const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;
/// Bytes by which a header grows whose window ends later than it begins, at most.
const SPAN_MAX: usize = 10;

/// What [`Replica::check`] gives: that a table has read the batch, which reads it again when it is applied.
struct Checked;

impl Replica for Table {
    fn digest(&self) -> Digest {
        self.tree.digest()
    }

    fn part_count(&self) -> u32 {
        0
    }

    fn node_digest(&self, node: u32, from: u64) -> Digest {
        self.tree.digest_below(node, from)
    }

    fn below(&self, node: u32, from: u64, most: usize) -> Vec<Below> {
        self.tree.below(node, from, most)
    }

    fn node_batches(&self, node: u32, from: u64) -> Vec<SignedBatch> {
        let numbers = self.tree.batches_below(node, from).into_iter();
        numbers.filter_map(|number| self.contest.batch(number).cloned()).collect()
    }

    fn floor(&self) -> Floor {
        self.floor
    }

    fn is_old(&self, payload: &[u8]) -> bool {
        payload::head(payload).is_ok_and(|(row, ..)| self.is_old_row(row))
    }

    fn path_of(&self, floor: Floor) -> u64 {
        match self.kind {
            Kind::ByValue => 0,
            Kind::ByTime => path_of_time(u64::from(floor.0) * DAY_MILLIS),
        }
    }

    fn batches(&self) -> Box<dyn Iterator<Item = &SignedBatch> + '_> {
        Box::new(self.contest.batches().map(|(_, batch)| batch))
    }

    fn batch_count(&self) -> usize {
        self.contest.batch_count()
    }

    /// The number is the row's: under it a peer's batches are counted, and folded.
    fn outline(&self, payload: &[u8]) -> Option<(u32, usize)> {
        let (row, count, _) = payload::head(payload).ok()?;
        Some((part_named(row), payload::cost(count, payload)))
    }

    fn check(&self, header: &Header, payload: &[u8]) -> Result<Content, ContentError> {
        let read = self.read(header, payload).map_err(|error| ContentError(error.to_string()))?;
        let mut content = Content::new(Checked, payload::cost(read.entries.len(), payload));
        content.is_for_moderators = read.is_for_moderators();
        Ok(content)
    }

    fn shows_past(&self) -> bool {
        false
    }

    fn apply(&mut self, batch: SignedBatch, content: Content) -> Applied<Option<Changes>> {
        debug_assert!(content.read::<Checked>().is_some(), "{content:?} was read by another replica");
        if self.is_old(batch.payload()) {
            return Applied::default();
        }
        let is_hidden = |entry: &_| Table::is_hidden(&self.retracted, entry);
        let Some(number) = self.contest.enter(batch, is_hidden) else { return Applied::default() };
        let outcome = self.contest.settle();
        let dropped = outcome.dropped.iter().filter(|(other, _)| *other != number);
        let dropped = dropped.map(|(_, batch)| batch.key()).collect();
        let kept = self.contest.batch(number).is_some();
        Applied { changed: Changes::new(self.turn(outcome.turns)), kept, dropped }
    }

    fn enforce(
        &mut self,
        stands: &dyn Fn(&SignedBatch) -> bool,
        retracted: &[Retraction],
        beaten: &mut dyn Iterator<Item = &SignedBatch>,
    ) -> Enforced<Option<Changes>> {
        let mut enforced = Enforced::default();
        let mut changes = Vec::new();
        if self.retracted != retracted {
            self.retracted = retracted.to_vec();
            let turns = self.contest.hide(|entry| Table::is_hidden(&self.retracted, entry));
            changes.extend(self.turn(turns));
        }
        let gone = self.contest.batches().filter(|(_, batch)| !stands(batch));
        let gone: Vec<u32> = gone.map(|(number, _)| number).collect();
        enforced.removed.extend(gone.into_iter().filter_map(|number| self.contest.leave(number)));
        let mut returned = Vec::new();
        if !enforced.removed.is_empty() {
            for batch in beaten.filter(|batch| stands(batch)) {
                let is_read = self.read(&batch.header(), batch.payload()).is_ok();
                if is_read && !self.is_old(batch.payload()) {
                    let is_hidden = |entry: &_| Table::is_hidden(&self.retracted, entry);
                    returned.extend(self.contest.enter(batch.clone(), is_hidden));
                }
            }
        }
        let outcome = self.contest.settle();
        changes.extend(self.turn(outcome.turns));
        let restored = returned.iter().filter_map(|number| self.contest.batch(*number).cloned());
        enforced.restored.extend(restored);
        let dropped = outcome.dropped.into_iter().filter(|(number, _)| !returned.contains(number));
        enforced.removed.extend(dropped.map(|(_, batch)| batch));
        enforced.changed = Changes::new(changes);
        enforced
    }

    fn fold(&self, number: u32, peer: PeerId) -> Option<(Fold, Content)> {
        // Backwards, since what is to be folded was written just now.
        let own = self.contest.batches().rev().map(|(_, batch)| batch).filter(|batch| batch.peer() == peer);
        let row_of = |batch: &SignedBatch| payload::head(batch.payload()).ok().map(|(row, ..)| row.to_vec());
        let row = own.filter_map(row_of).find(|row| part_named(row) == number)?;
        let (payload, least) = self.folded(&row, peer)?;
        let count = payload::head(&payload).ok()?.1;
        let cost = payload::cost(count, &payload);
        Some((Fold { payload, cost, least }, Content::new(Checked, cost)))
    }

    /// Who writes few fields in many sessions, as whoever raises a counter now and then, comes to no other fold. Rows by time
    /// are written once.
    fn folds_former(&self) -> bool {
        self.kind == Kind::ByValue
    }

    fn fold_former(&self, part: u32, peer: PeerId) -> Option<(Fold, Content)> {
        self.fold(part, peer)
    }

    fn said_in(&self, batches: &mut dyn Iterator<Item = &SignedBatch>) -> Content {
        let mut said: Vec<Said> = Vec::new();
        for batch in batches {
            let Ok(Payload { row, entries }) = self.read(&batch.header(), batch.payload()) else { continue };
            for Written { field, stamp, value } in entries {
                let showed = self.contest.held(row, field).is_some_and(|(held, is_hidden)| {
                    let holder = self.contest.batch(held.number());
                    let shows = holder.is_some_and(|holder| shows_by(batch, &holder.key()));
                    !is_hidden && held.stamp() == stamp && shows
                });
                let (row, name, value) = (row.to_vec(), field.1.to_vec(), value.map(<[u8]>::to_vec));
                said.push(Said { row, writer: field.0, name, value, stamp, author: batch.peer(), showed });
            }
        }
        let cost = said.len();
        Content::new(said, cost)
    }

    fn say_again(&self, said: &Content, how: Again) -> Vec<Fold> {
        let said = said.read::<Vec<Said>>().map(Vec::as_slice).unwrap_or_default();
        let is_due = |said: &&Said| !self.is_old_row(&said.row) && !self.stands(said);
        let due = said.iter().filter(is_due);
        match how {
            Again::AsItWas => folds(due.map(|said| (said, said.stamp))),
            Again::AsNew(most) => {
                let due: Vec<&Said> = due.filter(|said| said.showed).collect();
                let first = |count: usize| folds(due[..count].iter().map(|said| (*said, WHENEVER)));
                let cost = |count: usize| -> usize { first(count).iter().map(|fold| fold.cost).sum() };
                // How many are not too many, and how many are.
                let (mut few, mut many) = (0, due.len() + 1);
                while few + 1 < many {
                    let middle = few.midpoint(many);
                    if cost(middle) <= most { few = middle } else { many = middle }
                }
                first(few)
            }
        }
    }
}

/// An entry that was written.
struct Said {
    row: Vec<u8>,
    writer: Writer,
    name: Vec<u8>,
    value: Option<Vec<u8>>,
    stamp: Stamp,
    author: PeerId,
    showed: bool,
}

impl Said {
    fn field(&self) -> Field<'_> {
        (self.writer, &self.name)
    }
}

/// What says these at such times, apart what only moderators may say.
fn folds<'a>(said: impl Iterator<Item = (&'a Said, Stamp)>) -> Vec<Fold> {
    let written = |(said, stamp): (&'a Said, Stamp)| {
        (said.row.as_slice(), Written { field: said.field(), stamp, value: said.value.as_deref() })
    };
    let (theirs, others): (Vec<_>, Vec<_>) =
        said.map(written).partition(|(_, written)| written.field.0 == Writer::Moderators);
    let packed = [others, theirs].into_iter().flat_map(payload::packed);
    packed
        .map(|payload| {
            let (least, count) = (payload.least(), payload.entries.len());
            let payload = payload.write(least);
            Fold { cost: payload::cost(count, &payload), payload, least }
        })
        .collect()
}

impl Table {
    /// Whether an entry holds its field as it was written.
    fn stands(&self, said: &Said) -> bool {
        let held = self.contest.held(&said.row, said.field());
        held.is_some_and(|(held, _)| (held.stamp(), held.author()) == (said.stamp, said.author))
    }

    /// A payload of what `peer` holds in a row, and the least stamp in it: of as many batches as one has place for, the
    /// shortest first. `None` where that does not save a quarter of their bytes.
    fn folded(&self, row: &[u8], peer: PeerId) -> Option<(Vec<u8>, Stamp)> {
        let mut batches: BTreeMap<u32, Vec<Written<'_>>> = BTreeMap::new();
        let held = self.contest.held_from(row, FIRST_FIELD).take_while(|(entry, _)| entry.row() == row);
        for (entry, _) in held.filter(|(entry, is_hidden)| entry.author() == peer && !is_hidden) {
            let written = Written { field: entry.field(), stamp: entry.stamp(), value: entry.value() };
            batches.entry(entry.number()).or_default().push(written);
        }
        // With the least stamp of all none takes less than it will.
        let least = batches.values().flatten().map(|written| written.stamp).min()?;
        let own = batches.into_iter().filter_map(|(number, entries)| {
            let batch = self.contest.batch(number)?;
            Some((batch.bytes().len(), batch.bytes().len() - batch.payload().len(), entries))
        });
        let mut batches: Vec<(usize, usize, Vec<Written<'_>>)> = own.collect();
        batches.sort_by_key(|(length, ..)| *length);
        let around = batches.iter().map(|(_, around, _)| around).max()? + SPAN_MAX;
        let mut length = Payload::head_length(row, ENTRIES_MAX);
        let (mut replaced, mut count, mut saving) = (0, 0, 0);
        for (place, (bytes, _, more)) in batches.iter().enumerate() {
            length += more.iter().map(|written| written.length(least)).sum::<usize>();
            (replaced, count) = (replaced + bytes, count + more.len());
            if length > PAYLOAD_MAX || count > ENTRIES_MAX {
                break;
            }
            if 4 * (around + length) <= 3 * replaced {
                saving = place + 1;
            }
        }
        let mut entries: Vec<Written<'_>> =
            batches.drain(..saving).flat_map(|(.., entries)| entries).collect();
        entries.sort_by_key(|written| written.field);
        if planted!(RowRestamps) {
            let latest = entries.iter().map(|written| written.stamp).max()?;
            entries.iter_mut().for_each(|written| written.stamp = latest);
        }
        let payload = Payload { row, entries };
        let least = payload.least();
        (!payload.entries.is_empty()).then(|| (payload.write(least), least))
    }
}
