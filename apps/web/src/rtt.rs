//! Distance is time: how round-trip times become lengths and colours.

use std::time::Duration;

/// Round-trip times, in ms, up to which the first four steps of colour reach.
pub const STEPS_MS: [u64; 4] = [20, 60, 150, 400];

/// Where a bead stands on its strand: 0 at oneself, 1 at 800 ms and beyond.
pub fn distance(rtt: Duration) -> f64 {
    let milliseconds = rtt.as_secs_f64() * 1000.0;
    ((1.0 + milliseconds / 10.0).ln() / 81_f64.ln()).min(1.0)
}

/// Where something stands: as before, unless it is now at least `seen` away from there.
///
/// Round-trip times change all the time, and whatever moves with them makes a browser lay the page out for every frame of
/// its way.
pub fn steady(before: Option<f64>, now: f64, seen: f64) -> f64 {
    before.filter(|before| (before - now).abs() < seen).unwrap_or(now)
}

/// The step of colour, 1 to 5.
pub fn step(rtt: Duration) -> usize {
    let milliseconds = rounded_ms(rtt);
    1 + STEPS_MS.iter().filter(|&&most| milliseconds > most).count()
}

/// A round-trip time in whole milliseconds.
pub fn rounded_ms(rtt: Duration) -> u64 {
    u64::try_from((rtt.as_micros() + 500) / 1000).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn near_is_short_and_far_ends() {
        assert_eq!(distance(ms(0)), 0.0);
        assert!((distance(ms(800)) - 1.0).abs() < 1e-9);
        assert_eq!(distance(ms(60_000)), 1.0);
        assert!((0.24..0.26).contains(&distance(ms(20))));
        assert!((0.63..0.65).contains(&distance(ms(150))));
    }

    #[test]
    fn what_moves_too_little_to_be_seen_stays() {
        assert_eq!(steady(None, 5.0, 3.0), 5.0);
        assert_eq!([7.9, 2.1, 8.0, 2.0].map(|now| steady(Some(5.0), now, 3.0)), [5.0, 5.0, 8.0, 2.0]);
    }

    #[test]
    fn steps_include_their_upper_end() {
        let steps: Vec<usize> = [0, 20, 21, 60, 61, 150, 151, 400, 401].map(ms).map(step).to_vec();
        assert_eq!(steps, [1, 1, 2, 2, 3, 3, 4, 4, 5]);
    }
}
