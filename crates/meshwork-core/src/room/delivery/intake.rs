//! How batches come into a room: queued, verified in slices, applied, passed on, acknowledged, stored.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::batches::batch::{SignedBatch, UnverifiedBatch};
use crate::id::Endpoint;
use crate::replica::{Changes, FIRST_REPLICA};
use crate::room::delivery::queue::Next;
use crate::room::delivery::{Checked, Rejection};
use crate::room::message::RoomMessage;
use crate::room::{Room, RoomOutput};
use crate::seam::event::{Event, Refusal};
use crate::seam::io::BatchKey;
use crate::time::Now;
use crate::wire::Bytes;

/// Stored batches that are verified before a room is shown: a tenth of a second of a page at most, and all that
/// most rooms have. The rest follow in slices.
const RESTORED_AT_ONCE: usize = 256;
/// How many batches that need no signature count as much as one that does.
const KNOWN_PER_SIGNATURE: usize = 16;

impl Room {
    /// Takes in stored batches: the first few at once, the rest in slices. Those that do not verify are left out
    /// and told when all were looked at.
    ///
    /// Storage is verified like a neighbour, since another program may have changed it. What is restored is not
    /// stored again. Stamps count whatever the civil clock says now: these batches were within room time when
    /// they were taken in, and a clock that was set back must not hide them.
    pub fn restore(&mut self, now: Now, batches: Vec<Vec<u8>>) {
        self.storage.handle_restored();
        let mut batches = batches.into_iter();
        for bytes in batches.by_ref().take(RESTORED_AT_ONCE) {
            self.restore_one(now, &bytes, false);
        }
        self.delivery.queue.push_stored(batches);
        self.restored();
    }

    /// Verifies queued batches, at most `most` signatures, and does with them what is to be done. Returns how
    /// many were verified: 0 when nothing is queued.
    pub fn verify(&mut self, now: Now, most: usize) -> usize {
        let mut cost = 0;
        while cost < most * KNOWN_PER_SIGNATURE {
            let Some(next) = self.delivery.queue.take_next() else { break };
            cost += match next {
                Next::Live(from, batch) => self.verify_one(now, from, batch, true),
                Next::Part(from, batch) => {
                    self.comparison.handle_worked_off(now.time, from, batch.bytes().len());
                    self.verify_one(now, from, batch, false)
                }
                Next::Again(from, batch, live) => match self.look(&batch, live) {
                    Ok(()) => self.verify_one(now, from, batch, live),
                    Err(rejection) => {
                        self.reject(from, rejection, live);
                        1
                    }
                },
                Next::PartEnd(from, part) => {
                    self.comparison.handle_part_end(now.time, from, part, &*self.replica);
                    1
                }
                Next::Stored(bytes) => {
                    let cost = self.restore_one(now, &bytes, true);
                    self.restored();
                    cost
                }
            };
        }
        // What is only to be looked at comes last.
        if cost < most * KNOWN_PER_SIGNATURE {
            let left = most - cost.div_ceil(KNOWN_PER_SIGNATURE);
            cost += self.verify_history(now, left) * KNOWN_PER_SIGNATURE;
        }
        if cost > 0 {
            self.finish(now);
        }
        cost.div_ceil(KNOWN_PER_SIGNATURE)
    }

    /// Forgets what an endpoint said that broke the rules, as far as it was not worked off.
    pub fn handle_shut_out(&mut self, endpoint: Endpoint) {
        self.delivery.queue.forget(endpoint);
    }

    /// Whether batches wait to be verified.
    pub fn has_unverified(&self) -> bool {
        !self.delivery.queue.is_empty() || self.history.has_unverified()
    }

    /// Bytes of batches that wait to be verified.
    pub fn unverified_bytes(&self) -> usize {
        self.delivery.queue.bytes()
    }

    /// Asks neighbours for what is lacking, once what they said before is worked off.
    pub(in crate::room) fn fetch(&mut self, now: Now) {
        if self.delivery.queue.is_restored() {
            let queue = &self.delivery.queue;
            self.comparison.fetch(now.time, &*self.replica, |neighbour| !queue.has_live(neighbour));
        }
        let queue = &self.delivery.queue;
        self.comparison.tell_worked_off(|neighbour| queue.has_wanted(neighbour));
    }

