//! Round-trip times, smoothed as RFC 6298 section 2 smooths them.

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
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
