//! Networks: addresses that count as one party where something is shared out, and the wider ones around them.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

/// The widths in which networks are counted, in bits of an IPv4 address, and the parties for which one of that width
/// stands: an address, what a small provider has, and a part of a large one's customers.
const WIDTHS_V4: &[(u8, usize)] = &[(32, 1), (24, 4), (16, PARTIES_MOST)];
/// The same of an IPv6 address: a household's network, what some households get, a site, and a provider.
const WIDTHS_V6: &[(u8, usize)] = &[(64, 1), (56, 2), (48, 4), (32, PARTIES_MOST)];
/// The most networks that lie around an address.
pub(crate) const WIDTHS_MAX: usize = WIDTHS_V6.len();
/// The parties for which the widest networks stand.
pub(crate) const PARTIES_MOST: usize = 64;

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

    /// The IPv4 /24 or IPv6 /48 that it lies in: what one provider rents out, or one site has.
    pub(crate) fn site(self) -> IpNet {
        let bits = if self.0.is_ipv4() { 24 } else { 48 };
        IpNet::new(self.0, bits).expect("no width is beyond its address").trunc()
    }

    /// The IPv4 /16 or IPv6 /32 that it lies in: a provider, or a part of a large one.
    pub(crate) fn provider(self) -> IpNet {
        let bits = if self.0.is_ipv4() { 16 } else { 32 };
        IpNet::new(self.0, bits).expect("no width is beyond its address").trunc()
    }

    /// It and the networks that it lies in, the narrowest first.
    pub(crate) fn around(self) -> impl DoubleEndedIterator<Item = IpNet> {
        let widths = if self.0.is_ipv4() { WIDTHS_V4 } else { WIDTHS_V6 };
        widths
            .iter()
            .map(move |&(bits, _)| IpNet::new(self.0, bits).expect("no width is beyond its address").trunc())
    }
}

/// Whether one of the ranges holds an address, which a socket of both families tells of IPv4 in a form of IPv6.
pub(crate) fn is_within<'a>(address: IpAddr, ranges: impl IntoIterator<Item = &'a IpNet>) -> bool {
    let address = address.to_canonical();
    ranges.into_iter().any(|range| range.contains(&address))
}

/// The parties for which a network stands.
pub(crate) fn parties(network: IpNet) -> usize {
    let widths = if network.addr().is_ipv4() { WIDTHS_V4 } else { WIDTHS_V6 };
    widths.iter().find(|&&(bits, _)| bits == network.prefix_len()).map_or(1, |&(_, parties)| parties)
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
    }

    #[test]
    fn networks_lie_in_each_other() {
        let around = |text: &str| {
            let networks = Network::of(text.parse().unwrap()).around();
            networks.map(|network| format!("{network} {}", parties(network))).collect::<Vec<_>>()
        };
        assert_eq!(around("192.0.2.7"), ["192.0.2.7/32 1", "192.0.2.0/24 4", "192.0.0.0/16 64"]);
        let v6 = ["2001:db8:1:1ff::/64 1", "2001:db8:1:100::/56 2", "2001:db8:1::/48 4", "2001:db8::/32 64"];
        assert_eq!(around("2001:db8:1:1ff::5"), v6);
    }
}
