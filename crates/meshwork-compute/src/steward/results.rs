//! Results: checks by trusted peers, convictions, and failures of units.

use std::collections::BTreeSet;

use meshwork_core::blobs::BlobId;
use meshwork_core::id::{Endpoint, PeerId};
use meshwork_core::time::Time;

use super::{Kept, Out, Probe, RESULTS_MAX, Run, Steward, Task};
use crate::book::{Ended, State};
use crate::job::{Check, Reduce};
use crate::message::{Failure, SPAN_MAX, Span};
use crate::packet;
use crate::planted::{self, Planted};

/// Probes that must agree before a peer's spans are drawn.
const PROBES_FIRST: u32 = 10;
/// At least one span in so many has a probe.
const PROBE_LEAST: u32 = 100;
/// Trusted peers at which a unit must fail before the job does.
const FAILURES: usize = 3;

/// Whether a result is checked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Drawn {
    No,
    /// A trusted peer repeats these units.
    Probe(Span),
    /// The draw waits.
    Later,
}

impl Drawn {
    fn probe(self) -> Option<Probe> {
        match self {
            Drawn::Probe((first, units)) => Some(Probe { first, units, runs: Vec::new() }),
            Drawn::No | Drawn::Later => None,
        }
    }
}

impl Steward {
    /// Takes in the results of a span. Units that have a result already are compared if a trusted peer brings them, else dropped.
    pub(super) fn take(&mut self, now: Time, by: Endpoint, span: Span, packet: &[u8], blob: Option<BlobId>) {
        let (first, units) = span;
        let job = self.job.clone();
        let Ok(values) = packet::results(&job, packet, units.into()) else {
            self.handle_failed(now, by, span, first, Failure::Result);
            return;
        };
        if self.is_caught(&by.peer) || self.state.is_over() {
            return;
        }
        let is_trusted = job.trusts(&by.peer);
        let is_prober = is_trusted || planted::is(Planted::AnybodyProbes);
        if is_prober {
            self.compare(now, by.peer, first, &values);
        }
        if planted::is(Planted::CreditByClaim) {
            let numbers = self.of[first as usize..(first + u32::from(units)) as usize].iter();
            let numbers: Vec<u32> = numbers.copied().collect();
            for number in numbers {
                self.kept.entry(number).and_modify(|kept| kept.by = by.peer);
            }
        }
        for (start, count) in self.open_parts(first, units) {
            let whole = start == first && count == units;
            let offset = (start - first) as usize;
            let drawn = self.draw(&by.peer, start, count);
            let kept = Kept {
                first: start,
                units: count,
                by: by.peer,
                confirmed: None,
                packet: packet::write(&values[offset..offset + usize::from(count)]),
                place: blob.filter(|_| whole).map(|blob| (blob, 0, packet.len() as u32)),
                waits: drawn == Drawn::Later,
                probe: drawn.probe(),
                holder: Some((by, span)),
            };
            self.keep(now, kept);
        }
    }

    /// The parts of a span that have no result.
    pub(super) fn open_parts(&self, first: u32, units: u16) -> Vec<Span> {
        let mut parts: Vec<Span> = Vec::new();
        for unit in first..(first + u32::from(units)).min(self.job.units) {
            if self.of[unit as usize] != 0 {
                continue;
            }
            match parts.last_mut() {
                Some((start, count)) if *start + u32::from(*count) == unit => *count += 1,
                _ => parts.push((unit, 1)),
            }
        }
        parts
    }

    /// Keeps a result whose units are open.
    pub(super) fn keep(&mut self, now: Time, kept: Kept) {
        self.carve(kept.first, kept.units);
        let number = self.next;
        self.next += 1;
        for unit in kept.first..kept.first + u32::from(kept.units) {
            self.of[unit as usize] = number;
        }
        self.bytes += kept.packet.len() as u64;
        self.unbooked.insert(number);
        let (first, by) = (kept.first, kept.by);
        if kept.is_accepted() {
            self.kept.insert(number, kept);
            self.accept(now, number);
        } else {
            if kept.waits {
                self.waiting.entry(by).or_default().insert(number);
            } else {
                self.begin_probe(number, by);
            }
            self.kept.insert(number, kept);
        }
        self.is_changed = true;
        self.is_dirty = true;
        if self.bytes > RESULTS_MAX {
            self.fail(now, first, Ended::TooMuch(RESULTS_MAX));
        }
    }

