//! Anti-entropy: comparing a replica with each neighbour, and fetching the parts that differ.
//!
//! # Problem
//! Gossip carries what is new to who is linked now. Newcomers, and those who were cut off, lack the rest.
//!
//! # How it works
//! On attaching, both ends send a summary: the digest of each part that is not empty. Each end then wants from
//! the other the parts that differ, one neighbour a part at a time, so that a newcomer does not get everything
//! from everybody. Both directions run at once, and merging makes both equal. When a replica has been quiet for
//! [`QUIET`], its digest is told to the neighbours; one that finds it different, while itself quiet, asks for a
//! summary again. So a loss that nobody noticed is repaired too.
//!
//! # Driving it
//! The room calls `handle_*` with the replica at hand and drains [`Sync::poll_output`].
//!
//! # Invariants
//! - A part is asked of one neighbour at a time, and of each at most once for one summary.
//! - Between equal replicas nothing but one digest a change and neighbour is sent.
//!
//! # Limits
//! [`PARTS_IN_FLIGHT_MAX`] parts are asked of one neighbour at a time. A neighbour keeps what it still has to
//! serve as part numbers, at most [`PARTS_MAX`].

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use crate::crdt::replica::{Digest, Replica};
use crate::gossip::batch::SignedBatch;
use crate::id::Endpoint;
use crate::session::message::{PARTS_MAX, PartEnd, ReplicaDigest, ReplicaNumber, RoomMessage, Summary, Want};
use crate::time::Time;
use crate::wire::{Bounded, Bytes};

/// Parts asked of one neighbour at a time: enough to fill a link, few enough to move to another neighbour.
pub const PARTS_IN_FLIGHT_MAX: usize = 16;
/// How long a replica rests before its digest is told: long enough that a stroke's batches share one digest.
pub const QUIET: Duration = Duration::from_millis(250);
/// How long a neighbour may take to serve one part before another is asked.
const SERVE_TIMEOUT: Duration = Duration::from_secs(10);
/// First pause before a summary is asked for again; it doubles up to [`ASK_MOST`].
const ASK_LEAST: Duration = Duration::from_secs(1);
const ASK_MOST: Duration = Duration::from_secs(30);

/// What comes out of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncOutput {
    /// To be sent.
    Send(Endpoint, RoomMessage),
    /// The neighbour's replica equals ours.
    InStep(Endpoint),
}

#[derive(Debug, Default)]
struct Neighbour {
    /// What it last said of its whole replica.
    digest: Option<Digest>,
    /// Parts of its summary that may still have to be asked for.
    unseen: BTreeMap<u32, Digest>,
    /// Parts it wants from us.
    serving: VecDeque<u32>,
    /// The same, for lookup.
    serving_set: BTreeSet<u32>,
    /// The part that is being served, and its batches that are still to be sent.
    open_part: Option<(u32, VecDeque<SignedBatch>)>,
    /// The last digest that we told it.
    told: Option<Digest>,
    in_step: bool,
    /// When to ask for a summary, if we still differ then.
    ask_at: Option<Time>,
    ask_pause: Duration,
}

/// The comparison of one replica with all neighbours.
#[derive(Debug)]
pub struct Sync {
    replica: ReplicaNumber,
    neighbours: BTreeMap<Endpoint, Neighbour>,
    asked: BTreeMap<u32, (Endpoint, Time)>,
    tell_at: Option<Time>,
    /// Whether something changed since parts were last asked for.
    may_ask: bool,
    outputs: VecDeque<SyncOutput>,
}

impl Sync {
    /// Nobody is attached yet.
    pub fn new(replica: ReplicaNumber) -> Sync {
        let (neighbours, asked) = (BTreeMap::new(), BTreeMap::new());
        Sync { replica, neighbours, asked, tell_at: None, may_ask: false, outputs: VecDeque::new() }
    }

    /// A neighbour is attached: sends it our summary.
    pub fn handle_attached(&mut self, endpoint: Endpoint, replica: &dyn Replica) {
        let neighbour = Neighbour { ask_pause: ASK_LEAST, ..Neighbour::default() };
        self.neighbours.insert(endpoint, neighbour);
        self.send_summary(endpoint, replica);
    }

