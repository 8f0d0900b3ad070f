//! Time as an argument: two integer newtypes in microseconds, one monotonic, one civil.

use core::ops::{Add, AddAssign, Sub};
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// A day, in microseconds.
const DAY_MICROS: u64 = 24 * 60 * 60 * 1_000_000;

/// A point on the driver's monotonic clock, in microseconds since an origin of the driver's choosing.
///
/// Only differences mean anything. Arithmetic saturates, so that no input can overflow it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

impl Time {
    /// The time from `earlier` to `self`, zero when `earlier` is later.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Time;
    fn add(self, interval: Duration) -> Time {
        Time(self.0.saturating_add(u64::try_from(interval.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, interval: Duration) {
        *self = *self + interval;
    }
}

impl Sub<Duration> for Time {
    type Output = Time;
    fn sub(self, interval: Duration) -> Time {
        Time(self.0.saturating_sub(u64::try_from(interval.as_micros()).unwrap_or(u64::MAX)))
    }
}

/// A reading of a civil clock: microseconds since 1970-01-01 00:00 UTC.
///
/// It may jump when somebody sets the clock; nothing but stamps is derived from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WallTime(pub u64);

impl WallTime {
    /// Whole milliseconds since 1970-01-01 00:00 UTC.
    pub fn as_millis(self) -> u64 {
        self.0 / 1000
    }

    /// Whole days since 1970-01-01 00:00 UTC.
    pub fn day(self) -> u32 {
        (self.0 / DAY_MICROS) as u32
    }

    /// The time until this day begins, zero when it has.
    pub fn until_day(self, day: u32) -> Duration {
        Duration::from_micros(u64::from(day).saturating_mul(DAY_MICROS).saturating_sub(self.0))
    }

    /// From whole milliseconds since 1970-01-01 00:00 UTC, saturating.
    pub fn from_millis(millis: u64) -> WallTime {
        WallTime(millis.saturating_mul(1000))
    }
}

impl Add<Duration> for WallTime {
    type Output = WallTime;
    fn add(self, interval: Duration) -> WallTime {
        WallTime((Time(self.0) + interval).0)
    }
}

/// One moment on both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// The driver's monotonic clock.
    pub time: Time,
    /// The civil clock.
    pub wall: WallTime,
}

impl Now {
    /// How far another civil clock is ahead of this one, in microseconds.
    pub fn ahead_by(self, theirs: WallTime) -> i64 {
        let apart = i64::try_from(theirs.0.abs_diff(self.wall.0)).unwrap_or(i64::MAX);
        if theirs < self.wall { -apart } else { apart }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Time(u64::MAX) + Duration::from_secs(1), Time(u64::MAX));
        assert_eq!(Time(3) - Duration::from_secs(1), Time(0));
        assert_eq!(Time(1).since(Time(5)), Duration::ZERO);
        assert_eq!(Time(1_500_000).since(Time(500_000)), Duration::from_secs(1));
    }

    #[test]
    fn days_begin_at_midnight() {
        let noon = WallTime::from_millis(20_454 * 86_400_000 + 43_200_000);
        assert_eq!((noon.day(), WallTime(u64::MAX).day()), (20_454, 213_503_982));
        assert_eq!([20_454, 20_455].map(|day| noon.until_day(day).as_secs()), [0, 43_200]);
    }
}
