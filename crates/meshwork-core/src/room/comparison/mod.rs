//! Anti-entropy: compares a room's replicas with each neighbour, and fetches missing batches.
//!
//! # Problem
//! Gossip carries new batches to members that are linked now. Newcomers and members that were cut off lack the rest.
//! Some holders are slow, some leave in the middle, and some are hostile. Replicas may be large, and differ little.
//!
//! # How it works
//! Members send each other one digest of their common data: the root. It is sent when nothing has changed for
//! [`QUIET`], and every [`TELL_MOST`] during continual changes. A member that receives a root other than its own, and
//! still differs a while later, sends its roots: a digest for each replica. The neighbour answers with the nodes below
//! the root of each replica that differs (Merkle, "A Digital Signature Based on a Conventional Encryption Function",
//! 1987). Those of them that differ are opened, down to leaves. A request for a leaf names its known batches, by six
//! bytes each, so that only the rest travels. On attaching both ends send roots and the nodes below them at once.
//!
//! A leaf is requested of one neighbour at a time, so that a newcomer does not get everything from everybody. Faster
//! neighbours get more requests, and another neighbour gets the requests of a slow one. A sender serves no
//! more than [`SERVE_WINDOW`] bytes ahead of the receiver's reports.
//!
//! A replica with evicted batches is excluded from comparison: no root covers it. Before its roots the member sends the
//! nodes of the rest, so that newcomers fetch that. From others it fetches the writes of known authors, since only
//! strangers' batches are evicted. Both happen on attaching, and the two are synchronised once it is done.
//!
//! # Driving it
//! The room calls `handle_*` with the replicas at hand and drains [`Comparison::poll_output`].
//!
//! # Invariants
//! - A neighbour delivers only batches, which are verified like any other.
//! - A leaf that was served whole is not requested of the same neighbour again while that sends the same digest of it.
//! - Between members with equal data only one root travels, per change and neighbour.
//! - No digest is a violation.
//!
//! # Limits
//! [`IN_FLIGHT_MAX`] leaves and nodes are requested of one neighbour at a time. Of a neighbour 4096 nodes are
//! remembered that may differ, and as many leaves that were served; it waits for [`WANTS_MAX`] leaves and [`OPENS_MAX`]
//! nodes of ours. A member that stores a table from a day on, or lacks a family, does not forward the older part in
//! comparison: members with equal extents also compare beyond the overlay.

mod both;
mod keyed;
mod neighbour;
mod serving;
mod source;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use self::both::Both;
pub(super) use self::both::Holding;
use self::keyed::nonce;
use self::neighbour::Neighbour;
pub use self::serving::{OPENS_MAX, SERVE_WINDOW, WANTS_MAX};
pub use self::source::{IN_FLIGHT_MAX, SERVE_TIMEOUT};
use self::source::{Request, Source};
use crate::id::{Endpoint, PeerId};
use crate::replica::tree::ROOT;
use crate::replica::{Digest, ReplicaNumber};
use crate::room::message::{NODES_MAX, Open, RoomMessage, Roots, Unwant};
use crate::room::replicas::Replicas;
use crate::time::Time;

/// How long replicas rest before their root is sent: long enough that a stroke's batches share one root.
pub const QUIET: Duration = Duration::from_millis(250);
/// Longest delay of a root during continual changes.
pub const TELL_MOST: Duration = Duration::from_secs(5);
/// How long a leaf may be under way before another idle neighbour gets the request as well.
pub const ALSO_ASK_AFTER: Duration = Duration::from_secs(3);
/// How long a neighbour may know of a difference without a request. An honest one sends one every 30 s.
pub const STALE_AFTER: Duration = Duration::from_secs(120);
/// Interval of checks for slow neighbours, while there are requests.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// First pause before roots are compared after a difference, since a stroke may be under way; it doubles up
/// to [`ASK_MOST`].
const ASK_LEAST: Duration = Duration::from_secs(1);
const ASK_MOST: Duration = Duration::from_secs(30);
/// The extra wait if the other end knows of the difference as well, and asks.
const PATIENCE: Duration = Duration::from_secs(2);
/// Processed bytes after which a neighbour receives a report. Less is never reported: it keeps nobody from serving.
const WORKED_OFF_LEAST: u32 = 32 * 1024;

