//! Reading: jobs as pages show them, with speed, time left, and the reason that one stands still.

use std::collections::BTreeSet;
use std::time::Duration;

use meshwork_core::blobs::BlobId;
use meshwork_core::id::{Endpoint, PeerId};

use super::{Desk, Slot, cores};
use crate::book::State;
use crate::io::Output;
use crate::job::{Job, JobId, Kind, Reduce};
use crate::message::Offer;
use crate::steward::Steward;
use crate::view::{JobView, Standstill};

/// Speed is that of this time.
const PACE: Duration = Duration::from_secs(30);
/// Time between two measurements.
const PACE_EACH: Duration = Duration::from_secs(1);
/// A steward that may reduce does so within this time.
const REDUCED_WITHIN: Duration = Duration::from_secs(20);

impl Desk {
    /// All jobs of the slot.
    pub fn jobs(&self) -> impl Iterator<Item = JobId> + '_ {
        self.jobs.iter().filter(|(_, slot)| slot.job.is_some()).map(|(id, _)| *id)
    }

    /// The endpoints here that lend, and their offers. Those that are paused are among them.
    pub fn lenders(&self) -> impl Iterator<Item = (Endpoint, &Offer)> {
        let is_lender = |(endpoint, offer): &(&Endpoint, &Offer)| offer.cores > 0 && self.is_here(endpoint);
        self.offers.iter().filter(is_lender).map(|(endpoint, offer)| (*endpoint, offer))
    }

    /// The endpoints here that take part, lending or not, and their offers.
    pub fn devices(&self) -> impl Iterator<Item = (Endpoint, &Offer)> {
        let here = self.offers.iter().filter(|(endpoint, _)| self.is_here(endpoint));
        here.map(|(endpoint, offer)| (*endpoint, offer))
    }

    /// A job as this endpoint sees it.
    pub fn job(&self, id: &JobId) -> Option<JobView> {
        let slot = self.jobs.get(id)?;
        let job = slot.job.as_ref()?;
        let book = self.best_book(slot).map(|(_, book)| book);
        let state = match book {
            Some(book) if self.is_over(slot) => book.state.clone(),
            _ if slot.orders().is_cancelled => State::Cancelled,
            _ if !slot.orders().runs() => State::Paused,
            _ => State::Running,
        };
        let steward = slot.steward.as_ref();
        let accepted = self.accepted(slot);
        let per_second = if state.is_over() { 0.0 } else { self.per_second(slot) };
        let seconds = f64::from(job.units.saturating_sub(accepted)) / per_second;
        Some(JobView {
            job: job.clone(),
            submitter: job.submitter()?,
            units: job.units,
            accepted,
            per_second,
            left: Duration::try_from_secs_f64(seconds).ok().filter(|_| !state.is_over()),
            checked: steward.map_or(book.map_or(0, |book| book.checked), Steward::checked),
            lenders: self.lending().count(),
            steward: steward.map(|_| self.me).or(self.in_charge(slot)),
            credit: match (steward, &slot.index) {
                (Some(steward), _) => steward.credit(),
                (None, Some((_, index))) => index.credit().into_iter().collect(),
                (None, None) => Default::default(),
            },
            spans: steward.map(Steward::spans).unwrap_or_default(),
            caught: self.caught(slot, job).into_iter().collect(),
            standstill: if state.is_over() {
                self.outcome_away(slot, job)
            } else {
                self.standstill(slot, job)
            },
            state,
        })
    }

    /// The steward that had the outcome, if neither it nor another trusted endpoint is here, nor the outcome or all results.
    fn outcome_away(&self, slot: &Slot, job: &Job) -> Option<Standstill> {
        let (steward, book) = self.best_book(slot)?;
        let State::Done { outcome } = book.state else { return None };
        let has_all = slot.follow.as_ref().is_some_and(|follow| follow.has_all(job.units));
        let holder = |endpoint: &Endpoint| job.trusts(&endpoint.peer) && self.is_here(endpoint);
        let is_away = !slot.here.contains(&outcome.0) && !has_all && !self.offers.keys().any(holder);
        is_away.then_some(Standstill::OutcomeAway(steward.peer))
    }

    /// The outcome of a job was fetched by other means than this machine.
    pub fn note_outcome(&mut self, id: &JobId, outcome: BlobId) {
        if let Some(slot) = self.jobs.get_mut(id).filter(|slot| slot.job.is_some()) {
            slot.here.insert(outcome);
            self.out.push_back(Output::Changed(*id));
        }
    }

    /// Accepted units, as far as this endpoint knows.
    pub(super) fn accepted(&self, slot: &Slot) -> u32 {
        let booked = self.best_book(slot).map_or(0, |(_, book)| book.accepted);
        let all = slot.job.as_ref().map_or(0, |job| job.units);
        let accepted = match &slot.steward {
            Some(steward) => steward.accepted(),
            None if self.is_over(slot) => booked,
            None => slot.accepted.max(booked),
        };
        accepted.min(all)
    }

    fn caught(&self, slot: &Slot, job: &Job) -> BTreeSet<PeerId> {
        let rows = self.standing.iter().filter(|((by, _, _), one)| one.is_caught && job.trusts(by));
        let mut caught: BTreeSet<PeerId> = rows.map(|((_, _, peer), _)| *peer).collect();
        caught.extend(slot.steward.iter().flat_map(Steward::caught));
        caught
    }

    /// Notes the accepted units of now, for the speed.
    pub(super) fn measure(&mut self, id: JobId) {
        let now = self.now;
        let Some(slot) = self.jobs.get(&id) else { return };
        let (count, is_open) = (self.earned(slot), !self.is_over(slot));
        let Some(slot) = self.jobs.get_mut(&id) else { return };
        let is_due = slot.pace.back().is_none_or(|(at, _)| now.since(*at) >= PACE_EACH);
        if is_due && is_open {
            slot.pace.push_back((now, count));
            while slot.pace.len() > 1 && slot.pace.front().is_some_and(|(at, _)| now.since(*at) > PACE) {
                slot.pace.pop_front();
            }
        }
    }

    /// Units that were accepted since this endpoint began to count.
    fn earned(&self, slot: &Slot) -> u32 {
        slot.steward.as_ref().map_or_else(|| self.accepted(slot), Steward::earned)
    }

    fn per_second(&self, slot: &Slot) -> f64 {
        let Some((since, before)) = slot.pace.front() else { return 0.0 };
        let seconds = self.now.since(*since).as_secs_f64();
        let units = f64::from(self.earned(slot).saturating_sub(*before));
        if seconds < 1.0 { 0.0 } else { units / seconds }
    }

    /// Those that lend now.
    pub(super) fn lending(&self) -> impl Iterator<Item = (&Endpoint, &Offer)> {
        self.offers.iter().filter(|(endpoint, offer)| cores(offer) > 0 && self.is_here(endpoint))
    }

    fn standstill(&self, slot: &Slot, job: &Job) -> Option<Standstill> {
        if !slot.orders().runs() {
            return Some(Standstill::Paused);
        }
        let is_complete = self.accepted(slot) == job.units;
        let can = |offer: &Offer| match job.program.kind {
            Kind::Offered => offer.offers.iter().any(|name| name.as_str() == job.program.name.as_str()),
            kind => offer.engines >> kind.number() & 1 == 1,
        };
        if !is_complete && !self.lending().any(|(_, offer)| can(offer)) {
            let name = job.program.name.as_str().to_owned();
            return Some(match job.program.kind {
                Kind::Offered => Standstill::NobodyOffers(name),
                Kind::Wgsl(_) => Standstill::NoCard,
                kind if self.lending().next().is_some() => Standstill::NobodyRuns(kind),
                Kind::Wasm | Kind::Js => Standstill::NobodyLends,
            });
        }
        let Some(boss) = self.in_charge(slot) else { return job.submitter().map(Standstill::NobodyTrusted) };
        if let Some(steward) = &slot.steward {
            return steward.standstill(self.now);
        }
        let since = slot.accepted_at.map(|at| self.now.since(at)).unwrap_or_default();
        if is_complete && job.reduce == Reduce::Program {
            let submitter = job.submitter().filter(|_| since > REDUCED_WITHIN)?;
            return Some(Standstill::NobodyReduces { submitter, steward: boss });
        }
        let has_checker = self.lending().any(|(endpoint, offer)| job.trusts(&endpoint.peer) && can(offer));
        (since > Duration::from_secs(60) && !has_checker).then_some(Standstill::NobodyChecks { results: 0 })
    }

    /// The peer whose word an accepted unit rests on, and the trusted peer that repeated it. At the steward alone.
    pub fn author(&self, id: &JobId, unit: u32) -> Option<(PeerId, Option<PeerId>)> {
        self.jobs.get(id)?.steward.as_ref()?.author(unit)
    }

    /// The epoch and steward that the lender here obeys in a job.
    pub fn obeys(&self, id: &JobId) -> Option<(u32, Endpoint)> {
        self.lender.obeys(id)
    }

    /// Whether units of a job run here now.
    pub fn is_running(&self, id: &JobId) -> bool {
        self.lender.is_running(id)
    }
}
