//! Giving: reports of lenders, the spans that they get, and grants.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meshwork_core::id::Endpoint;
use meshwork_core::time::Time;
use meshwork_core::wire::Bounded;

use super::books::Want;
use super::{FETCH_TIME, GRANT_LEAST, GRANT_MOST, Probe, Run, Steward, Task};
use crate::message::{
    Grant, Grants, HAND_MAX, HELD_MAX, MESSAGE_MAX, Packet, Report, SPAN_MAX, Span, Tag8, hand,
};
use crate::packet::PACKET_MAX;
use crate::planted::{self, Planted};

/// Spans of a lender fill the time of so many reports.
const FILL: u32 = 8;
/// Spans of a lender last so many times longer with more cores, so that it does not hold many packets.
const LONGER_MAX: u32 = 8;
/// Units of a span are at most so many times those of the span before.
const GROWTH: u32 = 4;
/// A late run is forgotten after this time, so that the same lender may be asked again.
const FORGET_LATE: Duration = Duration::from_secs(60);
/// The expected time of a unit at a lender that has run none.
const FIRST_UNIT: Duration = Duration::from_secs(4);

/// The facts that all lenders share that get spans at a step.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Microseconds of a unit at the middle one of the lenders.
    usual: Option<u64>,
    /// The cores of all lenders.
    cores: u32,
    /// Results whose probe wants a run, and tasks that want one.
    probes: BTreeSet<u32>,
    tasks: BTreeSet<u32>,
    /// No span that may be taken over ends later.
    last_end: Option<Time>,
}

/// Whether no run is awaited.
fn wants_run(runs: &[Run]) -> bool {
    runs.iter().all(|run| run.late.is_some())
}

fn end(run: &Run) -> Time {
    run.since + run.expect
}

/// The one run of a task that may be taken over.
fn only_run(task: &Task) -> Option<&Run> {
    match task.runs.as_slice() {
        [only] if !only.is_reported => Some(only),
        _ => None,
    }
}

impl Steward {
    /// A report of a lender.
    pub(crate) fn handle_report(&mut self, now: Time, from: Endpoint, cores: u8, report: &Report) {
        if self.state.is_over() || self.is_restoring || report.answers != (self.epoch, self.tag()) {
            return;
        }
        let is_fresh = !self.lenders.contains_key(&from);
        let known = self.lenders.entry(from).or_default();
        if !is_fresh && report.number <= known.taken {
            return;
        }
        known.taken = report.number;
        known.cores = cores;
        known.wants = if cores > 0 { report.wants } else { 0 };
        self.is_dirty = true;
        if self.is_caught(&from.peer) {
            return;
        }
        if is_fresh {
            for &(first, units) in report.runs.iter().filter(|_| cores > 0) {
                self.adopt(now, from, (first, units));
            }
        }
        for ran in report.ran.iter() {
            let (first, units) = ran.span;
            let is_known = is_fresh
                || self.is_given(&from, ran.span)
                || self.job.trusts(&from.peer)
                || planted::is(Planted::CreditByClaim);
            if first + u32::from(units) > self.job.units || !is_known {
                continue;
            }
            let known = self.lenders.entry(from).or_default();
            known.per = Some((u64::from(ran.micros) / u64::from(units)).max(1));
            known.last_units = units;
            match &ran.packet {
                Packet::Inline(bytes) => self.take(now, from, ran.span, bytes, None),
                Packet::Blob(blob, length) => {
                    self.change_runs(|run| run.is_reported |= run.by == from && run.given == units);
                    self.want(now, *blob, u64::from(*length), Want::of_result(from, ran.span));
                }
            }
        }
        for (span, unit, failure) in report.failed.iter() {
            self.handle_failed(now, from, *span, *unit, failure.clone());
        }
    }

    /// A span that a lender runs since an earlier steward gave it.
    fn adopt(&mut self, now: Time, by: Endpoint, (first, units): Span) {
        if self.free.contains(first, units.into()) && first + u32::from(units) <= self.job.units {
            self.carve(first, units);
            let expect = self.unit_time(&by) * u32::from(units);
            let run = Run { by, given: units, since: now, expect, is_reported: false, late: None };
            self.tasks.insert(first, Task { first, units, runs: vec![run] });
        }
    }

    /// Changes the runs of tasks and probes.
    pub(super) fn change_runs(&mut self, mut change: impl FnMut(&mut Run)) {
        self.tasks.values_mut().flat_map(|task| &mut task.runs).for_each(&mut change);
        self.change_probes(|probe| probe.runs.iter_mut().for_each(&mut change));
    }

