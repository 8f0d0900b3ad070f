//! The scheduler as a session of the library, and the pool behind it.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use meshwork_compute::book::STANDING_ROW;
use meshwork_compute::message::{GRANT, REPORT};
use meshwork_compute::{Desk, Input as DeskInput, JobId, Pool, PoolOrder, RunId, Terms, Told, job};
use meshwork_core::id::Endpoint as EndpointId;
use meshwork_core::rng::Seed;
use meshwork_core::table::{Write, Writer};
use meshwork_core::time::Time;
use tokio::sync::{mpsc, watch};

use super::job::ResultChange;
use crate::error::WriteError;
use crate::session::{Entry, Handle, Input, Linked, Output, Session};
use crate::shared::{RoomState, locked};

/// The machine of one endpoint, with the rows that were refused.
pub(super) struct DeskSession {
    /// The machine, once the room is open and has a name.
    desk: Option<Desk>,
    start: (Seed, EndpointId),
    room: Arc<RoomState>,
    /// Writes about jobs that were refused, for those who wait for them.
    pub(super) refused: BTreeMap<JobId, WriteError>,
    /// How often fields of jobs were written, by this person or the moderators.
    pub(super) written: BTreeMap<(JobId, Vec<u8>), u64>,
    lends: Option<Terms>,
    is_changed: bool,
}

/// An effect of the machine in the rest of this program.
pub(super) enum Effect {
    Pool(PoolOrder),
    Results(JobId, ResultChange),
    /// Something reads differently.
    Changed,
}

impl DeskSession {
    pub(super) fn new(seed: Seed, me: EndpointId, room: Arc<RoomState>) -> DeskSession {
        DeskSession {
            desk: None,
            start: (seed, me),
            room,
            refused: BTreeMap::new(),
            written: BTreeMap::new(),
            lends: None,
            is_changed: false,
        }
    }

    /// The machine; `None` before the room is open.
    pub(super) fn desk(&self) -> Option<&Desk> {
        self.desk.as_ref()
    }

    /// The same to act on.
    pub(super) fn desk_mut(&mut self) -> Option<&mut Desk> {
        if self.desk.is_none() {
            let room = self.room.look(|known| known.link.as_ref()?.room())?;
            let mut desk = Desk::new(self.start.0, self.start.1, room);
            if let Some(terms) = self.lends.take() {
                desk.lend(Time(0), Some(terms));
            }
            self.desk = Some(desk);
            self.is_changed = true;
        }
        self.desk.as_mut()
    }

    /// Lends on these terms, or no more. Before the room is open it is kept for then.
    pub(super) fn lend(&mut self, now: Time, terms: Option<Terms>) {
        match self.desk_mut() {
            Some(desk) => desk.lend(now, terms),
            None => self.lends = terms,
        }
    }

    fn hand(&mut self, now: Time, input: DeskInput<'_>) {
        if let Some(desk) = self.desk_mut() {
            desk.handle(now, input);
        }
    }
}

impl Session for DeskSession {
    type Effect = Effect;
    const TOPICS: &'static [&'static str] = &[REPORT, GRANT];
    const ROWS: &'static [&'static [u8]] = &[&job::ROW, &STANDING_ROW];

    fn handle(&mut self, now: Time, input: Input<'_>) {
        self.is_changed |= !matches!(input, Input::Message { .. } | Input::Timeout);
        match input {
            Input::Link { endpoint, link } => {
                let is_here = !matches!(link, Linked::Gone { .. });
                self.hand(now, DeskInput::Link { endpoint, is_here });
            }
            Input::Presence { endpoint, value } => self.hand(now, DeskInput::Presence { endpoint, value }),
            Input::Message { from, topic, bytes, .. } => {
                self.hand(now, DeskInput::Message { from, topic, bytes })
            }
            Input::Row { row, field: (writer, name), entry } => {
                let value = entry.and_then(Entry::value);
                let is_ours =
                    matches!(writer, Writer::Moderators) || writer == Writer::Peer(self.start.1.peer);
                if let Some(id) = JobId::of_row(row).filter(|_| is_ours) {
                    *self.written.entry((id, name.to_vec())).or_default() += 1;
                }
                self.hand(now, DeskInput::Row { row, writer, name, value });
            }
            Input::NotWritten { writes, error } => {
                for write in writes {
                    if let Some(id) = JobId::of_row(&write.row) {
                        self.refused.insert(id, error.clone());
                    }
                    self.hand(now, DeskInput::NotWritten { row: &write.row });
                }
            }
            Input::Fetched { blob, bytes } => self.hand(now, DeskInput::Fetched { blob, bytes: bytes.ok() }),
            Input::Timeout => self.hand(now, DeskInput::Timeout),
            // Others fetch what is offered, and try again if it is not here.
            Input::Offered { .. } => (),
        }
    }

    fn poll_output(&mut self) -> Option<Output<Effect>> {
        use meshwork_compute::Output as Out;
        let Some(output) = self.desk_mut()?.poll_output() else {
            return std::mem::take(&mut self.is_changed).then_some(Output::Effect(Effect::Changed));
        };
        Some(match output {
            Out::Say { topic, bytes } => Output::Say { topic, bytes },
            Out::Presence(value) => Output::Presence(Some(value)),
            Out::Write { row, writer, name, value } => {
                Output::Write(vec![Write { row, field: writer.field(&name), value }])
            }
            Out::Offer(bytes) => Output::Offer(bytes),
            Out::Fetch { blob, at_most } => Output::Fetch { blob, at_most },
            Out::Free(blob) => Output::Free(blob),
            Out::Pool(order) => Output::Effect(Effect::Pool(order)),
            Out::Results { job, first, values } => {
                Output::Effect(Effect::Results(job, ResultChange::Came { first, values }))
            }
            Out::Reopened { job, first, units } => {
                Output::Effect(Effect::Results(job, ResultChange::Lost { first, units }))
            }
            Out::Changed(_) => Output::Effect(Effect::Changed),
        })
    }

    fn poll_timeout(&self) -> Option<Time> {
        self.desk.as_ref()?.poll_timeout()
    }
}

