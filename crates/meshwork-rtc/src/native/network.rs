//! Notices that the machine has other addresses than before, or slept.

use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime};

use meshwork_core::reach::Reach;

use super::links::Addresses;

/// How often the addresses and the clocks are looked at: a changed network is noticed before its links are stale.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// How much more the civil clock than the monotonic one may move on between two looks. A monotonic clock stands
/// still while a machine sleeps; somebody who sets the civil one ahead costs a few pings.
const SLEPT_LEAST: Duration = Duration::from_secs(3);

/// What was seen at the last look.
#[derive(Debug)]
pub(super) struct Network {
    addresses: Addresses,
    seen: Vec<IpAddr>,
    monotonic: Instant,
    civil: SystemTime,
}

impl Network {
    /// What there is now.
    pub(super) fn new(addresses: Addresses) -> Network {
        let seen = list(&addresses);
        Network { addresses, seen, monotonic: Instant::now(), civil: SystemTime::now() }
    }

    /// Whether something has changed since the last look.
    pub(super) fn has_changed(&mut self) -> bool {
        let seen = list(&self.addresses);
        self.look(seen, Instant::now(), SystemTime::now())
    }

    fn look(&mut self, seen: Vec<IpAddr>, monotonic: Instant, civil: SystemTime) -> bool {
        let awake = monotonic.saturating_duration_since(self.monotonic);
        // A civil clock that was set back says nothing.
        let passed = civil.duration_since(self.civil).unwrap_or_default();
        let changed = seen != self.seen || passed > awake + SLEPT_LEAST;
        (self.seen, self.monotonic, self.civil) = (seen, monotonic, civil);
        changed
    }
}

/// The addresses in an order of their own: what the system lists first changes nothing.
fn list(addresses: &Addresses) -> Vec<IpAddr> {
    let mut list = addresses.list(Reach::Machine).unwrap_or_default();
    list.sort_unstable();
    list
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn only_other_addresses_and_sleep_are_noticed() {
        let mut network = Network::new(Addresses::Only(vec![Ipv4Addr::LOCALHOST.into()]));
        let (start, civil, home) = (network.monotonic, network.civil, network.seen.clone());
        let at = |seconds| start + Duration::from_secs(seconds);
        let civil_at = |seconds| civil + Duration::from_secs(seconds);
        assert!(!network.look(home.clone(), at(2), civil_at(2)));
        assert!(!network.look(home.clone(), at(4), civil_at(5)), "clocks drift");
        let cafe: Vec<IpAddr> = vec![Ipv4Addr::new(10, 0, 0, 7).into()];
        assert!(network.look(cafe.clone(), at(6), civil_at(7)), "another network");
        assert!(!network.look(cafe.clone(), at(8), civil_at(9)));
        assert!(network.look(cafe.clone(), at(10), civil_at(41)), "the lid was closed for half a minute");
        assert!(!network.look(cafe, at(12), civil_at(20)), "somebody set the clock back");
    }
}
