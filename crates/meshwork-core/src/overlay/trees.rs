//! Broadcast trees: batches in full along few links, their names along all others.
//!
//! # Problem
//! Passing everything on along every link brings each batch a dozen times. A tree brings it once, and breaks when
//! anybody in it leaves.
//!
//! # How it works
//! Plumtree (Leitão, Pereira and Rodrigues 2007). The links with which somebody begins are *eager*: batches
//! travel along them in full; those that it makes later begin *lazy*. Who gets a batch a second time says *prune*, and the link becomes *lazy* both ways: names alone, collected for
//! [`COLLECT`]. Who hears a name and then waits in vain for the batch says *graft*: it gets the batch, and the link is
//! eager again. How long it waits follows from how late batches came after their names, and from round-trip times.
//! Where a name comes much earlier than the batch, the two links change places, so that trees stay short.
//!
//! One tree makes some endpoints carry all and others nothing. So there are [`TREES`] of them, and the author of a
//! batch decides which: docs/decisions/0024-emergent-overlay.md says how that was measured.
//!
//! # Invariants
//! - A batch is passed on at most once.
//! - Who names a batch has it, and sends it when asked while it is kept.
//!
//! # Limits
//! [`RECENT_MAX`] batches are remembered by name, [`KEPT_BYTES_MAX`] bytes of them in full; [`MISSING_MAX`] are
//! awaited; each neighbour is served [`SERVED_MAX`] grafted batches in [`SERVED_WINDOW`].

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use super::OverlayOutput;
use super::message::{BatchName, Graft, IDS_MAX, OverlayMessage, first_bytes};
use crate::gossip::batch::SignedBatch;
use crate::id::Endpoint;
use crate::node::io::BatchKey;
use crate::session::rtt::RttEstimate;
use crate::time::Time;
use crate::wire::Bounded;

/// Trees of a room: enough to spread the load of many authors, few enough that some fifty broadcasts shape all.
pub const TREES: u8 = 8;
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
const SOURCES_MAX: usize = 4;
/// Batches that one neighbour may have grafted in [`SERVED_WINDOW`]: more than were lost to anybody honest.
pub const SERVED_MAX: u32 = 4096;
/// See [`SERVED_MAX`].
pub const SERVED_WINDOW: Duration = Duration::from_secs(10);
/// How long a batch may be late after its name: before anything was measured, at least, and at most.
const WAIT_FIRST: Duration = Duration::from_millis(400);
const WAIT_LEAST: Duration = Duration::from_millis(80);
const WAIT_MOST: Duration = Duration::from_secs(2);
/// A batch that comes by so much, and one and a half round trips, later than its name came a long way round.
const DETOUR_LEAST: Duration = Duration::from_millis(60);

impl BatchName {
    /// The name of a batch.
    pub fn of(key: &BatchKey) -> BatchName {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&key.author.to_bytes()).update(&key.sequence.to_le_bytes());
        let mut name = first_bytes(hasher.finalize());
        name[7] = name[7] & !(TREES - 1) | tree_of(&key.author);
        BatchName(name)
    }

    /// The bit of its tree.
    pub fn tree(self) -> u8 {
        1 << (self.0[7] & (TREES - 1))
    }
}

/// The number of the tree along which an endpoint's batches travel.
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
}

#[derive(Debug)]
struct Missing {
    sources: Vec<Endpoint>,
    asked: usize,
    /// Whether it arrived, and only has to be verified.
    arrived: bool,
    named: Time,
    due: Time,
    pause: Duration,
}

/// The trees as one endpoint sees them.
#[derive(Debug, Default)]
pub struct Trees {
    lanes: BTreeMap<Endpoint, Lane>,
    recent: BTreeMap<BatchName, Option<SignedBatch>>,
    order: VecDeque<BatchName>,
    /// Names of kept batches in order, and the bytes of these.
    kept: VecDeque<BatchName>,
    kept_bytes: usize,
    missing: BTreeMap<BatchName, Missing>,
    lag: RttEstimate,
    /// When the first neighbour was attached.
    began: Option<Time>,
    /// Parts this endpoint's pauses from those of others.
    salt: u64,
    tell_at: Option<Time>,
    /// Batches for which a neighbour was asked.
    grafted: u64,
}

