//! The time at which a program of the owner joins concurrent records.

use core::time::Duration;

use super::Rules;
use crate::id::{Instance, PeerId};
use crate::signed::header::RecordName;
use crate::time::Time;

/// Least wait of an owner's program before it joins records of his others: the author of the record in force waits only
/// this long, so that a join comes soon.
const JOIN_AFTER: Duration = Duration::from_secs(2);
/// The extra wait of the others: the time of a record through the room. [`join_spread`] lies within the rest.
const JOIN_LATER: Duration = Duration::from_secs(2);
const JOIN_SPREAD_MS: u64 = 8192;

impl Rules {
    /// The wait of this program of the owner before it joins records: the author of the record in force comes first.
    pub(super) fn joins_after(&self) -> Duration {
        let in_force = self.records.in_force();
        let later = (self.written != Some(in_force)).then(|| join_spread(self.me.instance, &in_force));
        JOIN_AFTER + later.unwrap_or_default()
    }

    /// Whether `peer` is the owner, and there are several heads.
    pub(in crate::room) fn joins(&self, peer: PeerId) -> bool {
        self.records.owner() == Some(peer) && self.join_at.is_none() && self.records.book().heads().len() > 1
    }

    /// Whether the owner's program must join heads now.
    pub(in crate::room) fn takes_join(&mut self, now: Time) -> bool {
        self.join_at.take_if(|at| *at <= now).is_some() && self.joins(self.me.peer)
    }
}

/// The extra wait of a program of the owner, depending on the record in force, so that two programs do not join the
/// same heads at once. If they do, they wait for different times before they join their joins.
fn join_spread(instance: Instance, in_force: &RecordName) -> Duration {
    let hash = blake3::hash(&[instance.0.to_le_bytes(), in_force.hash].concat());
    let drawn = hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    JOIN_LATER + Duration::from_millis(drawn % JOIN_SPREAD_MS)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn waits_differ_for_each_head() {
        let seconds_apart = |head: u8| {
            let name = RecordName { number: 3, hash: [head; 8] };
            let [one, other] = [5, 5 + JOIN_SPREAD_MS].map(|number| join_spread(Instance(number), &name));
            one.abs_diff(other).as_secs()
        };
        let rounds: Vec<u64> = (0..8).map(seconds_apart).collect();
        assert!(rounds.iter().filter(|seconds| **seconds > 0).count() > 4, "{rounds:?}");
    }
}