    /// Looks at a batch that arrived and queues it.
    pub(in crate::room) fn receive(&mut self, now: Now, from: Endpoint, bytes: &[u8], live: bool) {
        let batch = match self.delivery.decode(bytes) {
            Ok(batch) => batch,
            Err(rejection) => return self.reject(from, rejection, live),
        };
        if live && planted!(PassUnverified) {
            let others =
                self.membership.overlay().neighbours().into_iter().filter(|other| *other != from).collect();
            self.send_live(others, &batch.clone().assume_signed());
        }
        if live {
            self.membership.count_received();
            self.membership.overlay_mut().handle_arrived(&batch.key());
        }
        let bytes = batch.bytes().len();
        let wanted = !live && self.comparison.handle_part_batch(now.time, from, &batch);
        let queued = match self.look(&batch, live) {
            Err(rejection) => {
                self.reject(from, rejection, live);
                false
            }
            Ok(()) => {
                let queued = (wanted || self.delivery.flood.take(now.time, from))
                    && match live {
                        true => self.delivery.queue.push_live(from, batch) == Ok(()),
                        false => self.delivery.queue.push_part(from, batch) == Ok(()),
                    };
                if !queued {
                    self.delivery.flood.handle_dropped(now.time, from);
                    self.comparison.handle_part_dropped(from);
                }
                queued
            }
        };
        if !live && !queued {
            self.comparison.handle_worked_off(now.time, from, bytes);
        }
    }

    /// A neighbour says that it has served all of a part.
    pub(in crate::room) fn receive_part_end(&mut self, now: Now, from: Endpoint, part: u32) {
        if self.comparison.handle_part_end_received(now.time, from, part) {
            // An end that finds no place was not said: the neighbour is passed over in time.
            let _ = self.delivery.queue.push_part_end(from, part);
        }
    }

    /// Tells of whom batches were dropped.
    pub(in crate::room) fn tell_dropped(&mut self, now: Now) {
        let dropped: Vec<(Endpoint, u64)> = self.delivery.flood.take_dropped(now.time).collect();
        for (from, count) in dropped {
            self.tell_dropped_of(from, count);
        }
    }

    pub(in crate::room) fn tell_dropped_of(&mut self, from: Endpoint, count: u64) {
        if count > 0 {
            let detail =
                String::from("it sends more than is taken from one neighbour; comparison brings what counts");
            self.outputs.push_back(RoomOutput::RefusedMany(from, Refusal::Flood, detail, count));
        }
    }

    /// Takes in a batch that counts, and passes it on if it is live.
    pub(in crate::room) fn accept(&mut self, now: Now, from: Endpoint, checked: Checked, live: bool) {
        let key = checked.batch.key();
        if !self.admits_batch(now, &checked.batch) {
            return self.membership.overlay_mut().handle_known(now, &checked.batch);
        }
        if key.author == from && self.stays {
            self.storage.acknowledge(from, key.sequence);
        }
        let batch = checked.batch.clone();
        // What wins nothing here wins nothing elsewhere, once the winner is there; passing on only what was taken
        // in also ends every round trip of a batch whose sequence was forgotten.
        if self.apply(now, checked) && live {
            let targets = self.membership.overlay_mut().targets(now, &batch, Some(from));
            self.send_live(targets, &batch);
        } else {
            self.membership.overlay_mut().handle_known(now, &batch);
        }
    }

    /// Applies a batch. Returns whether it was taken in: it won an entry.
    pub(in crate::room) fn apply(&mut self, now: Now, checked: Checked) -> bool {
        let batch = checked.batch.clone();
        let kept = self.apply_unstored(now, checked, true);
        if kept {
            self.storage.insert(now, batch);
        }
        kept
    }

    fn apply_unstored(&mut self, now: Now, checked: Checked, tell: bool) -> bool {
        let (batch, key) = (checked.batch.clone(), checked.batch.key());
        let again = self.delivery.is_delivered(&key);
        let applied = self.delivery.apply(checked, &mut *self.replica, &mut self.clock);
        self.rules.note(batch, applied.kept, &applied.dropped);
        applied.dropped.into_iter().for_each(|dropped| self.storage.remove(dropped));
        self.comparison.handle_change(now.time);
        if tell && let Some(changes) = applied.changed {
            self.tell_changed((!again).then_some(key), changes);
        }
        applied.kept
    }