    /// A result is accepted: its units count.
    fn accept(&mut self, now: Time, number: u32) {
        self.accepted_at = now;
        let Some(kept) = self.kept.get(&number) else { return };
        self.accepted += u32::from(kept.units);
        // Results of other books are in the indexes that readers have.
        if kept.holder.is_some() {
            self.news.accept(number);
        }
        self.show(number);
    }

    fn begin_probe(&mut self, number: u32, by: PeerId) {
        self.pending.insert(number);
        *self.probed.entry(by).or_default() += 1;
    }

    fn end_probe(&mut self, number: u32, by: &PeerId) {
        if self.pending.remove(&number)
            && let Some(probed) = self.probed.get_mut(by)
        {
            *probed = probed.saturating_sub(1);
        }
    }

    /// Draws the results of a lender that wait, as soon as that may be.
    pub(super) fn draw_waiting(&mut self, now: Time, by: &PeerId) {
        while let Some(number) = self.waiting.get(by).and_then(BTreeSet::first).copied() {
            let Some((first, units)) = self.kept.get(&number).map(|kept| (kept.first, kept.units)) else {
                return;
            };
            let drawn = self.draw(by, first, units);
            if drawn == Drawn::Later {
                return;
            }
            self.end_wait(number, by);
            let probe = drawn.probe();
            let is_accepted = probe.is_none();
            if let Some(kept) = self.kept.get_mut(&number) {
                (kept.waits, kept.probe) = (false, probe);
            }
            if is_accepted {
                self.accept(now, number);
            } else {
                self.begin_probe(number, *by);
            }
            self.is_changed = true;
            self.is_dirty = true;
        }
    }

    fn end_wait(&mut self, number: u32, by: &PeerId) {
        if let Some(waiting) = self.waiting.get_mut(by) {
            waiting.remove(&number);
            if waiting.is_empty() {
                self.waiting.remove(by);
            }
        }
    }

    /// Whether a result is checked, and by which units. Drawn for the result, not for its span. While as many probes of a lender are open
    /// as must agree first, the draw waits.
    fn draw(&mut self, by: &PeerId, first: u32, units: u16) -> Drawn {
        if self.job.trusts(by) {
            return Drawn::No;
        }
        if planted::is(Planted::CheckStaysWithSpan) && self.unchecked.contains(&first) {
            return Drawn::No;
        }
        let probe = |first, units| Drawn::Probe((first, units));
        let agreed = self.standing.get(by).map_or(0, |standing| standing.agreed);
        match self.job.check {
            Check::None => Drawn::No,
            Check::All if !planted::is(Planted::AllIsSample) => probe(first, units),
            Check::Sample | Check::All => {
                let probed = self.probed.get(by).copied().unwrap_or_default();
                if agreed < PROBES_FIRST && agreed + probed >= PROBES_FIRST {
                    return Drawn::Later;
                }
                let one_in = if agreed < PROBES_FIRST { 1 } else { agreed.min(PROBE_LEAST) };
                let is_drawn = self.rng.below(one_in.into()) == 0;
                let unit = first + self.rng.below(units.into()) as u32;
                if is_drawn { probe(unit, 1) } else { Drawn::No }
            }
        }
    }

    /// A trusted peer's results decide about those that are here.
    fn compare(&mut self, now: Time, by: PeerId, first: u32, values: &[&[u8]]) {
        let end = first + values.len() as u32;
        let numbers: BTreeSet<u32> = self.of[first as usize..end as usize].iter().copied().collect();
        let mut wrong = Vec::new();
        for kept in numbers.iter().filter_map(|number| self.kept.get(number)) {
            let own = packet::results(&self.job, &kept.packet, kept.units.into()).unwrap_or_default();
            let differs = |(unit, own): &(u32, &[u8])| {
                (first..end).contains(unit) && !packet::agree(&self.job, own, values[(unit - first) as usize])
            };
            let Some((unit, _)) = (kept.first..).zip(own).find(differs) else { continue };
            if kept.confirmed.is_some() || self.job.trusts(&kept.by) {
                return self.fail(now, unit, Ended::Differs);
            }
            wrong.push(kept.by);
        }
        for peer in wrong {
            self.convict(now, peer);
        }
        let is_settled = |probe: &Probe| probe.first >= first && probe.first + u32::from(probe.units) <= end;
        let probe_of = |number: &u32| self.kept.get(number).and_then(|kept| kept.probe.as_ref());
        let pending = numbers.iter().filter(|number| self.pending.contains(number));
        let settled: Vec<u32> =
            pending.filter(|number| probe_of(number).is_some_and(is_settled)).copied().collect();
        for number in settled {
            self.settle(now, number, by);
        }
    }

