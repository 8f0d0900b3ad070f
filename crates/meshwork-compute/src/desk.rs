//! The machine of one endpoint in the slot of one app: jobs, the lender, and a steward for each job that it is in charge of.
//!
//! The library drives it as a session: [`Desk::handle`], [`Desk::poll_output`], [`Desk::poll_timeout`].

mod charge;
mod follow;
mod loading;
mod reading;
mod reducing;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use meshwork_core::blobs::BlobId;
use meshwork_core::id::{Endpoint, PeerId, RoomId};
use meshwork_core::rng::{Rng, Seed};
use meshwork_core::table::Writer;
use meshwork_core::time::Time;
use meshwork_core::wire::Bounded;

use self::follow::Follow;
use crate::book::{BOOK_FIELD, Book, Index, STANDING_ROW, Standing};
use crate::form::FormatError;
use crate::io::{Input, Output};
use crate::job::{JOB_FIELD, Job, JobId};
use crate::lender::{Lender, SERVED_MAX, Terms};
use crate::message::{GRANT, Grants, Offer, REPORT, Report, Tag8};
use crate::order::{CANCEL_FIELD, ORDER_FIELD, Order, Orders};
use crate::pool::Told;
use crate::steward::{Out, Steward};

/// Most open jobs in a slot. Others wait.
pub const JOBS_MAX: usize = 64;
/// Most open jobs of a submitter.
pub const JOBS_OF_PEER_MAX: usize = 16;
/// Fetches at a time: half of those of a room.
const FETCHES: usize = 8;
/// Fetches that begin within a beat: others of the room answer 64 questions a second.
const FETCHES_A_BEAT: usize = 8;
/// Time between two steps.
const BEAT: Duration = Duration::from_millis(250);
/// A book of ours without a job is removed after this time: the job may come later than the book.
const ORPHANED: Duration = Duration::from_secs(60);
/// Least time between two reports.
const REPORT_LEAST: Duration = Duration::from_millis(500);
/// Time between reports for each lender in the room, so that a room gets about 50 a second.
const REPORT_EACH: Duration = Duration::from_millis(20);

/// A job that cannot be submitted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// A field is out of its range.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The first trusted peer must be the submitter.
    #[error("the first trusted peer is not the submitter: list yourself first")]
    NotFirst,
    /// The submitter has too many open jobs.
    #[error("{0} jobs of yours are open, which is the limit: cancel one or wait")]
    TooMany(usize),
}

/// The fields of one job's row.
#[derive(Debug, Default)]
struct Slot {
    job: Option<Arc<Job>>,
    orders: BTreeMap<PeerId, Order>,
    cancels: BTreeSet<PeerId>,
    moderators: Order,
    is_cancelled_by_moderators: bool,
    books: BTreeMap<PeerId, Book>,
    /// Epoch and time of the last grants of each steward.
    heard: BTreeMap<Endpoint, (u32, Time)>,
    accepted: u32,
    accepted_at: Option<Time>,
    steward: Option<Steward>,
    /// The time since which we are the one to take charge.
    waits: Option<Time>,
    /// The endpoint in charge that is watched, and the time of its last sign.
    watched: Option<(Endpoint, Time)>,
    /// The submitter removed the job. Old books do not bring it back.
    is_erased: bool,
    /// The time since which our book lies here without a job.
    orphan: Option<Time>,
    /// Blobs that are here for this job: fetched ones, and those of our books.
    here: BTreeSet<BlobId>,
    /// News that are here, ours or fetched, since when.
    news: VecDeque<(Time, BlobId)>,
    /// News that are being fetched.
    news_to_come: BTreeSet<BlobId>,
    /// The last index of the book that counts, if it was fetched.
    index: Option<(BlobId, Index)>,
    follow: Option<Follow>,
    /// Accepted units at some times of the last 30 s.
    pace: VecDeque<(Time, u32)>,
    /// All results, until the program is here that reduces them.
    reduces: Option<Vec<u8>>,
    /// The program is loaded for its reduction alone.
    is_loaded: bool,
    /// The first failed fetch of the outcome, and the last.
    lost: Option<(Time, Time)>,
    code: Option<Vec<u8>>,
    input: Option<Vec<u8>>,
}

impl Slot {
    fn orders(&self) -> Orders {
        let submitter = self.job.as_ref().and_then(|job| job.submitter());
        let by_submitter = submitter.and_then(|peer| self.orders.get(&peer)).copied().unwrap_or_default();
        let is_cancelled =
            submitter.is_some_and(|peer| self.cancels.contains(&peer)) || self.is_cancelled_by_moderators;
        Orders { submitter: by_submitter, moderators: self.moderators, is_cancelled }
    }
}

