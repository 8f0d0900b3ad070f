//! Superseded batches, and batches that a moderator's ban erased. They wait, on disk if the room is stored, in case the
//! winner is cut or the ban falls.
//!
//! They are neither served nor compared. The ledger of the rules limits their time and number, and the room's records
//! decide when they compete again. A commons has no records, so nothing waits on its disks.

use alloc::vec::Vec;

use super::delivery::Checked;
use super::kept::Kept;
use super::rules::ledger::BEATEN_DAYS;
use super::{eviction, expiry};
use crate::signed::batch::{BatchKey, SignedBatch};
use crate::time::{Now, Time};

/// These batches were superseded just now, or were needed although a record erased them.
pub(super) fn lose(kept: &mut Kept, now: Now, lost: Vec<BatchKey>) {
    let today = kept.calendar.today(now);
    for key in lost {
        let batch =
            kept.rules.ledger().get(&key).filter(|batch| !expiry::is_old(&kept.replicas, batch)).cloned();
        let is_taken =
            |batch: &&SignedBatch| kept.keeps_what_is_needed(batch) && kept.rules.judge(batch).is_cut();
        if let Some(taken) = batch.as_ref().filter(is_taken) {
            // A later batch may need it again, so it does not count as known.
            kept.rules.ledger_mut().forget(&key);
            kept.passed_over = true;
            if !keep_taken(kept, now, taken, None) {
                kept.storage.remove(key);
            }
            continue;
        }
        let waits =
            batch.filter(|batch| kept.rules.ledger_mut().note_beaten(batch, today) && is_stored(kept));
        match waits {
            Some(batch) => kept.storage.set_aside(&batch, today, true),
            None => kept.storage.remove(key),
        }
    }
    bound(kept, now);
}

/// A valid batch arrived and won no entry.
pub(super) fn wait(kept: &mut Kept, now: Now, batch: &SignedBatch) {
    if kept.rules.ledger().get(&batch.key()).is_none() && !expiry::is_old(&kept.replicas, batch) {
        let today = kept.calendar.today(now);
        kept.rules.ledger_mut().note_beaten(batch, today);
        // Keys are free, and so are batches that win nothing: no stranger may cause endless disk writes.
        if is_stored(kept) && kept.rules.knows_peer(&batch.peer()) {
            kept.storage.set_aside(batch, today, false);
        }
        bound(kept, now);
    }
}

/// Accepts a verified batch from the store, with the day on which it was superseded if it won no entry there.
/// The application receives an event if `tell` says so.
pub(super) fn restore(kept: &mut Kept, now: Now, checked: Checked, lost_on: Option<u32>, tell: bool) {
    let (batch, is_cut) = (checked.batch.clone(), checked.content.is_cut);
    let wins = kept.apply_unstored(now, checked, tell);
    let today = kept.calendar.today(now);
    match lost_on {
        _ if is_cut && !wins => restore_taken(kept, now, &batch, lost_on),
        Some(_) if wins => kept.storage.insert_again(batch),
        None if wins => {}
        // A neighbour was faster, and the batch has been superseded since, or not.
        _ if kept.rules.ledger().get(&batch.key()).is_some() => {}
        Some(day) if is_stored(kept) => drop(kept.rules.ledger_mut().note_beaten(&batch, day)),
        None if is_stored(kept) => {
            kept.rules.ledger_mut().note_beaten(&batch, today);
            kept.storage.set_aside(&batch, today, true);
        }
        _ => kept.storage.drop_stored(batch.key()),
    }
    bound(kept, now);
    eviction::bound(kept, now);
}

/// A record erased a stored batch that no other batch needs.
pub(super) fn restore_taken(kept: &mut Kept, now: Now, batch: &SignedBatch, lost_on: Option<u32>) {
    if !keep_taken(kept, now, batch, lost_on) {
        kept.storage.drop_stored(batch.key());
    }
}

/// A record erased a batch that no other batch needs. Returns whether it waits because the record may fall.
fn keep_taken(kept: &mut Kept, now: Now, batch: &SignedBatch, lost_on: Option<u32>) -> bool {
    if !kept.rules.suspends(batch) {
        return false;
    }
    let today = kept.calendar.today(now);
    kept.rules.ledger_mut().suspend(batch, lost_on.unwrap_or(today));
    if lost_on.is_none() {
        kept.storage.set_aside(batch, today, true);
    }
    bound(kept, now);
    true
}

/// The bans on a batch fell: it competes again.
pub(super) fn resume(kept: &mut Kept, now: Now, batch: SignedBatch) {
    let replica = kept.replicas.get(batch.header().replica);
    let content = replica.map(|replica| replica.check(&batch.header(), batch.payload()));
    if let Some(Ok(content)) = content.filter(|_| !expiry::is_old(&kept.replicas, &batch)) {
        kept.apply(now, Checked { batch, content });
    }
}

/// Forgets batches that waited long enough, and those beyond the limits.
pub(super) fn bound(kept: &mut Kept, now: Now) {
    let gone = kept.rules.bound_beaten(kept.calendar.today(now));
    gone.into_iter().for_each(|gone| kept.storage.remove(gone));
}

/// The time when the next batch has waited long enough.
pub(super) fn poll_timeout(kept: &Kept, now: Now) -> Option<Time> {
    let first = kept.rules.ledger().first_day()?;
    Some(kept.calendar.begin_of(now, first.saturating_add(BEATEN_DAYS + 1)))
}

/// Whether waiting batches are on disk.
fn is_stored(kept: &Kept) -> bool {
    kept.rules.records().owner().is_some()
}