    /// The probe of a result agreed.
    fn settle(&mut self, now: Time, number: u32, by: PeerId) {
        let Some(kept) = self.kept.get_mut(&number) else { return };
        let Some(probe) = kept.probe.take() else { return };
        kept.confirmed = (probe.units == kept.units).then_some(by);
        let lender = kept.by;
        self.checked += u32::from(probe.units);
        let standing = self.standing.entry(lender).or_default();
        standing.agreed = standing.agreed.saturating_add(1);
        self.changed_standing.insert(lender);
        self.end_probe(number, &lender);
        self.accept(now, number);
        self.draw_waiting(now, &lender);
        self.is_changed = true;
        self.is_dirty = true;
    }

    /// A peer returned a wrong result: it gets no more spans, and each unit on its word alone is open again.
    pub(super) fn convict(&mut self, now: Time, peer: PeerId) {
        if self.job.trusts(&peer) {
            return;
        }
        let standing = self.standing.entry(peer).or_default();
        let is_new = !standing.is_caught;
        standing.is_caught = true;
        standing.agreed = 0;
        let standing = *standing;
        if is_new {
            self.is_changed = true;
            if !planted::is(Planted::ConvictionUnwritten) {
                self.out.push(Out::Standing(peer, standing));
            }
        }
        let is_alone = |kept: &Kept| kept.by == peer && kept.confirmed.is_none();
        let alone: Vec<u32> =
            self.kept.iter().filter(|(_, kept)| is_alone(kept)).map(|(number, _)| *number).collect();
        for number in alone {
            let was_pending = self.kept.get(&number).is_some_and(|kept| !kept.is_accepted());
            if was_pending || !planted::is(Planted::ConvictionOpensNothing) {
                self.reopen(number);
            }
        }
        self.drop_runs(|run| run.by.peer == peer);
        self.is_dirty = true;
        self.accepted_at = self.accepted_at.max(now);
    }

    /// Forgets a result: its units are open again.
    pub(super) fn reopen(&mut self, number: u32) {
        let Some(kept) = self.kept.remove(&number) else { return };
        self.unbooked.remove(&number);
        self.end_probe(number, &kept.by);
        self.end_wait(number, &kept.by);
        if kept.is_accepted() {
            self.accepted -= u32::from(kept.units);
            self.news.reopen(number, (kept.first, kept.units));
            if self.is_followed {
                self.out.push(Out::Reopened((kept.first, kept.units)));
            }
        }
        self.bytes = self.bytes.saturating_sub(kept.packet.len() as u64);
        for unit in kept.first..kept.first + u32::from(kept.units) {
            self.of[unit as usize] = 0;
        }
        if planted::is(Planted::CheckStaysWithSpan) {
            self.unchecked.insert(kept.first);
        }
        self.release(kept.first, kept.units);
        self.is_changed = true;
    }

    /// Open units that no task has any more.
    pub(super) fn release(&mut self, first: u32, units: u16) {
        for unit in first..first + u32::from(units) {
            if self.failures.contains_key(&unit) {
                self.hard.insert(unit);
            } else {
                self.free.insert(unit, 1);
            }
        }
    }

    /// Takes units out of the free ones and of tasks. The beginning of a task keeps its runs, the end is released.
    pub(super) fn carve(&mut self, first: u32, units: u16) {
        let end = first + u32::from(units);
        self.free.remove(first, units.into());
        self.hard.retain(|unit| !(first..end).contains(unit));
        let near = self.tasks.range(first.saturating_sub(SPAN_MAX.into())..end);
        let hit = near.filter(|(start, task)| **start + u32::from(task.units) > first);
        let hit: Vec<u32> = hit.map(|(start, _)| *start).collect();
        for task in hit.iter().filter_map(|start| self.tasks.remove(start)).collect::<Vec<Task>>() {
            let task_end = task.first + u32::from(task.units);
            if task_end > end {
                self.release(end, (task_end - end) as u16);
            }
            if task.first < first {
                let units = (first - task.first) as u16;
                self.tasks.insert(task.first, Task { units, ..task });
            }
        }
    }

    /// Ends runs. A task without any goes back.
    pub(super) fn drop_runs(&mut self, is_over: impl Fn(&Run) -> bool) {
        self.change_probes(|probe| probe.runs.retain(|run| !is_over(run)));
        self.tasks.values_mut().for_each(|task| task.runs.retain(|run| !is_over(run)));
        self.release_idle();
    }