impl Trees {
    /// Trees without neighbours; `salt` is chance of this endpoint's own.
    pub fn new(salt: u64) -> Trees {
        Trees { salt, ..Trees::default() }
    }

    /// A neighbour is attached. Who has neighbours enough hears names of it, and asks for the rest where it must.
    pub fn handle_attached(
        &mut self,
        now: Time,
        endpoint: Endpoint,
        speaks: bool,
        outputs: &mut VecDeque<OverlayOutput>,
    ) {
        let begins = *self.began.get_or_insert(now) == now || self.lanes.len() < EAGER_FIRST;
        let eager = if begins || !speaks { u8::MAX } else { 0 };
        let is_shaped = false;
        let lane =
            Lane { speaks, eager, is_shaped, names: Vec::new(), rtt: Duration::ZERO, served: (now, 0) };
        self.lanes.insert(endpoint, lane);
        if begins && speaks {
            let graft = Graft { trees: u8::MAX, names: Bounded::default() };
            outputs.push_back(OverlayOutput::Send(endpoint, OverlayMessage::Graft(graft)));
        }
    }

    /// A neighbour is gone.
    pub fn handle_detached(&mut self, endpoint: Endpoint) {
        self.lanes.remove(&endpoint);
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
    pub fn publish(
        &mut self,
        now: Time,
        batch: &SignedBatch,
        from: Option<Endpoint>,
        outputs: &mut VecDeque<OverlayOutput>,
    ) -> Vec<Endpoint> {
        let key = batch.key();
        let name = BatchName::of(&key);
        let named = self.missing.remove(&name);
        if !self.remember(name, Some(batch)) {
            return Vec::new();
        }
        if let (Some(from), Some(named)) = (from, named) {
            self.handle_late(now, name, from, &named, key.author, outputs);
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
                self.tell_at.get_or_insert(now + COLLECT);
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
    pub fn handle_known(&mut self, key: &BatchKey) {
        let name = BatchName::of(key);
        self.missing.remove(&name);
        self.remember(name, None);
    }

    /// `from` sent a batch that was here: one of two ways is enough.
    pub fn handle_duplicate(
        &mut self,
        key: &BatchKey,
        from: Endpoint,
        outputs: &mut VecDeque<OverlayOutput>,
    ) {
        if planted!(NeverPruned) {
            return;
        }
        self.prune(from, BatchName::of(key).tree(), outputs);
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
        let wait = self.wait().max(rtt);
        for name in names {
            if self.recent.contains_key(name) {
                continue;
            }
            if let Some(missing) = self.missing.get_mut(name) {
                if missing.sources.len() < SOURCES_MAX && !missing.sources.contains(&from) {
                    missing.sources.push(from);
                }
            } else if self.missing.len() < MISSING_MAX {
                let sources = alloc::vec![from];
                // One of many that lack it asks first, and hands it on to the others.
                let chance = u64::from_le_bytes(name.0).wrapping_mul(self.salt | 1) >> 56;
                let (asked, arrived, due) = (0, false, now + wait + wait * chance as u32 / 256);
                let missing = Missing { sources, asked, arrived, named: now, due, pause: wait };
                self.missing.insert(*name, missing);
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
            if let Some(Some(batch)) = self.recent.get(name) {
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
            missing.sources.retain(|source| self.lanes.contains_key(source));
            if missing.arrived || missing.sources.is_empty() {
                self.missing.remove(&name);
                continue;
            }
            if missing.asked > missing.sources.len() {
                withheld.extend(missing.sources.first());
                self.missing.remove(&name);
                continue;
            }
            let source = missing.sources[missing.asked % missing.sources.len()];
            missing.asked += 1;
            missing.due = now + missing.pause;
            missing.pause = (missing.pause * 2).min(WAIT_MOST);
            asks.entry(source).or_default().push(name);
        }
        for (source, names) in asks {
            self.graft(source, &names, outputs);
        }
        withheld
    }

    /// When [`Trees::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.missing.values().map(|missing| missing.due).chain(self.tell_at).min()
    }

    fn wait(&self) -> Duration {
        let measured = self.lag.smoothed().map(|lag| lag + self.lag.variation() * 4);
        measured.map_or(WAIT_FIRST, |wait| wait.clamp(WAIT_LEAST, WAIT_MOST))
    }

    /// A batch came after its name: learns how late that is, and makes the earlier way the one in full.
    fn handle_late(
        &mut self,
        now: Time,
        name: BatchName,
        from: Endpoint,
        named: &Missing,
        author: Endpoint,
        outputs: &mut VecDeque<OverlayOutput>,
    ) {
        let late = now.since(named.named);
        // What was asked for says nothing about the tree.
        if named.asked > 0 {
            return;
        }
        self.lag.sample(late);
        let Some(&earlier) = named.sources.first() else { return };
        let Some(lane) = self.lanes.get(&earlier).filter(|lane| !lane.is_shaped) else { return };
        let is_detour = late > DETOUR_LEAST + lane.rtt * 3 / 2 && earlier != from && author != from;
        if is_detour && lane.eager & name.tree() == 0 {
            if let Some(lane) = self.lanes.get_mut(&earlier) {
                lane.eager |= name.tree();
            }
            let graft = Graft { trees: name.tree(), names: Bounded::default() };
            outputs.push_back(OverlayOutput::Send(earlier, OverlayMessage::Graft(graft)));
            self.prune(from, name.tree(), outputs);
        }
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
    fn remember(&mut self, name: BatchName, batch: Option<&SignedBatch>) -> bool {
        if self.recent.contains_key(&name) {
            return false;
        }
        if self.order.len() == RECENT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            // A batch that is still kept is kept by later names than this.
            self.forget_batch(oldest);
            self.recent.remove(&oldest);
        }
        self.order.push_back(name);
        self.recent.insert(name, batch.cloned());
        if let Some(batch) = batch {
            self.kept.push_back(name);
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
            if let Some(batch) = self.recent.get_mut(&name).and_then(Option::take) {
                self.kept_bytes -= batch.bytes().len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Stamp;
    use crate::gossip::batch::{Header, StampWindow};
    use crate::id::{Identity, Instance, PeerId, RoomId};

    fn neighbour(number: u8) -> Endpoint {
        Endpoint { peer: PeerId([number; 32]), instance: Instance(number.into()) }
    }

    fn batch(sequence: u64, payload: usize) -> SignedBatch {
        let identity = Identity::from_secret([1; 32]);
        let author = Endpoint { peer: identity.peer(), instance: Instance(1) };
        let window = StampWindow::at(Stamp(1 << 16));
        let header = Header { author, sequence, replica: 0, record: None, window };
        SignedBatch::sign(&identity, &RoomId([1; 32]), header, &alloc::vec![0; payload]).expect("legal")
    }

    fn trees(neighbours: u8) -> Trees {
        let (mut trees, mut outputs) = (Trees::default(), VecDeque::new());
        (1..=neighbours).for_each(|number| {
            trees.handle_attached(Time(0), neighbour(number), true, &mut outputs);
        });
        trees
    }

    #[test]
    fn a_link_that_brings_what_is_here_carries_names_from_then_on() {
        let (mut trees, mut outputs) = (trees(3), VecDeque::new());
        let first = batch(1, 10);
        let targets = trees.publish(Time(0), &first, Some(neighbour(1)), &mut outputs);
        assert_eq!(targets, [neighbour(2), neighbour(3)], "every link begins in full");
        trees.handle_duplicate(&first.key(), neighbour(2), &mut outputs);
        let tree = BatchName::of(&first.key()).tree();
        let prune = OverlayOutput::Send(neighbour(2), OverlayMessage::Prune(tree));
        assert_eq!(outputs.pop_front(), Some(prune));
        let second = batch(2, 10);
        assert_eq!(trees.publish(Time(1), &second, None, &mut outputs), [neighbour(1), neighbour(3)]);
        trees.handle_timeout(Time(1) + COLLECT, &mut outputs);
        let names = Bounded::new(alloc::vec![BatchName::of(&second.key())]).expect("one");
        assert_eq!(outputs.pop_front(), Some(OverlayOutput::Send(neighbour(2), OverlayMessage::Have(names))));
        assert!(trees.publish(Time(2), &second, Some(neighbour(3)), &mut outputs).is_empty(), "only once");
    }

    #[test]
    fn what_is_named_and_does_not_come_is_asked_of_one_after_another() {
        let (mut trees, mut outputs) = (trees(2), VecDeque::new());
        let lost = batch(1, 10);
        let name = BatchName::of(&lost.key());
        trees.handle_have(Time(0), neighbour(1), &[name]);
        trees.handle_have(Time(0), neighbour(2), &[name]);
        let mut asked = Vec::new();
        let mut withheld = Vec::new();
        while let Some(at) = trees.poll_timeout() {
            withheld.extend(trees.handle_timeout(at, &mut outputs));
            while let Some(OverlayOutput::Send(to, OverlayMessage::Graft(graft))) = outputs.pop_front() {
                assert_eq!((graft.trees, &graft.names[..]), (name.tree(), &[name][..]));
                asked.push(to);
            }
        }
        assert_eq!(asked, [neighbour(1), neighbour(2), neighbour(1)]);
        assert_eq!(withheld, [neighbour(1)], "and it is known who promised it");
    }

    #[test]
    fn who_grafts_gets_the_batch_and_the_tree() {
        let (mut trees, mut outputs) = (trees(2), VecDeque::new());
        let sent = batch(1, 10);
        let name = BatchName::of(&sent.key());
        trees.handle_prune(neighbour(2), u8::MAX);
        assert_eq!(trees.publish(Time(0), &sent, None, &mut outputs), [neighbour(1)]);
        let graft = Graft { trees: name.tree(), names: Bounded::new(alloc::vec![name]).expect("one") };
        assert!(trees.handle_graft(Time(1), neighbour(2), &graft, &mut outputs));
        assert_eq!(outputs.pop_front(), Some(OverlayOutput::Batch(neighbour(2), sent)));
        assert_eq!(trees.eager(neighbour(2)), name.tree());
        let endless =
            (0..=SERVED_MAX).all(|_| trees.handle_graft(Time(2), neighbour(2), &graft, &mut outputs));
        assert!(!endless, "nobody is sent the same for ever");
    }

    #[test]
    fn who_has_neighbours_enough_hears_names_of_a_new_one() {
        let (mut trees, mut outputs) = (trees(3), VecDeque::new());
        trees.handle_attached(Time(5), neighbour(4), true, &mut outputs);
        trees.handle_attached(Time(5), neighbour(5), false, &mut outputs);
        let eager = [1, 2, 3, 4, 5].map(|number| trees.eager(neighbour(number)));
        assert_eq!((eager, outputs.len()), ([255, 255, 255, 0, 255], 0), "but who knows no names gets all");
        (1..=4).for_each(|number| trees.handle_detached(neighbour(number)));
        trees.handle_attached(Time(9), neighbour(6), true, &mut outputs);
        assert!(matches!(outputs.make_contiguous(), [OverlayOutput::Send(_, OverlayMessage::Graft(_))]));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (mut trees, mut outputs) = (trees(1), VecDeque::new());
        for sequence in 1..300 {
            trees.publish(Time(0), &batch(sequence, 8000), None, &mut outputs);
        }
        assert!(trees.kept_bytes <= KEPT_BYTES_MAX && trees.kept.len() < 135);
        let names: Vec<BatchName> = (0..2 * MISSING_MAX as u64).map(|n| BatchName(n.to_be_bytes())).collect();
        trees.handle_have(Time(0), neighbour(1), &names);
        assert_eq!(trees.missing.len(), MISSING_MAX);
        for sequence in 300..RECENT_MAX as u64 + 500 {
            trees.handle_known(&BatchKey { author: neighbour(9), sequence });
        }
        assert_eq!((trees.recent.len(), trees.order.len()), (RECENT_MAX, RECENT_MAX));
        let kept = trees.recent.values().flatten().map(|batch| batch.bytes().len()).sum::<usize>();
        assert_eq!(kept, trees.kept_bytes);
    }
}
