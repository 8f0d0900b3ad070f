//! Blobs: programs and inputs for the lender, and the books' blobs that trusted endpoints fetch so that a job survives its steward.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use meshwork_core::blobs::BlobId;
use meshwork_core::id::PeerId;

use super::{Desk, FETCHES, FETCHES_A_BEAT, SERVED_MAX, Slot};
use crate::book::{INDEX_MAX, Index, State};
use crate::io::Output;
use crate::job::{Input as JobInput, Job, JobId};
use crate::pool::PoolOrder;

/// Time after which a failed fetch of a program or an input begins again.
const RETRY: Duration = Duration::from_secs(5);

impl Desk {
    /// Fetches a blob for a job, unless that goes on already.
    pub(super) fn fetch(&mut self, id: JobId, blob: BlobId, at_most: u64) {
        self.waiting.entry(blob).or_default().insert(id);
        let is_queued = self.queue.iter().any(|(queued, _)| *queued == blob);
        if !self.fetching.contains(&blob) && !is_queued {
            self.queue.push_back((blob, at_most));
        }
        self.begin_fetches();
    }

    pub(super) fn begin_fetches(&mut self) {
        while self.fetching.len() < FETCHES && self.begun < FETCHES_A_BEAT {
            let Some((blob, at_most)) = self.queue.pop_front() else { return };
            if self.waiting.get(&blob).is_none_or(BTreeSet::is_empty) {
                self.waiting.remove(&blob);
                continue;
            }
            self.begun += 1;
            self.fetching.insert(blob);
            self.out.push_back(Output::Fetch { blob, at_most });
        }
    }

    pub(super) fn handle_fetched(&mut self, blob: BlobId, bytes: Option<Vec<u8>>) {
        self.fetching.remove(&blob);
        let waiting = self.waiting.remove(&blob).unwrap_or_default();
        for id in &waiting {
            self.use_blob(*id, blob, bytes.as_deref());
        }
        if bytes.is_some() && !self.has(&blob) {
            self.out.push_back(Output::Free(blob));
        }
        self.begin_fetches();
    }

    /// A blob that a job waits for is here, or cannot be fetched.
    fn use_blob(&mut self, id: JobId, blob: BlobId, bytes: Option<&[u8]>) {
        let now = self.now;
        let best = self.jobs.get(&id).and_then(|slot| self.best_book(slot)?.1.index);
        let Some(slot) = self.jobs.get_mut(&id) else { return };
        let Some(job) = slot.job.clone() else { return };
        if let Some(steward) = &mut slot.steward {
            steward.handle_fetched(now, blob, bytes);
        }
        if self.read_news(id, blob, bytes) {
            return;
        }
        let Some(slot) = self.jobs.get_mut(&id) else { return };
        let is_outcome = |state: &State| matches!(state, State::Done { outcome } if outcome.0 == blob);
        let is_named = slot.books.values().any(|book| is_outcome(&book.state));
        if is_named {
            slot.lost = match (bytes, slot.lost) {
                (Some(_), _) => None,
                (None, lost) => Some((lost.map_or(now, |(first, _)| first), now)),
            };
        }
        let mut wanted = Vec::new();
        if let Some(bytes) = bytes {
            slot.here.insert(blob);
            let is_best = best.is_some_and(|(index, _)| index == blob);
            let is_index = slot.books.values().any(|book| book.index.is_some_and(|index| index.0 == blob));
            if let Some(index) = is_index.then(|| Index::decode(bytes).ok()).flatten() {
                if job.trusts(&self.me.peer) {
                    wanted.extend(index.entries.iter().map(|entry| entry.packet.0));
                    wanted.retain(|packet| !slot.here.contains(packet));
                }
                if is_best {
                    slot.index = Some((blob, index));
                }
            }
            if job.program.code.is_some_and(|(code, length)| code == blob && bytes.len() == length as usize) {
                slot.code = Some(bytes.to_vec());
            }
            if let JobInput::Whole(input, length) | JobInput::Items(input, length) = job.input
                && input == blob
                && bytes.len() as u64 == length
            {
                slot.input = Some(bytes.to_vec());
            }
        } else {
            self.retries.insert((id, blob), now + RETRY);
        }
        self.read_results(id, blob, bytes);
        wanted.sort_unstable();
        wanted.dedup();
        for packet in wanted {
            self.fetch(id, packet, INDEX_MAX as u64);
        }
    }

