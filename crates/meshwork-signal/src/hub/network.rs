//! Networks: addresses that count as one party where limits are shared out.

use std::net::{IpAddr, Ipv6Addr};

/// One IPv4 address, or one IPv6 /64, which is what a single household gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Network(IpAddr);

impl Network {
    pub(crate) fn of(address: IpAddr) -> Network {
        Network(match address.to_canonical() {
            IpAddr::V4(v4) => IpAddr::V4(v4),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        })
    }

    /// The address, or the first of an IPv6 /64.
    pub(crate) fn address(self) -> IpAddr {
        self.0
    }

    /// Whether it is this very machine.
    pub(crate) fn is_loopback(self) -> bool {
        // ::1 lies in ::/64, which holds nothing else that anybody connects from.
        self.0.is_loopback() || self.0 == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_household_is_one_network() {
        let network = |text: &str| Network::of(text.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1:2:3"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert!(network("127.0.0.1").is_loopback() && network("::1").is_loopback());
        assert!(!network("2001:db8::1").is_loopback());
    }
}
