//! Anti-entropy: comparing a replica with each neighbour, and fetching the parts that differ.
//!
//! # Problem
//! Gossip carries what is new to who is linked now. Newcomers, and those who were cut off, lack the rest. Some of
//! those who have it are slow, some leave in the middle, and some are hostile.
//!
//! # How it works
//! On attaching, both ends send a summary: the digest of each part that is not empty. Each end then wants from
//! the other the parts that differ, one neighbour a part at a time, so that a newcomer does not get everything
//! from everybody; who serves faster is asked for more, and what one is slow to serve is asked of another as well.
//! Both directions run at once, and merging makes both equal. When a replica has been quiet for [`QUIET`], its
//! digest is told to the neighbours; one that finds it different, while itself quiet, asks for a summary again. So
//! a loss that nobody noticed is repaired too.
//!
//! A sender serves no more than [`SERVE_WINDOW`] bytes ahead of what the receiver has worked off.
//!
//! # Driving it
//! The room calls `handle_*` with the replica at hand and drains [`Comparison::poll_output`].
//!
//! # Invariants
//! - A part is asked of one neighbour at a time, or of two when the first is slow, and of each at most once for one
//!   summary.
//! - Between equal replicas nothing but one digest a change and neighbour is sent.
//! - An honest neighbour is never found lying: what it served under a digest makes that digest.
//!
//! # Limits
//! [`PARTS_IN_FLIGHT_MAX`] parts are asked of one neighbour at a time. A neighbour keeps what it still has to
//! serve as part numbers, at most [`PARTS_MAX`]. Batches of 4 MiB of one part are remembered to check it.
//!
//! [`PARTS_MAX`]: crate::room::message::PARTS_MAX

mod every;
mod serving;
mod source;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

pub use self::every::Comparisons;
use crate::id::Endpoint;
use crate::replica::{Digest, EMPTY_PART_DIGEST, Replica, ReplicaNumber};
pub use crate::room::comparison::serving::SERVE_WINDOW;
use crate::room::comparison::serving::Serving;
use crate::room::comparison::source::{Fault, Source};
pub use crate::room::comparison::source::{LIES_MAX, PARTS_IN_FLIGHT_MAX, SERVE_TIMEOUT};
use crate::room::message::{PartBegin, ReplicaDigest, RoomMessage, Summary, Want, WorkedOff};
use crate::signed::batch::UnverifiedBatch;
use crate::signed::header::Family;
use crate::time::Time;
use crate::wire::Bounded;

/// How long a replica rests before its digest is told: long enough that a stroke's batches share one digest.
pub const QUIET: Duration = Duration::from_millis(250);
/// How long a part may be on its way before another neighbour with nothing else to do is asked for it as well.
pub const ALSO_ASK_AFTER: Duration = Duration::from_secs(3);
/// How long a neighbour may know that we differ without asking for anything. An honest one asks every 30 s.
pub const STALE_AFTER: Duration = Duration::from_secs(120);
/// How often it is looked at who serves, while something is asked.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// First pause before a summary is asked for again; it doubles up to [`ASK_MOST`].
const ASK_LEAST: Duration = Duration::from_secs(1);
const ASK_MOST: Duration = Duration::from_secs(30);
/// Bytes worked off after which a neighbour is told at the latest.
const TAKEN_LEAST: u32 = 32 * 1024;

/// What comes out of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComparisonOutput {
    /// To be sent.
    Send(Endpoint, RoomMessage),
    /// The neighbour's replica equals ours.
    InStep(Endpoint),
    /// The neighbour said something that cannot be so; no honest one does.
    Lied(Endpoint, String),
    /// The neighbour does not serve: an honest one may be as slow, on a bad day.
    Withheld(Endpoint, String),
    /// The neighbour stays behind and asks for nothing.
    Stale(Endpoint, String),
}

#[derive(Debug)]
struct Neighbour {
    /// What it last said of its whole replica.
    digest: Option<Digest>,
    source: Source,
    serving: Serving,
    /// The last digest that we told it.
    told: Option<Digest>,
    in_step: bool,
    /// When to ask for a summary, if we still differ then.
    ask_at: Option<Time>,
    ask_pause: Duration,
    /// Since when it knows that we differ and has not asked for anything.
    idle_since: Option<Time>,
}

/// The comparison of one replica with all neighbours.
#[derive(Debug)]
pub struct Comparison {
    replica: u8,
    /// What a neighbour is taken to have until it says something else.
    unheard: Option<Digest>,
    /// Digest of the rules under which our digests stand.
    rules: Digest,
    neighbours: BTreeMap<Endpoint, Neighbour>,
    tell_at: Option<Time>,
    check_at: Option<Time>,
    /// Whether something changed since parts were last asked for.
    may_ask: bool,
    outputs: VecDeque<ComparisonOutput>,
}

