//! Fetching from one neighbour: its open requests, and how well it serves.
//!
//! A neighbour that withholds cannot forge, but it can waste time: send digests of data that it lacks, serve nothing,
//! or serve a trickle. No digest is a violation, since an honest neighbour's batches need not make the digest that it
//! sent: its replica changes meanwhile, and quotas decide which entries of a peer it stores. So a leaf that differs
//! after it was served is requested once more without naming known batches, if the neighbour sends the same digest
//! again, and then not until the digest or our own rules change. A neighbour that serves nothing is passed over for a
//! while, and reported.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::Key;
use super::both::Both;
use crate::replica::tree::{self, ROOT};
use crate::replica::{Below, Digest, EMPTY_PART_DIGEST, ReplicaNumber};
use crate::room::message::LeafEnd;
use crate::time::Time;

/// Leaves and nodes requested of one neighbour at a time: enough to fill a link, few enough to move to another
/// neighbour.
pub const IN_FLIGHT_MAX: usize = 16;
/// The same at the start: each served leaf adds one, so that of several neighbours the
/// fast ones get more requests.
const IN_FLIGHT_LEAST: usize = 4;
/// Nodes of a neighbour that are remembered until they are requested: the leaves of 16 inner nodes and the nodes sent
/// on attaching. They take half a megabyte at most. Further nodes are sent again with the next roots.
const UNSEEN_MAX: usize = 4096;
/// Remembered leaves that differ although they were served.
const SERVED_MAX: usize = 4096;
/// How long a neighbour may deliver nothing that we requested, or less than `MILLIS_PER_BYTE` allows: longer
/// than a silent link lives, so that a cut is not held against it.
pub const SERVE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a neighbour may deliver nothing and still count as serving.
const SILENT_AFTER: Duration = Duration::from_secs(2);
/// How long a delivered byte counts: a thousand bytes a second keep a neighbour from being passed over, so that
/// an endless trickle does not.
const MILLIS_PER_BYTE: u64 = 1;
/// First pause without requests for a neighbour that did not serve; it doubles up to [`PAUSE_MOST`].
const PAUSE_LEAST: Duration = Duration::from_secs(15);
const PAUSE_MOST: Duration = Duration::from_secs(120);

/// A request to a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// The nodes below a node.
    Open,
    /// The batches of a leaf.
    Leaf {
        /// Whether it names known batches, which need not come.
        by_ids: bool,
    },
}

/// A neighbour as a source of batches.
#[derive(Debug)]
pub(super) struct Source {
    /// Leaves that we may have to request, with the neighbour's digests.
    leaves: BTreeMap<Key, Digest>,
    /// Nodes that we may have to open.
    inner: BTreeMap<Key, Digest>,
    asked: BTreeMap<Key, Asked>,
    window: usize,
    /// How long its deliveries count, while it has requests; never later than now.
    progress: Time,
    /// Whether a batch of the served leaf came.
    came: bool,
    /// Whether a batch was dropped here for lack of space.
    dropped: bool,
    /// Whether it served nothing of a leaf that is not empty.
    withholds: bool,
    served: BTreeMap<Key, Served>,
    failures: u32,
    paused_until: Option<Time>,
    /// Processed bytes that were not reported to it yet.
    pub(super) worked_off: u32,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    request: Request,
    /// Names the request in the end of its leaf: a withdrawn request may end as well.
    nonce: u64,
    /// The neighbour's digest of it.
    told: Digest,
    at: Time,
    /// The digest under which it was served.
    ended: Option<Digest>,
    dropped: bool,
}

/// A leaf that still differs after it was served.
#[derive(Clone, Copy, Debug)]
struct Served {
    digest: Digest,
    whole: bool,
}

impl Source {
    pub(super) fn new() -> Source {
        Source {
            leaves: BTreeMap::new(),
            inner: BTreeMap::new(),
            asked: BTreeMap::new(),
            window: IN_FLIGHT_LEAST,
            progress: Time(0),
            came: false,
            dropped: false,
            withholds: false,
            served: BTreeMap::new(),
            failures: 0,
            paused_until: None,
            worked_off: 0,
        }
    }

