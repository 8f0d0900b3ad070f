//! Where endpoints are, in round-trip times: network coordinates, by which a peer that is not linked can be judged.
//!
//! Vivaldi (Dabek, Cox, Kaashoek and Morris 2004): three axes and a height, moved a little with each measured
//! round-trip time. Who lies about its place is linked once more often, and its link is measured.

use core::time::Duration;

use serde::{Deserialize, Serialize};

/// How much of a measurement moves a place at most.
const STEP: f64 = 0.25;
/// Units in a millisecond, so that a place fits 9 bytes and 8 seconds.
const UNITS: f64 = 4.0;
/// Above this error in percent a place says nothing.
const ERROR_MOST: u8 = 80;

/// A place as neighbours tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Coordinates in quarters of a millisecond.
    pub axes: [i16; 3],
    /// What every path from here costs in addition, in quarters of a millisecond.
    pub height: u16,
    /// How wrong it predicts, in percent; above 80 it is worth nothing.
    pub error: u8,
}

impl Place {
    /// The round-trip time between two places, as far as they predict it.
    pub fn predicts(&self, other: &Place) -> Option<Duration> {
        let known = self.error <= ERROR_MOST && other.error <= ERROR_MOST;
        known.then(|| Duration::from_secs_f64(self.apart(other).max(0.0) / UNITS / 1000.0))
    }

    fn apart(&self, other: &Place) -> f64 {
        let square: f64 = self.difference(other).iter().map(|apart| apart * apart).sum();
        libm::sqrt(square) + f64::from(self.height) + f64::from(other.height)
    }

    fn difference(&self, other: &Place) -> [f64; 3] {
        core::array::from_fn(|axis| f64::from(self.axes[axis]) - f64::from(other.axes[axis]))
    }
}

/// One's own place.
#[derive(Clone, Debug)]
pub struct Position {
    axes: [f64; 3],
    height: f64,
    error: f64,
}

impl Default for Position {
    fn default() -> Position {
        Position { axes: [0.0; 3], height: 0.0, error: 1.0 }
    }
}

impl Position {
    /// As it is told to neighbours.
    pub fn place(&self) -> Place {
        let axis = |value: f64| value.clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16;
        Place {
            axes: self.axes.map(axis),
            height: self.height.clamp(0.0, f64::from(u16::MAX)) as u16,
            error: (self.error * 100.0).clamp(0.0, 255.0) as u8,
        }
    }

    /// A link to `other` was measured. `chance` parts places that are the same.
    pub fn handle_rtt(&mut self, rtt: Duration, other: &Place, chance: u64) {
        let measured = rtt.as_secs_f64() * 1000.0 * UNITS;
        if !(0.1..30_000.0 * UNITS).contains(&measured) {
            return;
        }
        let here = self.place();
        let predicted = here.apart(other);
        let wrong = (predicted - measured).abs() / measured;
        let theirs = f64::from(other.error.clamp(1, 100)) / 100.0;
        let weight = self.error / (self.error + theirs);
        self.error = (wrong * STEP * weight + self.error * (1.0 - STEP * weight)).clamp(0.01, 1.0);
        let mut direction = here.difference(other);
        let mut length = libm::sqrt(direction.iter().map(|apart| apart * apart).sum());
        if length < 0.5 {
            direction = [0, 20, 40].map(|shift| ((chance >> shift) & 0xffff) as f64 - 32_767.5);
            length = libm::sqrt(direction.iter().map(|apart| apart * apart).sum());
        }
        let step = STEP * weight * (measured - predicted);
        let flat = 1.0 / (1.0 + (self.height + f64::from(other.height)) / length.max(1.0));
        for (axis, apart) in self.axes.iter_mut().zip(direction) {
            *axis = (*axis + step * flat * apart / length).clamp(f64::from(i16::MIN), f64::from(i16::MAX));
        }
        self.height = (self.height + step * (1.0 - flat)).clamp(0.0, 8000.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use alloc::vec::Vec;

    #[test]
    fn places_come_to_predict_round_trips_between_regions() {
        // Three regions, 10 ms within one and 90 ms, 150 ms and 200 ms between them.
        let between = [[10, 90, 150], [90, 10, 200], [150, 200, 10]];
        let mut rng = Rng::new([4; 32]);
        let mut all: Vec<Position> = (0..30).map(|_| Position::default()).collect();
        let rtt = |one: usize, other: usize| Duration::from_millis(between[one % 3][other % 3]);
        for _ in 0..30 * 12 * 30 {
            let (one, other) = (rng.below(30) as usize, rng.below(30) as usize);
            if one != other {
                let place = all[other].place();
                all[one].handle_rtt(rtt(one, other), &place, rng.next_u64());
            }
        }
        let mut right = 0;
        for (one, other) in (0..30).flat_map(|one| (0..30).map(move |other| (one, other))) {
            if one != other {
                let told = all[one].place().predicts(&all[other].place()).expect("they know");
                let measured = rtt(one, other);
                right += usize::from(told.abs_diff(measured) < Duration::from_millis(25));
            }
        }
        assert!(right > 30 * 29 * 9 / 10, "{right} of {} are right", 30 * 29);
        assert_eq!(Position::default().place().predicts(&all[0].place()), None, "who measured nothing");
    }

    #[test]
    fn nonsense_moves_nothing_out_of_range() {
        let mut position = Position::default();
        let far = Place { axes: [i16::MAX; 3], height: u16::MAX, error: 0 };
        for rtt in [Duration::ZERO, Duration::from_secs(3600), Duration::from_secs(20)] {
            (0..100).for_each(|chance| position.handle_rtt(rtt, &far, chance));
        }
        let place = position.place();
        assert!(place.predicts(&far).is_none_or(|rtt| rtt < Duration::from_secs(60)));
    }
}