/// The part of a desk that its watchers in this program share.
pub(super) struct Hub {
    pub(super) changed: watch::Sender<()>,
    /// Whether the machine has ended: the room was left.
    is_over: AtomicBool,
    /// Counts lendings: the last one counts.
    pub(super) lendings: AtomicU64,
    pool: Mutex<PoolPlace>,
    runs: Mutex<BTreeMap<RunId, Run>>,
    followers: Mutex<BTreeMap<JobId, Vec<mpsc::UnboundedSender<ResultChange>>>>,
}

#[derive(Default)]
struct PoolPlace {
    pool: Option<Box<dyn Pool + Send>>,
    waker: Option<Waker>,
}

/// A span that the pool of this program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The job.
    pub job: JobId,
    /// The unit that runs.
    pub unit: u32,
    /// The end of the span.
    pub end: u32,
}

impl Hub {
    pub(super) fn new() -> Hub {
        Hub {
            changed: watch::Sender::new(()),
            is_over: AtomicBool::new(false),
            lendings: AtomicU64::new(0),
            pool: Mutex::default(),
            runs: Mutex::default(),
            followers: Mutex::default(),
        }
    }

    /// Puts a pool in the place of the one before.
    pub(super) fn set_pool(&self, pool: Box<dyn Pool + Send>) {
        let mut place = locked(&self.pool);
        place.pool = Some(pool);
        if let Some(waker) = place.waker.take() {
            waker.wake();
        }
    }

    pub(super) fn has_pool(&self) -> bool {
        locked(&self.pool).pool.is_some()
    }

    pub(super) fn runs(&self) -> Vec<Run> {
        locked(&self.runs).values().copied().collect()
    }

    /// Receives what comes of a job from now on.
    pub(super) fn follow(&self, job: JobId) -> mpsc::UnboundedReceiver<ResultChange> {
        let (sender, receiver) = mpsc::unbounded_channel();
        locked(&self.followers).entry(job).or_default().push(sender);
        receiver
    }

    /// Carries out an effect.
    pub(super) fn carry_out(&self, handle: &Handle<DeskSession>, effect: Effect) {
        match effect {
            Effect::Pool(order) => {
                self.order(order);
                self.changed.send_replace(());
            }
            Effect::Results(job, change) => {
                let mut followers = locked(&self.followers);
                let Some(of_job) = followers.get_mut(&job) else { return };
                of_job.retain(|sender| sender.send(change.clone()).is_ok());
                if of_job.is_empty() {
                    followers.remove(&job);
                    drop(followers);
                    handle.with(|session, _| session.desk_mut().map(|desk| desk.follow(&job, false)));
                }
            }
            Effect::Changed => self.changed.send_replace(()),
        }
    }

    fn order(&self, order: PoolOrder) {
        match order {
            PoolOrder::Run { run, job, first, units } => {
                let end = first.saturating_add(units.into());
                locked(&self.runs).insert(run, Run { job, unit: first, end });
            }
            PoolOrder::End(run) => drop(locked(&self.runs).remove(&run)),
            _ => (),
        }
        let mut place = locked(&self.pool);
        if let Some(pool) = &mut place.pool {
            pool.order(order);
        }
        // A pool may answer in the call itself.
        if let Some(waker) = place.waker.take() {
            waker.wake();
        }
    }

    /// Hands the pool's answers to the machine, until that ends.
    pub(super) async fn hear_pool(self: Arc<Hub>, handle: Handle<DeskSession>) {
        loop {
            let told = poll_fn(|context| {
                if self.is_over() {
                    return Poll::Ready(None);
                }
                let mut place = locked(&self.pool);
                place.waker = Some(context.waker().clone());
                match &mut place.pool {
                    Some(pool) => pool.poll_told(context).map(Some),
                    None => Poll::Pending,
                }
            });
            let Some(told) = told.await else { break };
            if let Told::Ran { run, unit, result, .. } = &told {
                let mut runs = locked(&self.runs);
                if let Some(running) = runs.get_mut(run) {
                    running.unit = unit.saturating_add(1);
                    if result.is_err() || running.unit >= running.end {
                        runs.remove(run);
                    }
                }
            }
            handle.with(|session, now| session.hand(now, DeskInput::Told(told)));
        }
        // The pool ends with the machine: its threads and its commands too.
        locked(&self.pool).pool = None;
    }

    /// Whether the machine has ended.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// The machine ends.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        if let Some(waker) = locked(&self.pool).waker.take() {
            waker.wake();
        }
        self.changed.send_replace(());
    }
}

/// Carries out the effects of a machine. Dropped with its run, it tells those who wait.
pub(super) struct Effects(pub(super) Arc<Hub>);

impl Drop for Effects {
    fn drop(&mut self) {
        self.0.end();
    }
}