    /// Tells that the replica looks different, by a batch that was new or for another reason.
    pub(in crate::room) fn tell_changed(&mut self, batch: Option<BatchKey>, changes: Changes) {
        self.event(Event::Changed { room: self.handle, replica: FIRST_REPLICA, batch, changes });
    }

    /// Verifies and takes in one batch. Returns what that cost.
    fn verify_one(&mut self, now: Now, from: Endpoint, batch: UnverifiedBatch, live: bool) -> usize {
        if self.is_known(&batch, live) {
            self.reject(from, Rejection::Known(batch.key()), live);
            return 1;
        }
        if self.delivery.is_ahead(now, &batch) && !self.delivery.has_place(from, &batch) {
            self.refuse_future(from);
            return 1;
        }
        match self.delivery.verify(now, batch, &self.id, &*self.replica, self.rules.records()) {
            Ok(checked) => self.accept(now, from, checked, live),
            Err(rejection) => self.reject(from, rejection, live),
        }
        KNOWN_PER_SIGNATURE
    }

    fn refuse_future(&mut self, from: Endpoint) {
        self.comparison.handle_forgotten();
        let detail = String::from("its stamp is ahead of room time, and as many as allowed are held");
        self.outputs.push_back(RoomOutput::Refused(from, Refusal::BatchFuture, detail));
    }

    fn reject(&mut self, from: Endpoint, rejection: Rejection, live: bool) {
        match rejection {
            Rejection::Known(key) => {
                if live {
                    self.membership.overlay_mut().handle_duplicate(&key, from);
                }
                // What is held is known too, but it is not applied.
                if key.author == from && self.stays && self.delivery.is_delivered(&key) {
                    self.storage.acknowledge(from, key.sequence);
                }
            }
            Rejection::Ahead(checked) => {
                for from in self.delivery.hold(from, checked) {
                    self.refuse_future(from);
                }
            }
            Rejection::Unknown => {}
            Rejection::Unruled(batch) => self.rules.await_record(from, batch, live),
            Rejection::Void(author, void) => self.tell_void(author, void),
            Rejection::Refused(refusal, detail) => {
                self.outputs.push_back(RoomOutput::Offence(from, refusal, detail));
            }
        }
    }

    /// Takes in one stored batch. Returns what that cost.
    fn restore_one(&mut self, now: Now, bytes: &[u8], tell: bool) -> usize {
        let batch = match self.screen(bytes, true) {
            Ok(batch) => batch,
            // A neighbour was faster than one's own disk, with the batch or with the ban of its author.
            Err(Rejection::Known(_) | Rejection::Void(..)) => return 1,
            Err(_) => {
                self.delivery.refused_stored += 1;
                return 1;
            }
        };
        let checked = match self.delivery.verify(now, batch, &self.id, &*self.replica, self.rules.records()) {
            Ok(checked) | Err(Rejection::Ahead(checked)) => checked,
            Err(_) => {
                self.delivery.refused_stored += 1;
                return KNOWN_PER_SIGNATURE;
            }
        };
        let key = checked.batch.key();
        if !self.admits_batch(now, &checked.batch) || !self.apply_unstored(now, checked, tell) {
            // What was beaten while nobody looked need not stay on disk.
            self.storage.remove(key);
        }
        KNOWN_PER_SIGNATURE
    }

    /// Says how many stored batches were left out, once all were looked at.
    fn restored(&mut self) {
        if self.delivery.queue.is_restored() && self.delivery.refused_stored > 0 {
            let refused = core::mem::take(&mut self.delivery.refused_stored);
            let reason = format!("{refused} stored batches do not verify and were left out");
            self.event(Event::StorageFailed { room: self.handle, reason });
        }
    }

    pub(in crate::room) fn send_live(&mut self, targets: Vec<Endpoint>, batch: &SignedBatch) {
        for to in targets {
            let bytes = Bytes::new(batch.bytes().to_vec()).expect("a signed batch is within its limit");
            self.outputs.push_back(RoomOutput::Send(to, RoomMessage::Batch(bytes)));
        }
    }
}
