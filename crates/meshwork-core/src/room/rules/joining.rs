//! When a program of the owner joins records of which several go on.

use core::time::Duration;

use super::Rules;
use crate::id::{Instance, PeerId};
use crate::signed::header::RecordName;
use crate::time::Time;

/// How long an owner's program waits before it joins what others of his wrote, at least: the one that wrote what goes on
/// waits so long, so that a join comes soon.
const JOIN_AFTER: Duration = Duration::from_secs(2);
/// By how much longer the others wait: by which a record comes through the room, and [`join_spread`] within the rest.
const JOIN_LATER: Duration = Duration::from_secs(2);
const JOIN_SPREAD_MS: u64 = 8192;

impl Rules {
    /// How long this program of the owner waits before it joins records: whoever wrote the one that goes on comes first.
    pub(super) fn joins_after(&self) -> Duration {
        let in_force = self.records.in_force();
        let later = (self.written != Some(in_force)).then(|| join_spread(self.me.instance, &in_force));
        JOIN_AFTER + later.unwrap_or_default()
    }

    /// Whether `peer` is the owner, of whose records several go on.
    pub(in crate::room) fn joins(&self, peer: PeerId) -> bool {
        self.records.owner() == Some(peer) && self.join_at.is_none() && self.records.book().heads().len() > 1
    }

    /// Whether the owner's program is to join what others of his wrote.
    pub(in crate::room) fn takes_join(&mut self, now: Time) -> bool {
        self.join_at.take_if(|at| *at <= now).is_some() && self.joins(self.me.peer)
    }
}

/// How much longer a program of the owner waits before it joins the records of which this one goes on, so that two do not
/// join the same at once. Two that did all the same wait for other times before they join their joins.
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
