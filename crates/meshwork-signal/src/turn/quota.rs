//! Who uses how much of the relay: allocations, and bytes in a second, of endpoint, room, network and server.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use ipnet::IpNet;
use meshwork_core::time::Time;
use slab::Slab;

use super::config::{Config, Quota};
use super::counts::Refusal;
use crate::fair::{Network, WIDTHS_MAX, parties};

/// A bucket holds what may be spent in this time, so that it is full again after it.
const BURST: Duration = Duration::from_secs(1);
const MICRO: u64 = 1_000_000;

/// Whose use is counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Party {
    Endpoint(String),
    Room(String),
    /// A network of some width; wide ones have the share of several.
    Network(IpNet),
}

impl Party {
    /// What it may use, and how it is told that an allocation or data is more than that.
    fn limits(&self, config: &Config) -> (Quota, Refusal, Refusal) {
        match self {
            Party::Endpoint(_) => (config.per_endpoint, Refusal::EndpointQuota, Refusal::EndpointRate),
            Party::Room(_) => (config.per_room, Refusal::RoomQuota, Refusal::RoomRate),
            Party::Network(network) => {
                let quota = config.per_address.times(parties(*network));
                (quota, Refusal::AddressQuota, Refusal::AddressRate)
            }
        }
    }
}

/// What one party uses.
struct Share {
    party: Party,
    allocations: u32,
    bucket: Bucket,
    /// From when on it is forgotten, where it has no allocations.
    idle_from: Option<Time>,
}

/// The parties to which one allocation counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shares {
    endpoint: usize,
    room: Option<usize>,
    /// From the narrowest to the widest; none where the client is on this very machine: there a proxy speaks for
    /// everybody.
    networks: [Option<usize>; WIDTHS_MAX],
}

impl Shares {
    fn iter(&self) -> impl Iterator<Item = usize> {
        [Some(self.endpoint), self.room].into_iter().chain(self.networks).flatten()
    }
}

/// All that is used. Parties are forgotten once they have used nothing for as long as a bucket takes to fill.
pub(super) struct Quotas {
    parties: HashMap<Party, usize>,
    shares: Slab<Share>,
    /// Parties without allocations, and from when on their buckets are full.
    idle: VecDeque<(Time, usize)>,
    in_all: Bucket,
    allocations: u32,
}

impl Quotas {
    pub(super) fn new() -> Quotas {
        Quotas {
            parties: HashMap::new(),
            shares: Slab::new(),
            idle: VecDeque::new(),
            in_all: Bucket::default(),
            allocations: 0,
        }
    }

    /// Counts one more allocation, for a network where there is one to count for, unless one party has as many as it may.
    pub(super) fn admit(
        &mut self,
        now: Time,
        config: &Config,
        name: &str,
        network: Option<Network>,
    ) -> Result<Shares, Refusal> {
        self.forget_idle(now);
        let room = name.split_once(':').map(|(room, _)| Party::Room(room.to_owned()));
        let networks: Vec<Party> =
            network.into_iter().flat_map(Network::around).map(Party::Network).collect();
        let endpoint = Party::Endpoint(name.to_owned());
        // The room last: where it alone is full, a network that has much of it gives way.
        for party in [&endpoint].into_iter().chain(&networks).chain(&room) {
            let (quota, refusal, _) = party.limits(config);
            let share = self.parties.get(party).map(|&share| &self.shares[share]);
            if share.is_some_and(|share| share.allocations >= quota.allocations_max) {
                return Err(refusal);
            }
        }
        if self.allocations >= config.in_all.allocations_max {
            return Err(Refusal::Capacity);
        }
        self.allocations += 1;
        let mut shares = Shares {
            endpoint: self.count(endpoint),
            room: room.map(|room| self.count(room)),
            networks: [None; WIDTHS_MAX],
        };
        for (place, party) in shares.networks.iter_mut().zip(networks) {
            *place = Some(self.count(party));
        }
        Ok(shares)
    }

    /// An allocation is gone.
    pub(super) fn release(&mut self, now: Time, shares: Shares) {
        self.allocations -= 1;
        for share in shares.iter() {
            self.shares[share].allocations -= 1;
            if self.shares[share].allocations == 0 {
                self.shares[share].idle_from = Some(now + BURST);
                self.idle.push_back((now + BURST, share));
            }
        }
    }

    /// Forgets who used nothing for long enough; due at [`next_idle`](Quotas::next_idle).
    pub(super) fn forget_idle(&mut self, now: Time) {
        while let Some(&(from, share)) = self.idle.front()
            && from <= now
        {
            self.idle.pop_front();
            // It may have come back since.
            if self.shares.get(share).is_some_and(|share| share.idle_from == Some(from)) {
                let gone = self.shares.remove(share);
                self.parties.remove(&gone.party);
            }
        }
    }

    /// When somebody may be forgotten.
    pub(super) fn next_idle(&self) -> Option<Time> {
        self.idle.front().map(|&(from, _)| from)
    }

    /// Spends bytes of every party, or of none and says whose are used up.
    pub(super) fn spend(
        &mut self,
        now: Time,
        config: &Config,
        shares: Shares,
        bytes: usize,
    ) -> Result<(), Refusal> {
        let bytes = bytes as u64;
        for share in shares.iter() {
            let Share { party, bucket, .. } = &mut self.shares[share];
            let (quota, _, refusal) = party.limits(config);
            if !bucket.holds(now, &quota, bytes) {
                return Err(refusal);
            }
        }
        if !self.in_all.holds(now, &config.in_all, bytes) {
            return Err(Refusal::ServerRate);
        }
        for share in shares.iter() {
            self.shares[share].bucket.spend(bytes);
        }
        self.in_all.spend(bytes);
        Ok(())
    }

