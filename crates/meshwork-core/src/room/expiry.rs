//! //! Ages in a room: the current day, and the rows of tables by time that are evicted when it changes.

use core::net::IpAddr;
use core::time::Duration;

use super::kept::Kept;
use super::replicas::Replicas;
use super::superseded;
use crate::clock::room_time;
use crate::signed::batch::{Batch, SignedBatch};
use crate::time::{Now, Time, WallTime};

/// How long records must rest before rows are evicted that they make old: a member that was away receives them one by
/// one, and the next may change the age again.
const RECORDS_REST: Duration = Duration::from_secs(10);

/// Room time relative to our own clock.
#[derive(Debug, Default)]
pub struct Calendar {
    /// Rows may be evicted from this time on.
    evicts_from: Time,
    /// How far room time is ahead of our own clock, in microseconds, and the value last reported.
    ahead: i64,
    told_ahead: i64,
    /// How far the least of the servers' clocks is ahead of our own, in microseconds, if any is known.
    server_ahead: Option<i64>,
    /// Whether the clocks of neighbours decide what stamps are made from.
    is_decided: bool,
    /// How far the clocks of others are ahead of our own, in microseconds, as far as they are behind it.
    others_ahead: i64,
}

impl Calendar {
    /// The present moment in room time, given our own clock.
    pub fn present(&self, now: Now) -> Now {
        Now { time: now.time, wall: WallTime(now.wall.0.saturating_add_signed(self.ahead)) }
    }

    /// The civil time that stamps are made from, at this moment of room time. While `is_alone`, nobody else's stamp was
    /// merged.
    pub(super) fn stamping(&self, present: Now, is_alone: bool) -> WallTime {
        let Some(server_ahead) = self.server_ahead.filter(|_| is_alone || !self.is_decided) else {
            return present.wall;
        };
        let server = self.own(present.wall).0.saturating_add_signed(server_ahead);
        room_time::stamping(present.wall, WallTime(server))
    }

    /// When others accept a stamp that counts from `due` on by their clocks, by our own civil clock; `None` if they accept it
    /// already.
    pub(super) fn appears_at(&self, present: Now, due: WallTime) -> Option<WallTime> {
        let at = WallTime(due.0.saturating_add_signed(self.others_ahead.saturating_neg()));
        (at > self.own(present.wall)).then_some(at)
    }

    /// A moment of room time by our own civil clock.
    pub(super) fn own(&self, wall: WallTime) -> WallTime {
        WallTime(wall.0.saturating_add_signed(self.ahead.saturating_neg()))
    }

    /// Takes room time from the clocks of servers and neighbours, in microseconds ahead of our own; `nearby` are those of
    /// neighbours on the local network, with their addresses. `server_ahead` is the least clock of a server, also of one that is away now. Returns how far room time is ahead of our own clock if that
    /// must be reported: it moved further than the difference of agreeing clocks.
    pub fn set_clocks(
        &mut self,
        servers: &[i64],
        neighbours: &[i64],
        nearby: &[(IpAddr, i64)],
        server_ahead: Option<i64>,
    ) -> Option<i64> {
        let ahead = room_time::vote(servers, neighbours, nearby);
        self.ahead = ahead;
        self.server_ahead = server_ahead;
        self.is_decided = room_time::is_decided(neighbours);
        let others = servers.iter().chain(&server_ahead).chain(neighbours).copied().min();
        self.others_ahead =
            if self.is_decided { ahead } else { others.map_or(ahead, |least| least.min(ahead)) };
        let moved = ahead.abs_diff(self.told_ahead) > room_time::AGREE.unsigned_abs();
        moved.then(|| {
            self.told_ahead = ahead;
            ahead
        })
    }

    /// How far room time is ahead of our own clock, in microseconds.
    pub fn ahead(&self) -> i64 {
        self.ahead
    }

    /// The day at this moment of room time, which decides about ages.
    pub(super) fn today(&self, present: Now) -> u32 {
        self.behind(present).day()
    }

    /// The records changed.
    pub(super) fn handle_records(&mut self, now: Time) {
        self.evicts_from = now + RECORDS_REST;
    }

    /// The begin of this day.
    pub(super) fn begin_of(&self, present: Now, day: u32) -> Time {
        present.time + self.behind(present).until_day(day)
    }

    /// Room time or our own clock, whichever is behind: neighbours whose clocks run ahead together cannot make us evict
    /// rows that are not old.
    fn behind(&self, present: Now) -> WallTime {
        WallTime(present.wall.0.saturating_sub(u64::try_from(self.ahead).unwrap_or(0)))
    }
}

/// Whether a batch is older than the floor of its table here.
pub(super) fn is_old(replicas: &Replicas, batch: &Batch) -> bool {
    let replica = replicas.get(batch.header().replica);
    replica.is_some_and(|replica| replica.is_old(batch.payload()))
}

/// Evicts rows of tables by time that are older than their ages allow, as soon as it may.
pub(super) fn evict_old(kept: &mut Kept, now: Now) {
    let evicts = kept.calendar.evicts_from <= now.time;
    let turned = kept.replicas.evict_old(kept.calendar.today(now), evicts);
    if turned.is_empty() {
        return;
    }
    for (number, turned) in turned {
        superseded::lose(kept, now, turned.dropped);
        turned.changed.into_iter().for_each(|changes| kept.tell_changed(number, None, changes));
    }
    let replicas = &kept.replicas;
    let is_held = |batch: &SignedBatch| !is_old(replicas, batch);
    let waited = kept.rules.ledger_mut().retain(is_held);
    waited.into_iter().for_each(|old| kept.storage.remove(old));
    kept.writing.outbox_mut().retain(is_held);
    kept.comparison.handle_change(now.time);
    // The evicted rows free quota, so other entries of their authors may be stored here and elsewhere.
    kept.comparison.handle_forgotten();
}

/// The time when the next rows become old.
pub(super) fn poll_timeout(kept: &Kept, now: Now) -> Option<Time> {
    let today = kept.calendar.today(now);
    kept.replicas.ages().then(|| match kept.replicas.is_old(today) {
        true => now.time.max(kept.calendar.evicts_from),
        false => kept.calendar.begin_of(now, today + 1),
    })
}