impl Comparison {
    /// Nobody is attached yet.
    pub fn new(replica: ReplicaNumber) -> Comparison {
        Comparison {
            replica: replica.to_byte(),
            // Of a table in which nobody has written nothing is said.
            unheard: (replica.family() != Family::Own).then_some(EMPTY_PART_DIGEST),
            rules: [0; 32],
            neighbours: BTreeMap::new(),
            tell_at: None,
            check_at: None,
            may_ask: false,
            outputs: VecDeque::new(),
        }
    }

    /// A neighbour is attached: sends it our summary.
    pub fn handle_attached(&mut self, now: Time, endpoint: Endpoint, replica: &dyn Replica) {
        let is_silent = self.unheard == Some(replica.digest());
        let neighbour = Neighbour {
            digest: self.unheard,
            source: Source::new(),
            serving: Serving::default(),
            told: self.unheard,
            in_step: is_silent,
            // Its own summary may be lost with a link that another one replaces.
            ask_at: (!is_silent).then_some(now + ASK_LEAST),
            ask_pause: ASK_LEAST,
            idle_since: None,
        };
        self.neighbours.insert(endpoint, neighbour);
        if !is_silent {
            self.send_summary(endpoint, replica);
        }
    }

    /// A neighbour is gone: what was asked of it is asked of others.
    pub fn handle_detached(&mut self, endpoint: Endpoint) {
        let gone = self.neighbours.remove(&endpoint);
        if planted!(LostParts) {
            let parts = gone.iter().flat_map(|gone| gone.source.parts_asked());
            let others = self.neighbours.values_mut();
            let parts: Vec<u32> = parts.collect();
            others.for_each(|other| other.source.handle_lost(&parts));
        }
        self.may_ask = true;
    }

    /// The replica changed.
    pub fn handle_change(&mut self, now: Time) {
        self.tell_at = Some(now + QUIET);
        self.may_ask = true;
        for neighbour in self.neighbours.values_mut() {
            neighbour.in_step = false;
        }
    }

    /// The digest of what decides, beside the batches, what the replica is: records that ban and erase. Digests of
    /// parts are comparable only between members that have the same.
    pub fn handle_rules(&mut self, now: Time, rules: Digest) {
        if self.rules != rules {
            self.rules = rules;
            self.handle_change(now);
            self.neighbours.values_mut().for_each(|neighbour| neighbour.source.handle_rules());
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
            self.tell_at = Some(now + QUIET);
        }
    }

