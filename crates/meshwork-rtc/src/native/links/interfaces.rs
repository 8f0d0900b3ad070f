//! Which of the machine's addresses a connection names as host candidates, and in which order.

use std::io;
use std::net::IpAddr;

use meshwork_core::reach::Reach;
use meshwork_core::seam::description::CANDIDATES_MAX;

/// Addresses whose sockets a driver uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Addresses {
    /// Every address of every interface that is up, loopback last. They are read anew for each connection, so
    /// that a machine that changes networks names its new addresses.
    #[default]
    Interfaces,
    /// These and no others, for tests and for machines with an address that must not be used.
    Only(Vec<IpAddr>),
}

impl Addresses {
    /// Both loopback addresses: for tests, and for programs that only meet others on the same machine.
    pub fn loopback() -> Addresses {
        Addresses::Only(vec![std::net::Ipv4Addr::LOCALHOST.into(), std::net::Ipv6Addr::LOCALHOST.into()])
    }

    /// The addresses as of now, the most useful first, at most [`CANDIDATES_MAX`]: of interfaces none on this machine
    /// alone unless `nearest` says so, or there is no other, and link-local ones of IPv4 if `nearest` is that near.
    ///
    /// # Errors
    /// The system's, when it does not tell its interfaces.
    pub(crate) fn list(&self, nearest: Reach) -> io::Result<Vec<IpAddr>> {
        match self {
            Addresses::Only(addresses) => Ok(addresses.iter().copied().take(CANDIDATES_MAX).collect()),
            Addresses::Interfaces => {
                let interfaces = if_addrs::get_if_addrs()?;
                let up = interfaces.iter().filter(|interface| interface.is_oper_up());
                Ok(choose(up.map(|interface| interface.ip()).collect(), nearest))
            }
        }
    }
}

/// Drops what no peer can use, sorts, and cuts to [`CANDIDATES_MAX`] without losing loopback where that is wanted.
fn choose(mut addresses: Vec<IpAddr>, nearest: Reach) -> Vec<IpAddr> {
    addresses.retain(|ip| !is_useless(*ip, nearest) && !ip.is_unspecified() && !ip.is_multicast());
    if nearest > Reach::Machine && !addresses.iter().all(IpAddr::is_loopback) {
        addresses.retain(|ip| !ip.is_loopback());
    }
    // The order within a class is the system's: it puts the interfaces in the order in which they appeared.
    addresses.sort_by_key(IpAddr::is_loopback);
    let mut chosen = Vec::new();
    for ip in addresses {
        if !chosen.contains(&ip) {
            chosen.push(ip);
        }
    }
    let loopback = chosen.iter().filter(|ip| ip.is_loopback()).count();
    let others = chosen.len() - loopback;
    let room = CANDIDATES_MAX.saturating_sub(loopback.min(2));
    if others > room {
        chosen.drain(room..others);
    }
    chosen.truncate(CANDIDATES_MAX);
    chosen
}

/// Link-local addresses of IPv6 are useless without the name of an interface, which candidates do not carry. Those of IPv4
/// are for rooms that are found on the next cable, such as that between two laptops.
fn is_useless(ip: IpAddr, nearest: Reach) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local() && nearest > Reach::Link,
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn loopback_comes_last_link_local_if_near() {
        let texts = ["127.0.0.1", "::1", "10.0.0.2", "fe80::1", "169.254.3.4", "2001:db8::7", "10.0.0.2"];
        let addresses =
            |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        let all = ["10.0.0.2", "169.254.3.4", "2001:db8::7", "127.0.0.1", "::1"];
        assert_eq!(choose(addresses(&texts), Reach::Machine), addresses(&all));
        assert_eq!(choose(addresses(&texts), Reach::Link), addresses(&all[..3]));
        assert_eq!(choose(addresses(&texts), Reach::Site), addresses(&["10.0.0.2", "2001:db8::7"]));
        assert_eq!(choose(addresses(&all[3..]), Reach::Site), addresses(&all[3..]), "there is no other");
    }

    #[test]
    fn many_addresses_do_not_push_loopback_out() {
        let mut addresses: Vec<IpAddr> = (1..=40).map(|n| Ipv4Addr::new(10, 0, 0, n).into()).collect();
        addresses.push(Ipv4Addr::LOCALHOST.into());
        let chosen = choose(addresses, Reach::Machine);
        assert_eq!(chosen.len(), CANDIDATES_MAX);
        assert_eq!(chosen.last(), Some(&Ipv4Addr::LOCALHOST.into()));
    }

    #[test]
    fn the_system_tells_at_least_its_loopback() {
        let addresses = Addresses::Interfaces.list(Reach::Machine).unwrap();
        assert!(addresses.iter().any(IpAddr::is_loopback), "{addresses:?}");
    }
}
