//! How far away an address is: whether it leads to this machine, to the networks that it is on, or to the internet.
//!
//! Others name addresses to which this end then sends: of STUN and TURN servers, and of their own. Who is far away has
//! nothing to say about what is near: it would have this end knock at services that only trust their neighbours. The
//! ranges are IANA's registries of special-purpose addresses.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far away an address is, the nearest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// This machine: loopback.
    #[default]
    Machine,
    /// The next cable, or nothing that anybody should name: link-local, metadata services of cloud hosts, addresses
    /// that hold others, multicast and what is not assigned.
    Link,
    /// The networks of a site, which the internet does not carry: private, of a provider, for documents and benchmarks.
    Site,
    /// The public internet.
    Internet,
}

/// A range of addresses, the reach of which differs from what the ranges after it say.
struct Range<A> {
    first: A,
    prefix: u32,
    reach: Reach,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u32, reach: Reach) -> Range<Ipv4Addr> {
    Range { first: Ipv4Addr::new(a, b, c, d), prefix, reach }
}

const fn v6(first: [u16; 3], last: u16, prefix: u32, reach: Reach) -> Range<Ipv6Addr> {
    Range { first: Ipv6Addr::new(first[0], first[1], first[2], 0, 0, 0, 0, last), prefix, reach }
}

/// The first range that holds an address counts; what none holds is the public internet.
const V4: &[Range<Ipv4Addr>] = &[
    v4(0, 0, 0, 0, 8, Reach::Link),          // unspecified, this network
    v4(10, 0, 0, 0, 8, Reach::Site),         // private
    v4(100, 100, 100, 200, 32, Reach::Link), // metadata service of Alibaba
    v4(100, 64, 0, 0, 10, Reach::Site),      // carrier-grade NAT, and networks laid over others
    v4(127, 0, 0, 0, 8, Reach::Machine),     // loopback
    v4(168, 63, 129, 16, 32, Reach::Link),   // metadata service of Azure
    v4(169, 254, 0, 0, 16, Reach::Link),     // link-local; metadata services of most hosts
    v4(172, 16, 0, 0, 12, Reach::Site),      // private
    v4(192, 0, 0, 0, 24, Reach::Link),       // protocol assignments; metadata service of Oracle
    v4(192, 0, 2, 0, 24, Reach::Site),       // documentation
    v4(192, 88, 99, 0, 24, Reach::Link),     // relays of 6to4
    v4(192, 168, 0, 0, 16, Reach::Site),     // private
    v4(198, 18, 0, 0, 15, Reach::Site),      // benchmarks
    v4(198, 51, 100, 0, 24, Reach::Site),    // documentation
    v4(203, 0, 113, 0, 24, Reach::Site),     // documentation
    v4(224, 0, 0, 0, 4, Reach::Link),        // multicast
    v4(240, 0, 0, 0, 4, Reach::Link),        // reserved, broadcast
];

const V6: &[Range<Ipv6Addr>] = &[
    v6([0, 0, 0], 1, 128, Reach::Machine), // loopback
    // The public internet lies in 2000::/3. What is below: unspecified, IPv4 in its compatible, mapped and translated
    // forms (::/96, ::ffff:0:0/96, ::ffff:0:0:0/96, 64:ff9b::/96, 64:ff9b:1::/48), discard (100::/64).
    v6([0, 0, 0], 0, 3, Reach::Link),
    v6([0x2001, 0xdb8, 0], 0, 32, Reach::Site), // documentation
    v6([0x2001, 0, 0], 0, 23, Reach::Link),     // Teredo, benchmarks, ORCHID, protocol assignments
    v6([0x2002, 0, 0], 0, 16, Reach::Link),     // 6to4
    v6([0x3fff, 0, 0], 0, 20, Reach::Site),     // documentation
    v6([0xfd00, 0x0ec2, 0], 0x254, 128, Reach::Link), // metadata service of Amazon
    v6([0xfd20, 0x00ce, 0], 0x254, 128, Reach::Link), // metadata service of Google
    v6([0xfc00, 0, 0], 0, 7, Reach::Site),      // unique-local
    v6([0x4000, 0, 0], 0, 2, Reach::Link),      // not assigned, segment routing
    v6([0x8000, 0, 0], 0, 1, Reach::Link),      // not assigned, link-local, site-local, multicast
];

/// Last labels of names that lead into a site: RFC 6762, RFC 8375, and what ICANN leaves to private use.
const SITE_NAMES: [&str; 6] = ["local", "lan", "home", "internal", "intranet", "home.arpa"];

