//! The choice of the steward: of the trusted endpoints here the one of greatest epoch, earlier place in the list, instance.

use std::collections::BTreeMap;
use std::time::Duration;

use meshwork_core::id::{Endpoint, Instance, PeerId};

use super::{Desk, Slot, Standings};
use crate::book::{Book, EPOCH_MAX, Standing, State};
use crate::job::{Job, JobId, Reduce};
use crate::lender::Key;
use crate::planted::{self, Planted};
use crate::steward::{Start, Steward};

/// A trusted endpoint takes a job over this time after the steward is gone.
const TAKEOVER: Duration = Duration::from_secs(10);
/// A new job's steward begins after this time.
const BEGIN: Duration = Duration::from_secs(1);
/// A steward that is here and sends no grants for this time is passed over.
const SILENT: Duration = Duration::from_secs(30);
/// An outcome that cannot be fetched for this time is lost.
const OUTCOME_LOST: Duration = Duration::from_secs(30);

/// The place of a steward among all.
pub(super) fn key(job: &Job, epoch: u32, endpoint: &Endpoint) -> Key {
    (epoch, std::cmp::Reverse(job.rank(&endpoint.peer).unwrap_or(usize::MAX)), endpoint.instance)
}

/// The greatest epoch known of each trusted endpoint.
fn epochs(slot: &Slot, job: &Job) -> BTreeMap<Endpoint, u32> {
    let booked =
        slot.books.iter().map(|(peer, book)| (Endpoint { peer: *peer, instance: book.by }, book.epoch));
    let heard = slot.heard.iter().map(|(endpoint, (epoch, _))| (*endpoint, *epoch));
    let mut epochs = BTreeMap::new();
    for (endpoint, epoch) in booked.chain(heard).filter(|(endpoint, _)| job.trusts(&endpoint.peer)) {
        let known: &mut u32 = epochs.entry(endpoint).or_default();
        *known = (*known).max(epoch);
    }
    epochs
}

/// The standing of all peers in a job, by the rows of those that it trusts.
fn joined(standings: &Standings, job: &Job) -> BTreeMap<PeerId, Standing> {
    let kind = job.program.kind.number();
    let mut all: BTreeMap<PeerId, Standing> = BTreeMap::new();
    for ((_, of, peer), one) in standings.iter().filter(|((by, ..), _)| job.trusts(by)) {
        let standing = all.entry(*peer).or_default();
        standing.agreed = standing.agreed.max(if *of == kind { one.agreed } else { 0 });
        standing.is_caught |= one.is_caught;
    }
    all
}