    /// Changes the probes that are open.
    pub(super) fn change_probes(&mut self, mut change: impl FnMut(&mut Probe)) {
        for number in &self.pending {
            if let Some(probe) = self.kept.get_mut(number).and_then(|kept| kept.probe.as_mut()) {
                change(probe);
            }
        }
    }

    /// The spans that lenders run: first unit, current units, and the run.
    pub(super) fn runs(&self) -> impl Iterator<Item = (u32, u16, &Run)> {
        let probes = self.pending.iter().filter_map(|number| self.kept.get(number)?.probe.as_ref());
        let of_probes = probes.flat_map(|probe| probe.runs.iter().map(|run| (probe.first, probe.units, run)));
        self.tasks
            .values()
            .flat_map(|task| task.runs.iter().map(|run| (task.first, task.units, run)))
            .chain(of_probes)
    }

    /// Whether the lender got this span, perhaps shortened since.
    pub(super) fn is_given(&self, by: &Endpoint, (first, units): Span) -> bool {
        let is_it = |run: &Run| run.by == *by && units <= run.given;
        // A probe's units are of the result that it belongs to.
        let number = self.of.get(first as usize).filter(|number| self.pending.contains(number));
        let probe = number.and_then(|number| self.kept.get(number)?.probe.as_ref());
        let is_probe = probe.is_some_and(|probe| probe.first == first && probe.runs.iter().any(is_it));
        is_probe || self.tasks.get(&first).is_some_and(|task| task.runs.iter().any(is_it))
    }

    fn unit_time(&self, by: &Endpoint) -> Duration {
        let per = self.lenders.get(by).and_then(|known| known.per);
        let limit = Duration::from_millis(self.job.program.limits.unit_ms.into());
        per.or(self.turn.usual).map_or(FIRST_UNIT.min(limit), Duration::from_micros)
    }

    /// Finds what all lenders that ask need.
    fn begin_turn(&mut self) {
        let mut times: Vec<u64> = self.lenders.values().filter_map(|known| known.per).collect();
        let middle = times.len() / 2;
        let probe = |number: &u32| self.kept.get(number).and_then(|kept| kept.probe.as_ref());
        let probes =
            self.pending.iter().filter(|number| probe(number).is_some_and(|probe| wants_run(&probe.runs)));
        let tasks = self.tasks.iter().filter(|(_, task)| wants_run(&task.runs));
        self.turn = Turn {
            usual: (!times.is_empty()).then(|| *times.select_nth_unstable(middle).1),
            cores: self.lenders.values().map(|known| u32::from(known.cores)).sum(),
            probes: probes.copied().collect(),
            tasks: tasks.map(|(first, _)| *first).collect(),
            last_end: None,
        };
    }

    /// Marks late runs, and gives back spans whose packets do not come.
    pub(super) fn find_late(&mut self, now: Time) {
        if !self.orders.runs() {
            return;
        }
        let slack = 2 * self.every + Duration::from_secs(2);
        if planted::is(Planted::LateNeverAgain) {
            return;
        }
        let mut is_any_old = false;
        self.change_runs(|run| {
            let fetch = if run.is_reported { FETCH_TIME } else { Duration::ZERO };
            if run.late.is_none() && now.since(run.since) > fetch + run.expect * 3 + slack {
                run.late = Some(now);
            }
            is_any_old |= run.late.is_some_and(|late| now.since(late) > FORGET_LATE);
        });
        if is_any_old {
            self.drop_runs(|run| run.late.is_some_and(|late| now.since(late) > FORGET_LATE));
        }
    }

