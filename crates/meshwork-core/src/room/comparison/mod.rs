//! Anti-entropy: comparing what a room keeps in step with each neighbour, and fetching what is lacking.
//!
//! # Problem
//! Gossip carries what is new to who is linked now. Newcomers, and those who were cut off, lack the rest. Some of
//! those who have it are slow, some leave in the middle, and some are hostile. Replicas may be large, and differ little.
//!
//! # How it works
//! Members tell each other one digest of all that both hold: the root. It is told when nothing has changed for [`QUIET`],
//! and every [`TELL_MOST`] while something goes on changing. Who hears another root than its own, and still has another one a
//! while later, sends its roots: a digest for each replica. The neighbour answers with the nodes below the root of each
//! replica that differs (Merkle, "A Digital Signature Based on a Conventional Encryption Function", 1987). Of these, those
//! that differ are opened, down to leaves. Who wants a leaf names the batches that it has there, by six bytes each, so that
//! only the rest travels. On attaching both ends send roots and the nodes below them at once.
//!
//! A leaf is wanted of one neighbour at a time, so that a newcomer does not get everything from everybody; who serves
//! faster is asked for more, and what one is slow to serve is asked of another as well. A sender serves no more than
//! [`SERVE_WINDOW`] bytes ahead of what the receiver has worked off.
//!
//! A replica of which a member gave something up stands apart: no root covers it. Before its roots the member tells the nodes
//! of what it still holds, so that newcomers fetch that. From others it fetches what those wrote who are known, since only
//! strangers' batches are given up. Both happen on attaching, and the two are in step once it is done.
//!
//! # Driving it
//! The room calls `handle_*` with the replicas at hand and drains [`Comparison::poll_output`].
//!
//! # Invariants
//! - Nothing is taken from a neighbour but batches, which are verified like any other.
//! - A leaf that was served whole is not asked of the same neighbour again while it tells the same digest of it.
//! - Between members that hold the same nothing is sent but one root a change and neighbour.
//! - Nobody is blamed for a digest.
//!
//! # Limits
//! [`IN_FLIGHT_MAX`] leaves and nodes are asked of one neighbour at a time. Of a neighbour 4096 nodes are remembered that
//! may differ, and as many leaves that were served; it waits for [`WANTS_MAX`] leaves and [`OPENS_MAX`] nodes of ours. Who holds
//! a table from a day on, or lacks a family, does not pass on in comparison what is before it: those that hold as much as
//! each other compare beyond the overlay, too.

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

/// How long replicas rest before their root is told: long enough that a stroke's batches share one root.
pub const QUIET: Duration = Duration::from_millis(250);
/// How long a root stays untold while something goes on changing.
pub const TELL_MOST: Duration = Duration::from_secs(5);
/// How long a leaf may be on its way before another neighbour with nothing else to do is asked for it as well.
pub const ALSO_ASK_AFTER: Duration = Duration::from_secs(3);
/// How long a neighbour may know that we differ without asking for anything. An honest one asks every 30 s.
pub const STALE_AFTER: Duration = Duration::from_secs(120);
/// How often it is looked at who serves, while something is asked.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// First pause before roots are compared once one differs, since it may only be a stroke that is on its way; it doubles up
/// to [`ASK_MOST`].
const ASK_LEAST: Duration = Duration::from_secs(1);
const ASK_MOST: Duration = Duration::from_secs(30);
/// How much longer it is waited where the other end has heard of the difference as well, and asks.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes worked off after which a neighbour is told. What is less is never told: it keeps nobody from serving.
const WORKED_OFF_LEAST: u32 = 32 * 1024;

/// A node of a replica.
pub type Key = (ReplicaNumber, u32);

/// What comes out of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComparisonOutput {
    /// To be sent.
    Send(Endpoint, RoomMessage),
    /// What both hold is equal.
    InStep(Endpoint),
    /// The neighbour does not serve: an honest one may be as slow, on a bad day.
    Withheld(Endpoint, String),
    /// The neighbour stays behind and asks for nothing.
    Stale(Endpoint, String),
}

/// The comparison of all replicas of a room with all neighbours.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Digest of the records under which our digests stand.
    records: Digest,
    neighbours: BTreeMap<Endpoint, Box<Neighbour>>,
    tell_at: Option<Time>,
    /// The first change that was not told.
    changed_at: Option<Time>,
    check_at: Option<Time>,
    /// Whether something changed since something was last asked for.
    may_ask: bool,
    /// Leaves and nodes that were ever asked for.
    asked: u64,
    outputs: VecDeque<ComparisonOutput>,
}

impl Comparison {
    /// A neighbour is attached: tells it what there is.
    pub fn handle_attached(&mut self, now: Time, endpoint: Endpoint, replicas: &Replicas) {
        self.neighbours.insert(endpoint, Box::new(Neighbour::new(now)));
        self.send_roots(endpoint, replicas);
        // Behind what it is told live, so that it does not ask for that.
        let shared: Vec<ReplicaNumber> = Both { replicas, theirs: None }.digests().into_keys().collect();
        self.tell_nodes(endpoint, replicas, &shared);
    }

