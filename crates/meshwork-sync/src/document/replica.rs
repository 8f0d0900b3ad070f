//! All documents of an app as a replica that a room keeps in step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use meshwork_core::clock::Stamp;
use meshwork_core::id::{Instance, PeerId};
use meshwork_core::planted;
use meshwork_core::replica::leaves::{Item, Leaves};
use meshwork_core::replica::{
    Again, Applied, Below, Changes, Content, ContentError, Digest, Enforced, Fold, Replica, Retraction,
    WHENEVER, part_named,
};
use meshwork_core::signed::batch::{BatchId, BatchKey, Header, SignedBatch};

use super::fold::{Gain, Part, fold};
use super::one::{Document, Entered, Met};
use super::said::{Said, payloads};
use super::update::{Id, Ranges, write};
use super::{erased_in, later};

/// Bytes of batches of one peer that stand in all documents of an app, at most.
pub const BYTES_MAX: usize = 8 * 1024 * 1024;
/// Batches of one peer that stand, at most.
pub const BATCHES_MAX: usize = 20_000;
/// Most items of the first [slice](Documents::slices), but for what the reader itself wrote: a page places them in some ten
/// milliseconds.
pub const SLICE_ITEMS: usize = 2_000;

/// What became different in the documents of an app.
#[derive(Clone, Debug)]
pub enum Change {
    /// The document is what it was, and this.
    Said {
        /// Which document.
        name: String,
        /// An update of Yjs that needs nothing which is not there.
        update: Vec<u8>,
    },
    /// The document is another one than it was with something added, as after a ban: [`Documents::whole`] has it.
    Anew {
        /// Which document.
        name: String,
    },
}

/// Documents by name.
#[derive(Debug, Default)]
pub struct Documents {
    pub(super) documents: BTreeMap<Arc<str>, Document>,
    /// The name of the document in which each update lies, by number.
    names: BTreeMap<u32, Arc<str>>,
    /// What later versions wrote, by number.
    later: BTreeMap<u32, SignedBatch>,
    next: u32,
    tree: Leaves,
    /// The batches of each peer that stand, those that fall out of its share first at the end.
    by_peer: BTreeMap<PeerId, Share>,
    retracted: Vec<Retraction>,
}

/// What one peer has in an app's documents.
#[derive(Debug, Default)]
struct Share {
    batches: BTreeSet<(Stamp, BatchId, u32)>,
    bytes: usize,
}

/// What [`Replica::check`] gives: that the batch was read, which is read again when it is applied.
struct Checked;

impl Documents {
    /// No documents.
    pub fn new() -> Documents {
        Documents::default()
    }