/// Standing by writer, kind of program and peer.
type Standings = BTreeMap<(PeerId, u8, PeerId), Standing>;

/// Whether a trusted peer of the job has caught a peer, in any kind of program.
fn is_caught(standings: &Standings, job: &Job, peer: &PeerId) -> bool {
    standings.iter().any(|((by, _, of), standing)| standing.is_caught && of == peer && job.trusts(by))
}

/// Units that an endpoint with this offer runs at once now.
fn cores(offer: &Offer) -> u8 {
    if offer.is_paused { 0 } else { offer.cores }
}

/// The machine of one endpoint.
#[derive(Debug)]
pub struct Desk {
    me: Endpoint,
    room: RoomId,
    rng: Rng,
    now: Time,
    jobs: BTreeMap<JobId, Slot>,
    standing: Standings,
    offers: BTreeMap<Endpoint, Offer>,
    gone: BTreeSet<Endpoint>,
    terms: Option<Terms>,
    lender: Lender,
    /// The running units that our presence names, and the time of that.
    published: (u8, Time),
    /// Endpoints here that lend now, once they were counted.
    lending: Cell<Option<usize>>,
    stepped: Option<Time>,
    fetching: BTreeSet<BlobId>,
    /// Fetches that began since the last step.
    begun: usize,
    queue: VecDeque<(BlobId, u64)>,
    /// The jobs that wait for a blob.
    waiting: BTreeMap<BlobId, BTreeSet<JobId>>,
    retries: BTreeMap<(JobId, BlobId), Time>,
    out: VecDeque<Output>,
}

impl Desk {
    /// A machine that does not lend yet. All that is random follows from `seed`.
    pub fn new(seed: Seed, me: Endpoint, room: RoomId) -> Desk {
        let mut rng = Rng::new(seed);
        let lender = Lender::new(rng.bytes());
        let mut desk = Desk {
            me,
            room,
            rng,
            now: Time(0),
            jobs: BTreeMap::new(),
            standing: BTreeMap::new(),
            offers: BTreeMap::new(),
            gone: BTreeSet::new(),
            terms: None,
            lender,
            published: (0, Time(0)),
            lending: Cell::new(None),
            stepped: None,
            fetching: BTreeSet::new(),
            begun: 0,
            queue: VecDeque::new(),
            waiting: BTreeMap::new(),
            retries: BTreeMap::new(),
            out: VecDeque::new(),
        };
        desk.publish();
        desk
    }

    /// Submits a job of ours and returns its name.
    ///
    /// # Errors
    /// [`SubmitError`]: nothing was written.
    pub fn submit(&mut self, job: &Job) -> Result<JobId, SubmitError> {
        let value = job.encode();
        Job::decode(&value)?;
        if job.submitter() != Some(self.me.peer) {
            return Err(SubmitError::NotFirst);
        }
        let is_mine = |slot: &&Slot| slot.job.as_ref().and_then(|job| job.submitter()) == Some(self.me.peer);
        let open = self.jobs.values().filter(is_mine).filter(|slot| !self.is_over(slot)).count();
        if open >= JOBS_OF_PEER_MAX {
            return Err(SubmitError::TooMany(open));
        }
        let id = JobId::of(&self.room, &self.me.peer, &value);
        self.write(id.row(), Writer::Peer(self.me.peer), JOB_FIELD.to_vec(), Some(value));
        Ok(id)
    }

    /// Writes an order about a job: as its submitter, or as a moderator.
    pub fn order(&mut self, id: &JobId, order: Order) {
        let writer = self.order_writer(id);
        self.write(id.row(), writer, ORDER_FIELD.to_vec(), Some(order.encode()));
    }

    /// Cancels a job for good: as its submitter, or as a moderator.
    pub fn cancel(&mut self, id: &JobId) {
        let writer = self.order_writer(id);
        self.write(id.row(), writer, CANCEL_FIELD.to_vec(), Some(vec![crate::VERSION]));
    }