    /// A neighbour is gone: what was asked of it is asked of others.
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

    /// The digest of the records, which decide beside the batches what replicas are.
    pub fn handle_rules(&mut self, now: Time, records: Digest) {
        if self.records != records {
            self.records = records;
            self.handle_change(now);
            self.handle_forgotten();
        }
    }

    /// Something that was fetched was not kept: it may have to be fetched again.
    pub fn handle_forgotten(&mut self) {
        self.neighbours.values_mut().for_each(|neighbour| neighbour.source.handle_forgotten());
    }

    /// A neighbour missed something that was meant for it.
    pub fn handle_missed(&mut self, now: Time, endpoint: Endpoint) {
        if let Some(neighbour) = self.neighbours.get_mut(&endpoint) {
            neighbour.in_step = false;
            neighbour.told = None;
            self.plan_tell(now);
        }
    }

    /// A neighbour said something about what there is. Returns the leaf that it says to have served, if that was asked of
    /// it: then [`Comparison::handle_leaf_end`] is to be called when its batches are worked off.
    pub fn handle_message(
        &mut self,
        now: Time,
        from: Endpoint,
        message: &RoomMessage,
        replicas: &Replicas,
    ) -> Option<Key> {
        let neighbour = self.neighbours.get_mut(&from)?;
        // A replica of a family that this build does not have is skipped like an unknown kind.
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

    /// A neighbour sent a batch of so many bytes as one of a wanted leaf. Returns whether a leaf was asked of it.
    pub fn handle_leaf_batch(&mut self, now: Time, from: Endpoint, bytes: usize) -> bool {
        let neighbour = self.neighbours.get_mut(&from);
        neighbour.is_some_and(|neighbour| neighbour.source.handle_batch(now, bytes))
    }

    /// A batch of a wanted leaf was dropped for want of a place: the leaf has to be asked for again.
    pub fn handle_leaf_dropped(&mut self, from: Endpoint) {
        if let Some(neighbour) = self.neighbours.get_mut(&from) {
            neighbour.source.handle_dropped();
        }
    }

    /// Bytes of what a neighbour served are worked off.
    pub fn handle_worked_off(&mut self, now: Time, from: Endpoint, bytes: usize) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        neighbour.source.handle_worked_off(now, bytes);
        if neighbour.source.worked_off >= WORKED_OFF_LEAST {
            let told = RoomMessage::WorkedOff(core::mem::take(&mut neighbour.source.worked_off));
            self.outputs.push_back(ComparisonOutput::Send(from, told));
        }
    }