    /// A neighbour's summary: wants from it what differs.
    pub fn handle_summary(&mut self, now: Time, from: Endpoint, summary: &Summary, replica: &dyn Replica) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        if neighbour.digest.replace(summary.digest) != Some(summary.digest) {
            neighbour.idle_since = None;
        }
        neighbour.source.handle_summary(&summary.parts);
        self.may_ask = true;
        self.compare(now, from, replica);
    }

    /// A neighbour's digest: compares it with ours.
    pub fn handle_digest(&mut self, now: Time, from: Endpoint, digest: Digest, replica: &dyn Replica) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        if neighbour.digest.replace(digest) != Some(digest) {
            neighbour.idle_since = None;
        }
        self.compare(now, from, replica);
    }

    /// A neighbour asks for our summary.
    pub fn handle_ask_summary(&mut self, from: Endpoint, replica: &dyn Replica) {
        if let Some(neighbour) = self.neighbours.get_mut(&from) {
            neighbour.idle_since = None;
            self.send_summary(from, replica);
        }
    }

    /// A neighbour wants parts: they are served one by one by [`Comparison::serve`].
    pub fn handle_want(&mut self, from: Endpoint, parts: &[u32]) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        neighbour.idle_since = None;
        neighbour.serving.handle_want(parts);
    }

    /// A neighbour wants parts no longer.
    pub fn handle_unwant(&mut self, from: Endpoint, parts: &[u32]) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        neighbour.serving.handle_unwant(parts);
    }

    /// A neighbour has worked off so many bytes of what we served.
    pub fn handle_told_worked_off(&mut self, from: Endpoint, bytes: u32) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        neighbour.serving.handle_worked_off(bytes);
    }

    /// A neighbour begins to serve a part.
    pub fn handle_part_begin(&mut self, from: Endpoint, begin: PartBegin) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        let fault = neighbour.source.handle_begin(begin, self.rules);
        self.blame(from, fault);
    }

    /// A neighbour sent a batch as one of a wanted part. Returns whether it belongs to a part that was asked of it.
    pub fn handle_part_batch(&mut self, now: Time, from: Endpoint, batch: &UnverifiedBatch) -> bool {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return false };
        match neighbour.source.handle_batch(now, batch) {
            Ok(wanted) => wanted,
            Err(fault) => {
                self.blame(from, Some(fault));
                false
            }
        }
    }

    /// A batch of a wanted part was dropped for want of a place: the part has to be asked for again.
    pub fn handle_part_dropped(&mut self, from: Endpoint) {
        if let Some(neighbour) = self.neighbours.get_mut(&from) {
            neighbour.source.handle_dropped();
        }
    }

    /// Bytes of what a neighbour served are worked off.
    pub fn handle_worked_off(&mut self, now: Time, from: Endpoint, bytes: usize) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        neighbour.source.handle_worked_off(now, bytes);
    }

    /// A neighbour says that it has served all of a part. Returns whether that was asked of it; if so,
    /// [`Comparison::handle_part_end`] is to be called when its batches are worked off.
    pub fn handle_part_end_received(&mut self, now: Time, from: Endpoint, part: u32) -> bool {
        let neighbour = self.neighbours.get_mut(&from);
        neighbour.is_some_and(|neighbour| neighbour.source.handle_end_received(now, part))
    }

    /// All batches that a neighbour served of a part are worked off.
    pub fn handle_part_end(&mut self, now: Time, from: Endpoint, part: u32, replica: &dyn Replica) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        let fault = neighbour.source.handle_end(now, part, replica, self.rules);
        self.blame(from, fault);
        self.may_ask = true;
        self.ask(now, replica, |endpoint| endpoint == from);
        if self.neighbours.values().all(|neighbour| !neighbour.source.is_asked()) {
            // Everything that was to be fetched is here: tell at once, so that others see it.
            self.tell_at = Some(now);
            self.compare(now, from, replica);
        }
    }

    /// Whether anybody wants parts of us.
    pub fn is_serving(&self) -> bool {
        self.neighbours.values().any(|neighbour| neighbour.serving.is_wanted())
    }

    /// The next message for `to` of the parts that it wants: a batch, or the mark that a part begins or is whole.
    pub fn serve(&mut self, to: Endpoint, replica: &dyn Replica) -> Option<RoomMessage> {
        self.neighbours.get_mut(&to)?.serving.serve(self.replica, replica, self.rules)
    }

    /// Tells digests, asks for summaries, and gives up on neighbours that do not serve.
    pub fn handle_timeout(&mut self, now: Time, replica: &dyn Replica) {
        if self.check_at.is_some_and(|at| at <= now) {
            self.check(now, replica);
        }
        if self.tell_at.is_some_and(|at| at <= now) {
            self.tell_at = None;
            self.tell(now, replica);
        }
        let quiet = self.tell_at.is_none();
        for (&endpoint, neighbour) in &mut self.neighbours {
            if neighbour.ask_at.is_none_or(|at| at > now) {
                continue;
            }
            neighbour.ask_at = None;
            if neighbour.in_step {
                continue;
            }
            if quiet && !neighbour.source.is_asked() {
                self.outputs
                    .push_back(ComparisonOutput::Send(endpoint, RoomMessage::AskSummary(self.replica)));
                neighbour.ask_pause = (neighbour.ask_pause * 2).min(ASK_MOST);
            }
            neighbour.ask_at = Some(now + neighbour.ask_pause);
            if neighbour.idle_since.is_some_and(|since| now.since(since) >= STALE_AFTER) {
                neighbour.idle_since = Some(now);
                let seconds = STALE_AFTER.as_secs();
                let detail = format!("it has known for {seconds} s that it differs, and asks for nothing");
                self.outputs.push_back(ComparisonOutput::Stale(endpoint, detail));
            }
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

    /// Tells neighbours what of theirs was worked off: when it is much, or all that `waits` knows of.
    pub fn tell_worked_off(&mut self, waits: impl Fn(Endpoint) -> bool) {
        for (&endpoint, neighbour) in &mut self.neighbours {
            let Some(bytes) = neighbour.source.taken.filter(|bytes| *bytes > 0) else { continue };
            if bytes >= TAKEN_LEAST || !waits(endpoint) {
                neighbour.source.taken = Some(0);
                let taken = RoomMessage::WorkedOff(WorkedOff { replica: self.replica, bytes });
                self.outputs.push_back(ComparisonOutput::Send(endpoint, taken));
            }
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
        self.outputs.push_back(ComparisonOutput::Send(to, RoomMessage::Summary(summary)));
    }

    /// Looks at who serves and who does not.
    fn check(&mut self, now: Time, replica: &dyn Replica) {
        self.check_at = None;
        let endpoints: Vec<Endpoint> = self.neighbours.keys().copied().collect();
        for endpoint in endpoints {
            let Some(neighbour) = self.neighbours.get_mut(&endpoint) else { continue };
            let mut unwanted = neighbour.source.take_superfluous(now, replica);
            if let Some((fault, parts)) = neighbour.source.check(now) {
                unwanted.extend(parts);
                self.blame(endpoint, Some(fault));
            }
            self.send_parts(endpoint, unwanted, RoomMessage::Unwant);
        }
        self.plan_check(now);
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

    /// Asks for parts that differ and that nobody is serving, neighbours in turn, so that all serve at once.
    fn ask(&mut self, now: Time, replica: &dyn Replica, settled: impl Fn(Endpoint) -> bool) {
        let mut wants: BTreeMap<Endpoint, Vec<u32>> = BTreeMap::new();
        let mut turn: Vec<Endpoint> = self.neighbours.keys().copied().filter(|one| settled(*one)).collect();
        // Whose live batches still wait is asked when they are worked off.
        self.may_ask |= turn.len() < self.neighbours.len();
        while !turn.is_empty() {
            turn.retain(|&endpoint| {
                let Some(part) = self.part_for(now, endpoint, replica) else { return false };
                wants.entry(endpoint).or_default().push(part);
                true
            });
        }
        for (endpoint, parts) in wants {
            if let Some(neighbour) = self.neighbours.get_mut(&endpoint)
                && neighbour.source.taken.is_none()
            {
                // The first word of it tells the neighbour that there will be others.
                neighbour.source.taken = Some(0);
                let taken = RoomMessage::WorkedOff(WorkedOff { replica: self.replica, bytes: 0 });
                self.outputs.push_back(ComparisonOutput::Send(endpoint, taken));
            }
            self.send_parts(endpoint, parts, RoomMessage::Want);
        }
        self.plan_check(now);
    }

    /// The next part to ask of a neighbour: one that nobody is asked for, or else one that is late.
    fn part_for(&mut self, now: Time, endpoint: Endpoint, replica: &dyn Replica) -> Option<u32> {
        let mut source = core::mem::replace(&mut self.neighbours.get_mut(&endpoint)?.source, Source::new());
        let part = source.may_be_asked(now).then(|| {
            let asked = |part| self.neighbours.values().filter_map(move |other| other.source.asked_at(part));
            let late = |part| asked(part).count() > 1 || asked(part).any(|at| now.since(at) < ALSO_ASK_AFTER);
            source
                .next_part(replica, |part| asked(part).next().is_some())
                .or_else(|| source.next_part(replica, late))
        });
        let part = part.flatten();
        if let Some(part) = part {
            source.ask(now, part);
        }
        self.neighbours.get_mut(&endpoint)?.source = source;
        part
    }

    fn send_parts(&mut self, to: Endpoint, parts: Vec<u32>, message: fn(Want) -> RoomMessage) {
        if let (false, Ok(parts)) = (parts.is_empty(), Bounded::new(parts)) {
            let want = Want { replica: self.replica, parts };
            self.outputs.push_back(ComparisonOutput::Send(to, message(want)));
        }
    }

    fn blame(&mut self, endpoint: Endpoint, fault: Option<Fault>) {
        self.outputs.extend(fault.map(|fault| match fault {
            Fault::Lied(detail) => ComparisonOutput::Lied(endpoint, detail),
            Fault::Withheld(detail) => ComparisonOutput::Withheld(endpoint, detail),
        }));
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
                self.outputs.push_back(ComparisonOutput::Send(endpoint, message));
            }
            self.compare(now, endpoint, replica);
        }
    }

    fn compare(&mut self, now: Time, endpoint: Endpoint, replica: &dyn Replica) {
        let Some(neighbour) = self.neighbours.get_mut(&endpoint) else { return };
        let Some(theirs) = neighbour.digest else { return };
        if theirs == replica.digest() {
            neighbour.ask_at = None;
            neighbour.idle_since = None;
            neighbour.ask_pause = ASK_LEAST;
            if !neighbour.in_step {
                neighbour.in_step = true;
                self.outputs.push_back(ComparisonOutput::InStep(endpoint));
            }
        } else {
            neighbour.in_step = false;
            if neighbour.told == Some(replica.digest()) {
                neighbour.idle_since.get_or_insert(now);
            } else {
                neighbour.idle_since = None;
            }
            // It may only be a stroke that is on its way: ask when we still differ after a while.
            neighbour.ask_at.get_or_insert(now + neighbour.ask_pause);
        }
    }
}
