//! How much a connection lets its stack hold: twice what the path carries within a round trip, and no more.
//!
//! # Problem
//! The stack looks at everything that it has in flight each time it is asked for packets, so its work for a byte grows
//! with what is in flight. Yet a long path that is given less than it carries within a round trip is idle for the rest
//! of it.
//!
//! # How it works
//! Now and then a write is marked with the time. When it is acknowledged, the time since is a sample of the round trip,
//! and what was acknowledged meanwhile a sample of what the path carries. The least of the former within a while is the
//! path's own, as BBR has it; what is above it is queues. The limit is twice what is carried within it: so it doubles
//! with each round trip while the path takes more, and a queue adds at most one more round trip. A sender that always
//! has more never sees the path without its own queue; so from time to time it lets that run dry, and begins anew.
//!
//! # Limits
//! [`LEAST`] and [`MOST`] bytes, [`MARKS_MAX`] marks.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Bytes that may always be in flight: one frame, so that a second one is on its way while the first is acknowledged.
/// More costs a short path more CPU time a byte, see docs/decisions/0001-native-webrtc-stack.md.
pub(super) const LEAST: usize = 16 * 1024;
/// Bytes that may be in flight at most: what 40 Mbit/s carry in 50 ms. Beyond it the stack spends most of its time on
/// looking through them, and a burst of it no longer fits into the buffers that systems grant a socket.
pub(super) const MOST: usize = 256 * 1024;
/// Bytes between two marks.
const MARK_EVERY: u64 = 8 * 1024;
/// Marks that wait for an acknowledgement: for [`MOST`] and a frame beyond it.
const MARKS_MAX: usize = 40;
/// How long the least round trip counts: a path that got longer is noticed after this. Finding it again costs a few
/// round trips of less than full speed.
const LEAST_FOR: Duration = Duration::from_secs(10);

/// The bytes of one connection that are in flight.
#[derive(Debug)]
pub(super) struct Flight {
    limit: usize,
    /// Bytes ever given to the stack, and of them those that are acknowledged.
    written: u64,
    acknowledged: u64,
    marks: VecDeque<Mark>,
    /// The least round trip, and when it was seen.
    least: Option<(Duration, Instant)>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Instant,
    written: u64,
    acknowledged: u64,
}

impl Flight {
    /// Nothing is in flight.
    pub(super) fn new() -> Flight {
        Flight { limit: LEAST, written: 0, acknowledged: 0, marks: VecDeque::new(), least: None }
    }

    /// Bytes from which on the stack is given no more; the frame that reaches it may go beyond.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes were given to the stack.
    pub(super) fn handle_written(&mut self, now: Instant, bytes: usize) {
        self.written += bytes as u64;
        let is_due = self.marks.back().is_none_or(|last| self.written >= last.written + MARK_EVERY);
        if is_due && self.marks.len() < MARKS_MAX {
            self.marks.push_back(Mark { at: now, written: self.written, acknowledged: self.acknowledged });
        }
    }

    /// Whether an acknowledgement is waited for.
    pub(super) fn is_waiting(&self) -> bool {
        !self.marks.is_empty()
    }

    /// The stack holds so many bytes now; `is_full` says that more waits for it.
    pub(super) fn handle_held(&mut self, now: Instant, held: usize, is_full: bool) {
        self.acknowledged = self.written.saturating_sub(held as u64).max(self.acknowledged);
        while let Some(mark) = self.marks.front().copied().filter(|mark| mark.written <= self.acknowledged) {
            self.marks.pop_front();
            self.sample(now, mark, is_full);
        }
    }