    /// All batches that a neighbour served of a leaf are worked off.
    pub fn handle_leaf_end(&mut self, now: Time, from: Endpoint, key: Key, replicas: &Replicas) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        let both = Both { replicas, theirs: neighbour.holding.as_ref() };
        neighbour.source.handle_end(now, key, both);
        self.may_ask = true;
        self.ask(now, replicas, |endpoint| endpoint == from);
        self.rest(now, from, replicas);
    }

    /// Those with whom it is compared.
    pub fn endpoints(&self) -> impl Iterator<Item = Endpoint> {
        self.neighbours.keys().copied()
    }

    /// Whether it is compared with somebody.
    pub fn compares_with(&self, endpoint: Endpoint) -> bool {
        self.neighbours.contains_key(&endpoint)
    }

    /// What those hold that have said so.
    pub(super) fn holdings(&self) -> impl Iterator<Item = (Endpoint, &Holding)> {
        self.neighbours.iter().filter_map(|(&one, neighbour)| Some((one, neighbour.holding.as_ref()?)))
    }

    /// Whether anything is being fetched.
    pub fn is_fetching(&self) -> bool {
        self.neighbours.values().any(|neighbour| neighbour.source.is_asked())
    }

    /// Whether anybody wants anything of us.
    pub fn is_serving(&self) -> bool {
        self.neighbours.values().any(|neighbour| neighbour.serving.is_wanted())
    }

    /// The next message for `to` of what it wants: nodes, a batch, or the mark that a leaf is whole. Who holds a part of a
    /// replica wants of it only what those wrote who are known.
    pub fn serve(
        &mut self,
        to: Endpoint,
        replicas: &Replicas,
        is_known: &dyn Fn(&PeerId) -> bool,
    ) -> Option<RoomMessage> {
        let Neighbour { serving, holding, .. } = &mut **self.neighbours.get_mut(&to)?;
        serving.serve(Both { replicas, theirs: holding.as_ref() }, is_known)
    }

    /// Tells roots, sends roots to whom we differ from, and gives up on neighbours that do not serve.
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

    /// Asks for what may be asked for: of those neighbours that `settled` names, whose live batches are all worked
    /// off, since these may bring what is lacking.
    pub fn fetch(&mut self, now: Time, replicas: &Replicas, settled: impl Fn(Endpoint) -> bool) {
        if core::mem::take(&mut self.may_ask) {
            self.ask(now, replicas, settled);
        }
    }

    /// The next thing that [`Comparison::handle_timeout`] has to do.
    pub fn poll_timeout(&self) -> Option<Time> {
        let asks = self.neighbours.values().filter_map(|neighbour| neighbour.ask_at);
        asks.chain(self.check_at).chain(self.tell_at).min()
    }

    /// What is to be sent or told.
    pub fn poll_output(&mut self) -> Option<ComparisonOutput> {
        self.outputs.pop_front()
    }

    /// Whether what both hold was equal when it was last compared, and nothing changed since.
    pub fn is_in_step(&self, endpoint: Endpoint) -> bool {
        self.neighbours.get(&endpoint).is_some_and(|neighbour| neighbour.in_step)
    }

    /// The replicas that are kept here and of which a neighbour does not hold all.
    pub fn lacks(&self, endpoint: Endpoint, replicas: &Replicas) -> Vec<ReplicaNumber> {
        let Some(neighbour) = self.neighbours.get(&endpoint) else { return Vec::new() };
        let both = neighbour.both(replicas);
        let numbers = replicas.iter().map(|(number, _)| number);
        numbers.filter(|number| both.get(*number).is_none()).collect()
    }

    /// A neighbour says what it holds, and what of it is how.
    fn handle_roots(&mut self, now: Time, from: Endpoint, roots: &Roots, replicas: &Replicas) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        neighbour.idle_since = None;
        // To the first ones the answer is on its way already.
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
            // What was told on attaching may have been lost; asked again and again, it is told once.
            replicas.apart().iter().for_each(|&number| neighbour.serving.handle_open((number, ROOT)));
        }
        if !is_answered && differing.is_empty() {
            neighbour.told = Some(root);
            self.outputs.push_back(ComparisonOutput::Send(from, RoomMessage::Root(root)));
        } else if !is_answered {
            differing.into_iter().for_each(|number| neighbour.serving.handle_open((number, ROOT)));
            if neighbour.told != Some(root) {
                // It holds something else than we took it to hold.
                self.plan_tell(now);
            }
        } else if neighbour.told != Some(root) {
            // It holds less than we took it to hold.
            self.plan_tell(now);
        }
        self.hear(now, from, heard, replicas, is_answered);
    }

    /// A neighbour told its root. Where it is to act on ours as well, `first` is not so.
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

    /// Once nothing more is asked of anybody, tells what has come of it, so that others see it.
    fn rest(&mut self, now: Time, from: Endpoint, replicas: &Replicas) {
        if !self.is_fetching() {
            if self.tell_at.is_some() {
                self.tell_at = Some(now);
            }
            self.compare(now, from, replicas, false);
        }
    }

    /// Tells the nodes below the roots of these replicas.
    fn tell_nodes(&mut self, to: Endpoint, replicas: &Replicas, numbers: &[ReplicaNumber]) {
        let Some(neighbour) = self.neighbours.get(&to) else { return };
        let both = neighbour.both(replicas);
        let nodes = |number: &ReplicaNumber| RoomMessage::Nodes(both.nodes((*number, ROOT), NODES_MAX));
        self.outputs.extend(numbers.iter().map(|number| ComparisonOutput::Send(to, nodes(number))));
    }

    fn send_roots(&mut self, to: Endpoint, replicas: &Replicas) {
        // What is held in part goes ahead: roots say nothing of it.
        self.tell_nodes(to, replicas, replicas.apart());
        let Some(neighbour) = self.neighbours.get_mut(&to) else { return };
        let ours = Holding::of(replicas);
        let both = neighbour.both(replicas);
        let (roots, root) = (both.roots(self.records, &ours), both.root(self.records));
        neighbour.told = Some(root);
        neighbour.told_holding = ours;
        self.outputs.push_back(ComparisonOutput::Send(to, RoomMessage::Roots(roots)));
    }

    /// Looks at who serves and who does not.
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

    /// Gives up for a while on a neighbour that does not serve.
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

    /// Looks again while something is asked, or may be when a pause ends.
    fn plan_check(&mut self, now: Time) {
        let mut sources = self.neighbours.values().map(|neighbour| &neighbour.source);
        let waits =
            |source: &Source| source.is_asked() || source.paused_until().is_some_and(|until| until > now);
        if self.check_at.is_none() && sources.any(waits) {
            self.check_at = Some(now + CHECK_INTERVAL);
        }
    }

    /// Asks for what differs and what nobody is serving, neighbours in turn, so that all serve at once.
    fn ask(&mut self, now: Time, replicas: &Replicas, settled: impl Fn(Endpoint) -> bool) {
        let mut turn: Vec<Endpoint> = self.neighbours.keys().copied().filter(|one| settled(*one)).collect();
        // Whose live batches still wait is asked when they are worked off.
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

    /// The next thing to ask of a neighbour: what nobody is asked for, or else what is late.
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

    /// Tells our root, or what else we hold now, to everybody who has not heard it.
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

    /// Compares what a neighbour told with what there is now; `first` if it was told just now and the neighbour need not
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
        // It may only be a stroke that is on its way: ask when we still differ after a while.
        let at = now + neighbour.ask_pause + if first { Duration::ZERO } else { PATIENCE };
        neighbour.ask_at = Some(neighbour.ask_at.map_or(at, |planned| planned.min(at)));
    }

    /// Tells of a neighbour that knows of a difference for long and asks for nothing.
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