    /// Tasks that nobody runs go back.
    fn release_idle(&mut self) {
        if planted::is(Planted::RunsCounted) {
            return;
        }
        let idle = self.tasks.values().filter(|task| task.runs.is_empty());
        for first in idle.map(|task| task.first).collect::<Vec<u32>>() {
            if let Some(task) = self.tasks.remove(&first) {
                self.release(first, task.units);
            }
        }
    }

    /// A unit failed at a lender that had the span.
    pub(super) fn handle_failed(&mut self, now: Time, by: Endpoint, span: Span, unit: u32, failure: Failure) {
        if !self.is_given(&by, span) && !self.job.trusts(&by.peer) || unit >= self.job.units {
            return;
        }
        self.failures.entry(unit).or_default().insert(by.peer, failure);
        let has_unit = |first: u32, units: u16| (first..first + u32::from(units)).contains(&unit);
        for task in self.tasks.values_mut() {
            if task.first == span.0 || has_unit(task.first, task.units) {
                task.runs.retain(|run| run.by != by);
            }
        }
        self.release_idle();
        self.change_probes(|probe| {
            if has_unit(probe.first, probe.units) {
                probe.runs.retain(|run| run.by != by);
            }
        });
        self.is_dirty = true;
        self.judge(now, unit);
    }

    /// Whether a unit that trusted peers could not run ends the job: three, or all that lend.
    pub(super) fn judge(&mut self, now: Time, unit: u32) {
        let Some(tried) = self.failures.get(&unit).filter(|_| unit < self.job.units) else { return };
        let number = self.of[unit as usize];
        if self.kept.get(&number).is_some_and(Kept::is_accepted) {
            return;
        }
        let trusted = self.lending().map(|endpoint| endpoint.peer).filter(|peer| self.job.trusts(peer));
        let here: BTreeSet<PeerId> = trusted.collect();
        let failed = tried.keys().filter(|peer| self.job.trusts(peer)).count();
        let failed_here = tried.keys().filter(|peer| here.contains(peer)).count();
        if failed >= FAILURES || !here.is_empty() && failed_here == here.len() {
            let reason =
                tried.iter().find(|(peer, _)| self.job.trusts(peer)).map(|(_, failure)| failure.clone());
            if let Some(failure) = reason {
                self.fail(now, unit, Ended::Fails(failure));
            }
        }
    }

    /// Ends the job when each unit is accepted.
    pub(super) fn complete(&mut self, now: Time) {
        if self.accepted() < self.job.units
            || self.is_reducing
            || self.waits_to_reduce()
            || self.state.is_over()
        {
            return;
        }
        let mut in_order: Vec<&Kept> = self.kept.values().collect();
        in_order.sort_by_key(|kept| kept.first);
        let job = self.job.clone();
        let read = |kept: &Kept| -> Vec<Vec<u8>> {
            let values = packet::results(&job, &kept.packet, kept.units.into()).unwrap_or_default();
            values.into_iter().map(<[u8]>::to_vec).collect()
        };
        let values: Vec<Vec<u8>> = in_order.into_iter().flat_map(read).collect();
        let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
        let outcome = packet::reduce(&job, &values);
        if job.reduce == Reduce::Program {
            self.is_reducing = true;
            self.out.push(Out::Reduce(outcome));
        } else {
            self.finish(now, outcome);
        }
    }

    /// Whether only the program's reduction is left, and our device may not run it.
    pub(super) fn waits_to_reduce(&self) -> bool {
        self.job.reduce == Reduce::Program && self.accepted() == self.job.units && !self.may_reduce
    }

    /// The program's own reduction ended.
    pub(crate) fn handle_reduced(&mut self, now: Time, result: Result<Vec<u8>, Failure>) {
        if !std::mem::take(&mut self.is_reducing) || self.state.is_over() || self.accepted() < self.job.units
        {
            return;
        }
        match result {
            Ok(outcome) => self.finish(now, outcome),
            Err(failure) => self.fail(now, self.job.units - 1, Ended::Fails(failure)),
        }
    }

    fn finish(&mut self, now: Time, outcome: Vec<u8>) {
        if outcome.len() as u64 > RESULTS_MAX {
            return self.fail(now, self.job.units - 1, Ended::TooMuch(RESULTS_MAX));
        }
        let id = BlobId(*blake3::hash(&outcome).as_bytes());
        let length = outcome.len() as u64;
        self.out.push(Out::Offer(outcome));
        self.end(now, State::Done { outcome: (id, length) });
    }
}