    fn sample(&mut self, now: Instant, mark: Mark, is_full: bool) {
        let taken = now.saturating_duration_since(mark.at).max(Duration::from_micros(1));
        let least = match self.least {
            Some((_, seen)) if now.saturating_duration_since(seen) >= LEAST_FOR && is_full => {
                let Flight { written, acknowledged, .. } = *self;
                *self = Flight { written, acknowledged, ..Flight::new() };
                return;
            }
            Some((least, _)) if least <= taken => least,
            _ => {
                self.least = Some((taken, now));
                taken
            }
        };
        let carried =
            (self.acknowledged - mark.acknowledged) as f64 * least.as_secs_f64() / taken.as_secs_f64();
        let wanted = (2.0 * carried) as usize;
        // Who has little to send says nothing of what the path could carry.
        let kept = if is_full { self.limit - self.limit / 16 } else { self.limit };
        self.limit = wanted.max(kept).clamp(LEAST, MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path that carries `rate` bytes a second and takes `rtt` when it is empty; a sender that always has more.
    struct Path {
        flight: Flight,
        now: Instant,
        rtt: Duration,
        rate: f64,
        /// When the last byte leaves the narrow place.
        busy_until: Instant,
        /// When bytes are acknowledged.
        sent: VecDeque<(Instant, usize)>,
        held: usize,
    }

    impl Path {
        fn new(rtt: Duration, rate: f64) -> Path {
            let now = Instant::now();
            Path { flight: Flight::new(), now, rtt, rate, busy_until: now, sent: VecDeque::new(), held: 0 }
        }

        /// Sends whole frames as long as the limit allows, then lets the next acknowledgement come.
        fn step(&mut self) {
            while self.held < self.flight.limit() {
                let frame = 16 * 1024;
                self.busy_until =
                    self.busy_until.max(self.now) + Duration::from_secs_f64(frame as f64 / self.rate);
                self.sent.push_back((self.busy_until + self.rtt, frame));
                self.held += frame;
                self.flight.handle_written(self.now, frame);
            }
            let (at, frame) = self.sent.pop_front().unwrap();
            self.now = at;
            self.held -= frame;
            self.flight.handle_held(at, self.held, true);
        }

        fn run(&mut self, time: Duration) {
            let until = self.now + time;
            while self.now < until {
                self.step();
            }
        }
    }

    #[test]
    fn a_long_path_fills_with_a_short_queue() {
        // 2 MB/s and 50 ms: 100 kB are on their way when it is full.
        let mut path = Path::new(Duration::from_millis(50), 2e6);
        path.run(Duration::from_secs(1));
        assert!(path.flight.limit() >= 100_000, "{}", path.flight.limit());
        path.run(Duration::from_secs(60));
        assert!(path.flight.limit() <= 240_000, "{}", path.flight.limit());
        // 20 MB/s are more than is kept in flight.
        let mut path = Path::new(Duration::from_millis(50), 20e6);
        path.run(Duration::from_secs(1));
        assert_eq!(path.flight.limit(), MOST);
    }

    #[test]
    fn a_short_path_keeps_little_in_flight() {
        let mut path = Path::new(Duration::from_micros(100), 50e6);
        path.run(Duration::from_secs(1));
        assert!(path.flight.limit() <= 3 * LEAST, "{}", path.flight.limit());
    }

    #[test]
    fn a_narrow_path_keeps_its_queue_short() {
        let mut path = Path::new(Duration::from_millis(20), 100e3);
        path.run(Duration::from_secs(60));
        assert!(path.flight.limit() <= 3 * LEAST, "{}", path.flight.limit());
    }

    #[test]
    fn a_pause_takes_nothing_back() {
        let mut path = Path::new(Duration::from_millis(50), 2e6);
        path.run(Duration::from_secs(1));
        let limit = path.flight.limit();
        for _ in 0..100 {
            path.now += Duration::from_millis(100);
            path.flight.handle_written(path.now, 100);
            let now = path.now + path.rtt;
            path.flight.handle_held(now, 0, false);
        }
        assert_eq!(path.flight.limit(), limit);
    }

    #[test]
    fn marks_are_bounded() {
        let mut flight = Flight::new();
        for _ in 0..10_000 {
            flight.handle_written(Instant::now(), 16 * 1024);
        }
        assert_eq!(flight.marks.len(), MARKS_MAX);
        flight.handle_held(Instant::now(), 0, true);
        assert!(!flight.is_waiting());
    }
}