impl Desk {
    /// The book that counts.
    pub(super) fn best_book<'a>(&self, slot: &'a Slot) -> Option<(Endpoint, &'a Book)> {
        let job = slot.job.as_ref()?;
        let books = slot.books.iter().filter(|(peer, _)| job.trusts(peer));
        let books = books.map(|(peer, book)| (Endpoint { peer: *peer, instance: book.by }, book));
        books.max_by_key(|(endpoint, book)| key(job, book.epoch, endpoint))
    }

    /// Whether a job has ended for good, with an outcome that somebody has.
    pub(super) fn is_over(&self, slot: &Slot) -> bool {
        let Some((_, book)) = self.best_book(slot) else { return false };
        let is_lost = slot.lost.is_some_and(|(first, last)| last.since(first) >= OUTCOME_LOST);
        book.state.is_over() && !(is_lost && matches!(book.state, State::Done { .. }))
    }

    /// The trusted endpoint here that is in charge or will be.
    pub(super) fn in_charge(&self, slot: &Slot) -> Option<Endpoint> {
        let job = slot.job.as_ref()?;
        let epochs = epochs(slot, job);
        let is_silent = |endpoint: &Endpoint| {
            let Some((_, since)) = slot.watched.filter(|(watched, _)| watched == endpoint) else {
                return false;
            };
            let sign = slot.heard.get(endpoint).map_or(since, |(_, at)| since.max(*at));
            *endpoint != self.me && self.now.since(sign) >= SILENT
        };
        if let Some(submitter) = self.reducer(slot, job, &epochs).filter(|endpoint| !is_silent(endpoint)) {
            return Some(submitter);
        }
        let least = |peer: &PeerId| Endpoint { peer: *peer, instance: Instance(u64::MIN) };
        let most = |peer: &PeerId| Endpoint { peer: *peer, instance: Instance(u64::MAX) };
        let trusted = job.trusted.iter().flat_map(|peer| self.offers.range(least(peer)..=most(peer)));
        let here = trusted.map(|(endpoint, _)| endpoint).filter(|endpoint| self.is_here(endpoint));
        let of = |endpoint: &Endpoint| key(job, epochs.get(endpoint).copied().unwrap_or_default(), endpoint);
        here.filter(|endpoint| !is_silent(endpoint)).max_by_key(|endpoint| of(endpoint)).copied()
    }

    /// The submitter's endpoint here, once only its program's reduction is left: it may always run that, the steward perhaps not.
    fn reducer(&self, slot: &Slot, job: &Job, epochs: &BTreeMap<Endpoint, u32>) -> Option<Endpoint> {
        let is_complete = job.reduce == Reduce::Program && self.accepted(slot) == job.units;
        let may = slot.steward.as_ref().is_some_and(|steward| steward.may_reduce);
        let of = |endpoint: &Endpoint| key(job, epochs.get(endpoint).copied().unwrap_or_default(), endpoint);
        let own = |endpoint: &&Endpoint| job.rank(&endpoint.peer) == Some(0) && self.is_here(endpoint);
        self.offers
            .keys()
            .filter(|_| is_complete && !may)
            .filter(own)
            .max_by_key(|endpoint| of(endpoint))
            .copied()
    }

    /// Takes a job in charge, goes on, or leaves it to another.
    pub(super) fn take_charge(&mut self, id: JobId) {
        let now = self.now;
        let Some(slot) = self.jobs.get(&id) else { return };
        let Some(job) = slot.job.clone() else { return };
        if self.is_over(slot) {
            if let Some(slot) = self.jobs.get_mut(&id) {
                slot.steward = None;
                // Nobody sends grants of a job that is over, so silence begins anew if its outcome is lost.
                slot.watched = None;
            }
            self.lender.stop(&id);
            self.end_reduction(id);
            return;
        }
        let boss = self.in_charge(slot);
        let epochs = epochs(slot, &job);
        let greatest = epochs.iter().map(|(endpoint, epoch)| key(&job, *epoch, endpoint)).max();
        let top = epochs.values().copied().max().unwrap_or_default();
        let me = self.me;
        let Some(slot) = self.jobs.get_mut(&id) else { return };
        let Some(boss) = boss.filter(|boss| *boss == me || slot.steward.is_some() || job.trusts(&me.peer))
        else {
            return;
        };
        if boss != me {
            let since = slot.watched.filter(|(watched, _)| *watched == boss).map_or(now, |(_, at)| at);
            let is_quiet = slot.orders().is_cancelled;
            slot.watched = Some((boss, if is_quiet { now } else { since }));
            slot.waits = None;
            if let Some(mut steward) = slot.steward.take() {
                steward.leave(now);
                slot.pace.clear();
                for output in steward.take_outputs() {
                    self.carry(id, output);
                }
                self.end_reduction(id);
            }
            return;
        }
        if let Some(steward) = &slot.steward
            && greatest.is_none_or(|greatest| key(&job, steward.epoch, &me) >= greatest)
        {
            return;
        }
        let epoch = top.saturating_add(1).min(EPOCH_MAX);
        if greatest.is_some_and(|greatest| key(&job, epoch, &me) < greatest) {
            return;
        }
        let since = *slot.waits.get_or_insert(now);
        let wait = if top == 0 { BEGIN } else { TAKEOVER };
        if now.since(since) < wait || top > 0 && planted::is(Planted::NoTakeover) {
            return;
        }
        let standing = joined(&self.standing, &job);
        let orders = slot.orders();
        let books: BTreeMap<PeerId, Book> = slot
            .books
            .iter()
            .filter(|(peer, _)| job.trusts(peer))
            .map(|(peer, book)| (*peer, book.clone()))
            .collect();
        let seed = self.rng.bytes();
        let is_followed = slot.follow.is_some();
        let start = Start { seed, me, id, job, epoch, books: &books, standing, orders, is_followed };
        slot.pace.clear();
        slot.waits = None;
        slot.lost = None;
        slot.steward = Some(Steward::new(now, start));
    }
}
