//! Broadcast trees: batches in full along few links, their names along all others.
//!
//! # Problem
//! Passing everything on along every link brings each batch a dozen times. A tree brings it once, and breaks when
//! anybody in it leaves.
//!
//! # How it works
//! Plumtree (Leitão, Pereira and Rodrigues 2007). The links with which somebody begins are *eager*: batches
//! travel along them in full; those that it makes once a tree has carried something begin *lazy* in it. Who gets a batch
//! a second time says *prune*, and the link becomes *lazy* both ways: names alone, collected for [`COLLECT`]. Who hears
//! a name and then waits in vain for the batch says *graft*: it gets the batch, and the link is eager again. It waits
//! a round trip to who named it and [`PATIENCE`], so that only a long way round is left for a shorter one: the copy
//! that comes over it afterwards is a second one.
//!
//! Neighbours come and go while nothing is written. Who loses the one that brought it the batches of a tree does not
//! wait for the next of them: it grafts the link over which their names came soonest (`ways`).
//!
//! One tree makes some endpoints carry all and others nothing. So there are [`TREES`] of them. The author of a batch
//! takes, of [`CHOICES`] that its name gives, the one over which it hears others soonest after they wrote, and says so
//! by the lowest bits of the batch's stamp: docs/decisions/0024-overlays.md says how that was measured.
//!
//! # Invariants
//! - A batch is passed on at most once.
//! - Who names a batch has it, and sends it when asked while it is kept.
//!
//! # Limits
//! [`RECENT_MAX`] batches are remembered by name, [`KEPT_BYTES_MAX`] bytes of them in full; [`MISSING_MAX`] are
//! awaited; each neighbour is served [`SERVED_MAX`] grafted batches in [`SERVED_WINDOW`].

#[cfg(test)]
mod tests;
mod ways;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use self::ways::Ways;
use super::OverlayOutput;
use super::message::{BatchName, Graft, IDS_MAX, OverlayMessage, first_bytes};
use crate::clock::Stamp;
use crate::id::Endpoint;
use crate::signed::batch::BatchKey;
use crate::signed::batch::SignedBatch;
use crate::time::{Now, Time};
use crate::wire::Bounded;

/// Trees of a room: enough to spread the load of many authors, few enough that some fifty broadcasts shape all.
pub const TREES: u8 = 8;
/// Trees among which an author chooses: with fewer it is far from all of them, with more all authors take the same.
pub const CHOICES: u8 = 3;
/// How much sooner or later than it was written a batch is taken to have come at most, in milliseconds: clocks differ.
const AGE_MAX: i64 = 2000;
/// How long names are collected before they are told: shorter than most round trips.
pub const COLLECT: Duration = Duration::from_millis(30);
/// Batches that are remembered by name: a minute of a room in which 270 are written each second.
pub const RECENT_MAX: usize = 16_384;
/// Bytes of batches that are kept for who asks.
pub const KEPT_BYTES_MAX: usize = 1024 * 1024;
/// Batches that are awaited: what is beyond comes by comparison.
pub const MISSING_MAX: usize = 4096;
/// Neighbours whose links are eager from the beginning, besides those that are there when it all begins: one that
/// may fail, and another.
const EAGER_FIRST: usize = 2;
/// Neighbours that are asked in turn for one batch.
pub const SOURCES_MAX: usize = 4;
/// Batches that one neighbour may have grafted in [`SERVED_WINDOW`]: more than were lost to anybody honest.
pub const SERVED_MAX: u32 = 4096;
/// See [`SERVED_MAX`].
pub const SERVED_WINDOW: Duration = Duration::from_secs(10);
/// How long a batch may be late after its name, beyond a round trip to who named it; up to half as long again is added
/// by chance. With less patience many authors on one tree bend it to and fro, each to its own ways.
pub const PATIENCE: Duration = Duration::from_millis(120);
/// How long an asked neighbour has to answer, at most, and what is added for a batch that waits to be verified.
const WAIT_MOST: Duration = Duration::from_secs(2);
/// How often a neighbour may be found to send nothing of what it named: all that waits behind one loss on its link is late
/// together, which is no fault of an honest one.
const BLAMED_EVERY: Duration = Duration::from_secs(4);

