//! Fetching from one neighbour: what is asked of it, and how well it serves.
//!
//! A neighbour that withholds cannot forge, but it can waste time: tell digests of what it does not have, serve nothing, or
//! serve a trickle. Nobody is blamed for a digest, since what an honest neighbour serves need not make the digest that it
//! told: its replica changes meanwhile, and of a peer's entries those hold that fit a quota. So a leaf that differs although
//! it was served is asked for once more without saying what is here already, when the neighbour tells the same digest of it
//! again, and then not until the digest or one's own rules change. Who serves nothing is passed over for a while, and told.

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

/// Leaves and nodes asked of one neighbour at a time: enough to fill a link, few enough to move to another neighbour.
pub const IN_FLIGHT_MAX: usize = 16;
/// The same before it has shown how fast it serves: with each that it serves one more, so that of several neighbours the
/// fast ones are asked for more.
const IN_FLIGHT_LEAST: usize = 4;
/// Nodes of a neighbour that are remembered until they are asked for: the leaves of 16 inner nodes and all that is told on
/// attaching. They take half a megabyte at most; what is told beyond is told again with the next roots.
const UNSEEN_MAX: usize = 4096;
/// Leaves of which it is remembered that they differ although they were served.
const SERVED_MAX: usize = 4096;
/// How long a neighbour may bring nothing of what it was asked for, or less than `MILLIS_PER_BYTE` allows: longer
/// than a silent link lives, so that nobody is blamed for a cut.
pub const SERVE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a neighbour may bring nothing and still be taken to be serving.
const SILENT_AFTER: Duration = Duration::from_secs(2);
/// For how long a byte that it brings counts: a thousand bytes a second keep it from being passed over, so that
/// an endless trickle does not.
const MILLIS_PER_BYTE: u64 = 1;
/// First pause in which a neighbour that did not serve is asked for nothing; it doubles up to [`PAUSE_MOST`].
const PAUSE_LEAST: Duration = Duration::from_secs(15);
const PAUSE_MOST: Duration = Duration::from_secs(120);

/// What may be asked of a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// What is below a node.
    Open,
    /// The batches of a leaf.
    Leaf {
        /// Whether some are named, which need not come.
        by_ids: bool,
    },
}

/// A neighbour as a source of batches.
#[derive(Debug)]
pub(super) struct Source {
    /// Leaves that may have to be asked for, with the digests that it told.
    leaves: BTreeMap<Key, Digest>,
    /// Nodes that may have to be opened.
    inner: BTreeMap<Key, Digest>,
    asked: BTreeMap<Key, Asked>,
    window: usize,
    /// Until when what it brought counts, while it is asked for something; never later than now.
    progress: Time,
    /// Whether a batch of the leaf that it serves came.
    came: bool,
    /// Whether one was dropped here for want of a place.
    dropped: bool,
    /// Whether it served nothing of a leaf in which there is something.
    withholds: bool,
    served: BTreeMap<Key, Served>,
    failures: u32,
    paused_until: Option<Time>,
    /// Bytes worked off that it was not told of yet.
    pub(super) worked_off: u32,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    request: Request,
    /// By which the end of a leaf names the request: one that was withdrawn meanwhile may end as well.
    nonce: u64,
    /// What it told of it.
    told: Digest,
    at: Time,
    /// The digest under which it was served.
    ended: Option<Digest>,
    dropped: bool,
}