    /// A neighbour is gone: what was asked of it is asked of others.
    pub fn handle_detached(&mut self, endpoint: Endpoint) {
        self.neighbours.remove(&endpoint);
        self.asked.retain(|_, (asked, _)| *asked != endpoint);
        self.may_ask = true;
    }

    /// The replica changed by something other than a wanted part.
    pub fn handle_change(&mut self, now: Time) {
        self.tell_at = Some(now + QUIET);
        self.may_ask = true;
        for neighbour in self.neighbours.values_mut() {
            neighbour.in_step = false;
        }
    }

    /// A neighbour missed something that was meant for it.
    pub fn handle_missed(&mut self, now: Time, endpoint: Endpoint) {
        if let Some(neighbour) = self.neighbours.get_mut(&endpoint) {
            neighbour.in_step = false;
            neighbour.told = None;
            self.tell_at = Some(now + QUIET);
        }
    }

    /// A neighbour's summary: wants from it what differs.
    pub fn handle_summary(&mut self, now: Time, from: Endpoint, summary: &Summary, replica: &dyn Replica) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        neighbour.digest = Some(summary.digest);
        neighbour.unseen = summary.parts.iter().copied().collect();
        self.may_ask = true;
        self.compare(now, from, replica);
    }

    /// A neighbour's digest: compares it with ours.
    pub fn handle_digest(&mut self, now: Time, from: Endpoint, digest: Digest, replica: &dyn Replica) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        neighbour.digest = Some(digest);
        self.compare(now, from, replica);
    }

    /// A neighbour asks for our summary.
    pub fn handle_ask_summary(&mut self, from: Endpoint, replica: &dyn Replica) {
        if self.neighbours.contains_key(&from) {
            self.send_summary(from, replica);
        }
    }

    /// A neighbour wants parts: they are served one by one by [`Sync::serve`].
    pub fn handle_want(&mut self, from: Endpoint, parts: &[u32]) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        for &part in parts {
            if neighbour.serving.len() < PARTS_MAX && neighbour.serving_set.insert(part) {
                neighbour.serving.push_back(part);
            }
        }
    }

    /// A neighbour has sent all of a part that we wanted.
    pub fn handle_part_end(&mut self, now: Time, from: Endpoint, part: u32, replica: &dyn Replica) {
        if self.asked.get(&part).is_some_and(|(asked, _)| *asked == from) {
            self.asked.remove(&part);
        }
        self.ask(now, replica, |endpoint| endpoint == from);
        self.may_ask = true;
        if self.asked.is_empty() {
            // Everything that was to be fetched is here: tell at once, so that others see it.
            self.tell_at = Some(now);
            self.compare(now, from, replica);
        }
    }

    /// The next message for `to` of the parts that it wants: a batch, or the mark that a part is whole.
    pub fn serve(&mut self, to: Endpoint, replica: &dyn Replica) -> Option<RoomMessage> {
        let neighbour = self.neighbours.get_mut(&to)?;
        if neighbour.open_part.is_none() {
            let part = neighbour.serving.pop_front()?;
            neighbour.serving_set.remove(&part);
            neighbour.open_part = Some((part, replica.part_batches(part).into()));
        }
        let (part, batches) = neighbour.open_part.as_mut()?;
        match batches.pop_front() {
            Some(batch) => {
                let bytes = Bytes::new(batch.bytes().to_vec()).expect("a signed batch is within its limit");
                Some(RoomMessage::PartBatch(bytes))
            }
            None => {
                let end = PartEnd { replica: self.replica, part: *part };
                neighbour.open_part = None;
                Some(RoomMessage::PartEnd(end))
            }
        }
    }

    /// Tells digests, asks for summaries, and gives up on neighbours that do not serve.
    pub fn handle_timeout(&mut self, now: Time, replica: &dyn Replica) {
        self.asked.retain(|_, (_, until)| *until > now);
        if self.tell_at.is_some_and(|at| at <= now) {
            self.tell_at = None;
            self.tell(now, replica);
        }
        let quiet = self.tell_at.is_none() && self.asked.is_empty();
        for (&endpoint, neighbour) in &mut self.neighbours {
            if neighbour.ask_at.is_none_or(|at| at > now) {
                continue;
            }
            neighbour.ask_at = None;
            if neighbour.in_step {
                continue;
            }
            if quiet {
                self.outputs.push_back(SyncOutput::Send(endpoint, RoomMessage::AskSummary(self.replica)));
                neighbour.ask_pause = (neighbour.ask_pause * 2).min(ASK_MOST);
            }
            neighbour.ask_at = Some(now + neighbour.ask_pause);
        }
        self.may_ask = true;
    }

    /// Asks for what may be asked for: of those neighbours that `settled` names, whose live batches are all worked
    /// off, since these may bring what is lacking.
    pub fn fetch(&mut self, now: Time, replica: &dyn Replica, settled: impl Fn(Endpoint) -> bool) {
        if core::mem::take(&mut self.may_ask) {
            self.ask(now, replica, settled);
        }
    }

    /// The next thing that [`Sync::handle_timeout`] has to do.
    pub fn poll_timeout(&self) -> Option<Time> {
        let asks = self.neighbours.values().filter_map(|neighbour| neighbour.ask_at);
        let serves = self.asked.values().map(|(_, until)| *until);
        asks.chain(serves).chain(self.tell_at).min()
    }

    /// What is to be sent or told.
    pub fn poll_output(&mut self) -> Option<SyncOutput> {
        self.outputs.pop_front()
    }

    /// Whether the neighbour's replica equalled ours when they were last compared, and nothing changed since.
    pub fn is_in_step(&self, endpoint: Endpoint) -> bool {
        self.neighbours.get(&endpoint).is_some_and(|neighbour| neighbour.in_step)
    }

    fn send_summary(&mut self, to: Endpoint, replica: &dyn Replica) {
        let parts = Bounded::new(replica.parts()).expect("a replica has at most PARTS_MAX parts");
        let summary = Summary { replica: self.replica, digest: replica.digest(), parts };
        if let Some(neighbour) = self.neighbours.get_mut(&to) {
            neighbour.told = Some(summary.digest);
        }
        self.outputs.push_back(SyncOutput::Send(to, RoomMessage::Summary(summary)));
    }

    /// Asks for parts that differ and that nobody is serving.
    fn ask(&mut self, now: Time, replica: &dyn Replica, settled: impl Fn(Endpoint) -> bool) {
        for (&endpoint, neighbour) in &mut self.neighbours {
            if !settled(endpoint) {
                self.may_ask = true;
                continue;
            }
            let mut in_flight = self.asked.values().filter(|(asked, _)| *asked == endpoint).count();
            let mut wanted = Vec::new();
            neighbour.unseen.retain(|&part, theirs| {
                if replica.part_digest(part) == *theirs {
                    return false;
                }
                if in_flight == PARTS_IN_FLIGHT_MAX || self.asked.contains_key(&part) {
                    return true;
                }
                in_flight += 1;
                self.asked.insert(part, (endpoint, now + SERVE_TIMEOUT));
                wanted.push(part);
                false
            });
            if let Ok(parts) = Bounded::new(wanted)
                && !parts.is_empty()
            {
                let want = RoomMessage::Want(Want { replica: self.replica, parts });
                self.outputs.push_back(SyncOutput::Send(endpoint, want));
            }
        }
    }

    /// Tells our digest to everybody who has not heard it.
    fn tell(&mut self, now: Time, replica: &dyn Replica) {
        let digest = replica.digest();
        let endpoints: Vec<Endpoint> = self.neighbours.keys().copied().collect();
        for endpoint in endpoints {
            if let Some(neighbour) = self.neighbours.get_mut(&endpoint)
                && neighbour.told.replace(digest) != Some(digest)
            {
                let message = RoomMessage::Digest(ReplicaDigest { replica: self.replica, digest });
                self.outputs.push_back(SyncOutput::Send(endpoint, message));
            }
            self.compare(now, endpoint, replica);
        }
    }

    fn compare(&mut self, now: Time, endpoint: Endpoint, replica: &dyn Replica) {
        let Some(neighbour) = self.neighbours.get_mut(&endpoint) else { return };
        let Some(theirs) = neighbour.digest else { return };
        if theirs == replica.digest() {
            neighbour.ask_at = None;
            neighbour.ask_pause = ASK_LEAST;
            if !neighbour.in_step {
                neighbour.in_step = true;
                self.outputs.push_back(SyncOutput::InStep(endpoint));
            }
        } else {
            neighbour.in_step = false;
            // It may only be a stroke that is on its way: ask when we still differ after a while.
            neighbour.ask_at.get_or_insert(now + neighbour.ask_pause);
        }
    }
}
