//! How well the game runs here: loss, jitter, the host's rate, and why it stutters.

use std::collections::VecDeque;
use std::time::Duration;

use meshwork_core::time::Time;

use super::engine::Tick;
use super::types::{Pace, Stutter};

/// The time that is measured.
const WINDOW: Duration = Duration::from_secs(2);
/// Arrivals that are remembered: more than a host sends in the window.
const ARRIVALS_MAX: usize = 256;

#[derive(Clone, Copy, Debug)]
struct Arrival {
    at: Time,
    sent: u32,
    tick: Tick,
}

/// Measures the states that arrive, or at a host those that are made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter {
    arrivals: VecDeque<Arrival>,
    bytes: u32,
}

impl Meter {
    pub(crate) fn note(&mut self, at: Time, sent: u32, tick: Tick, bytes: usize) {
        if self.arrivals.back().is_some_and(|last| sent <= last.sent) {
            self.arrivals.clear();
        }
        self.bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        if self.arrivals.len() == ARRIVALS_MAX {
            self.arrivals.pop_front();
        }
        self.arrivals.push_back(Arrival { at, sent, tick });
        while self.arrivals.front().is_some_and(|first| at.since(first.at) > WINDOW) {
            self.arrivals.pop_front();
        }
    }

    /// The bytes of the last states that were sent.
    pub(crate) fn size(&mut self, bytes: usize) {
        self.bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    }

    /// The pace at `now`. `ping` is that of the link to the host, `is_host` means that the states are made here.
    pub(crate) fn pace(&self, now: Time, ping: Option<Duration>, is_host: bool) -> Pace {
        let mut pace = Pace { ping, bytes: self.bytes, ..Pace::default() };
        let (Some(first), Some(last)) = (self.arrivals.front(), self.arrivals.back()) else { return pace };
        let span = last.at.since(first.at).as_secs_f64();
        let received = self.arrivals.len() as f64;
        if span > 0.2 {
            pace.rate = ((last.tick.saturating_sub(first.tick)) as f64 / span).round().min(255.0) as u8;
            pace.states = ((received - 1.0) / span).round().min(255.0) as u8;
            let sent = f64::from(last.sent - first.sent) + 1.0;
            pace.loss = (100.0 * (1.0 - received / sent)).clamp(0.0, 100.0).round() as u8;
            pace.jitter = self.jitter();
        }
        let is_silent = now.since(last.at) > Duration::from_millis(500);
        let why = [
            (is_silent, Stutter::Silent),
            (pace.rate > 0 && pace.rate < 50, Stutter::Host),
            (!is_host && pace.loss >= 5, Stutter::Loss),
            (!is_host && pace.jitter >= Duration::from_millis(40), Stutter::Jitter),
            (!is_host && pace.states > 0 && pace.states < 25, Stutter::Size),
            (!is_host && ping.is_some_and(|ping| ping >= Duration::from_millis(200)), Stutter::Ping),
        ];
        pace.why = why.iter().find(|(holds, _)| *holds).map(|(_, why)| *why);
        pace
    }

    /// The mean difference between the times of arrival and those of the ticks.
    fn jitter(&self) -> Duration {
        let steps = self.arrivals.iter().zip(self.arrivals.iter().skip(1));
        let late = |(one, next): (&Arrival, &Arrival)| {
            let expected = next.tick.saturating_sub(one.tick) as f64 / 60.0;
            (next.at.since(one.at).as_secs_f64() - expected).abs()
        };
        let sum: f64 = steps.map(late).sum();
        Duration::from_secs_f64(sum / self.arrivals.len().max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(sent: impl Iterator<Item = u32>) -> Pace {
        let mut meter = Meter::default();
        let mut now = Time(0);
        for number in sent {
            now = Time(u64::from(number) * 16_667);
            meter.note(now, number, u64::from(number), 300);
        }
        meter.pace(now, Some(Duration::from_millis(30)), false)
    }

    #[test]
    fn a_clean_way_is_not_blamed() {
        let pace = run(1..200);
        assert_eq!((pace.rate, pace.loss, pace.why), (60, 0, None));
        assert!(pace.jitter < Duration::from_millis(1));
    }

    #[test]
    fn lost_states_are_counted() {
        let pace = run((1..200).filter(|number| number % 5 != 0));
        assert!((19..=21).contains(&pace.loss), "{pace:?}");
        assert_eq!(pace.why, Some(Stutter::Loss));
    }
}