/// A node of a replica.
pub type Key = (ReplicaNumber, u32);

/// An output of the comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComparisonOutput {
    /// Send this.
    Send(Endpoint, RoomMessage),
    /// The common data is equal.
    InStep(Endpoint),
    /// The neighbour does not serve: an honest one may be as slow, on a bad day.
    Withheld(Endpoint, String),
    /// The neighbour stays behind and requests nothing.
    Stale(Endpoint, String),
}

/// The comparison of all replicas of a room with all neighbours.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Digest of the records under which our digests stand.
    records: Digest,
    neighbours: BTreeMap<Endpoint, Box<Neighbour>>,
    tell_at: Option<Time>,
    /// The first change that was not sent.
    changed_at: Option<Time>,
    check_at: Option<Time>,
    /// Whether anything changed since the last requests.
    may_ask: bool,
    /// Number of requests so far.
    asked: u64,
    outputs: VecDeque<ComparisonOutput>,
}

impl Comparison {
    /// A neighbour is attached: sends it our state.
    pub fn handle_attached(&mut self, now: Time, endpoint: Endpoint, replicas: &Replicas) {
        self.neighbours.insert(endpoint, Box::new(Neighbour::new(now)));
        self.send_roots(endpoint, replicas);
        // After the live messages to it, so that it does not request the same.
        let shared: Vec<ReplicaNumber> = Both { replicas, theirs: None }.digests().into_keys().collect();
        self.tell_nodes(endpoint, replicas, &shared);
    }

    /// A neighbour is gone: others get its requests.
    pub fn handle_detached(&mut self, endpoint: Endpoint) {
        let gone = self.neighbours.remove(&endpoint);
        if planted!(LostParts) {
            let leaves: Vec<Key> = gone.iter().flat_map(|gone| gone.source.leaves_asked()).collect();
            self.neighbours.values_mut().for_each(|other| other.source.handle_lost(&leaves));
        }
        self.may_ask = true;
    }

    /// A replica changed.
    pub fn handle_change(&mut self, now: Time) {
        let since = *self.changed_at.get_or_insert(now);
        self.tell_at = Some((now + QUIET).min(since + TELL_MOST));
        self.may_ask = true;
        self.neighbours.values_mut().for_each(|neighbour| neighbour.in_step = false);
    }

    /// The digest of the records, which also decide about replicas.
    pub fn handle_rules(&mut self, now: Time, records: Digest) {
        if self.records != records {
            self.records = records;
            self.handle_change(now);
            self.handle_forgotten();
        }
    }

    /// A fetched batch was not kept: it may have to be fetched again.
    pub fn handle_forgotten(&mut self) {
        self.neighbours.values_mut().for_each(|neighbour| neighbour.source.handle_forgotten());
    }

    /// A neighbour missed a message.
    pub fn handle_missed(&mut self, now: Time, endpoint: Endpoint) {
        if let Some(neighbour) = self.neighbours.get_mut(&endpoint) {
            neighbour.in_step = false;
            neighbour.told = None;
            self.plan_tell(now);
        }
    }

    /// A neighbour sent a message of the comparison. Returns the leaf whose end it reports, if we requested that:
    /// call [`Comparison::handle_leaf_end`] when its batches are processed.
    pub fn handle_message(
        &mut self,
        now: Time,
        from: Endpoint,
        message: &RoomMessage,
        replicas: &Replicas,
    ) -> Option<Key> {
        let neighbour = self.neighbours.get_mut(&from)?;
        // A replica of an unknown family is skipped like an unknown kind.
        let key = |replica, node| Some((ReplicaNumber::from_byte(replica)?, node));
        match message {
            RoomMessage::Root(root) => self.hear(now, from, *root, replicas, true),
            RoomMessage::Roots(roots) => self.handle_roots(now, from, roots, replicas),
            RoomMessage::Nodes(nodes) => {
                neighbour.source.handle_nodes(now, key(nodes.replica, nodes.node)?, &nodes.below);
                self.may_ask = true;
            }
            RoomMessage::Open(open) => {
                neighbour.idle_since = None;
                neighbour.serving.handle_open(key(open.replica, open.node)?);
            }
            RoomMessage::Want(want) => {
                neighbour.idle_since = None;
                neighbour.serving.handle_want(key(want.replica, want.leaf)?, want);
            }
            RoomMessage::Unwant(unwant) => {
                neighbour.serving.handle_unwant(key(unwant.replica, unwant.leaf)?);
            }
            RoomMessage::WorkedOff(bytes) => neighbour.serving.handle_worked_off(*bytes),
            RoomMessage::LeafEnd(end) => {
                let key = key(end.replica, end.leaf)?;
                let is_asked = neighbour.source.handle_end_received(now, key, end);
                self.check_source(now, from);
                return is_asked.then_some(key);
            }
            _ => {}
        }
        None
    }