/// A leaf that was served and differs all the same.
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

    /// What it tells of the nodes below one: below the root whatever it says counts, elsewhere what it was asked for.
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

    /// Something that was fetched was not kept, or counts otherwise now: it may have to be fetched again.
    pub(super) fn handle_forgotten(&mut self) {
        self.served.clear();
    }

    /// Whether something may be asked of it now.
    pub(super) fn may_be_asked(&self, now: Time) -> bool {
        self.paused_until.is_none_or(|until| until <= now) && self.asked.len() < self.window
    }

    /// Whether something is asked of it.
    pub(super) fn is_asked(&self) -> bool {
        !self.asked.is_empty()
    }

    /// Whether it is asked, or may have to be, for something of a replica of which one of the two holds a part alone.
    pub(super) fn is_partly_unseen(&self, both: Both<'_>) -> bool {
        let unseen = self.leaves.keys().chain(self.inner.keys()).chain(self.asked.keys());
        { unseen }.any(|(number, _)| both.get(*number).is_none() && both.kept(*number).is_some())
    }

    /// The leaves that are asked of it.
    pub(super) fn leaves_asked(&self) -> impl Iterator<Item = Key> + '_ {
        let is_leaf = |(key, asked): (&Key, &Asked)| (asked.request != Request::Open).then_some(*key);
        self.asked.iter().filter_map(is_leaf)
    }

    /// Takes leaves as fetched that were not: a fault on purpose.
    pub(super) fn handle_lost(&mut self, leaves: &[Key]) {
        for key in leaves {
            if let Some(digest) = self.leaves.remove(key) {
                self.served.insert(*key, Served { digest, whole: true });
            }
        }
    }

    /// When this was asked of it.
    pub(super) fn asked_at(&self, key: Key) -> Option<Time> {
        self.asked.get(&key).map(|asked| asked.at)
    }

    /// The first leaf that differs, or else the first node, that may be asked for: of `skip` those that must not be.
    pub(super) fn next(&mut self, both: Both<'_>, skip: impl Fn(Key) -> bool) -> Option<(Key, Request)> {
        let served = &self.served;
        // What one of the two gave up differs for ever.
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

    /// Notes that something that it told of is asked of it.
    pub(super) fn ask(&mut self, now: Time, key: Key, request: Request, nonce: u64) {
        if self.asked.is_empty() {
            self.progress = now;
        }
        let unseen = if request == Request::Open { &mut self.inner } else { &mut self.leaves };
        if let Some(told) = unseen.remove(&key) {
            self.asked.insert(key, Asked { request, nonce, told, at: now, ended: None, dropped: false });
        }
    }

    /// A batch arrived as one of a wanted leaf. Returns whether one may come.
    pub(super) fn handle_batch(&mut self, now: Time, bytes: usize) -> bool {
        self.progress = now.min(self.progress + Duration::from_millis(bytes as u64 * MILLIS_PER_BYTE));
        self.came = true;
        self.asked.values().any(|asked| asked.request != Request::Open && asked.ended.is_none())
    }

    /// A batch of a wanted leaf was dropped here for want of a place.
    pub(super) fn handle_dropped(&mut self) {
        self.dropped = true;
    }

    /// It says that it has served a leaf. Returns whether that was asked of it: its batches may still wait to be verified.
    pub(super) fn handle_end_received(&mut self, now: Time, key: Key, end: &LeafEnd) -> bool {
        let (came, dropped) = (core::mem::take(&mut self.came), core::mem::take(&mut self.dropped));
        let is_its = |asked: &&mut Asked| {
            asked.request != Request::Open && asked.nonce == end.nonce && asked.ended.is_none()
        };
        let Some(asked) = self.asked.get_mut(&key).filter(is_its) else { return false };
        (asked.ended, asked.dropped) = (Some(end.digest), dropped);
        self.progress = now;
        // What is not empty has a batch.
        let is_whole = asked.request == Request::Leaf { by_ids: false };
        self.withholds |= is_whole && !came && end.digest != EMPTY_PART_DIGEST;
        true
    }

    /// All batches that it served of a leaf are worked off.
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

    /// Leaves that need not be served any more, since others brought them. Who serves nothing is not let off, nor what has
    /// begun: it is served to its end, one leaf after the other.
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

    /// Gives up on it when it does not serve: says so, and which leaves it need not serve any more. What was asked of it may
    /// then be asked of others.
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

    /// It was worked on what it sent: only what it does not send is its fault.
    pub(super) fn handle_worked_off(&mut self, now: Time, bytes: usize) {
        self.progress = self.progress.max(now);
        self.worked_off = self.worked_off.saturating_add(bytes as u32);
    }

    /// When a pause ends.
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

/// The first of these that differs and may be asked for; those on the way that need not be are forgotten.
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

    /// It had served the leaf before it heard that this was withdrawn.
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
