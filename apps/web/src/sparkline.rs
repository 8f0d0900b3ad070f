//! The round-trip times of the last minute as a line of 60 by 18 pixels, and in words.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Duration;

use crate::texts::{people, round_trip};

/// Samples that are kept: one a second for a minute.
pub const SAMPLES_MAX: usize = 60;
/// Width and height, in CSS pixels.
pub const SIZE: (u32, u32) = (60, 18);
/// The range is never drawn narrower than this, in ms, so that a steady time looks steady.
const RANGE_LEAST: f64 = 10.0;
/// Room above and below the line.
const MARGIN: f64 = 2.5;

/// The last minute of one link.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History(VecDeque<Option<u32>>);

/// What is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawing {
    /// SVG path data, with a gap where nothing was heard.
    pub path: String,
    /// Where the newest value stands, in tenths of a pixel; none when it is not known.
    pub dot: Option<(u32, u32)>,
}

impl History {
    /// Adds a second; `None` when nothing was heard in it.
    pub fn push(&mut self, rtt: Option<Duration>) {
        if self.0.len() == SAMPLES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(rtt.map(|rtt| u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX)));
    }

    /// Whether nothing was ever heard.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// The line; the newest second stands at the right edge.
    pub fn draw(&self) -> Drawing {
        let known = || self.0.iter().flatten().map(|&micros| f64::from(micros) / 1000.0);
        let (least, most) =
            known().fold((f64::MAX, 0.0_f64), |(least, most), ms| (least.min(ms), most.max(ms)));
        let range = (most - least).max(RANGE_LEAST);
        let middle = f64::midpoint(least, most);
        let (width, height) = (f64::from(SIZE.0), f64::from(SIZE.1));
        let place = |index: usize, micros: u32| {
            let age = (self.0.len() - 1 - index) as f64;
            let x = width - MARGIN - age * (width - 2.0 * MARGIN) / (SAMPLES_MAX - 1) as f64;
            let y = height / 2.0 - (f64::from(micros) / 1000.0 - middle) / range * (height - 2.0 * MARGIN);
            ((x * 10.0).round() as u32, (y * 10.0).round() as u32)
        };
        let mut path = String::new();
        let mut dot = None;
        for (index, sample) in self.0.iter().enumerate() {
            let before = dot;
            dot = sample.map(|micros| place(index, micros));
            if let Some((x, y)) = dot {
                let step = if before.is_some() { 'L' } else { 'M' };
                // Writing to a string cannot fail.
                let _ = write!(path, "{step}{x} {y}");
            }
        }
        Drawing { path, dot }
    }

    /// The same for those who do not see it.
    pub fn words(&self) -> String {
        let mut known: Vec<u32> = self.0.iter().flatten().copied().collect();
        known.sort_unstable();
        let (Some(least), Some(most)) = (known.first(), known.last()) else {
            return people::ROUND_TRIP_UNKNOWN.to_owned();
        };
        let text = |micros: u32| {
            let (number, unit) = round_trip(Duration::from_micros(micros.into()));
            format!("{number} {unit}")
        };
        let median = text(known[known.len() / 2]);
        people::round_trips(&median, &text(*least), &text(*most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(samples: &[Option<u64>]) -> History {
        let mut history = History::default();
        for sample in samples {
            history.push(sample.map(Duration::from_millis));
        }
        history
    }

    #[test]
    fn the_newest_is_rightmost_and_slow_is_up() {
        let drawing = history(&[Some(10), Some(30)]).draw();
        assert_eq!(drawing.dot, Some((575, 25)));
        assert_eq!(drawing.path, "M566 155L575 25");
        let steady = history(&[Some(23); 3]).draw();
        assert_eq!(steady.dot, Some((575, 90)), "a steady time is a line in the middle");
    }

    #[test]
    fn silence_is_a_gap() {
        let drawing = history(&[Some(10), Some(10), None, Some(10), None]).draw();
        assert_eq!(drawing.path.matches('M').count(), 2);
        assert_eq!(drawing.dot, None);
        assert!(history(&[None, None]).is_empty());
    }

    #[test]
    fn a_minute_fits_and_no_more() {
        let mut history = history(&[Some(1); 59]);
        for _ in 0..100 {
            history.push(Some(Duration::from_secs(100_000)));
        }
        let drawing = history.draw();
        assert!(drawing.path.starts_with("M25 "), "{}", drawing.path);
        assert_eq!(drawing.path.matches('L').count(), SAMPLES_MAX - 1);
    }

    #[test]
    fn it_says_what_it_shows() {
        let words = history(&[Some(23), None, Some(4), Some(1200)]).words();
        assert_eq!(words, "Round-trip time in the last minute: median 23 ms, lowest 4 ms, highest 1.2 s");
        assert_eq!(history(&[None]).words(), "Round-trip time is not known yet");
    }
}