    /// Names of the documents in which somebody wrote, in ascending order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.documents.keys().map(AsRef::as_ref)
    }

    /// The update of Yjs that makes what stands in a document; `None` where nobody wrote.
    pub fn whole(&self, name: &str) -> Option<Vec<u8>> {
        self.documents.get(name).map(Document::whole)
    }

    /// The same in updates that are to be applied one after the other, the first of at most [`SLICE_ITEMS`] items, the later ones
    /// of fewer: none needs what is in a later one, so between two of them others may have their turn, and this client may
    /// write. What it has written before is in the first one, so that it says no item twice. None where nobody wrote.
    pub fn slices(&self, name: &str, client: u64) -> Vec<Vec<u8>> {
        self.documents.get(name).map_or_else(Vec::new, |document| document.slices(client))
    }

    /// Names of the documents in which something is left that nobody deleted, in ascending order.
    pub fn showing(&self) -> impl Iterator<Item = &str> {
        let showing = self.documents.iter().filter(|(_, document)| document.is_showing());
        showing.map(|(name, _)| name.as_ref())
    }

    /// The update that deletes all that is left in a document, by whomever; `None` where nothing is.
    pub fn deletion(&self, name: &str) -> Option<Vec<u8>> {
        let showing = self.documents.get(name)?.showing();
        (!showing.is_empty()).then(|| write(Vec::new(), &showing))
    }

    /// Who wrote an item of a document: the peer that signed it, whatever client it names.
    pub fn author(&self, name: &str, id: Id) -> Option<PeerId> {
        self.documents.get(name)?.writer(id).map(|batch| batch.peer())
    }

    /// When an item of a document was written, by the room's time, in ms.
    pub fn written_ms(&self, name: &str, id: Id) -> Option<u64> {
        self.documents.get(name)?.writer(id).map(|batch| batch.header().window.most.millis())
    }

    /// The items of a document that a peer wrote, other than templates that anybody may put in; none where nobody wrote.
    pub fn items_of(&self, name: &str, peer: PeerId) -> Ranges {
        self.documents.get(name).map(|document| document.items_of(peer)).unwrap_or_default()
    }

    /// Batches and bytes of a peer that stand, of [`BATCHES_MAX`] and [`BYTES_MAX`]. What a peer writes beyond does not.
    pub fn used(&self, peer: PeerId) -> (usize, usize) {
        self.by_peer.get(&peer).map_or((0, 0), |share| (share.batches.len(), share.bytes))
    }

    /// Whether all of these stand, if a peer writes them now.
    pub fn has_place(&self, peer: PeerId, payloads: &[Vec<u8>]) -> bool {
        let (batches, bytes) = self.used(peer);
        let more: usize = payloads.iter().map(Vec::len).sum();
        batches + payloads.len() <= BATCHES_MAX && bytes + more <= BYTES_MAX
    }

    /// Behind the last item of a client in a document that is held here, whether it is placed or not.
    pub fn end_of(&self, name: &str, client: u64) -> u64 {
        self.documents.get(name).map_or(0, |document| document.end_of(client))
    }

    /// Whether an item of a client does not show in a document: one before `end`, or one that is held here.
    pub(super) fn lacks(&self, name: &str, client: u64, end: u64) -> bool {
        let document = self.documents.get(name);
        let (held, shown) =
            document.map_or((0, 0), |document| (document.end_of(client), document.shown_to(client)));
        held.max(end) > shown
    }

    /// Takes an update in. Returns its number, what it dropped, and what came of it; `None` where it is not kept.
    fn insert(
        &mut self,
        batch: &SignedBatch,
        said: &Said<'_>,
        stands: bool,
    ) -> Option<(u32, Vec<SignedBatch>, Entered)> {
        let number = self.next;
        let name = match self.documents.get_key_value(said.name) {
            Some((name, _)) => name.clone(),
            None => said.name.into(),
        };
        let met = self.documents.entry(name.clone()).or_default().meet(batch, said, stands);
        let falls = stands && met.as_ref().is_some_and(|met| self.is_beyond(batch, &met.contained));
        let document = self.documents.get_mut(&name).expect("it was made just now");
        let is_kept = |met: &Met| (stands && !falls) || !document.is_unneeded(met);
        let Some(met) = met.filter(is_kept) else {
            if document.is_empty() {
                self.documents.remove(&name);
            }
            return None;
        };
        let contained = met.contained.clone();
        let entered = document.enter(number, met, said, falls);
        self.next += 1;
        self.names.insert(number, name);
        self.tree.insert(item(number, batch));
        if stands && !falls {
            self.count(number, batch);
        }
        let dropped = contained.iter().filter_map(|number| self.remove(*number)).collect();
        Some((number, dropped, entered))
    }

    /// Whether a batch that would stand is beyond its author's share, once those are gone that it contains.
    fn is_beyond(&self, batch: &SignedBatch, contained: &[u32]) -> bool {
        let Some(share) = self.by_peer.get(&batch.peer()) else { return false };
        let order = |batch: &SignedBatch| (batch.header().window.least, batch.id());
        let (mut batches, mut bytes) = (share.batches.len() + 1, share.bytes + batch.bytes().len());
        let mut let_go = |number: u32| {
            let other = self.batch(number).filter(|other| {
                let (stamp, id) = order(other);
                share.batches.contains(&(stamp, id, number))
            });
            other.iter().for_each(|other| (batches, bytes) = (batches - 1, bytes - other.bytes().len()));
            batches > BATCHES_MAX || bytes > BYTES_MAX
        };
        let gone = contained.iter().map(|number| let_go(*number));
        let mut is_beyond = gone.last().unwrap_or_else(|| let_go(u32::MAX));
        for (stamp, id, number) in share.batches.iter().rev() {
            if !is_beyond || (*stamp, *id) < order(batch) {
                break;
            }
            if !contained.contains(number) {
                is_beyond = let_go(*number);
            }
        }
        is_beyond
    }

    /// Takes in what a later version wrote; `None` where it is here already.
    fn insert_later(&mut self, batch: &SignedBatch) -> Option<u32> {
        let number = self.next;
        if self.is_counted(batch) {
            return None;
        }
        self.next += 1;
        self.later.insert(number, batch.clone());
        self.tree.insert(item(number, batch));
        self.count(number, batch);
        Some(number)
    }

    fn remove_later(&mut self, number: u32) -> Option<SignedBatch> {
        let batch = self.later.remove(&number)?;
        self.tree.remove(&item(number, &batch));
        self.uncount(number, &batch);
        Some(batch)
    }

    fn is_counted(&self, batch: &SignedBatch) -> bool {
        let of = |number| (batch.header().window.least, batch.id(), number);
        let share = self.by_peer.get(&batch.peer());
        share.is_some_and(|share| share.batches.range(of(0)..=of(u32::MAX)).next().is_some())
    }

    /// Counts a batch that stands in its author's share.
    fn count(&mut self, number: u32, batch: &SignedBatch) {
        let share = self.by_peer.entry(batch.peer()).or_default();
        if share.batches.insert((batch.header().window.least, batch.id(), number)) {
            share.bytes += batch.bytes().len();
        }
    }

    fn uncount(&mut self, number: u32, batch: &SignedBatch) {
        let Some(share) = self.by_peer.get_mut(&batch.peer()) else { return };
        if share.batches.remove(&(batch.header().window.least, batch.id(), number)) {
            share.bytes -= batch.bytes().len();
        }
        if share.batches.is_empty() {
            self.by_peer.remove(&batch.peer());
        }
    }

    /// Takes an update out.
    fn remove(&mut self, number: u32) -> Option<SignedBatch> {
        let name = self.names.get(&number)?.clone();
        let batch = self.documents.get_mut(&name)?.leave(number)?;
        self.forget(number, &batch);
        Some(batch)
    }

    /// An update was taken out of its document.
    fn forget(&mut self, number: u32, batch: &SignedBatch) {
        self.tree.remove(&item(number, batch));
        self.uncount(number, batch);
        if let Some(name) = self.names.remove(&number)
            && self.documents.get(&name).is_some_and(Document::is_empty)
        {
            self.documents.remove(&name);
        }
    }

    /// What a peer has beyond its share does not stand: of its batches those that were begun last. Returns the documents in
    /// which something fell out; what is not kept any more goes into `dropped`.
    fn settle(&mut self, peer: PeerId, dropped: &mut Vec<SignedBatch>) -> BTreeSet<Arc<str>> {
        let mut touched = BTreeSet::new();
        while let Some(share) = self.by_peer.get(&peer)
            && (share.batches.len() > BATCHES_MAX || share.bytes > BYTES_MAX)
            && let Some(&(_, _, number)) = share.batches.last()
        {
            if let Some(batch) = self.remove_later(number) {
                dropped.push(batch);
                continue;
            }
            let name = self.names[&number].clone();
            let document = self.documents.get_mut(&name).expect("what is counted is held");
            document.fell(number);
            let batch = document.get(number).map(|held| held.batch.clone());
            batch.iter().for_each(|batch| self.uncount(number, batch));
            touched.insert(name);
        }
        touched.iter().for_each(|name| dropped.extend(self.drop_contained(name)));
        touched
    }

    /// Takes out of a document what others contain, now that some of it does not stand any more, or does again.
    fn drop_contained(&mut self, name: &str) -> Vec<SignedBatch> {
        let contained = self.documents.get_mut(name).map(Document::drop_contained).unwrap_or_default();
        contained.iter().for_each(|(number, batch)| self.forget(*number, batch));
        contained.into_iter().map(|(_, batch)| batch).collect()
    }

    /// Takes out of a document what does not stand and is not needed.
    fn sweep(&mut self, name: &str) -> Vec<SignedBatch> {
        let swept = self.documents.get_mut(name).map(Document::sweep).unwrap_or_default();
        swept.iter().for_each(|(number, batch)| self.forget(*number, batch));
        swept.into_iter().map(|(_, batch)| batch).collect()
    }

    /// What records erased in a document.
    fn erased(&self, name: &str) -> Ranges {
        self.retracted.iter().flat_map(|one| erased_in(&one.scope, name)).collect()
    }

    fn find(&self, part: u32) -> Option<(&str, &Document)> {
        let found = self.documents.iter().find(|(name, _)| part_named(name.as_bytes()) == part);
        found.map(|(name, document)| (name.as_ref(), document))
    }
}

