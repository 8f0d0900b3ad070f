//! The driver's clocks: a monotonic one that starts with the driver, and the system's civil one.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use meshwork_core::time::{Time, WallTime};

/// Turns the system's clocks into the node's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that reads zero now.
    pub(super) fn start() -> Clock {
        Clock { origin: Instant::now() }
    }

    /// Microseconds since the start.
    pub(super) fn now(&self) -> Time {
        Time::default() + self.origin.elapsed()
    }

    /// When the system's monotonic clock reads what this one calls `time`.
    pub(super) fn instant(&self, time: Time) -> Instant {
        /// Timers further away than this are set again when they fire: adding them could overflow.
        const FAR: Duration = Duration::from_secs(86_400);
        self.origin + time.since(Time::default()).min(self.origin.elapsed() + FAR)
    }

    /// The civil clock; 1970 when it is set to something earlier.
    pub(super) fn wall() -> WallTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        WallTime(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }
}
