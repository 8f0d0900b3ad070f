//! What a member gives up: what strangers wrote, where all that the room has is more than it can hold.
//!
//! # Problem
//! Of each peer a table or a document keeps so much and no more, but keys cost nothing: whoever has many writes without end, and no
//! member may end by it.
//!
//! # How it works
//! What may grow without end counts at [`Config::held_bytes_max`](crate::seam::config::Config::held_bytes_max). Beyond, strangers
//! lose all that they have in such replicas, those first that have most; whom records name, or an admission, loses nothing. Once
//! what neighbours have was looked through, a replica of which something was given up stands apart: no root covers it any
//! more, and neighbours are told so, so that nothing is fetched in vain for ever. What is left of it is handed on to whoever
//! attaches, what the known wrote is fetched from them, and what is written in it live is taken in as before. When the records
//! change there may be place again, so it is compared again.

use alloc::vec::Vec;
use core::time::Duration;

use super::{Kept, beaten};
use crate::replica::ReplicaNumber;
use crate::seam::event::Event;
use crate::signed::batch::{BatchKey, SignedBatch};
use crate::time::{Now, Time};

/// How long nothing was given up, and nothing is being fetched, before a replica stands apart.
const REST: Duration = Duration::from_secs(5);

/// Replicas of which something was given up.
#[derive(Debug, Default)]
pub(super) struct GivingUp {
    replicas: Vec<ReplicaNumber>,
    /// When they stand apart, unless something is being fetched.
    rests_at: Option<Time>,
}

/// Gives up what is beyond the limit.
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
        if !gone.is_empty() && !kept.giving_up.replicas.contains(&number) {
            kept.giving_up.replicas.push(number);
            kept.event(Event::GaveUp { room: kept.handle, replica: number });
        }
    }
    kept.giving_up.rests_at = Some(now.time + REST);
    beaten::lose(kept, now, lost);
    kept.comparison.handle_change(now.time);
}

/// The records changed: there may be place for all of it.
pub(super) fn take_up_again(kept: &mut Kept) {
    kept.giving_up = GivingUp::default();
    kept.replicas.set_apart(Vec::new());
}

/// Lets replicas stand apart once all was looked through.
pub(super) fn handle_timeout(kept: &mut Kept, now: Now) {
    if kept.giving_up.rests_at.is_some_and(|at| at <= now.time) {
        let is_fetching = kept.comparison.is_fetching();
        kept.giving_up.rests_at = is_fetching.then_some(now.time + REST);
        if !is_fetching {
            kept.replicas.set_apart(kept.giving_up.replicas.clone());
            kept.comparison.handle_change(now.time);
        }
    }
}

/// When [`handle_timeout`] has something to do.
pub(super) fn poll_timeout(kept: &Kept) -> Option<Time> {
    kept.giving_up.rests_at
}
