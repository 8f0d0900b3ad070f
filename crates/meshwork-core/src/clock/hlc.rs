//! A hybrid logical clock: stamps that follow civil time and still come after everything that was seen.
//!
//! Kulkarni, Demirbas et al., "Logical Physical Clocks and Consistent Snapshots in Globally Distributed
//! Databases" (2014), section 3.4, with both parts in one integer: the next stamp is the greater of civil time
//! and the last stamp plus one, so that a full counter carries into the milliseconds by itself.

use core::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::WallTime;

/// Bits of the counter below the milliseconds.
const COUNTER_BITS: u32 = 16;
/// The last millisecond that a stamp can name: in the year 10889.
const MILLIS_MAX: u64 = u64::MAX >> COUNTER_BITS;

/// When something was said: 48 bits of milliseconds since 1970-01-01 00:00 UTC above a 16-bit counter.
///
/// Ordered as an integer. Zero is [`Stamp::NEVER`].
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(pub u64);

impl Stamp {
    /// Before every stamp that a clock gives.
    pub const NEVER: Stamp = Stamp(0);
    /// The last stamp there is.
    pub const LAST: Stamp = Stamp(u64::MAX);

    /// The stamp of a millisecond since 1970 and a counter; `None` when the millisecond takes over 48 bits.
    pub fn new(millis: u64, counter: u16) -> Option<Stamp> {
        (millis <= MILLIS_MAX).then_some(Stamp(millis << COUNTER_BITS | u64::from(counter)))
    }

    /// The first stamp of the millisecond of `wall`, saturating.
    pub fn at(wall: WallTime) -> Stamp {
        Stamp(wall.as_millis().min(MILLIS_MAX) << COUNTER_BITS)
    }

    /// Milliseconds since 1970-01-01 00:00 UTC, below 2^48.
    pub fn millis(self) -> u64 {
        self.0 >> COUNTER_BITS
    }

    /// The counter that tells stamps of one millisecond apart.
    pub fn counter(self) -> u16 {
        self.0 as u16
    }

    /// The civil time that the stamp claims, to the millisecond.
    pub fn wall(self) -> WallTime {
        WallTime::from_millis(self.millis())
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms+{}", self.millis(), self.counter())
    }
}

/// Milliseconds and counter apart: as varints they take 7 bytes together where the whole integer takes 9.
impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.millis(), self.counter()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Stamp, D::Error> {
        let (millis, counter) = <(u64, u16)>::deserialize(deserializer)?;
        Stamp::new(millis, counter)
            .ok_or_else(|| D::Error::custom("a stamp's milliseconds take over 48 bits"))
    }
}

/// The clock of one endpoint.
///
/// Every stamp is greater than all that the clock gave or merged before, until [`Stamp::LAST`] is reached,
/// which is then given again and again. Honest time reaches it in the year 10889; so that nobody can bring it
/// nearer, stamps far ahead of room time must not be merged.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    last: Stamp,
}

impl Clock {
    /// A clock that has seen nothing.
    pub fn new() -> Clock {
        Clock::default()
    }

    /// The next stamp: at `wall`, or right after the last one when civil time is not ahead of it.
    pub fn stamp(&mut self, wall: WallTime) -> Stamp {
        self.last = self.next(wall);
        self.last
    }

    /// The stamp that [`Clock::stamp`] would give, without giving it.
    pub fn next(&self, wall: WallTime) -> Stamp {
        let next = Stamp(self.last.0.saturating_add(1));
        if planted!(ClockBack) { Stamp::at(wall) } else { Stamp::at(wall).max(next) }
    }

    /// Takes in a stamp that somebody else gave: every later stamp of this clock is greater.
    pub fn merge(&mut self, seen: Stamp) {
        if !planted!(ClockMerge) {
            self.last = self.last.max(seen);
        }
    }

    /// The greatest stamp given or merged so far.
    pub fn last(&self) -> Stamp {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{decode, encode};
    use proptest::prelude::*;

    /// What happens to a clock: a stamp is asked for at a wall time, or another clock's stamp arrives.
    fn happenings() -> impl Strategy<Value = alloc::vec::Vec<(bool, u64)>> {
        let near = 0u64..4;
        let real = 1_700_000_000_000_000u64..1_700_000_000_100_000;
        proptest::collection::vec((any::<bool>(), prop_oneof![near, real, 0..u64::MAX - 1_000_000]), 1..60)
    }

    proptest! {
        #[test]
        fn every_stamp_is_after_all_given_or_merged(happenings in happenings()) {
            let (mut clock, mut greatest) = (Clock::new(), Stamp::NEVER);
            for (asks, value) in happenings {
                if asks {
                    let stamp = clock.stamp(WallTime(value));
                    prop_assert!(stamp > greatest);
                    prop_assert!(stamp >= Stamp::at(WallTime(value)));
                    greatest = stamp;
                } else {
                    clock.merge(Stamp(value));
                    greatest = greatest.max(Stamp(value));
                }
                prop_assert_eq!(clock.last(), greatest);
            }
        }

        #[test]
        fn a_newcomers_first_stamp_beats_every_merged_stamp(stamps in proptest::collection::vec(0..u64::MAX, 1..50), wall: u64) {
            let mut clock = Clock::new();
            stamps.iter().for_each(|&stamp| clock.merge(Stamp(stamp)));
            let first = clock.stamp(WallTime(wall));
            prop_assert!(stamps.iter().all(|&stamp| first > Stamp(stamp)));
        }

        #[test]
        fn stamps_read_as_they_are_written(bits: u64) {
            prop_assert_eq!(decode(&encode(&Stamp(bits))), Ok(Stamp(bits)));
            prop_assert_eq!(Stamp::new(Stamp(bits).millis(), Stamp(bits).counter()), Some(Stamp(bits)));
        }
    }

    #[test]
    fn a_clock_set_back_still_goes_forward() {
        let mut clock = Clock::new();
        let before = clock.stamp(WallTime::from_millis(5_000));
        let after = clock.stamp(WallTime::from_millis(4_000));
        assert_eq!((after.millis(), after.counter()), (5_000, before.counter() + 1));
    }

    #[test]
    fn a_full_counter_carries_into_the_milliseconds() {
        let mut clock = Clock::new();
        clock.merge(Stamp::new(7, u16::MAX).expect("small"));
        assert_eq!(clock.stamp(WallTime::from_millis(7)), Stamp::new(8, 0).expect("small"));
    }

    #[test]
    fn the_end_of_time_saturates() {
        let mut clock = Clock::new();
        assert_eq!(clock.stamp(WallTime(u64::MAX)).millis(), MILLIS_MAX);
        clock.merge(Stamp(u64::MAX - 1));
        assert_eq!(clock.stamp(WallTime(0)), Stamp::LAST);
        assert_eq!(clock.stamp(WallTime(0)), Stamp::LAST);
        assert_eq!(Stamp::at(WallTime::from_millis(u64::MAX)).counter(), 0);
        assert_eq!(Stamp::new(1 << 48, 0), None);
    }

    #[test]
    fn a_clock_never_gives_never() {
        assert_eq!(Clock::new().stamp(WallTime(0)), Stamp(1));
    }
}