    /// Erases a job of ours from the room: all that runs of it ends, and everybody forgets its results. Nothing happens to a job of
    /// another peer.
    pub fn erase(&mut self, id: &JobId) {
        let me = self.me.peer;
        let Some(slot) = self.jobs.get(id) else { return };
        if slot.job.as_ref().and_then(|job| job.submitter()) != Some(me) {
            return;
        }
        let (has_order, is_cancelled) = (slot.orders.contains_key(&me), slot.cancels.contains(&me));
        let fields = [(JOB_FIELD, true), (ORDER_FIELD, has_order), (CANCEL_FIELD, is_cancelled)];
        for (name, _) in fields.into_iter().filter(|(_, is_there)| *is_there) {
            self.write(id.row(), Writer::Peer(me), name.to_vec(), None);
        }
    }

    /// Pardons a peer: our word that it was caught is withdrawn. It gets spans again when each trusted peer has done so.
    pub fn pardon(&mut self, peer: &PeerId) {
        let is_ours = |(by, _, of): &(PeerId, u8, PeerId)| *by == self.me.peer && of == peer;
        let caught = self.standing.iter().filter(|(key, standing)| is_ours(key) && standing.is_caught);
        let kinds: Vec<u8> = caught.map(|((_, kind, _), _)| *kind).collect();
        for kind in kinds {
            let (name, value) = ([&[kind], &peer.0[..]].concat(), Standing::default().encode());
            self.write(STANDING_ROW.to_vec(), Writer::Peer(self.me.peer), name, Some(value));
        }
    }

    fn order_writer(&self, id: &JobId) -> Writer {
        let submitter = self.jobs.get(id).and_then(|slot| slot.job.as_ref()?.submitter());
        if submitter == Some(self.me.peer) { Writer::Peer(self.me.peer) } else { Writer::Moderators }
    }

    /// Lends on these terms; `None` ends it, with all that runs.
    pub fn lend(&mut self, now: Time, terms: Option<Terms>) {
        self.now = now;
        let cores = terms.as_ref().map_or(0, |terms| terms.cores.clamp(1, 128));
        let served = self.lender.served();
        self.lender.set_cores(now, cores, terms.as_ref().is_some_and(|terms| terms.is_paused));
        self.terms = terms;
        for id in served {
            let admits =
                self.jobs.get(&id).and_then(|slot| slot.job.as_ref()).is_some_and(|job| self.admits(job));
            if !admits {
                self.lender.stop(&id);
                self.reduce_again(&id);
            }
        }
        self.publish();
        self.step();
        self.flush();
    }

    fn admits(&self, job: &Job) -> bool {
        self.terms.as_ref().is_some_and(|terms| terms.admit(&self.me.peer, job))
    }

    fn publish(&mut self) {
        let mut offer = Offer { runs: self.running(), ..Offer::default() };
        self.published = (offer.runs, self.now);
        self.lending.set(None);
        if let Some(terms) = &self.terms {
            offer.cores = terms.cores.clamp(1, 128);
            offer.engines = terms.engines;
            offer.card = terms.card.clone();
            offer.is_paused = terms.is_paused;
            offer.offers = Bounded::new(terms.offers.iter().take(8).cloned().collect()).unwrap_or_default();
        }
        self.offers.insert(self.me, offer.clone());
        self.out.push_back(Output::Presence(offer.encode()));
    }

    fn running(&self) -> u8 {
        self.lender.running().min(255) as u8
    }

    /// Publishes the number of running units if it changed, no oftener than every ten reports.
    fn publish_runs(&mut self, every: Duration) {
        let (runs, at) = self.published;
        if runs != self.running() && self.now.since(at) >= 10 * every {
            self.publish();
        }
    }

    fn write(&mut self, row: Vec<u8>, writer: Writer, name: Vec<u8>, value: Option<Vec<u8>>) {
        self.out.push_back(Output::Write { row, writer, name, value });
    }

    /// Handles an input. Anything malformed is ignored.
    pub fn handle(&mut self, now: Time, input: Input<'_>) {
        self.now = self.now.max(now);
        if matches!(input, Input::Link { .. } | Input::Presence { .. }) {
            self.lending.set(None);
        }
        match input {
            Input::Link { endpoint, is_here } => self.handle_link(endpoint, is_here),
            Input::Presence { endpoint, value } => match value.and_then(|value| Offer::decode(value).ok()) {
                Some(offer) => drop(self.offers.insert(endpoint, offer)),
                None => {
                    self.offers.remove(&endpoint);
                    self.lose(&endpoint);
                }
            },
            Input::Message { from, topic, bytes } => self.handle_message(from, topic, bytes),
            Input::Row { row, writer, name, value } => self.handle_row(row, writer, name, value),
            Input::NotWritten { row } => {
                let id = JobId::of_row(row);
                let slots = self.jobs.iter_mut().filter(|(job, _)| row == STANDING_ROW || id == Some(**job));
                slots.filter_map(|(_, slot)| slot.steward.as_mut()).for_each(Steward::handle_refused);
            }
            Input::Fetched { blob, bytes } => self.handle_fetched(blob, bytes),
            Input::Told(Told::Ran { run, unit, result, micros }) => {
                self.lender.handle_ran(self.now, run, unit, result, micros)
            }
            Input::Told(Told::Reduced { job, result }) => {
                self.handle_reduced(job, result);
            }
            Input::Timeout => self.step(),
        }
        self.flush();
    }