    /// Gives spans to the lenders that want some, in a random order.
    pub(super) fn give(&mut self, now: Time) {
        let wanting =
            self.lenders.iter().filter(|(lender, known)| known.wants > 0 && !self.is_caught(&lender.peer));
        let mut asking: Vec<Endpoint> = wanting.map(|(lender, _)| *lender).collect();
        for at in (1..asking.len()).rev() {
            asking.swap(at, self.rng.below(at as u64 + 1) as usize);
        }
        let mut hands: BTreeMap<Endpoint, (usize, Duration)> = BTreeMap::new();
        for (_, units, run) in self.runs() {
            let hand = hands.entry(run.by).or_default();
            hand.0 += 1;
            hand.1 += self.unit_time(&run.by) * u32::from(units);
        }
        let all_held = self.held();
        self.is_blocked = false;
        self.begin_turn();
        for lender in asking {
            let (mut count, mut load) = hands.get(&lender).copied().unwrap_or_default();
            let mut held = all_held.get(&lender).map_or(0, BTreeSet::len);
            let cores = self.lenders.get(&lender).map_or(1, |known| u32::from(known.cores.max(1)));
            let (enough, hand) = (FILL * self.every * cores, hand(cores as usize));
            // The book comes before it holds as many as it may.
            self.is_blocked |= held >= hand;
            let is_new = self.lenders.get(&lender).is_some_and(|known| known.per.is_none());
            let least = if is_new { 4 } else { 2 } * cores as usize;
            while count < hand
                && (count < least || load < enough)
                && held < 2 * hand
                && self.lenders.get(&lender).is_some_and(|known| known.wants > 0)
            {
                let Some(units) = self.give_one(now, lender, load / cores) else { break };
                load += self.unit_time(&lender) * u32::from(units);
                (count, held) = (count + 1, held + 1);
                if let Some(known) = self.lenders.get_mut(&lender) {
                    known.wants -= 1;
                }
                self.is_dirty = true;
            }
        }
    }

    /// Gives one span: a probe, a span that wants another run, open units, or half of another's span.
    fn give_one(&mut self, now: Time, by: Endpoint, load: Duration) -> Option<u16> {
        let unit_time = self.unit_time(&by);
        let run = |units: u16| {
            let expect = load + unit_time * u32::from(units);
            Run { by, given: units, since: now, expect, is_reported: false, late: None }
        };
        let is_trusted = self.job.trusts(&by.peer);
        let failures = &self.failures;
        let may = |first: u32, units: u16, runs: &[Run]| {
            let is_wanted = runs.iter().all(|run| run.late.is_some() && run.by.peer != by.peer);
            let mut units = failures.range(first..first + u32::from(units));
            is_wanted && !units.any(|(_, tried)| tried.contains_key(&by.peer))
        };
        if is_trusted || planted::is(Planted::AnybodyProbes) {
            let open = self.turn.probes.iter().filter(|number| {
                let kept = self.kept.get(number).filter(|kept| is_trusted || kept.by != by.peer);
                let probe = kept.and_then(|kept| kept.probe.as_ref());
                probe.is_some_and(|probe| may(probe.first, probe.units, &probe.runs))
            });
            let number = open.copied().next();
            if let Some(number) = number
                && let Some(probe) = self.kept.get_mut(&number).and_then(|kept| kept.probe.as_mut())
            {
                self.turn.probes.remove(&number);
                probe.runs.push(run(probe.units));
                return Some(probe.units);
            }
        }
        let is_counted = |task: &Task| planted::is(Planted::RunsCounted) && task.runs.is_empty();
        let may_run = |task: &Task| may(task.first, task.units, &task.runs) && !is_counted(task);
        let wanting = self.turn.tasks.iter().filter(|first| self.tasks.get(first).is_some_and(may_run));
        let first = wanting.copied().next();
        if let Some(first) = first
            && let Some(task) = self.tasks.get_mut(&first)
        {
            self.turn.tasks.remove(&first);
            task.runs.push(run(task.units));
            return Some(task.units);
        }
        let hard = self.hard.iter().copied().find(|unit| may(*unit, 1, &[]));
        let (first, units) = match hard.filter(|_| is_trusted || self.free.is_empty()) {
            Some(unit) => (unit, 1),
            None => {
                let most = self.span_length(&by);
                match self.free.take(most) {
                    Some((first, units)) => (first, units as u16),
                    None => return self.steal(now, by, run),
                }
            }
        };
        self.carve(first, units);
        self.tasks.insert(first, Task { first, units, runs: vec![run(units)] });
        self.turn.last_end = None;
        Some(units)
    }

    /// Units of the next span: two reports' time at the lender's speed, more with many cores, at most four times those of the span before.
    /// A lender that has run none begins with a fourth of a report's time, at the speed of the others.
    fn span_length(&self, by: &Endpoint) -> u32 {
        let Some(known) = self.lenders.get(by) else { return 1 };
        let Some(per) = known.per.or(self.turn.usual) else { return 1 };
        let longer = (u32::from(known.cores) / 2).clamp(1, LONGER_MAX);
        let time = if known.per.is_some() { 2 * self.every * longer } else { self.every / 4 };
        let target = (time.as_micros() as u64 / per.max(1)).min(SPAN_MAX.into()) as u32;
        let result = self.job.program.limits.result as usize + 4;
        let share = self.free.count() / (2 * self.turn.cores).max(1);
        let grown = if known.per.is_some() { GROWTH * u32::from(known.last_units.max(1)) } else { target };
        target.min(grown).min((PACKET_MAX / result) as u32).min(share).max(1)
    }

