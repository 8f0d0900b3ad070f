//! Evicts strangers' batches when the room exceeds its memory limit.
//!
//! # Problem
//! A table or a document limits each peer, but keys are free, so one person with many keys could exhaust a member's
//! memory.
//!
//! # How it works
//! Unbounded replicas count towards [`Config::held_bytes_max`](crate::seam::config::Config::held_bytes_max). Beyond it,
//! strangers lose all their batches in such replicas, those with the most first. Peers that a record or an admission
//! names lose nothing. Once the data of all neighbours was examined, an evicted replica is excluded from comparison: no
//! root covers it any more, and neighbours learn this, so that nothing is fetched in vain for ever. New members receive
//! the rest of it on attaching, the writes of known peers are fetched, and live writes are accepted as before. When the
//! records change there may be space again, so the replica is compared again.

use alloc::vec::Vec;
use core::time::Duration;

use super::kept::Kept;
use super::superseded;
use crate::replica::ReplicaNumber;
use crate::seam::event::Event;
use crate::signed::batch::{BatchKey, SignedBatch};
use crate::time::{Now, Time};

/// Time without eviction and fetching before a replica is excluded from comparison.
const REST: Duration = Duration::from_secs(5);

/// Replicas with evicted batches.
#[derive(Debug, Default)]
pub(super) struct Eviction {
    replicas: Vec<ReplicaNumber>,
    /// The time when they are excluded from comparison, unless a fetch is under way.
    rests_at: Option<Time>,
}

/// Evicts batches beyond the limit.
pub(super) fn bound(kept: &mut Kept, now: Now) {
    let strangers = kept.rules.beyond();
    if strangers.is_empty() {
        return;
    }
    let (rules, replicas) = (&kept.rules, &kept.replicas);
    let bounded: Vec<ReplicaNumber> =
        replicas.iter().filter(|(_, replica)| replica.is_bounded()).map(|(number, _)| number).collect();
    let goes = |batch: &SignedBatch| {
        strangers.binary_search(&batch.peer()).is_ok() && !bounded.contains(&batch.header().replica)
    };
    let stays = |batch: &SignedBatch| !goes(batch) && rules.lets_stand(batch);
    let enforced = kept.replicas.enforce(&stays, &rules.retractions(), || rules.beaten());
    let mut lost: Vec<BatchKey> = Vec::new();
    for (number, enforced) in enforced {
        let (gone, beaten): (Vec<SignedBatch>, _) = enforced.removed.into_iter().partition(goes);
        lost.extend(beaten.iter().map(|batch| batch.key()));
        for batch in enforced.restored {
            kept.rules.ledger_mut().note_kept(batch.clone(), bounded.contains(&number));
            kept.storage.insert_again(batch);
        }
        enforced.changed.into_iter().for_each(|changes| kept.tell_changed(number, None, changes));
        for batch in &gone {
            kept.rules.ledger_mut().forget(&batch.key());
            kept.storage.remove(batch.key());
        }
        if !gone.is_empty() && !kept.eviction.replicas.contains(&number) {
            kept.eviction.replicas.push(number);
            kept.event(Event::GaveUp { room: kept.handle, replica: number });
        }
    }
    kept.eviction.rests_at = Some(now.time + REST);
    superseded::lose(kept, now, lost);
    kept.comparison.handle_change(now.time);
}

/// The records changed, so there may be space for all batches.
pub(super) fn take_up_again(kept: &mut Kept) {
    kept.eviction = Eviction::default();
    kept.replicas.set_apart(Vec::new());
}

/// Excludes replicas from comparison once the data of all neighbours was examined.
pub(super) fn handle_timeout(kept: &mut Kept, now: Now) {
    if kept.eviction.rests_at.is_some_and(|at| at <= now.time) {
        let is_fetching = kept.comparison.is_fetching();
        kept.eviction.rests_at = is_fetching.then_some(now.time + REST);
        if !is_fetching {
            kept.replicas.set_apart(kept.eviction.replicas.clone());
            kept.comparison.handle_change(now.time);
        }
    }
}

/// The time when [`handle_timeout`] has work.
pub(super) fn poll_timeout(kept: &Kept) -> Option<Time> {
    kept.eviction.rests_at
}