impl BatchName {
    /// The name of a batch, without its tree.
    pub fn of(key: &BatchKey) -> BatchName {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&key.author.to_bytes()).update(&key.sequence.to_le_bytes());
        BatchName(first_bytes(hasher.finalize())).in_tree(0)
    }

    /// The same in the tree of this number.
    pub fn in_tree(mut self, tree: u8) -> BatchName {
        self.0[7] = self.0[7] & !(TREES - 1) | tree & (TREES - 1);
        self
    }

    /// The bit of its tree.
    pub fn tree(self) -> u8 {
        1 << self.number()
    }

    /// The number of its tree.
    fn number(self) -> u8 {
        self.0[7] & (TREES - 1)
    }
}

/// The number of the tree along which a batch of an author travels whose greatest stamp this is.
pub fn tree_of_batch(author: &Endpoint, stamp: Stamp) -> u8 {
    tree_of(author).wrapping_add(stamp.0 as u8) & (TREES - 1)
}

/// The first of the [`CHOICES`] trees that follow each other among which an author chooses: it takes this one until it
/// has heard others over all of them.
pub fn tree_of(author: &Endpoint) -> u8 {
    blake3::hash(&author.to_bytes()).as_bytes()[31] & (TREES - 1)
}

#[derive(Debug)]
struct Lane {
    /// Whether the neighbour understands names.
    speaks: bool,
    /// Trees in which it gets batches in full.
    eager: u8,
    /// Whether that is decided elsewhere, whatever comes twice or late.
    is_shaped: bool,
    names: Vec<BatchName>,
    rtt: Duration,
    /// Since when and how much it was served.
    served: (Time, u32),
    /// When it was last found to send nothing of what it named.
    blamed: Option<Time>,
}

impl Lane {
    /// The neighbour sends nothing of what it named. Returns whether that is another time than the last.
    fn blame(&mut self, now: Time) -> bool {
        let is_new = self.blamed.is_none_or(|last| now.since(last) >= BLAMED_EVERY);
        if is_new {
            self.blamed = Some(now);
        }
        is_new
    }
}

#[derive(Debug)]
struct Recent {
    /// With its tree.
    name: BatchName,
    came: Time,
    /// While it is kept.
    batch: Option<SignedBatch>,
}

#[derive(Debug)]
struct Missing {
    /// With its tree.
    name: BatchName,
    /// Who named it, and when.
    sources: Vec<(Endpoint, Time)>,
    asked: usize,
    /// Whether it arrived, and only has to be verified.
    arrived: bool,
    due: Time,
    pause: Duration,
}

/// The trees as one endpoint sees them.
#[derive(Debug, Default)]
pub struct Trees {
    lanes: BTreeMap<Endpoint, Lane>,
    /// By their names without trees.
    recent: BTreeMap<BatchName, Recent>,
    order: VecDeque<BatchName>,
    /// Names of kept batches in order, and the bytes of these.
    kept: VecDeque<BatchName>,
    kept_bytes: usize,
    missing: BTreeMap<BatchName, Missing>,
    ways: Ways,
    /// Trees that have carried something, a bit for each.
    used: u8,
    /// How old batches are that come over each tree, in milliseconds, smoothed.
    ages: [Option<i64>; TREES as usize],
    /// The first tree among which this endpoint chooses.
    first: u8,
    /// Parts this endpoint's pauses from those of others.
    salt: u64,
    tell_at: Option<Time>,
    /// Batches for which a neighbour was asked.
    grafted: u64,
}

impl Trees {
    /// Trees without neighbours, as `me` sees them; `salt` is chance of this endpoint's own.
    pub fn new(me: &Endpoint, salt: u64) -> Trees {
        Trees { salt, first: tree_of(me), ..Trees::default() }
    }

    /// The next stamp from `stamp` on that sends a batch of ours along the tree of our choice.
    pub fn stamped(&self, stamp: Stamp) -> Stamp {
        let age = |choice: &u8| self.ages[usize::from(self.first.wrapping_add(*choice) % TREES)];
        let choice = (0..CHOICES).min_by_key(|choice| age(choice).unwrap_or(AGE_MAX)).unwrap_or(0);
        Stamp(stamp.0.saturating_add(u64::from(choice.wrapping_sub(stamp.0 as u8) % TREES)))
    }

