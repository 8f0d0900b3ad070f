//! Token buckets: how much one party may ask for, at once and in the long run.

use std::collections::BTreeMap;
use std::time::Duration;

use ipnet::IpNet;
use meshwork_core::time::Time;

use super::network::{Network, parties};

/// Millionths of a token: what a bucket counts in, so that a microsecond refills a whole number of them.
const MICRO: i64 = 1_000_000;
/// Networks that are told apart, each with about 100 bytes. Beyond, those of the provider that has most are counted
/// together; where no provider has several, those beyond share one bucket until others have refilled.
pub(crate) const NETWORKS_MAX: usize = 65_536;
/// A provider of so many networks is counted as one where there is no place: enough that looking for it is paid for.
const MERGED_LEAST: usize = NETWORKS_MAX / 64;
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
    /// Below zero for what is owed.
    micro_tokens: i64,
    filled: Time,
}

impl Rate {
    /// The rate of several parties together.
    pub(crate) fn of(self, parties: usize) -> Rate {
        let times = u32::try_from(parties).unwrap_or(u32::MAX);
        Rate { per_second: self.per_second.saturating_mul(times), burst: self.burst.saturating_mul(times) }
    }
}

impl Bucket {
    pub(crate) fn full(now: Time, rate: Rate) -> Bucket {
        Bucket { micro_tokens: i64::from(rate.burst) * MICRO, filled: now }
    }

    /// Takes `cost` tokens; false when there are not that many.
    pub(crate) fn spend(&mut self, now: Time, cost: u32, rate: Rate) -> bool {
        self.refill(now, rate);
        let left = self.micro_tokens - i64::from(cost) * MICRO;
        let has_them = left >= 0;
        if has_them {
            self.micro_tokens = left;
        }
        has_them
    }

    /// Takes `cost` tokens that need not be there. At most a whole burst is owed.
    fn owe(&mut self, now: Time, cost: u32, rate: Rate) {
        self.refill(now, rate);
        let least = -i64::from(rate.burst) * MICRO;
        self.micro_tokens = (self.micro_tokens - i64::from(cost) * MICRO).max(least);
    }

    fn give_back(&mut self, cost: u32) {
        self.micro_tokens += i64::from(cost) * MICRO;
    }

    fn refill(&mut self, now: Time, rate: Rate) {
        let elapsed = i64::try_from(now.since(self.filled).as_micros()).unwrap_or(i64::MAX);
        let refill = elapsed.saturating_mul(i64::from(rate.per_second));
        self.micro_tokens = self.micro_tokens.saturating_add(refill).min(i64::from(rate.burst) * MICRO);
        self.filled = now;
    }

    fn is_full(&mut self, now: Time, rate: Rate) -> bool {
        self.refill(now, rate);
        self.micro_tokens == i64::from(rate.burst) * MICRO
    }
}

/// A bucket for each network of every width: what one spends, those around it spend too, each at the rate of as many
/// parties as it stands for.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    /// Those that are not full; at most [`NETWORKS_MAX`].
    buckets: BTreeMap<IpNet, Bucket>,
    /// How many of them lie in each provider's network.
    of_providers: BTreeMap<IpNet, usize>,
    /// Shared by the networks that no bucket is left for.
    shared: Option<Bucket>,
    swept: Time,
}

impl Buckets {
    /// Takes `cost` tokens of `network` and of those around it, where `rate` is that of one party; false, and nothing is
    /// taken, when one of them has not that many.
    pub(crate) fn spend(&mut self, now: Time, network: Network, cost: u32, rate: Rate) -> bool {
        self.lacking(now, network, cost, rate).is_none()
    }

    /// The same, naming the widest network that has not that many: where that is refused nothing is kept of narrower ones.
    pub(crate) fn lacking(&mut self, now: Time, network: Network, cost: u32, rate: Rate) -> Option<IpNet> {
        let around = || network.around().rev();
        let lacking = around()
            .position(|around| !self.bucket(now, around, rate).spend(now, cost, rate.of(parties(around))))?;
        for around in around().take(lacking) {
            self.bucket(now, around, rate).give_back(cost);
        }
        around().nth(lacking)
    }

    /// Takes `cost` tokens of `network` and of those around it that need not be there.
    pub(crate) fn owe(&mut self, now: Time, network: Network, cost: u32, rate: Rate) {
        for around in network.around() {
            self.bucket(now, around, rate).owe(now, cost, rate.of(parties(around)));
        }
    }

    /// Gives back what was just spent.
    pub(crate) fn give_back(&mut self, now: Time, network: Network, cost: u32, rate: Rate) {
        for around in network.around() {
            self.bucket(now, around, rate).give_back(cost);
        }
    }

    /// How many networks are told apart now.
    pub(crate) fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Forgets the networks whose buckets are full again, if it did not look for them a moment ago. `rate` is that of
    /// one party.
    pub(crate) fn sweep(&mut self, now: Time, rate: Rate) {
        if now < self.swept + SWEEP {
            return;
        }
        self.swept = now;
        let of_providers = &mut self.of_providers;
        self.buckets.retain(|&network, bucket| {
            let is_full = bucket.is_full(now, rate.of(parties(network)));
            if is_full {
                count_one_less(of_providers, network);
            }
            !is_full
        });
    }

