//! The steward of one job: it gives out spans, checks results, and keeps the books.
//!
//! # How it works
//! Each unit is open, or belongs to a [`Kept`] result. An open unit is free or in a [`Task`], which has the runs of lenders. A result that
//! must be checked has a [`Probe`]: the units that a trusted peer repeats. So a check and its draw belong to a result and go with it.
//! Whether a task or a probe needs another run is derived from its runs at each step.
//!
//! # Invariants
//! - A unit is accepted once at a time, and credit follows from accepted results alone.
//! - A trusted peer's result counts at once; a stranger that contradicts it is caught.

mod books;
mod giving;
mod news;
mod ranges;
mod results;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use meshwork_core::blobs::BlobId;
use meshwork_core::id::{Endpoint, PeerId};
use meshwork_core::rng::{Rng, Seed};
use meshwork_core::time::Time;

use self::books::Want;
use self::giving::Turn;
use self::news::Headlines;
use self::ranges::Ranges;
use crate::book::{Book, Ended, Standing, State};
use crate::job::{Job, JobId};
use crate::message::{Failure, Span, Tag8};
use crate::order::Orders;
use crate::packet;
use crate::view::Standstill;

/// Time between two books while they change.
pub(crate) const BOOK_EVERY: Duration = Duration::from_secs(30);
/// The same while lenders hold half of the packets that they may: at first, and after some books.
const BOOK_BLOCKED: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(10));
/// Time in which a blob must arrive.
pub(crate) const FETCH_TIME: Duration = Duration::from_secs(30);
/// Least time between two grants.
pub(crate) const GRANT_LEAST: Duration = Duration::from_millis(500);
/// Most time between two grants while the job goes on.
const GRANT_MOST: Duration = Duration::from_secs(2);
/// A job that accepts nothing for this time says so.
const STILL_AFTER: Duration = Duration::from_secs(60);
/// Time in which the first lender should report.
const LENDERS_WITHIN: Duration = Duration::from_secs(20);
/// Most bytes of all results of a job, which the steward keeps in memory.
pub const RESULTS_MAX: u64 = 256 << 20;

/// An output of the steward.
#[derive(Debug)]
pub(crate) enum Out {
    /// Broadcast these grants.
    Grants(Vec<u8>),
    /// Write our book.
    Book(Book),
    /// Write the standing of a peer.
    Standing(PeerId, Standing),
    /// Hold a blob.
    Offer(Vec<u8>),
    /// Hold news for as long as readers fetch them.
    News(Vec<u8>),
    /// Fetch a blob of at most so many bytes.
    Fetch(BlobId, u64),
    /// Run the program's reduction.
    Reduce(Vec<u8>),
    /// Results were accepted, if the job is followed here.
    Accepted(u32, Vec<Vec<u8>>),
    /// Accepted units are open again, if the job is followed here.
    Reopened(Span),
}

/// A lender's work at a task or a probe.
#[derive(Debug)]
struct Run {
    by: Endpoint,
    /// Units that the lender got; stealing may have shortened the task since.
    given: u16,
    since: Time,
    expect: Duration,
    /// Its packet is being fetched.
    is_reported: bool,
    late: Option<Time>,
}

/// Open units that lenders run.
#[derive(Debug)]
struct Task {
    first: u32,
    units: u16,
    runs: Vec<Run>,
}

/// Units of a result that a trusted peer repeats.
#[derive(Debug)]
struct Probe {
    first: u32,
    units: u16,
    runs: Vec<Run>,
}

/// A result, accepted if it has no probe and waits for no draw.
#[derive(Debug)]
struct Kept {
    first: u32,
    units: u16,
    by: PeerId,
    /// The trusted peer that repeated all units.
    confirmed: Option<PeerId>,
    packet: Vec<u8>,
    place: Option<(BlobId, u32, u32)>,
    probe: Option<Probe>,
    /// Whether it has a probe is drawn once the first probes of its lender have agreed.
    waits: bool,
    /// The lender that holds the packet until a book names it.
    holder: Option<(Endpoint, Span)>,
}

impl Kept {
    fn is_accepted(&self) -> bool {
        self.probe.is_none() && !self.waits
    }
}

/// The steward's view of a lender.
#[derive(Debug, Default)]
struct Known {
    taken: u32,
    wants: u8,
    /// Microseconds of a unit.
    per: Option<u64>,
    last_units: u16,
    cores: u8,
    number: u32,
    content: (u32, Vec<Span>, Vec<Span>),
    is_told: bool,
}