    fn count(&mut self, party: Party) -> usize {
        let share = *self.parties.entry(party).or_insert_with_key(|party| {
            self.shares.insert(Share {
                party: party.clone(),
                allocations: 0,
                bucket: Bucket::default(),
                idle_from: None,
            })
        });
        self.shares[share].allocations += 1;
        self.shares[share].idle_from = None;
        share
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.parties.is_empty() && self.shares.is_empty() && self.allocations == 0
    }
}

/// A token bucket of bytes, full at first, in millionths so that a refill of one microsecond counts.
#[derive(Default)]
struct Bucket {
    spent_micro: u64,
    filled: Time,
}

impl Bucket {
    /// Whether `bytes` are there, after what was refilled until now.
    fn holds(&mut self, now: Time, quota: &Quota, bytes: u64) -> bool {
        let elapsed = u64::try_from(now.since(self.filled).as_micros()).unwrap_or(u64::MAX);
        if elapsed > 0 {
            self.spent_micro =
                self.spent_micro.saturating_sub(elapsed.saturating_mul(quota.bytes_per_second));
            self.filled = now;
        }
        self.spent_micro + bytes * MICRO <= quota.bytes_per_second * MICRO
    }

    fn spend(&mut self, bytes: u64) {
        self.spent_micro += bytes * MICRO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::turn::config::RelayAddress;
    use crate::turn::credentials::Secret;

    const SECOND: Duration = Duration::from_secs(1);

    fn config() -> Config {
        let address = "192.0.2.1".parse().unwrap();
        let relay = RelayAddress { bind: address, advertised: address };
        let mut config = Config::new(Secret::from_random([1; 32]), vec![relay]);
        config.per_endpoint = Quota { allocations_max: 1, bytes_per_second: 1_000_000 };
        config.per_room = Quota { allocations_max: 2, bytes_per_second: 1_500_000 };
        config.per_address = Quota { allocations_max: 3, bytes_per_second: 2_000_000 };
        config.in_all = Quota { allocations_max: 4, bytes_per_second: 2_200_000 };
        config.trusted_proxies = vec!["3.3.3.3/32".parse().unwrap()];
        config
    }

    fn network(text: &str) -> Network {
        Network::of(text.parse().unwrap())
    }

    #[test]
    fn allocations_count_for_endpoint_room_address_and_server() {
        let (config, mut quotas) = (config(), Quotas::new());
        let mut admit = |name: &str, from: &str| {
            quotas.admit(Time(0), &config, name, config.counted(from.parse().unwrap())).err()
        };
        assert_eq!(admit("red:a", "1.1.1.1"), None);
        assert_eq!(admit("red:a", "2.2.2.2"), Some(Refusal::EndpointQuota));
        assert_eq!(admit("red:b", "1.1.1.1"), None);
        assert_eq!(admit("red:c", "1.1.1.1"), Some(Refusal::RoomQuota));
        assert_eq!(admit("blue:d", "1.1.1.1"), None);
        assert_eq!(admit("token", "1.1.1.1"), Some(Refusal::AddressQuota));
        assert_eq!(admit("token", "3.3.3.3"), None, "a proxy speaks for everybody");
        assert_eq!(admit("more", "3.3.3.3"), Some(Refusal::Capacity));
        assert_eq!(
            config.counted("::ffff:3.3.3.3".parse().unwrap()),
            None,
            "so a socket of both families says it"
        );
    }

    #[test]
    fn bytes_are_counted_for_each_and_come_back() {
        let (config, mut quotas) = (config(), Quotas::new());
        let mut admit =
            |name: &str, from: &str| quotas.admit(Time(0), &config, name, Some(network(from))).unwrap();
        let [a, b] = ["red:a", "red:b"].map(|name| admit(name, "1.1.1.1"));
        let [c, d] = [("blue:c", "1.1.1.1"), ("d", "2.2.2.2")].map(|(name, from)| admit(name, from));
        let mut spend = |at, shares, bytes| quotas.spend(Time(0) + at, &config, shares, bytes).err();
        assert_eq!(spend(Duration::ZERO, a, 1_000_000), None);
        assert_eq!(spend(Duration::ZERO, a, 1), Some(Refusal::EndpointRate));
        assert_eq!(spend(Duration::ZERO, b, 500_001), Some(Refusal::RoomRate));
        assert_eq!(spend(Duration::ZERO, b, 500_000), None, "what was refused cost nothing");
        assert_eq!(spend(Duration::ZERO, c, 500_001), Some(Refusal::AddressRate));
        assert_eq!(spend(Duration::ZERO, d, 700_001), Some(Refusal::ServerRate));
        assert_eq!(spend(SECOND / 2, a, 500_001), Some(Refusal::EndpointRate));
        assert_eq!(spend(SECOND / 2, a, 500_000), None);
    }

    #[test]
    fn leaver_is_forgotten_and_returning_gains_no_bytes() {
        let (config, mut quotas) = (config(), Quotas::new());
        let shares = quotas.admit(Time(0), &config, "red:a", Some(network("1.1.1.1"))).unwrap();
        quotas.spend(Time(0), &config, shares, 1_000_000).unwrap();
        quotas.release(Time(0), shares);
        let again = quotas.admit(Time(1), &config, "red:a", Some(network("1.1.1.1"))).unwrap();
        assert_eq!(quotas.spend(Time(1), &config, again, 100), Err(Refusal::EndpointRate));
        quotas.release(Time(2), again);
        quotas.forget_idle(Time(2) + BURST);
        assert!(quotas.is_empty());
    }
}