    /// A neighbour is attached. Who has neighbours enough hears names of it, and asks for the rest where it must.
    pub fn handle_attached(
        &mut self,
        now: Time,
        endpoint: Endpoint,
        speaks: bool,
        outputs: &mut VecDeque<OverlayOutput>,
    ) {
        let begins = self.lanes.len() < EAGER_FIRST;
        let eager = if begins || !speaks { u8::MAX } else { !self.used };
        let is_shaped = false;
        let (names, rtt, served, blamed) = (Vec::new(), Duration::ZERO, (now, 0), None);
        let lane = Lane { speaks, eager, is_shaped, names, rtt, served, blamed };
        self.lanes.insert(endpoint, lane);
        if begins && speaks {
            let graft = Graft { trees: u8::MAX, names: Bounded::default() };
            outputs.push_back(OverlayOutput::Send(endpoint, OverlayMessage::Graft(graft)));
        }
    }

    /// A neighbour is gone. Another one is asked for what it brought.
    pub fn handle_detached(&mut self, endpoint: Endpoint, outputs: &mut VecDeque<OverlayOutput>) {
        self.lanes.remove(&endpoint);
        let orphaned = self.ways.handle_detached(endpoint);
        let mut grafts = BTreeMap::<Endpoint, u8>::new();
        for tree in (0..TREES).filter(|tree| orphaned & (1 << tree) != 0) {
            let is_lazy = |lane: &Lane| lane.speaks && !lane.is_shaped && lane.eager & (1 << tree) == 0;
            let next = self.ways.soonest(tree, |endpoint| self.lanes.get(endpoint).is_some_and(is_lazy));
            if let Some(next) = next {
                *grafts.entry(next).or_default() |= 1 << tree;
            }
        }
        for (next, trees) in grafts {
            if let Some(lane) = self.lanes.get_mut(&next) {
                lane.eager |= trees;
                let graft = Graft { trees, names: Bounded::default() };
                outputs.push_back(OverlayOutput::Send(next, OverlayMessage::Graft(graft)));
            }
        }
    }

    /// From here on a neighbour gets batches in full or by name, whatever comes twice or late.
    pub fn shape(&mut self, endpoint: Endpoint, in_full: bool) {
        if let Some(lane) = self.lanes.get_mut(&endpoint) {
            lane.is_shaped = true;
            lane.eager = if in_full { u8::MAX } else { 0 };
        }
    }

    /// How long a round trip to a neighbour takes.
    pub fn handle_rtt(&mut self, endpoint: Endpoint, rtt: Duration) {
        if let Some(lane) = self.lanes.get_mut(&endpoint) {
            lane.rtt = rtt;
        }
    }

    /// Trees in which a neighbour gets batches in full, a bit for each.
    pub fn eager(&self, endpoint: Endpoint) -> u8 {
        self.lanes.get(&endpoint).map_or(0, |lane| lane.eager)
    }

    /// Batches for which neighbours were asked so far.
    pub fn grafted(&self) -> u64 {
        self.grafted
    }

    /// To whom a new batch goes in full; the others hear its name.
    pub fn publish(&mut self, now: Now, batch: &SignedBatch, from: Option<Endpoint>) -> Vec<Endpoint> {
        let (key, stamp) = (batch.key(), batch.header().window.most);
        let tree = tree_of_batch(&key.author, stamp);
        let name = BatchName::of(&key).in_tree(tree);
        if !self.remember(now.time, name, Some(batch)) {
            return Vec::new();
        }
        self.used |= name.tree();
        if let Some(from) = from {
            // The way that was the first is a good one.
            if let Some(lane) = self.lanes.get_mut(&from).filter(|lane| !lane.is_shaped) {
                lane.eager |= name.tree();
                self.ways.handle_brought(tree, from);
            }
            let age = (now.wall.0 / 1000) as i64 - stamp.millis() as i64;
            let age = age.clamp(-AGE_MAX, AGE_MAX);
            let smoothed = &mut self.ages[usize::from(tree)];
            *smoothed = Some(smoothed.map_or(age, |before| before + (age - before) / 8));
        }
        let mut targets = Vec::new();
        for (&to, lane) in &mut self.lanes {
            if Some(to) == from || to == key.author {
                continue;
            }
            if !lane.speaks || lane.eager & name.tree() != 0 {
                targets.push(to);
            } else if lane.names.len() < IDS_MAX {
                lane.names.push(name);
                self.tell_at.get_or_insert(now.time + COLLECT);
            }
        }
        targets
    }