    /// Takes over the later half of the span that would end last, or runs the same unit too.
    fn steal(&mut self, now: Time, by: Endpoint, run: impl Fn(u16) -> Run) -> Option<u16> {
        let failures = &self.failures;
        let (own_time, every) = (self.unit_time(&by), self.every);
        let ends = || self.tasks.values().filter_map(only_run).map(end).max();
        let last_end = self.turn.last_end.or_else(ends)?;
        self.turn.last_end = Some(last_end);
        if last_end <= now + every + own_time {
            return None;
        }
        let may = |task: &&mut Task| {
            let Some(only) = only_run(task) else { return false };
            let units = task.first..task.first + u32::from(task.units);
            let has_failed = failures.range(units).any(|(_, tried)| tried.contains_key(&by.peer));
            let gains = end(only) > now + every + own_time;
            only.by.peer != by.peer && !has_failed && gains
        };
        let task = self.tasks.values_mut().filter(may).max_by_key(|task| (end(&task.runs[0]), task.first))?;
        if task.units < 2 {
            task.runs.push(run(1));
            return Some(1);
        }
        let half = task.units / 2;
        let (first, units) = (task.first + u32::from(half), task.units - half);
        task.units = half;
        let run = run(units);
        self.turn.last_end = Some(last_end.max(end(&run)));
        self.tasks.insert(first, Task { first, units, runs: vec![run] });
        Some(units)
    }

    /// The spans of each lender whose packets no book names yet.
    fn held(&self) -> BTreeMap<Endpoint, BTreeSet<Span>> {
        let kept = self.unbooked.iter().filter_map(|number| self.kept.get(number)?.holder);
        let fetched = self.wants.values().flat_map(Want::results);
        let mut held: BTreeMap<Endpoint, BTreeSet<Span>> = BTreeMap::new();
        for (lender, span) in kept.chain(fetched) {
            held.entry(lender).or_default().insert(span);
        }
        held
    }

    /// Broadcasts grants if they changed or are due. While the books are read they name no lender: lenders run on, and nobody else takes
    /// the job over.
    pub(super) fn grant(&mut self, now: Time) {
        let since = self.granted_at.map_or(Duration::MAX, |at| now.since(at));
        let is_due = self.is_dirty || since >= GRANT_MOST || self.news.is_due(now);
        if self.is_refused || since < GRANT_LEAST || !is_due {
            return;
        }
        self.write_news(now);
        let mut spans: BTreeMap<Endpoint, Vec<Span>> = BTreeMap::new();
        for (first, units, run) in self.runs() {
            spans.entry(run.by).or_default().push((first, units));
        }
        let mut held = self.held();
        let lenders: Vec<Endpoint> = self.lenders.keys().copied().collect();
        let mut grants = Vec::new();
        for lender in lenders {
            let mut spans = spans.remove(&lender).unwrap_or_default();
            spans.truncate(HAND_MAX);
            let hold: Vec<Span> =
                held.remove(&lender).unwrap_or_default().into_iter().take(HELD_MAX).collect();
            let known = self.lenders.entry(lender).or_default();
            let content = (known.taken, spans.clone(), hold.clone());
            if known.content != content || known.number == 0 {
                self.numbers += 1;
                (known.content, known.number, known.is_told) = (content, self.numbers, false);
            }
            let grant = Grant {
                to: Tag8::of(&lender),
                number: known.number,
                taken: known.taken,
                spans: Bounded::new(spans).unwrap_or_default(),
                hold: Bounded::new(hold).unwrap_or_default(),
            };
            grants.push((known.is_told, self.rng.next_u64(), lender, grant));
        }
        grants.sort_by_key(|(is_told, turn, ..)| (*is_told, *turn));
        let fresh = self.news.named();
        let mut length = 64 + 48 * fresh.len();
        let mut told = Vec::new();
        for (_, _, lender, grant) in grants {
            length += 24 + 8 * (grant.spans.len() + grant.hold.len());
            if length > MESSAGE_MAX || told.len() == 512 {
                break;
            }
            self.lenders.entry(lender).or_default().is_told = true;
            told.push(grant);
        }
        let lenders = Bounded::new(told).unwrap_or_default();
        let grants = Grants { job: self.id, epoch: self.epoch, accepted: self.accepted(), fresh, lenders };
        self.out.push(super::Out::Grants(grants.encode()));
        self.granted_at = Some(now);
        self.is_dirty = false;
    }
}