impl Replica for Documents {
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
        numbers.filter_map(|number| self.batch(number).cloned()).collect()
    }

    fn batches(&self) -> Box<dyn Iterator<Item = &SignedBatch> + '_> {
        let held = self.documents.values().flat_map(|document| document.held().map(|(_, held)| &held.batch));
        Box::new(held.chain(self.later.values()))
    }

    fn batch_count(&self) -> usize {
        self.names.len() + self.later.len()
    }

    /// The number is the document's: under it a peer's batches are counted, and folded.
    fn outline(&self, payload: &[u8]) -> Option<(u32, usize)> {
        if let Some(cost) = later::cost(payload) {
            return Some((part_named(&[]), cost));
        }
        let said = Said::read(payload).ok()?;
        Some((part_named(said.name.as_bytes()), said.cost()))
    }

    fn check(&self, header: &Header, payload: &[u8]) -> Result<Content, ContentError> {
        if let Some(cost) = later::cost(payload) {
            return Ok(Content::new(Checked, cost));
        }
        let read = || {
            let said = Said::read(payload)?;
            said.check(header.author)?;
            Ok(Content::new(Checked, said.cost()))
        };
        read().map_err(|error: super::said::SaidError| ContentError(error.to_string()))
    }

    fn keeps_what_is_needed(&self) -> bool {
        true
    }

    fn shows_past(&self) -> bool {
        false
    }

    fn apply(&mut self, batch: SignedBatch, content: Content) -> Applied<Option<Changes>> {
        debug_assert!(content.read::<Checked>().is_some(), "{content:?} was read by another replica");
        if later::cost(batch.payload()).is_some() {
            let number = if content.is_cut { None } else { self.insert_later(&batch) };
            return number
                .map_or_else(Applied::default, |number| self.conclude(&batch, number, None, Vec::new()));
        }
        let Ok(said) = Said::read(batch.payload()) else { return Applied::default() };
        let (name, stands) = (said.name, !content.is_cut);
        if !self.retracted.is_empty() && !self.documents.contains_key(name) {
            let erased = self.erased(name);
            self.documents.entry(name.into()).or_default().erase(erased);
        }
        let Some((number, dropped, entered)) = self.insert(&batch, &said, stands) else {
            return Applied::default();
        };
        self.conclude(&batch, number, Some((name, entered)), dropped)
    }

    fn enforce(
        &mut self,
        stands: &dyn Fn(&SignedBatch) -> bool,
        retracted: &[Retraction],
        beaten: &mut dyn Iterator<Item = &SignedBatch>,
    ) -> Enforced<Option<Changes>> {
        let (mut changed, mut removed) = (BTreeSet::new(), Vec::new());
        let retracts = self.retracted != retracted;
        self.retracted = retracted.to_vec();
        let names: Vec<Arc<str>> = self.documents.keys().cloned().collect();
        for name in &names {
            let erased = retracts.then(|| self.erased(name));
            let document = self.documents.get_mut(name).expect("it was named just now");
            let differs = erased.is_some_and(|erased| document.erase(erased));
            let is_other = document.judge(stands);
            if is_other || differs {
                changed.insert(name.clone());
            }
            if is_other {
                removed.extend(self.drop_contained(name));
            }
        }
        let gone = self.later.iter().filter(|(_, batch)| !stands(batch));
        let gone: Vec<u32> = gone.map(|(number, _)| *number).collect();
        removed.extend(gone.into_iter().filter_map(|number| self.remove_later(number)).collect::<Vec<_>>());
        let removed_some = !removed.is_empty()
            || changed.iter().any(|name| self.documents[name].held().any(|(_, held)| !held.stands));
        let mut returned = Vec::new();
        if removed_some {
            for batch in beaten.filter(|batch| stands(batch)) {
                if later::cost(batch.payload()).is_some() {
                    returned.extend(self.insert_later(batch));
                    continue;
                }
                let Ok(said) = Said::read(batch.payload()) else { continue };
                if let Some((number, ..)) = self.insert(batch, &said, true) {
                    changed.insert(said.name.into());
                    returned.push(number);
                }
            }
        }
        self.recount();
        let peers: Vec<PeerId> = self.by_peer.keys().copied().collect();
        peers.into_iter().for_each(|peer| changed.extend(self.settle(peer, &mut removed)));
        for name in &changed {
            removed.extend(self.sweep(name));
            self.documents.get_mut(name).into_iter().for_each(Document::unsettle);
        }
        let restored = returned.iter().filter_map(|number| self.batch(*number).cloned());
        let restored: Vec<SignedBatch> = restored.collect();
        let changes: Vec<Change> =
            changed.iter().map(|name| Change::Anew { name: name.to_string() }).collect();
        Enforced { changed: Changes::new(changes), removed, restored }
    }

    fn fold(&self, part: u32, peer: PeerId) -> Option<(Fold, Content)> {
        self.folded(part, peer, Gain::Half)
    }

    fn folds_former(&self) -> bool {
        true
    }

    fn fold_former(&self, part: u32, peer: PeerId) -> Option<(Fold, Content)> {
        self.folded(part, peer, Gain::Quarter)
    }

    fn said_in(&self, batches: &mut dyn Iterator<Item = &SignedBatch>) -> Content {
        let mut parts: Vec<(String, Part<'_>)> = Vec::new();
        for batch in batches {
            let Ok(said) = Said::read(batch.payload()) else { continue };
            let one = Part::of(batch, said.clone());
            match parts.iter_mut().rev().find(|(name, part)| name == said.name && part.has_place(&one)) {
                Some((_, part)) => part.join(one),
                None => parts.push((said.name.to_owned(), one)),
            }
        }
        let said = parts.into_iter().map(|(name, part)| {
            let (former, update) = part.merged(&Ranges::default());
            (name, former, update)
        });
        let said: Vec<(String, Vec<Instance>, Vec<u8>)> = said.collect();
        let cost = said.len();
        Content::new(said, cost)
    }

    fn say_again(&self, said: &Content, how: Again) -> Vec<Fold> {
        let said =
            said.read::<Vec<(String, Vec<Instance>, Vec<u8>)>>().map(Vec::as_slice).unwrap_or_default();
        let payloads =
            said.iter().flat_map(|(name, former, update)| payloads(name, former, update).unwrap_or_default());
        let folds = payloads.map(|payload| {
            let cost = Said::read(&payload).map_or(0, |said| said.cost());
            Fold { payload, cost, least: WHENEVER }
        });
        // An update has no time, so it is the same whenever it is said.
        let mut left = match how {
            Again::AsItWas => usize::MAX,
            Again::AsNew(most) => most,
        };
        let within = folds.take_while(|fold| {
            let fits = fold.cost <= left;
            left = left.saturating_sub(fold.cost);
            fits
        });
        within.collect()
    }
}