    /// It sends the nodes below a node. Below the root any counts, elsewhere only a requested one.
    pub(super) fn handle_nodes(&mut self, now: Time, (number, node): Key, below: &[Below]) {
        let is_answer = |asked: &Asked| asked.request == Request::Open;
        if self.asked.get(&(number, node)).is_some_and(is_answer) {
            self.asked.remove(&(number, node));
            self.handle_served(now);
        } else if node != ROOT {
            return;
        }
        if node == ROOT {
            self.leaves.retain(|(other, _), _| *other != number);
            self.inner.retain(|(other, _), _| *other != number);
        }
        let told = below.iter().filter(|below| tree::is_below(below.number, node));
        for below in told.filter(|below| below.is_leaf || below.number > node) {
            let key = (number, below.number);
            if self.leaves.len() + self.inner.len() < UNSEEN_MAX && !self.asked.contains_key(&key) {
                let unseen = if below.is_leaf { &mut self.leaves } else { &mut self.inner };
                unseen.insert(key, below.digest);
            }
        }
    }

    /// A fetched batch was not kept, or counts differently now: it may have to be fetched again.
    pub(super) fn handle_forgotten(&mut self) {
        self.served.clear();
    }

    /// Whether it may get a request now.
    pub(super) fn may_be_asked(&self, now: Time) -> bool {
        self.paused_until.is_none_or(|until| until <= now) && self.asked.len() < self.window
    }

    /// Whether it has open requests.
    pub(super) fn is_asked(&self) -> bool {
        !self.asked.is_empty()
    }

    /// Whether it has a request, or may get one, for a replica of which one of the two stores only a part.
    pub(super) fn is_partly_unseen(&self, both: Both<'_>) -> bool {
        let unseen = self.leaves.keys().chain(self.inner.keys()).chain(self.asked.keys());
        { unseen }.any(|(number, _)| both.get(*number).is_none() && both.kept(*number).is_some())
    }

