//! Round-trip times, smoothed as RFC 6298 section 2 smooths them, and how many pings are lost.

use core::time::Duration;

/// A smoothed round-trip time and its variation.
#[derive(Clone, Copy, Debug, Default)]
pub struct RttEstimate {
    smoothed: Option<Duration>,
    variation: Duration,
}

impl RttEstimate {
    /// Takes in a measured round trip: alpha is 1/8, beta is 1/4.
    pub fn sample(&mut self, rtt: Duration) {
        match self.smoothed {
            None => {
                self.smoothed = Some(rtt);
                self.variation = rtt / 2;
            }
            Some(smoothed) => {
                self.variation = self.variation * 3 / 4 + smoothed.abs_diff(rtt) / 4;
                self.smoothed = Some(smoothed * 7 / 8 + rtt / 8);
            }
        }
    }

    /// The smoothed round-trip time, once there was a sample.
    pub fn smoothed(&self) -> Option<Duration> {
        self.smoothed
    }

    /// How much samples differ from the smoothed time.
    pub fn variation(&self) -> Duration {
        self.variation
    }

    /// How long an answer may take, once there was a sample: the timeout of RFC 6298 without its least value.
    pub fn timeout(&self) -> Option<Duration> {
        Some(self.smoothed? + self.variation * 4)
    }
}

/// Pings of which it is known what became of them: a minute's, at one a second.
pub const OUTCOMES_MAX: u32 = 60;

/// What became of the last [`OUTCOMES_MAX`] pings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PingOutcomes {
    /// A bit a ping, the last one lowest; set where no answer came.
    lost: u64,
    count: u32,
}

impl PingOutcomes {
    /// One more was answered, or was not.
    pub fn note(&mut self, is_answered: bool) {
        self.lost = (self.lost << 1 | u64::from(!is_answered)) & ((1 << OUTCOMES_MAX) - 1);
        self.count = (self.count + 1).min(OUTCOMES_MAX);
    }

    /// How many of them were lost.
    pub fn lost(self) -> u32 {
        self.lost.count_ones()
    }

    /// How many there are, at most [`OUTCOMES_MAX`].
    pub fn count(self) -> u32 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_of_the_last_pings_are_counted() {
        let mut outcomes = PingOutcomes::default();
        assert_eq!((outcomes.lost(), outcomes.count()), (0, 0));
        (0..10).for_each(|ping| outcomes.note(ping % 5 != 0));
        assert_eq!((outcomes.lost(), outcomes.count()), (2, 10));
        (0..OUTCOMES_MAX - 1).for_each(|_| outcomes.note(true));
        assert_eq!((outcomes.lost(), outcomes.count()), (0, OUTCOMES_MAX));
        outcomes.note(false);
        assert_eq!((outcomes.lost(), outcomes.count()), (1, OUTCOMES_MAX));
    }

    #[test]
    fn samples_are_smoothed_as_the_rfc_says() {
        let mut estimate = RttEstimate::default();
        assert_eq!(estimate.smoothed(), None);
        estimate.sample(Duration::from_millis(80));
        assert_eq!(
            (estimate.smoothed(), estimate.variation()),
            (Some(Duration::from_millis(80)), Duration::from_millis(40))
        );
        estimate.sample(Duration::from_millis(160));
        assert_eq!(
            (estimate.smoothed(), estimate.variation()),
            (Some(Duration::from_millis(90)), Duration::from_millis(50))
        );
        assert_eq!(estimate.timeout(), Some(Duration::from_millis(290)));
    }
}