    /// A book changed: a steward merges it, other trusted endpoints fetch its blobs.
    pub(super) fn handle_book(&mut self, id: JobId, peer: PeerId) {
        let now = self.now;
        let Some(slot) = self.jobs.get_mut(&id) else { return };
        let (Some(job), Some(book)) = (slot.job.clone(), slot.books.get(&peer).cloned()) else { return };
        if !job.trusts(&peer)
            || peer == self.me.peer
                && slot.steward.as_ref().is_some_and(|steward| steward.epoch == book.epoch)
        {
            return;
        }
        if let Some(steward) = &mut slot.steward {
            steward.handle_book(now, peer, &book);
        } else if job.trusts(&self.me.peer)
            && let Some((index, length)) = book.index
            && !slot.here.contains(&index)
        {
            self.fetch(id, index, length.into());
        }
    }

    /// The outcome of a job that a trusted endpoint must fetch, so that it outlives the steward.
    pub(super) fn lacks_outcome(&self, slot: &Slot) -> Option<(BlobId, u64)> {
        slot.job.as_ref().filter(|job| job.trusts(&self.me.peer))?;
        match self.best_book(slot)?.1.state {
            State::Done { outcome } if !slot.here.contains(&outcome.0) => Some(outcome),
            _ => None,
        }
    }

    /// Fetches a program and its input, and serves the job then. Fetches an outcome that a trusted endpoint lacks.
    pub(super) fn load(&mut self, id: JobId) {
        let Some(slot) = self.jobs.get(&id) else { return };
        let Some(job) = slot.job.clone() else { return };
        let may_fetch = |blob: &BlobId| self.retries.get(&(id, *blob)).is_none_or(|at| self.now >= *at);
        if let Some((blob, length)) = self.lacks_outcome(slot).filter(|_| slot.steward.is_none())
            && may_fetch(&blob)
        {
            self.retries.insert((id, blob), self.now + RETRY);
            self.fetch(id, blob, length);
            return;
        }
        let is_wanted = self.admits(&job) && !slot.orders().is_cancelled && !self.is_over(slot);
        let serves = self.lender.serves(&id);
        let is_served = is_wanted && !serves && self.lender.served().len() < SERVED_MAX;
        let reduces = slot.reduces.is_some();
        if reduces && (serves || slot.is_loaded) {
            self.reduce(id);
        } else if reduces || is_served {
            self.load_program(id, job, is_served);
        }
    }

    /// Fetches program and input. Loads them once they are here, for the lender or for a reduction.
    fn load_program(&mut self, id: JobId, job: Arc<Job>, is_served: bool) {
        let Some(slot) = self.jobs.get_mut(&id) else { return };
        let code =
            job.program.code.filter(|_| slot.code.is_none()).map(|(code, length)| (code, u64::from(length)));
        let input = match job.input {
            JobInput::Whole(input, length) | JobInput::Items(input, length) => Some((input, length)),
            JobInput::None => None,
        };
        let missing = [code, input.filter(|_| slot.input.is_none())];
        let missing: Vec<(BlobId, u64)> = missing.into_iter().flatten().collect();
        if missing.is_empty() {
            let paused = !slot.orders().runs();
            let (code, input) = (slot.code.clone(), slot.input.clone());
            if !std::mem::replace(&mut slot.is_loaded, !is_served) {
                self.lender.order(PoolOrder::Load { id, job: job.clone(), code, input });
            }
            if is_served {
                self.lender.serve(id, job);
                self.lender.pause(self.now, &id, paused);
            }
            self.reduce(id);
            return;
        }
        let may_fetch = |blob: &BlobId| self.retries.get(&(id, *blob)).is_none_or(|at| self.now >= *at);
        let due: Vec<(BlobId, u64)> = missing.into_iter().filter(|(blob, _)| may_fetch(blob)).collect();
        for (blob, length) in due {
            self.retries.insert((id, blob), self.now + 2 * RETRY);
            self.fetch(id, blob, length);
        }
    }
}
