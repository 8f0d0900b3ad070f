//! What each network holds of something that there is only so much of, and what is taken from whom when it is full.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use meshwork_core::time::Time;

use super::network::{Network, PARTIES_MOST, parties};

/// What speaks for keeping something: how much it is used, then how old it is. The least gives way first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Merit {
    /// 0 for what nobody uses; what more means is the holder's choice.
    used: u8,
    since: Reverse<Time>,
}

impl Merit {
    pub(crate) fn new(used: u8, since: Time) -> Merit {
        Merit { used, since: Reverse(since) }
    }

    /// The same at the same age, used so much.
    pub(crate) fn with_use(self, used: u8) -> Merit {
        Merit { used, ..self }
    }
}

/// Things of kind `T` by the networks that hold them. Each change takes a time that grows with the logarithm of their
/// number.
#[derive(Debug)]
pub(crate) struct Holdings<T> {
    /// How many each network holds, of every width.
    counts: BTreeMap<IpNet, usize>,
    /// The same as [`weight`], the heaviest last.
    weights: BTreeSet<(usize, IpNet)>,
    /// Under each network those that lie right in it, the one that holds most last.
    inside: BTreeMap<IpNet, BTreeSet<(usize, IpNet)>>,
    /// Under each network what it holds, what gives way first; of what is as old the later number.
    held: BTreeMap<Network, BTreeSet<(Merit, Reverse<T>)>>,
}

impl<T> Default for Holdings<T> {
    fn default() -> Holdings<T> {
        Holdings {
            counts: BTreeMap::new(),
            weights: BTreeSet::new(),
            inside: BTreeMap::new(),
            held: BTreeMap::new(),
        }
    }
}

impl<T: Copy + Ord> Holdings<T> {
    pub(crate) fn insert(&mut self, network: Network, merit: Merit, thing: T) {
        if self.held.entry(network).or_default().insert((merit, Reverse(thing))) {
            self.count(network, |count| count + 1);
        }
    }

    pub(crate) fn remove(&mut self, network: Network, merit: Merit, thing: T) {
        let Some(held) = self.held.get_mut(&network) else { return };
        let was_held = held.remove(&(merit, Reverse(thing)));
        if held.is_empty() {
            self.held.remove(&network);
        }
        if was_held {
            self.count(network, |count| count - 1);
        }
    }

    /// Something has another merit than before.
    pub(crate) fn rank(&mut self, network: Network, former: Merit, merit: Merit, thing: T) {
        if let Some(held) = self.held.get_mut(&network)
            && held.remove(&(former, Reverse(thing)))
        {
            held.insert((merit, Reverse(thing)));
        }
    }

    /// Whether `network`, or one around it, holds as many as it may, where one party may hold `most`.
    pub(crate) fn is_full(&self, network: Network, most: usize) -> bool {
        network.around().any(|around| self.of(around) >= most.saturating_mul(parties(around)))
    }

    /// What gives way to something more of `newcomer`: the least of the network that holds most. `None` where that is the
    /// newcomer's own.
    pub(crate) fn gives_way(&self, newcomer: Network) -> Option<T> {
        let &(heaviest, mut network) = self.weights.last()?;
        let own = newcomer.around().map(|around| weight(around, self.of(around) + 1)).max();
        if own >= Some(heaviest) {
            return None;
        }
        while let Some(&(_, inner)) = self.inside.get(&network).and_then(BTreeSet::last) {
            network = inner;
        }
        self.held.get(&Network::of(network.addr()))?.first().map(|&(_, Reverse(thing))| thing)
    }

    /// Whether something more of `newcomer` would weigh no more than one thing of anybody does.
    pub(crate) fn is_least(&self, newcomer: Network) -> bool {
        newcomer.around().all(|around| weight(around, self.of(around) + 1) <= PARTIES_MOST)
    }

    /// Networks of every width and how many each holds, the heaviest first.
    pub(crate) fn heaviest(&self) -> impl Iterator<Item = (IpNet, usize)> {
        self.weights.iter().rev().map(|&(_, network)| (network, self.of(network)))
    }

    /// Whether nothing is left of anybody.
    pub(crate) fn is_empty(&self) -> bool {
        self.counts.is_empty() && self.weights.is_empty() && self.inside.is_empty() && self.held.is_empty()
    }

    /// How many a network holds, with those that lie in it.
    pub(crate) fn of(&self, network: IpNet) -> usize {
        self.counts.get(&network).copied().unwrap_or(0)
    }

