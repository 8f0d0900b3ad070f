//! Intake of batches: queued, verified in slices, applied, forwarded, acknowledged, stored.

use alloc::vec::Vec;

use crate::id::Endpoint;
use crate::room::comparison::Key;
use crate::room::delivery::queue::Next;
use crate::room::delivery::{Checked, Rejection};
use crate::room::governing::admits;
use crate::room::storage::form;
use crate::room::{Room, RoomOutput};
use crate::room::{expiry, superseded};
use crate::signed::batch::UnverifiedBatch;
use crate::time::Now;

/// Stored batches that are verified before a room is shown: a tenth of a second of a page at most, and all batches of
/// most rooms. The rest follows in slices.
const RESTORED_AT_ONCE: usize = 256;
/// Number of batches without a signature check that cost as much as one with it.
const KNOWN_PER_SIGNATURE: usize = 16;

impl Room {
    /// Accepts stored batches: the first few at once, the rest in slices. Invalid ones are left out
    /// and reported at the end.
    ///
    /// Stored data is verified like a neighbour's, since another program may have changed it. Restored batches are not
    /// stored again. Stamps count at any civil clock: these batches were within room time when
    /// they were accepted, and a clock that was set back must not hide them.
    pub fn restore(&mut self, now: Now, batches: Vec<Vec<u8>>) {
        self.kept.storage.handle_restored();
        expiry::evict_old(&mut self.kept, now);
        // Superseded batches come last, so that they lose again at once and wait from their original day on.
        let (waiting, batches): (Vec<_>, Vec<_>) =
            batches.into_iter().partition(|stored| form::read(stored).1.is_some());
        let mut batches = batches.into_iter().chain(waiting);
        for bytes in batches.by_ref().take(RESTORED_AT_ONCE) {
            self.restore_one(now, &bytes, false);
        }
        self.kept.delivery.queue.push_stored(batches);
        self.kept.restored();
    }

    /// Verifies queued batches, at most `most` signatures, and processes them. Returns how
    /// many were verified: 0 if nothing is queued.
    pub fn verify(&mut self, now: Now, most: usize) -> usize {
        let mut cost = 0;
        while cost < most * KNOWN_PER_SIGNATURE {
            let Some(next) = self.kept.delivery.queue.take_next() else { break };
            cost += match next {
                Next::Live(from, batch) => self.verify_one(now, from, batch, true),
                Next::Leaf(from, batch) => {
                    self.kept.comparison.handle_worked_off(now.time, from, batch.bytes().len());
                    self.verify_one(now, from, batch, false)
                }
                Next::Again(from, batch, live) => match self.kept.look(&batch, live) {
                    Ok(()) => self.verify_one(now, from, batch, live),
                    Err(rejection) => {
                        self.reject(now, from, rejection, live);
                        1
                    }
                },
                Next::LeafEnd(from, leaf) => {
                    self.kept.comparison.handle_leaf_end(now.time, from, leaf, &self.kept.replicas);
                    1
                }
                Next::Stored(bytes) => {
                    let cost = self.restore_one(now, &bytes, true);
                    self.kept.restored();
                    cost
                }
            };
        }
        // Batches for a second look come last.
        if cost < most * KNOWN_PER_SIGNATURE {
            let left = most - cost.div_ceil(KNOWN_PER_SIGNATURE);
            cost += self.verify_history(now, left) * KNOWN_PER_SIGNATURE;
        }
        if cost > 0 {
            self.finish(now);
        }
        cost.div_ceil(KNOWN_PER_SIGNATURE)
    }

    /// Forgets the waiting messages of an endpoint that broke the rules.
    pub fn handle_shut_out(&mut self, endpoint: Endpoint) {
        self.kept.delivery.queue.forget(endpoint);
    }

    /// Whether batches wait to be verified.
    pub fn has_unverified(&self) -> bool {
        !self.kept.delivery.queue.is_empty() || self.history.has_unverified()
    }

    /// A neighbour reports the end of a leaf.
    pub(in crate::room) fn receive_leaf_end(&mut self, from: Endpoint, leaf: Key) {
        // An end without space is dropped: the neighbour is passed over in time.
        let _ = self.kept.delivery.queue.push_leaf_end(from, leaf);
    }

    /// Checks a batch that arrived and queues it.
    pub(in crate::room) fn receive(&mut self, now: Now, from: Endpoint, bytes: &[u8], live: bool) {
        let batch = match self.kept.delivery.decode(&self.kept.id, bytes) {
            Ok(batch) => batch,
            Err(rejection) => return self.reject(now, from, rejection, live),
        };
        if live && planted!(PassUnverified) {
            let others =
                self.membership.overlay().neighbours().into_iter().filter(|other| *other != from).collect();
            self.kept.send_live(others, &batch.clone().assume_signed());
        }
        if live {
            self.membership.count_received();
            self.membership.overlay_mut().handle_arrived(&batch.key());
        }
        let bytes = batch.bytes().len();
        let wanted = !live && self.kept.comparison.handle_leaf_batch(now.time, from, bytes);
        let queued = match self.kept.look(&batch, live) {
            Err(rejection) => {
                self.reject(now, from, rejection, live);
                false
            }
            Ok(()) => {
                let queued = (wanted || self.kept.delivery.flood.take(now.time, from))
                    && match live {
                        true => self.kept.delivery.queue.push_live(from, batch) == Ok(()),
                        false => self.kept.delivery.queue.push_leaf(from, batch) == Ok(()),
                    };
                if !queued {
                    self.kept.delivery.flood.handle_dropped(now.time, from);
                    self.kept.comparison.handle_leaf_dropped(from);
                }
                queued
            }
        };
        if !live && !queued {
            self.kept.comparison.handle_worked_off(now.time, from, bytes);
        }
    }