    /// Counts the networks of the provider that has most together from now on, where it has several: its own bucket holds
    /// what they spent. Returns whether that made place.
    fn merge_heaviest(&mut self) -> bool {
        let heaviest = self.of_providers.iter().max_by_key(|&(_, count)| count);
        let Some((&provider, _)) = heaviest.filter(|&(_, &count)| count >= MERGED_LEAST) else {
            return false;
        };
        let range = provider.network()..=provider.broadcast();
        self.buckets.retain(|&network, _| network == provider || !range.contains(&network.addr()));
        if self.buckets.contains_key(&provider) {
            self.of_providers.insert(provider, 1);
        } else {
            self.of_providers.remove(&provider);
        }
        true
    }

    fn bucket(&mut self, now: Time, network: IpNet, rate: Rate) -> &mut Bucket {
        let is_known = self.buckets.contains_key(&network);
        if !is_known && self.buckets.len() >= NETWORKS_MAX {
            self.sweep(now, rate);
        }
        let full = Bucket::full(now, rate.of(parties(network)));
        if !is_known && self.buckets.len() >= NETWORKS_MAX && !self.merge_heaviest() {
            return self.shared.get_or_insert(full);
        }
        if !is_known {
            *self.of_providers.entry(provider_of(network)).or_default() += 1;
        }
        self.buckets.entry(network).or_insert(full)
    }
}

/// The provider's network that a network lies in, or is.
fn provider_of(network: IpNet) -> IpNet {
    Network::of(network.addr()).provider()
}

fn count_one_less(of_providers: &mut BTreeMap<IpNet, usize>, network: IpNet) {
    let provider = provider_of(network);
    if let Some(count) = of_providers.get_mut(&provider) {
        *count -= 1;
        if *count == 0 {
            of_providers.remove(&provider);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv6Addr;

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
    fn each_network_has_a_bucket_forgotten_once_full() {
        let network = |last: u32| Network::of(std::net::Ipv4Addr::from_bits(last << 16).into());
        let mut buckets = Buckets::default();
        assert!(buckets.spend(Time(0), network(1), 3, RATE) && !buckets.spend(Time(0), network(1), 1, RATE));
        assert!(buckets.spend(Time(0), network(2), 1, RATE));
        // Each takes three, one of every width.
        for last in 3..=u32::try_from(NETWORKS_MAX / 3).unwrap() {
            assert!(buckets.spend(Time(0), network(last), 1, RATE));
        }
        assert_eq!(buckets.len(), NETWORKS_MAX / 3 * 3);
        // Nobody is left for the next ones but the bucket that they share.
        assert!(buckets.spend(Time(0), network(40_000), 1, RATE));
        assert!(!buckets.spend(Time(0), network(40_001), 1, RATE));
        let later = Time(0) + Duration::from_secs(2);
        assert!(buckets.spend(later, network(40_001), 3, RATE));
        assert_eq!(buckets.len(), 3, "all others had refilled");
    }

    #[test]
    fn networks_of_one_provider_leave_buckets_for_others() {
        // As many as a bucket of one of them holds tokens for each, from one /32.
        const MANY: Rate = Rate { per_second: 2, burst: 3_000 };
        let mut buckets = Buckets::default();
        for number in 0..100_000_u128 {
            let network = Network::of(Ipv6Addr::from_bits(0x2001_0db8 << 96 | number << 80).into());
            buckets.spend(Time(0), network, 1, MANY);
        }
        assert!(buckets.len() <= NETWORKS_MAX);
        for number in 0..1_000_u32 {
            let network = Network::of(std::net::Ipv4Addr::from_bits(0x0900_0000 + (number << 16)).into());
            assert!(buckets.spend(Time(0), network, 3_000, MANY), "each has its own");
        }
        assert!(buckets.len() <= NETWORKS_MAX && buckets.shared.is_none());
        let counted: usize = buckets.of_providers.values().sum();
        assert_eq!(counted, buckets.len());
        buckets.sweep(Time(0) + Duration::from_secs(1_000_000), MANY);
        assert!(buckets.buckets.is_empty() && buckets.of_providers.is_empty());
    }

    #[test]
    fn many_networks_of_one_site_spend_as_few() {
        let household =
            |number: u128| Network::of(Ipv6Addr::from_bits(0x2001_0db8 << 96 | number << 64).into());
        let mut buckets = Buckets::default();
        let spent =
            (0..100).filter(|&number| buckets.spend(Time(0), household(number << 8), 3, RATE)).count();
        assert_eq!(spent, 4, "a /48 stands for four parties");
        assert!(
            !buckets.spend(Time(0), household(5), 3, RATE),
            "what is refused costs nothing, and is refused again"
        );
    }
}
