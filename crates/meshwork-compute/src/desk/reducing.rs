//! The program's own reduction: run by the steward, on a device whose owner consents. And erased jobs, which everybody forgets.

use meshwork_core::blobs::BlobId;
use meshwork_core::table::Writer;

use super::{Desk, Slot};
use crate::book::BOOK_FIELD;
use crate::io::Output;
use crate::job::JobId;
use crate::message::Failure;
use crate::pool::PoolOrder;

impl Desk {
    /// Whether the program's reduction may run here: for the submitter, and on the lender's terms.
    pub(super) fn may_reduce(&self, id: &JobId) -> bool {
        let job = self.jobs.get(id).and_then(|slot| slot.job.as_ref());
        job.is_some_and(|job| job.submitter() == Some(self.me.peer) || self.admits(job))
    }

    /// Gives the pool its order to reduce. The program is loaded.
    pub(super) fn reduce(&mut self, id: JobId) {
        let packet = self.jobs.get_mut(&id).and_then(|slot| slot.reduces.take());
        if let Some(packet) = packet {
            self.lender.order(PoolOrder::Reduce { job: id, packet });
        }
    }

    /// The pool forgot a program while it reduced, so its steward orders it again.
    pub(super) fn reduce_again(&mut self, id: &JobId) {
        let Some(slot) = self.jobs.get_mut(id) else { return };
        if let Some(steward) = slot.steward.as_mut().filter(|steward| steward.is_reducing) {
            steward.is_reducing = false;
            slot.reduces = None;
        }
    }

    /// The pool answers.
    pub(super) fn handle_reduced(&mut self, id: JobId, result: Result<Vec<u8>, Failure>) {
        let now = self.now;
        self.end_reduction(id);
        if let Some(steward) = self.jobs.get_mut(&id).and_then(|slot| slot.steward.as_mut()) {
            steward.handle_reduced(now, result);
        }
    }

    /// A program that was loaded for its reduction alone is forgotten.
    pub(super) fn end_reduction(&mut self, id: JobId) {
        let is_served = self.lender.serves(&id);
        let Some(slot) = self.jobs.get_mut(&id) else { return };
        slot.reduces = None;
        if std::mem::take(&mut slot.is_loaded) && !is_served {
            self.lender.order(PoolOrder::Unload(id));
        }
    }

    /// Whether a blob is here for any job.
    pub(super) fn has(&self, blob: &BlobId) -> bool {
        self.jobs.values().any(|slot| slot.here.contains(blob)) || self.lender.holds(blob)
    }

    /// The submitter has erased a job: ends its runs, frees its blobs and removes our book.
    pub(super) fn forget(&mut self, id: JobId) {
        self.lender.stop(&id);
        self.end_reduction(id);
        let Some(slot) = self.jobs.remove(&id) else { return };
        // The book counts as an orphan until it is gone: the room may refuse its removal.
        let orphan = slot.books.contains_key(&self.me.peer).then_some(self.now);
        self.jobs.insert(id, Slot { is_erased: true, orphan, ..Slot::default() });
        if orphan.is_some() {
            self.write(id.row(), Writer::Peer(self.me.peer), BOOK_FIELD.to_vec(), None);
        }
        for jobs in self.waiting.values_mut() {
            jobs.remove(&id);
        }
        self.retries.retain(|(job, _), _| *job != id);
        for blob in slot.here {
            if !self.has(&blob) {
                self.out.push_back(Output::Free(blob));
            }
        }
        self.out.push_back(Output::Changed(id));
    }
}