impl Reach {
    /// Of an address.
    pub fn of(ip: IpAddr) -> Reach {
        match ip {
            IpAddr::V4(ip) => {
                let bits = |ip: Ipv4Addr| u32::from(ip);
                let holds = |range: &&Range<Ipv4Addr>| {
                    (bits(ip) ^ bits(range.first)).checked_shr(32 - range.prefix).unwrap_or_default() == 0
                };
                V4.iter().find(holds).map_or(Reach::Internet, |range| range.reach)
            }
            IpAddr::V6(ip) => {
                let bits = |ip: Ipv6Addr| u128::from(ip);
                let holds = |range: &&Range<Ipv6Addr>| {
                    (bits(ip) ^ bits(range.first)).checked_shr(128 - range.prefix).unwrap_or_default() == 0
                };
                V6.iter().find(holds).map_or(Reach::Internet, |range| range.reach)
            }
        }
    }

    /// Of the host in a URL, an IPv6 address with its brackets or without, as far as its text tells: a name may lead to
    /// somewhere nearer.
    pub fn of_host(host: &str) -> Reach {
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if let Ok(ip) = address.parse() {
            return Reach::of(ip);
        }
        let name = host.strip_suffix('.').unwrap_or(host);
        let is_under = |top: &str| {
            let above = name.len().checked_sub(top.len()).filter(|&above| name.is_char_boundary(above));
            above.is_some_and(|above| {
                name[above..].eq_ignore_ascii_case(top) && (above == 0 || name[..above].ends_with('.'))
            })
        };
        if is_under("localhost") {
            Reach::Machine
        } else if !name.contains('.') || SITE_NAMES.into_iter().any(is_under) {
            Reach::Site
        } else {
            Reach::Internet
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: &str = "127.0.0.1 127.0.0.53 127.255.255.255 ::1";

    const SITE: &str = "
        10.0.0.0 10.255.255.255 100.64.0.1 100.127.255.255 172.16.0.1 172.31.255.255 192.0.2.1 192.168.0.1
        198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 2001:db8::1 2001:db8:ffff::1 3fff::1 fc00::1 fd00::1 fdff::1";

    /// In all the ways in which one place can be written.
    const LINK: &str = "
        0.0.0.0 0.255.255.255 100.100.100.200 168.63.129.16 169.254.0.1 169.254.169.254 192.0.0.192 192.88.99.1
        224.0.0.251 239.255.255.250 240.0.0.1 255.255.255.255
        :: ::2 ::127.0.0.1 ::10.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1
        64:ff9b:1::10.0.0.1 100::1 2001::1 2001:2::1 2001:1ff:ffff::1 2002:7f00:1:: 4000::1 5f00::1 fd00:ec2::254
        fd20:ce::254 fe80::1 febf::1 fec0::1 ff02::fb";

    const INTERNET: &str = "
        1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 168.63.129.15 168.63.129.17
        169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0 198.17.255.255
        198.20.0.0 223.255.255.255 2000::1 2001:200::1 2001:4860:4860::8888 2001:db7::1 2001:db9::1 2003::1 3ffe::1";

    #[test]
    fn every_kind_of_address_has_its_reach() {
        for (addresses, reach) in
            [(MACHINE, Reach::Machine), (SITE, Reach::Site), (LINK, Reach::Link), (INTERNET, Reach::Internet)]
        {
            for address in addresses.split_whitespace() {
                assert_eq!(Reach::of(address.parse().expect(address)), reach, "{address}");
            }
        }
    }

    #[test]
    fn a_hosts_text_tells_how_far_it_reaches() {
        for (host, reach) in [
            ("127.0.0.1", Reach::Machine),
            ("[::1]", Reach::Machine),
            ("::1", Reach::Machine),
            ("localhost", Reach::Machine),
            ("A.LocalHost.", Reach::Machine),
            ("169.254.169.254", Reach::Link),
            ("[fd00::7]", Reach::Site),
            ("printer", Reach::Site),
            ("mesh.lan", Reach::Site),
            ("mesh.home.arpa", Reach::Site),
            ("mesh.LOCAL", Reach::Site),
            ("mesh.example", Reach::Internet),
            ("notlocal.example", Reach::Internet),
            ("my-localhost.example", Reach::Internet),
            ("näh.example", Reach::Internet),
        ] {
            assert_eq!(Reach::of_host(host), reach, "{host}");
        }
    }
}
