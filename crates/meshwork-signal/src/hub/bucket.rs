//! Token buckets: how much one party may ask for, at once and in the long run.

use std::collections::BTreeMap;
use std::time::Duration;

use meshwork_core::time::Time;

use super::network::Network;

/// Millionths of a token: what a bucket counts in, so that a microsecond refills a whole number of them.
const MICRO: u64 = 1_000_000;
/// Networks that are told apart, each with about 100 bytes. Those beyond share one bucket until others have refilled.
const NETWORKS_MAX: usize = 65_536;
/// Pause between two looks for buckets that are full again, which need not be kept.
const SWEEP: Duration = Duration::from_secs(1);

/// How fast a bucket refills, and what it holds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) per_second: u32,
    pub(crate) burst: u32,
}

/// A token bucket: refilled at a steady rate, never above the burst.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    micro_tokens: u64,
    filled: Time,
}

impl Bucket {
    pub(crate) fn full(now: Time, rate: Rate) -> Bucket {
        Bucket { micro_tokens: u64::from(rate.burst) * MICRO, filled: now }
    }

    /// Takes `cost` tokens; false when there are not that many.
    pub(crate) fn spend(&mut self, now: Time, cost: u32, rate: Rate) -> bool {
        self.refill(now, rate);
        match self.micro_tokens.checked_sub(u64::from(cost) * MICRO) {
            Some(left) => {
                self.micro_tokens = left;
                true
            }
            None => false,
        }
    }

    fn refill(&mut self, now: Time, rate: Rate) {
        let elapsed = u64::try_from(now.since(self.filled).as_micros()).unwrap_or(u64::MAX);
        let refill = elapsed.saturating_mul(u64::from(rate.per_second));
        self.micro_tokens = self.micro_tokens.saturating_add(refill).min(u64::from(rate.burst) * MICRO);
        self.filled = now;
    }

    fn is_full(&mut self, now: Time, rate: Rate) -> bool {
        self.refill(now, rate);
        self.micro_tokens == u64::from(rate.burst) * MICRO
    }
}

/// A bucket for each network.
#[derive(Debug, Default)]
pub(crate) struct NetworkBuckets {
    /// Those that are not full; at most [`NETWORKS_MAX`].
    buckets: BTreeMap<Network, Bucket>,
    /// Shared by the networks that no bucket is left for.
    shared: Option<Bucket>,
    swept: Time,
}

impl NetworkBuckets {
    /// Takes `cost` tokens of `network`; false when it has not that many.
    pub(crate) fn spend(&mut self, now: Time, network: Network, cost: u32, rate: Rate) -> bool {
        if let Some(bucket) = self.buckets.get_mut(&network) {
            return bucket.spend(now, cost, rate);
        }
        if self.buckets.len() >= NETWORKS_MAX {
            self.sweep(now, rate);
        }
        if self.buckets.len() >= NETWORKS_MAX {
            return self.shared.get_or_insert_with(|| Bucket::full(now, rate)).spend(now, cost, rate);
        }
        self.buckets.entry(network).or_insert_with(|| Bucket::full(now, rate)).spend(now, cost, rate)
    }

    /// How many networks are told apart now.
    pub(crate) fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Forgets the networks whose buckets are full again, if it did not look for them a moment ago.
    pub(crate) fn sweep(&mut self, now: Time, rate: Rate) {
        if now < self.swept + SWEEP {
            return;
        }
        self.swept = now;
        self.buckets.retain(|_, bucket| !bucket.is_full(now, rate));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 2, burst: 3 };

    #[test]
    fn a_bucket_refills_up_to_its_burst() {
        let mut bucket = Bucket::full(Time(0), RATE);
        let mut spend = |at: Duration, cost| bucket.spend(Time(0) + at, cost, RATE);
        assert!(spend(Duration::ZERO, 3));
        assert!(!spend(Duration::from_millis(499), 1));
        assert!(spend(Duration::from_millis(500), 1));
        assert!(!spend(Duration::from_secs(1_000_000), 4), "never above the burst");
        assert!(spend(Duration::from_secs(1_000_000), 3));
    }

    #[test]
    fn networks_have_buckets_of_their_own_and_full_ones_are_forgotten() {
        let network = |last: u32| Network::of(std::net::Ipv4Addr::from_bits(last).into());
        let mut buckets = NetworkBuckets::default();
        assert!(buckets.spend(Time(0), network(1), 3, RATE) && !buckets.spend(Time(0), network(1), 1, RATE));
        assert!(buckets.spend(Time(0), network(2), 1, RATE));
        for last in 3..=u32::try_from(NETWORKS_MAX).unwrap() {
            assert!(buckets.spend(Time(0), network(last), 1, RATE));
        }
        assert_eq!(buckets.len(), NETWORKS_MAX);
        // Nobody is left for the next ones but the bucket that they share.
        assert!(buckets.spend(Time(0), network(1_000_000), 3, RATE));
        assert!(!buckets.spend(Time(0), network(1_000_001), 1, RATE));
        let later = Time(0) + Duration::from_secs(2);
        assert!(buckets.spend(later, network(1_000_001), 3, RATE));
        assert_eq!(buckets.len(), 1, "all others had refilled");
    }
}
