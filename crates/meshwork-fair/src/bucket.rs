//! Token buckets: the amount that each network may ask for, at once and in the long run.

use std::collections::BTreeMap;
use std::time::Duration;

use ipnet::IpNet;
use meshwork_core::time::Time;

use crate::network::{Network, parties};

/// Millionths of a token, the unit of a bucket: a microsecond refills a whole number of them at a rate by the second.
const MICRO: i64 = 1_000_000;
/// The most tokens of a bucket: they fit its unit.
const TOKENS_MAX: u64 = (i64::MAX / MICRO) as u64;
/// Networks that have a bucket of their own, each with about 100 bytes. Beyond, those of the provider that has most are counted
/// together; where no provider has several, those beyond share one bucket until others have refilled.
pub const NETWORKS_MAX: usize = 65_536;
/// A provider of so many networks is counted as one where there is no place: enough that looking for it is paid for.
const MERGED_LEAST: usize = NETWORKS_MAX / 64;
/// Pause between two looks for buckets that are full again, which need not be kept.
const SWEEP: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How fast a bucket refills, and its most tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    tokens: u64,
    within: Duration,
    burst: u64,
}

/// A token bucket: refilled at a steady rate, never above the burst.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    /// Below zero for a debt.
    micro_tokens: i64,
    filled: Time,
}

impl Rate {
    /// `tokens` in each second, `burst` at once.
    pub const fn in_a_second(tokens: u32, burst: u32) -> Rate {
        Rate { tokens: tokens as u64, within: Duration::from_secs(1), burst: burst as u64 }
    }

    /// `tokens` in a day, all of them at once if none was used before.
    pub const fn in_a_day(tokens: u64) -> Rate {
        Rate { tokens, within: DAY, burst: tokens }
    }

    /// The rate of several parties together.
    pub fn of(self, parties: usize) -> Rate {
        let times = u64::try_from(parties).unwrap_or(u64::MAX);
        Rate {
            tokens: self.tokens.saturating_mul(times),
            burst: self.burst.saturating_mul(times),
            within: self.within,
        }
    }

    /// The most tokens of a bucket, at most 9.2 million millions.
    pub fn burst(self) -> u64 {
        self.burst.min(TOKENS_MAX)
    }

    /// The time in which a bucket gains `tokens`. Without an end it is that of 585,000 years.
    pub fn time_for(self, tokens: u64) -> Duration {
        let micros = u128::from(tokens).saturating_mul(self.within.as_micros()).checked_div(self.tokens.into());
        Duration::from_micros(micros.and_then(|micros| micros.try_into().ok()).unwrap_or(u64::MAX))
    }

    fn burst_micro(self) -> i64 {
        micro(self.burst)
    }
}

/// Tokens in millionths.
fn micro(tokens: u64) -> i64 {
    i64::try_from(tokens.min(TOKENS_MAX)).unwrap_or(i64::MAX / MICRO) * MICRO
}

impl Bucket {
    /// A bucket that was not used before.
    pub fn full(now: Time, rate: Rate) -> Bucket {
        Bucket { micro_tokens: rate.burst_micro(), filled: now }
    }

    /// Takes `cost` tokens; false, and none is taken, if the bucket has fewer.
    pub fn spend(&mut self, now: Time, cost: u64, rate: Rate) -> bool {
        self.refill(now, rate);
        let left = self.micro_tokens.saturating_sub(micro(cost));
        let has_them = left >= 0;
        if has_them {
            self.micro_tokens = left;
        }
        has_them
    }

    /// Takes `cost` tokens that need not be there. At most a whole burst is owed.
    fn owe(&mut self, now: Time, cost: u64, rate: Rate) {
        self.refill(now, rate);
        self.micro_tokens = self.micro_tokens.saturating_sub(micro(cost)).max(-rate.burst_micro());
    }

    fn give_back(&mut self, cost: u64) {
        self.micro_tokens = self.micro_tokens.saturating_add(micro(cost));
    }

    /// The tokens that the bucket has now.
    fn left(&mut self, now: Time, rate: Rate) -> u64 {
        self.refill(now, rate);
        (self.micro_tokens.max(0) / MICRO).unsigned_abs()
    }

    fn refill(&mut self, now: Time, rate: Rate) {
        let lacking = rate.burst_micro().saturating_sub(self.micro_tokens).max(0).unsigned_abs();
        let (tokens, within) = (u128::from(rate.tokens), rate.within.as_micros());
        let elapsed = now.since(self.filled).as_micros();
        let gained = elapsed * tokens * u128::from(MICRO.unsigned_abs()) / within;
        match u64::try_from(gained).ok().filter(|&gained| gained < lacking) {
            None => (self.micro_tokens, self.filled) = (rate.burst_micro(), now.max(self.filled)),
            Some(0) => {}
            Some(gained) => {
                self.micro_tokens += gained.cast_signed();
                // The rest of the time counts at the next look, however often that is.
                let used = (u128::from(gained) * within).div_ceil(tokens * u128::from(MICRO.unsigned_abs()));
                self.filled = self.filled + Duration::from_micros(used.try_into().unwrap_or(u64::MAX));
            }
        }
    }