    /// The next output, until there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// The time at which to call it with [`Input::Timeout`]; `None` while no job is open and nothing must be fetched.
    pub fn poll_timeout(&self) -> Option<Time> {
        let is_hungry = |slot: &Slot| slot.follow.is_some() && self.lacks_results(slot);
        let is_open = |slot: &Slot| {
            slot.job.is_some()
                && (!self.is_over(slot)
                    || self.lacks_outcome(slot).is_some()
                    || is_hungry(slot)
                    || !slot.news.is_empty())
        };
        // Of a job that is over, runs must end.
        let is_due =
            |(id, slot): (&JobId, &Slot)| is_open(slot) || slot.orphan.is_some() || self.lender.serves(id);
        let is_open = !self.queue.is_empty() || self.jobs.iter().any(is_due);
        let is_open = is_open || self.published.0 != self.running();
        is_open.then(|| self.stepped.map_or(self.now, |at| at + BEAT))
    }

    fn handle_link(&mut self, endpoint: Endpoint, is_here: bool) {
        if is_here {
            self.gone.remove(&endpoint);
        } else {
            self.gone.insert(endpoint);
            self.lose(&endpoint);
        }
    }

    /// An endpoint is gone, or takes part no longer.
    fn lose(&mut self, endpoint: &Endpoint) {
        let stewards = self.jobs.values_mut().filter_map(|slot| slot.steward.as_mut());
        stewards.for_each(|steward| steward.handle_gone(endpoint));
    }

    /// Units that an endpoint runs at once now. 0 if it does not lend, or is paused.
    fn cores(&self, endpoint: &Endpoint) -> u8 {
        self.offers.get(endpoint).map_or(0, cores)
    }

    /// Whether an endpoint takes part and is here.
    fn is_here(&self, endpoint: &Endpoint) -> bool {
        self.offers.contains_key(endpoint) && !self.gone.contains(endpoint)
    }

    fn handle_message(&mut self, from: Endpoint, topic: &str, bytes: &[u8]) {
        if topic == REPORT {
            // Only a steward reads reports.
            if self.jobs.values().all(|slot| slot.steward.is_none()) {
                return;
            }
            let Ok(report) = Report::decode(bytes) else { return };
            let (is_here, cores) = (self.is_here(&from), self.cores(&from));
            let slot = self.jobs.get_mut(&report.job).filter(|_| is_here);
            if let Some(steward) = slot.and_then(|slot| slot.steward.as_mut()) {
                steward.handle_report(self.now, from, cores, &report);
            }
        } else if topic == GRANT {
            let Ok(grants) = Grants::decode(bytes) else { return };
            self.handle_grants(from, &grants);
        }
    }

    fn handle_grants(&mut self, from: Endpoint, grants: &Grants) {
        let now = self.now;
        let Some(slot) = self.jobs.get_mut(&grants.job) else { return };
        let Some(rank) = slot.job.as_ref().and_then(|job| job.rank(&from.peer)) else { return };
        let heard = slot.heard.entry(from).or_insert((0, now));
        *heard = (heard.0.max(grants.epoch), now);
        let key = (grants.epoch, std::cmp::Reverse(rank), from.instance);
        let (offers, gone, me) = (&self.offers, &self.gone, self.me);
        let is_here = |endpoint: &Endpoint| {
            *endpoint == me || offers.contains_key(endpoint) && !gone.contains(endpoint)
        };
        self.lender.handle_grants(now, from, key, grants, &Tag8::of(&me), is_here);
        // Another trusted endpoint may still send grants of an epoch before.
        let boss = self.jobs.get(&grants.job).and_then(|slot| self.in_charge(slot));
        let is_in_charge = boss.is_none_or(|boss| boss == from);
        let Some(slot) = self.jobs.get_mut(&grants.job).filter(|_| is_in_charge) else { return };
        if grants.accepted != slot.accepted {
            (slot.accepted, slot.accepted_at) = (grants.accepted, Some(now));
            self.out.push_back(Output::Changed(grants.job));
        }
        self.hear_news(key, grants);
    }