    /// The leaves that it should serve.
    pub(super) fn leaves_asked(&self) -> impl Iterator<Item = Key> + '_ {
        let is_leaf = |(key, asked): (&Key, &Asked)| (asked.request != Request::Open).then_some(*key);
        self.asked.iter().filter_map(is_leaf)
    }

    /// Counts missing leaves as fetched: a planted fault.
    pub(super) fn handle_lost(&mut self, leaves: &[Key]) {
        for key in leaves {
            if let Some(digest) = self.leaves.remove(key) {
                self.served.insert(*key, Served { digest, whole: true });
            }
        }
    }

    /// The time of this request.
    pub(super) fn asked_at(&self, key: Key) -> Option<Time> {
        self.asked.get(&key).map(|asked| asked.at)
    }

    /// The first differing leaf, or else node, that may be requested, except those for which `skip` is true.
    pub(super) fn next(&mut self, both: Both<'_>, skip: impl Fn(Key) -> bool) -> Option<(Key, Request)> {
        let served = &self.served;
        // A part that one of the two evicted differs for ever.
        let is_vain = |key: Key, theirs| {
            let is_over = |one: &Served| one.whole || both.get(key.0).is_none();
            served.get(&key).is_some_and(|one| one.digest == theirs && is_over(one))
        };
        if let Some((key, theirs)) = first(&mut self.leaves, both, &skip, is_vain) {
            let by_ids = self.served.get(&key).is_none_or(|one| one.digest != theirs);
            return Some((key, Request::Leaf { by_ids }));
        }
        let is_full = self.leaves.len() + self.inner.len() + tree::CHILDREN_MAX > UNSEEN_MAX;
        let (key, _) = first(&mut self.inner, both, &skip, |_, _| false).filter(|_| !is_full)?;
        Some((key, Request::Open))
    }

    /// Notes a request for a node that it sent.
    pub(super) fn ask(&mut self, now: Time, key: Key, request: Request, nonce: u64) {
        if self.asked.is_empty() {
            self.progress = now;
        }
        let unseen = if request == Request::Open { &mut self.inner } else { &mut self.leaves };
        if let Some(told) = unseen.remove(&key) {
            self.asked.insert(key, Asked { request, nonce, told, at: now, ended: None, dropped: false });
        }
    }

    /// A batch of a wanted leaf arrived. Returns whether one may come.
    pub(super) fn handle_batch(&mut self, now: Time, bytes: usize) -> bool {
        self.progress = now.min(self.progress + Duration::from_millis(bytes as u64 * MILLIS_PER_BYTE));
        self.came = true;
        self.asked.values().any(|asked| asked.request != Request::Open && asked.ended.is_none())
    }

    /// A batch of a wanted leaf was dropped here for lack of space.
    pub(super) fn handle_dropped(&mut self) {
        self.dropped = true;
    }

    /// It reports the end of a leaf. Returns whether we requested that leaf: its batches may still wait for
    /// verification.
    pub(super) fn handle_end_received(&mut self, now: Time, key: Key, end: &LeafEnd) -> bool {
        let (came, dropped) = (core::mem::take(&mut self.came), core::mem::take(&mut self.dropped));
        let is_its = |asked: &&mut Asked| {
            asked.request != Request::Open && asked.nonce == end.nonce && asked.ended.is_none()
        };
        let Some(asked) = self.asked.get_mut(&key).filter(is_its) else { return false };
        (asked.ended, asked.dropped) = (Some(end.digest), dropped);
        self.progress = now;
        // A leaf that is not empty has a batch.
        let is_whole = asked.request == Request::Leaf { by_ids: false };
        self.withholds |= is_whole && !came && end.digest != EMPTY_PART_DIGEST;
        true
    }

    /// All batches of a served leaf are processed.
    pub(super) fn handle_end(&mut self, now: Time, key: Key, both: Both<'_>) {
        let Some((digest, asked)) = self.asked.get(&key).and_then(|asked| Some((asked.ended?, *asked)))
        else {
            return;
        };
        self.asked.remove(&key);
        if asked.dropped {
            self.progress = now;
            self.leaves.insert(key, asked.told);
            return;
        }
        self.handle_served(now);
        if both.kept(key.0).is_none_or(|kept| kept.digest(key.1) == digest) {
            self.served.remove(&key);
        } else if self.served.len() < SERVED_MAX || self.served.contains_key(&key) {
            let whole = asked.request == Request::Leaf { by_ids: false };
            self.served.insert(key, Served { digest, whole });
        }
    }

    /// Leaves that others have delivered meanwhile, so that it need not serve them. A neighbour that serves nothing
    /// keeps its requests, and a leaf that has begun is served to its end.
    pub(super) fn take_superfluous(&mut self, now: Time, both: Both<'_>) -> Vec<Key> {
        if now.since(self.progress) > SILENT_AFTER {
            return Vec::new();
        }
        let is_here =
            |(number, leaf): Key, told| both.kept(number).is_none_or(|kept| kept.digest(leaf) == told);
        let waits = |asked: &Asked| asked.request != Request::Open && asked.ended.is_none();
        let waiting = || self.asked.iter().filter(|(_, asked)| waits(asked));
        let begun = waiting().min_by_key(|(key, asked)| (asked.at, **key)).filter(|_| self.came);
        let begun = begun.map(|(key, _)| *key);
        let is_superfluous =
            |(key, asked): &(&Key, &Asked)| Some(**key) != begun && is_here(**key, asked.told);
        let keys: Vec<Key> = waiting().filter(is_superfluous).map(|(key, _)| *key).collect();
        keys.iter().for_each(|key| {
            self.asked.remove(key);
        });
        keys
    }

    /// Passes it over if it does not serve: returns the reason and the leaves that it need not serve any more. Others
    /// may then get these requests.
    pub(super) fn check(&mut self, now: Time) -> Option<(String, Vec<Key>)> {
        let is_silent = !self.asked.is_empty() && now.since(self.progress) >= SERVE_TIMEOUT;
        if !core::mem::take(&mut self.withholds) && !is_silent {
            return None;
        }
        let leaves = self.leaves_asked().collect();
        let count = core::mem::take(&mut self.asked).len();
        self.window = IN_FLIGHT_LEAST;
        let pause = PAUSE_LEAST.saturating_mul(1 << self.failures.min(10)).min(PAUSE_MOST);
        self.failures += 1;
        self.paused_until = Some(now + pause);
        let detail = format!("it was asked for {count} parts and serves nothing, or next to nothing");
        Some((detail, leaves))
    }

    /// Its batches took time to process, so the delay is not its fault.
    pub(super) fn handle_worked_off(&mut self, now: Time, bytes: usize) {
        self.progress = self.progress.max(now);
        self.worked_off = self.worked_off.saturating_add(bytes as u32);
    }

    /// The end of a pause.
    pub(super) fn paused_until(&self) -> Option<Time> {
        self.paused_until
    }

    /// It served something.
    fn handle_served(&mut self, now: Time) {
        self.progress = now;
        self.window = (self.window + 1).min(IN_FLIGHT_MAX);
        self.failures = 0;
    }
}

