//! What becomes old in a room: which day it is, and what tables by time give up when that turns.

use core::time::Duration;

use super::replicas::Replicas;
use super::{Kept, beaten};
use crate::clock::room_time;
use crate::signed::batch::{Batch, SignedBatch};
use crate::time::{Now, Time, WallTime};

/// How long records rest before rows are given up that they make old: who was away hears of them one by one, and the next
/// may say something else.
const RECORDS_REST: Duration = Duration::from_secs(10);

/// Room time as one's own clock has it.
#[derive(Debug, Default)]
pub struct Calendar {
    /// From when on rows may be given up.
    gives_up_from: Time,
    /// How far room time is ahead of one's own clock, in microseconds, and what was last told of that.
    ahead: i64,
    told_ahead: i64,
}

impl Calendar {
    /// The present moment in room time, given what one's own clock says.
    pub fn present(&self, now: Now) -> Now {
        Now { time: now.time, wall: WallTime(now.wall.0.saturating_add_signed(self.ahead)) }
    }

    /// Sets how far room time is ahead of one's own clock, in microseconds. Returns it when that should be told:
    /// it moved further than clocks that agree differ.
    pub fn set_ahead(&mut self, ahead: i64) -> Option<i64> {
        self.ahead = ahead;
        let moved = ahead.abs_diff(self.told_ahead) > room_time::AGREE.unsigned_abs();
        moved.then(|| {
            self.told_ahead = ahead;
            ahead
        })
    }

    /// The day at this moment of room time, by which things become old.
    pub(super) fn today(&self, present: Now) -> u32 {
        self.behind(present).day()
    }

    /// The records changed.
    pub(super) fn handle_records(&mut self, now: Time) {
        self.gives_up_from = now + RECORDS_REST;
    }

    /// When this day begins.
    pub(super) fn begin_of(&self, present: Now, day: u32) -> Time {
        present.time + self.behind(present).until_day(day)
    }

    /// Room time or one's own clock, whichever is behind: neighbours whose clocks run ahead together make nobody give up
    /// what is not old.
    fn behind(&self, present: Now) -> WallTime {
        WallTime(present.wall.0.saturating_sub(u64::try_from(self.ahead).unwrap_or(0)))
    }
}

/// Whether a batch says something of before what is held here.
pub(super) fn is_old(replicas: &Replicas, batch: &Batch) -> bool {
    let replica = replicas.get(batch.header().replica);
    replica.is_some_and(|replica| replica.is_old(batch.payload()))
}

/// Holds tables by time from the day on that their ages say now, and gives up what is before, as soon as it may.
pub(super) fn give_up_old(kept: &mut Kept, now: Now) {
    let gives_up = kept.calendar.gives_up_from <= now.time;
    let turned = kept.replicas.give_up_old(kept.calendar.today(now), gives_up);
    if turned.is_empty() {
        return;
    }
    for (number, turned) in turned {
        beaten::lose(kept, now, turned.dropped);
        turned.changed.into_iter().for_each(|changes| kept.tell_changed(number, None, changes));
    }
    let replicas = &kept.replicas;
    let is_held = |batch: &SignedBatch| !is_old(replicas, batch);
    let waited = kept.rules.ledger_mut().retain(is_held);
    waited.into_iter().for_each(|old| kept.storage.remove(old));
    kept.writing.outbox_mut().retain(is_held);
    kept.comparison.handle_change(now.time);
    // Of an author that has used up its quota other entries may hold, here and elsewhere.
    kept.comparison.handle_forgotten();
}

/// When something becomes old.
pub(super) fn poll_timeout(kept: &Kept, now: Now) -> Option<Time> {
    let today = kept.calendar.today(now);
    kept.replicas.ages().then(|| match kept.replicas.is_old(today) {
        true => now.time.max(kept.calendar.gives_up_from),
        false => kept.calendar.begin_of(now, today + 1),
    })
}