    fn is_full(&mut self, now: Time, rate: Rate) -> bool {
        self.refill(now, rate);
        self.micro_tokens == rate.burst_micro()
    }
}

/// A bucket for each network of every width. A network spends of its own bucket and of those of the networks around it, each of which
/// has the rate of the parties for which it counts.
#[derive(Debug, Default)]
pub struct Buckets {
    /// Those that are not full; at most [`NETWORKS_MAX`].
    buckets: BTreeMap<IpNet, Bucket>,
    /// How many of them lie in each provider's network.
    of_providers: BTreeMap<IpNet, usize>,
    /// Shared by the networks that no bucket is left for.
    shared: Option<Bucket>,
    swept: Time,
}

impl Buckets {
    /// Takes `cost` tokens of `network` and of those around it, where `rate` is that of one party. False, and none is taken, if one of
    /// them has fewer.
    pub fn spend(&mut self, now: Time, network: Network, cost: u64, rate: Rate) -> bool {
        self.lacking(now, network, cost, rate).is_none()
    }

    /// The same. Returns the widest network that has fewer tokens, if one has: nothing is stored of narrower networks then.
    pub fn lacking(&mut self, now: Time, network: Network, cost: u64, rate: Rate) -> Option<IpNet> {
        let around = || network.around().rev();
        let lacking = around()
            .position(|around| !self.bucket(now, around, rate).spend(now, cost, rate.of(parties(around))))?;
        for around in around().take(lacking) {
            self.bucket(now, around, rate).give_back(cost);
        }
        around().nth(lacking)
    }

    /// Takes `cost` tokens of `network` and of those around it that need not be there.
    pub fn owe(&mut self, now: Time, network: Network, cost: u64, rate: Rate) {
        for around in network.around() {
            self.bucket(now, around, rate).owe(now, cost, rate.of(parties(around)));
        }
    }

    /// The tokens that `network` has left, and the one of the networks around it that has them: that with the fewest.
    pub fn left(&mut self, now: Time, network: Network, rate: Rate) -> (IpNet, u64) {
        let mut least = None;
        for around in network.around() {
            let rate = rate.of(parties(around));
            let is_full = self.buckets.len() >= NETWORKS_MAX;
            let bucket = match self.buckets.get_mut(&around) {
                None if is_full => self.shared.as_mut(),
                bucket => bucket,
            };
            let left = bucket.map_or(rate.burst(), |bucket| bucket.left(now, rate));
            if least.is_none_or(|(_, least)| left < least) {
                least = Some((around, left));
            }
        }
        least.expect("each network has widths")
    }

    /// Gives back tokens that were just spent.
    pub fn give_back(&mut self, now: Time, network: Network, cost: u64, rate: Rate) {
        for around in network.around() {
            self.bucket(now, around, rate).give_back(cost);
        }
    }

    /// Whether all buckets are full.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Networks that have a bucket of their own now.
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Forgets the networks whose buckets are full again, at most once a second. `rate` is that of one party.
    pub fn sweep(&mut self, now: Time, rate: Rate) {
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

    /// Counts the networks of the provider that has most together from now on, if it has several: its own bucket has their spending.
    /// Returns whether that made room.
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

    const RATE: Rate = Rate::in_a_second(2, 3);

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
    fn frequent_looks_do_not_slow_a_bucket() {
        let rate = Rate::in_a_day(20);
        let mut bucket = Bucket::full(Time(0), rate);
        assert!((0..20).all(|_| bucket.spend(Time(0), 1, rate)) && !bucket.spend(Time(0), 1, rate));
        // Each look gains less than a millionth of a token.
        let token = DAY / 20;
        (0..token.as_millis() as u64).for_each(|ms| {
            assert!(!bucket.spend(Time(0) + Duration::from_millis(ms), 1, rate), "after {ms} ms");
        });
        assert!(bucket.spend(Time(0) + token, 1, rate));
        assert_eq!(bucket.left(Time(0) + token, rate), 0);
        assert!(bucket.spend(Time(0) + token + DAY, 20, rate), "a day fills it");
    }

    #[test]
    fn shares_of_a_day_nest() {
        let rate = Rate::in_a_day(64 << 20);
        let network = |host: u8| Network::of([192, 0, 2, host].into());
        let mut buckets = Buckets::default();
        let spent: u64 = (0..6).map(|host| {
            let pieces = (0..5_000).filter(|_| buckets.spend(Time(0), network(host), 65_536, rate)).count();
            pieces as u64 * 65_536
        }).sum();
        assert_eq!(spent, 4 * (64 << 20), "a /24 counts as four parties");
        assert_eq!(buckets.left(Time(0), network(9), rate), ("192.0.2.0/24".parse().unwrap(), 0));
        let elsewhere = Network::of([198, 51, 100, 1].into());
        assert_eq!(buckets.left(Time(0), elsewhere, rate), ("198.51.100.1/32".parse().unwrap(), 64 << 20));
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
        const MANY: Rate = Rate::in_a_second(2, 3_000);
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