/// The first of these that differs and may be requested. Obsolete ones before it are forgotten.
fn first(
    unseen: &mut BTreeMap<Key, Digest>,
    both: Both<'_>,
    skip: &impl Fn(Key) -> bool,
    is_vain: impl Fn(Key, Digest) -> bool,
) -> Option<(Key, Digest)> {
    let mut from: Key = (ReplicaNumber::FIRST, 0);
    while let Some((&key, &theirs)) = unseen.range(from..).next() {
        from = (key.0, key.1 + 1);
        if skip(key) {
            continue;
        }
        let is_lacking =
            both.kept(key.0).is_some_and(|kept| !kept.is_old(key.1) && kept.digest(key.1) != theirs);
        if is_lacking && !is_vain(key, theirs) {
            return Some((key, theirs));
        }
        unseen.remove(&key);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = (ReplicaNumber::FIRST, ROOT);
    const WHOLE: Request = Request::Leaf { by_ids: false };

    fn below(node: u32, is_leaf: bool) -> Vec<Below> {
        let numbers = node << tree::LEVEL_BITS..(node + 1) << tree::LEVEL_BITS;
        numbers.map(|number| Below { number, is_leaf, digest: [1; 32] }).collect()
    }

    #[test]
    fn so_many_nodes_are_remembered() {
        let mut source = Source::new();
        source.handle_nodes(Time(0), KEY, &below(ROOT, false));
        for node in 64..128 {
            source.ask(Time(0), (KEY.0, node), Request::Open, 0);
            source.handle_nodes(Time(0), (KEY.0, node), &below(node, true));
        }
        assert_eq!(source.leaves.len(), UNSEEN_MAX);
        source.handle_nodes(
            Time(0),
            (ReplicaNumber::from_byte(1).expect("a table"), ROOT),
            &below(ROOT, true),
        );
        assert_eq!(source.leaves.len() + source.inner.len(), UNSEEN_MAX, "what is beyond is told again");
    }

    #[test]
    fn unasked_nodes_are_taken_below_the_root_alone() {
        let mut source = Source::new();
        source.handle_nodes(Time(0), (KEY.0, 64), &below(64, true));
        assert!(source.leaves.is_empty());
        source.handle_nodes(Time(0), KEY, &below(ROOT, false));
        source.ask(Time(0), (KEY.0, 64), Request::Open, 0);
        let elsewhere = [below(65, true), vec_of(64)].concat();
        source.handle_nodes(Time(0), (KEY.0, 64), &elsewhere);
        assert!(source.leaves.is_empty() && !source.inner.contains_key(&(KEY.0, 64)), "{:?}", source.inner);
    }

    /// A node that is below itself.
    fn vec_of(number: u32) -> Vec<Below> {
        Vec::from([Below { number, is_leaf: false, digest: [1; 32] }])
    }

    #[test]
    fn filled_leaves_have_a_batch() {
        for (digest, came, is_told) in
            [([1; 32], false, true), ([1; 32], true, false), (EMPTY_PART_DIGEST, false, false)]
        {
            let mut source = Source::new();
            let leaf = (KEY.0, 64);
            source.handle_nodes(Time(0), KEY, &below(ROOT, true));
            source.ask(Time(0), leaf, WHOLE, 1);
            if came {
                assert!(source.handle_batch(Time(0), 100));
            }
            assert!(source.handle_end_received(Time(0), leaf, &end(1, digest)));
            assert_eq!(source.check(Time(0)).is_some(), is_told);
        }
    }

    /// The neighbour served the leaf before our withdrawal arrived.
    #[test]
    fn withdrawn_requests_end_no_later_ones() {
        let mut source = Source::new();
        let (leaf, later) = ((KEY.0, 64), Time(0) + SERVE_TIMEOUT);
        source.handle_nodes(Time(0), KEY, &below(ROOT, true));
        source.ask(Time(0), leaf, WHOLE, 1);
        assert_eq!(source.check(later).map(|(_, leaves)| leaves), Some(Vec::from([leaf])));
        source.handle_nodes(later, KEY, &below(ROOT, true));
        source.ask(later, leaf, WHOLE, 2);
        assert!(!source.handle_end_received(later, leaf, &end(1, [1; 32])));
        assert_eq!(source.check(later), None);
        assert!(source.handle_batch(later, 100), "the leaf is still on its way");
        assert!(source.handle_end_received(later, leaf, &end(2, [1; 32])));
        assert_eq!(source.check(later), None);
    }

    fn end(nonce: u64, digest: Digest) -> LeafEnd {
        LeafEnd { replica: KEY.0.to_byte(), leaf: 64, nonce, digest }
    }
}