    fn handle_row(&mut self, row: &[u8], writer: Writer, name: &[u8], value: Option<&[u8]>) {
        if row == STANDING_ROW {
            return self.handle_standing(writer, name, value);
        }
        let Some(id) = JobId::of_row(row) else { return };
        let slot = self.jobs.entry(id).or_default();
        match (writer, name) {
            (Writer::Peer(peer), JOB_FIELD) => {
                let is_named = |value: &&[u8]| JobId::of(&self.room, &peer, value) == id;
                let job = value.filter(is_named).and_then(|value| Job::decode(value).ok());
                let job = job.filter(|job| job.submitter() == Some(peer));
                match (job, slot.job.as_ref().and_then(|job| job.submitter())) {
                    (Some(job), None) => {
                        (slot.job, slot.is_erased, slot.orphan) = (Some(Arc::new(job)), false, None);
                    }
                    (None, Some(submitter)) if submitter == peer => return self.forget(id),
                    _ => return,
                }
            }
            (Writer::Peer(peer), ORDER_FIELD) => {
                match value.and_then(|value| Order::decode(value).ok()) {
                    Some(order) => slot.orders.insert(peer, order),
                    None => slot.orders.remove(&peer),
                };
            }
            (Writer::Moderators, ORDER_FIELD) => {
                slot.moderators = value.and_then(|value| Order::decode(value).ok()).unwrap_or_default();
            }
            (Writer::Peer(peer), CANCEL_FIELD) if value.is_some() => drop(slot.cancels.insert(peer)),
            (Writer::Moderators, CANCEL_FIELD) if value.is_some() => slot.is_cancelled_by_moderators = true,
            (Writer::Peer(peer), BOOK_FIELD) => {
                if peer == self.me.peer && slot.job.is_none() {
                    let since = if slot.is_erased { Time(0) } else { self.now };
                    slot.orphan = value.map(|_| slot.orphan.unwrap_or(since));
                }
                match value.and_then(|value| Book::decode(value).ok()) {
                    Some(book) => {
                        slot.books.insert(peer, book);
                        self.handle_book(id, peer);
                    }
                    None => drop(slot.books.remove(&peer)),
                }
            }
            _ => return,
        }
        let now = self.now;
        if let Some(slot) = self.jobs.get_mut(&id) {
            let orders = slot.orders();
            if let Some(steward) = &mut slot.steward {
                steward.handle_orders(now, orders);
            }
            if orders.is_cancelled {
                self.lender.stop(&id);
            } else {
                self.lender.pause(now, &id, !orders.runs());
            }
        }
        self.out.push_back(Output::Changed(id));
    }

    fn handle_standing(&mut self, writer: Writer, name: &[u8], value: Option<&[u8]>) {
        let (Writer::Peer(by), Some((kind, peer))) = (writer, Standing::of_field(name)) else { return };
        let standing = value.and_then(|value| Standing::decode(value).ok()).unwrap_or_default();
        self.standing.insert((by, kind, peer), standing);
        let now = self.now;
        for slot in self.jobs.values_mut() {
            let (Some(job), Some(steward)) = (&slot.job, &mut slot.steward) else { continue };
            if !job.trusts(&by) {
                continue;
            }
            let is_caught = is_caught(&self.standing, job, &peer);
            let agreed = if job.program.kind.number() == kind { standing.agreed } else { 0 };
            let is_pardon = !is_caught && standing == Standing::default();
            if is_caught || is_pardon || !steward.catches(&peer) {
                steward.handle_standing(now, peer, Standing { agreed, is_caught });
            }
        }
    }

    /// Does all that is due.
    fn step(&mut self) {
        if self.stepped.is_some_and(|at| self.now.since(at) < BEAT) {
            return;
        }
        self.stepped = Some(self.now);
        self.begun = 0;
        self.begin_fetches();
        let every = self.report_every();
        for id in self.open_jobs() {
            self.take_charge(id);
            self.load(id);
            self.fetch_results(id);
            self.free_news(id);
            self.measure(id);
            let may_reduce = self.may_reduce(&id);
            if let Some(steward) = self.jobs.get_mut(&id).and_then(|slot| slot.steward.as_mut()) {
                steward.set_pace(every, self.offers.iter().map(|(endpoint, offer)| (endpoint, cores(offer))));
                steward.may_reduce = may_reduce;
                steward.step(self.now);
            }
        }
        self.remove_orphans();
        self.lender.report(self.now, every);
        self.publish_runs(every);
        self.flush();
    }