/// The books of one job.
#[derive(Debug)]
pub(crate) struct Steward {
    me: Endpoint,
    pub(crate) id: JobId,
    job: Arc<Job>,
    pub(crate) epoch: u32,
    rng: Rng,
    /// For each unit the number of its result; 0 for an open unit.
    of: Vec<u32>,
    kept: BTreeMap<u32, Kept>,
    /// The results that have a probe.
    pending: BTreeSet<u32>,
    /// How many these are, by their lenders.
    probed: BTreeMap<PeerId, u32>,
    /// The results that wait for a draw, by their lenders.
    waiting: BTreeMap<PeerId, BTreeSet<u32>>,
    next: u32,
    /// By first unit. They do not overlap.
    tasks: BTreeMap<u32, Task>,
    free: Ranges,
    /// Open units that failed somewhere and are in no task.
    hard: BTreeSet<u32>,
    failures: BTreeMap<u32, BTreeMap<PeerId, Failure>>,
    lenders: BTreeMap<Endpoint, Known>,
    /// Time between reports of a lender.
    every: Duration,
    turn: Turn,
    standing: BTreeMap<PeerId, Standing>,
    changed_standing: BTreeSet<PeerId>,
    /// Accepted units, and those of them that came from other books.
    accepted: u32,
    restored: u32,
    checked: u32,
    bytes: u64,
    pub(crate) state: State,
    orders: Orders,
    wants: BTreeMap<BlobId, Want>,
    merged: BTreeMap<PeerId, BlobId>,
    /// The index of our peer's book before, until it is merged.
    base: Option<(BlobId, u32)>,
    started: Time,
    is_restoring: bool,
    book_at: Time,
    is_changed: bool,
    /// A lender gets no spans soon, unless a book names its packets.
    is_blocked: bool,
    /// Time between two books while this is so.
    blocked_every: Duration,
    pub(crate) is_refused: bool,
    unbooked: BTreeSet<u32>,
    news: Headlines,
    granted_at: Option<Time>,
    is_dirty: bool,
    numbers: u32,
    accepted_at: Time,
    pub(crate) is_reducing: bool,
    /// Our device may run the program's reduction.
    pub(crate) may_reduce: bool,
    pub(crate) is_followed: bool,
    /// First units of spans whose result went away, for a planted fault alone.
    unchecked: BTreeSet<u32>,
    out: Vec<Out>,
}

/// The beginnings of a steward.
pub(crate) struct Start<'a> {
    pub(crate) seed: Seed,
    pub(crate) me: Endpoint,
    pub(crate) id: JobId,
    pub(crate) job: Arc<Job>,
    pub(crate) epoch: u32,
    pub(crate) books: &'a BTreeMap<PeerId, Book>,
    pub(crate) standing: BTreeMap<PeerId, Standing>,
    pub(crate) orders: Orders,
    pub(crate) is_followed: bool,
}

impl Steward {
    /// Takes a job in charge, from the books of all trusted peers.
    pub(crate) fn new(now: Time, start: Start<'_>) -> Steward {
        let units = start.job.units;
        let mut steward = Steward {
            me: start.me,
            id: start.id,
            epoch: start.epoch,
            rng: Rng::new(start.seed),
            of: vec![0; units as usize],
            kept: BTreeMap::new(),
            pending: BTreeSet::new(),
            probed: BTreeMap::new(),
            waiting: BTreeMap::new(),
            next: 1,
            tasks: BTreeMap::new(),
            free: Ranges::of(units),
            hard: BTreeSet::new(),
            failures: BTreeMap::new(),
            lenders: BTreeMap::new(),
            every: GRANT_LEAST,
            turn: Turn::default(),
            standing: start.standing,
            changed_standing: BTreeSet::new(),
            accepted: 0,
            restored: 0,
            checked: 0,
            bytes: 0,
            state: State::Running,
            orders: start.orders,
            wants: BTreeMap::new(),
            merged: BTreeMap::new(),
            base: start.books.get(&start.me.peer).and_then(|book| book.index),
            started: now,
            is_restoring: true,
            book_at: now,
            is_changed: true,
            is_blocked: false,
            blocked_every: BOOK_BLOCKED.0,
            is_refused: false,
            unbooked: BTreeSet::new(),
            news: Headlines::default(),
            granted_at: None,
            is_dirty: true,
            numbers: 0,
            accepted_at: now,
            is_reducing: false,
            may_reduce: false,
            is_followed: start.is_followed,
            unchecked: BTreeSet::new(),
            out: Vec::new(),
            job: start.job,
        };
        for (peer, book) in start.books {
            steward.handle_book(now, *peer, book);
        }
        steward.write_book(now);
        steward
    }

