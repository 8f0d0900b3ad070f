//! The lender: it asks stewards for spans, has the engine run them, and reports until a grant names the report.
//!
//! A lender obeys the steward of the greatest epoch whose grants it received, and never an earlier one that is still here. It holds each
//! packet until a grant no longer names it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use meshwork_core::blobs::BlobId;
use meshwork_core::id::{Endpoint, Instance, PeerId};
use meshwork_core::rng::{Rng, Seed};
use meshwork_core::time::Time;
use meshwork_core::wire::{Bounded, BoundedText, Bytes};

use crate::io::Output;
use crate::job::{Job, JobId, Kind};
use crate::message::{
    FAILED_MAX, Failure, Grants, HAND_MAX, INLINE_MAX, Packet, REPORT, Ran, Report, Span, Tag8, hand,
};
use crate::packet;
use crate::planted::{self, Planted};
use crate::pool::{PoolOrder, RunId};

/// Jobs that are served at once.
pub const SERVED_MAX: usize = 8;
/// A lender repeats its report after this time even if nothing changed.
const REPORT_MOST: Duration = Duration::from_secs(10);
/// Bytes of packets in a report.
const PACKETS_IN_REPORT: usize = 12 * 1024;

/// The order of stewards: epoch, then place in the list of trusted peers (the earlier is greater), then instance.
pub(crate) type Key = (u32, std::cmp::Reverse<usize>, Instance);

/// The terms of a lender.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// Units that run at once, from 1 to 128.
    pub cores: u8,
    /// Bit n is set if programs of the [kind](Kind::number) n run here. Bit 3 is implied by [`Terms::offers`].
    pub engines: u8,
    /// Names of offered programs.
    pub offers: Vec<BoundedText<32>>,
    /// The peers whose programs run here.
    pub trust: Trust,
    /// The graphics card, for people.
    pub card: BoundedText<64>,
    /// Nothing runs for now, as on battery.
    pub is_paused: bool,
}

/// The peers whose programs a lender runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Trust {
    /// Our own.
    Mine,
    /// Ours and those of these peers.
    People(std::collections::BTreeSet<PeerId>),
    /// Those of everybody in the room.
    Everybody,
}

impl Trust {
    /// Whether programs of `submitter` run at `me`.
    pub fn admits(&self, me: &PeerId, submitter: &PeerId) -> bool {
        submitter == me
            || match self {
                Trust::Mine => false,
                Trust::People(people) => people.contains(submitter),
                Trust::Everybody => true,
            }
    }
}

impl Terms {
    /// Whether these terms let a job run here.
    pub fn admit(&self, me: &PeerId, job: &Job) -> bool {
        let Some(submitter) = job.submitter() else { return false };
        self.trust.admits(me, &submitter) && self.can(job)
    }

    /// Whether the program can run here.
    fn can(&self, job: &Job) -> bool {
        match job.program.kind {
            Kind::Offered => self.offers.iter().any(|name| name.as_str() == job.program.name.as_str()),
            kind => self.engines >> kind.number() & 1 == 1,
        }
    }
}

/// A span that was run.
#[derive(Debug)]
struct Done {
    packet: Packet,
    micros: u32,
    /// The first report that names it to the current steward.
    since: Option<u32>,
}

/// A span that the engine runs.
#[derive(Debug)]
struct Running {
    job: JobId,
    first: u32,
    units: u16,
    /// Units that the pool runs. Stealing may have shortened the span since.
    ordered: u16,
    values: Vec<Vec<u8>>,
    micros: u64,
}

/// A job that is served.
#[derive(Debug)]
struct Serving {
    job: Arc<Job>,
    steward: Option<(Key, Endpoint)>,
    is_paused: bool,
    /// The last grant's number that was obeyed.
    seen: u32,
    /// The number of our last report.
    number: u32,
    taken: u32,
    is_dirty: bool,
    reported_at: Option<Time>,
    /// The last run that began. Of jobs with equally many runs the one that waits longest is next.
    last_run: RunId,
    todo: Vec<Span>,
    done: BTreeMap<Span, Done>,
    failed: BTreeMap<Span, (u32, Failure, Option<u32>)>,
}

/// All that one endpoint runs for others.
#[derive(Debug)]
pub(crate) struct Lender {
    rng: Rng,
    cores: usize,
    is_paused: bool,
    serving: BTreeMap<JobId, Serving>,
    runs: BTreeMap<RunId, Running>,
    next_run: RunId,
    next_report: Time,
    turn: Option<JobId>,
    numbers: u32,
    out: Vec<Output>,
}