    /// Removes our books whose job was erased, also while we were away.
    fn remove_orphans(&mut self) {
        let now = self.now;
        let is_old = |slot: &&mut Slot| slot.orphan.is_some_and(|at| now.since(at) >= ORPHANED);
        let mut old = Vec::new();
        for (id, slot) in &mut self.jobs {
            if Some(slot).filter(is_old).is_some_and(|slot| slot.orphan.replace(now).is_some()) {
                old.push(*id);
            }
        }
        for id in old {
            self.write(id.row(), Writer::Peer(self.me.peer), BOOK_FIELD.to_vec(), None);
        }
    }

    /// The jobs that count: at most [`JOBS_MAX`] open ones, and [`JOBS_OF_PEER_MAX`] of a submitter, in the order of their names.
    /// Those that ended are listed too.
    fn open_jobs(&self) -> Vec<JobId> {
        let mut of_peer: BTreeMap<PeerId, usize> = BTreeMap::new();
        let mut open = 0;
        let counts = |(id, slot): (&JobId, &Slot)| {
            let submitter = slot.job.as_ref()?.submitter()?;
            if !self.is_over(slot) && !slot.orders().is_cancelled {
                let own = of_peer.entry(submitter).or_default();
                if open >= JOBS_MAX || *own >= JOBS_OF_PEER_MAX {
                    return None;
                }
                (open, *own) = (open + 1, *own + 1);
            }
            Some(*id)
        };
        self.jobs.iter().filter_map(counts).collect()
    }

    /// Time between two reports of a lender.
    fn report_every(&self) -> Duration {
        let count = self.lending.get().unwrap_or_else(|| self.lending().count());
        self.lending.set(Some(count));
        REPORT_LEAST.max(REPORT_EACH * count as u32)
    }

    /// Carries the outputs of stewards and lender on. Our own messages are handled here too.
    fn flush(&mut self) {
        loop {
            let mut outputs: Vec<(JobId, Out)> = Vec::new();
            for (id, slot) in &mut self.jobs {
                let out = slot.steward.as_mut().map(Steward::take_outputs).unwrap_or_default();
                outputs.extend(out.into_iter().map(|out| (*id, out)));
            }
            let lent = self.lender.take_outputs();
            if outputs.is_empty() && lent.is_empty() {
                return;
            }
            for (id, output) in outputs {
                self.carry(id, output);
            }
            for output in lent {
                match &output {
                    Output::Say { topic, bytes } => self.handle_message(self.me, topic, &bytes.clone()),
                    Output::Free(blob) if self.has(blob) => continue,
                    _ => (),
                }
                self.out.push_back(output);
            }
        }
    }

    fn carry(&mut self, id: JobId, output: Out) {
        let me = Writer::Peer(self.me.peer);
        match output {
            Out::Grants(bytes) => {
                self.out.push_back(Output::Say { topic: GRANT, bytes: bytes.clone() });
                self.handle_message(self.me, GRANT, &bytes);
            }
            Out::Book(book) => {
                self.write(id.row(), me, BOOK_FIELD.to_vec(), Some(book.encode()));
                self.out.push_back(Output::Changed(id));
            }
            Out::Standing(peer, standing) => {
                let Some(kind) = self.jobs.get(&id).and_then(|slot| Some(slot.job.as_ref()?.program.kind))
                else {
                    return;
                };
                let name = Standing::field(kind, &peer);
                self.write(STANDING_ROW.to_vec(), me, name, Some(standing.encode()));
            }
            Out::Offer(bytes) => {
                let blob = BlobId(*blake3::hash(&bytes).as_bytes());
                if let Some(slot) = self.jobs.get_mut(&id) {
                    slot.here.insert(blob);
                }
                self.out.push_back(Output::Offer(bytes));
            }
            Out::News(bytes) => {
                self.hold_news(id, BlobId(*blake3::hash(&bytes).as_bytes()));
                self.out.push_back(Output::Offer(bytes));
            }
            Out::Fetch(blob, at_most) => self.fetch(id, blob, at_most),
            Out::Reduce(packet) => {
                if let Some(slot) = self.jobs.get_mut(&id) {
                    slot.reduces = Some(packet);
                }
                self.load(id);
            }
            Out::Accepted(first, values) => self.show(id, |follow| follow.accept(first, values)),
            Out::Reopened((first, units)) => self.show(id, |follow| follow.lose(first, units.into())),
        }
    }
}