    /// A batch arrived, which may or may not count: whoever named it did send it.
    pub fn handle_arrived(&mut self, key: &BatchKey) {
        if !self.missing.is_empty()
            && let Some(missing) = self.missing.get_mut(&BatchName::of(key))
        {
            missing.arrived = true;
            missing.due += WAIT_MOST;
        }
    }

    /// A batch need not be asked for: it was taken in, or is beaten.
    pub fn handle_known(&mut self, now: Time, batch: &SignedBatch) {
        let key = batch.key();
        let tree = tree_of_batch(&key.author, batch.header().window.most);
        self.remember(now, BatchName::of(&key).in_tree(tree), None);
    }

    /// `from` sent a batch that was here: one of two ways is enough.
    pub fn handle_duplicate(
        &mut self,
        key: &BatchKey,
        from: Endpoint,
        outputs: &mut VecDeque<OverlayOutput>,
    ) {
        let Some(name) = self.recent.get(&BatchName::of(key)).map(|recent| recent.name) else { return };
        if !planted!(NeverPruned) {
            self.prune(from, name.tree(), outputs);
        }
    }

    /// A neighbour has these trees from others.
    pub fn handle_prune(&mut self, from: Endpoint, trees: u8) {
        if let Some(lane) = self.lanes.get_mut(&from).filter(|lane| !lane.is_shaped) {
            lane.eager &= !trees;
        }
    }

    /// A neighbour has batches.
    pub fn handle_have(&mut self, now: Time, from: Endpoint, names: &[BatchName]) {
        let Some(rtt) = self.lanes.get(&from).map(|lane| lane.rtt) else { return };
        let wait = rtt + PATIENCE;
        for &name in names {
            let id = name.in_tree(0);
            if let Some(recent) = self.recent.get(&id) {
                self.ways.handle_named(recent.name.number(), from, now.since(recent.came).as_millis() as i64);
                continue;
            }
            if let Some(missing) = self.missing.get_mut(&id) {
                let is_new = missing.sources.iter().all(|(source, _)| *source != from);
                if missing.sources.len() < SOURCES_MAX && is_new {
                    missing.sources.push((from, now));
                }
            } else if self.missing.len() < MISSING_MAX {
                let sources = alloc::vec![(from, now)];
                // One of many that lack it asks first, and hands it on to the others.
                let chance = u64::from_le_bytes(name.0).wrapping_mul(self.salt | 1) >> 56;
                let due = now + wait + PATIENCE / 2 * chance as u32 / 256;
                let missing = Missing { name, sources, asked: 0, arrived: false, due, pause: wait };
                self.missing.insert(id, missing);
            }
        }
    }

    /// A neighbour wants trees in full, and batches now. Returns whether it asks for no more than is allowed.
    pub fn handle_graft(
        &mut self,
        now: Time,
        from: Endpoint,
        graft: &Graft,
        outputs: &mut VecDeque<OverlayOutput>,
    ) -> bool {
        let Some(lane) = self.lanes.get_mut(&from) else { return true };
        if !lane.is_shaped {
            lane.eager |= graft.trees;
        }
        if now.since(lane.served.0) > SERVED_WINDOW {
            lane.served = (now, 0);
        }
        for name in graft.names.iter() {
            if let Some(Recent { batch: Some(batch), .. }) = self.recent.get(&name.in_tree(0)) {
                lane.served.1 += 1;
                if lane.served.1 > SERVED_MAX {
                    return false;
                }
                outputs.push_back(OverlayOutput::Batch(from, batch.clone()));
            }
        }
        true
    }