    /// Leaves the job to another steward: a last book keeps all that is accepted.
    pub(crate) fn leave(&mut self, now: Time) {
        if self.is_changed && !self.state.is_over() && !self.is_restoring {
            self.write_book(now);
        }
    }

    /// Peers that are caught.
    pub(crate) fn caught(&self) -> impl Iterator<Item = PeerId> {
        self.standing.iter().filter(|(_, standing)| standing.is_caught).map(|(peer, _)| *peer)
    }

    /// Whether a peer is caught here.
    pub(crate) fn catches(&self, peer: &PeerId) -> bool {
        self.is_caught(peer)
    }

    /// The outputs since the last call.
    pub(crate) fn take_outputs(&mut self) -> Vec<Out> {
        std::mem::take(&mut self.out)
    }

    /// Orders changed.
    pub(crate) fn handle_orders(&mut self, now: Time, orders: Orders) {
        let ran = self.orders.runs();
        self.orders = orders;
        if self.state.is_over() {
            return;
        }
        if orders.is_cancelled {
            self.end(now, State::Cancelled);
        } else if orders.runs() != ran {
            self.state = if orders.runs() { State::Running } else { State::Paused };
            self.change_runs(|run| run.since = now);
            self.accepted_at = now;
            self.write_book(now);
        }
    }

    /// A row of a trusted peer about the standing of another changed.
    pub(crate) fn handle_standing(&mut self, now: Time, peer: PeerId, standing: Standing) {
        let own = self.standing.entry(peer).or_default();
        own.agreed = own.agreed.max(standing.agreed);
        if standing.is_caught {
            self.convict(now, peer);
        } else {
            own.is_caught = false;
        }
    }