impl Documents {
    /// A batch was taken in under a number: what came of that. With it comes of which document it is and what was added
    /// there, and what it dropped.
    fn conclude(
        &mut self,
        batch: &SignedBatch,
        number: u32,
        said: Option<(&str, Entered)>,
        mut dropped: Vec<SignedBatch>,
    ) -> Applied<Option<Changes>> {
        let mut anew = self.settle(batch.peer(), &mut dropped);
        let sweeps = said.as_ref().is_some_and(|(_, entered)| entered.sweeps) || !anew.is_empty();
        let (name, added) =
            said.map_or((None, Some(Vec::new())), |(name, entered)| (Some(name), entered.added));
        if let Some(name) = name.filter(|_| added.is_none() || !anew.is_empty()) {
            anew.insert(name.into());
        }
        if sweeps {
            anew.iter().for_each(|name| dropped.extend(self.sweep(name)));
        }
        let kept = self.batch(number).is_some();
        let dropped: Vec<BatchKey> =
            dropped.iter().filter(|other| other.id() != batch.id()).map(|other| other.key()).collect();
        let is_other = kept || !dropped.is_empty() || anew.len() > 1;
        for name in anew.iter().filter(|_| is_other) {
            self.documents.get_mut(name).into_iter().for_each(Document::unsettle);
        }
        let changes: Vec<Change> = match (name, added) {
            (Some(name), Some(added)) if anew.is_empty() => {
                let told = if planted!(AddedFirst) { 1 } else { added.len() };
                let told = added.into_iter().take(told);
                told.map(|update| Change::Said { name: name.to_owned(), update }).collect()
            }
            // What was not kept changed nothing, unless something else fell out with it.
            (Some(_), _) if !is_other => Vec::new(),
            _ => anew.iter().map(|name| Change::Anew { name: name.to_string() }).collect(),
        };
        Applied { changed: Changes::new(changes), kept, dropped }
    }

    /// The batch with this number.
    fn batch(&self, number: u32) -> Option<&SignedBatch> {
        let held = || self.documents.get(self.names.get(&number)?)?.get(number);
        self.later.get(&number).or_else(|| Some(&held()?.batch))
    }

    fn folded(&self, part: u32, peer: PeerId, gain: Gain) -> Option<(Fold, Content)> {
        let (name, document) = self.find(part)?;
        let fold = fold(name, document, peer, gain)?;
        let cost = fold.cost;
        Some((fold, Content::new(Checked, cost)))
    }

    /// Counts anew what stands of everybody.
    fn recount(&mut self) {
        self.by_peer.clear();
        let held = self.documents.values().flat_map(Document::held);
        let held = held.filter(|(_, held)| held.stands).map(|(number, held)| (number, held.batch.clone()));
        let later = self.later.iter().map(|(number, batch)| (*number, batch.clone()));
        let standing: Vec<(u32, SignedBatch)> = held.chain(later).collect();
        standing.iter().for_each(|(number, batch)| self.count(*number, batch));
    }
}

fn item(number: u32, batch: &SignedBatch) -> Item {
    let id = batch.id().0;
    let path = id.first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
    Item { path, digest: id, batch: number }
}
