//! The clocks of the driver: a monotonic one that starts with the driver, and the system's civil one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use meshwork_core::time::{Time, WallTime};
use tokio::time::Instant;

/// Converts the system's clocks to those of the state machine.
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

    /// The instant at which [`Clock::now`] returns `time`.
    pub(super) fn instant(&self, time: Time) -> Instant {
        /// Timers beyond this are set again when they fire: the sum could overflow.
        const FAR: Duration = Duration::from_secs(86_400);
        self.origin + time.since(Time::default()).min(self.origin.elapsed() + FAR)
    }

    /// The civil clock; 1970 if it is set to an earlier time.
    pub(super) fn wall() -> WallTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        WallTime(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }
}
