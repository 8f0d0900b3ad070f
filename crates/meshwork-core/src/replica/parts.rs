//! A replica of any family: its parts, what records take back, and digests.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::family::{Entries, Family, WriteOf};
use super::part::Part;
use super::{Below, Digest, DigestCache, EMPTY_PART_DIGEST, PARTS_MAX, Retraction, tree};
use crate::clock::Stamp;
use crate::id::PeerId;
use crate::signed::batch::BatchKey;
use crate::signed::batch::SignedBatch;

/// What a batch changed in a replica: `C` says what looks different now, in the order in which the batch has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied<C> {
    /// What looks different now.
    pub changed: C,
    /// Whether the batch was taken in: it won an entry. A batch that is there already changes nothing and is not
    /// taken in again.
    pub kept: bool,
    /// Batches that win no entry any more and were dropped.
    pub dropped: Vec<BatchKey>,
}

/// What a change of a room's records changed in a replica: `C` says what looks different now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enforced<C> {
    /// What looks different now.
    pub changed: C,
    /// Batches that were kept and do not compete any more.
    pub removed: Vec<SignedBatch>,
    /// Batches that win an entry again.
    pub restored: Vec<SignedBatch>,
}

/// All parts of a replica. Each takes memory when somebody first writes in it.
pub struct Parts<F: Family> {
    family: F,
    parts: Vec<Option<Box<Part<F::Entries>>>>,
    batch_count: usize,
    greatest_stamp: Stamp,
    /// In ascending order.
    retracted: Vec<Retraction>,
    digest: DigestCache,
    /// Of the nodes between root and parts.
    branches: Vec<DigestCache>,
}

impl<F: Family> Parts<F> {
    /// Nobody has written.
    pub fn new(family: F) -> Parts<F> {
        debug_assert!(family.part_count() <= PARTS_MAX, "parts are nodes of two levels");
        let (mut parts, mut branches) = (Vec::new(), Vec::new());
        parts.resize_with(family.part_count() as usize, || None);
        branches.resize_with(parts.len().div_ceil(tree::CHILDREN_MAX), DigestCache::default);
        let (batch_count, greatest_stamp) = (0, Stamp::NEVER);
        Parts {
            family,
            parts,
            batch_count,
            greatest_stamp,
            retracted: Vec::new(),
            digest: DigestCache::default(),
            branches,
        }
    }

    /// What its parts are.
    pub fn family(&self) -> &F {
        &self.family
    }

    /// Lets what a batch writes in a part compete.
    pub fn apply(&mut self, batch: SignedBatch, part: u32, writes: &[WriteOf<F>]) -> Applied<Vec<F::Change>> {
        let mut applied = Applied { changed: Vec::with_capacity(writes.len()), ..Applied::default() };
        let branch = part as usize / tree::CHILDREN_MAX;
        let (Some(part), Some(place)) = (self.parts.get_mut(part as usize), self.family.place(part)) else {
            return Applied::default();
        };
        let rules = Rules { family: &self.family, retracted: &self.retracted, place };
        let change = rules.apply(part.get_or_insert_default(), batch, writes, &mut applied.changed);
        applied.kept = change.wins > 0;
        applied.dropped = change.dropped;
        if applied.kept {
            self.batch_count = self.batch_count + 1 - applied.dropped.len();
            // The greatest stamp ever applied always wins its entry, so losers need no look.
            self.greatest_stamp = self.greatest_stamp.max(change.greatest);
            self.digest.clear();
            self.branches[branch].clear();
        }
        applied
    }