    /// A neighbour sent a batch of this size for a wanted leaf. Returns whether we requested a leaf of it.
    pub fn handle_leaf_batch(&mut self, now: Time, from: Endpoint, bytes: usize) -> bool {
        let neighbour = self.neighbours.get_mut(&from);
        neighbour.is_some_and(|neighbour| neighbour.source.handle_batch(now, bytes))
    }

    /// A batch of a wanted leaf was dropped for lack of space: the leaf must be requested again.
    pub fn handle_leaf_dropped(&mut self, from: Endpoint) {
        if let Some(neighbour) = self.neighbours.get_mut(&from) {
            neighbour.source.handle_dropped();
        }
    }

    /// Bytes that a neighbour served are processed.
    pub fn handle_worked_off(&mut self, now: Time, from: Endpoint, bytes: usize) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        neighbour.source.handle_worked_off(now, bytes);
        if neighbour.source.worked_off >= WORKED_OFF_LEAST {
            let told = RoomMessage::WorkedOff(core::mem::take(&mut neighbour.source.worked_off));
            self.outputs.push_back(ComparisonOutput::Send(from, told));
        }
    }

    /// All batches of a leaf that a neighbour served are processed.
    pub fn handle_leaf_end(&mut self, now: Time, from: Endpoint, key: Key, replicas: &Replicas) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        let both = Both { replicas, theirs: neighbour.holding.as_ref() };
        neighbour.source.handle_end(now, key, both);
        self.may_ask = true;
        self.ask(now, replicas, |endpoint| endpoint == from);
        self.rest(now, from, replicas);
    }

    /// The members that we compare with.
    pub fn endpoints(&self) -> impl Iterator<Item = Endpoint> {
        self.neighbours.keys().copied()
    }

    /// Whether we compare with this member.
    pub fn compares_with(&self, endpoint: Endpoint) -> bool {
        self.neighbours.contains_key(&endpoint)
    }

    /// The extents that members have sent.
    pub(super) fn holdings(&self) -> impl Iterator<Item = (Endpoint, &Holding)> {
        self.neighbours.iter().filter_map(|(&one, neighbour)| Some((one, neighbour.holding.as_ref()?)))
    }

    /// Whether any request is open.
    pub fn is_fetching(&self) -> bool {
        self.neighbours.values().any(|neighbour| neighbour.source.is_asked())
    }

    /// Whether any neighbour has open requests to us.
    pub fn is_serving(&self) -> bool {
        self.neighbours.values().any(|neighbour| neighbour.serving.is_wanted())
    }

    /// The next requested message for `to`: nodes, a batch, or the end of a leaf. A replica with evicted batches
    /// requests only writes of known authors.
    pub fn serve(
        &mut self,
        to: Endpoint,
        replicas: &Replicas,
        is_known: &dyn Fn(&PeerId) -> bool,
    ) -> Option<RoomMessage> {
        let Neighbour { serving, holding, .. } = &mut **self.neighbours.get_mut(&to)?;
        serving.serve(Both { replicas, theirs: holding.as_ref() }, is_known)
    }

    /// Sends roots, sends details to members that differ, and passes over neighbours that do not serve.
    pub fn handle_timeout(&mut self, now: Time, replicas: &Replicas) {
        if self.check_at.is_some_and(|at| at <= now) {
            self.check(now, replicas);
        }
        if self.tell_at.is_some_and(|at| at <= now) {
            self.tell(now, replicas);
        }
        let is_quiet = self.tell_at.is_none();
        let due = |neighbour: &Neighbour| neighbour.ask_at.is_some_and(|at| at <= now);
        let due: Vec<Endpoint> =
            self.neighbours.iter().filter(|(_, one)| due(one)).map(|(one, _)| *one).collect();
        for endpoint in due {
            let Some(neighbour) = self.neighbours.get_mut(&endpoint) else { continue };
            neighbour.ask_at = None;
            if neighbour.in_step {
                continue;
            }
            let waited = now.since(*neighbour.ask_due.get_or_insert(now));
            if neighbour.source.is_asked() || (!is_quiet && waited < TELL_MOST) {
                neighbour.ask_at = Some(now + ASK_LEAST);
            } else {
                neighbour.ask_pause = (neighbour.ask_pause * 2).min(ASK_MOST);
                neighbour.ask_at = Some(now + neighbour.ask_pause);
                neighbour.ask_due = None;
                self.send_roots(endpoint, replicas);
            }
            self.look_for_stale(now, endpoint);
        }
        self.may_ask = true;
    }

    /// Sends possible requests to the neighbours for which `settled` is true, whose live batches are all processed,
    /// since these may contain the missing ones.
    pub fn fetch(&mut self, now: Time, replicas: &Replicas, settled: impl Fn(Endpoint) -> bool) {
        if core::mem::take(&mut self.may_ask) {
            self.ask(now, replicas, settled);
        }
    }

    /// The next time at which [`Comparison::handle_timeout`] has work.
    pub fn poll_timeout(&self) -> Option<Time> {
        let asks = self.neighbours.values().filter_map(|neighbour| neighbour.ask_at);
        asks.chain(self.check_at).chain(self.tell_at).min()
    }

    /// The next message or report.
    pub fn poll_output(&mut self) -> Option<ComparisonOutput> {
        self.outputs.pop_front()
    }

    /// Whether the common data was equal at the last comparison, and nothing changed since.
    pub fn is_in_step(&self, endpoint: Endpoint) -> bool {
        self.neighbours.get(&endpoint).is_some_and(|neighbour| neighbour.in_step)
    }

    /// Our replicas that a neighbour does not store whole.
    pub fn lacks(&self, endpoint: Endpoint, replicas: &Replicas) -> Vec<ReplicaNumber> {
        let Some(neighbour) = self.neighbours.get(&endpoint) else { return Vec::new() };
        let both = neighbour.both(replicas);
        let numbers = replicas.iter().map(|(number, _)| number);
        numbers.filter(|number| both.get(*number).is_none()).collect()
    }

    /// A neighbour sends its extent and its digests.
    fn handle_roots(&mut self, now: Time, from: Endpoint, roots: &Roots, replicas: &Replicas) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        neighbour.idle_since = None;
        // The answer to the first roots is under way already.
        let is_answered = neighbour.holding.replace(Holding::said(&roots.holds)).is_none();
        let both = neighbour.both(replicas);
        let (said, ours) = (both.said(roots), both.digests());
        let (heard, root) = (both.root_of(roots.records, &said), both.root_of(self.records, &ours));
        let differing: Vec<ReplicaNumber> = ours
            .iter()
            .filter(|(number, digest)| said.get(number) != Some(digest))
            .map(|(one, _)| *one)
            .collect();
        if !is_answered {
            // Nodes sent on attaching may have been lost. Repeated requests get one answer.
            replicas.apart().iter().for_each(|&number| neighbour.serving.handle_open((number, ROOT)));
        }
        if !is_answered && differing.is_empty() {
            neighbour.told = Some(root);
            self.outputs.push_back(ComparisonOutput::Send(from, RoomMessage::Root(root)));
        } else if !is_answered {
            differing.into_iter().for_each(|number| neighbour.serving.handle_open((number, ROOT)));
            if neighbour.told != Some(root) {
                // It stores something else than we assumed.
                self.plan_tell(now);
            }
        } else if neighbour.told != Some(root) {
            // It stores less than we assumed.
            self.plan_tell(now);
        }
        self.hear(now, from, heard, replicas, is_answered);
    }

    /// A neighbour sent its root. If it must act on our root as well, `first` is false.
    fn hear(&mut self, now: Time, from: Endpoint, root: Digest, replicas: &Replicas, first: bool) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        if neighbour.heard.replace(root) != Some(root) {
            neighbour.idle_since = None;
        }
        self.compare(now, from, replicas, first);
    }

    fn plan_tell(&mut self, now: Time) {
        self.tell_at = Some(self.tell_at.map_or(now + QUIET, |at| at.min(now + QUIET)));
    }

    /// Once no requests are open, sends the resulting root, so that others see it.
    fn rest(&mut self, now: Time, from: Endpoint, replicas: &Replicas) {
        if !self.is_fetching() {
            if self.tell_at.is_some() {
                self.tell_at = Some(now);
            }
            self.compare(now, from, replicas, false);
        }
    }

    /// Sends the nodes below the roots of these replicas.
    fn tell_nodes(&mut self, to: Endpoint, replicas: &Replicas, numbers: &[ReplicaNumber]) {
        let Some(neighbour) = self.neighbours.get(&to) else { return };
        let both = neighbour.both(replicas);
        let nodes = |number: &ReplicaNumber| RoomMessage::Nodes(both.nodes((*number, ROOT), NODES_MAX));
        self.outputs.extend(numbers.iter().map(|number| ComparisonOutput::Send(to, nodes(number))));
    }

    fn send_roots(&mut self, to: Endpoint, replicas: &Replicas) {
        // Partly stored replicas go ahead, because roots do not cover them.
        self.tell_nodes(to, replicas, replicas.apart());
        let Some(neighbour) = self.neighbours.get_mut(&to) else { return };
        let ours = Holding::of(replicas);
        let both = neighbour.both(replicas);
        let (roots, root) = (both.roots(self.records, &ours), both.root(self.records));
        neighbour.told = Some(root);
        neighbour.told_holding = ours;
        self.outputs.push_back(ComparisonOutput::Send(to, RoomMessage::Roots(roots)));
    }

    /// Checks which neighbours serve.
    fn check(&mut self, now: Time, replicas: &Replicas) {
        self.check_at = None;
        let endpoints: Vec<Endpoint> = self.neighbours.keys().copied().collect();
        for endpoint in endpoints {
            let Some(neighbour) = self.neighbours.get_mut(&endpoint) else { continue };
            let both = Both { replicas, theirs: neighbour.holding.as_ref() };
            let superfluous = neighbour.source.take_superfluous(now, both);
            self.unwant(endpoint, superfluous);
            self.check_source(now, endpoint);
        }
        self.plan_check(now);
    }

    /// Passes over a neighbour that does not serve, for a while.
    fn check_source(&mut self, now: Time, endpoint: Endpoint) {
        let Some(neighbour) = self.neighbours.get_mut(&endpoint) else { return };
        if let Some((detail, leaves)) = neighbour.source.check(now) {
            self.unwant(endpoint, leaves);
            self.outputs.push_back(ComparisonOutput::Withheld(endpoint, detail));
        }
    }

    fn unwant(&mut self, to: Endpoint, leaves: Vec<Key>) {
        let unwant = |(number, leaf): Key| RoomMessage::Unwant(Unwant { replica: number.to_byte(), leaf });
        self.outputs.extend(leaves.into_iter().map(|key| ComparisonOutput::Send(to, unwant(key))));
    }

    /// Plans the next check while requests are open, or at the end of a pause.
    fn plan_check(&mut self, now: Time) {
        let mut sources = self.neighbours.values().map(|neighbour| &neighbour.source);
        let waits =
            |source: &Source| source.is_asked() || source.paused_until().is_some_and(|until| until > now);
        if self.check_at.is_none() && sources.any(waits) {
            self.check_at = Some(now + CHECK_INTERVAL);
        }
    }

    /// Requests differing data that nobody is serving, neighbours in turn, so that all serve at once.
    fn ask(&mut self, now: Time, replicas: &Replicas, settled: impl Fn(Endpoint) -> bool) {
        let mut turn: Vec<Endpoint> = self.neighbours.keys().copied().filter(|one| settled(*one)).collect();
        // A neighbour with waiting live batches gets requests when these are processed.
        self.may_ask |= turn.len() < self.neighbours.len();
        while !turn.is_empty() {
            turn.retain(|&endpoint| {
                let message = self.request(now, endpoint, replicas);
                let is_asked = message.is_some();
                self.outputs.extend(message.map(|message| ComparisonOutput::Send(endpoint, message)));
                is_asked
            });
        }
        let behind = self.neighbours.iter().filter(|(_, one)| one.is_behind);
        for endpoint in behind.map(|(endpoint, _)| *endpoint).collect::<Vec<_>>() {
            self.compare(now, endpoint, replicas, false);
        }
        self.plan_check(now);
    }

    /// The next request to a neighbour: data without a request, or else late data.
    fn request(&mut self, now: Time, endpoint: Endpoint, replicas: &Replicas) -> Option<RoomMessage> {
        let mut neighbour = self.neighbours.remove(&endpoint)?;
        let both = Both { replicas, theirs: neighbour.holding.as_ref() };
        let source = &mut neighbour.source;
        let next = source.may_be_asked(now).then(|| {
            let asked = |key| self.neighbours.values().filter_map(move |other| other.source.asked_at(key));
            let late = |key| asked(key).count() > 1 || asked(key).any(|at| now.since(at) < ALSO_ASK_AFTER);
            source.next(both, |key| asked(key).next().is_some()).or_else(|| source.next(both, late))
        });
        let message = next.flatten().map(|(key, request)| {
            let (replica, node) = (key.0.to_byte(), key.1);
            self.asked += 1;
            let nonce = nonce(now, self.asked);
            let (request, message) = match request {
                Request::Open => (request, RoomMessage::Open(Open { replica, node })),
                Request::Leaf { by_ids } => {
                    let want = both.want(key, nonce, by_ids);
                    let by_ids = !want.have.is_empty() || want.known_alone;
                    (Request::Leaf { by_ids }, RoomMessage::Want(want))
                }
            };
            source.ask(now, key, request, nonce);
            message
        });
        self.neighbours.insert(endpoint, neighbour);
        message
    }

    /// Sends our root, or our new extent, to all members that lack it.
    fn tell(&mut self, now: Time, replicas: &Replicas) {
        (self.tell_at, self.changed_at) = (None, None);
        let ours = Holding::of(replicas);
        let endpoints: Vec<Endpoint> = self.neighbours.keys().copied().collect();
        for endpoint in endpoints {
            let Some(neighbour) = self.neighbours.get_mut(&endpoint) else { continue };
            let root = neighbour.both(replicas).root(self.records);
            if neighbour.told_holding != ours {
                self.send_roots(endpoint, replicas);
            } else if neighbour.told.replace(root) != Some(root) {
                self.outputs.push_back(ComparisonOutput::Send(endpoint, RoomMessage::Root(root)));
            }
            self.compare(now, endpoint, replicas, false);
        }
    }

    /// Compares a neighbour's root with the current state; `first` if it arrived just now and the neighbour need not
    /// know of the difference.
    fn compare(&mut self, now: Time, endpoint: Endpoint, replicas: &Replicas, first: bool) {
        let Some(neighbour) = self.neighbours.get_mut(&endpoint) else { return };
        let Some(theirs) = neighbour.heard else { return };
        let ours = neighbour.both(replicas).root(self.records);
        neighbour.is_behind = theirs == ours && neighbour.source.is_partly_unseen(neighbour.both(replicas));
        if theirs == ours {
            (neighbour.ask_at, neighbour.ask_due, neighbour.idle_since) = (None, None, None);
            neighbour.ask_pause = ASK_LEAST;
            if neighbour.is_behind {
                neighbour.in_step = false;
            } else if !core::mem::replace(&mut neighbour.in_step, true) {
                self.outputs.push_back(ComparisonOutput::InStep(endpoint));
            }
            return;
        }
        neighbour.in_step = false;
        if neighbour.told == Some(ours) {
            neighbour.idle_since.get_or_insert(now);
        } else {
            neighbour.idle_since = None;
        }
        // A stroke may be under way: request if we still differ after a while.
        let at = now + neighbour.ask_pause + if first { Duration::ZERO } else { PATIENCE };
        neighbour.ask_at = Some(neighbour.ask_at.map_or(at, |planned| planned.min(at)));
    }

    /// Reports a neighbour that knows of a difference for long and requests nothing.
    fn look_for_stale(&mut self, now: Time, endpoint: Endpoint) {
        let Some(neighbour) = self.neighbours.get_mut(&endpoint) else { return };
        if neighbour.idle_since.is_some_and(|since| now.since(since) >= STALE_AFTER) {
            neighbour.idle_since = Some(now);
            let seconds = STALE_AFTER.as_secs();
            let detail = format!("it has known for {seconds} s that it differs, and asks for nothing");
            self.outputs.push_back(ComparisonOutput::Stale(endpoint, detail));
        }
    }
}