    fn count(&mut self, network: Network, change: impl Fn(usize) -> usize) {
        let mut inner: Option<(IpNet, usize, usize)> = None;
        for around in network.around() {
            let before = self.of(around);
            let after = change(before);
            self.weights.remove(&(weight(around, before), around));
            if after == 0 {
                self.counts.remove(&around);
            } else {
                self.counts.insert(around, after);
                self.weights.insert((weight(around, after), around));
            }
            if let Some((inner, before, after)) = inner {
                let inside = self.inside.entry(around).or_default();
                inside.remove(&(before, inner));
                if after > 0 {
                    inside.insert((after, inner));
                }
                if inside.is_empty() {
                    self.inside.remove(&around);
                }
            }
            inner = Some((around, before, after));
        }
    }
}

/// How much a count is for a network: in parts of one party's share, as many as the widest network stands for.
fn weight(network: IpNet, count: usize) -> usize {
    count * (PARTIES_MOST / parties(network))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        Network::of(text.parse().unwrap())
    }

    fn unused(since: u64) -> Merit {
        Merit::new(0, Time(since))
    }

    #[test]
    fn heaviest_network_gives_way_never_the_small_newcomer() {
        let mut holdings = Holdings::default();
        for (number, address) in ["192.0.2.1", "192.0.2.1", "192.0.2.1", "203.0.113.9"].iter().enumerate() {
            holdings.insert(network(address), unused(number as u64), number);
        }
        assert_eq!(holdings.gives_way(network("198.51.100.1")), Some(2), "the youngest of three");
        assert_eq!(holdings.gives_way(network("203.0.113.9")), Some(2));
        assert_eq!(holdings.gives_way(network("192.0.2.1")), None, "its own network holds most");
    }

    #[test]
    fn used_holdings_outlast_older_unused_ones() {
        let mut holdings = Holdings::default();
        let one = network("192.0.2.1");
        for number in 0..3 {
            holdings.insert(one, unused(number), number);
        }
        holdings.rank(one, unused(2), Merit::new(1, Time(2)), 2);
        assert_eq!(holdings.gives_way(network("198.51.100.1")), Some(1));
    }

    #[test]
    fn a_thousand_networks_of_one_site_gain_nothing() {
        let mut holdings = Holdings::default();
        // Each /64 of one /48 holds one, and a household elsewhere holds many more than one.
        for number in 0..1_000 {
            holdings.insert(network(&format!("2001:db8:7:{number:x}::1")), unused(number), number);
        }
        for number in 1_000..1_100 {
            holdings.insert(network("2001:db9::1"), unused(number), number);
        }
        assert_eq!(holdings.gives_way(network("2001:dba::1")).map(|given| given < 1_000), Some(true));
        assert_eq!(holdings.gives_way(network("2001:db8:7:ffff::1")), None, "one more of the same");
    }

    #[test]
    fn provider_of_many_weighs_less_than_a_hoarder() {
        let mut holdings = Holdings::default();
        for number in 0..2_000 {
            let address = format!("192.0.{}.{}", number / 250, number % 250);
            holdings.insert(network(&address), unused(number), number);
        }
        for number in 2_000..2_100 {
            holdings.insert(network("203.0.113.9"), unused(number), number);
        }
        // Of the provider's networks a /24 weighs most, 250 for four parties.
        assert_eq!(holdings.gives_way(network("198.51.100.1")), Some(2_099));
    }

    #[test]
    fn network_is_full_when_one_around_it_is() {
        let mut holdings = Holdings::default();
        for number in 0..10 {
            holdings.insert(network(&format!("2001:db8:7:{number:x}00::1")), unused(0), number);
        }
        assert!(!holdings.is_full(network("2001:db8:7:f00::1"), 3), "10 of 12 for the /48");
        assert!(holdings.is_full(network("2001:db8:7:f00::1"), 2));
        assert!(!holdings.is_full(network("2001:db8:8::1"), 2), "another /48 of the same provider");
    }

    #[test]
    fn nothing_is_left_of_what_is_removed() {
        let mut holdings = Holdings::default();
        let addresses = ["192.0.2.1", "2001:db8::1", "2001:db8:0:1::1"].map(network);
        for (number, address) in addresses.into_iter().enumerate() {
            holdings.insert(address, unused(0), number);
        }
        holdings.remove(addresses[0], unused(9), 0);
        assert_eq!(holdings.heaviest().filter(|(_, held)| *held == 2).count(), 3, "a /56, a /48 and a /32");
        for (number, address) in addresses.into_iter().enumerate() {
            holdings.remove(address, unused(0), number);
        }
        assert!(holdings.is_empty());
    }
}