    /// Accepts a valid batch, and forwards it if it is live.
    pub(in crate::room) fn accept(&mut self, now: Now, from: Endpoint, mut checked: Checked, live: bool) {
        let key = checked.batch.key();
        if !admits(&mut self.kept, &mut checked) {
            return self.membership.overlay_mut().handle_known(now, &checked.batch);
        }
        if !checked.batch.header().replica.family().is_kept() {
            return self.talking().accept(now, from, &checked);
        }
        // An erased batch need not be stored here, and its author's program may need it when the record falls.
        if key.author == from && self.kept.stays && !checked.content.is_cut {
            self.kept.storage.acknowledge(from, key.sequence);
        }
        let batch = checked.batch.clone();
        self.kept.find_out(&batch);
        // A batch that wins nothing here wins nothing elsewhere, once the winner is there. Forwarding only accepted
        // batches also ends every loop of a batch whose sequence was forgotten.
        if self.kept.apply(now, checked) && live {
            let targets = self.membership.overlay_mut().targets(now, &batch, Some(from));
            self.kept.send_live(targets, &batch);
        } else {
            self.membership.overlay_mut().handle_known(now, &batch);
        }
    }

    /// Verifies and accepts one batch. Returns the cost.
    fn verify_one(&mut self, now: Now, from: Endpoint, batch: UnverifiedBatch, live: bool) -> usize {
        if self.kept.is_known(&batch, live) {
            self.reject(now, from, Rejection::Known(batch.key()), live);
            return 1;
        }
        if self.kept.delivery.is_ahead(now, &batch) && !self.kept.delivery.has_place(from, &batch) {
            self.kept.refuse_future(from);
            return 1;
        }
        match self.kept.verify(now, batch) {
            Ok(checked) => self.accept(now, from, checked, live),
            Err(rejection) => self.reject(now, from, rejection, live),
        }
        KNOWN_PER_SIGNATURE
    }

    fn reject(&mut self, now: Now, from: Endpoint, rejection: Rejection, live: bool) {
        match rejection {
            Rejection::Known(key) => {
                if live {
                    self.membership.overlay_mut().handle_duplicate(&key, from);
                }
                // A held batch is known too, but it is not applied.
                if key.author == from && self.kept.stays && self.kept.delivery.is_delivered(&key) {
                    self.kept.storage.acknowledge(from, key.sequence);
                }
            }
            // An author without the new rule, or before midnight, may send it; it need not be sent again.
            Rejection::Old(key) => {
                if key.author == from && self.kept.stays {
                    self.kept.storage.acknowledge(from, key.sequence);
                }
            }
            Rejection::Ahead(checked) => {
                for from in self.kept.delivery.hold(from, checked) {
                    self.kept.refuse_future(from);
                }
            }
            Rejection::Unknown => {}
            Rejection::Foreign(batch) if live => self.talking().pass_on(now, from, &batch),
            Rejection::Foreign(_) => {}
            Rejection::Unruled(batch) => self.kept.rules.await_record(from, batch, live),
            Rejection::Cut(author) => self.kept.tell_cut(author),
            Rejection::Refused(refusal, detail) => {
                self.kept.outputs.push_back(RoomOutput::Offence(from, refusal, detail));
            }
        }
    }

    /// Accepts one stored batch. Returns the cost.
    pub(in crate::room) fn restore_one(&mut self, now: Now, stored: &[u8], tell: bool) -> usize {
        let (bytes, lost_on) = form::read(stored);
        let batch = match self.kept.delivery.decode(&self.kept.id, bytes) {
            Ok(batch) => batch,
            // A later version of this program stored it, and can read it.
            Err(Rejection::Unknown) => return 1,
            Err(_) => {
                self.kept.delivery.refused_stored += 1;
                return 1;
            }
        };
        let key = batch.key();
        match self.kept.look(&batch, true) {
            Ok(()) => {}
            // A neighbour was faster than our own disk.
            Err(Rejection::Known(_)) => return 1,
            Err(Rejection::Cut(_)) if self.kept.rules.suspends(&batch) => {
                match batch.verify() {
                    Ok(batch) => superseded::restore_taken(&mut self.kept, now, &batch, lost_on),
                    Err(_) => self.kept.refuse_stored(key),
                }
                return KNOWN_PER_SIGNATURE;
            }
            Err(_) => {
                self.kept.storage.drop_stored(key);
                return 1;
            }
        }
        let mut checked = match self.kept.verify(now, batch) {
            Ok(checked) | Err(Rejection::Ahead(checked)) => checked,
            // Another program stored it, with more of the room's apps, or with a record that is not here yet.
            Err(Rejection::Foreign(_) | Rejection::Unruled(_)) => return KNOWN_PER_SIGNATURE,
            Err(_) => {
                self.kept.refuse_stored(key);
                return KNOWN_PER_SIGNATURE;
            }
        };
        if admits(&mut self.kept, &mut checked) {
            superseded::restore(&mut self.kept, now, checked, lost_on, tell);
        } else {
            self.kept.storage.drop_stored(key);
        }
        KNOWN_PER_SIGNATURE
    }
}