    /// From now on only batches of which `stands` holds compete, and what `retracted` covers is hidden. `beaten` are
    /// batches that win no entry: they compete again where others do not any more.
    pub fn enforce<'a>(
        &mut self,
        stands: impl Fn(&SignedBatch) -> bool,
        retracted: Vec<Retraction>,
        beaten: impl Iterator<Item = &'a SignedBatch>,
    ) -> Enforced<Vec<F::Change>> {
        let gone = self.retracted.iter().filter(|one| !retracted.contains(one));
        let come = retracted.iter().filter(|one| !self.retracted.contains(one));
        let differing: Vec<Retraction> = gone.chain(come).cloned().collect();
        self.retracted = retracted;
        let mut again: Vec<Vec<SignedBatch>> = Vec::new();
        again.resize_with(self.parts.len(), Vec::new);
        for batch in beaten.filter(|batch| stands(batch)) {
            let part = F::outline(batch.payload()).and_then(|(part, _)| again.get_mut(part as usize));
            part.into_iter().for_each(|part| part.push(batch.clone()));
        }
        let mut enforced = Enforced::default();
        for (number, again) in again.into_iter().enumerate() {
            let Some(place) = self.family.place(number as u32) else { continue };
            let Some(part) = self.parts[number].take() else { continue };
            let (standing, removed): (Vec<SignedBatch>, Vec<SignedBatch>) =
                part.batches().cloned().partition(|batch| stands(batch));
            if removed.is_empty() && !differing.iter().any(|one| F::touches(one, place)) {
                self.parts[number] = Some(part);
                continue;
            }
            let restoring = if removed.is_empty() { Vec::new() } else { again };
            let rules = Rules { family: &self.family, retracted: &self.retracted, place };
            let fresh = rules.replay(standing.iter().chain(&restoring));
            self.family.differences(place, part.entries(), fresh.entries(), &mut enforced.changed);
            let is_back = |batch: &SignedBatch| fresh.batches().any(|kept| kept == batch);
            enforced.restored.extend(restoring.into_iter().filter(is_back));
            enforced.removed.extend(removed);
            let is_empty = fresh.batches().next().is_none();
            self.parts[number] = (!is_empty).then(|| Box::new(fresh));
        }
        self.recount();
        enforced
    }

    /// Works out anew what is counted over all parts.
    fn recount(&mut self) {
        self.digest.clear();
        self.branches.iter_mut().for_each(DigestCache::clear);
        let parts = || self.parts.iter().flatten();
        self.batch_count = parts().map(|part| part.batches().count()).sum();
        let greatest = parts().map(|part| part.entries().greatest_stamp()).max();
        self.greatest_stamp = greatest.unwrap_or(Stamp::NEVER);
    }

    /// One part, once somebody wrote in it.
    pub fn part(&self, part: u32) -> Option<&Part<F::Entries>> {
        self.parts.get(part as usize)?.as_deref()
    }

    /// The entries of all parts in which somebody wrote.
    pub fn entries(&self) -> impl Iterator<Item = &F::Entries> {
        self.parts.iter().flatten().map(|part| part.entries())
    }

    /// What is taken back.
    pub fn retracted(&self) -> &[Retraction] {
        &self.retracted
    }

    /// The greatest stamp of all entries; [`Stamp::NEVER`] when nobody has written.
    pub fn greatest_stamp(&self) -> Stamp {
        self.greatest_stamp
    }

    /// The batches that win an entry of a part, in no particular order but the same one for the same history.
    pub fn batches_of(&self, part: u32) -> impl Iterator<Item = &SignedBatch> {
        self.part(part).into_iter().flat_map(Part::batches)
    }

    /// All batches that win an entry, part by part.
    pub fn batches(&self) -> impl Iterator<Item = &SignedBatch> {
        self.parts.iter().flatten().flat_map(|part| part.batches())
    }

    /// How many batches win an entry.
    pub fn batch_count(&self) -> usize {
        self.batch_count
    }

    /// All entries of a part that `peer` wins, where more than one batch carries them: a batch of these by the same
    /// peer, whose window ends with the stamp of its writing, replaces all those batches.
    pub fn fold(&self, part: u32, peer: PeerId) -> Option<Vec<WriteOf<F>>> {
        let (entries, batches) = self.part(part)?.entries_of(peer);
        (batches > 1).then_some(entries)
    }

    /// Bytes of memory beyond the value itself, those of the batches included.
    pub fn memory(&self) -> usize {
        let parts: usize = self.parts.iter().flatten().map(|part| part.memory()).sum();
        self.parts.capacity() * size_of::<Option<Box<Part<F::Entries>>>>() + parts
    }

    /// As [`Replica::digest`](super::Replica::digest) says.
    pub fn digest(&self) -> Digest {
        self.node_digest(tree::ROOT)
    }

    /// As [`Replica::node_digest`](super::Replica::node_digest) says.
    pub fn node_digest(&self, node: u32) -> Digest {
        let first = tree::parts(node).start;
        if node == tree::part(first) {
            return self.part(first).map_or(EMPTY_PART_DIGEST, Part::digest);
        }
        let cache = match node {
            tree::ROOT => Some(&self.digest),
            _ => self
                .branches
                .get(first as usize / tree::CHILDREN_MAX)
                .filter(|_| !tree::parts(node).is_empty()),
        };
        let place = |child: u32| (child % tree::CHILDREN_MAX as u32) as u8;
        let children = || self.children(node).map(|child| (place(child), self.node_digest(child)));
        cache.map_or(EMPTY_PART_DIGEST, |cache| cache.get_or_fill(|| tree::digest_of(children())))
    }

    /// As [`Replica::below`](super::Replica::below) says.
    pub fn below(&self, node: u32, most: usize) -> Vec<Below> {
        let written = |node| tree::parts(node).filter(|part| self.holds(*part)).count();
        let children = |node| self.children(node).map(|child| (written(child), child)).collect();
        let opened = tree::open(node, most, children).into_iter();
        let is_leaf = |number| number >= tree::part(0);
        let told =
            opened.map(|number| Below { number, is_leaf: is_leaf(number), digest: self.node_digest(number) });
        told.filter(|below| below.digest != EMPTY_PART_DIGEST).collect()
    }

    /// Numbers of the children of a node in which somebody wrote, in ascending order; none of a part.
    fn children(&self, node: u32) -> impl Iterator<Item = u32> {
        let first = if node < tree::part(0) { node << tree::LEVEL_BITS } else { 0 };
        let numbers = first..first + if first > 0 { tree::CHILDREN_MAX as u32 } else { 0 };
        numbers.filter(|child| tree::parts(*child).any(|part| self.holds(part)))
    }

    /// Whether somebody wrote in a part.
    fn holds(&self, part: u32) -> bool {
        self.part(part).is_some_and(|part| part.batches().next().is_some())
    }
}

/// What holds in one part.
struct Rules<'a, F: Family> {
    family: &'a F,
    retracted: &'a [Retraction],
    place: F::Place,
}

impl<F: Family> Rules<'_, F> {
    fn apply(
        &self,
        part: &mut Part<F::Entries>,
        batch: SignedBatch,
        writes: &[WriteOf<F>],
        changed: &mut Vec<F::Change>,
    ) -> super::part::PartChange {
        let peer = batch.peer();
        let is_hidden =
            |write: &WriteOf<F>| self.retracted.iter().any(|one| F::covers(one, self.place, write, peer));
        let tell = |write: &WriteOf<F>, is_hidden| changed.push(F::change(self.place, write, is_hidden));
        part.apply(batch, writes, is_hidden, tell)
    }

    /// The part that these batches make.
    fn replay<'a>(&self, batches: impl Iterator<Item = &'a SignedBatch>) -> Part<F::Entries> {
        let (mut part, mut changed) = (Part::default(), Vec::new());
        for batch in batches {
            if let Ok((_, writes)) = self.family.read(&batch.header(), batch.payload()) {
                self.apply(&mut part, batch.clone(), &writes, &mut changed);
                changed.clear();
            }
        }
        part
    }
}