    /// Tells names and asks for what is late. Returns who named a batch that it then did not send.
    pub fn handle_timeout(&mut self, now: Time, outputs: &mut VecDeque<OverlayOutput>) -> Vec<Endpoint> {
        if self.tell_at.is_some_and(|at| at <= now) {
            self.tell_at = None;
            for (&to, lane) in &mut self.lanes {
                if let Ok(names) = Bounded::new(core::mem::take(&mut lane.names))
                    && !names.is_empty()
                {
                    outputs.push_back(OverlayOutput::Send(to, OverlayMessage::Have(names)));
                }
            }
        }
        let due: Vec<BatchName> =
            self.missing.iter().filter(|(_, missing)| missing.due <= now).map(|(name, _)| *name).collect();
        let (mut asks, mut withheld) = (BTreeMap::<Endpoint, Vec<BatchName>>::new(), Vec::new());
        for name in due {
            let Some(missing) = self.missing.get_mut(&name) else { continue };
            missing.sources.retain(|(source, _)| self.lanes.contains_key(source));
            if missing.arrived || missing.sources.is_empty() {
                self.missing.remove(&name);
                continue;
            }
            if missing.asked > missing.sources.len() {
                withheld.extend(missing.sources.first().map(|(source, _)| source));
                self.missing.remove(&name);
                continue;
            }
            let (source, _) = missing.sources[missing.asked % missing.sources.len()];
            missing.asked += 1;
            missing.due = now + missing.pause;
            missing.pause = (missing.pause * 2).min(WAIT_MOST);
            asks.entry(source).or_default().push(missing.name);
        }
        for (source, names) in asks {
            self.graft(source, &names, outputs);
        }
        withheld.retain(|source| self.lanes.get_mut(source).is_some_and(|lane| lane.blame(now)));
        withheld
    }

    /// When [`Trees::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.missing.values().map(|missing| missing.due).chain(self.tell_at).min()
    }

    fn graft(&mut self, source: Endpoint, names: &[BatchName], outputs: &mut VecDeque<OverlayOutput>) {
        let Some(lane) = self.lanes.get_mut(&source) else { return };
        for names in names.chunks(IDS_MAX) {
            self.grafted += names.len() as u64;
            let trees = names.iter().fold(0, |trees, name| trees | name.tree());
            let trees = if lane.is_shaped { 0 } else { trees };
            lane.eager |= trees;
            let names = Bounded::new(names.to_vec()).expect("a chunk of at most the limit");
            outputs.push_back(OverlayOutput::Send(source, OverlayMessage::Graft(Graft { trees, names })));
        }
    }

    fn prune(&mut self, from: Endpoint, trees: u8, outputs: &mut VecDeque<OverlayOutput>) {
        let may = |lane: &&mut Lane| lane.speaks && !lane.is_shaped;
        let Some(lane) = self.lanes.get_mut(&from).filter(may) else { return };
        if lane.eager & trees != 0 {
            lane.eager &= !trees;
            outputs.push_back(OverlayOutput::Send(from, OverlayMessage::Prune(trees)));
        }
    }

    /// Remembers a name, and the batch if there is one. Returns whether it is new.
    fn remember(&mut self, now: Time, name: BatchName, batch: Option<&SignedBatch>) -> bool {
        let id = name.in_tree(0);
        if let Some(missing) = self.missing.remove(&id) {
            for (source, named) in missing.sources {
                self.ways.handle_named(name.number(), source, -(now.since(named).as_millis() as i64));
            }
        }
        if self.recent.contains_key(&id) {
            return false;
        }
        if self.order.len() == RECENT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            // A batch that is still kept is kept by later names than this.
            self.forget_batch(oldest);
            self.recent.remove(&oldest);
        }
        self.order.push_back(id);
        self.recent.insert(id, Recent { name, came: now, batch: batch.cloned() });
        if let Some(batch) = batch {
            self.kept.push_back(id);
            self.kept_bytes += batch.bytes().len();
            while self.kept_bytes > KEPT_BYTES_MAX
                && let Some(oldest) = self.kept.front().copied()
            {
                self.forget_batch(oldest);
            }
        }
        true
    }

    /// Gives up the batch of a name that was kept longest, if it is this one.
    fn forget_batch(&mut self, name: BatchName) {
        if self.kept.front() == Some(&name) {
            self.kept.pop_front();
            if let Some(batch) = self.recent.get_mut(&name).and_then(|recent| recent.batch.take()) {
                self.kept_bytes -= batch.bytes().len();
            }
        }
    }
}