impl Lender {
    pub(crate) fn new(seed: Seed) -> Lender {
        Lender {
            rng: Rng::new(seed),
            cores: 0,
            is_paused: false,
            serving: BTreeMap::new(),
            runs: BTreeMap::new(),
            next_run: 1,
            next_report: Time(0),
            turn: None,
            numbers: 0,
            out: Vec::new(),
        }
    }

    pub(crate) fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.out)
    }

    /// An order to the pool. All go this way, so that they keep their order.
    pub(crate) fn order(&mut self, order: PoolOrder) {
        self.out.push(Output::Pool(order));
    }

    /// Units that run at once from now on. 0 ends all. A pause ends all runs.
    pub(crate) fn set_cores(&mut self, now: Time, cores: u8, is_paused: bool) {
        self.cores = cores.into();
        if std::mem::replace(&mut self.is_paused, is_paused) != is_paused {
            let all: Vec<JobId> = self.serving.keys().copied().collect();
            for id in all.iter().filter(|_| is_paused) {
                self.end_runs(id, &[]);
            }
            self.serving.values_mut().for_each(|serving| serving.is_dirty = true);
        }
        self.pump(now);
        if cores == 0 {
            let all: Vec<JobId> = self.serving.keys().copied().collect();
            all.iter().for_each(|id| self.stop(id));
        }
    }

    /// Units that run now.
    pub(crate) fn running(&self) -> usize {
        self.runs.len()
    }

    /// The jobs that units run of now.
    pub(crate) fn is_running(&self, id: &JobId) -> bool {
        self.runs.values().any(|run| run.job == *id)
    }

    /// The epoch and steward that it obeys in a job.
    pub(crate) fn obeys(&self, id: &JobId) -> Option<(u32, Endpoint)> {
        let (key, steward) = self.serving.get(id)?.steward?;
        Some((key.0, steward))
    }

    /// Jobs that are served.
    pub(crate) fn serves(&self, id: &JobId) -> bool {
        self.serving.contains_key(id)
    }

    pub(crate) fn served(&self) -> Vec<JobId> {
        self.serving.keys().copied().collect()
    }

    /// Serves a job whose program is loaded.
    pub(crate) fn serve(&mut self, id: JobId, job: Arc<Job>) {
        let serving = Serving {
            job,
            steward: None,
            is_paused: false,
            seen: 0,
            number: self.numbers,
            taken: 0,
            is_dirty: true,
            reported_at: None,
            last_run: 0,
            todo: Vec::new(),
            done: BTreeMap::new(),
            failed: BTreeMap::new(),
        };
        self.serving.entry(id).or_insert(serving);
    }

    /// Serves a job no longer.
    pub(crate) fn stop(&mut self, id: &JobId) {
        if planted::is(Planted::CancelIgnored) && self.cores > 0 {
            return;
        }
        let Some(serving) = self.serving.remove(id) else { return };
        self.end_runs(id, &[]);
        for done in serving.done.into_values() {
            self.free(&done.packet);
        }
        self.out.push(Output::Pool(PoolOrder::Unload(*id)));
    }

    /// Pauses a job, or lets it go on. Its runs end and begin again.
    pub(crate) fn pause(&mut self, now: Time, id: &JobId, is_paused: bool) {
        let Some(serving) = self.serving.get_mut(id) else { return };
        if std::mem::replace(&mut serving.is_paused, is_paused) != is_paused {
            serving.is_dirty = true;
            if is_paused {
                self.end_runs(id, &[]);
            }
            self.pump(now);
        }
    }

    /// Whether a packet of ours is this blob.
    pub(crate) fn holds(&self, blob: &BlobId) -> bool {
        let is_it = |done: &Done| matches!(&done.packet, Packet::Blob(other, _) if other == blob);
        self.serving.values().any(|serving| serving.done.values().any(is_it))
    }

    fn free(&mut self, packet: &Packet) {
        if let Packet::Blob(blob, _) = packet {
            self.out.push(Output::Free(*blob));
        }
    }

    /// Ends runs of a job that are not in the list, and shortens those that are.
    fn end_runs(&mut self, id: &JobId, spans: &[Span]) {
        let mut ended = Vec::new();
        for (number, run) in self.runs.iter_mut().filter(|(_, run)| run.job == *id) {
            match spans.iter().find(|span| span.0 == run.first && span.1 <= run.units) {
                Some(span) => run.units = span.1,
                None => ended.push(*number),
            }
        }
        for number in ended {
            self.runs.remove(&number);
            self.out.push(Output::Pool(PoolOrder::End(number)));
        }
    }

    /// Grants of a trusted peer, with its place among stewards. `is_here` answers whether an endpoint is.
    pub(crate) fn handle_grants(
        &mut self,
        now: Time,
        from: Endpoint,
        key: Key,
        grants: &Grants,
        me: &Tag8,
        is_here: impl Fn(&Endpoint) -> bool,
    ) {
        let Some(serving) = self.serving.get_mut(&grants.job) else { return };
        if let Some((current, steward)) = serving.steward {
            let is_older = key < current && is_here(&steward);
            if is_older && !planted::is(Planted::StaleObeyed) {
                return;
            }
        }
        if serving.steward != Some((key, from)) {
            serving.steward = Some((key, from));
            (serving.seen, serving.taken, serving.is_dirty) = (0, 0, true);
            serving.done.values_mut().for_each(|done| done.since = None);
            serving.failed.values_mut().for_each(|failed| failed.2 = None);
        }
        let Some(grant) = grants.lenders.iter().find(|grant| grant.to == *me) else { return };
        if grant.number <= serving.seen {
            return;
        }
        serving.seen = grant.number;
        serving.taken = serving.taken.max(grant.taken);
        let taken = serving.taken;
        let was_taken = |since: Option<u32>| since.is_some_and(|since| since <= taken);
        let mut freed = Vec::new();
        for (span, done) in std::mem::take(&mut serving.done) {
            if !was_taken(done.since) || grant.hold.contains(&span) {
                serving.done.insert(span, done);
            } else if grant.spans.contains(&span) {
                serving.is_dirty = true;
                serving.done.insert(span, Done { since: None, ..done });
            } else {
                freed.push(done.packet);
            }
        }
        serving.failed.retain(|_, failed| !was_taken(failed.2));
        let is_open = |span: &&Span| !serving.done.contains_key(span) && !serving.failed.contains_key(span);
        serving.todo = grant.spans.iter().filter(is_open).copied().collect();
        serving.is_dirty |= serving.todo.len() < hand(self.cores) / 2;
        let todo = serving.todo.clone();
        freed.iter().for_each(|packet| self.free(packet));
        self.end_runs(&grants.job, &todo);
        let complete: Vec<RunId> = self
            .runs
            .iter()
            .filter(|(_, run)| run.values.len() >= usize::from(run.units))
            .map(|(number, _)| *number)
            .collect();
        complete.into_iter().for_each(|number| self.complete(number));
        self.pump(now);
    }

    /// Starts runs while cores are free, a job after the other.
    fn pump(&mut self, _now: Time) {
        while self.runs.len() < self.cores && !self.is_paused {
            let mut best = None;
            for (id, serving) in self.serving.iter().filter(|(_, serving)| !serving.is_paused) {
                let is_running =
                    |span: &Span| self.runs.values().any(|run| run.job == *id && run.first == span.0);
                let count = self.runs.values().filter(|run| run.job == *id).count();
                if let Some(span) = serving.todo.iter().find(|span| !is_running(span)) {
                    let turn = (count, serving.last_run);
                    let is_better = best.is_none_or(|(least, _, _)| turn < least);
                    best = if is_better { Some((turn, *id, *span)) } else { best };
                }
            }
            let Some((_, job, (first, units))) = best else { return };
            let run = self.next_run;
            self.next_run += 1;
            if let Some(serving) = self.serving.get_mut(&job) {
                serving.last_run = run;
            }
            self.runs
                .insert(run, Running { job, first, units, ordered: units, values: Vec::new(), micros: 0 });
            self.out.push(Output::Pool(PoolOrder::Run { run, job, first, units }));
        }
    }

    /// A unit of a run ended.
    pub(crate) fn handle_ran(
        &mut self,
        now: Time,
        number: RunId,
        unit: u32,
        result: Result<Vec<u8>, Failure>,
        micros: u32,
    ) {
        let Some(run) = self.runs.get_mut(&number) else { return };
        let Some(serving) = self.serving.get_mut(&run.job) else { return };
        if unit != run.first + run.values.len() as u32 {
            return;
        }
        let program = &serving.job.program;
        let result = result.map(|value| packet::canonical(program.result, value));
        let result = result.and_then(|value| {
            let is_sound = packet::results(&serving.job, &packet::write(&[&value]), 1).is_ok();
            if is_sound { Ok(value) } else { Err(Failure::Result) }
        });
        match result {
            Ok(value) => {
                run.values.push(value);
                run.micros += u64::from(micros);
                if run.values.len() >= usize::from(run.units) {
                    self.complete(number);
                }
            }
            Err(failure) => {
                let span = (run.first, run.units);
                serving.todo.retain(|other| *other != span);
                serving.failed.insert(span, (unit, failure, None));
                serving.is_dirty = true;
                self.runs.remove(&number);
                self.out.push(Output::Pool(PoolOrder::End(number)));
            }
        }
        self.pump(now);
    }

    /// All units of a run are here.
    fn complete(&mut self, number: RunId) {
        let Some(mut run) = self.runs.remove(&number) else { return };
        if run.values.len() < usize::from(run.ordered) {
            self.out.push(Output::Pool(PoolOrder::End(number)));
        }
        run.values.truncate(run.units.into());
        let bytes = packet::write(&run.values);
        let length = bytes.len() as u32;
        let packet = match Bytes::<INLINE_MAX>::new(bytes.clone()) {
            Ok(inline) => Packet::Inline(inline),
            Err(_) => {
                let blob = BlobId(*blake3::hash(&bytes).as_bytes());
                self.out.push(Output::Offer(bytes));
                Packet::Blob(blob, length)
            }
        };
        let Some(serving) = self.serving.get_mut(&run.job) else { return };
        let span = (run.first, run.units);
        serving.todo.retain(|other| *other != span);
        serving
            .done
            .insert(span, Done { packet, micros: run.micros.min(u32::MAX.into()) as u32, since: None });
        serving.is_dirty = true;
    }

    /// Reports if it is due: one job at a time, for all jobs together no oftener than every `every`.
    pub(crate) fn report(&mut self, now: Time, every: Duration) {
        if now < self.next_report {
            return;
        }
        let is_due = |serving: &Serving| {
            let is_old = serving.reported_at.is_none_or(|at| now.since(at) >= REPORT_MOST);
            serving.steward.is_some() && (serving.is_dirty || serving.taken < serving.number || is_old)
        };
        let due: Vec<JobId> =
            self.serving.iter().filter(|(_, serving)| is_due(serving)).map(|(id, _)| *id).collect();
        let behind = due.iter().find(|id| self.turn.is_none_or(|turn| **id > turn));
        let Some(id) = behind.or(due.first()).copied() else { return };
        self.turn = Some(id);
        self.next_report = now + every + every.mul_f64(self.rng.below(256) as f64 / 1024.0);
        let Some(report) = self.write_report(now, id) else { return };
        self.out.push(Output::Say { topic: REPORT, bytes: report.encode() });
    }

    fn write_report(&mut self, now: Time, id: JobId) -> Option<Report> {
        let is_idle = self.cores == 0 || self.is_paused;
        let serving = self.serving.get_mut(&id)?;
        let (key, steward) = serving.steward?;
        serving.reported_at = Some(now);
        if serving.is_dirty || serving.number == 0 {
            self.numbers += 1;
            serving.number = self.numbers;
            serving.is_dirty = false;
        }
        let mut ran = Vec::new();
        let mut bytes = 0;
        let taken = serving.taken;
        // The steward has the others, which are held until a book names them.
        let news = serving.done.iter_mut().filter(|(_, done)| done.since.is_none_or(|since| since > taken));
        for (span, done) in news {
            bytes += match &done.packet {
                Packet::Inline(packet) => packet.len() + 16,
                Packet::Blob(..) => 48,
            };
            if bytes > PACKETS_IN_REPORT || ran.len() == 32 {
                serving.is_dirty = true;
                break;
            }
            done.since = done.since.or(Some(serving.number));
            ran.push(Ran { span: *span, packet: done.packet.clone(), micros: done.micros });
        }
        let mut failed = Vec::new();
        for (span, (unit, failure, since)) in serving.failed.iter_mut().take(FAILED_MAX) {
            *since = since.or(Some(serving.number));
            failed.push((*span, *unit, failure.clone()));
        }
        let room = if is_idle { 0 } else { hand(self.cores).saturating_sub(serving.todo.len()) };
        let runs = serving.todo.iter().copied().take(HAND_MAX).collect();
        Some(Report {
            job: id,
            answers: (key.0, Tag8::of(&steward)),
            number: serving.number,
            seen: serving.seen,
            wants: if serving.is_paused { 0 } else { room as u8 },
            runs: Bounded::new(runs).unwrap_or_default(),
            ran: Bounded::new(ran).unwrap_or_default(),
            failed: Bounded::new(failed).unwrap_or_default(),
        })
    }
}