    /// The time between reports, and the cores of lenders: 0 for one that does not lend now. Its spans go back at once.
    pub(crate) fn set_pace<'a>(&mut self, every: Duration, cores: impl Iterator<Item = (&'a Endpoint, u8)>) {
        self.every = every;
        let mut idle = BTreeSet::new();
        for (lender, cores) in cores {
            if let Some(known) = self.lenders.get_mut(lender) {
                let had = std::mem::replace(&mut known.cores, cores);
                if cores == 0 && had > 0 {
                    known.wants = 0;
                    idle.insert(*lender);
                }
            }
        }
        if !idle.is_empty() {
            self.drop_runs(|run| idle.contains(&run.by) && !run.is_reported);
            self.is_dirty = true;
        }
    }

    /// The lenders that lend now.
    fn lending(&self) -> impl Iterator<Item = &Endpoint> {
        self.lenders.iter().filter(|(_, known)| known.cores > 0).map(|(lender, _)| lender)
    }

    /// An endpoint is gone: its spans go back at once.
    pub(crate) fn handle_gone(&mut self, endpoint: &Endpoint) {
        if self.lenders.remove(endpoint).is_some() {
            self.drop_runs(|run| run.by == *endpoint && !run.is_reported);
            self.is_dirty = true;
        }
    }

    /// A write of ours was refused, so the book must be written again.
    pub(crate) fn handle_refused(&mut self) {
        self.is_refused = true;
        let caught = self.standing.iter().filter(|(_, standing)| standing.is_caught);
        self.changed_standing.extend(caught.map(|(peer, _)| *peer));
    }

    /// Does all that is due.
    pub(crate) fn step(&mut self, now: Time) {
        if self.state.is_over() {
            if self.is_refused && now.since(self.book_at) >= Duration::from_secs(5) {
                self.write_book(now);
            }
            return;
        }
        self.retry_fetches(now);
        if self.is_restoring && (self.wants.is_empty() || now.since(self.started) >= FETCH_TIME) {
            self.is_restoring = false;
            self.base = None;
        }
        self.find_late(now);
        for peer in self.waiting.keys().copied().collect::<Vec<PeerId>>() {
            self.draw_waiting(now, &peer);
        }
        let units: Vec<u32> = self.failures.keys().copied().collect();
        for unit in units {
            self.judge(now, unit);
        }
        if self.orders.runs() && !self.is_restoring && !self.is_refused && !self.state.is_over() {
            self.give(now);
            self.complete(now);
        }
        let due = match (self.is_refused, self.is_blocked) {
            (true, _) => Duration::from_secs(5),
            (false, true) => self.blocked_every,
            (false, false) => BOOK_EVERY,
        };
        if (self.is_changed || self.is_refused) && now.since(self.book_at) >= due && !self.state.is_over() {
            if self.is_blocked {
                self.blocked_every = (2 * self.blocked_every).min(BOOK_BLOCKED.1);
            }
            self.write_book(now);
        }
        self.grant(now);
    }

    /// Ends the job and writes the book.
    fn end(&mut self, now: Time, state: State) {
        self.state = state;
        self.tasks.clear();
        self.write_book(now);
        self.is_dirty = true;
    }

    fn fail(&mut self, now: Time, unit: u32, reason: Ended) {
        if !self.state.is_over() {
            self.end(now, State::Failed { unit, reason });
        }
    }

    fn is_caught(&self, peer: &PeerId) -> bool {
        self.standing.get(peer).is_some_and(|standing| standing.is_caught)
    }

    /// Accepted units.
    pub(crate) fn accepted(&self) -> u32 {
        self.accepted
    }

    /// Accepted units that lenders reported to us.
    pub(crate) fn earned(&self) -> u32 {
        self.accepted.saturating_sub(self.restored)
    }

    /// Gives all that is accepted, and from now on all that comes.
    pub(crate) fn follow(&mut self, is_on: bool) {
        self.is_followed = is_on;
        if is_on {
            let all: Vec<u32> =
                self.kept.iter().filter(|(_, kept)| kept.is_accepted()).map(|(number, _)| *number).collect();
            all.into_iter().for_each(|number| self.show(number));
        }
    }

    /// Gives a result to those who follow here.
    fn show(&mut self, number: u32) {
        let Some(kept) = self.kept.get(&number).filter(|_| self.is_followed) else { return };
        let values = packet::results(&self.job, &kept.packet, kept.units.into()).unwrap_or_default();
        let values = values.into_iter().map(<[u8]>::to_vec).collect();
        self.out.push(Out::Accepted(kept.first, values));
    }

    /// The spans that lenders have in hand.
    pub(crate) fn spans(&self) -> Vec<(Endpoint, Span)> {
        self.runs().map(|(first, units, run)| (run.by, (first, units))).collect()
    }

    fn accepted_results(&self) -> impl Iterator<Item = &Kept> {
        self.kept.values().filter(|kept| kept.is_accepted())
    }

    /// Accepted units of each peer.
    pub(crate) fn credit(&self) -> BTreeMap<PeerId, u32> {
        let mut credit = BTreeMap::new();
        for kept in self.accepted_results() {
            *credit.entry(kept.by).or_default() += u32::from(kept.units);
        }
        credit
    }

    /// The peer whose word an accepted unit rests on, and the trusted peer that repeated it.
    pub(crate) fn author(&self, unit: u32) -> Option<(PeerId, Option<PeerId>)> {
        let kept = self.kept.get(self.of.get(unit as usize)?)?;
        kept.is_accepted().then_some((kept.by, kept.confirmed))
    }

    /// The reason that the job does not go on, if it does not.
    pub(crate) fn standstill(&self, now: Time) -> Option<Standstill> {
        if self.is_refused {
            return Some(Standstill::BookRefused);
        }
        if self.is_restoring {
            return Some(Standstill::TakingOver);
        }
        if self.waits_to_reduce() {
            let submitter = self.job.submitter()?;
            return Some(Standstill::NobodyReduces { submitter, steward: self.me });
        }
        if self.is_reducing {
            return None;
        }
        if !self.lending().any(|endpoint| !self.is_caught(&endpoint.peer)) {
            return (now.since(self.started) >= LENDERS_WITHIN).then_some(Standstill::NobodyTakes);
        }
        let has_trusted = self.lending().any(|endpoint| self.job.trusts(&endpoint.peer));
        let waiting: usize = self.pending.len() + self.waiting.values().map(BTreeSet::len).sum::<usize>();
        if !has_trusted
            && let Some((unit, tried)) = self.failures.iter().find(|(unit, _)| self.hard.contains(unit))
        {
            let reason = tried.values().next().cloned();
            return reason.map(|reason| Standstill::UnitFails { unit: *unit, reason });
        }
        if !has_trusted && waiting > 0 && (self.free.is_empty() || now.since(self.accepted_at) >= STILL_AFTER)
        {
            return Some(Standstill::NobodyChecks { results: waiting as u32 });
        }
        if now.since(self.accepted_at) < STILL_AFTER {
            return None;
        }
        let oldest = self.tasks.values().filter_map(|task| task.runs.first().map(|run| (task.first, run)));
        let oldest = oldest.min_by_key(|(_, run)| run.since);
        Some(match oldest {
            Some((unit, run)) => Standstill::Slow { unit, lender: run.by, since: run.since },
            None => Standstill::NobodyTakes,
        })
    }

    /// Units that trusted peers repeated.
    pub(crate) fn checked(&self) -> u32 {
        self.checked
    }

    /// Our short name in reports.
    fn tag(&self) -> Tag8 {
        Tag8::of(&self.me)
    }
}
